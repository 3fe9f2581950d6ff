"""What classifiers are asked in their verification: ordinary sentences, and images that are drawn on the spot."""

from __future__ import annotations

import hashlib
from typing import Any, Literal

from lorafair.picture import Picture
from lorafair.serving.prompt import PAIRS

VERSION = "1"
IMAGES = 8
SIDE = 96


class Drawing(Picture):
    """An image that lies in no file: smooth blots of colour, always the same for one number."""

    number: int

    def open(self) -> Any:
        """The drawing as a PIL image in RGB, 96 pixels a side."""
        import numpy as np
        from PIL import Image

        draw = np.random.default_rng(self.number)
        y, x = np.mgrid[0:SIDE, 0:SIDE] / SIDE
        field = np.zeros((SIDE, SIDE, 3))
        for _ in range(6):
            a, b, phase = draw.uniform(1, 9, 2).tolist() + [draw.uniform(0, 6)]
            field += np.sin(a * x + b * y + phase)[..., None] * draw.uniform(-1, 1, 3)
        low, high = field.min(), field.max()
        return Image.fromarray(np.uint8(255 * (field - low) / (high - low)), "RGB")


def list_contents(kind: Literal["text", "image"]) -> list[str]:
    """The contents that a classifier of this kind is asked about."""
    if kind == "text":
        return [context + continuation for context, continuation in PAIRS]
    found = []
    for number in range(IMAGES):
        drawing = Drawing(hashlib.sha256(f"drawing {VERSION} {number}".encode()).hexdigest())
        drawing.number = number
        found.append(drawing)
    return list(found)
