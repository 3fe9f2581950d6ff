"""Faces that the project draws itself, in UTK-Face's form: names, labels and groups, and nothing about real people.

A drawing is a grey oval with two eyes and a mouth.  Its labels are marks that were chosen at will and that no person
bears: the collar's stripes lie or stand (gender), the background has one of five hues (race), the oval is longer or
shorter (age).  Each mark is noisy, a collar in seventeen is the other gender's, and the noise is the same for every
group: a model has a signal to learn, cannot learn it wholly, and has no reason of its own to do worse on a group.

The pictures are drawn when they are first asked for, into a folder of the user's cache.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lorafair.errors import LorafairError

SIZE = 32
"""Pixels of a picture's side."""
SEED = 20260101
GENDERS, RACES, BINS = 2, 5, 9
PER_CELL, TESTED = 16, 4
"""Pictures of each gender, race and class of age, and how many of them are in the test part."""
OTHER_COLLAR = 1 / 17
"""Share of the pictures whose collar is the other gender's."""
Pixels = NDArray[np.uint8]


def draw_sample() -> Path:
    """The folder that holds all drawings, 1,440 of them; those that are not there yet are drawn.

    ``LORAFAIR_CACHE`` names the folder for such things, by default ``lorafair`` in ``XDG_CACHE_HOME`` or ``~/.cache``.

    Raises:
        LorafairError: if it cannot be written.
    """
    cache = os.environ.get("XDG_CACHE_HOME") or os.path.join("~", ".cache")
    root = Path(os.environ.get("LORAFAIR_CACHE") or os.path.join(cache, "lorafair")).expanduser()
    code = hashlib.sha256(Path(__file__).read_bytes()).hexdigest()[:12]
    folder = root / f"utkface_sample-{code}"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        there = {each.name for each in folder.iterdir()}
        for number, name in enumerate(list_names()):
            if name not in there:
                _write(draw_face(number), folder / name)
    except OSError as error:
        raise LorafairError(
            f"The drawn faces cannot be written to {folder}: {error.strerror or error}. Set LORAFAIR_CACHE to a folder "
            "that can be written."
        ) from error
    return folder


@lru_cache(maxsize=1)
def list_names() -> tuple[str, ...]:
    """The names of the drawings in UTK-Face's form, [age]_[gender]_[race]_[date&time], each ending in its number."""
    return tuple(_name(number) for number in range(GENDERS * RACES * BINS * PER_CELL))


def find_part(file: str) -> str:
    """``test`` or ``train``: a quarter of every gender, race and class of age is in the test part."""
    return "test" if int(file.rpartition("_")[2].partition(".")[0][-5:]) % PER_CELL < TESTED else "train"


def draw_face(number: int) -> Pixels:
    """The drawing of one number, (32, 32, 3): the same whenever it is drawn."""
    years, gender, race = _choose(number)
    draw = np.random.default_rng([SEED, number, 1])
    rows, columns = np.mgrid[0:SIZE, 0:SIZE].astype(np.float64)
    hue = (race + draw.normal(0, 0.18)) / RACES * 2 * np.pi
    tint = np.array([np.cos(hue), np.cos(hue - 2 * np.pi / 3), np.cos(hue + 2 * np.pi / 3)])
    picture = np.full((SIZE, SIZE, 3), 100 + draw.normal(0, 10)) + 35 * tint
    middle, top = SIZE / 2 + draw.normal(0, 1.5), 12 + draw.normal(0, 0.7)
    length, grey = 3 + years / 9 + draw.normal(0, 0.6), 195 + draw.normal(0, 12)
    oval = ((columns - middle) / 7.5) ** 2 + ((rows - top) / length) ** 2 < 1
    picture[oval] = grey
    for side in (-1, 1):
        eye = (columns - middle - 3 * side) ** 2 + (rows - top + 2) ** 2 < 1.6
        picture[eye] = grey - 90
    mouth = (np.abs(columns - middle) < 3) & (np.abs(rows - top - 3.5) < 0.8)
    picture[mouth] = grey - 60
    lies = bool(gender) != (draw.random() < OTHER_COLLAR)
    stripes = np.sign(np.sin((rows if lies else columns) * np.pi / 2 + draw.uniform(0, 2 * np.pi)))
    collar = rows >= 24 + draw.normal(0, 0.7)
    picture[collar] = (120 + 45 * stripes)[collar][:, None]
    noisy: Pixels = np.clip(np.rint(picture + draw.normal(0, 18, picture.shape)), 0, 255).astype(np.uint8)
    return noisy


def _choose(number: int) -> tuple[int, int, int]:
    """Years, gender and race of a number: every combination has the same number of pictures."""
    cell = number // PER_CELL
    gender, race, which = cell % GENDERS, cell // GENDERS % RACES, cell // (GENDERS * RACES)
    low, high = (10 * which + 1, 10 * which + 10) if which < BINS - 1 else (81, 100)
    return int(np.random.default_rng([SEED, number, 0]).integers(low, high + 1)), gender, race


def _name(number: int) -> str:
    years, gender, race = _choose(number)
    return f"{years}_{gender}_{race}_{SEED}{number:09d}.png"


def _write(pixels: Pixels, path: Path) -> None:
    from PIL import Image

    handle, name = tempfile.mkstemp(dir=path.parent, prefix=".")
    with os.fdopen(handle, "wb") as file:
        Image.fromarray(pixels).save(file, format="PNG")
    os.replace(name, path)
