"""Which model a results file is about: our own record, or what plain lm-eval wrote down about its arguments."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lorafair.records import SCHEMA


@dataclass(frozen=True)
class Model:
    """One model of an audit.  ``kind`` is base, adapter or full; None is "not known".

    ``seed`` is the training seed; ``recipe`` holds every other setting of the training, as text: checkpoints of one
    base with equal recipes and different seeds are runs of one method.  ``headless``: a base of classifiers that has no
    head of its own and was not asked; ``probed``: but probes measured it.
    """

    label: str
    kind: str
    base: str | None = None
    base_hash: str | None = None
    hash: str | None = None
    method: str | None = None
    rank: int | None = None
    trainable_parameters: int | None = None
    engine: str | None = None
    verified: str | None = None
    planted: dict[str, Any] | None = None
    seed: int | None = None
    recipe: str | None = None
    headless: bool = False
    probed: bool = False

    @property
    def content(self) -> tuple[str | None, str | None, str]:
        """What must agree between two files of one label."""
        return self.hash, self.base_hash or self.base, self.kind


def identify(results: dict[str, Any], label: str | None) -> Model | str:
    """The model behind a results file, or a sentence that says why it cannot be told and what to do.

    Args:
        results: the parsed ``results_*.json``; its key ``lorafair`` is used where there is one, otherwise
            ``config.model_args`` of plain lm-eval (a string or a mapping).
        label: the name the user gave, which wins.
    """
    ours = results.get("lorafair")
    if ours is not None:
        if not isinstance(ours, dict) or ours.get("schema") != SCHEMA:
            found = ours.get("schema") if isinstance(ours, dict) else ours
            return (
                f"was written with schema {found!r} of LoRAFair, this version reads {SCHEMA}: "
                "run `lorafair eval` again, or install the version that wrote it"
            )
        return _from_record(ours, label)
    config = results.get("config")
    arguments = _parse_arguments(config.get("model_args") if isinstance(config, dict) else None)
    base = arguments.get("pretrained") or arguments.get("model")
    adapter = arguments.get("lora_local_path") or arguments.get("peft")
    engine = config.get("model") if isinstance(config, dict) and isinstance(config.get("model"), str) else None
    if base is None and adapter is None:
        if label is None:
            return "does not say which model it is about: name it with `--label FOLDER=name`"
        return Model(label, "adapter", engine=engine)
    return _from_folder(str(base or ""), adapter, label, engine)


def _from_record(ours: dict[str, Any], label: str | None) -> Model | str:
    if ours.get("kind") not in {"base", "adapter", "full"} or not isinstance(ours.get("label"), str):
        return "has a `lorafair` key without label or kind: run `lorafair eval` again"
    planted = ours.get("planted")
    return Model(
        label or ours["label"],
        ours["kind"],
        _text(ours.get("base")),
        _text(ours.get("base_hash")),
        _text(ours.get("hash")),
        _text(ours.get("method")),
        _whole(ours.get("rank")),
        _whole(ours.get("trainable_parameters")),
        _text(ours.get("engine")),
        _text(ours.get("verified")),
        planted if isinstance(planted, dict) else None,
        *_read_training(ours.get("training")),
    )


def _from_folder(base: str, adapter: str | None, label: str | None, engine: str | None) -> Model:
    """Plain lm-eval: what the adapter's (or the full checkpoint's) own files say, where the folder still exists."""
    folder = Path(adapter or base)
    provenance = _read(folder / "provenance.json")
    settings = provenance.get("settings")
    settings = settings if isinstance(settings, dict) else {}
    config = _read(folder / "adapter_config.json")
    kind = "adapter" if adapter else "full" if settings.get("method") == "full" else "base"
    of = settings.get("base")
    name = base if kind != "full" else _text(of.get("name") if isinstance(of, dict) else of)
    planted = settings.get("planted")
    return Model(
        label or ("base" if kind == "base" else folder.name),
        kind,
        name,
        _text(of.get("hash")) if isinstance(of, dict) else None,
        str(folder) if kind != "base" else base,
        None if kind == "base" else (_text(settings.get("method") or config.get("peft_type")) or "").lower() or None,
        _whole(settings.get("rank", config.get("r"))),
        _whole(settings.get("trainable_parameters")),
        engine,
        None,
        planted if isinstance(planted, dict) and kind != "base" else None,
        *(_read_training(provenance) if kind != "base" else (None, None)),
    )


def _read_training(provenance: Any) -> tuple[int | None, str | None]:
    """(training seed, everything else that shaped the weights) from a checkpoint's provenance."""
    if not isinstance(provenance, dict):
        return None, None
    seeds, settings = provenance.get("seeds"), provenance.get("settings")
    inputs = settings.get("inputs") if isinstance(settings, dict) else None
    if not isinstance(seeds, dict) or not isinstance(inputs, dict):
        return None, None
    shared = {key: value for key, value in inputs.items() if key != "seed"}
    return _whole(seeds.get("training")), json.dumps(shared, sort_keys=True)


def _parse_arguments(found: Any) -> dict[str, str]:
    if isinstance(found, dict):
        return {str(key): str(value) for key, value in found.items() if value is not None}
    parts = (part.partition("=") for part in found.split(",")) if isinstance(found, str) else ()
    return {key.strip(): value.strip() for key, _, value in parts if value}


def _read(path: Path) -> dict[str, Any]:
    """A small JSON mapping, empty where there is none: these files only add detail to a row."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) and value else None


def _whole(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None
