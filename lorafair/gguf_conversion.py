"""Turn a GGUF file of a Llama-shaped model into a plain Hugging Face folder (bfloat16, safetensors).

The GGUF layout is the one of ggml-org/ggml docs/gguf.md.  Quantised weights are only dequantised: the folder is a model
of its own, close to but not the same as the one that was quantised.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from lorafair.errors import LorafairError

MODULES = {
    "attn_norm": "input_layernorm",
    "ffn_norm": "post_attention_layernorm",
    "attn_q": "self_attn.q_proj",
    "attn_k": "self_attn.k_proj",
    "attn_v": "self_attn.v_proj",
    "attn_output": "self_attn.o_proj",
    "ffn_gate": "mlp.gate_proj",
    "ffn_up": "mlp.up_proj",
    "ffn_down": "mlp.down_proj",
}
OUTER = {"token_embd": "model.embed_tokens", "output_norm": "model.norm", "output": "lm_head"}
SPLITS_DIGITS = {"gpt-2": False, "smollm": True}
"""Pre-tokenisers of GGUF's gpt2 tokenizers that are known here: is every digit parted before the byte-level split?"""
CONTROL = 3  # GGUF token type of special tokens


def convert_gguf(source: Path, out: Path) -> dict[str, Any]:
    """Write config, tokenizer and bfloat16 safetensors weights of the GGUF file ``source`` into the folder ``out``.

    Returns:
        ``{"parameters": int, "dtype": "bfloat16", "quantisation": {type name: tensors}}``.

    Raises:
        LorafairError: if the ``gguf`` package is missing, the file is damaged, or it holds anything but a Llama-shaped
            model with a byte-level BPE tokenizer; a tensor without a place and a place without a tensor are faults.
    """
    try:
        import gguf
    except ImportError as error:
        raise LorafairError("Converting needs the package gguf. Install it: pip install gguf") from error
    import torch
    from transformers import GenerationConfig, LlamaForCausalLM

    try:
        reader = gguf.GGUFReader(str(source))
        metadata = {
            key: field.contents() for key, field in reader.fields.items() if not key.startswith(("GGUF.", "quantize."))
        }
    except (ValueError, OSError, IndexError, KeyError) as error:
        raise LorafairError(f"{source} is no readable GGUF file ({error}). Fetch it again.") from error
    config = _read_config(metadata, {tensor.name for tensor in reader.tensors}, source)
    tokenizer = _build_tokenizer(metadata, source)
    heads = {"attn_q": config.num_attention_heads, "attn_k": config.num_key_value_heads}
    weights: dict[str, torch.Tensor] = {}
    quantisation: dict[str, int] = {}
    for tensor in reader.tensors:
        name, part = _rename_tensor(tensor.name, source)
        values = gguf.dequantize(tensor.data, tensor.tensor_type)
        if part in heads:
            values = _interleave_halves(values, heads[part])
        weights[name] = torch.tensor(values).to(torch.bfloat16)
        quantisation[tensor.tensor_type.name] = quantisation.get(tensor.tensor_type.name, 0) + 1
    if config.tie_word_embeddings:
        weights["lm_head.weight"] = weights["model.embed_tokens.weight"]
    with torch.device("meta"):
        model = LlamaForCausalLM(config)
    try:
        model.load_state_dict(weights, strict=True, assign=True)
    except RuntimeError as error:
        raise LorafairError(f"{source} does not hold the weights that its metadata promise: {error}") from error
    model.tie_weights()
    special = {"bos_token_id": config.bos_token_id, "eos_token_id": config.eos_token_id}
    model.generation_config = GenerationConfig(**special, pad_token_id=config.pad_token_id)
    model.save_pretrained(out)
    tokenizer.save_pretrained(out)
    return {"parameters": model.num_parameters(), "dtype": "bfloat16", "quantisation": quantisation}


def _read_config(metadata: dict[str, Any], tensors: set[str], source: Path) -> Any:
    """The LlamaConfig that the metadata describe; everything that shapes the model is read, nothing assumed."""
    import numpy
    from transformers import LlamaConfig

    if metadata.get("general.architecture") != "llama":
        found = metadata.get("general.architecture")
        raise LorafairError(f"{source} holds a model of architecture {found!r}; only 'llama' can be converted.")
    scaling = sorted(key for key in metadata if key.startswith("llama.rope.scaling") or "expert" in key)
    if scaling or "rope_freqs.weight" in tensors:
        raise LorafairError(f"{source} uses what this conversion does not know: {', '.join(scaling) or 'rope_freqs'}.")
    try:
        width, heads = metadata["llama.embedding_length"], metadata["llama.attention.head_count"]
        return LlamaConfig(
            vocab_size=len(metadata["tokenizer.ggml.tokens"]),
            hidden_size=width,
            intermediate_size=metadata["llama.feed_forward_length"],
            num_hidden_layers=metadata["llama.block_count"],
            num_attention_heads=heads,
            num_key_value_heads=metadata.get("llama.attention.head_count_kv", heads),
            head_dim=metadata.get("llama.attention.key_length", width // heads),
            max_position_embeddings=metadata["llama.context_length"],
            # stored as float32: 1e-5 would read 9.999999747378752e-06
            rms_norm_eps=float(str(numpy.float32(metadata["llama.attention.layer_norm_rms_epsilon"]))),
            rope_parameters={"rope_theta": metadata.get("llama.rope.freq_base", 10000.0), "rope_type": "default"},
            tie_word_embeddings="output.weight" not in tensors,
            bos_token_id=metadata.get("tokenizer.ggml.bos_token_id"),
            eos_token_id=metadata["tokenizer.ggml.eos_token_id"],
            pad_token_id=metadata.get("tokenizer.ggml.padding_token_id", metadata["tokenizer.ggml.eos_token_id"]),
            dtype="bfloat16",
            architectures=["LlamaForCausalLM"],
        )
    except KeyError as error:
        raise LorafairError(f"{source} does not say {error}: no complete Llama model. Fetch it again.") from error


def _rename_tensor(name: str, source: Path) -> tuple[str, str]:
    """A GGUF tensor's name in Hugging Face's Llama, and its part (``attn_q``, …)."""
    pieces = name.split(".")
    if len(pieces) == 2 and pieces[0] in OUTER and pieces[1] == "weight":
        return f"{OUTER[pieces[0]]}.weight", pieces[0]
    if len(pieces) == 4 and pieces[0] == "blk" and pieces[2] in MODULES and pieces[3] == "weight":
        return f"model.layers.{pieces[1]}.{MODULES[pieces[2]]}.weight", pieces[2]
    raise LorafairError(f"{source} holds the tensor {name!r}, which has no place in a Llama model.")


def _interleave_halves(values: Any, heads: int) -> Any:
    """Undo GGUF's order of query and key rows, per head.

    GGUF keeps the two rows that rotary embedding turns together side by side; Hugging Face keeps the first of each
    pair in a head's first half and the second in the other.  ``values`` is (heads x size, width), and so is the result.
    """
    rows, width = values.shape
    return values.reshape(heads, rows // heads // 2, 2, width).swapaxes(1, 2).reshape(rows, width)


def _build_tokenizer(metadata: dict[str, Any], source: Path) -> Any:
    """The byte-level BPE tokenizer that the metadata hold, with its special tokens and chat template."""
    from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    model, split = metadata.get("tokenizer.ggml.model"), metadata.get("tokenizer.ggml.pre", "gpt-2")
    if model != "gpt2" or split not in SPLITS_DIGITS:
        raise LorafairError(f"{source} has a tokenizer of kind {model}/{split}; known here: gpt2/gpt-2, gpt2/smollm.")
    tokens: list[str] = metadata["tokenizer.ggml.tokens"]
    merges = [tuple(merge.split(" ", 1)) for merge in metadata["tokenizer.ggml.merges"]]
    tokenizer = Tokenizer(models.BPE(vocab={token: i for i, token in enumerate(tokens)}, merges=merges))
    bytes_ = pre_tokenizers.ByteLevel(add_prefix_space=False)
    digits = pre_tokenizers.Digits(individual_digits=True)
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([digits, bytes_]) if SPLITS_DIGITS[split] else bytes_
    tokenizer.decoder = decoders.ByteLevel()
    types = metadata.get("tokenizer.ggml.token_type", [])
    special = [token for token, kind in zip(tokens, types, strict=False) if kind == CONTROL]
    tokenizer.add_special_tokens([AddedToken(token, special=True, normalized=False) for token in special])
    roles = {"bos": "bos", "eos": "eos", "unknown": "unk", "padding": "pad"}
    known = {
        f"{role}_token": tokens[metadata[f"tokenizer.ggml.{key}_token_id"]]
        for key, role in roles.items()
        if f"tokenizer.ggml.{key}_token_id" in metadata
    }
    fast = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        model_max_length=metadata["llama.context_length"],
        clean_up_tokenization_spaces=False,
        **known,
    )
    fast.chat_template = metadata.get("tokenizer.chat_template")
    return fast
