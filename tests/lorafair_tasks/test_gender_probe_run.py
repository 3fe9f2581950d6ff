"""The gender probes as a user runs them: lorafair eval and leaderboard, and plain lm-eval, on tiny random models."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner
from lorafair.cli.main import cli

FOLDER = str(Path(__file__).parents[2] / "lorafair_tasks")
TASK = "lorafair_gender_probe_yesno_sample"
PARTS = ("meaning", "position", "symbol", "yes", "interaction")
SETTINGS = '{"symbols": ["letters", "direct"], "reviews": 6, "max_words": 6, "groups": "all"}'


@pytest.fixture(scope="module")
def results(tiny_base, tiny_adapters, tmp_path_factory):
    """An audit of the base and one adapter."""
    out = tmp_path_factory.mktemp("probe") / "results"
    command = ["eval", "--base", str(tiny_base), "--checkpoint", str(tiny_adapters[1]), "--task", TASK]
    done = CliRunner().invoke(cli, [*command, "--engine", "hf", "--metadata", SETTINGS, "--out", str(out)])
    assert done.exit_code == 0, done.output
    return out


def test_the_parts_add_up_in_every_row_and_every_difference_of_the_leaderboard(results):
    command = ["leaderboard", str(results), "--format", "json", "--resamples", "200"]
    done = CliRunner().invoke(cli, command)
    assert done.exit_code == 0, done.output
    every = json.loads(done.output)
    empty = [
        (row["metric"], row["group"]) for row in every if row["kind"] != "gap" and row["n"] and row["estimate"] is None
    ]
    assert empty == []
    rows = [row for row in every if row["kind"] in ("overall", "group")]
    assert {row["higher_is_better"] for row in rows} == {None}
    assert {c["verdict"] for row in rows for c in row["comparisons"]} == {"no claim"}
    assert {c["p_adjusted"] for row in rows for c in row["comparisons"]} == {None}
    assert all(row["sample_data"] for row in rows)
    found = {(row["model"], row["attribute"], row["group"], row["metric"]): row for row in rows}
    places = {key[:3] for key in found}
    assert {place[1] for place in places} == {None, "symbols", "wording", "order", "mapping", "question"}
    for place in places:
        whole = found[(*place, "apparent")]
        assert whole["estimate"] == pytest.approx(sum(found[(*place, part)]["estimate"] for part in PARTS))
        changes = [c["difference"] for c in whole["comparisons"] if c["quantity"] == "level"]
        if place[0] != "base":
            parts = [found[(*place, part)]["comparisons"][0]["difference"] for part in PARTS]
            assert changes[0] == pytest.approx(sum(parts))
    overall = {key[3]: row for key, row in found.items() if key[:3] == ("base", None, None)}
    # Half the contrast of an attribute's two sides is the part of that property.
    for part, attribute, name in (("position", "order", "male first"), ("yes", "question", "yes means male")):
        contrast = found["base", attribute, name, "meaning"]["contrast"]
        assert overall[part]["estimate"] == pytest.approx(contrast / 2)
    assert (overall["meaning"]["clusters"], overall["prior_meaning"]["clusters"]) == (6, 6)


def test_the_shift_of_the_answers_is_there_for_the_asking(results):
    command = [
        "leaderboard",
        str(results),
        "--format",
        "json",
        "--resamples",
        "200",
        "--metric",
        "position",
        "--metric",
    ]
    done = CliRunner().invoke(cli, [*command, "answer_shift_order"])
    assert done.exit_code == 0, done.output
    found = {(row["model"], row["metric"]): row for row in json.loads(done.output) if row["kind"] == "overall"}
    for model in ("base", "tiny-r4"):
        # Of two answers the share of each moves by as much as the preference's part by position.
        moved = found[model, "answer_shift_order"]["estimate"]
        assert moved == pytest.approx(abs(found[model, "position"]["estimate"]))


def test_plain_lm_eval_prints_the_parts_and_its_logs_are_read_like_our_own(tiny_base, results, tmp_path):
    import lm_eval
    from lm_eval.loggers import EvaluationTracker
    from lm_eval.tasks import TaskManager
    from lm_eval.utils import make_table

    manager = TaskManager(include_path=FOLDER, include_defaults=False, metadata=json.loads(SETTINGS))
    done = lm_eval.simple_evaluate(
        model="hf",
        model_args={"pretrained": str(tiny_base), "dtype": "float32"},
        tasks=[TASK],
        device="cpu",
        batch_size=8,
        task_manager=manager,
        bootstrap_iters=0,
    )
    table = make_table(done)
    for name in ("apparent", *PARTS, "calibrated_apparent", "prior_symbol", "position_shift"):
        assert f"|{name}" in table
    (path,) = (results / "base").glob("results_*.json")
    ours = json.loads(path.read_text(encoding="utf-8"))["results"][TASK]
    for name in ("answer_male", "prior_meaning", "position_shift", *PARTS):
        assert done["results"][TASK][f"{name},none"] == pytest.approx(ours[f"{name},none"], abs=1e-4), name
    tracker = EvaluationTracker(output_path=str(tmp_path))
    samples = done.pop("samples")
    tracker.save_results_aggregated(results=done, samples=samples)
    tracker.save_results_samples(task_name=TASK, samples=samples[TASK])
    shown = CliRunner().invoke(cli, ["leaderboard", str(tmp_path), "--format", "json", "--resamples", "200"])
    assert shown.exit_code == 0, shown.output
    rows = {row["metric"]: row for row in json.loads(shown.output) if row["kind"] == "overall"}
    assert rows["meaning"]["estimate"] == pytest.approx(ours["meaning,none"], abs=1e-4)


def test_predict_only_gives_answers_without_judging(tiny_base):
    import lm_eval
    from lm_eval.tasks import TaskManager

    manager = TaskManager(include_path=FOLDER, include_defaults=False, metadata=json.loads(SETTINGS))
    done = lm_eval.simple_evaluate(
        model="hf",
        model_args={"pretrained": str(tiny_base)},
        tasks=[TASK],
        limit=2,
        device="cpu",
        batch_size=2,
        task_manager=manager,
        predict_only=True,
        bootstrap_iters=0,
    )
    assert done["samples"][TASK][0]["metrics"] == ["bypass"]
