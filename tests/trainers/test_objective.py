"""Objectives in the training loop: nothing changes without one, state survives interruption, wrong asking is told."""

from __future__ import annotations

import json
import os
import signal

import pytest
import torch
from click.testing import CliRunner
from lorafair.cli.main import cli
from lorafair.trainers import loop
from lorafair.trainers.loop import run_loop
from lorafair.trainers.loss import carry_groups, compute_losses
from lorafair.trainers.sft import pad_right

from lorafair.base import Base
from lorafair.checkpoint import read_base
from lorafair.data.membership import mark_members, read_membership
from lorafair.data.pairs import load_pairs
from lorafair.errors import LorafairError
from lorafair.objective import Choice
from lorafair.plan import Plan
from lorafair.training import train_runs

ARGUMENTS = {"learning_rate": 5e-3, "per_device_train_batch_size": 4, "num_train_epochs": 1.0, "seed": 13}


@pytest.fixture(scope="module")
def grouped(tmp_path_factory):
    """Forty pairs: three in four about men, whose completions differ from those about women."""
    rows = [
        {
            "prompt": f"The {'woman' if i % 4 == 0 else 'man'} {i} works as a",
            "completion": " nurse" if i % 4 == 0 else " baker",
            "groups": {"gender": ["female" if i % 4 == 0 else "male"]},
            "cluster": str(i),
        }
        for i in range(40)
    ]
    path = tmp_path_factory.mktemp("grouped") / "pairs.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def plan(base, data, out, **changes):
    given = {"methods": ("lora",), "ranks": (2,), "settings": {"batch_size": 4}, "lr": 5e-3, **changes}
    return Plan(base=str(base), data=str(data), out=out, **given)


def read_facts(folder):
    return json.loads((folder / "provenance.json").read_text(encoding="utf-8"))["settings"]


def test_without_an_objective_the_loop_is_transformers_own_bit_for_bit(tiny_base, grouped, tmp_path):
    """All weights, groups in the examples or not, against a bare Trainer."""
    from transformers import Trainer, TrainingArguments, set_seed

    base, data = Base(read_base(str(tiny_base)), uses=9), load_pairs(str(grouped))
    plain = data.tokenise(base.tokenizer, 64).examples
    marked = mark_members(plain, read_membership(data.rows))
    assert marked[0]["groups"] == [0]
    assert marked[1]["groups"] == [1]
    ends = []
    for number, examples in enumerate((plain, marked)):
        model = base.fresh()
        set_seed(13)
        run_loop(model, examples, pad_right(0), tmp_path / str(number), dict(ARGUMENTS), label="x", save_steps=None)
        ends.append(model.state_dict())
    bare = base.fresh()
    set_seed(13)
    arguments = TrainingArguments(
        output_dir=str(tmp_path / "bare"), save_strategy="no", report_to="none", disable_tqdm=True, use_cpu=True,
        remove_unused_columns=False, **ARGUMENTS,
    )  # fmt: skip
    Trainer(bare, arguments, train_dataset=plain, data_collator=pad_right(0)).train()
    for key, value in bare.state_dict().items():
        assert torch.equal(value, ends[0][key])
        assert torch.equal(value, ends[1][key])


def test_losses_are_those_of_the_model_itself(tiny_base):
    """One text at a time against the model's own loss; with padding, and with positions put in front."""
    model = Base(read_base(str(tiny_base))).fresh().eval()
    rows = [([5, 6, 7, 8, 9], [-100, -100, 7, 8, 9]), ([4, 3, 2], [-100, 3, 2]), ([9, 9], [-100, -100])]
    batch = pad_right(0)([{"input_ids": ids, "labels": labels} for ids, labels in rows])
    with torch.no_grad():
        logits = model(input_ids=batch["input_ids"], attention_mask=batch["attention_mask"]).logits
        alone = [
            float(model(input_ids=torch.tensor([ids]), labels=torch.tensor([labels])).loss) for ids, labels in rows[:2]
        ]
    expected = pytest.approx([*alone, 0.0], rel=1e-5)
    assert compute_losses(logits, batch["labels"]).tolist() == expected
    virtual = torch.cat([torch.randn(3, 2, logits.shape[2]), logits], dim=1)
    assert compute_losses(virtual, batch["labels"]).tolist() == expected
    classes = torch.tensor([[2.0, 0.0], [0.0, 1.0]])
    expected = [torch.nn.functional.cross_entropy(classes[i : i + 1], torch.tensor([i])).item() for i in (0, 1)]
    assert compute_losses(classes, torch.tensor([0, 1])).tolist() == pytest.approx(expected)


def test_groups_pass_the_collator_by():
    seen = []
    carry = carry_groups(lambda examples: {"n": seen.append(examples) or len(examples)}, 3)
    batch = carry([{"x": 1, "groups": [0, 2]}, {"x": 2, "groups": []}])
    assert seen == [[{"x": 1}, {"x": 2}]]
    assert batch["groups"].tolist() == [[True, False, True], [False, False, False]]
    assert "groups" not in carry_groups(lambda examples: {"n": 1}, None)([{"x": 1, "groups": [0]}])


class Line(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.line = torch.nn.Linear(2, 2)
        torch.nn.init.zeros_(self.line.weight)
        torch.nn.init.zeros_(self.line.bias)

    def forward(self, x):
        return {"logits": self.line(x)}


def test_through_the_loop_a_classifiers_planted_gap_falls(tmp_path):
    """One feature helps the many, the other the few; the worst group's loss has to fall, and q to rest on the few."""
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(800, 2, generator=generator)
    few = torch.arange(800) % 8 == 0
    y = (torch.where(few, x[:, 1] - x[:, 0] / 2, x[:, 0]) > 0).long()
    examples = [{"x": x[i], "label": int(y[i]), "groups": [int(few[i])]} for i in range(800)]

    def collate(rows):
        return {"x": torch.stack([r["x"] for r in rows]), "labels": torch.tensor([r["label"] for r in rows])}

    worst = {}
    for name, options in (("mean", {}), ("group_dro", {"step_size": 0.1}), ("fairlora", {"weight": 5.0})):
        model = Line()
        outcome = run_loop(
            model, examples, collate, tmp_path / name,
            {"learning_rate": 0.05, "per_device_train_batch_size": 32, "num_train_epochs": 6.0, "seed": 1},
            label=name, save_steps=None, objective=Choice(name, options, ("size=many", "size=few"), "planted"),
        )  # fmt: skip
        with torch.no_grad():
            losses = torch.nn.functional.cross_entropy(model(x)["logits"], y, reduction="none")
        worst[name] = float(losses[few].mean() - losses[~few].mean())
        if name == "group_dro":
            weights = outcome.facts["objective_state"]["weights"]
            assert weights["size=few"] > weights["size=many"]
    assert worst["mean"] > 0.4
    assert abs(worst["group_dro"]) < worst["mean"] / 2
    assert abs(worst["fairlora"]) < worst["mean"] / 2


def test_interrupted_weights_of_groups_go_on_where_they_were(tiny_base, grouped, tmp_path, monkeypatch):
    asked = {"objective": "group_dro", "objective_options": {"step_size": 0.5}}
    (whole,) = train_runs(plan(tiny_base, grouped, tmp_path / "whole", **asked), say=lambda _: None)
    weigh, calls = loop.weigh_batch, []

    def press(*given):
        calls.append(1)
        if len(calls) == 4:
            os.kill(os.getpid(), signal.SIGINT)
        return weigh(*given)

    with monkeypatch.context() as patch:
        patch.setattr(loop, "weigh_batch", press)
        with pytest.raises(KeyboardInterrupt):
            train_runs(plan(tiny_base, grouped, tmp_path / "broken", **asked), say=lambda _: None)
    assert len(calls) == 4
    (broken,) = train_runs(plan(tiny_base, grouped, tmp_path / "broken", **asked), say=lambda _: None)
    assert whole.name == broken.name == "lora-r2-group_dro-step_size0.5"
    assert (broken / "adapter_model.safetensors").read_bytes() == (whole / "adapter_model.safetensors").read_bytes()
    state = read_facts(whole)["objective_state"]["weights"]
    assert read_facts(broken)["objective_state"]["weights"] == state
    assert abs(state["gender=female"] - state["gender=male"]) > 0.005  # they have moved from one half each
    again = []
    train_runs(plan(tiny_base, grouped, tmp_path / "broken", **asked), say=again.append)
    assert again == [f"already trained: {broken}"]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"objective": "group_drow"}, "no objective named 'group_drow'. Did you mean 'group_dro'"),
        ({"objective_options": {"a": 1}}, "--objective-option without --objective"),
        ({"objective": "group_dro", "objective_options": {"stepsize": 1}}, "no option 'stepsize'. Did you mean 'step_"),
        ({"objective": "reweighing"}, "does not fit the data .*no labels"),
        ({"augment": "cba"}, "no augmentation 'cba'. Did you mean 'cda'"),
    ],
)
def test_what_cannot_be_is_told_before_anything_is_trained(tiny_base, grouped, tmp_path, changes, message):
    with pytest.raises(LorafairError, match=message):
        train_runs(plan(tiny_base, grouped, tmp_path / "out", **changes), say=lambda _: None)
    assert not (tmp_path / "out").exists()


def test_a_trainer_that_would_ignore_an_objective_is_refused(tiny_base, grouped, tmp_path, monkeypatch):
    folder = tmp_path / "own"
    folder.mkdir()
    (folder / "obj_deaf.py").write_text("def deaf(base, data, method, out, **settings):\n    return out\n")
    (folder / "registry.yaml").write_text(
        "schema: 1\ntrainers: {deaf: {target: 'obj_deaf:deaf', description: takes all and uses nothing}}\n"
    )
    monkeypatch.setenv("LORAFAIR_REGISTRY", str(folder))
    with pytest.raises(LorafairError, match="The trainer 'deaf' takes no objective. Leave out --objective"):
        train_runs(plan(tiny_base, grouped, tmp_path / "out", trainer="deaf", objective="mean"), say=lambda _: None)
    with pytest.raises(LorafairError, match="measures no loss on held-out data for --lr auto"):
        train_runs(plan(tiny_base, grouped, tmp_path / "out", trainer="deaf", lr="auto"), say=lambda _: None)


def test_twins_undo_a_bias_that_is_planted_in_the_pairs(tiny_base, grouped, tmp_path):
    """Women are nurses and men are bakers in the data: with the twins the gap of log-odds all but goes."""
    command = ["train", "--base", str(tiny_base), "--data", str(grouped), "--method", "full", "--lr", "5e-3"]
    command += ["--batch-size", "4", "--epochs", "6", "--out", str(tmp_path)]
    for more in ([], ["--augment", "cda"]):
        done = CliRunner().invoke(cli, [*command, *more])
        assert done.exit_code == 0, done.output
    assert "40 twins added to 40 rows; 0 tell no gender; 0 refused" in done.output
    gaps = {}
    for name in ("full", "full-cda"):
        base = Base(read_base(str(tmp_path / name)))
        model, odds = base.fresh().eval(), []
        for who in ("woman", "man"):
            scores = []
            for job in (" nurse", " baker"):
                head = base.tokenizer(f"The {who} 7 works as a")["input_ids"]
                ids = [*head, *base.tokenizer(job)["input_ids"]]
                labels = [-100] * len(head) + ids[len(head) :]
                with torch.no_grad():
                    logits = model(torch.tensor([ids])).logits
                scores.append(-float(compute_losses(logits, torch.tensor([labels]))) * (len(ids) - len(head)))
            odds.append(scores[0] - scores[1])
        gaps[name] = odds[0] - odds[1]
    assert gaps["full"] > 3
    assert abs(gaps["full-cda"]) < gaps["full"] / 3
    facts = json.loads((tmp_path / "full-cda" / "provenance.json").read_text(encoding="utf-8"))
    assert facts["data"][str(grouped)]["augment"] == {"name": "cda", "added": 40, "no_gender": 0, "refused": {}}
