"""HateCheck (Röttger et al. 2021): 3,728 functional tests of hate speech detection, seven target groups."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

from lorafair.data.dataset import resolve
from lorafair.data.document_set import DocumentSet, count_words, shuffle_documents
from lorafair.data.hate_sample import sample_comments
from lorafair.errors import raise_faults

LABELS = {"non-hateful": 0, "hateful": 1}


def hatecheck_documents(dataset: str = "hatecheck") -> DocumentSet:
    """The cases as documents; the clusters are the templates.

    Groups are ``target`` (whom the case speaks of; cases about objects or single people have none) and
    ``functionality`` (what it tests).  Where a template has one case for each of several targets, these cases are twins
    (``pair``, ``twin``): the same text about somebody else.

    Args:
        dataset: ``hatecheck``, another declared file of its columns, or the sample set.

    Returns:
        documents with ``id`` (the case's), ``text``, ``label`` (1 is hateful), ``groups``, ``cluster``, ``words``.

    Raises:
        LorafairError: if the file is missing, another, or has a label that is neither hateful nor non-hateful.
    """
    resolved = resolve(dataset)
    if resolved.sample:
        return sample_comments(resolved, "hatecheck", "test", ("target",))
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
    return DocumentSet(
        shuffle_documents(_write(row, row["templ_id"] in twins) for row in rows), {"cases": resolved.provenance()}
    )


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
