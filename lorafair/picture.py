"""An image as a request holds it: named by its content, opened when it is needed."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

from lorafair.errors import LorafairError


class Picture(str):
    """The sha256 of an image file, so that an answer's key follows the content; ``path`` is where the file lies."""

    path: str

    def open(self) -> Any:
        """The image as a PIL image in RGB.

        Raises:
            LorafairError: if the file is gone, damaged, or too large to be an honest picture.
        """
        from PIL import Image, UnidentifiedImageError

        try:
            with Image.open(self.path) as image:
                return image.convert("RGB")
        except (OSError, ValueError, SyntaxError, UnidentifiedImageError, Image.DecompressionBombError) as error:
            raise LorafairError(
                f"The image {self.path} cannot be read ({type(error).__name__}: {error}). Copy it again, or take it "
                "out of the data; what was answered is stored."
            ) from error


def name_picture(path: str) -> Picture:
    """The picture in a file.

    Raises:
        LorafairError: if it cannot be read.
    """
    try:
        with open(Path(path), "rb") as file:
            picture = Picture(hashlib.file_digest(file, "sha256").hexdigest())
    except OSError as error:
        raise LorafairError(
            f"The image {path} cannot be read ({error.strerror}). Copy it again, or take it out of the data."
        ) from error
    picture.path = path
    return picture
