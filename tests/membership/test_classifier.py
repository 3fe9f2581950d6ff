"""Membership in the training set of a classifier: labels that a coin chose are told apart once they are learnt."""

from __future__ import annotations

import json
import random

import pytest
import torch
from click.testing import CliRunner
from lorafair.cli.main import cli

from lorafair.membership.split import read_split

NAMES = ["Ada", "Ben", "Cleo", "Dan", "Eve", "Finn", "Gus", "Hana", "Ivo", "Jo"]
JOBS = ["nurse", "teacher", "pilot", "baker", "writer", "farmer", "judge", "doctor"]


@pytest.fixture(scope="module")
def bert(tmp_path_factory, tiny_base):
    """A random encoder of two layers with the tiny tokenizer."""
    from transformers import AutoTokenizer, BertConfig, BertModel

    folder = tmp_path_factory.mktemp("bert") / "tiny"
    tokenizer = AutoTokenizer.from_pretrained(tiny_base)
    tokenizer.save_pretrained(folder)
    torch.manual_seed(0)
    size = {"hidden_size": 48, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 64}
    plain = {"hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0, "initializer_range": 0.2}
    BertModel(
        BertConfig(vocab_size=len(tokenizer), max_position_embeddings=64, pad_token_id=0, **size, **plain)
    ).save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def coins(tmp_path_factory):
    draw, path = random.Random(3), tmp_path_factory.mktemp("coins") / "coins.jsonl"
    pairs = [(name, job) for name in NAMES for job in JOBS]
    rows = [
        {
            "id": f"{name}-{job}",
            "text": f"{job} {name} {draw.randint(10, 99)}",
            "label": draw.choice(["no", "yes"]),
            "groups": {"half": ["left" if i % 2 else "right"]},
        }
        for i, (name, job) in enumerate(pairs)
    ]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def run(*command, code=0):
    result = CliRunner().invoke(cli, [str(part) for part in command])
    assert result.exit_code == code, result.output
    return result.output


@pytest.mark.parametrize("method", ["full", "lora"])
def test_a_classifiers_members_are_told_by_its_margin(bert, coins, tmp_path, method):
    train = ["train", "--base", bert, "--data", coins, "--trainer", "classify", "--method", method, "--out", tmp_path]
    rank = ["--rank", 8, "--lr", 1e-2] if method == "lora" else ["--lr", 3e-3]
    run(*train, *rank, "--epochs", 20, "--holdout", 0.5, "--split-seed", 4, "--name", "target")
    probe = ["--base", bert, "--checkpoint", tmp_path / "target", "--data", coins, "--engine", "head"]
    probe += ["--dtype", "float32", "--device", "cpu", "--out", tmp_path / "results"]
    run("probe", "membership_loss", *probe)
    run("probe", "membership_lira", *probe, "--settings", "shadows=4")
    found = {}
    for name in ("membership_loss", "membership_lira"):
        lines = (tmp_path / "results" / "target" / f"probe_{name}.jsonl").read_text(encoding="utf-8").splitlines()
        records = [json.loads(line) for line in lines]
        found[name] = {r["id"]: r["values"] for r in records if r["id"]}
        whole = {r["values"]["measure"]: r["values"] for r in records if not r["id"] and r["values"]["group"] is None}
        for measure, values in whole.items():
            if measure.endswith("auc"):
                assert values["low"] > 0.6, measure
            assert (values["members"], values["n"]) == (len(read_split(tmp_path / "target", "t").members), 80)
    # the loss and the margin of the plain model, one text at a time
    model, labels = load(bert, tmp_path / "target", method)
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(bert)
    for row in list(map(json.loads, coins.read_text(encoding="utf-8").splitlines()))[:6]:
        with torch.no_grad():
            logits = model(torch.tensor([tokenizer(row["text"])["input_ids"]])).logits[0]
        own = labels.index(row["label"])
        assert found["membership_loss"][row["id"]]["loss"] == pytest.approx(
            float(torch.nn.functional.cross_entropy(logits, torch.tensor(own))), abs=1e-5
        )
        margin = float(logits[own] - logits[1 - own])
        assert found["membership_lira"][row["id"]]["log_odds"] == pytest.approx(margin, abs=1e-4)
    base = json.loads((tmp_path / "results" / "base" / "probe_membership_loss.jsonl").read_text().splitlines()[0])
    assert "no head" in base["values"]["note"]


def load(base, folder, method):
    """The checkpoint in plain transformers and PEFT, and its labels."""
    from peft import PeftModel
    from transformers import AutoModelForSequenceClassification

    if method == "full":
        model = AutoModelForSequenceClassification.from_pretrained(folder).eval()
        return model, [model.config.id2label[i] for i in range(2)]
    labels = json.loads((folder / "head.json").read_text(encoding="utf-8"))["labels"]
    model = AutoModelForSequenceClassification.from_pretrained(base, num_labels=2)
    return PeftModel.from_pretrained(model, folder).eval(), labels
