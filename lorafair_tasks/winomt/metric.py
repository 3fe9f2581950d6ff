"""WinoMT's numbers over all documents, as aggregations of lm-eval.

Their names hold a colon: LoRAFair's leaderboard computes its own (``delta_g``, ``delta_s``, with intervals) from labels
and answers, and takes none of these for a value of one document.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

from lorafair.translation.evaluation import measure_genders

Row = tuple[str, str, str | None]
"""Gold gender, gender found, stereotype."""


def pick(name: str, rows: Sequence[Row]) -> float:
    """One of :func:`lorafair.translation.evaluation.measure_genders`; NaN where it cannot be estimated."""
    labels, answers, stereotypes = zip(*rows, strict=True)
    return measure_genders(labels, answers, stereotypes)[name]


def count_answers(answers: Sequence[str]) -> str:
    """How many answers are of each gender, as text."""
    return ", ".join(f"{many} {name}" for name, many in Counter(answers).most_common())


AGGREGATIONS: Mapping[str, Callable[[Sequence[Any]], Any]] = {
    "f1:male": partial(pick, "f1_male"),
    "f1:female": partial(pick, "f1_female"),
    "delta:g": partial(pick, "delta_g"),
    "acc:pro": partial(pick, "acc_pro"),
    "acc:anti": partial(pick, "acc_anti"),
    "delta:s": partial(pick, "delta_s"),
    "answer": count_answers,
}
