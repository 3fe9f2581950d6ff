"""Every method trains, and its folder says on the untouched base what the trained model said; options and their faults."""

from __future__ import annotations

import json
import signal

import lorafair.trainers.sft as sft
import pytest
import torch
from lorafair.trainers import method as methods
from peft import PeftModel
from safetensors.torch import load_file

from lorafair.base import Base
from lorafair.checkpoint import read_base, read_checkpoint
from lorafair.errors import LorafairError
from lorafair.evaluation_fact import find_trained_rank
from lorafair.method_option import read_options
from lorafair.plan import Plan
from lorafair.training import train_runs

RANKED = ("lora", "rslora", "dora", "pissa", "olora", "adalora", "vera")
LAYERS = 14  # 2 decoder layers of 7 linear modules each
TEXT = torch.tensor([[3, 17, 40, 8, 99, 21]])


def plan(base, data, out, method, **changes):
    given = {"ranks": (2,) if method in RANKED else (), "settings": {"batch_size": 4}, "lr": 1e-2, **changes}
    return Plan(base=str(base), data=str(data), out=out, methods=(method,), **given)


@pytest.fixture
def ended(monkeypatch):
    """Logits of each trained model on TEXT, taken before it is written."""
    found, write = [], sft.write_model

    def note(model, *rest):
        with torch.no_grad():
            found.append(model.eval()(TEXT).logits)
        return write(model, *rest)

    monkeypatch.setattr(sft, "write_model", note)
    return found


def ask(base, folder, merge=False):
    model = PeftModel.from_pretrained(Base(read_base(str(base))).fresh(), folder).eval()
    with torch.no_grad():
        return (model.merge_and_unload() if merge else model)(TEXT).logits


@pytest.mark.parametrize(
    ("method", "options"),
    [
        *((name, {}) for name in (*RANKED, "ia3", "prefix_tuning", "fractional")),
        ("prompt_tuning", {"tokens": 3}),
        ("peft", {"config": "LoHaConfig", "r": 2}),
        ("peft", {"config": "OFTConfig", "r": 0, "oft_block_size": 4}),
    ],
)
def test_a_folder_on_the_clean_base_answers_as_the_trained_model(
    tiny_base, pair_file, tmp_path, ended, method, options
):
    (folder,) = train_runs(plan(tiny_base, pair_file, tmp_path, method, options=options), say=lambda _: None)
    with torch.no_grad():
        before = Base(read_base(str(tiny_base))).fresh().eval()(TEXT).logits
    answer = ask(tiny_base, folder)
    torch.testing.assert_close(answer, ended[0], atol=2e-5, rtol=1e-4)
    assert (answer[:, -TEXT.shape[1] :] - before).abs().max() > 1e-3
    if method not in ("prompt_tuning", "prefix_tuning"):
        torch.testing.assert_close(ask(tiny_base, folder, merge=True), answer, atol=2e-5, rtol=1e-4)
    checkpoint = read_checkpoint(folder, "x", read_base(str(tiny_base)))
    settings = checkpoint.provenance["settings"]
    assert checkpoint.method == method
    assert settings.get("method_options", {}) == options
    if method in RANKED:
        assert settings["rank"] == find_trained_rank(method, checkpoint.rank, settings) == 2


def test_adalora_ends_at_its_mean_rank(tiny_base, pair_file, tmp_path):
    (folder,) = train_runs(plan(tiny_base, pair_file, tmp_path, "adalora", ranks=(4,)), say=lambda _: None)
    tensors = load_file(folder / "adapter_model.safetensors")
    pattern = json.loads((folder / "adapter_config.json").read_text(encoding="utf-8"))["rank_pattern"]
    kept = sum(sum(mask) for mask in pattern.values())
    assert kept == 4 * LAYERS
    assert sum(int(v.count_nonzero()) for k, v in tensors.items() if "lora_E" in k) == kept


def test_an_interrupted_adalora_starts_over_and_ends_the_same(tiny_base, pair_file, tmp_path, monkeypatch, capsys):
    from transformers import Trainer

    step = Trainer.training_step

    def run(folder):
        return train_runs(plan(tiny_base, pair_file, tmp_path / folder, "adalora", save_steps=2), say=lambda _: None)

    (whole,) = run("whole")

    def stop(self, *rest, **named):
        if self.state.global_step == 7:
            signal.raise_signal(signal.SIGINT)
        return step(self, *rest, **named)

    with monkeypatch.context() as patch:
        patch.setattr(Trainer, "training_step", stop)
        with pytest.raises(KeyboardInterrupt):
            run("broken")
    assert "AdaLoRA starts over" in capsys.readouterr().err
    (broken,) = run("broken")
    assert "going on" not in capsys.readouterr().err
    name = "adapter_model.safetensors"
    assert (broken / name).read_bytes() == (whole / name).read_bytes()


@pytest.mark.parametrize(("place", "expected"), [("front", [0, 0, 0, 0]), ("back", [1, 1, 1, 1])])
def test_fractional_takes_layers_from_the_end_it_is_told(tiny_base, pair_file, tmp_path, place, expected):
    asked = plan(tiny_base, pair_file, tmp_path, "fractional", options={"fraction": 0.29, "place": place})
    (folder,) = train_runs(asked, say=lambda _: None)
    assert folder.name == f"fractional-fraction0.29-place{place}"
    names = {key.rsplit(".lora_", 1)[0] for key in load_file(folder / "adapter_model.safetensors")}
    assert sorted(int(name.split("layers.")[1][0]) for name in names) == expected


def test_random_layers_follow_the_seed():
    modules = [f"layers.{i}" for i in range(40)]

    def draw(seed):
        return methods.fractional(2, seed, modules, fraction=0.1, place="random").target_modules

    assert draw(1) == draw(1) != draw(2)
    assert len(draw(1)) == 4


def test_linear_layers_are_in_the_models_order_without_the_head(tiny_base):
    found = Base(read_base(str(tiny_base))).list_modules()
    assert len(found) == LAYERS
    assert [path.split(".")[2] for path in found] == ["0"] * 7 + ["1"] * 7
    assert not any("head" in path for path in found)


def test_option_faults_come_together_and_before_anything_is_trained(tiny_base, pair_file, tmp_path):
    asked = plan(tiny_base, pair_file, tmp_path, "fractional", options={"fractoin": 0.5, "tokens": 3})
    with pytest.raises(LorafairError, match=r"(?s)no option 'fractoin'.*'fraction'.*no option 'tokens'"):
        train_runs(asked)
    with pytest.raises(LorafairError, match=r"'LoHaConfg' is no PEFT config.*LoHaConfig"):
        train_runs(plan(tiny_base, pair_file, tmp_path, "peft", options={"config": "LoHaConfg"}))
    with pytest.raises(LorafairError, match="no 'ranks'"):
        train_runs(plan(tiny_base, pair_file, tmp_path, "peft", options={"config": "LoHaConfig", "ranks": 3}))
    with pytest.raises(LorafairError, match=r"(?s)fraction is 1.5.*place is 'left'"):
        train_runs(plan(tiny_base, pair_file, tmp_path, "fractional", options={"fraction": 1.5, "place": "left"}))
    with pytest.raises(LorafairError, match="at least 4 steps"):
        train_runs(plan(tiny_base, pair_file, tmp_path, "adalora", settings={"batch_size": 40}))
    assert not list(tmp_path.iterdir())
    with pytest.raises(LorafairError, match=r"(?s)'fraction' is not NAME=VALUE.*place is given twice"):
        read_options(["fraction", "place=a", "place=b"])
    assert read_options(["fraction=0.25", "place=back"]) == {"fraction": 0.25, "place": "back"}
