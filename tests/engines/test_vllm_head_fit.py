"""What vLLM is told of classifiers, and which it is not given: without an engine, in transformers' and PEFT's eyes."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lorafair.checkpoint import read_base, read_checkpoint
from lorafair.engines.contract import EngineSettings
from lorafair.engines.vllm_head import VllmHeadEngine, cut_padding
from lorafair.engines.vllm_head_folder import write_adapter, write_base
from lorafair.errors import LorafairError
from lorafair.routing import route_checkpoints

TWO, THREE = ["no", "yes"], ["zebra", "yes", "ape"]


def read(base, folder):
    return read_checkpoint(folder, folder.name, read_base(str(base)))


def test_what_vllm_cannot_serve_is_refused_with_its_reason_all_at_once(classifiers, tmp_path):
    llama, bert, vit = (classifiers.make_base(kind) for kind in ("llama", "bert", "vit"))
    wrong = {
        "full": (llama, "full", {}, "is a full model"),
        "dora": (llama, "lora", {"use_dora": True}, "does not serve DoRA"),
        "norm": (
            llama,
            "lora",
            {"modules_to_save": ["score", "norm"]},
            r"but the head \(model\.layers\.0\.input_layernorm",
        ),
        "encoder": (bert, "lora", {}, "beside a decoder's head score.weight only, and this head is classifier"),
        "image": (vit, "lora", {}, "this classifies images"),
    }
    made = {}
    for label, (base, method, config, reason) in wrong.items():
        made[label] = read(base, classifiers.make(base, tmp_path / label, TWO, method, **config))
        with pytest.raises(LorafairError, match=reason) as error:
            route_checkpoints(read_base(str(base)), [made[label]], "vllm_head")
        assert "Use --engine head." in str(error.value)
    base = read_base(str(llama))
    right = [read(llama, classifiers.make(llama, tmp_path / m, TWO, m, seed=8)) for m in ("lora", "head")]
    assert route_checkpoints(base, right, "vllm_head")[0] == {"vllm_head": right}
    assert route_checkpoints(base, right, "auto")[0] == {"head": right}
    with pytest.raises(LorafairError) as error:
        route_checkpoints(base, [made["full"], right[0], made["dora"]], "vllm_head")
    assert [line.split(":")[0] for line in str(error.value).splitlines() if "--engine head" in line] == [
        "  - full",
        "  - dora",
    ]
    for odd, reason in [
        (replace(right[0], rank=600), "ranks up to 512"),
        (replace(right[0], targets=("score",)), "no LoRA on score"),
        (replace(right[0], config={**right[0].config, "peft_type": "VERA"}), "LoRA adapters only"),
        (replace(right[0], head=None), "no classification head"),
    ]:
        assert reason in str(VllmHeadEngine.refuse(base, odd))
    engine = VllmHeadEngine(base, right, EngineSettings(dtype="float32"))
    for lend in (lambda: engine.lend(right[0]), engine.lend_body):
        with pytest.raises(LorafairError, match="Use --engine head"):
            lend()


@pytest.mark.parametrize("sharded", [False, True])
def test_written_folders_are_the_base_under_zeros_and_the_adapters_own_numbers(classifiers, tmp_path, sharded):
    """transformers and PEFT read what was written for vLLM; a sharded base is read whole, with its zeros."""
    import torch
    import transformers
    from peft import PeftModel

    llama = classifiers.make_base("llama")
    if sharded:
        plain = transformers.AutoModelForCausalLM.from_pretrained(llama)
        llama = tmp_path / "sharded"
        plain.save_pretrained(llama, max_shard_size="40KB")
        for file in classifiers.make_base("llama").glob("tokenizer*"):
            (llama / file.name).write_bytes(file.read_bytes())
        assert len(list(llama.glob("*.safetensors"))) > 1
    base = read_base(str(llama))
    made = {"two": TWO, "three": THREE, "alone": TWO}
    folders = {
        n: classifiers.make(llama, tmp_path / n, names, "head" if n == "alone" else "lora", seed=len(n))
        for n, names in made.items()
    }
    checkpoints = {label: read(llama, folder) for label, folder in folders.items()}
    (folder := tmp_path / "base").mkdir()
    write_base(base, list(checkpoints.values()), folder, trust_remote_code=False)
    assert len(json.loads((folder / "config.json").read_text())["id2label"]) == 3
    model, info = transformers.AutoModelForSequenceClassification.from_pretrained(folder, output_loading_info=True)
    assert set(info["missing_keys"]) == (set() if sharded else {"score.weight"})  # transformers wants an index for it
    if sharded:
        assert model.score.weight.shape == (3, 32)
        assert not model.score.weight.any()
    tokenizer = transformers.AutoTokenizer.from_pretrained(llama)
    for label, names in made.items():
        for bare in (False, True):
            (written := tmp_path / f"{label}-{bare}").mkdir()
            write_adapter(base, checkpoints[label], written, bare)
            body = transformers.AutoModelForSequenceClassification.from_pretrained(llama, num_labels=len(names))
            served = PeftModel.from_pretrained(body, written).eval()
            if bare:
                own = transformers.AutoModelForSequenceClassification.from_pretrained(llama, num_labels=len(names))
                own.load_state_dict(
                    {"score.weight": served.state_dict()["base_model.model.score.modules_to_save.default.weight"]},
                    strict=False,
                )
                texts = classifiers.TEXTS
                with torch.no_grad():
                    for text in texts:
                        ids = tokenizer(text, return_tensors="pt")["input_ids"]
                        assert torch.equal(served(input_ids=ids).logits, own.eval()(input_ids=ids).logits)
                continue
            expected = classifiers.ask(llama, folders[label], classifiers.TEXTS, len(names))
            found = classifiers.ask(llama, written, classifiers.TEXTS, len(names))
            assert found == expected


@settings(max_examples=200, deadline=None)
@given(st.lists(st.integers(0, 3), max_size=8), st.integers(0, 3))
def test_the_last_token_is_the_one_that_transformers_pools(row, pad):
    """``GenericForSequenceClassification``: the rightmost token that is no padding, the first where all are."""
    kept = cut_padding(row, pad)
    if not row:
        assert kept == [pad]
        return
    place = max((number * (token != pad) for number, token in enumerate(row)), default=0)
    assert kept == row[: place + 1]
