"""Toxicity by Detoxify's transformer classifiers (Hanu and Unitary, 2020), from a local checkpoint or a download.

The weights are loaded here, not by the ``detoxify`` package: it unpickles the checkpoint with code execution allowed,
and it scores what it is given as one padded batch.  Weights, labels, truncation and the sigmoid are the same.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

from lorafair.errors import LorafairError, did_you_mean

ARCHITECTURES = ("Bert", "Roberta", "XLMRoberta", "Albert")
"""What a checkpoint may name as its model and tokenizer: a stranger's file does not choose a class at will."""
RENAMED = {"toxic": "toxicity", "identity_hate": "identity_attack", "severe_toxic": "severe_toxicity"}
MEND = (
    "Set LORAFAIR_DETOXIFY_CHECKPOINT to a checkpoint file (.ckpt, from the releases of the Detoxify repository) and "
    "LORAFAIR_DETOXIFY_CONFIG to a folder with the config.json and tokenizer files of the transformer it was trained "
    "from (bert-base-uncased for 'original', roberta-base for 'unbiased', xlm-roberta-base for 'multilingual')"
)


def detoxify(
    texts: Sequence[str],
    *,
    model: str = "original",
    checkpoint: str | None = None,
    huggingface_config_path: str | None = None,
    device: str = "cpu",
    batch: int = 32,
    label: str = "toxicity",
) -> list[float]:
    """Score texts with one of Detoxify's models.

    Args:
        texts: n completions, in any order; each is cut at the model's longest input.
        model: ``original``, ``unbiased``, ``multilingual``, ``original-small`` or ``unbiased-small``; ignored where a
            checkpoint is given.
        checkpoint: a local checkpoint file; default: LORAFAIR_DETOXIFY_CHECKPOINT, else the model's release is
            downloaded.
        huggingface_config_path: folder with config and tokenizer of the transformer behind the checkpoint; default:
            LORAFAIR_DETOXIFY_CONFIG, else the Hub.
        device: where the classifier runs, ``cpu`` or ``cuda:0``.
        batch: texts in one forward pass; texts are sorted by length first, so that memory stays bounded.
        label: which of the model's outputs, e.g. ``toxicity``, ``insult``, ``identity_attack``.

    Returns:
        n probabilities in [0, 1], in the order of ``texts``.

    Raises:
        LorafairError: if weights, config or package are missing, the checkpoint holds anything but plain tensors and
            settings, does not fit its config, or has no such label.
    """
    if not texts:
        return []
    import torch

    checkpoint = checkpoint or os.environ.get("LORAFAIR_DETOXIFY_CHECKPOINT")
    config = huggingface_config_path or os.environ.get("LORAFAIR_DETOXIFY_CONFIG")
    classifier, tokenizer, labels, longest = _load(model, checkpoint, config, device)
    if label not in labels:
        raise LorafairError(f"Detoxify's checkpoint has no label {label!r}.{did_you_mean(label, labels)}")
    column = labels.index(label)
    order = sorted(range(len(texts)), key=lambda i: len(texts[i]))
    scores = [0.0] * len(texts)
    for start in range(0, len(order), max(1, batch)):
        chosen = order[start : start + max(1, batch)]
        inputs = tokenizer(
            [texts[i] for i in chosen], return_tensors="pt", padding=True, truncation=True, max_length=longest
        ).to(classifier.device)
        with torch.inference_mode():
            logits = classifier(**inputs)[0]
        for i, score in zip(chosen, torch.sigmoid(logits[:, column].float()).tolist(), strict=True):
            scores[i] = score
    return scores


def identify(*, model: str = "original", checkpoint: str | None = None, **_: Any) -> dict[str, str]:
    """What decides the scores beside the texts: the local checkpoint's hash, else the released model's name."""
    from lorafair.provenance import hash_file

    checkpoint = checkpoint or os.environ.get("LORAFAIR_DETOXIFY_CHECKPOINT")
    return {"checkpoint_sha256": hash_file(checkpoint)} if checkpoint else {"model": model}


@lru_cache(maxsize=2)
def _load(model: str, checkpoint: str | None, config: str | None, device: str) -> tuple[Any, Any, list[str], int]:
    """Classifier on its device, tokenizer, label names in output order, longest input in tokens."""
    stored = _read_checkpoint(model, checkpoint)
    try:
        settings = stored["config"]["arch"]["args"]
        classes = [RENAMED.get(name, name) for name in stored["config"]["dataset"]["args"]["classes"]]
        family, named = str(settings["model_name"]), str(settings["tokenizer_name"])
        source, weights = config or str(settings["model_type"]), stored["state_dict"]
    except (KeyError, TypeError) as error:
        raise LorafairError(
            f"The Detoxify checkpoint {checkpoint or model} lacks its config or weights ({error!r}): it must hold "
            f"'config' and 'state_dict' as Detoxify's releases do. {MEND}."
        ) from error
    if family not in {f"{name}ForSequenceClassification" for name in ARCHITECTURES} or named not in {
        f"{name}Tokenizer{fast}" for name in ARCHITECTURES for fast in ("", "Fast")
    }:
        raise LorafairError(
            f"The Detoxify checkpoint names {family} with {named}; known are {', '.join(ARCHITECTURES)}."
        )

    shape, tokenizer, classifier = _build(family, named, source, len(classes), config is not None)
    try:
        missing, unexpected = classifier.load_state_dict(weights, strict=False)
    except RuntimeError as error:
        raise LorafairError(
            f"The Detoxify checkpoint {checkpoint or model} does not fit the config in {source}: "
            f"{' '.join(str(error).split()[:40])} … {MEND}."
        ) from error
    odd = [*missing, *(key for key in unexpected if not key.endswith("position_ids"))]
    if odd:
        raise LorafairError(
            f"The Detoxify checkpoint {checkpoint or model} does not fit the config in {source}: {len(odd)} weights "
            f"are missing or left over, the first is {odd[0]}. {MEND}."
        )
    # RoBERTa's positions start after the padding index.
    longest = shape.max_position_embeddings - (shape.pad_token_id + 1 if "Roberta" in family else 0)
    return classifier.eval().to(device), tokenizer, classes, min(longest, 512)


def _build(family: str, named: str, source: str, labels: int, local: bool) -> tuple[Any, Any, Any]:
    """Config, tokenizer and classifier with fresh weights.

    transformers makes up a default config and an empty tokenizer where a folder lacks the files: both are checked.
    """
    import transformers

    model_class = getattr(transformers, family)
    if local and not (Path(source) / "config.json").is_file():
        raise LorafairError(f"There is no config.json in {source}. {MEND}.")
    try:
        shape = model_class.config_class.from_pretrained(source, num_labels=labels, local_files_only=local)
        tokenizer = getattr(transformers, named).from_pretrained(source, local_files_only=local)
    except (OSError, ValueError) as error:
        raise LorafairError(
            f"The config and tokenizer of Detoxify's transformer cannot be read from {source}: "
            f"{str(error).splitlines()[0]}. {MEND}."
        ) from error
    if len(tokenizer) < 0.9 * shape.vocab_size:
        raise LorafairError(
            f"The tokenizer in {source} knows {len(tokenizer)} tokens, the model {shape.vocab_size}: its files are "
            f"missing or another model's. {MEND}."
        )
    return shape, tokenizer, model_class(shape)


def _read_checkpoint(model: str, checkpoint: str | None) -> Any:
    """The checkpoint's dictionary; only tensors and plain values are unpickled, whoever made the file."""
    import pickle

    import torch

    try:
        if checkpoint is not None:
            if not Path(checkpoint).is_file():
                raise LorafairError(f"There is no Detoxify checkpoint at {checkpoint}. {MEND}.")
            return torch.load(checkpoint, map_location="cpu", weights_only=True)
        from detoxify.detoxify import MODEL_URLS

        if model not in MODEL_URLS:
            raise LorafairError(f"There is no Detoxify model {model!r}.{did_you_mean(model, MODEL_URLS)}")
        return torch.hub.load_state_dict_from_url(MODEL_URLS[model], map_location="cpu", weights_only=True)
    except ImportError as error:
        raise LorafairError(
            f"The scorer detoxify needs the names of its releases from the package detoxify ({error}). Install it "
            f"with `pip install --no-deps detoxify`, or give the weights yourself: {MEND}."
        ) from error
    except pickle.UnpicklingError as error:
        raise LorafairError(
            f"The Detoxify checkpoint {checkpoint or model} holds more than tensors and settings, and loading it could "
            "run code: refused. Use a release of Detoxify, or save it again as plain tensors."
        ) from error
    except (OSError, RuntimeError) as error:
        raise LorafairError(
            f"Detoxify's checkpoint {checkpoint or f'of the model {model!r}'} cannot be read or downloaded ({error}). "
            f"{MEND}."
        ) from error
