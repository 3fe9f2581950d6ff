"""Shadows are trained as their target was: with its objective, its augmentation and the rate that a search chose."""

from __future__ import annotations

import json
from types import SimpleNamespace

import numpy as np
from click.testing import CliRunner
from lorafair.cli.main import cli

from lorafair.checkpoint import read_base, read_checkpoints
from lorafair.engines.contract import EngineSettings
from lorafair.engines.hf import HfEngine
from lorafair.membership.design import read_settings
from lorafair.membership.likelihood_ratio import compute_log_odds
from lorafair.membership.loss import measure_losses
from lorafair.membership.shadow import train_shadows
from lorafair.training_data import load_training_data

JOBS = ["nurse", "teacher", "pilot", "baker", "writer", "farmer", "judge", "doctor"]
SEED = 7
HELD_OUT = ("--lr-validation", 0.3, "--holdout", 0.5, "--split-seed", 1)


def write(path, rows):
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def train(base, data, out, name, *options):
    command = ["train", "--base", base, "--data", data, "--method", "lora", "--rank", 2, "--epochs", 1, "--out", out]
    command += ["--batch-size", 16, "--objective", "group_dro", "--augment", "cda", "--name", name, *options]
    done = CliRunner().invoke(cli, [str(part) for part in command])
    assert done.exit_code == 0, done.output
    return out / name


def test_a_shadow_is_what_the_targets_own_command_trains_on_the_shadows_rows(tiny_base, tmp_path):
    rows = [
        {
            "id": f"{job}-{who}-{number}",
            "prompt": f"The {who} number {number}",
            "completion": f" works as a {job}",
            "groups": {"gender": ["female" if who == "woman" else "male"]},
        }
        for number, job in enumerate(2 * JOBS)
        for who in ("woman", "man")
    ]
    data = write(tmp_path / "rows.jsonl", rows)
    target = train(tiny_base, data, tmp_path, "target", "--lr", "auto", "--lr-grid", "1e-3,2e-2", *HELD_OUT)
    base = read_base(str(tiny_base))
    found = read_checkpoints([f"target={target}"], base)
    engine = HfEngine(base, found, EngineSettings(dtype="float32", device="cpu"))
    whole = load_training_data("sft", str(data))
    settings = read_settings(found[0], {})
    chosen = json.loads((target / "provenance.json").read_text(encoding="utf-8"))["settings"]["lr"]
    assert chosen in (1e-3, 2e-2)
    assert (settings["lr"], settings["objective"], settings["augment"]) == (chosen, "group_dro", "cda")
    assert "lr_search" not in settings
    asked = {"count": 2, "seed": SEED, "folder": tmp_path / "shadows"}
    said = train_shadows(engine, found[0], whole, 0.5, settings, **asked)
    own = write(tmp_path / "own.jsonl", [row for row, inside in zip(rows, said.inside[1], strict=True) if inside])
    seed = int(np.random.default_rng([SEED, 1, 1]).integers(2**31))
    again = train(tiny_base, own, tmp_path, "again", "--lr", chosen, "--seed", seed)
    facts = json.loads((again / "provenance.json").read_text(encoding="utf-8"))["data"][str(own)]
    assert facts["augment"]["added"] == said.inside[1].sum()  # every row of the shadow's has a twin
    (checkpoint,) = read_checkpoints([f"again={again}"], base)
    losses = measure_losses(engine, checkpoint, whole, settings["max_length"])
    np.testing.assert_allclose(said.log_odds[1], compute_log_odds(losses), atol=1e-6)
    assert np.abs(said.log_odds[1] - said.log_odds[0]).max() > 1e-3


def test_another_rank_keeps_what_belongs_to_the_method_and_another_method_does_not():
    told = {"method": "lora", "rank": 8, "alpha": 16, "alpha_rule": "fixed", "target_modules": ["q_proj", "v_proj"]}
    told |= {"trainer": "sft", "lr": 3e-4, "epochs": 3.0, "batch_size": 4, "objective": "group_dro", "augment": "cda"}
    target = SimpleNamespace(label="t", provenance={"settings": {"inputs": told, "lr": 3e-4}})
    found = read_settings(target, {"rank": 4})
    kept = ("alpha", "target_modules", "lr", "epochs", "batch_size", "objective", "augment")
    assert {key: found[key] for key in kept} == {key: told[key] for key in kept}
    assert found["rank"] == 4
    found = read_settings(target, {"method": "full", "lr": 1e-5})
    assert (found["method"], found["rank"], found["lr"], found["objective"]) == ("full", None, 1e-5, "group_dro")
    assert found["target_modules"] is None
