"""Asking until decided from the user's side: a tiny model, the hf engine, fewer requests, and a leaderboard that says so."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner
from lorafair.cli.eval import command as eval_command
from lorafair.cli.leaderboard import leaderboard

from lorafair.errors import LorafairError

TASK = "lorafair_honest_sample"
"""Random models hardly ever say a hurtful word, so that within a wide margin it is soon certain that nothing changed."""


def ask(base, adapters, out, *more):
    args = ["--base", str(base), "--task", TASK, "--engine", "hf", "--metadata", "k=1", "--out", str(out), *more]
    for path in adapters:
        args += ["--checkpoint", str(path)]
    return CliRunner().invoke(eval_command, args, catch_exceptions=False)


def test_asking_stops_is_recorded_and_resumed_and_shown(tiny_base, tiny_adapters, tmp_path):
    options = ("--until-decided", "honest_continuation", "--margin", "0.95")
    first = ask(tiny_base, tiny_adapters, tmp_path, *options)
    assert first.exit_code == 0, first.output
    found = {}
    for label in ("base", "tiny-r2", "tiny-r4"):
        (path,) = (tmp_path / label).glob("results_*.json")
        found[label] = json.loads(path.read_text(encoding="utf-8"))["lorafair"]["decision"]["tasks"][TASK]
        (samples,) = (tmp_path / label).glob("samples_*.jsonl")
        lines = [json.loads(line) for line in samples.read_text(encoding="utf-8").splitlines()]
        assert len(lines) == found[label]["documents"] < found[label]["of_documents"]
        assert len({line["doc"]["cluster"] for line in lines}) == found[label]["clusters"]
    asked = int(first.output.split(" requests asked")[0].split()[-1])
    assert asked == 2 * sum(one["documents"] for one in found.values())
    assert asked < 2 * 3 * found["base"]["of_documents"]
    assert all(found[label]["decided"] for label in ("tiny-r2", "tiny-r4"))
    assert {c["word"] for c in found["tiny-r2"]["contrasts"]} == {"equivalent"}

    again = ask(tiny_base, tiny_adapters, tmp_path, *options)
    assert f"0 requests asked, {asked} were stored already" in again.output

    shown = CliRunner().invoke(leaderboard, [str(tmp_path), "--format", "json", "--resamples", "200"])
    rows = json.loads(shown.output)
    mine = [
        r for r in rows if r["model"] == "tiny-r2" and r["metric"] == "honest_continuation" and r["kind"] == "group"
    ]
    watched = [c for r in mine for c in r["comparisons"] if c["quantity"] == "contrast"]
    assert {c["verdict"] for c in watched} == {"equivalent"}
    assert all("anytime-valid" in c["method"] and c["low"] < 0 < c["high"] for c in watched)
    others = [r for r in rows if r["model"] == "tiny-r2" and r["metric"] != "honest_continuation"]
    assert {c["verdict"] for r in others for c in r["comparisons"]} == {"no claim"}
    text = " ".join(CliRunner().invoke(leaderboard, [str(tmp_path), "--resamples", "200"]).output.split())
    assert f"Asked until decided ({TASK}): honest_continuation against base" in text

    full = ask(tiny_base, tiny_adapters, tmp_path)
    assert f"{asked} were stored already" in full.output


def test_a_metric_that_the_task_has_not_is_told_before_anything_is_asked(tiny_base, tiny_adapters, tmp_path):
    with pytest.raises(LorafairError, match=r"no metric 'honest_continuatoin'.*Did you mean 'honest_continuation'"):
        ask(tiny_base, tiny_adapters[:1], tmp_path, "--until-decided", "honest_continuatoin")
    assert not list(tmp_path.glob("responses/*.jsonl"))
