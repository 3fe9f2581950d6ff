"""The documents of a gender probe: each review in all the layouts of a block, and what a run says about them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from lorafair.data.gender_probe import ATTRIBUTES, Layout
from lorafair.data.review import Reviews
from lorafair.task_document import Documents


def build_documents(
    reviews: Sequence[Mapping[str, str]],
    blocks: Sequence[Sequence[Layout]],
    each: int = 1,
    attributes: Sequence[str] = ATTRIBUTES,
) -> Documents:
    """Every review in all the layouts of ``each`` blocks.

    Review i is asked block i, i + 1, … (modulo their number): blocks take turns, so that each is asked about as often
    as any other, and a review that is asked a block is asked all of it, so that every swap is balanced within the
    review.  All reviews are asked their first block before any is asked its second: ``--limit`` keeps many reviews.

    Args:
        reviews: ``{"id", "text"}`` each, in random order.
        blocks: of :func:`lorafair.data.gender_probe.list_blocks`.
        each: blocks per review, at most as many as there are.
        attributes: those of a layout's that become groups of its documents.
    """
    return Documents(
        _build_document(review, layout, attributes)
        for turn in range(each)
        for number, review in enumerate(reviews)
        for layout in blocks[(number + turn) % len(blocks)]
    )


def _build_document(review: Mapping[str, str], layout: Layout, attributes: Sequence[str]) -> dict[str, Any]:
    return {
        "id": f"{review['id']}/{layout.name}",
        "text": layout.fill(review["text"]),
        "choices": [answer for _, answer in layout.options],
        "meanings": [meaning for meaning, _ in layout.options],
        "levels": dict(layout.levels),
        "groups": {attribute: names for attribute, names in layout.groups.items() if attribute in attributes},
        "cluster": review["id"],
        "layout": layout.name,
        "block": f"{review['id']}/{layout.wording}/{layout.symbols}",
    }


def describe_reviews(reviews: Reviews) -> dict[str, Any]:
    """What a results file records of the reviews: where they came from, and what was left out or cut."""
    counts = {"asked": len(reviews.rows), "available": reviews.available, "empty": reviews.empty}
    return {
        "data": {"reviews": reviews.provenance},
        "counts": counts | {"repeated": reviews.repeated} | {"cut": reviews.cut},
    }
