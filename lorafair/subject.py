"""Which model of an audit a checkpoint folder is: told by the hash of its weights, never by a name alone."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from lorafair.errors import LorafairError
from lorafair.identity import Model
from lorafair.provenance import hash_file, hash_folder
from lorafair.samples import Audit


@dataclass(frozen=True)
class Subject:
    """A checkpoint folder: ``hash`` as ``lorafair eval`` records it, ``files`` name -> sha256 of weights and config."""

    path: Path
    kind: str
    hash: str
    files: dict[str, str]


def read_subject(path: Path) -> Subject:
    """Hash the weights and the config of an adapter, or of a full checkpoint.

    Raises:
        LorafairError: if the folder is no checkpoint in safetensors.
    """
    weights, config = path / "adapter_model.safetensors", path / "adapter_config.json"
    if config.is_file() and weights.is_file():
        files = {one.name: hash_file(one) for one in (weights, config)}
        return Subject(path, "adapter", files[weights.name][:32] + files[config.name][:32], files)
    config, shards = path / "config.json", sorted(path.glob("*.safetensors"))
    if config.is_file() and shards:
        files = {one.name: hash_file(one) for one in (*shards, config)}
        return Subject(path, "full", hash_folder(path, "*.safetensors")[:32] + files[config.name][:32], files)
    raise LorafairError(
        f"{path} is no checkpoint: it needs adapter_config.json and adapter_model.safetensors (a PEFT adapter), or "
        "config.json and *.safetensors (a full model). Give the folder that `lorafair train` wrote."
    )


def find_model(subject: Subject, audit: Audit) -> Model | None:
    """The model of the audit that is this checkpoint, or None.

    Results of ``lorafair eval`` carry the checkpoint's hash, which must agree.  Those of plain lm-eval name its folder,
    or only have the label that the user gave: then the path, or the folder's name, must agree (``is_proven`` is False).
    """
    for model in audit.models:
        if is_proven(model, subject):
            return model
    place = subject.path.resolve()
    for model in audit.models:
        if model.kind != "base" and model.hash and Path(model.hash).resolve() == place:
            return model
    return next((m for m in audit.models if m.kind != "base" and m.hash is None and m.label == place.name), None)


def is_proven(model: Model, subject: Subject) -> bool:
    """Whether the results themselves say that they are about these very weights."""
    return model.hash == subject.hash


def explain_absence(subject: Subject, audit: Audit) -> str:
    """Why the audit does not hold the checkpoint: other weights under its name, or nothing of it."""
    name = subject.path.resolve().name
    stale = next((model for model in audit.models if model.label == name), None)
    if stale is not None:
        return f"the results of {name!r} are about other weights than those in {subject.path} now"
    labels = ", ".join(repr(model.label) for model in audit.models)
    return f"there are no results of the weights in {subject.path}, only of {labels}"
