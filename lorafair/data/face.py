"""UTK-Face (Zhang, Song, Qi 2017), prepared as Ding et al. 2024 prepare it: gender or age of a face, groups by race.

A picture's labels stand in its name.  Pictures are not opened here: a document names its file, and whoever shows it to
a model opens it then.  Trainers and tasks share the split.
"""

from __future__ import annotations

import hashlib
from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lorafair.data.dataset import resolve
from lorafair.data.document_set import DocumentSet
from lorafair.data.hate_speech import SPLIT_SEED, split_rows
from lorafair.data.picture_name import FILE, read_pictures
from lorafair.errors import LorafairError, raise_faults
from lorafair.provenance import hash_file
from lorafair.registry import load_registry
from lorafair.registry_dataset import merge_facts

GENDERS = ("male", "female")
RACES = ("White", "Black", "Asian", "Indian", "Others")
"""Genders and races in the order of the data set's numbers, 0, 1, …"""
EDGES = (0, 10, 20, 30, 40, 50, 60, 70, 80, 200)
AGES = (*(f"{low + 1}-{low + 10}" for low in EDGES[:8]), "over 80")
"""The paper's nine classes of age: above one edge, up to the next and with it."""
LABELS: Mapping[str, tuple[str, ...]] = {"gender": GENDERS, "age": AGES}
PARTS = ("test", "train", "all")
SAMPLES = {"gender": "utkface_gender_sample", "age": "utkface_age_sample"}
"""The data sets of drawn faces, by label."""


@dataclass(frozen=True)
class Face:
    """One picture: its ``file`` below ``folder``, years of ``age``, numbers of ``gender`` and ``race``."""

    folder: Path
    file: str
    age: int
    gender: int
    race: int

    def number(self, label: str) -> int | None:
        """The number of its class, None for an age outside the classes (0 years, or above 200)."""
        return self.gender if label == "gender" else number_age(self.age)


def number_age(years: int) -> int | None:
    """The class of an age, by right-closed bins as in the paper's code (10 is in the first, 11 in the second)."""
    return bisect_left(EDGES, years) - 1 if EDGES[0] < years <= EDGES[-1] else None


def face_documents(
    label: str, part: str = "test", dataset: str | None = None, split_seed: int = SPLIT_SEED
) -> DocumentSet:
    """The faces of a part as documents, in an order drawn by the split.

    Args:
        label: ``gender`` or ``age``.
        part: test, train or all of them.
        dataset: None for ``utkface_<label>``; one of :data:`SAMPLES`, or a folder of pictures that is declared with the
            columns age, gender and race.
        split_seed: of the paper's 80/20 split, drawn over the files sorted by name; not the training seed.  The sample
            set has a recorded split.

    Returns:
        documents with ``id`` and ``cluster`` (the file: who is shown is not known), ``image`` (absolute path),
        ``sha256`` (of the file), ``label`` (number of the class), ``age`` (years) and ``groups``.  What has no label is
        left out and counted in the remarks, as are the names that do not fit.

    Raises:
        LorafairError: if there is no such part or label, the folder is missing, or a file cannot be read.
    """
    chosen, data, remarks = _choose(label, part, dataset, split_seed)
    documents, faults = [], []
    for face in chosen:
        path = (face.folder / face.file).absolute()
        try:
            digest = hash_file(path)
        except LorafairError as error:
            faults.append(str(error))
            continue
        documents.append(
            {
                "id": face.file,
                "image": str(path),
                "sha256": digest,
                "label": face.number(label),
                "age": face.age,
                "groups": {"race": [RACES[face.race]]},
                "cluster": face.file,
            }
        )
    raise_faults("Pictures cannot be read", faults[:10])
    return DocumentSet(documents, {"faces": data}, remarks)


def face_rows(
    label: str, part: str = "train", dataset: str | None = None, split_seed: int = SPLIT_SEED
) -> list[dict[str, Any]]:
    """Rows for a trainer: ``id``, ``image`` (absolute path), ``label`` (the class' name), ``groups``, ``cluster``.

    Args and errors as of :func:`face_documents`.
    """
    chosen, _, _ = _choose(label, part, dataset, split_seed)
    return [
        {
            "id": face.file,
            "image": str((face.folder / face.file).absolute()),
            "label": LABELS[label][number],
            "groups": {"race": [RACES[face.race]]},
            "cluster": face.file,
        }
        for face in chosen
        if (number := face.number(label)) is not None
    ]


def gender_rows(part: str = "train", split_seed: int = SPLIT_SEED) -> list[dict[str, Any]]:
    """A part of UTK-Face with genders: see :func:`face_rows`."""
    return face_rows("gender", part, split_seed=split_seed)


def age_rows(part: str = "train", split_seed: int = SPLIT_SEED) -> list[dict[str, Any]]:
    """A part of UTK-Face with classes of age: see :func:`face_rows`."""
    return face_rows("age", part, split_seed=split_seed)


def gender_sample_rows(part: str = "train") -> list[dict[str, Any]]:
    """A part of the drawn faces with genders: see :func:`face_rows`."""
    return face_rows("gender", part, SAMPLES["gender"])


def age_sample_rows(part: str = "train") -> list[dict[str, Any]]:
    """A part of the drawn faces with classes of age: see :func:`face_rows`."""
    return face_rows("age", part, SAMPLES["age"])


def _choose(
    label: str, part: str, dataset: str | None, split_seed: int
) -> tuple[list[Face], dict[str, Any], list[str]]:
    """The faces of a part that have a label, where they came from, and remarks."""
    for what, name, known in (("label", label, tuple(LABELS)), ("part", part, PARTS)):
        if name not in known:
            raise LorafairError(f"The faces have no {what} {name!r}; give one of {', '.join(known)}.")
    dataset = dataset or f"utkface_{label}"
    drawn = dataset in SAMPLES.values()
    faces, data, remarks = _load_sample(dataset) if drawn else _load(dataset)
    labelled = [face for face in faces if face.number(label) is not None]
    if gone := len(faces) - len(labelled):
        remarks = [*remarks, f"{gone} of {len(faces)} faces are of an age outside the classes and were left out"]
    if drawn:
        from lorafair.data.face_sample import find_part

        return [face for face in labelled if part in ("all", find_part(face.file))], data, remarks
    if part == "all":
        return labelled, data, remarks
    return [labelled[at] for at in split_rows(len(labelled), split_seed)[part]], data, remarks


def _load(dataset: str) -> tuple[list[Face], dict[str, Any], list[str]]:
    resolved = resolve(dataset)
    fitting = [role for role, table in resolved.tables.items() if {FILE, "age", "gender", "race"} <= {*table.columns}]
    if len(fitting) != 1:
        raise LorafairError(
            f"The data set {dataset} is no folder of faces: a file with `format: pictures` and a `pattern:` that names "
            "age, gender and race is needed (docs/data.md)."
        )
    role = fitting[0]
    faces, faults = _read_faces(resolved.files[role], resolved.rows(role))
    raise_faults(f"{resolved.files[role]} cannot be used", faults)
    return faces, resolved.provenance(), list(resolved.tables[role].remarks)


def _load_sample(dataset: str) -> tuple[list[Face], dict[str, Any], list[str]]:
    from lorafair.data.face_sample import draw_sample

    folder = draw_sample()
    declared = load_registry().get("dataset", "utkface_gender").fields
    found, faults = read_pictures(folder, merge_facts(declared, declared["files"]["faces"]))
    faces, strange = _read_faces(folder, found.rows)
    raise_faults(f"{folder} cannot be used", [*faults, *strange])
    content = hashlib.sha256("".join(hash_file(folder / face.file) for face in faces).encode()).hexdigest()
    facts = {"name": dataset, "source": "sample", "sample": True, "revision": None, "licence": "Apache-2.0"}
    return faces, facts | {"sha256": {"faces": content}}, found.remarks


def _read_faces(folder: Path, rows: Sequence[Mapping[str, str]]) -> tuple[list[Face], list[str]]:
    faces, faults = [], []
    for row in rows:
        numbers = [row[key] for key in ("age", "gender", "race")]
        if not all(each.isascii() and each.isdigit() for each in numbers):
            faults.append(f"{row[FILE]!r}: age, gender and race are not numbers.")
            continue
        age, gender, race = map(int, numbers)
        if gender < len(GENDERS) and race < len(RACES):
            faces.append(Face(folder, row[FILE], age, gender, race))
        else:
            faults.append(f"{row[FILE]!r}: gender is 0 or 1, race 0 to 4.")
    return faces, faults[:10]
