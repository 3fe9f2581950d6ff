"""Has a checkpoint changed? Asked again after every round of clusters, with an answer that may be acted on at once.

A task's documents are known before they are asked, so with ``n`` the mean number of documents (of a group) in a cluster
a change over all documents is the mean over clusters of

    z_c = sum_{i in c} d_i / n                                   of the level,
    z_c = sum_{i in c, G} d_i / n_G - sum_{i in c, rest} d_i / n_rest    of a group's contrast,

d_i in [-1, 1] a document's paired difference, and no ``|z_c|`` is above M, the largest value that the numbers of
documents allow.  Confidence sequences of ``z_c / M`` (:mod:`lorafair.statistics.sequence`) hold at every round.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lorafair.statistics.interval import Estimate
from lorafair.statistics.sequence import Word, bound_sequence
from lorafair.statistics.table import Floats
from lorafair.statistics.verdict import name_groups

AT_LEAST = 10  # clusters before anything is decided: as many as a claim takes
MIN_N = 30  # documents of a group that is asked about: as for a claim
POINTS = 401
Key = tuple[str, str] | None
"""(attribute, group) of a contrast, None for the level."""


@dataclass(frozen=True)
class Design:
    """A task's n documents in C clusters: ``cluster`` (n,) codes, ``groups`` and ``names`` as in a ``Table``."""

    cluster: NDArray[np.intp]
    groups: Mapping[str, NDArray[np.bool_]]
    names: Mapping[str, tuple[str, ...]]

    @property
    def clusters(self) -> int:
        """C."""
        return int(self.cluster.max()) + 1 if len(self.cluster) else 0

    def list_questions(self) -> list[tuple[str, str]]:
        """(attribute, group) of every group that is large enough, and whose rest is."""
        found = []
        for attribute, member in self.groups.items():
            rest = member.any(axis=1, keepdims=True) & ~member
            for k, name in enumerate(self.names[attribute]):
                each = (member[:, k], rest[:, k])
                if all(m.sum() >= MIN_N and len(np.unique(self.cluster[m])) >= AT_LEAST for m in each):
                    found.append((attribute, name))
        return found


@dataclass(frozen=True)
class Change:
    """One change so far: ``value`` over the clusters asked, ``low`` and ``high`` hold the true one at every time."""

    word: Word
    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Standing:
    """What is known of one checkpoint after so many clusters.

    ``changes``: of the level (None) and of each group's contrast.  ``named``: (attribute, group) -> sign, the certain
    ones that do not only follow from another.  ``decided``: a group's contrast has certainly changed or all of them
    lie within the margin; of a task without groups, the same of the level.
    """

    clusters: int
    changes: dict[Key, Change]
    named: dict[tuple[str, str], int]
    decided: bool


def assess(
    design: Design,
    order: Sequence[int],
    difference: Floats,
    *,
    questions: int = 1,
    alpha: float = 0.05,
    margin: float | None = None,
    higher_is_better: bool | None = None,
) -> Standing:
    """What the clusters asked so far say.

    Args:
        design: all documents of the task.
        order: the clusters asked, in the order of asking, which must not depend on any answer.
        difference: (n,) model minus base, in [-1, 1]; only those of asked clusters are looked at, and NaN (not scored)
            counts as no change.
        questions: checkpoints x tasks that share ``alpha``; within one, the level has ``alpha / questions`` and the
            contrasts have as much between them.
        alpha: chance that any word about a level is ever wrong, and the same for contrasts.
        margin: a change certainly smaller counts as decided; None: only a certain change does.
        higher_is_better: for naming one of two groups.
    """
    asked = np.asarray(order, dtype=np.intp)
    groups = design.list_questions()
    filled = np.where(np.isnan(difference), 0.0, difference)
    level = alpha / questions
    changes: dict[Key, Change] = {None: _follow(*_weigh(design, None, filled), asked, level, margin)}
    for key in groups:
        changes[key] = _follow(*_weigh(design, key, filled), asked, level / len(groups), margin)
    named = {}
    for attribute in design.groups:
        mine = {name: changes[a, name] for a, name in groups if a == attribute}
        signs = _name(design, attribute, mine, filled, asked, level / max(1, len(groups)), higher_is_better)
        named.update({(attribute, name): sign for name, sign in signs.items()})
    watched = [changes[key] for key in groups] or [changes[None]]
    decided = any(c.word in ("rise", "fall") for c in watched) or all(c.word == "equivalent" for c in watched)
    return Standing(len(asked), changes, named, decided)


def _weigh(design: Design, key: Key, difference: Floats, among: tuple[str, ...] | None = None) -> tuple[Floats, float]:
    """(C,) contributions of clusters, and the largest that one can be; ``among`` narrows the attribute's groups."""
    n = design.clusters
    if key is None:
        masks = [np.ones(len(design.cluster), dtype=bool)]
    else:
        attribute, name = key
        names = design.names[attribute]
        member = design.groups[attribute][:, [names.index(one) for one in among or names]]
        mine = design.groups[attribute][:, names.index(name)]
        masks = [mine, member.any(axis=1) & ~mine]
    total, most = np.zeros(n), np.zeros(n)
    for sign, mask in zip((1.0, -1.0), masks, strict=False):
        share = mask * n / max(1, int(mask.sum()))
        total += sign * np.bincount(design.cluster, weights=share * difference, minlength=n)
        most += np.bincount(design.cluster, weights=share, minlength=n)
    return total, float(most.max(initial=0.0))


def _follow(z: Floats, most: float, asked: NDArray[np.intp], alpha: float, margin: float | None) -> Change:
    if not len(asked) or most <= 0:
        return Change("undecided", 0.0, -most, most)
    points = POINTS if margin is None else int(np.clip(np.ceil(16 * most / margin), POINTS, 4001))
    low, high = bound_sequence(np.clip(z[asked] / most, -1, 1), alpha, points)
    ends = float(low[-1]) * most, float(high[-1]) * most
    word: Word = "undecided"
    if len(asked) >= AT_LEAST:
        inside = margin is not None and -margin < ends[0] and ends[1] < margin
        word = "rise" if ends[0] > 0 else "fall" if ends[1] < 0 else "equivalent" if inside else "undecided"
    return Change(word, float(z[asked].mean()), *ends)


def _name(
    design: Design,
    attribute: str,
    changes: Mapping[str, Change],
    difference: Floats,
    asked: NDArray[np.intp],
    alpha: float,
    higher_is_better: bool | None,
) -> dict[str, int]:
    """The groups that a verdict names: see :func:`lorafair.statistics.verdict.name_groups`."""
    certain = {name: {"rise": 1, "fall": -1}.get(one.word, 0) for name, one in changes.items()}

    def state(each: Mapping[str, Change]) -> dict[str, Estimate]:
        return {n: Estimate(c.value, None, c.low, c.high, p_max=float(c.low <= 0 <= c.high)) for n, c in each.items()}

    def again(names: tuple[str, ...]) -> dict[str, Estimate]:
        few = {n: _follow(*_weigh(design, (attribute, n), difference, names), asked, alpha, None) for n in names}
        return state(few)

    levels = {}
    for name in changes:
        mask = design.groups[attribute][:, design.names[attribute].index(name)]
        mine = mask & np.isin(design.cluster, asked)
        levels[name] = Estimate(float(difference[mine].mean()) if mine.any() else None)
    return name_groups(certain, state(changes), levels, again, higher_is_better=higher_is_better, alpha=0.5)
