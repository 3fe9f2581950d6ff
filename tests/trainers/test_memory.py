"""Steps in several passes train what whole steps train; --max-memory chooses them by its prediction and says so."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner
from lorafair.cli.main import cli
from lorafair.trainers.image import count_passes, stack_images
from safetensors.torch import load_file

from lorafair.audit.estimate import RECOMPUTED, estimate_memory, read_shape
from lorafair.checkpoint import read_base
from lorafair.errors import LorafairError
from lorafair.memory_plan import FILLED, choose_fit, list_ways, read_bytes
from lorafair.plan import Plan, plan_runs
from lorafair.training import train_runs

SETTINGS = {"batch_size": 4, "epochs": 2.0}


def plan(base, data, out, **changes):
    given = {"methods": ("lora",), "ranks": (2,), "settings": SETTINGS, "lr": 5e-3, **changes}
    return Plan(base=str(base), data=str(data), out=out, **given)


def train(*given, **changes):
    said = []
    (folder,) = train_runs(plan(*given, **changes), say=said.append)
    return folder, said


def read_facts(folder):
    return json.loads((folder / "provenance.json").read_text(encoding="utf-8"))["settings"]


def compare(first, second):
    one, two = (load_file(next(folder.glob("*.safetensors"))) for folder in (first, second))
    assert max(float((two[name] - tensor).abs().max()) for name, tensor in one.items()) < 1e-4


@pytest.mark.parametrize("trainer", ["sft", "lm", "classify"])
def test_a_step_in_passes_is_the_same_step(tiny_base, pair_file, write_texts, tmp_path, trainer):
    """A last step of three examples, and completions of different lengths."""
    texts = tmp_path / "texts.jsonl"
    if trainer == "classify":
        write_texts(texts, 11)
    else:
        texts.write_text("".join(pair_file.read_text(encoding="utf-8").splitlines(True)[:11]), encoding="utf-8")
    options = {"trainer": trainer, "trainer_options": {"packing": False} if trainer == "lm" else {}}
    whole, _ = train(tiny_base, texts, tmp_path / "whole", **options)
    passes, _ = train(tiny_base, texts, tmp_path / "passes", micro_batch=2, **options)
    compare(whole, passes)
    assert read_facts(passes)["steps"] == read_facts(whole)["steps"] == 6
    assert read_facts(passes)["final_loss"] == pytest.approx(read_facts(whole)["final_loss"], abs=1e-4)


def test_pictures_in_passes_are_turned_as_in_whole_steps(image_folder):
    """Eleven pictures in steps of four, by two: (two passes a step, six an epoch), the last step of an epoch has two."""
    import numpy as np

    class Pixels:
        def normalise(self, values):
            return values.astype(np.float32)

    def turn(batches, done, passes):
        collate = stack_images(Pixels(), 5, done, passes)
        rows = [
            [{"pixels": np.arange(4.0).reshape(1, 2, 2), "label": 0, "id": f"p{i}", "turn": True} for i in batch]
            for batch in batches
        ]
        return [tuple(picture.flatten().tolist()) for batch in rows for picture in collate(batch)["pixel_values"]]

    assert count_passes(11, 4, 2) == (2, 6)
    assert count_passes(11, 4, None) == (1, 3)
    order = list(range(11))
    steps, halves = ([order[at : at + size] for at in range(0, 11, size)] for size in (4, 2))
    whole = turn(steps * 2, 0, (1, 3))
    assert len(set(whole)) == 2
    assert turn(halves * 2, 0, (2, 6)) == whole
    assert turn((halves * 2)[8:], 4, (2, 6)) == whole[15:]  # going on after four steps


def test_max_memory_takes_the_largest_passes_that_fit_and_says_and_records_them(tiny_base, pair_file, tmp_path):
    asked = plan(tiny_base, pair_file, tmp_path / "a", settings=SETTINGS | {"batch_size": 8}, max_memory="1GB")
    (run,) = plan_runs(asked)
    shape, longest = read_shape(read_base(str(tiny_base))), 60
    assert list(list_ways(asked, run)) == [(n, again) for again in (False, True) for n in (8, 4, 2, 1)]
    amounts = [
        estimate_memory(shape, run, longest, last=True, micro_batch=size, checkpointing=again)
        for size, again in list_ways(asked, run)
    ]
    assert amounts[:4] == sorted(amounts[:4], reverse=True)
    assert all(again - RECOMPUTED < plain for plain, again in zip(amounts[:4], amounts[4:], strict=True))
    between = f"{(amounts[1] + amounts[2]) / 2e6 / FILLED:.4f}MB"
    limited = plan(tiny_base, pair_file, tmp_path, settings=SETTINGS | {"batch_size": 8}, max_memory=between)
    fit, amount = choose_fit(limited, run, shape, longest, [run], False)
    assert (fit.micro_batch, fit.passes, fit.gradient_checkpointing, amount) == (2, 4, False, amounts[2])
    folder, said = train(tiny_base, pair_file, tmp_path / "b", max_memory="1GB")
    assert "each step in one pass" in said[0]
    assert "predicted, of --max-memory 1GB" in said[0]
    kept = read_facts(folder)["memory"]
    assert kept == {"max_memory": "1GB", "predicted_bytes": kept["predicted_bytes"], "micro_batch": 4, "passes": 1,
                    "gradient_checkpointing": False}  # fmt: skip


def test_too_little_memory_is_refused_before_anything_and_a_bad_size_is_told(tiny_base, pair_file, tmp_path):
    with pytest.raises(LorafairError, match=r"(?s)Nothing was trained.*lora-r2: 0\.\d+ GB predicted at least, above"):
        train(tiny_base, pair_file, tmp_path / "out", max_memory="100MB")
    assert not (tmp_path / "out").exists()
    for text in ("8", "GB", "8 sheep", "0GB"):
        with pytest.raises(LorafairError, match=r"no size.*8GB"):
            read_bytes(text)
    assert [read_bytes(text) for text in ("8GB", "1.5 gib", "500MB")] == [8 * 10**9, 3 * 2**29, 500 * 10**6]
    asked = ["train", "--base", tiny_base, "--data", pair_file, "--method", "lora", "--rank", 2, "--max-memory", "8"]
    done = CliRunner().invoke(cli, [str(part) for part in [*asked, "--out", tmp_path / "out"]])
    assert done.exit_code == 2
    assert "--max-memory 8 is no size" in done.output


def test_an_objective_and_adalora_are_never_cut(tiny_base, pair_file, tmp_path):
    for changes in ({"objective": "mean"}, {"methods": ("adalora",)}):
        asked = plan(tiny_base, pair_file, tmp_path, max_memory="1GB", **changes)
        assert list(list_ways(asked, plan_runs(asked)[0])) == [(4, False), (4, True)]
    with pytest.raises(LorafairError, match="AdaLoRA adds a penalty"):
        train(tiny_base, pair_file, tmp_path, methods=("adalora",), micro_batch=2)
