"""Measuring Hate Speech as rows to train a classifier on: the task's own preparation, its training part."""

from __future__ import annotations

from typing import Any

from lorafair.data.document_set import list_rows
from lorafair.data.hate_speech import FLAGS, PARTS, SPLIT_SEED, SPLITS, SUBSETS, hate_speech_documents
from lorafair.errors import raise_faults


def labelled_rows(
    dataset: str = "measuring_hate_speech",
    subset: str = "all",
    part: str = "train",
    flags: str = "first",
    split: str = "paper",
    split_seed: int = SPLIT_SEED,
) -> list[dict[str, Any]]:
    """The comments of a subset's part as rows to train a classifier on; see :func:`hate_speech_documents`.

    Raises:
        LorafairError: as there, and for a value that is none of SUBSETS, PARTS, FLAGS or SPLITS.
    """
    faults = [
        f"{value!r} is no {name}; give one of {', '.join(known)}."
        for name, value, known in (
            ("subset", subset, SUBSETS),
            ("part", part, PARTS),
            ("flags", flags, FLAGS),
            ("split", split, SPLITS),
        )
        if value not in known
    ]
    raise_faults(f"--data-option of {dataset}", faults)
    return list_rows(hate_speech_documents(subset, part, dataset, flags, split, split_seed))
