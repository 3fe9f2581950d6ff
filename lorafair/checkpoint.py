"""What is evaluated: a base model and its checkpoints (an adapter folder, or a fully fine-tuned model folder)."""

from __future__ import annotations

import hashlib
import json
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from lorafair.adapter_fit import hold_against_base, refuse_other_base, refuse_unrepeatable
from lorafair.adapter_weight import count_trained, find_rank, find_targets
from lorafair.classifier import find_adapter_head, find_full_head
from lorafair.errors import LorafairError, raise_faults
from lorafair.head import FILE, Head
from lorafair.model_folder import find_folder
from lorafair.safetensor import read_header, read_headers, require_safetensors

SHAPE_KEYS = ("hidden_size", "num_hidden_layers", "vocab_size", "intermediate_size", "n_embd", "n_layer", "n_head")
WRITTEN_OUT = ("tie_word_embeddings",)
LABEL = re.compile(r"[\w.+\-]{1,100}")


@dataclass(frozen=True)
class Checkpoint:
    """One model that answers requests: the base itself, an adapter on it, or a full model of the base's shape.

    ``config`` is the adapter's ``adapter_config.json`` or the model's ``config.json``; ``targets`` are the last names
    of the modules that LoRA changes (read from its weights, not from its claims); ``rank`` is the largest.  ``head`` is
    a classifier's, None for a model that generates text.
    """

    label: str
    kind: Literal["base", "adapter", "full"]
    name: str
    path: Path
    hash: str
    config: dict[str, Any]
    method: str | None = None
    rank: int | None = None
    targets: tuple[str, ...] = ()
    trainable_parameters: int | None = None
    provenance: dict[str, Any] | None = None
    notes: tuple[str, ...] = field(default=())
    signature: tuple[Any, ...] = ()
    head: Head | None = None

    def check_unchanged(self) -> None:
        """Refuse to go on with a folder that was written to since it was read: answers are stored under its hash.

        Raises:
            LorafairError: naming the folder.
        """
        if self.signature and self.signature != sign_folder(self.path):
            raise LorafairError(
                f"{self.label}: {self.path} was written to while it was evaluated. Let the training end, and run the "
                "same command again."
            )

    @property
    def planted(self) -> dict[str, Any] | None:
        """What was planted in this checkpoint on purpose, from its provenance, or None."""
        settings = (self.provenance or {}).get("settings") or {}
        planted = settings.get("planted")
        return planted if isinstance(planted, dict) else None


def sign_folder(path: Path) -> tuple[Any, ...]:
    """Name, size and time of change of every weight and config file in a folder."""
    files = sorted([*path.glob("*.safetensors"), *path.glob("*config.json")])
    return tuple((file.name, (stat := file.stat()).st_size, stat.st_mtime_ns) for file in files)


def read_base(name: str, trust_remote_code: bool = False) -> Checkpoint:
    """Find a base model: a folder in Hugging Face layout, or a Hub id (fetched by huggingface_hub).

    Raises:
        LorafairError: if there is no such folder and the Hub does not give it, if the folder has no ``config.json``,
            if its weights are only pickles, or if a weight file is cut off.
    """
    from lorafair.provenance import hash_folder

    path = find_folder(name, trust_remote_code)
    signature = sign_folder(path)
    config = _read_json(path / "config.json", f"base model {name}")
    require_safetensors(path, "model", f"base model {name}")
    read_headers(path)
    digest = hash_folder(path, "*.safetensors")
    head = find_full_head(path, f"base model {name}", config)
    return Checkpoint("base", "base", name, path, digest, config, signature=signature, head=head)


def read_checkpoints(specs: Sequence[str], base: Checkpoint, any_base: bool = False) -> list[Checkpoint]:
    """Read every checkpoint given on a command line, as ``path`` or ``label=path``; the label defaults to the folder's.

    Args:
        any_base: accept an adapter whose config names a base of another name, as long as its shapes fit.

    Raises:
        LorafairError: one message with every fault of every checkpoint (missing folder or config, pickle weights,
            truncated weights, another base, two with one label).
    """
    found: list[Checkpoint] = []
    faults: list[str] = []
    for spec in specs:
        label, _, path = spec.partition("=") if "=" in spec else (Path(spec).name, "", spec)
        try:
            if not LABEL.fullmatch(label) or label in (".", ".."):
                raise LorafairError(
                    f"{label!r} is no usable label: letters, digits, '.', '_', '+' and '-', at most 100."
                )
            if label in {"base", "responses"}:
                raise LorafairError(f"The label {label!r} is taken. Name it otherwise: --checkpoint other={path}")
            found.append(read_checkpoint(Path(path).expanduser(), label, base, any_base))
        except LorafairError as error:
            faults.append(str(error))
    labels = [c.label for c in found]
    for label in sorted({label for label in labels if labels.count(label) > 1}):
        paths = ", ".join(str(c.path) for c in found if c.label == label)
        faults.append(f"Two checkpoints are called {label!r} ({paths}). Name one: --checkpoint other=PATH")
    for digest in sorted({c.hash for c in found if [other.hash for other in found].count(c.hash) > 1}):
        same = ", ".join(f"{c.label} ({c.path})" for c in found if c.hash == digest)
        faults.append(f"These are one and the same checkpoint: {same}. Give it once.")
    raise_faults("The checkpoints cannot be evaluated", faults)
    return found


def read_checkpoint(path: Path, label: str, base: Checkpoint, any_base: bool = False) -> Checkpoint:
    """Read one checkpoint folder and hold it against ``base``, without loading any weights.

    Raises:
        LorafairError: naming what is missing, damaged, or made for another base.
    """
    if not path.is_dir():
        raise LorafairError(f"{label}: there is no folder {path}. Train one with `lorafair train`, or mend the path.")
    provenance = None
    if (path / "provenance.json").exists():
        provenance = _read_json(path / "provenance.json", label)
        if not isinstance(provenance.get("settings"), dict):
            raise LorafairError(f"{label}: {path / 'provenance.json'} has no settings. Copy it again, or remove it.")
    if (path / "adapter_config.json").exists():
        return _read_adapter(path, label, base, provenance, any_base)
    if (path / "config.json").exists():
        return _read_full(path, label, base, provenance)
    raise LorafairError(
        f"{label}: {path} holds neither adapter_config.json (a PEFT adapter) nor config.json (a full model). "
        "Give the folder that `lorafair train` or `save_pretrained` wrote."
    )


def _read_adapter(
    path: Path, label: str, base: Checkpoint, provenance: dict[str, Any] | None, any_base: bool
) -> Checkpoint:
    from lorafair.provenance import hash_file

    signature = sign_folder(path)
    config = _read_json(path / "adapter_config.json", label)
    require_safetensors(path, "adapter_model", label)
    weights = path / "adapter_model.safetensors"
    if not weights.exists():
        raise LorafairError(f"{label}: {path} holds a sharded adapter, PEFT reads one adapter_model.safetensors.")
    shapes = read_header(weights)
    head = find_adapter_head(path, label, config, shapes, base.config)
    refuse_unrepeatable(label, path, config, shapes, head is not None)
    kind = head.kind if head is not None else None
    notes = hold_against_base(label, path, config, shapes, base.path, base.name, base.hash, provenance, any_base, kind)
    settings = (provenance or {}).get("settings") or {}
    digest = hash_file(weights)[:32] + hash_file(path / "adapter_config.json")[:32]
    if head is not None and (path / FILE).exists():
        digest = hashlib.sha256(f"{digest}{hash_file(path / FILE)}".encode()).hexdigest()
    method = settings.get("method") or ("dora" if config.get("use_dora") else str(config.get("peft_type", "")).lower())
    return Checkpoint(
        label=label,
        kind="adapter",
        name=str(path),
        path=path,
        hash=digest,
        config=config,
        method=method,
        rank=find_rank(config, shapes),
        targets=find_targets(shapes),
        trainable_parameters=settings.get("trainable_parameters") or count_trained(shapes),
        provenance=provenance,
        notes=tuple(notes),
        signature=signature,
        head=head,
    )


def _read_full(path: Path, label: str, base: Checkpoint, provenance: dict[str, Any] | None) -> Checkpoint:
    from lorafair.provenance import hash_file, hash_folder

    signature = sign_folder(path)
    config = _read_json(path / "config.json", label)
    require_safetensors(path, "model", label)
    shapes = read_headers(path)
    for key in ("model_type", "tie_word_embeddings", "rms_norm_eps", "rope_theta", *SHAPE_KEYS):
        if key in WRITTEN_OUT and None in (config.get(key), base.config.get(key)):
            continue  # an older config leaves its default out; transformers writes it into what it saves
        if config.get(key) != base.config.get(key):
            raise LorafairError(
                f"{label}: {path} is no fine-tuned {base.name}: its {key} is {config.get(key)!r}, the base's "
                f"{base.config.get(key)!r}. Give --base the model that it came from."
            )
    settings = (provenance or {}).get("settings") or {}
    refuse_other_base(label, path, settings.get("base"), base.name, base.hash)
    for name, shape in read_headers(base.path).items():
        if shapes.get(name, shape) != shape:
            raise LorafairError(
                f"{label}: {path} is no fine-tuned {base.name}: {name} has shape {list(shapes[name])}, the base's "
                f"{list(shape)}. Give --base the model that it came from."
            )
    return Checkpoint(
        label=label,
        kind="full",
        name=str(path),
        path=path,
        hash=hash_folder(path, "*.safetensors")[:32] + hash_file(path / "config.json")[:32],
        config=config,
        method=settings.get("method") or "full",
        trainable_parameters=settings.get("trainable_parameters") or sum(map(math.prod, shapes.values())),
        provenance=provenance,
        signature=signature,
        head=find_full_head(path, label, config),
    )


def _read_json(path: Path, label: str) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise LorafairError(
            f"{label}: {path.parent} has no {path.name}. Give a folder in Hugging Face layout."
        ) from error
    except (OSError, ValueError) as error:
        raise LorafairError(f"{label}: {path} cannot be read as JSON ({error}). Copy or train it again.") from error
    if not isinstance(found, dict):
        raise LorafairError(f"{label}: {path} is not a JSON object. Copy or train it again.")
    return found
