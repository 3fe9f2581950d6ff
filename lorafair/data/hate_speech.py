"""Measuring Hate Speech (Kennedy et al. 2020, Sachdeva et al. 2022), prepared as Ding et al. 2024 prepare it.

One comment per text (the first annotation's row is kept), hate speech where the score is above 0.5, and the subsets
whose groups a comment may attack.  Groups overlap and none is dropped.  Trainers and tasks share the split.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from lorafair.data.dataset import Resolved, resolve
from lorafair.data.document_set import DocumentSet, count_words, shuffle_documents
from lorafair.data.hate_sample import sample_comments
from lorafair.data.split import split_clusters
from lorafair.data.table import read_form, read_table
from lorafair.errors import raise_faults

if TYPE_CHECKING:
    import pandas

Bools = NDArray[np.bool_]
THRESHOLD = 0.5
"""A ``hate_speech_score`` above it is hate speech."""
TEST_SHARE, SPLIT_SEED = 0.2, 13
"""The paper's share, and the first of its seeds (there each run's seed was its split's seed, too)."""
ATTRIBUTES: dict[str, tuple[str, ...]] = {
    "race": (*("asian", "black", "latinx", "middle_eastern", "native_american", "pacific_islander", "white", "other"),),
    "religion": ("atheist", "buddhist", "christian", "hindu", "jewish", "mormon", "muslim", "other"),
    "age": ("children", "teenagers", "young_adults", "middle_aged", "seniors", "other"),
    "gender": (
        *("men", "non_binary", "transgender_men", "transgender_unspecified", "transgender_women", "women", "other"),
    ),
    "sexuality": ("bisexual", "gay", "lesbian", "straight", "other"),
}
"""The paper's attributes and groups: the columns ``target_<attribute>`` and ``target_<attribute>_<group>``."""
SUBSETS = (*ATTRIBUTES, "all")
FLAGS = ("first", "majority")
SPLITS = ("paper", "common")
PARTS = ("test", "train", "all")
PUBLISHED = {
    "race": (11_670, 2_954),
    "religion": (6_081, 1_303),
    "age": (957, 201),
    "gender": (13_976, 4_129),
    "sexuality": (7_297, 2_064),
    "all": (39_565, 10_354),
}
"""Comments and hateful ones in each subset of the whole set, by the first annotator's flags (the paper's code)."""
WORDS = {"True": True, "true": True, "1": True, "False": False, "false": False, "0": False}


@dataclass(frozen=True)
class Comments:
    """The n comments of a file, one per text, in the file's order; ``flags``: column -> (n,) whom the comment is about.

    ``scores`` is NaN where the file has none.
    """

    ids: list[str]
    texts: list[str]
    scores: NDArray[np.float64]
    flags: Mapping[str, Bools]

    def member(self, subset: str) -> Bools:
        """(n,) whether a comment is of a subset."""
        return np.ones(len(self.ids), dtype=bool) if subset == "all" else self.flags[f"target_{subset}"]


def hate_speech_documents(
    subset: str = "all",
    part: str = "test",
    dataset: str = "measuring_hate_speech",
    flags: str = "first",
    split: str = "paper",
    split_seed: int = SPLIT_SEED,
) -> DocumentSet:
    """The comments of a subset as documents, in an order drawn by the split.

    Args:
        subset: one of SUBSETS; ``all`` has the groups of every attribute, the others those of their own.
        part: train, test or all of them.
        dataset: ``measuring_hate_speech``, another declared file of its columns, or the sample set, which has a split
            of its own, by template.
        flags: groups as the ``first`` annotator of the text said (the paper's), or as a ``majority`` (more than half)
            of all its annotators did.
        split: ``paper`` draws 80/20 within the subset, as the paper does: a comment of two subsets may be trained on in
            one and tested in the other.  ``common`` draws once for every comment, by its text.
        split_seed: of the split; not the training seed.

    Returns:
        documents with ``id`` and ``cluster`` (the comment's), ``text``, ``label`` (1 is hate speech), ``score``,
        ``groups``, ``words``.  A comment without a score has no label and is left out, and counted.

    Raises:
        LorafairError: if the file is missing, lacks columns, or, whole, does not hold the published numbers.
    """
    resolved = resolve(dataset)
    attributes = ATTRIBUTES if subset == "all" else {subset: ATTRIBUTES[subset]}
    if resolved.sample:
        return sample_comments(resolved, "hate_speech", part, tuple(attributes))
    comments = _load(resolved, flags)
    if dataset == "measuring_hate_speech":
        _check_published(comments if flags == "first" else _load(resolved, "first"), resolved)
    inside = np.flatnonzero(comments.member(subset))
    chosen = inside if part == "all" else _split(comments, inside, split, split_seed)[part]
    scored = [at for at in chosen if not math.isnan(comments.scores[at])]
    found = [_write(comments, int(at), attributes) for at in scored]
    gone = len(chosen) - len(scored)
    remarks = [f"{gone} of {len(chosen)} comments have no score and were left out"] if gone else []
    if split == "common" or part == "all":
        found = shuffle_documents(found)
    return DocumentSet(found, {"comments": resolved.provenance()}, remarks)


def split_rows(rows: int, seed: int, test_share: float = TEST_SHARE) -> dict[str, NDArray[np.intp]]:
    """Numbers of the rows of each part, in the order drawn: the ``train_test_split`` of the ``datasets`` library.

    Args:
        rows: how many there are.
        seed: of the split.
        test_share: of the test part, whose size is rounded up.
    """
    drawn = np.random.default_rng(seed).permutation(rows)
    test = math.ceil(test_share * rows)
    return {"test": drawn[:test], "train": drawn[test:]}


def _split(comments: Comments, inside: NDArray[np.intp], split: str, seed: int) -> dict[str, NDArray[np.intp]]:
    if split == "paper":
        return {part: inside[rows] for part, rows in split_rows(len(inside), seed).items()}
    parts = split_clusters((comments.texts[at] for at in inside), TEST_SHARE, seed)
    return {
        part: np.array([at for at in inside if parts[comments.texts[at]] == part], dtype=np.intp)
        for part in ("test", "train")
    }


def _write(comments: Comments, at: int, attributes: Mapping[str, tuple[str, ...]]) -> dict[str, Any]:
    groups = {
        attribute: [name for name in names if comments.flags[f"target_{attribute}_{name}"][at]]
        for attribute, names in attributes.items()
    }
    score = float(comments.scores[at])
    return {
        "id": comments.ids[at],
        "text": comments.texts[at],
        "label": int(score > THRESHOLD),
        "score": score,
        "groups": {attribute: names for attribute, names in groups.items() if names},
        "cluster": comments.ids[at],
        "words": count_words(comments.texts[at]),
    }


def _load(resolved: Resolved, flags: str) -> Comments:
    path = resolved.files["comments"]
    return _read(path, path.stat().st_mtime, flags)


@lru_cache(maxsize=4)
def _read(path: Any, _: float, flags: str) -> Comments:
    """Kept, because the tasks of one run read the same file."""
    import pandas

    columns = [f"target_{attribute}" for attribute in ATTRIBUTES]
    columns += [f"target_{attribute}_{name}" for attribute, names in ATTRIBUTES.items() for name in names]
    table, wrong = read_table(path, read_form(path, {}))
    raise_faults(f"{path} cannot be read", wrong)
    wanted = ["comment_id", "text", "hate_speech_score", *columns]
    raise_faults(f"{path} cannot be used", [f"no column {name}." for name in wanted if name not in table.columns])
    frame = pandas.DataFrame({name: table.column(name) for name in wanted})
    frame["text"] = frame["text"].fillna("")
    faults: list[str] = []
    for column in columns:
        frame[column] = _read_flags(frame[column], faults)
    scores = _read_scores(frame["hate_speech_score"], faults)
    if len(faults) > 10:
        faults = [*faults[:10], f"and {len(faults) - 10} more columns."]
    raise_faults(f"{path} cannot be used", faults)
    first = ~frame["text"].duplicated().to_numpy()
    kept = frame[first]
    said = kept[columns]
    if flags == "majority":
        said = frame.groupby("text", sort=False)[columns].mean() > 0.5  # in the order of first appearance, as `kept`
    return Comments(
        [str(each).removesuffix(".0") for each in kept["comment_id"]],
        [str(each) for each in kept["text"]],
        scores[first],
        {column: said[column].to_numpy(dtype=bool) for column in columns},
    )


def _read_flags(values: pandas.Series[Any], faults: list[str]) -> pandas.Series[Any]:
    if values.dtype == bool:
        return values
    found = values.map(lambda each: WORDS.get(str(each).removesuffix(".0")))
    wrong = found.isna().to_numpy()
    if wrong.any():
        at = int(np.flatnonzero(wrong)[0])
        faults.append(f"{values.name}, row {at + 1}: {values.iloc[at]!r} is neither True nor False.")
        return found.fillna(False).astype(bool)
    return found.astype(bool)


def _read_scores(values: pandas.Series[Any], faults: list[str]) -> NDArray[np.float64]:
    import pandas

    found = pandas.to_numeric(values, errors="coerce").to_numpy(dtype=np.float64)
    wrong = np.isnan(found) & ~(values.isna() | (values.astype(str).str.strip() == "")).to_numpy()
    if wrong.any():
        at = int(np.flatnonzero(wrong)[0])
        faults.append(f"hate_speech_score, row {at + 1}: {values.iloc[at]!r} is no number.")
    return found


def _check_published(comments: Comments, resolved: Resolved) -> None:
    """Raise unless every subset has as many comments, and hateful ones, as published."""
    faults = []
    for subset, (rows, positive) in PUBLISHED.items():
        member = comments.member(subset)
        hateful = int((comments.scores[member] > THRESHOLD).sum())
        if (int(member.sum()), hateful) != (rows, positive):
            faults.append(
                f"{subset}: expected {rows:,} comments, {positive:,} of them hateful; found {int(member.sum()):,} and "
                f"{hateful:,}."
            )
    if faults:
        faults.append(
            f"{resolved.files['comments']} is another version of the data, or in another order (of annotations of one "
            "text the first counts). Take the file that the registry declares: measuring-hate-speech.parquet."
        )
    raise_faults(f"The data set {resolved.name} does not give the published numbers", faults)
