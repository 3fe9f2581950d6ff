"""Exact McNemar test: two models' right-or-wrong answers to the same independent documents."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lorafair.statistics.table import Floats, Table


@dataclass(frozen=True)
class McNemar:
    """``gained`` documents are 1 with the model and 0 with the reference, ``lost`` the other way; two-sided ``p``."""

    gained: int
    lost: int
    p: float


def compare_answers(table: Table, one: Floats, other: Floats) -> McNemar | None:
    """The exact (binomial) test of McNemar (1947) that a changed answer is as likely to be a gain as a loss.

    Args:
        table: n documents; only its clusters are used.
        one: (n,) the model's values, ``other`` the reference's.

    Returns:
        None where the test does not apply: a value other than 0 and 1 (several completions a document, a score), or two
        documents in one cluster.
    """
    from scipy.special import bdtr

    values = np.concatenate([one, other])
    if not len(one) or table.clusters < len(one) or not np.isin(values, (0.0, 1.0)).all():
        return None
    gained, lost = int(np.sum((one == 1) & (other == 0))), int(np.sum((one == 0) & (other == 1)))
    p = min(1.0, 2 * float(bdtr(min(gained, lost), gained + lost, 0.5)))
    return McNemar(gained, lost, p)
