"""Images to train and to ask a classifier on: opened with Pillow, resized once, normalised batch by batch."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lorafair.errors import LorafairError, raise_faults

FORMATS = ("JPEG", "PNG", "BMP", "WEBP", "GIF", "TIFF")
"""What Pillow may decode: plain pictures, nothing that calls another program."""
MOST_FAULTS = 10


@dataclass(frozen=True)
class Pixels:
    """The images of a data set, (n, channels, height, width), as resized and not yet normalised.

    ``facts`` are what the examples carry beside their pixels.  A pixel that a model sees is
    ``(value * scale - mean) / std``, per channel.
    """

    values: NDArray[Any]
    facts: Sequence[Mapping[str, Any]]
    scale: float
    mean: NDArray[np.float32]
    std: NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.values)

    def __getitem__(self, at: int) -> dict[str, Any]:
        return {"pixels": self.values[at], **self.facts[at]}

    def normalise(self, pixels: NDArray[Any]) -> NDArray[np.float32]:
        """What a model sees of images (batch, channels, height, width), as its image processor would make it."""
        found = pixels.astype(np.float32) * np.float32(self.scale)
        return (found - self.mean[:, None, None]) / self.std[:, None, None]


def require_inside(folder: Path | None, path: str) -> Path:
    """Where an image lies: below ``folder``, or, without one, anywhere by its absolute path.

    Raises:
        LorafairError: for a path that leads out of the folder, or to no file.
    """
    if folder is None and not Path(path).is_absolute():
        raise LorafairError(f"image {path!r} is no absolute path")
    try:
        root = folder.resolve() if folder else None
        found = (root / path).resolve() if root else Path(path)
        there = found.is_file()
    except (OSError, ValueError) as error:  # a name that is too long, or holds a null
        raise LorafairError(f"image {path[:80]!r} is not there") from error
    if root and not found.is_relative_to(root):
        raise LorafairError(f"image {path!r} leads out of the folder of the data")
    if not there:
        raise LorafairError(f"image {path!r} is not there")
    return found


def open_image(path: str | Path) -> Any:
    """An image in RGB (PIL.Image.Image), decoded to its end.

    Raises:
        LorafairError: if it is missing, cut off, too large to be a picture, or none at all.
    """
    from PIL import Image

    try:
        with Image.open(path, formats=FORMATS) as image:
            return image.convert("RGB")
    except (OSError, ValueError, SyntaxError, EOFError, Image.DecompressionBombError) as error:
        why = str(error).replace(str(path), "").strip() or type(error).__name__
        raise LorafairError(f"{Path(path).name}: no readable image ({why})") from error


def prepare_pixels(paths: Sequence[str], processor: Any, facts: Sequence[Mapping[str, Any]]) -> Pixels:
    """Resize every image as the processor does, once; they lie in a nameless file that vanishes with the process.

    Args:
        paths: of the images.
        processor: a transformers image processor; its rescaling and normalisation are left to :class:`Pixels`.
        facts: of each image, in the same order.

    Raises:
        LorafairError: naming every image that cannot be read, or if the processor makes no arrays of one size.
    """
    faults: list[str] = []
    values: NDArray[Any] | None = None
    for place, (path, found) in enumerate(_read_images(paths, processor, faults)):
        if values is None:
            with tempfile.TemporaryFile() as file:
                values = np.memmap(file, dtype=found.dtype, mode="w+", shape=(len(paths), *found.shape))
        if found.shape != values.shape[1:]:
            faults.append(f"{Path(path).name}: {found.shape} once resized, others {values.shape[1:]}.")
            continue
        if not faults:
            values[place] = found
    if len(faults) > MOST_FAULTS:
        faults = [*faults[:MOST_FAULTS], f"and {len(faults) - MOST_FAULTS} more images."]
    raise_faults("Images cannot be used", faults)
    if values is None:
        raise LorafairError("There are no images.")
    channels = values.shape[1]
    normal = bool(getattr(processor, "do_normalize", False))
    return Pixels(
        values,
        facts,
        float(processor.rescale_factor) if getattr(processor, "do_rescale", False) else 1.0,
        _spread(processor.image_mean if normal else 0.0, channels),
        _spread(processor.image_std if normal else 1.0, channels),
    )


def _read_images(paths: Sequence[str], processor: Any, faults: list[str]) -> Iterator[tuple[str, NDArray[Any]]]:
    """(path, (channels, height, width) as resized) of every image that can be read; the others become faults."""
    for path in paths:
        try:
            image = open_image(path)
        except LorafairError as error:
            faults.append(f"{error}.")
            continue
        made = processor(images=image, do_rescale=False, do_normalize=False, return_tensors="np")
        yield path, np.asarray(made["pixel_values"][0])


def _spread(value: Any, channels: int) -> NDArray[np.float32]:
    return np.broadcast_to(np.asarray(value, dtype=np.float32), (channels,)).copy()
