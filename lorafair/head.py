"""Classification heads: which labels one has, the model that carries it, and what says so beside a checkpoint."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from lorafair.errors import LorafairError

FILE = "head.json"
PROBLEM = "single_label_classification"
ENDINGS = {"text": "ForSequenceClassification", "image": "ForImageClassification"}
LIKE_ROBERTA = ("roberta", "xlm-roberta", "camembert", "xlm-roberta-xl", "longformer", "mpnet", "roberta-prelayernorm")
"""Architectures whose first positions stand for padding: two fewer tokens fit than there are positions."""


@dataclass(frozen=True)
class Head:
    """``labels`` in the order of the logits, and what is classified."""

    labels: tuple[str, ...]
    kind: Literal["text", "image"] = "text"


@dataclass
class Headed:
    """A classification model with a base's weights.

    ``labels`` are in the order of its logits.  ``modules`` are the paths of the modules that an adapter has to save:
    the head, and what else the base has no weights for (a pooler).  ``fresh`` are those without weights of the base;
    it is empty where the base brought a head for these labels.  ``own`` are the labels of the head that the base
    itself brought, whatever they are.
    """

    model: Any
    labels: tuple[str, ...]
    modules: list[str]
    fresh: list[str]
    own: tuple[str, ...] | None


def read_own_labels(config: Mapping[str, Any], kind: str) -> tuple[str, ...] | None:
    """The labels of the classification head that a folder's ``config.json`` declares, or None where it has none."""
    architectures = config.get("architectures") or []
    if not any(str(name).endswith(ENDINGS[kind]) for name in architectures):
        return None
    named = config.get("id2label")
    if not isinstance(named, Mapping) or not named:
        return ("LABEL_0", "LABEL_1")  # transformers writes no names where they are its own two
    return tuple(str(named[key]) for key in sorted(named, key=int))


def read_headed(path: Path, config: Mapping[str, Any], head: Head, dtype: str) -> Headed:
    """Read a base as a classifier of ``head``'s labels; what the base has no weights for is initialised anew.

    The base's own head stays where it has the same labels (then in its order), else it is left out.

    Raises:
        OSError, ValueError, ImportError, KeyError, RuntimeError: what transformers raises; ValueError also where the
            folder lacks weights of the backbone itself (a pooler aside, which some bases never had).
    """
    import torch
    import transformers

    own = read_own_labels(config, head.kind)
    same = own is not None and set(own) == set(head.labels)
    labels = own if own is not None and same else head.labels
    maker = getattr(transformers, f"AutoModel{ENDINGS[head.kind]}")
    model, info = maker.from_pretrained(
        path,
        dtype=getattr(torch, dtype),
        use_safetensors=True,
        trust_remote_code=False,
        ignore_mismatched_sizes=True,
        output_loading_info=True,
        **describe_labels(labels),
    )
    top = list_head_modules(model)
    lost = {str(key) for key in info["missing_keys"]} | {str(key[0]) for key in info["mismatched_keys"]}
    if own is not None and not same:
        lost |= {f"{name}." for name in top}
    inside = sorted({key.rpartition(".")[0] for key in lost if not _is_below(key, top)})
    if strange := [name for name in inside if "pooler" not in name]:
        raise ValueError(f"the folder has no weights of their shape for {', '.join(strange[:3])}")
    fresh = [name for name in top if any(_is_below(key, [name]) for key in lost)] + inside
    return Headed(model, labels, [*top, *inside], fresh, own)


def list_head_modules(model: Any) -> list[str]:
    """Names of the parts of a classification model that lie outside its backbone and hold weights."""
    backbone = getattr(model, model.base_model_prefix, None)
    return [
        name
        for name, part in model.named_children()
        if part is not backbone and next(part.parameters(), None) is not None
    ]


def _is_below(key: str, names: list[str]) -> bool:
    return any(key.startswith(f"{name}.") for name in names)


def describe_labels(labels: tuple[str, ...]) -> dict[str, Any]:
    """What a transformers config says of single-label classification with these labels."""
    return {
        "num_labels": len(labels),
        "id2label": dict(enumerate(labels)),
        "label2id": {label: number for number, label in enumerate(labels)},
        "problem_type": PROBLEM,
    }


def count_positions(config: Any) -> int | None:
    """The most tokens that a model has positions for, or None where its config does not say."""
    positions = getattr(config, "max_position_embeddings", None) or getattr(config, "n_positions", None)
    if not isinstance(positions, int) or positions < 2:
        return None
    return positions - 2 if config.model_type in LIKE_ROBERTA else positions


def write_head(folder: Path, head: Head, pad_token_id: int | None = None) -> None:
    """Write ``head.json`` beside a checkpoint: an adapter's own config does not say which labels its head has.

    Args:
        folder: of the checkpoint.
        head: labels in the order of the logits.
        pad_token_id: of the batches that it was trained on; a decoder pools the last token that is another one.
    """
    told: dict[str, Any] = {"labels": list(head.labels), "kind": head.kind, "problem": PROBLEM}
    if pad_token_id is not None:
        told["pad_token_id"] = pad_token_id
    (folder / FILE).write_text(json.dumps(told, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def read_head(folder: Path) -> Head | None:
    """The head of a checkpoint folder by its ``head.json``, or of a full model by its config; None where it has none.

    Raises:
        LorafairError: for a file that is not of this form.
    """
    path = folder / FILE
    if not path.exists():
        return _read_config_head(folder)
    try:
        told = json.loads(path.read_text(encoding="utf-8"))
        labels, kind = told["labels"], told["kind"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise LorafairError(f"{path} cannot be read ({error!r}). Copy or train the checkpoint again.") from error
    if (
        not isinstance(labels, list)
        or not all(isinstance(label, str) for label in labels)
        or len(set(labels)) < max(2, len(labels))
        or kind not in ENDINGS
    ):
        raise LorafairError(
            f"{path} names no two or more labels, or no kind text or image. Train the checkpoint again."
        )
    return Head(tuple(labels), kind)


def _read_config_head(folder: Path) -> Head | None:
    try:
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    for kind in ("text", "image"):
        if isinstance(config, dict) and (labels := read_own_labels(config, kind)):
            return Head(labels, "image" if kind == "image" else "text")
    return None
