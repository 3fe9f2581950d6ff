"""Whether an adapter belongs to a base: by the record of its training, and by the shapes of its weights."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from lorafair.errors import LorafairError
from lorafair.safetensor import read_headers


def hold_against_base(
    label: str,
    path: Path,
    config: dict[str, Any],
    shapes: dict[str, tuple[int, ...]],
    base_path: Path,
    base_name: str,
    base_hash: str,
    provenance: dict[str, Any] | None,
    any_base: bool = False,
) -> list[str]:
    """Hold an adapter's own record and the shapes of its weights against a base, without loading either.

    Args:
        config: the adapter's ``adapter_config.json``.
        shapes: tensor name to shape, of the adapter's weights.
        base_path: folder of the base; ``base_hash`` is the hash of its weights.
        provenance: the adapter's ``provenance.json``, where it has one.

    Returns:
        Notes on what only looks odd (another base name while the shapes fit, where ``any_base`` accepts that).

    Raises:
        LorafairError: if the adapter was trained on other weights, or does not fit the base's shapes.
    """
    trained_on = ((provenance or {}).get("settings") or {}).get("base")
    known_base = refuse_other_base(label, path, trained_on, base_name, base_hash)
    known = read_headers(base_path)
    for name, shape in sorted(shapes.items()):
        found = re.fullmatch(r"base_model\.model\.(.+)\.lora_(A|B)(?:\.\w+)?\.weight", name)
        if not found or len(shape) != 2:
            continue
        weight = known.get(f"{found[1]}.weight") or known.get(f"{found[1].removeprefix('transformer.')}.weight")
        if weight is None and found[1].split(".")[-1] == "lm_head":
            continue
        if weight is None or (shape[1] if found[2] == "A" else shape[0]) not in weight:
            raise LorafairError(
                f"{label}: {path} does not fit the base {base_name}: {name} has shape {list(shape)}, the base's "
                f"{found[1]} has {list(weight) if weight else 'no such weight'}. It was trained on "
                f"{config.get('base_model_name_or_path')!r}: give --base that model."
            )
    given = str(config.get("base_model_name_or_path") or "")
    if not given or known_base or Path(given).name.casefold() == Path(base_name).name.casefold():
        return []
    if not any_base:
        raise LorafairError(
            f"{label}: {path} names the base {given!r} in its adapter_config.json, not {base_name!r}. Give --base that "
            "model; if it is the same one under another name, say so with --any-base."
        )
    return [f"{label}: adapter_config.json names the base {given!r}, evaluated on {base_name!r} (shapes fit)"]


def refuse_other_base(label: str, path: Path, trained_on: Any, base_name: str, base_hash: str) -> bool:
    """Whether a checkpoint's record says that it was trained on exactly this base; False where it says nothing.

    Raises:
        LorafairError: if it says that it was trained on other weights.
    """
    found = trained_on.get("hash") if isinstance(trained_on, dict) else None
    if not isinstance(found, str):
        return False
    if found != base_hash:
        raise LorafairError(
            f"{label}: {path} was trained on another base ({trained_on.get('name')}, weights {found[:12]}) than "
            f"{base_name} (weights {base_hash[:12]}). Give --base that model."
        )
    return True
