"""Score a file of translations of WinoMT's sentences, as ``lorafair translations score`` does."""

from __future__ import annotations

import math
from collections import Counter
from pathlib import Path
from typing import Any

from lorafair.data.dataset import resolve
from lorafair.data.winomt import winomt_documents
from lorafair.errors import LorafairError
from lorafair.translation.entity import Entity, read_entities
from lorafair.translation.evaluation import count_genders, measure_genders
from lorafair.translation.fault import FAULTS
from lorafair.translation.file import match_translations, read_translations
from lorafair.translation.language import load_language


def score_translations(
    path: Path, language: str, dataset: str = "winomt"
) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """WinoMT's numbers for a file of translations, and what was read in each sentence.

    Args:
        path: a file of ``sentence ||| translation`` lines.
        language: code of the translations' language.
        dataset: the sentences: ``winomt``, or a sample set.

    Returns:
        The summary (``n``; the numbers of :func:`lorafair.translation.evaluation.measure_genders` in percent to two
        decimals, None where they cannot be estimated; ``recognised``, the percentage in which the entity's words are a
        known translation of it; ``found`` by gold gender, ``excluded``, ``faults``, ``cut``, ``data``), and one row for
        each of the n sentences.

    Raises:
        LorafairError: for an unknown language, a file or data that cannot be read, and where no sentence is the data's.
    """
    spoken = load_language(language)
    pairs, without = read_translations(path)
    matched = match_translations(winomt_documents(dataset), pairs)
    if not matched.documents:
        raise LorafairError(
            f"None of the {len(pairs)} sentences of {path} is one of {dataset}'s; its first is {pairs[0][0][:80]!r}. "
            "The English sentence stands left of |||, as the data set has it."
        )
    entities = [Entity(each["text"], each["index"], each["profession"]) for each in matched.documents]
    readings = read_entities(entities, matched.translations, spoken)
    labels = [str(each["label"]) for each in matched.documents]
    answers = [each.gender for each in readings]
    stereotypes = [next(iter(each["groups"].get("stereotype", ())), None) for each in matched.documents]
    faults = Counter(each.fault for each in readings if each.fault)
    summary = {
        "language": language,
        "n": len(labels),
        **{name: _as_percent(share) for name, share in measure_genders(labels, answers, stereotypes).items()},
        "recognised": _as_percent(sum(each.recognised for each in readings) / len(readings)),
        "found": count_genders(labels, answers),
        "excluded": matched.excluded | {"no_separator": without},
        "faults": {name: faults[name] for name in FAULTS},
        "cut": sum(each.cut for each in readings),
        "data": resolve(dataset).provenance(),
    }
    rows = [
        {
            "id": document["id"],
            "text": document["text"],
            "translation": translation,
            "profession": document["profession"],
            "gender": document["label"],
            "found": reading.gender,
            "words": reading.words,
            "recognised": reading.recognised,
            "fault": reading.fault,
        }
        for document, translation, reading in zip(matched.documents, matched.translations, readings, strict=True)
    ]
    return summary, rows


def _as_percent(share: float) -> float | None:
    return None if math.isnan(share) else round(100 * share, 2)
