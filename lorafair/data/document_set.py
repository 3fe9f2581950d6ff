"""Documents that a task asks about, where they came from, and what was left out or cut on the way."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from lorafair.errors import LorafairError

Document = dict[str, Any]


@dataclass(frozen=True)
class DocumentSet:
    """Documents with their origin.

    Each document has ``id``, ``text``, ``label`` (0 or 1), ``groups`` (``{attribute: [names]}``), ``cluster`` and
    ``words`` (how many the whole text has).  ``data`` is the provenance of the files by role; ``remarks`` are sentences
    on what was left out or cut, with counts.
    """

    documents: list[Document]
    data: dict[str, Any]
    remarks: list[str] = field(default_factory=list)


def leave_out_empty(found: DocumentSet) -> DocumentSet:
    """The set without documents whose text holds nothing but white space, which are counted in a remark."""
    kept = [document for document in found.documents if str(document["text"]).strip()]
    gone = len(found.documents) - len(kept)
    told = [f"{gone} of {len(found.documents)} texts are empty and were left out"] if gone else []
    return DocumentSet(kept, found.data, [*found.remarks, *told])


def cut_words(found: DocumentSet, max_words: int) -> DocumentSet:
    """The set with every text cut after its first ``max_words`` words; what was cut is marked and counted.

    lm-eval itself drops the *beginning* of what is longer than a model's context, without a word: the question's first
    lines, and the text's.  Cutting the text here keeps the question whole, and the same text for every model.

    Args:
        found: documents; a cut one gets ``cut: True``, ``words`` keeps telling the length of the whole.
        max_words: at least 1; 0 cuts nothing.
    """
    if not max_words:
        return found
    long = [document["words"] > max_words for document in found.documents]
    kept = [
        {**document, "text": _take_words(document["text"], max_words), "cut": True} if cut else document
        for document, cut in zip(found.documents, long, strict=True)
    ]
    told = [f"{sum(long)} of {len(kept)} texts were cut after {max_words} words"] if any(long) else []
    return DocumentSet(kept, found.data, [*found.remarks, *told])


def count_without_groups(found: DocumentSet) -> DocumentSet:
    """The set with a remark on how many documents name no group: they count overall and in no comparison of groups."""
    bare = sum(not any(document["groups"].values()) for document in found.documents)
    told = [f"{bare} of {len(found.documents)} texts belong to no group: they count overall only"] if bare else []
    return DocumentSet(found.documents, found.data, [*found.remarks, *told])


def list_rows(found: DocumentSet) -> list[Document]:
    """The documents as rows to train on: ``id``, ``text``, ``label``, ``groups``, ``cluster``; empty texts left out."""
    keys = ("id", "text", "label", "groups", "cluster")
    return [{key: document[key] for key in keys} for document in leave_out_empty(found).documents]


def count_words(text: str) -> int:
    """How many words, separated by white space, a text has."""
    return len(text.split())


def shuffle_documents(documents: Iterable[Document], together: str = "id") -> list[Document]:
    """The documents in an order drawn once from their ids, so that ``--limit`` takes a sample and not the file's head.

    A document's place among others does not depend on which others there are.

    Args:
        documents: in any order.
        together: documents equal in this field stay beside each other, in the order given.
    """
    return sorted(documents, key=lambda one: (_draw(one[together]), str(one[together])))


def draw_coin(name: str) -> bool:
    """A coin toss that is always the same for one name."""
    return _draw(f"coin\n{name}")[0] % 2 == 1


def require_documents(found: DocumentSet, what: str) -> DocumentSet:
    """The set, if there is a document in it.

    Raises:
        LorafairError: if there is none.
    """
    if not found.documents:
        raise LorafairError(f"{what} holds no documents. {' '.join(f'{each}.' for each in found.remarks)}".rstrip())
    return found


def _draw(name: str) -> bytes:
    return hashlib.sha256(str(name).encode("utf-8", "surrogatepass")).digest()[:8]


def _take_words(text: str, most: int) -> str:
    for number, word in enumerate(re.finditer(r"\S+", text), start=1):
        if number == most:
            return text[: word.end()]
    return text
