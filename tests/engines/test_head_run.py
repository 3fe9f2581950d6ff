"""Classifiers from the user's side: `lorafair eval`, its store, its rows, and what it refuses."""

from __future__ import annotations

import json
import shutil

import pytest

from lorafair.engines.head import HeadEngine
from lorafair.errors import LorafairError
from lorafair.evaluation import EvaluationPlan, evaluate

TASK = "lorafair_hatecheck_sample"
NAMES = ["not hateful", "hateful"]


@pytest.fixture(scope="module")
def made(classifiers, tmp_path_factory):
    """A base and three classifiers of hate speech on it: lora, head, full; the labels of one in another order."""
    base, folder = classifiers.make_base("bert"), tmp_path_factory.mktemp("hate")
    classifiers.make(base, folder / "lora", NAMES, seed=1)
    classifiers.make(base, folder / "head", NAMES[::-1], "head", seed=2)
    classifiers.make(base, folder / "full", NAMES, "full", seed=3)
    return base, folder


def run(base, checkpoints, out, **changes):
    said = []
    settings = {"tasks": (TASK,), "limit": 24, "batch_size": 1, **changes}
    plan = EvaluationPlan(base=str(base), checkpoints=tuple(map(str, checkpoints)), out=out, **settings)
    return evaluate(plan, said.append), said


def read_samples(out, label):
    (path,) = (out / label).glob("samples_*.jsonl")
    return path.read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def whole(made, tmp_path_factory):
    base, folder = made
    out = tmp_path_factory.mktemp("whole")
    return out, *run(base, [folder / "lora", folder / "head", folder / "full"], out)


def test_rows_hold_what_a_plain_load_says_of_each_text(classifiers, made, whole):
    base, folder = made
    out, outcome, said = whole
    assert (outcome.asked, outcome.stored, outcome.failed) == (3 * 24 * 2, 0, {})
    assert list(outcome.results) == ["lora", "head", "full"]
    assert any("answered by the head engine" in line for line in said)
    assert any("The base has no head and is not asked" in line for line in said)
    for label, order in (("lora", (0, 1)), ("head", (1, 0)), ("full", (0, 1))):
        samples = [json.loads(line) for line in read_samples(out, label).splitlines()]
        assert len({sample["doc"]["text"] for sample in samples}) == 24
        assert all(sample["arguments"]["gen_args_0"]["arg_0"] == sample["doc"]["text"] for sample in samples)
        plain = classifiers.ask(base, folder / label, [sample["doc"]["text"] for sample in samples], 2)
        for sample, row in zip(samples, plain, strict=True):
            found = [float(answer[0]) for answer in sample["filtered_resps"]]
            assert found == pytest.approx([row[number] for number in order], abs=1e-5)
            assert sample["acc"] == float((found[1] > found[0]) == sample["doc"]["label"])
        ours = json.loads(outcome.results[label].read_text())["lorafair"]
        assert ours["head"]["base_answers"] is False
        assert ours["verification"]["deviation"] < 1e-5
        assert (ours["verification"]["effect"] is None) is (label == "head")


def test_an_audit_that_was_cut_off_ends_like_an_unbroken_one_and_a_second_asks_nothing(made, whole, tmp_path):
    base, folder = made
    out, outcome, _ = whole
    names = [folder / "lora", folder / "head", folder / "full"]
    shutil.copytree(out / "responses", tmp_path / "responses")
    for path in sorted((tmp_path / "responses").glob("*.jsonl")):
        lines = path.read_text().splitlines(keepends=True)
        path.write_text("".join(lines[:-10]))
    again, _ = run(base, names, tmp_path)
    assert (again.asked, again.stored) == (30, outcome.asked - 30)
    assert [read_samples(tmp_path, label) for label in outcome.results] == [
        read_samples(out, label) for label in outcome.results
    ]
    assert run(base, names, tmp_path)[0].asked == 0


def test_the_leaderboard_says_that_the_base_has_no_head_and_compares_with_full(whole):
    from lorafair.leaderboard.line import build_lines
    from lorafair.leaderboard.render import render_markdown
    from lorafair.leaderboard.row import build_rows
    from lorafair.samples import read_audit

    audit = read_audit([whole[0]])
    found = build_rows(audit, resamples=200)
    lines = build_lines(found.rows, bases=[m.label for m in audit.models if m.kind == "base"], against=None)
    assert [line.model for line in lines] == ["base", "full", "head", "lora"]
    assert {line.model: line.reference for line in lines} == {
        "base": None,
        "full": None,
        "head": "full",
        "lora": "full",
    }
    page = render_markdown(found, lines)
    assert "no head" in page
    assert "No head: base has no classification head of its own" in page
    assert "Failed" not in page
    assert {row.claim for row in found.rows if row.model == "base"} == {"checkpoint"}
    assert all(row.estimate is None for row in found.rows if row.model == "base")


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        (
            {"tasks": ("lorafair_honest_sample",)},
            "honest_sample is generate_until: a classifier answers multiple-choice",
        ),
        ({"num_fewshot": 2}, "--num-fewshot: lora classify"),
        ({"engine": "hf"}, "engine hf generates text, lora classify"),
        ({"until_decided": "acc"}, "--until-decided asks about changes from the base, which has no head"),
        ({"label_map": {"hatful": "x"}}, "no checkpoint has a label 'hatful'. Did you mean 'hateful'"),
        ({"tasks": ("lorafair_sst2_sample",)}, "no output is called 'negative', 'positive'"),
    ],
)
def test_what_a_classifier_cannot_answer_is_one_message(made, tmp_path, changes, said):
    base, folder = made
    with pytest.raises(LorafairError) as error:
        run(base, [folder / "lora"], tmp_path, **changes)
    assert said in str(error.value)
    assert not list(tmp_path.rglob("*.jsonl"))


def test_generators_and_classifiers_are_not_mixed(tiny_base, tiny_adapters, classifiers, tmp_path):
    folder = classifiers.make(tiny_base, tmp_path / "judge", NAMES)
    with pytest.raises(LorafairError, match="judge classify, tiny-r2 generate text"):
        run(tiny_base, [tiny_adapters[0], folder], tmp_path / "out")
    with pytest.raises(LorafairError, match="--label-map is about classifiers"):
        run(tiny_base, [tiny_adapters[0]], tmp_path / "out", label_map={"a": "b"}, engine="hf")
    with pytest.raises(LorafairError, match="The engine head answers with classification heads"):
        run(tiny_base, [tiny_adapters[0]], tmp_path / "out", engine="head")


def test_an_adapter_that_changes_nothing_is_left_out(classifiers, made, tmp_path):
    base, folder = made
    idle = classifiers.make(base, tmp_path / "idle", NAMES, init_lora_weights=True)
    outcome, _ = run(base, [idle, folder / "full"], tmp_path / "out", limit=4)
    assert list(outcome.results) == ["full"]
    assert "it answers like its head on the base" in outcome.failed["idle"]
    assert "every lora_B weight is zero" in outcome.failed["idle"]


def test_a_swap_that_does_not_take_is_found(made, tmp_path, monkeypatch):
    base, folder = made
    lend = HeadEngine.lend
    from lorafair.engines.head_model import Models

    real = Models.lend

    def stale(self, checkpoint, bare=False):
        return real(self, checkpoint, bare or checkpoint.label == "lora")

    monkeypatch.setattr(Models, "lend", stale)
    outcome, _ = run(base, [folder / "lora", folder / "full"], tmp_path, limit=4)
    assert lend is HeadEngine.lend
    assert list(outcome.results) == ["full"]
    assert "lora" in outcome.failed


def test_a_base_with_a_head_for_the_same_labels_is_asked_too(classifiers, made, tmp_path):
    base, _ = made
    own = classifiers.make(base, tmp_path / "own", NAMES, "full", seed=9)
    outcome, _ = run(own, [], tmp_path / "out", limit=4)
    assert list(outcome.results) == ["base"]
    tuned = classifiers.make(own, tmp_path / "tuned", NAMES, "lora", seed=5)
    both, _ = run(own, [tuned], tmp_path / "out", limit=4)
    assert list(both.results) == ["base", "tuned"]
    assert both.stored == 4 * 2
