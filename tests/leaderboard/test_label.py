"""Tasks with labels: from multiple-choice samples as lm-eval writes them to rows of error rates."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from fairlearn import metrics as fair
from lorafair.cli.leaderboard import leaderboard
from lorafair.cli.subgroups import subgroups

from lorafair.errors import LorafairError
from lorafair.leaderboard.frame import build_frame, build_tables
from lorafair.leaderboard.row import Rows, build_rows
from lorafair.records import Row
from lorafair.samples import read_audit
from lorafair.statistics.reliability import draw_reliability

STAMP = "2026-11-21T10-00-00.000000"
N = 240


def write_choices(
    folder: Path,
    label: str = "base",
    *,
    seed: int = 1,
    n: int = N,
    hurt: str | None = None,
    options: Callable[[int], tuple[str, ...]] = lambda _: ("no", "yes"),
    target: Callable[[int, tuple[str, ...]], Any] = lambda code, options: options[code],
    doc: Callable[[int], dict[str, Any]] = lambda _: {},
    metadata: dict[str, Any] | None = None,
    extra: Callable[[int, int], dict[str, Any]] = lambda i, code: {},
    choices: bool = True,
    acc: bool = True,
    task: str = "toy_choice",
) -> Path:
    """One model's results: two races, labels that are more often positive for b; ``hurt``: a race answered worse."""
    folder = folder / label
    folder.mkdir(parents=True, exist_ok=True)
    rng, truth = np.random.default_rng(seed), np.random.default_rng(0)
    lines = []
    for i in range(n):
        race = "ab"[i % 2]
        listed = options(i)
        code = (
            int(truth.random() < (0.35 if race == "a" else 0.6))
            if len(listed) == 2
            else int(truth.integers(len(listed)))
        )
        values = rng.normal(0, 1, len(listed)) - 3
        values[code] += 0.2 if race == hurt else 1.5
        document = {"id": i, "text": f"text {i}", "groups": {"race": [race]}} | doc(i)
        line: dict[str, Any] = {
            "doc_id": i,
            "doc": document,
            "target": str(target(code, listed)),
            "filter": "none",
            "metrics": ["acc"] if acc else [],
            "doc_hash": hashlib.sha256(json.dumps(document).encode()).hexdigest(),
        }
        if choices:
            line["arguments"] = {
                f"gen_args_{k}": {"arg_0": f"text {i}", "arg_1": f" {o}"} for k, o in enumerate(listed)
            }
            line["filtered_resps"] = [[str(v), "False"] for v in values]
        if acc:
            line["acc"] = float(values.argmax() == code)
        lines.append(line | extra(i, code))
    text = "".join(json.dumps(line) + "\n" for line in lines)
    (folder / f"samples_{task}_{STAMP}.jsonl").write_text(text, encoding="utf-8")
    kind = "base" if label == "base" else "adapter"
    results: dict[str, Any] = {
        "results": {task: {}},
        "configs": {task: {"task": task, "metadata": {"version": 1} | (metadata or {})}},
        "versions": {task: 1},
        "higher_is_better": {task: {"acc": True}},
        "config": {},
        "lorafair": {"schema": 1, "label": label, "kind": kind, "base": "tiny", "base_hash": "b" * 8, "hash": label}
        | dict.fromkeys(("method", "rank", "trainable_parameters", "engine", "dtype", "verified", "planted"))
        | {"provenance": {}},
    }
    (folder / f"results_{STAMP}.json").write_text(json.dumps(results), encoding="utf-8")
    return folder.parent


def rows_of(folder: Path, *asked: str) -> Rows:
    return build_rows(read_audit([folder]), resamples=300, asked=asked)


def pick(found: Rows, model: str, metric: str, kind: str = "overall", group: str | None = None) -> Row:
    return next(r for r in found.rows if (r.model, r.metric, r.kind, r.group) == (model, metric, kind, group))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("choice")
    write_choices(root)
    return write_choices(root, "lora", seed=2, hurt="b")


@pytest.fixture(scope="module")
def found(folder: Path) -> Rows:
    return rows_of(folder)


def read_back(folder: Path, label: str) -> dict[str, np.ndarray]:
    """Labels, answers and races straight from the file, by another road."""
    lines = [json.loads(line) for line in next((folder / label).glob("samples_*")).read_text().splitlines()]
    answer = [float(line["filtered_resps"][1][0]) > float(line["filtered_resps"][0][0]) for line in lines]
    return {
        "y_true": np.array([line["target"] == "yes" for line in lines], dtype=int),
        "y_pred": np.array(answer, dtype=int),
        "sensitive_features": np.array([line["doc"]["groups"]["race"][0] for line in lines]),
    }


def test_rows_equal_fairlearn_on_the_same_file(folder: Path, found: Rows) -> None:
    for model in ("base", "lora"):
        data = read_back(folder, model)
        frame = fair.MetricFrame(metrics=fair.true_positive_rate, **data)
        assert pick(found, model, "tpr").estimate == pytest.approx(frame.overall, abs=1e-12)
        for race in "ab":
            assert pick(found, model, "tpr", "group", race).estimate == pytest.approx(frame.by_group[race], abs=1e-12)
        for name in ("demographic_parity_difference", "equalized_odds_difference"):
            row = pick(found, model, name, "gap")
            assert row.estimate == pytest.approx(getattr(fair, name)(**data), abs=1e-12)
            assert (row.descriptive, row.n, row.higher_is_better) == (True, N, False)
            assert row.low <= row.estimate <= row.high
        labels = fair.demographic_parity_difference(**(data | {"y_pred": data["y_true"]}))
        assert pick(found, model, "demographic_parity_difference", "gap").label_gap == pytest.approx(labels, abs=1e-12)
        assert pick(found, model, "selection_rate", "gap").label_gap == pytest.approx(labels, abs=1e-12)
        assert pick(found, model, "accuracy", "gap").label_gap is None


def test_a_hurt_group_is_found_by_accuracy_and_descriptive_rows_say_nothing(found: Rows) -> None:
    assert "acc" not in {row.metric for row in found.rows}  # the same numbers as accuracy
    assert [c.verdict for c in pick(found, "lora", "accuracy").comparisons] == ["worse"]
    verdicts = {c.quantity: c.verdict for c in pick(found, "lora", "accuracy", "group", "b").comparisons}
    assert verdicts["contrast"] == "worse"
    for row in (row for row in found.rows if row.descriptive or row.metric == "selection_rate"):
        assert {one.verdict for one in row.comparisons} <= {"no claim"}
    parity = pick(found, "lora", "demographic_parity_difference", "gap").comparisons[0]
    base = pick(found, "base", "demographic_parity_difference", "gap").estimate
    assert parity.difference == pytest.approx(
        pick(found, "lora", "demographic_parity_difference", "gap").estimate - base
    )
    assert parity.low < parity.difference < parity.high
    assert (parity.p, parity.p_adjusted) == (None, None)
    contrasts = [abs(pick(found, "lora", "accuracy", "group", race).contrast) for race in "ab"]
    assert pick(found, "lora", "accuracy", "gap").largest_contrast == pytest.approx(max(contrasts))


def test_metrics_asked_for_are_exploratory_and_change_no_other_row(folder: Path, found: Rows) -> None:
    more = rows_of(folder, "f1", "ece", "ece_sweep", "brier", "margin", "accuracy_parity", "harmful_bias_gap")
    assert more.family == found.family
    plain = {(r.model, r.metric, r.kind, r.group): r for r in found.rows}
    assert all(plain[key] == row for row in more.rows if (key := (row.model, row.metric, row.kind, row.group)) in plain)
    for name in ("f1", "ece", "ece_sweep", "brier", "margin"):
        row = pick(more, "lora", name)
        assert row.low < row.estimate < row.high
        assert [c.verdict for c in row.comparisons] == ["no claim"]
        assert any("exploratory" in note for note in row.notes)
    assert pick(more, "lora", "margin").comparisons[0].difference < 0
    assert pick(more, "lora", "harmful_bias_gap:acc", "gap").estimate == pytest.approx(
        pick(more, "lora", "accuracy_parity", "gap").estimate
    )


@pytest.mark.parametrize(
    ("how", "positive", "note"),
    [
        ({}, "yes", "the last of 'no', 'yes'"),
        ({"options": lambda _: ("1", "0"), "target": lambda code, _: code}, "1", "so called"),
        ({"metadata": {"positive": "no"}}, "no", None),
        ({"metadata": {"positive": 0}}, "no", None),
        ({"doc": lambda _: {"positive": "no"}}, "no", None),
        ({"target": lambda code, _: code}, "yes", "the last of"),
    ],
)
def test_which_class_is_positive_is_declared_or_told(tmp_path: Path, how, positive: str, note: str | None) -> None:
    one = read_audit([write_choices(tmp_path, n=40, **how)]).samples[0]
    assert one.answers.positive == positive
    assert [text for text in one.notes if "positive" in text] == [] if note is None else note in one.notes[0]
    known = [json.loads(line)["acc"] for line in next((tmp_path / "base").glob("samples_*")).read_text().splitlines()]
    assert [float(a == b) for a, b in zip(one.answers.labels, one.answers.answers, strict=True)] == known


def test_an_unknown_positive_class_is_a_fault_with_a_hint(tmp_path: Path) -> None:
    with pytest.raises(LorafairError, match="Did you mean 'yes'"):
        read_audit([write_choices(tmp_path, n=10, metadata={"positive": "yess"})])


def test_targets_that_may_be_texts_or_numbers_are_not_guessed(tmp_path: Path) -> None:
    how = {"options": lambda _: ("1", "0"), "target": lambda code, _: code}
    one = read_audit([write_choices(tmp_path, n=40, acc=False, **how)]).samples[0]
    assert set(one.answers.labels) == {None}
    assert any("labels are not used" in note for note in one.notes)


def test_options_of_their_own_have_accuracy_and_calibration_but_no_positive_class(tmp_path: Path) -> None:
    write_choices(tmp_path, options=lambda i: (f"x{i}", f"y{i}", f"z{i}"))
    found = rows_of(tmp_path, "ece", "brier")
    metrics = {row.metric for row in found.rows}
    assert {"accuracy", "worst_group_accuracy", "ece"} <= metrics
    assert not {"tpr", "fpr", "selection_rate", "demographic_parity_difference", "brier"} & metrics


def test_twins_cluster_by_pair_and_are_compared(tmp_path: Path) -> None:
    write_choices(tmp_path, doc=lambda i: {"pair": i // 2, "twin": "ab"[i % 2]})
    found = rows_of(tmp_path, "counterfactual_flip_rate", "counterfactual_logprob_gap")
    data = read_back(tmp_path, "base")
    flips = (data["y_pred"][::2] != data["y_pred"][1::2]).mean()
    row = pick(found, "base", "counterfactual_flip_rate")
    assert row.estimate == pytest.approx(flips)
    assert (row.n, row.clusters) == (N, N // 2)
    assert pick(found, "base", "counterfactual_logprob_gap").estimate > 0


def test_answers_that_a_task_reads_from_text_itself(tmp_path: Path) -> None:
    """As WinoMT does it: gold gender is the label, the gender found in the translation the answer."""
    genders = ("male", "female")

    def stereotype(i: int) -> dict[str, Any]:
        return {
            "groups": {"stereotype": ["pro" if i % 2 else "anti"], "gender": [genders[i % 3 > 0]]},
            "label": genders[i % 3 > 0],
        }

    write_choices(
        tmp_path,
        doc=stereotype,
        choices=False,
        acc=False,
        extra=lambda i, _: {"answer": "unknown" if i % 7 == 0 else "male", "metrics": ["answer"]},
        metadata={"classes": ["male", "female", "unknown"]},
    )
    found = rows_of(tmp_path, "delta_g", "delta_s")
    label, answer = (
        np.array([str(each(i)) for i in range(N)])
        for each in (lambda i: genders[i % 3 > 0], lambda i: "unknown" if i % 7 == 0 else "male")
    )
    assert pick(found, "base", "accuracy").estimate == pytest.approx((label == answer).mean())
    hit = ((label == "male") & (answer == "male")).sum()
    assert pick(found, "base", "delta_g").estimate == pytest.approx(
        2 * hit / ((label == "male").sum() + (answer == "male").sum())
    )
    pro = np.arange(N) % 2 == 1
    expected = (label == answer)[pro].mean() - (label == answer)[~pro].mean()
    assert pick(found, "base", "delta_s").estimate == pytest.approx(expected)
    assert "tpr" not in {row.metric for row in found.rows}
    assert not [note for note in found.notes if "not one number" in note]


def test_the_command_shows_and_explains(folder: Path, tmp_path: Path) -> None:
    run = CliRunner().invoke
    text = run(leaderboard, [str(folder), "--format", "md", "--resamples", "300"], catch_exceptions=False).output
    assert "demographic_parity_difference by race" in text
    assert "labels' own difference" in text
    assert "max |group - rest|" not in text  # two groups: the same as max - min
    assert "nobody says which class is positive" in text
    one = run(leaderboard, [str(folder), "--format", "md", "--metric", "ece", "--sort", "ece"], catch_exceptions=False)
    assert "| ece<br>" in one.output
    assert "tpr" not in one.output
    with pytest.raises(LorafairError, match=r"counterfactual_flip_rate needs answer, twin: toy_choice lacks twin"):
        run(leaderboard, [str(folder), "--metric", "counterfactual_flip_rate"], catch_exceptions=False)


def test_crossed_attributes_and_the_audit_of_subgroups(tmp_path: Path) -> None:
    def person(i: int) -> dict[str, Any]:
        return {"groups": {"race": ["ab"[i % 2]], "sex": ["fm"[i // 2 % 2]]}}

    write_choices(tmp_path, doc=person, n=400)
    write_choices(tmp_path, "lora", seed=2, hurt="b", doc=person, n=400)
    run, args = CliRunner().invoke, [str(tmp_path), "--resamples", "300"]
    crossed = run(
        leaderboard,
        [*args, "--format", "json", "--cross", "race", "sex", "--metric", "accuracy"],
        catch_exceptions=False,
    )
    rows = [Row.model_validate(row) for row in json.loads(crossed.output)]
    derived = {row.group: row for row in rows if row.attribute == "race×sex" and row.kind == "group"}
    assert {(name, row.n) for name, row in derived.items()} == {(f"{r}×{s}", 100) for r in "ab" for s in "fm"}
    text = run(subgroups, [*args, "--metric", "accuracy", "--top", "1"], catch_exceptions=False).output
    assert "lora - base" in text
    assert "race=b" in text
    found = json.loads(
        run(subgroups, [*args, "--metric", "accuracy", "--format", "json"], catch_exceptions=False).output
    )
    change = next(one for one in found if one["reference"] == "base")
    assert len(change["subgroups"]) == 8  # two races, two sexes, four combinations
    assert change["subgroups"][0]["groups"][0] == ["race", "b"]
    assert change["subgroups"][0]["high"] < 0
    for wrong, said in (
        (["--metric", "acuracy"], "Did you mean 'accuracy'"),
        (["--metric", "f1"], "no mean over documents"),
        (["--metric", "selection_rate"], "no worst subgroup"),
    ):
        with pytest.raises(LorafairError, match=said):
            run(subgroups, [*args, *wrong], catch_exceptions=False)
    with pytest.raises(LorafairError, match="Did you mean 'race'"):
        run(leaderboard, [*args, "--cross", "racce", "sex"], catch_exceptions=False)


def test_models_that_disagree_on_options_and_nonsense_in_documents_do_not_stop_the_table(tmp_path: Path) -> None:
    """One model asked one document only: its options look like classes.  Documents may hold anything."""
    own = lambda i: (f"x{i}", f"y{i}")  # noqa: E731
    write_choices(
        tmp_path, options=own, doc=lambda i: {"positive": ["x"], "pair": {"a": 1}, "twin": None, "label": [2]}
    )
    write_choices(
        tmp_path,
        "lora",
        seed=2,
        options=own,
        n=1,
        doc=lambda i: {"positive": ["x"], "pair": {"a": 1}, "twin": None, "label": [2]},
    )
    found = rows_of(tmp_path)
    row = pick(found, "lora", "accuracy")
    assert (row.n, row.comparisons[0].documents) == (1, 1)
    assert "tpr" not in {row.metric for row in found.rows}


def test_impossible_options_and_unanswered_documents_are_not_scored(tmp_path: Path) -> None:
    def break_some(i: int, _: int) -> dict[str, Any]:
        return {"filtered_resps": [["-inf", "False"], ["nan" if i % 2 else "-inf", "False"]]} if i < 20 else {}

    write_choices(tmp_path, extra=break_some, acc=False)
    row = pick(rows_of(tmp_path, "ece"), "base", "accuracy")
    assert row.n == N - 20
    assert any(f"20 of {N} documents were not scored" in note for note in row.notes)
    tpr = pick(rows_of(tmp_path), "base", "tpr")
    assert any(f"20 of {N} documents" in note for note in tpr.notes)


def test_reliability_curve_equals_scikit_learn(folder: Path) -> None:
    from sklearn.calibration import calibration_curve

    samples = [one for one in read_audit([folder]).samples if one.model == "lora"]
    table = build_tables(samples, build_frame(samples))["lora"]
    for name in (None, "a", "b"):
        rows = np.ones(N, dtype=bool) if name is None else table.groups["race"][:, table.names["race"].index(name)]
        points = draw_reliability(table, None if name is None else "race", name or "", bins=8)
        right = (table.answer == table.y)[rows]
        accuracy, confidence = calibration_curve(right, table.confidence[rows], n_bins=8)
        assert [p.accuracy for p in points] == pytest.approx(list(accuracy), abs=1e-12)
        assert [p.confidence for p in points] == pytest.approx(list(confidence), abs=1e-12)
        assert sum(p.n for p in points) == rows.sum()
        assert all(p.low <= p.accuracy <= p.high for p in points)


def test_every_format_holds_descriptive_columns(folder: Path) -> None:
    for form in ("terminal", "csv", "json"):
        run = CliRunner().invoke(
            leaderboard, [str(folder), "--format", form, "--resamples", "300"], catch_exceptions=False
        )
        assert "equalized_odds_difference" in run.output
    sort = CliRunner().invoke(leaderboard, [str(folder), "--sort", "equalized_odds_difference"], catch_exceptions=False)
    assert "Descriptive: worst_group_accuracy, demographic_parity_difference" in " ".join(sort.output.split())


def test_a_metric_of_another_distribution_says_itself_what_it_needs(folder: Path, tmp_path: Path, monkeypatch) -> None:
    (tmp_path / "acme_metric.py").write_text(
        "from lorafair.statistics.grouping import average\n"
        "def mixed(table, weights, **settings):\n"
        "    assert set(table.score) <= {0.0, 1.0} and set(table.y) == {0.0, 1.0}\n"
        "    return average(table.score * table.y, table, weights)\n"
        "mixed.needs, mixed.higher_is_better = ('y', 'score'), True\n"
        "def wrong(table, weights, **settings):\n"
        "    return {}\n"
        "wrong.needs = ('lable',)\n"
    )
    text = "schema: 1\nmetrics:\n" + "".join(
        f"  {name}:\n    target: acme_metric:{name}\n    description: x\n" for name in ("mixed", "wrong")
    )
    (tmp_path / "registry.yaml").write_text(text)
    monkeypatch.setenv("LORAFAIR_REGISTRY", str(tmp_path / "registry.yaml"))
    found = rows_of(folder, "mixed")
    data = read_back(folder, "lora")
    both = (data["y_pred"] == data["y_true"]) & (data["y_true"] == 1)
    row = pick(found, "lora", "mixed:acc")
    assert row.estimate == pytest.approx(both.mean(), abs=1e-12)
    assert row.higher_is_better is True
    assert row.low < row.estimate < row.high
    assert pick(found, "lora", "accuracy").estimate == pytest.approx((data["y_pred"] == data["y_true"]).mean())
    with pytest.raises(LorafairError, match=r"needs the unknown columns 'lable'"):
        rows_of(folder, "wrong")


def test_models_with_different_positive_classes_are_told_apart(tmp_path: Path) -> None:
    write_choices(tmp_path, metadata={"positive": "no"})
    write_choices(tmp_path, "lora", seed=2)
    found = rows_of(tmp_path)
    assert "tpr" not in {row.metric for row in found.rows}
    assert any("different positive classes ('no', 'yes')" in note for note in found.notes)
    write_choices(tmp_path, "lora", seed=2, metadata={"positive": "yes"})
    with pytest.raises(LorafairError, match="positive"):
        read_audit([tmp_path])


def test_a_value_called_like_a_metric_stands_in_its_place(tmp_path: Path) -> None:
    own = {"metrics": ["acc", "tpr", "accuracy"], "tpr": 0.25, "accuracy": 0.5}
    write_choices(tmp_path, extra=lambda i, code: own)
    found = rows_of(tmp_path)
    for name, value in (("tpr", 0.25), ("accuracy", 0.5)):
        assert [r.estimate for r in found.rows if r.metric == name and r.kind == "overall"] == [value]
        assert any(f"{name} is what its samples say themselves" in note for note in found.notes)
    assert {"fpr", "acc", "worst_group_accuracy"} <= {row.metric for row in found.rows}


def test_intervals_of_whole_metrics_end_where_the_metric_does(tmp_path: Path) -> None:
    write_choices(tmp_path, n=30, target=lambda code, options: options[code])
    rows = [r for r in rows_of(tmp_path, "f1", "ece").rows if r.metric in ("f1", "ece") and r.low is not None]
    assert {r.kind for r in rows} >= {"overall", "group"}
    assert all(0 <= r.low <= r.estimate <= r.high <= 1 for r in rows)
    assert any(r.low == 0 or r.high == 1 for r in rows)  # would have gone beyond
