"""Reading the header of a safetensors file: names and shapes of its tensors, and whether the file is whole."""

from __future__ import annotations

import json
from pathlib import Path

from lorafair.errors import LorafairError

MAX_HEADER = 100 * 2**20


def read_header(path: Path) -> dict[str, tuple[int, ...]]:
    """Names and shapes of the tensors in one safetensors file, without reading their data.

    Args:
        path: the file.

    Returns:
        ``{tensor name: shape}``.

    Raises:
        LorafairError: if the file is no safetensors file, or is shorter or longer than its own header says.
    """
    size = path.stat().st_size
    with open(path, "rb") as file:
        length = int.from_bytes(file.read(8), "little")
        if size < 8 or length > min(size - 8, MAX_HEADER):
            raise LorafairError(f"{path} is not a safetensors file, or was cut off. Copy or train it again.")
        try:
            header = json.loads(file.read(length))
            tensors = {name: facts for name, facts in header.items() if name != "__metadata__"}
            shapes = {name: tuple(int(n) for n in facts["shape"]) for name, facts in tensors.items()}
            end = max((int(facts["data_offsets"][1]) for facts in tensors.values()), default=0)
        except (ValueError, KeyError, TypeError, AttributeError, IndexError) as error:
            raise LorafairError(
                f"{path}: the safetensors header cannot be read ({error}). Copy or train it again."
            ) from error
    if size != 8 + length + end:
        raise LorafairError(
            f"{path} is {'truncated' if size < 8 + length + end else 'damaged'}: {size:,} bytes, its header says "
            f"{8 + length + end:,}. Copy or train it again."
        )
    return shapes


def read_headers(folder: Path) -> dict[str, tuple[int, ...]]:
    """Names and shapes of all tensors in the safetensors files of ``folder`` (a sharded model has several)."""
    shapes: dict[str, tuple[int, ...]] = {}
    for path in sorted(folder.glob("*.safetensors")):
        shapes |= read_header(path)
    return shapes


def require_safetensors(path: Path, stem: str, label: str) -> None:
    """Refuse a folder whose weights are not in safetensors: pickles can run code when loaded.

    Args:
        path: the folder; its weight files begin with ``stem``.
        label: what the message calls it.

    Raises:
        LorafairError: saying how to convert them, or that there are none.
    """
    if any(path.glob(f"{stem}*.safetensors")):
        return
    pickles = [p.name for p in [*path.glob("*.bin"), *path.glob("*.pt"), *path.glob("*.pth")]]
    if pickles:
        raise LorafairError(
            f"{label}: {path} holds its weights as pickles ({', '.join(sorted(pickles)[:3])}), which can run code when "
            "loaded. Convert them where you trust them: load with PEFT or transformers, then "
            "save_pretrained(..., safe_serialization=True)."
        )
    raise LorafairError(f"{label}: {path} has no {stem}.safetensors. Train or copy it again.")
