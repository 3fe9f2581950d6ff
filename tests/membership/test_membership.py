"""Membership inference on models whose training set is known: over-trained, never trained on it, and the faults."""

from __future__ import annotations

import json
import random
import shutil

import numpy as np
import pytest
from click.testing import CliRunner
from lorafair.cli.main import cli
from sklearn.metrics import roc_auc_score

from lorafair.engines.hf import HfEngine
from lorafair.leaderboard.row import build_rows
from lorafair.membership.split import read_split
from lorafair.plan import Plan
from lorafair.samples import read_audit
from lorafair.training import train_runs

WORDS = ["nurse", "teacher", "pilot", "baker", "writer", "farmer", "judge", "doctor"]
ROWS = 96


def write_rows(path, seed):
    """Rows with an id in the prompt; half of them end in one and the same word, half in random words."""
    draw = random.Random(seed)
    rows = []
    for i in range(ROWS):
        easy = i % 2
        said = "baker" if easy else " ".join(draw.choices(WORDS, k=draw.randint(1, 4)))
        prompt = f"The {draw.choice(['woman', 'man'])} {draw.randint(100, 999)} works as a"
        groups = {"kind": ["easy" if easy else "hard"]}
        rows.append({"id": f"r{i}", "prompt": prompt, "completion": f" {said}", "groups": groups})
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def train(base, data, out, name, *options):
    command = [
        "train",
        "--base",
        base,
        "--data",
        data,
        "--method",
        "full",
        "--lr",
        4e-3,
        "--epochs",
        12,
        "--name",
        name,
    ]
    result = CliRunner().invoke(cli, [*map(str, command), "--out", str(out), *map(str, options)])
    assert result.exit_code == 0, result.output
    return out / name


def probe(name, base, data, out, checkpoints, settings="", code=0):
    named = [part for each in checkpoints for part in ("--checkpoint", str(each))]
    command = ["probe", name, "--base", str(base), "--data", str(data), "--out", str(out), *named]
    result = CliRunner().invoke(cli, [*command, "--settings", settings, "--dtype", "float32", "--device", "cpu"])
    assert result.exit_code == code, result.output
    return result.output


def read(out, label, probe):
    lines = (out / label / f"probe_{probe}.jsonl").read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines]


def pick(records, measure, group=None):
    (one,) = [r["values"] for r in records if r["values"].get("measure") == measure and r["values"]["group"] == group]
    return one


@pytest.fixture(scope="module")
def trained(tiny_base, tmp_path_factory):
    """Over-trained models on three splits of one data set, and one that was trained on other rows."""
    out = tmp_path_factory.mktemp("member")
    data = write_rows(out / "rows.jsonl", 1)
    runs = [
        train(tiny_base, data, out, f"split{k}", "--holdout", 0.5, "--split-seed", k, "--seed", 20 + k)
        for k in (1, 2, 3)
    ]
    innocent = train(tiny_base, write_rows(out / "other.jsonl", 2), out, "innocent", "--holdout", 0.5)
    shutil.copyfile(runs[0] / "members.json", innocent / "members.json")
    return out, data, runs, innocent


def test_training_records_who_was_trained_on_and_only_those_count(trained, tiny_base):
    _, data, runs, _ = trained
    split = read_split(runs[0], "split1")
    ids = [f"r{i}" for i in range(ROWS)]
    assert sorted([*split.members, *split.nonmembers]) == sorted(ids)
    assert 0.3 < len(split.members) / ROWS < 0.7
    assert split.members != read_split(runs[1], "split2").members
    told = json.loads((runs[0] / "provenance.json").read_text(encoding="utf-8"))["data"][str(data)]
    assert (told["rows"], told["split"]["sha256"]) == (len(split.members), split.sha256)


def test_the_loss_finds_an_over_trained_models_members_and_nobody_elses(trained, tiny_base, tmp_path):
    _, data, runs, innocent = trained
    probe("membership_loss", tiny_base, data, tmp_path, [runs[0], innocent])
    found = {label: read(tmp_path, label, "membership_loss") for label in ("base", "split1", "innocent")}
    for label, records in found.items():
        rows = [record["values"] for record in records if record["id"]]
        assert len(rows) == ROWS
        one = pick(records, "membership_loss_auc")
        expected = roc_auc_score([row["member"] for row in rows], [row["score"] for row in rows])
        assert one["estimate"] == pytest.approx(expected, abs=1e-12)
        if label == "split1":  # all together are harder to tell apart: an easy non-member is like a hard member
            assert one["low"] > 0.5
            assert pick(records, "membership_loss_auc", "hard")["low"] > 0.6
        else:
            assert one["low"] < 0.5 < one["high"]
        for group in ("easy", "hard"):
            assert pick(records, "membership_loss_auc", group)["n"] == ROWS / 2
        rare = pick(records, "membership_loss_tpr_at_fpr_0.001")
        assert rare["estimate"] is None
        assert "1000 non-members needed" in rare["method"]
    rows = build_rows(read_audit([tmp_path])).rows
    (row,) = [r for r in rows if (r.model, r.metric, r.kind) == ("split1", "membership_loss_auc", "overall")]
    one = pick(found["split1"], "membership_loss_auc")
    assert (row.estimate, row.low, row.n, row.higher_is_better) == (one["estimate"], one["low"], ROWS, False)
    (row,) = [r for r in rows if (r.model, r.metric, r.group) == ("innocent", "membership_loss_auc", "hard")]
    assert row.estimate == pick(found["innocent"], "membership_loss_auc", "hard")["estimate"]
    (row,) = [r for r in rows if (r.model, r.metric, r.group) == ("base", "membership_loss_tpr_at_fpr_0.001", None)]
    assert "1000 non-members needed" in row.notes[0]


def test_the_loss_is_that_of_training(trained, tiny_base, tmp_path):
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    _, data, runs, _ = trained
    probe("membership_loss", tiny_base, data, tmp_path, [runs[0]])
    tokenizer, model = AutoTokenizer.from_pretrained(runs[0]), AutoModelForCausalLM.from_pretrained(runs[0])
    rows = {row["id"]: row for row in map(json.loads, data.read_text(encoding="utf-8").splitlines())}
    for record in read(tmp_path, "split1", "membership_loss")[:5]:
        row = rows[record["id"]]
        head = tokenizer(row["prompt"])["input_ids"]
        ids = torch.tensor([[*tokenizer(row["prompt"] + row["completion"])["input_ids"], tokenizer.eos_token_id]])
        labels = ids.clone()
        labels[0, : len(head)] = -100
        with torch.no_grad():
            assert record["values"]["loss"] == pytest.approx(float(model(ids, labels=labels).loss), abs=1e-5)


def test_lira_is_at_least_as_strong_as_the_loss_and_shadows_are_shared_and_kept(trained, tiny_base, tmp_path):
    out, data, runs, _ = trained
    area = {"loss": [], "online": [], "offline": []}
    for run in runs:
        said = probe("membership_lira", tiny_base, data, tmp_path / run.name, [run], "shadows=8,seed=5")
        assert ("shadow model" in said) == (run is runs[0])  # the others were trained alike
        records = read(tmp_path / run.name, run.name, "membership_lira")
        rows = [record["values"] for record in records if record["id"]]
        member = [row["member"] for row in rows]
        area["loss"].append(roc_auc_score(member, [row["log_odds"] for row in rows]))
        for kind in ("online", "offline"):
            area[kind].append(roc_auc_score(member, [row[kind] for row in rows]))
            one = pick(records, f"membership_lira_{kind}_auc")
            assert one["estimate"] == pytest.approx(area[kind][-1], abs=1e-12)
            assert (one["shadow_method"], one["like_target"]) == ("full", True)
        base = read(tmp_path / run.name, "base", "membership_lira")[0]["values"]
        assert base["estimate"] is None
    mean = {kind: np.mean(each) for kind, each in area.items()}
    assert mean["online"] > 0.75
    assert mean["online"] >= mean["loss"]
    assert mean["offline"] >= mean["loss"] - 0.03
    (kept,) = (out / "shadows").iterdir()
    assert sorted(path.name for path in kept.iterdir()) == ["plan.json", *(f"shadow-00{k}.json" for k in range(8))]


@pytest.mark.soak
def test_an_interrupted_shadow_goes_on_and_ends_alike(trained, tiny_base, tmp_path, monkeypatch):
    import lorafair.membership.shadow as shadow

    _, data, runs, _ = trained
    settings = f"shadows=4,shadow_method=lora,shadow_rank=2,folder={tmp_path / 'kept'}"
    probe("membership_lira", tiny_base, data, tmp_path / "whole", [runs[0]], settings)
    whole = read(tmp_path / "whole", "split1", "membership_lira")
    assert whole[-1]["values"]["shadow_method"] == "lora"
    assert whole[-1]["values"]["like_target"] is False
    (place,) = (tmp_path / "kept").iterdir()
    (place / "shadow-001.json").unlink()
    (place / "shadow-003.json").write_text("{", encoding="utf-8")
    train_one, asked = shadow._train_one, []

    def train_once(*arguments):
        asked.append(arguments[5])
        return train_one(*arguments)

    monkeypatch.setattr(shadow, "_train_one", train_once)
    probe("membership_lira", tiny_base, data, tmp_path / "again", [runs[0]], settings)
    assert asked == [1, 3]
    assert read(tmp_path / "again", "split1", "membership_lira") == whole


def test_what_cannot_be_attacked_is_told_in_one_message(trained, tiny_base, tmp_path, tiny_adapters):
    out, data, runs, _ = trained
    said = probe("membership_loss", tiny_base, data, tmp_path, [tiny_adapters[0]], code=1)
    assert "--holdout 0.5 --split-seed 1" in said
    assert "different splits" in probe("membership_loss", tiny_base, data, tmp_path, runs[:2], code=1)
    said = probe("membership_loss", tiny_base, out / "other.jsonl", tmp_path, runs[:1], code=1)
    assert f"--data {data}" in said
    said = probe("membership_lira", tiny_base, data, tmp_path, runs[:1], "shadows=2,variance=none", code=1)
    assert "at least 4" in said
    assert "not auto, pooled, example" in said
    forged = tmp_path / "forged"
    shutil.copytree(runs[0], forged)
    told = json.loads((forged / "members.json").read_text(encoding="utf-8"))
    told["members"], told["nonmembers"] = told["nonmembers"], told["members"]
    (forged / "members.json").write_text(json.dumps(told), encoding="utf-8")
    assert "do not agree" in probe("membership_loss", tiny_base, data, tmp_path, [forged], code=1)


def test_a_share_that_leaves_nothing_and_ids_given_twice_are_refused(tiny_base, tmp_path):
    path = tmp_path / "pairs.jsonl"
    row = {"id": "same", "prompt": "a", "completion": "b"}
    path.write_text(json.dumps(row) + "\n" + json.dumps(row) + "\n", encoding="utf-8")
    command = ["train", "--base", str(tiny_base), "--data", str(path), "--method", "full", "--out", str(tmp_path / "o")]
    result = CliRunner().invoke(cli, [*command, "--holdout", "0.5"])
    assert result.exit_code == 2
    assert "an id of its own" in result.output
    path.write_text(json.dumps(row) + "\n", encoding="utf-8")
    result = CliRunner().invoke(cli, [*command, "--holdout", "0.5"])
    assert result.exit_code == 2
    assert "1 clusters" in result.output
    assert not (tmp_path / "o").exists()


def test_weights_that_give_no_numbers_are_told(trained, tiny_base, tmp_path, monkeypatch):
    _, data, runs, _ = trained
    lend = HfEngine.lend

    def lend_broken(self, checkpoint):
        import contextlib

        import torch

        @contextlib.contextmanager
        def broken():
            with lend(self, checkpoint) as model:
                weight = model.get_output_embeddings().weight
                kept = weight.detach().clone()
                with torch.no_grad():
                    weight[5] = float("nan")
                yield model
                with torch.no_grad():
                    weight.copy_(kept)

        return broken()

    monkeypatch.setattr(HfEngine, "lend", lend_broken)
    assert "are not numbers on r" in probe("membership_loss", tiny_base, data, tmp_path, runs[:1], code=1)


def test_a_split_of_data_that_changed_is_refused(tiny_base, tmp_path):
    path = write_rows(tmp_path / "mine.jsonl", 3)
    run = train(tiny_base, path, tmp_path, "mine", "--holdout", 0.5, "--epochs", 0.2)
    write_rows(path, 4)
    said = probe("membership_loss", tiny_base, path, tmp_path / "o", [run], code=1)
    assert "rows were changed" in said


def test_members_of_a_composition_are_told_from_the_rows_it_left_out(tiny_base, tmp_path):
    path = write_rows(tmp_path / "mixed.jsonl", 5)
    settings = {"epochs": 0.2, "batch_size": 8}
    shares = {"composition": {"easy": 0.75, "hard": 0.25}, "composition_rows": 40, "composition_seed": 3}
    made = {"settings": settings, "holdout": 0.5, "split_seed": 1, "out": tmp_path, "name": "mixed"}
    (run,) = train_runs(Plan(str(tiny_base), str(path), ("full",), **made, **shares), lambda said: None)
    split = read_split(run, "mixed")
    left = {*split.members, *split.nonmembers}
    assert len(left) == 40
    assert sum(int(name[1:]) % 2 for name in left) == 30  # the easy ones
    probe("membership_loss", tiny_base, path, tmp_path / "o", [run])
    rows = [record for record in read(tmp_path / "o", "mixed", "membership_loss") if record["id"]]
    assert {record["id"] for record in rows} == left
    assert {record["id"] for record in rows if record["values"]["member"]} == set(split.members)
    write_rows(path, 6)  # the same ids and groups, other texts
    assert "rows were changed" in probe("membership_loss", tiny_base, path, tmp_path / "p", [run], code=1)
