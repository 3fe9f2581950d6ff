"""The project's own sample of hate speech: mild sentences of its own, each said of every group.

Hateful by our own rule is what speaks of a whole group with contempt or would shut it out; no sentence holds a slur.
"""

from __future__ import annotations

from typing import Any

from lorafair.data.dataset import Resolved
from lorafair.data.document_set import DocumentSet, count_words, shuffle_documents

PERSON = "[I]"


def sample_comments(resolved: Resolved, kind: str, part: str, attributes: tuple[str, ...]) -> DocumentSet:
    """Templates filled with groups as documents, in an order drawn by their ids.

    The texts of one template are twins: they differ in the group only.  A template without a group in it is one
    document, about a thing.

    Args:
        resolved: the sample set.
        kind: ``hate_speech`` or ``hatecheck``: whose groups.
        part: test, train or all templates; the split is by template and recorded in the file.
        attributes: of the groups.
    """
    targets = [row for row in resolved.rows("targets") if row["set"] == kind and row["attribute"] in attributes]
    found = []
    for row in resolved.rows("templates"):
        if part not in ("all", row["part"]):
            continue
        for target in targets if PERSON in row["raw"] else [None]:
            found.append(_fill(row, target, functionality=kind == "hatecheck"))
    return DocumentSet(shuffle_documents(found), {"comments": resolved.provenance()})


def _fill(row: dict[str, Any], target: dict[str, Any] | None, functionality: bool) -> dict[str, Any]:
    text = row["raw"] if target is None else row["raw"].replace(PERSON, target["form"])
    text = text[0].upper() + text[1:]
    group = "thing" if target is None else target["group"]
    groups = {} if target is None else {target["attribute"]: [target["group"]]}
    document = {
        "id": f"{row['id']}-{group}",
        "text": text,
        "label": row["label"],
        "groups": {**groups, **({"functionality": [row["functionality"]]} if functionality else {})},
        "cluster": row["id"],
        "words": count_words(text),
    }
    return document | ({} if target is None else {"pair": row["id"], "twin": group})
