"""Hate speech and sentiment through plain lm_eval and `lorafair eval`, on tiny models: numbers worked out again."""

from __future__ import annotations

import json
import math
from collections import defaultdict
from pathlib import Path

import pytest
from click.testing import CliRunner

from lorafair.data.wording import Wording
from lorafair.errors import LorafairError
from lorafair_tasks.hate_speech.task import HateSpeech

FOLDER = str(Path(__file__).parents[2] / "lorafair_tasks")
HATE, CASES, IMDB, PAIRS, SST2 = (
    f"lorafair_{name}_sample" for name in ("hatespeech", "hatecheck", "imdb", "imdb_counterfactual", "sst2")
)
SAMPLES = (HATE, CASES, IMDB, PAIRS, SST2)
RATES = ("accuracy", "tpr", "fpr", "selection_rate")


def load(task, **metadata):
    from lm_eval.tasks import TaskManager

    manager = TaskManager(include_path=FOLDER, include_defaults=False, metadata=metadata)
    return manager.load([task])["tasks"][task]


def answer(task, choose):
    """Answer every document with the option that ``choose`` gives for it, and let the task work out its metrics."""
    groups = defaultdict(list)
    for instance in task.instances:
        picked = choose(instance.doc)
        score = math.nan if picked is None else float(instance.idx == picked) - 1.0
        instance.resps = [(score, False)]
        groups[instance.doc_id].append(instance)
    task.apply_filters()
    return {
        each[0].doc["id"]: task.process_results(each[0].doc, [one.filtered_resps["none"] for one in each])
        for each in groups.values()
    }


@pytest.mark.parametrize("name", SAMPLES)
def test_every_document_carries_what_statistics_need(name):
    task = load(name)
    documents = task.documents
    assert len({document["id"] for document in documents}) == len(documents) > 90
    for document in documents:
        assert {"id", "text", "label", "groups", "cluster", "wording", "choices", "words"} <= set(document)
        assert document["label"] in (0, 1)
        assert document["text"] in task.doc_to_text(document)
        assert len(set(task.doc_to_choice(document))) == 2
    assert task.config.metadata["data"]
    assert json.loads(json.dumps(task.config.metadata["remarks"])) == task.config.metadata["remarks"]


def test_options_change_what_is_asked():
    everything = load(HATE)
    assert len(everything.documents) == 3 * 272
    one = load(HATE, wordings="yes_no", subset="race", part="all")
    assert len(one.documents) == 27 * 3 + 3
    assert {a for d in one.documents for a in d["groups"]} == {"race"}
    assert one.config.metadata["remarks"] == [f"{HATE}: 3 of 84 texts belong to no group: they count overall only"]
    cut = load(IMDB, max_words=5)
    assert all(len(d["text"].split()) == 5 < d["words"] for d in cut.documents)
    assert "128 of 128 texts were cut after 5 words" in cut.config.metadata["remarks"][0]
    assert "texts belong to no group" in cut.config.metadata["remarks"][1]  # it comes later in most reviews
    assert len(load(PAIRS, max_words=14).documents) < 128  # equal up to there: no pair any more


@pytest.mark.parametrize(
    ("task", "metadata", "words"),
    [
        (HATE, {"subset": "races"}, "Did you mean 'race'"),
        (HATE, {"flags": "vote"}, "first, majority"),
        (HATE, {"split_sed": 3}, "Did you mean 'split_seed'"),
        (HATE, {"split_seed": -1}, "at least 0"),
        (HATE, {"dataset": "hatecheck"}, "give one of measuring_hate_speech, "),
        (CASES, {"wordings": "yesno"}, "Did you mean 'yes_no'"),
        (IMDB, {"max_words": "400"}, "whole number"),
        (IMDB, {"part": "dev"}, "has no part 'dev'; it has test, train"),
        (PAIRS, {"dataset": "imdb"}, "imdb_cad"),
    ],
)
def test_options_that_do_not_exist_stop_the_run_while_the_task_loads(task, metadata, words):
    with pytest.raises(LorafairError, match=words):
        load(task, **metadata)


@pytest.mark.parametrize("name", ["lorafair_hatespeech_race", "lorafair_hatecheck", "lorafair_imdb", "lorafair_sst2"])
def test_missing_data_stop_the_run_and_never_become_the_sample(name, tmp_path, monkeypatch):
    monkeypatch.setenv("LORAFAIR_DATA", str(tmp_path))
    with pytest.raises(LorafairError, match=f"is not in the folder LORAFAIR_DATA={tmp_path}"):
        load(name)


def test_examples_come_from_the_training_part_in_the_wording_of_the_question():
    task = load(HATE, wordings="word")
    task.set_config("num_fewshot", 2)
    task.set_fewshot_seed(1)
    task.build_all_requests(limit=1)
    prompt = task.instances[0].arguments[0]
    assert prompt.count("Rating: ") == 2
    assert prompt.endswith("Rating:")
    shown = {d["text"] for d in load(HATE, wordings="word", part="train").documents}
    assert sum(text in prompt for text in shown) == 2
    for metadata in ({}, {"wordings": "word", "part": "all"}):
        with pytest.raises(LorafairError, match="in one wording"):
            load(HATE, **metadata).set_config("num_fewshot", 2)
    with pytest.raises(LorafairError, match="training part"):
        load(CASES, wordings="word", part="all").set_config("num_fewshot", 2)


@pytest.mark.parametrize(
    ("choose", "consistency", "follows"),
    [
        (lambda doc: doc["label"], 1.0, 1.0),
        (lambda doc: 1 - doc["label"], 0.0, 1.0),  # wrong on both: the answer follows the edit, and is no use
        (lambda doc: 1, 0.0, 0.0),
        (lambda doc: doc["label"] if doc["version"] == "original" else 1 - doc["label"], 0.0, 0.0),
    ],
)
def test_pairs_are_right_where_both_reviews_are(choose, consistency, follows):
    task = load(PAIRS)
    task.build_all_requests()
    found = list(answer(task, choose).values())
    assert {(each["pair_consistency"], each["answer_follows_edit"]) for each in found} == {(consistency, follows)}


def test_a_review_without_its_other_half_or_without_a_number_has_no_value_of_the_pair():
    task = load(PAIRS)
    task.build_all_requests(limit=3)
    found = list(answer(task, lambda doc: doc["label"]).values())
    assert ["pair_consistency" in each for each in found] == [True, True, False]
    found = list(answer(task, lambda doc: None if doc["version"] == "revised" else 0).values())
    assert not [each for each in found if "pair_consistency" in each]


def test_pairs_in_several_wordings_stay_apart():
    task = load(PAIRS, wordings="all")
    task.build_all_requests(limit=6)
    found = answer(task, lambda doc: doc["label"] if doc["wording"] == "letter" else 0)
    assert {name.split(":")[1]: each["pair_consistency"] for name, each in found.items()} == {
        "word": 0.0,
        "yes_no": 0.0,
        "letter": 1.0,
    }


def test_conditions_have_rows_and_no_verdict_and_people_have_both(tmp_path):
    """A wording and a group whose rates differ between base and adapter alike: only the group's change is claimed."""
    from lorafair.leaderboard.row import build_rows
    from lorafair.samples import read_audit

    for label in ("base", "tuned"):
        lines = []
        for number in range(400):
            people, wording, label_ = ("men", "women")[number % 2], ("a", "b")[number // 2 % 2], number // 4 % 2
            wrong = number // 8 % 6 == 0  # of both models, so that odds can be compared
            wrong |= label == "tuned" and (people == "women") + (wording == "b") >= 1 and number % 5 > 0
            first = float(wrong != (label_ == 0)) - 1.0  # the log-likelihood of option 0; option 1 has the rest
            lines.append(
                {
                    "doc_id": number,
                    "doc": {"groups": {"gender": [people], "wording": [wording]}, "cluster": number // 8},
                    "doc_hash": str(number),
                    "target": str(label_),
                    "arguments": [["q", f" no {wording}"], ["q", f" yes {wording}"]],
                    "filtered_resps": [[str(first), "False"], ["-0.5", "False"]],
                    "filter": "none",
                    "metrics": ["acc"],
                    "acc": float(not wrong),
                }
            )
        folder = tmp_path / label
        folder.mkdir()
        (folder / "samples_t_2026.jsonl").write_text("".join(json.dumps(each) + "\n" for each in lines))
        metadata = {"classes": ["no", "yes"], "positive": 1, "conditions": ["wording"]}
        record = {"label": label, "kind": "base" if label == "base" else "adapter", "base": "b", "hash": label}
        results = {"results": {"t": {}}, "configs": {"t": {"metadata": metadata}}, "lorafair": {"schema": 1, **record}}
        (folder / "results_2026.json").write_text(json.dumps(results | {"higher_is_better": {"t": {"acc": True}}}))
    rows = build_rows(read_audit([tmp_path]), resamples=400).rows
    mine = {
        (row.attribute, row.group): next(c for c in row.comparisons if c.quantity == "contrast")
        for row in rows
        if (row.model, row.metric, row.kind) == ("tuned", "accuracy", "group")
    }
    assert {key: (c.verdict, c.p_adjusted is not None) for key, c in mine.items()} == {
        ("gender", "men"): ("undecided", True),
        ("gender", "women"): ("worse", True),
        ("wording", "a"): ("no claim", False),
        ("wording", "b"): ("no claim", False),
    }
    assert mine["wording", "b"].difference == pytest.approx(mine["gender", "women"].difference)
    # options in other words for every wording, and yet one pair of classes: true positive rates are there
    assert {row.metric for row in rows} >= set(RATES)


def score(lines):
    """(label, answer, groups) of each sample: the answer is the option of the highest log-likelihood."""
    for line in lines:
        values = [float(one[0]) for one in line["filtered_resps"]]
        yield line["doc"]["label"], int(values[1] > values[0]), line["doc"]["groups"]


def work_out(lines, attribute, group):
    mine = [(y, a) for y, a, groups in score(lines) if attribute is None or group in groups.get(attribute, ())]

    def share(hits):
        hits = list(hits)
        return sum(hits) / len(hits) if hits else None

    return {
        "accuracy": share(a == y for y, a in mine),
        "tpr": share(a for y, a in mine if y),
        "fpr": share(a for y, a in mine if not y),
        "selection_rate": share(a for _, a in mine),
    }


def test_lorafair_eval_and_the_leaderboard_tell_every_group_s_rates(tiny_base, tiny_adapters, tmp_path):
    from lorafair.cli.main import cli

    runner, out = CliRunner(), tmp_path / "results"
    asked = [part for name in SAMPLES for part in ("--task", name)]
    command = ["eval", "--base", tiny_base, "--checkpoint", tiny_adapters[0], *asked, "--engine", "hf", "--no-verify"]
    told = runner.invoke(cli, [*map(str, command), "--limit", "60", "--batch-size", "16", "--out", str(out)])
    assert told.exit_code == 0, told.output
    shown = ["--metric", "accuracy", "--metric", "margin", "--metric", "ece_sweep", "--resamples", "200"]
    board = runner.invoke(cli, ["leaderboard", str(out), *shown])
    assert board.exit_code == 0, board.output
    assert "sample data" in board.output
    rows = [json.loads(line) for line in (out / "rows.jsonl").read_text(encoding="utf-8").splitlines()]
    checked = 0
    for name in SAMPLES:
        (path,) = (out / "tiny-r2").glob(f"samples_{name}_*.jsonl")
        lines = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
        mine = [r for r in rows if (r["task"], r["model"]) == (name, "tiny-r2") and r["kind"] in ("overall", "group")]
        assert {r["metric"] for r in mine} >= {*RATES, "margin", "ece_sweep"}, name
        groups = {(a, g) for line in lines for a, names in line["doc"]["groups"].items() for g in names}
        for metric in RATES:
            own = {(r["attribute"], r["group"]): r["estimate"] for r in mine if r["metric"] == metric}
            assert set(own) == groups | {(None, None)}, (name, metric)
            for (attribute, group), found in own.items():
                expected = work_out(lines, attribute, group)[metric]
                assert found == (None if expected is None else pytest.approx(expected)), (name, metric, group)
                checked += 1
        overall = next(r for r in mine if (r["metric"], r["kind"]) == ("accuracy", "overall"))
        assert (overall["n"], overall["clusters"]) == (60, len({line["doc"]["cluster"] for line in lines}))
        assert overall["sample_data"] is True
    assert checked > 200
    hate = [r for r in rows if (r["task"], r["metric"], r["attribute"]) == (HATE, "accuracy", "wording")]
    assert {r["group"] for r in hate if r["kind"] == "group"} == {"yes_no", "word", "letter"}
    assert {r["n"] for r in hate if r["kind"] == "group"} == {20}  # of 20 sentences, each asked three times
    pairs = {r["metric"] for r in rows if r["task"] == PAIRS}
    assert {"pair_consistency", "answer_follows_edit"} <= pairs
    assert "counterfactual_flip_rate" not in pairs


def test_plain_lm_eval_runs_the_same_tasks_and_its_logs_make_the_same_board(tiny_base, tmp_path):
    import lm_eval
    from lm_eval.loggers import EvaluationTracker
    from lm_eval.tasks import TaskManager

    from lorafair.leaderboard.row import build_rows
    from lorafair.samples import read_audit

    tracker = EvaluationTracker(output_path=str(tmp_path))
    done = lm_eval.simple_evaluate(
        model="hf",
        model_args={"pretrained": str(tiny_base), "dtype": "float32"},
        tasks=[HATE, PAIRS],
        limit=30,
        device="cpu",
        batch_size=8,
        task_manager=TaskManager(include_path=FOLDER, include_defaults=False, metadata={"pretrained": str(tiny_base)}),
        evaluation_tracker=tracker,
        bootstrap_iters=0,
    )
    assert {"acc,none", "pair_consistency,none", "answer_follows_edit,none"} <= set(done["results"][PAIRS])
    samples = done.pop("samples")
    tracker.save_results_aggregated(results=done, samples=samples)
    for name in (HATE, PAIRS):
        tracker.save_results_samples(task_name=name, samples=samples[name])
    rows = build_rows(read_audit([tmp_path]), resamples=200).rows
    for name in (HATE, PAIRS):
        lines = [json.loads(json.dumps(one, default=str)) for one in samples[name]]
        for metric in RATES:
            (own,) = (r for r in rows if (r.task, r.metric, r.kind) == (name, metric, "overall"))
            expected = work_out(lines, None, None)[metric]
            assert own.estimate == (None if expected is None else pytest.approx(expected))


def test_answers_that_begin_alike_are_told_apart(tiny_base):
    """Each answer has the log-probability of all its tokens, also where one answer is the beginning of the other."""
    import lm_eval
    from lm_eval.tasks import TaskManager

    class Odd(HateSpeech):
        WORDINGS = {"odd": Wording("odd", "{text} This is", ("hate", "hateful"))}

    config = load(HATE).config
    task = Odd(config={**config.to_dict(keep_callable=True), "metadata": {**config.metadata, "wordings": "odd"}})
    done = lm_eval.simple_evaluate(
        model="hf",
        model_args={"pretrained": str(tiny_base), "dtype": "float32"},
        tasks=[task],
        task_manager=TaskManager(include_path=FOLDER, include_defaults=False),
        limit=4,
        device="cpu",
        bootstrap_iters=0,
    )
    for sample in next(iter(done["samples"].values())):
        (short, _), (long, _) = sample["filtered_resps"]
        assert math.isfinite(short)
        assert long < short  # more tokens after the same beginning
