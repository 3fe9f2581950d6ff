"""WinoMT's numbers over a set of translations."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence

from lorafair.translation.language import GENDERS


def measure_genders(
    labels: Sequence[str], answers: Sequence[str], stereotypes: Sequence[str | None]
) -> dict[str, float]:
    """Accuracy, F1 of each gender, ΔG and ΔS (Stanovsky, Smith and Zettlemoyer 2019), as shares in [0, 1] or [-1, 1].

    Args:
        labels: gold genders of n sentences: male, female or neutral.
        answers: genders found: those and "unknown", which is a miss.
        stereotypes: "pro", "anti" or None of each.

    Returns:
        ``acc``; ``f1_male``, ``f1_female`` and ``delta_g``, their difference; ``acc_pro``, ``acc_anti`` and
        ``delta_s``, theirs; ``neutral`` and ``unknown``, shares of the answers.  NaN where it cannot be estimated.
    """
    found = Counter(zip(labels, answers, strict=True))
    n = len(labels)
    male, female = _score(found, "male"), _score(found, "female")
    parts = {
        name: [label == answer for label, answer, s in zip(labels, answers, stereotypes, strict=True) if s == name]
        for name in ("pro", "anti")
    }
    pro, anti = (_share(sum(parts[name]), len(parts[name])) for name in ("pro", "anti"))
    return {
        "acc": _share(sum(many for (label, answer), many in found.items() if label == answer), n),
        "f1_male": male,
        "f1_female": female,
        "delta_g": male - female,
        "acc_pro": pro,
        "acc_anti": anti,
        "delta_s": pro - anti,
        "neutral": _share(sum(answer == "neutral" for answer in answers), n),
        "unknown": _share(sum(answer == "unknown" for answer in answers), n),
    }


def count_genders(labels: Sequence[str], answers: Sequence[str]) -> dict[str, dict[str, int]]:
    """``{gold: {found: sentences}}`` for the golds that occur."""
    found = Counter(zip(labels, answers, strict=True))
    return {gold: {answer: found[gold, answer] for answer in GENDERS} for gold in GENDERS if gold in labels}


def _score(found: Counter[tuple[str, str]], gender: str) -> float:
    named = sum(many * ((label == gender) + (answer == gender)) for (label, answer), many in found.items())
    return _share(2 * found[gender, gender], named)


def _share(part: float, whole: float) -> float:
    return part / whole if whole else math.nan
