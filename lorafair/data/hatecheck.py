"""HateCheck (Röttger et al. 2021): 3,728 functional tests of hate speech detection, seven target groups."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

from lorafair.data.dataset import resolve
from lorafair.data.document_set import DocumentSet, count_words, list_rows, shuffle_documents
from lorafair.data.hate_sample import sample_comments
from lorafair.data.split import split_clusters
from lorafair.errors import LorafairError, raise_faults

PARTS = ("all", "train", "test")
TEST_SHARE, SPLIT_SEED = 0.2, 13
LABELS = {"non-hateful": 0, "hateful": 1}


def hatecheck_documents(
    dataset: str = "hatecheck", part: str | None = None, split_seed: int = SPLIT_SEED, test_share: float = TEST_SHARE
) -> DocumentSet:
    """The cases as documents; the clusters are the templates.

    Groups are ``target`` (whom the case speaks of; cases about objects or single people have none) and
    ``functionality`` (what it tests).  Where a template has one case for each of several targets, these cases are twins
    (``pair``, ``twin``): the same text about somebody else.

    Args:
        dataset: ``hatecheck``, another declared file of its columns, or the sample set.
        part: ``all`` (the suite was made for testing only), or, for a model that is trained on the rest, ``train`` or
            ``test``: by whole templates, drawn by ``split_seed``.  The sample set has its own parts, and test by
            default.
        split_seed: of the split; not the training seed.
        test_share: of the templates.

    Returns:
        documents with ``id`` (the case's), ``text``, ``label`` (1 is hateful), ``groups``, ``cluster``, ``words``.

    Raises:
        LorafairError: if the file is missing, another, or has a label that is neither hateful nor non-hateful.
    """
    resolved = resolve(dataset)
    if resolved.sample:
        return sample_comments(resolved, "hatecheck", part or "test", ("target",))
    if part not in (None, *PARTS):
        raise LorafairError(f"The data set {dataset} has no part {part!r}; it has {', '.join(PARTS)}.")
    rows = resolved.rows("cases")
    faults = [
        f"row {number}: label_gold {row['label_gold']!r} is neither hateful nor non-hateful."
        for number, row in enumerate(rows, start=1)
        if row["label_gold"] not in LABELS
    ]
    raise_faults(f"{resolved.files['cases']} cannot be used", faults[:10])
    targets: dict[str, list[str]] = defaultdict(list)
    for row in rows:
        targets[row["templ_id"]].append(row["target_ident"])
    twins = {name for name, found in targets.items() if all(found) and 1 < len(found) == len(set(found))}
    if part in ("train", "test"):
        parts = split_clusters((row["templ_id"] for row in rows), test_share, split_seed)
        rows = [row for row in rows if parts[row["templ_id"]] == part]
    return DocumentSet(
        shuffle_documents(_write(row, row["templ_id"] in twins) for row in rows), {"cases": resolved.provenance()}
    )


def labelled_rows(
    dataset: str = "hatecheck", part: str = "train", split_seed: int = SPLIT_SEED, test_share: float = TEST_SHARE
) -> list[dict[str, Any]]:
    """The cases of one part as rows to train a classifier on; see :func:`hatecheck_documents`."""
    return list_rows(hatecheck_documents(dataset, part, split_seed, test_share))


def _write(row: dict[str, Any], is_twin: bool) -> dict[str, Any]:
    text = row["test_case"].strip()
    target = [row["target_ident"]] if row["target_ident"] else []
    document = {
        "id": row["case_id"],
        "text": text,
        "label": LABELS[row["label_gold"]],
        "groups": {**({"target": target} if target else {}), "functionality": [row["functionality"]]},
        "cluster": row["templ_id"],
        "words": count_words(text),
    }
    return document | ({"pair": row["templ_id"], "twin": row["target_ident"]} if is_twin else {})
