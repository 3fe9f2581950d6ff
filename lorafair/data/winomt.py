"""WinoMT (Stanovsky, Smith and Zettlemoyer 2019): English sentences whose translation has to show a person's gender.

Sentences are those of Winogender (Rudinger et al. 2018) and WinoBias (Zhao et al. 2018); one of the two people in each
is referred to by a pronoun, and that person's gender is the label.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from lorafair.data.dataset import resolve
from lorafair.errors import LorafairError, raise_faults

LABELS = ("male", "female", "neutral")
WINOBIAS_LINES, WINOGENDER_LINES = 2, 12
"""Lines of one pair of professions: in each of en_pro.txt and en_anti.txt, and in the rest of en.txt."""


def winomt_documents(dataset: str = "winomt") -> list[dict[str, Any]]:
    """The sentences of WinoMT (3,888: 1,826 male, 1,822 female, 240 neutral) or of a sample set, as documents.

    Each has ``id`` (its line), ``text``, ``label``, ``index`` (of the token, counted from 0, that the person's name
    begins with), ``profession``, ``groups`` (``gender``: the label; ``stereotype``: pro or anti, for the 3,168
    sentences of WinoBias, by en_pro.txt and en_anti.txt) and ``cluster``: the two people that it is about, with all
    sentences about them, gender swaps included (792 clusters of 4 sentences, 60 of 12).  The sentences of a cluster
    stand together and the two kinds of cluster take turns, so that the first documents are a fair sample.

    Args:
        dataset: ``winomt``, ``winomt_sample`` or another data set with the same columns.

    Raises:
        LorafairError: if the data are missing or damaged.
    """
    resolved = resolve(dataset)
    if "sentences" not in resolved.files:
        raise LorafairError(f"The data set {dataset} has no sentences file: it is not one of WinoMT's form.")
    if resolved.files["sentences"].suffix == ".jsonl":
        return [
            _as_document(str(row["id"]), row, row.get("stereotype"), row["cluster"])
            for row in resolved.rows("sentences")
        ]
    sentences, pro, anti = (_read_rows(resolved.files[role]) for role in ("sentences", "pro", "anti"))
    return _spread(_name_all(sentences, pro, anti))


def _read_rows(path: Path) -> list[dict[str, Any]]:
    """Rows of a file without a header: gold gender, index, sentence, profession."""
    rows, faults = [], []
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        cells = line.split("\t")
        if len(cells) != 4 or cells[0] not in LABELS or not cells[1].isdecimal():
            faults.append(f"{path}:{number}: expected gender, index, sentence and profession, found {line[:60]!r}.")
        elif int(cells[1]) >= len(cells[2].split()):
            faults.append(f"{path}:{number}: the sentence has no token {cells[1]}.")
        else:
            gender, index, text, profession = (cell.strip() for cell in cells)
            rows.append({"gender": gender, "index": int(index), "text": text, "profession": profession})
    raise_faults(f"{path} is not a file of WinoMT", faults[:5])
    return rows


def _name_all(
    rows: Sequence[Mapping[str, Any]], pro: Sequence[Mapping[str, Any]], anti: Sequence[Mapping[str, Any]]
) -> list[dict[str, Any]]:
    """Documents with the stereotype and the cluster of each row; a row that stands twice in a file is met in order."""
    places: dict[tuple[Any, ...], list[tuple[str, int]]] = defaultdict(list)
    for name, found in (("pro", pro), ("anti", anti)):
        for at, row in enumerate(found):
            places[_key(row)].append((name, at // WINOBIAS_LINES))
    documents, rest = [], 0
    for number, row in enumerate(rows, start=1):
        if waiting := places.get(_key(row)):
            stereotype, pair = waiting.pop(0)
            documents.append(_as_document(str(number), row, stereotype, f"winobias {pair + 1}"))
        else:
            documents.append(_as_document(str(number), row, None, f"winogender {rest // WINOGENDER_LINES + 1}"))
            rest += 1
    return documents


def _key(row: Mapping[str, Any]) -> tuple[Any, ...]:
    return row["gender"], row["index"], row["text"]


def _as_document(name: str, row: Mapping[str, Any], stereotype: str | None, cluster: str) -> dict[str, Any]:
    groups = {"gender": [row["gender"]]} | ({"stereotype": [stereotype]} if stereotype else {})
    return {
        "id": name,
        "text": row["text"],
        "label": row["gender"],
        "index": row["index"],
        "profession": row["profession"],
        "groups": groups,
        "cluster": cluster,
    }


def _spread(documents: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """The documents cluster by cluster, those of each kind of cluster spread evenly over the whole."""
    clusters: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for document in documents:
        clusters[document["cluster"]].append(document)
    kinds: dict[str, list[str]] = defaultdict(list)
    for name in clusters:
        kinds[name.partition(" ")[0]].append(name)
    places = {name: (at + 0.5) / len(names) for names in kinds.values() for at, name in enumerate(names)}
    return [document for name in sorted(clusters, key=places.__getitem__) for document in clusters[name]]
