"""``lr: auto``: held-out clusters, every rate of the grid once, resumed trials, a rate that is too high, one base load."""

from __future__ import annotations

import json
import os
import signal

import pytest
from click.testing import CliRunner
from lorafair.cli.main import cli
from lorafair.trainers import loop

from lorafair.base import Base
from lorafair.data.pairs import load_pairs
from lorafair.errors import LorafairError
from lorafair.plan import Plan
from lorafair.rate import Search, split_data
from lorafair.training import train_runs

SEARCH = Search(grid=(1e-6, 1e-2), share=0.5, validation=0.3)


def plan(base, data, out, **changes):
    given = {"methods": ("lora",), "ranks": (2,), "settings": {"batch_size": 4, "epochs": 2.0}, "lr": "auto"}
    given = given | {"search": SEARCH} | changes
    if given["methods"] == ("full",):
        given["ranks"] = ()
    return Plan(base=str(base), data=str(data), out=out, **given)


def read_facts(folder):
    return json.loads((folder / "provenance.json").read_text(encoding="utf-8"))["settings"]


def test_each_cell_gets_the_rate_of_its_lowest_validation_loss(tiny_base, pair_file, tmp_path, monkeypatch):
    reads, said = [], []
    read = Base._read
    monkeypatch.setattr(Base, "_read", lambda self: (reads.append(1), read(self))[1])
    asked = plan(tiny_base, pair_file, tmp_path, methods=("lora", "full"), seeds=(1, 2))
    folders = train_runs(asked, say=said.append)
    assert [folder.name for folder in folders] == ["lora-r2-seed1", "lora-r2-seed2", "full-seed1", "full-seed2"]
    assert len(reads) == 1
    for folder in folders:
        facts = read_facts(folder)
        losses = {trial["lr"]: trial["validation_loss"] for trial in facts["lr_trials"]}
        assert sorted(losses) == [1e-6, 1e-2]
        assert facts["lr"] == min(losses, key=lambda rate: losses[rate]) == 1e-2
        assert facts["inputs"]["lr"] == "auto"
        assert facts["lr_search"] == {"grid": [1e-6, 1e-2], "share": 0.5, "validation": 0.3, "seed": 7}
        kept, held_out = split_data(load_pairs(str(pair_file)), facts["lr_search"])
        assert {trial["steps"] for trial in facts["lr_trials"]} == {-(-len(kept.rows) // 4)}  # half of two epochs
        assert not {row["cluster"] for row in kept.rows} & {row["cluster"] for row in held_out.rows}
        assert len(kept.rows) + len(held_out.rows) == 40
        assert facts["steps"] == 20  # the run itself has all the data
    assert read_facts(folders[0])["lr_trials"] == read_facts(folders[1])["lr_trials"]
    assert read_facts(folders[0])["lr_trials"] != read_facts(folders[2])["lr_trials"]
    assert sum("at the end of the grid" in line for line in said) == 4
    said.clear()
    train_runs(asked, say=said.append)
    assert said == [f"already trained: {folder}" for folder in folders]


def test_the_validation_loss_is_that_of_the_model_that_was_written(tiny_base, pair_file, tmp_path, monkeypatch):
    """Trained on all but the held-out pairs by hand, at the trial's rate: its loss on them is the one in the record."""
    import torch
    from lorafair.trainers.loss import compute_losses

    search = Search(grid=(5e-3,), share=1.0, validation=0.3)
    (auto,) = train_runs(plan(tiny_base, pair_file, tmp_path / "auto", methods=("full",), search=search), print)
    (trial,) = read_facts(auto)["lr_trials"]
    kept, held_out = split_data(load_pairs(str(pair_file)), search.describe("full"))
    part = tmp_path / "kept.jsonl"
    part.write_text("".join(json.dumps(row) + "\n" for row in kept.rows), encoding="utf-8")
    given = {"methods": ("full",), "lr": 5e-3, "seeds": (search.seed,), "search": Search()}
    (fixed,) = train_runs(plan(tiny_base, part, tmp_path / "fixed", **given), print)
    from lorafair.checkpoint import read_base

    base = Base(read_base(str(fixed)))
    model, losses = base.fresh().eval(), []
    for example in held_out.tokenise(base.tokenizer, 512).examples:
        with torch.no_grad():
            logits = model(torch.tensor([example["input_ids"]])).logits
        losses.append(float(compute_losses(logits, torch.tensor([example["labels"]]))))
    assert trial["validation_loss"] == pytest.approx(sum(losses) / len(losses), rel=1e-4)


def test_interrupted_trials_go_on_and_none_is_done_twice(tiny_base, pair_file, tmp_path, monkeypatch):
    asked = plan(tiny_base, pair_file, tmp_path, search=Search(grid=(1e-3, 1e-2), share=0.5, validation=0.3))
    measure, done = loop.measure_loss, []

    def press(*given):
        done.append(1)
        if len(done) == 2:
            os.kill(os.getpid(), signal.SIGINT)
            os.kill(os.getpid(), signal.SIGINT)
        return measure(*given)

    with monkeypatch.context() as patch:
        patch.setattr(loop, "measure_loss", press)
        with pytest.raises(KeyboardInterrupt):
            train_runs(asked, say=print)
        (folder,) = train_runs(asked, say=print)
    assert len(done) == 3  # the first rate once, the second until it was interrupted and again
    assert [trial["lr"] for trial in read_facts(folder)["lr_trials"]] == [1e-3, 1e-2]
    left = [path.relative_to(tmp_path).as_posix() for path in (tmp_path / ".trials").rglob("*")]
    assert sorted(left) == [".trials/lora-r2", ".trials/lora-r2/trials.json"]


def test_a_rate_that_diverges_is_counted_and_not_chosen(tiny_base, pair_file, tmp_path):
    (folder,) = train_runs(
        plan(tiny_base, pair_file, tmp_path / "a", methods=("full",), search=Search((1e-3, 1e30), 0.5, 0.3)), say=print
    )
    facts = read_facts(folder)
    assert facts["lr"] == 1e-3
    assert facts["lr_trials"][1]["validation_loss"] is None
    with pytest.raises(LorafairError, match=r"no rate of \[1e\+30\] ended with a loss. Give a lower --lr-grid"):
        train_runs(
            plan(tiny_base, pair_file, tmp_path / "b", methods=("full",), search=Search((1e30,), 0.5, 0.3)), say=print
        )


def test_by_the_command_and_from_a_recipe(tiny_base, pair_file, tmp_path):
    recipe = tmp_path / "r.yaml"
    recipe.write_text(
        f"train:\n  base: {tiny_base}\n  data: {pair_file}\n  method: [lora]\n  rank: [2]\n  lr: auto\n"
        f"  lr_grid: [1e-6, 1e-2]\n  lr_share: 0.5\n  objective: mean\n  out: {tmp_path / 'runs'}\n"
    )
    done = CliRunner().invoke(cli, ["train", "--config", str(recipe), "--lr-validation", "0.3"])
    assert done.exit_code == 0, done.output
    assert "lora-r2-mean: lr 0.01 of 1e-06, 0.01 (validation loss" in done.output
    for arguments, message in (
        (["--lr", "fast"], "neither a number nor auto"),
        (["--lr", "auto", "--lr-grid", "1,x"], "no list of numbers"),
        (["--lr", "0.1", "--lr-grid", "1e-3"], "--lr-grid without --lr auto"),
        (["--lr", "auto", "--lr-share", "2", "--lr-validation", "0"], "lr_share is 2.0"),
        (["--lr", "auto", "--lr-validation", "0.0001"], "needs held-out data, but of 40 clusters"),
    ):
        command = ["train", "--base", str(tiny_base), "--data", str(pair_file), "--method", "full"]
        done = CliRunner().invoke(cli, [*command, *arguments, "--out", str(tmp_path / "other")])
        assert done.exit_code == 2
        assert message in " ".join(done.output.split())


def test_under_a_launcher_nothing_is_chosen(tiny_base, pair_file, tmp_path, monkeypatch):
    monkeypatch.setenv("WORLD_SIZE", "2")
    with pytest.raises(LorafairError, match="chooses in one process"):
        train_runs(plan(tiny_base, pair_file, tmp_path / "out"), say=print)
