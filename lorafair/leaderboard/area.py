"""Areas under ROC curves that a probe gave, compared: between models, between groups of one, and both at once."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from lorafair.probe_sample import Ranking
from lorafair.records import Comparison
from lorafair.statistics.interval import Estimate
from lorafair.statistics.roc import Area, find_area
from lorafair.statistics.roc_contrast import Terms, compare_areas
from lorafair.statistics.table import Floats

Group = tuple[str, str]
Mask = NDArray[np.bool_]


@dataclass
class Changes:
    """What is said of one area of a model: its difference from references, and each group against the rest.

    ``contrasts``: the group's area minus that of its attribute's other documents.  ``groups``: changes of a group's own
    area (``level``) and of its contrast, from each reference.  Nothing carries a verdict.
    """

    overall: list[Comparison] = field(default_factory=list)
    contrasts: dict[Group, Estimate] = field(default_factory=dict)
    groups: dict[Group, list[Comparison]] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class _Documents:
    """Documents as columns: ``scores`` of one or two models, ``truth``, cluster codes, and who is in which group."""

    scores: tuple[Floats, ...]
    truth: Mask
    cluster: NDArray[np.intp]
    groups: Mapping[str, Mapping[str, Mask]]

    @property
    def clusters(self) -> int:
        return int(self.cluster.max()) + 1

    def measure(self, inside: Mask, model: int = 0) -> Area | None:
        """One model's area over some documents."""
        score = self.scores[model]
        yes, no = inside & self.truth, inside & ~self.truth
        return find_area(score[yes], score[no], self.cluster[yes], self.cluster[no], self.clusters)

    def split(self, attribute: str, name: str) -> tuple[Mask, Mask]:
        """The group's documents, and the rest: those in other groups of the attribute only."""
        inside = self.groups[attribute][name]
        return inside, np.any(list(self.groups[attribute].values()), axis=0) & ~inside


def compare_rankings(mine: Ranking, references: Mapping[str, Ranking]) -> Changes:
    """Compare a model's area with its references' over the documents that both have, and its groups with their rests.

    Args:
        mine: of the model.
        references: label -> that of a model it is compared with.
    """
    found = Changes()
    own = _arrange(mine, list(mine.scores))
    for attribute in own.groups:
        family = {name: _subtract(*(own.measure(part) for part in own.split(attribute, name)))
                  for name in own.groups[attribute]}  # fmt: skip
        found.contrasts |= {(attribute, name): one for name, one in compare_areas(family).items()}
    for label, other in references.items():
        shared = [place for place in mine.scores if place in other.scores]
        either = len(mine.scores.keys() | other.scores.keys())
        if any(mine.truth[place] != other.truth[place] for place in shared):
            found.notes.append(f"not compared with {label}: its members are others")
            continue
        if not shared:
            found.notes.append(f"not compared with {label}: no document in common")
            continue
        if len(shared) < either:
            found.notes.append(f"compared with {label} over the {len(shared)} of {either} documents both have")
        _compare(found, label, _arrange(mine, shared, other))
    return found


def _compare(found: Changes, label: str, both: _Documents) -> None:
    """Add the differences of one pair of models."""
    whole = np.ones(len(both.truth), dtype=bool)
    (level,) = compare_areas({"": _change(both, whole)}).values()
    found.overall.append(_tell(label, "level", level, level.p, both, whole))
    for attribute, names in both.groups.items():
        family: dict[str, Terms | None] = {}
        for name in names:
            inside, rest = both.split(attribute, name)
            terms = _change(both, inside), _change(both, rest)
            family[name] = None if None in terms else [*(terms[0] or ()), *((-w, a) for w, a in terms[1] or ())]
            (level,) = compare_areas({"": terms[0]}).values()
            found.groups.setdefault((attribute, name), []).append(_tell(label, "level", level, level.p, both, inside))
        for name, one in compare_areas(family).items():
            told = _tell(label, "contrast", one, one.p_max, both, np.any(list(names.values()), axis=0))
            found.groups[attribute, name].append(told)


def _change(both: _Documents, inside: Mask) -> Terms | None:
    return _subtract(both.measure(inside, 0), both.measure(inside, 1))


def _subtract(one: Area | None, other: Area | None) -> Terms | None:
    return None if one is None or other is None else [(1.0, one), (-1.0, other)]


def _arrange(mine: Ranking, places: list[str], other: Ranking | None = None) -> _Documents:
    given = [mine] if other is None else [mine, other]
    scores = tuple(np.array([each.scores[place] for place in places], dtype=np.float64) for each in given)
    about = [mine.about[place] for place in places]
    cluster = np.unique(np.array([each for each, _ in about], dtype=object).astype(str), return_inverse=True)[1]
    names = sorted({(a, name) for _, groups in about for a, each in groups.items() for name in each})
    groups: dict[str, dict[str, Mask]] = {}
    for attribute, name in names:
        inside = np.array([name in each.get(attribute, ()) for _, each in about], dtype=np.bool_)
        groups.setdefault(attribute, {})[name] = inside
    truth = np.array([mine.truth[place] for place in places], dtype=np.bool_)
    return _Documents(scores, truth, cluster.astype(np.intp), groups)


def _tell(
    label: str,
    quantity: Literal["level", "contrast"],
    found: Estimate,
    p: float | None,
    both: _Documents,
    inside: Mask,
) -> Comparison:
    return Comparison(
        reference=label,
        quantity=quantity,
        difference=found.value,
        low=found.low,
        high=found.high,
        method=found.method,
        p=p,
        p_adjusted=None,
        minimum_detectable=found.minimum_detectable,
        documents=int(inside.sum()),
        clusters=len(np.unique(both.cluster[inside])),
        verdict="no claim",
    )


def check_area(ranking: Ranking, estimate: float | None) -> bool:
    """Whether the documents' scores give the area that the probe gave itself."""
    documents = _arrange(ranking, list(ranking.scores))
    found = documents.measure(np.ones(len(documents.truth), dtype=bool)) if ranking.scores else None
    if found is None or estimate is None:
        return False
    return math.isclose(found.value, estimate, rel_tol=0.0, abs_tol=1e-6)
