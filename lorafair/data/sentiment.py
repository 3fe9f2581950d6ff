"""Reviews with their sentiment and the groups that they mention, and reviews in pairs whose label an edit turned round.

IMDb (Maas et al. 2011), SST-2 (Socher et al. 2013) and the counterfactually augmented IMDb of Kaushik et al. 2020.  No
known source gives these reviews groups: they are mentions, found by :mod:`lorafair.data.mention`.
"""

from __future__ import annotations

import csv
import re
from collections import defaultdict
from collections.abc import Iterable
from typing import Any

from lorafair.data.dataset import Resolved, resolve
from lorafair.data.document_set import Document, DocumentSet, count_words, list_rows, shuffle_documents
from lorafair.data.mention import find_mentions
from lorafair.errors import LorafairError, raise_faults

PEOPLE = "[P]"
PARTS = ("test", "train", "dev", "all")
LABELS = {"Negative": 0, "Positive": 1, "negative": 0, "positive": 1, "0": 0, "1": 1}
UNLABELLED = ("-1", "")
TRAINING = {"imdb": "imdb_train", "sst2": "sst2_train"}
"""Where the training part is a data set of its own, so that nobody has to download it who does not train."""
PAIRED = ("imdb_cad",)
BREAK = re.compile(r"(?:<br\s*/?>\s*)+", re.IGNORECASE)
"""IMDb's line breaks: they are read as white space."""
TEXTS, SENTIMENTS = ("text", "sentence", "Text"), ("label", "Sentiment", "sentiment")


def sentiment_documents(dataset: str, part: str = "test") -> DocumentSet:
    """Reviews or sentences as documents, in an order drawn by their ids.

    Args:
        dataset: ``imdb``, ``imdb_train``, ``imdb_cad_original`` (the 2,440 reviews that were later edited), ``sst2``,
            ``sst2_train``, a sample set, or another declared set with text and label columns.
        part: one of the set's files (``test``, ``train``, ``dev``), or ``all`` of them.

    Returns:
        documents with ``id``, ``text`` (line breaks as white space), ``label`` (1 is positive), ``groups`` (mentions),
        ``cluster``, ``words``.  Rows without a label are left out, and counted.

    Raises:
        LorafairError: if the data are missing or another, the set has no such part, or a label is unknown.
    """
    resolved = resolve(dataset)
    rows = _read_rows(resolved, part)
    found = [_write(f"{place}{number}", row) for place, number, row in rows]
    kept = [document for document in found if document["label"] is not None]
    gone = len(found) - len(kept)
    remarks = [f"{gone} of {len(found)} texts have no label and were left out"] if gone else []
    return DocumentSet(shuffle_documents(kept), {"reviews": resolved.provenance()}, remarks)


def sentiment_pairs(dataset: str = "imdb_cad", part: str = "test") -> DocumentSet:
    """Reviews in pairs: the original and what people made of it to turn its sentiment round, and nothing else.

    The label changes with the edit, so a model is right where its answer changes, too: these are no twins in the sense
    of an identity swap, and documents carry no ``twin``.  The cluster is the pair.

    Args:
        dataset: ``imdb_cad``, or a sample set.
        part: as in :func:`sentiment_documents`.

    Returns:
        documents as there, those of a pair beside each other, with ``pair``, ``version`` (original or revised, a group
        of the attribute ``version`` too).  Pairs that are incomplete, have one label twice or equal texts are left out
        whole, and counted.

    Raises:
        LorafairError: as there.
    """
    resolved = resolve(dataset)
    pairs: dict[str, list[Document]] = defaultdict(list)
    for place, number, row in _read_rows(resolved, part):
        document = _write(f"{place}{number}", row)
        document["pair"] = f"{place}{row.get('batch_id', row.get('pair'))}"
        document["cluster"] = str(row.get("cluster", document["pair"]))
        document["version"] = "revised" if pairs[document["pair"]] else "original"
        document["groups"] |= _keep_version(document)
        pairs[document["pair"]].append(document)
    documents = shuffle_documents((document for pair in pairs.values() for document in pair), together="pair")
    return keep_pairs(DocumentSet(documents, {"reviews": resolved.provenance()}))


def labelled_rows(dataset: str = "imdb", part: str = "train") -> list[dict[str, Any]]:
    """The reviews of one part as rows to train a classifier on; those of an edited pair are of one cluster.

    Args:
        dataset: as in :func:`sentiment_documents`, or ``imdb_cad``, whose originals and edits are all there.
        part: as there; the training part of ``imdb`` and ``sst2`` is a data set of its own, and taken from it.
    """
    found = sentiment_pairs if dataset in PAIRED else sentiment_documents
    return list_rows(found(TRAINING.get(dataset, dataset) if part == "train" else dataset, part))


def keep_pairs(found: DocumentSet) -> DocumentSet:
    """The set without pairs that are incomplete, or have equal texts or labels; they are counted in a remark."""
    pairs: dict[str, list[Document]] = defaultdict(list)
    for document in found.documents:
        pairs[document["pair"]].append(document)
    sound = [pair for pair in pairs.values() if _is_pair(pair)]
    gone = len(pairs) - len(sound)
    told = [f"{gone} of {len(pairs)} pairs are no pairs (equal texts or labels) and were left out"] if gone else []
    return DocumentSet([document for pair in sound for document in pair], found.data, [*found.remarks, *told])


def regroup_cut(found: DocumentSet) -> DocumentSet:
    """The set with the groups of texts that were cut found anew: what a model does not see is not mentioned."""
    documents = [
        {**document, "groups": {**find_mentions(document["text"]), **_keep_version(document)}}
        if document.get("cut")
        else document
        for document in found.documents
    ]
    return DocumentSet(documents, found.data, found.remarks)


def _keep_version(document: Document) -> dict[str, list[str]]:
    return {"version": [document["version"]]} if "version" in document else {}


def _is_pair(documents: list[Document]) -> bool:
    return (
        len(documents) == 2
        and {document["label"] for document in documents} == {0, 1}
        and len({document["text"] for document in documents}) == 2
        and all(document["text"] for document in documents)
    )


def _read_rows(resolved: Resolved, part: str) -> Iterable[tuple[str, int, dict[str, Any]]]:
    """(the file's role as a prefix where there are several, number from 1, row) of one part."""
    if resolved.sample:
        return _fill_sample(resolved, part)
    roles = list(resolved.files) if part == "all" else [part]
    _require_part(resolved, part, list(resolved.files))
    faults: list[str] = []
    rows = []
    for role in roles:
        path = resolved.files[role]
        for number, row in enumerate(resolved.rows(role), start=1):
            cells = {key: _unquote(value) for key, value in row.items()} if path.suffix == ".tsv" else row
            rows.append((f"{role}-" if len(resolved.files) > 1 else "", number, cells))
            label = _pick(cells, SENTIMENTS)
            if str(label) not in (*LABELS, *UNLABELLED):
                faults.append(f"{path}, row {number}: the label {label!r} is none of {', '.join(LABELS)}.")
    raise_faults(f"The data set {resolved.name} cannot be used", faults[:10])
    return rows


def _fill_sample(resolved: Resolved, part: str) -> list[tuple[str, int, dict[str, Any]]]:
    """The sample's reviews of one part, each about every kind of people; the cluster is the template (or its pair)."""
    found: list[tuple[str, int, dict[str, Any]]] = []
    people, reviews = [row["form"] for row in resolved.rows("people")], resolved.rows("reviews")
    _require_part(resolved, part, list(dict.fromkeys(row["part"] for row in reviews)))
    for row in reviews:
        own = row.get("pair", row["id"])
        for number, form in enumerate(people, start=1) if part in ("all", row["part"]) else ():
            text = row["raw"].replace(PEOPLE, form)
            names = {"id": f"{row['id']}-{number}", "pair": f"{own}-{number}", "cluster": own}
            found.append(("", len(found) + 1, {**names, "text": text, "label": row["label"]}))
    return found


def _require_part(resolved: Resolved, part: str, known: list[str]) -> None:
    if part not in ("all", *known):
        raise LorafairError(
            f"The data set {resolved.name} has no part {part!r}; it has {', '.join(known)}. Set `part`, as in "
            f'--metadata \'{{"part": "{known[0]}"}}\'.'
        )


def _write(place: str, row: dict[str, Any]) -> Document:
    text = BREAK.sub(" ", str(_pick(row, TEXTS) or "")).strip()
    name = str(row.get("id") or place)
    return {
        "id": name,
        "text": text,
        "label": LABELS.get(str(_pick(row, SENTIMENTS))),
        "groups": find_mentions(text),
        "cluster": str(row.get("cluster") or name),
        "words": count_words(text),
    }


def _pick(row: dict[str, Any], names: Iterable[str]) -> Any:
    return next((row[name] for name in names if name in row), None)


def _unquote(cell: str) -> str:
    """A cell of a tab-separated file that was written with quotes (such files are read without)."""
    if len(cell) > 1 and cell[0] == cell[-1] == '"':
        return next(csv.reader([cell], delimiter="\t"), [cell])[0]
    return cell
