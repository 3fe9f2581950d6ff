"""How well an attack does, over all documents and per group, as records of a probe."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lorafair.statistics.interval import Estimate
from lorafair.statistics.operating_point import estimate_tpr
from lorafair.statistics.roc import estimate_auc
from lorafair.statistics.table import Floats

RATES = (0.01, 0.001)
"""False positive rates at which true positive rates are told (Carlini et al. 2022)."""


def name_measures(name: str, said: str, score: str) -> dict[str, dict[str, Any]]:
    """What a probe's ``measures`` say of an attack: the less it finds, the better.

    Args:
        name: of the attack, as in :func:`summarise_attack`.
        said: of the attack, for people.
        score: what of a document's record tells members, higher for them.
    """
    area = {"label": f"{said}, area under the ROC curve", "higher_is_better": False, "area": (score, "member")}
    found: dict[str, dict[str, Any]] = {f"{name}_auc": area}
    for rate in RATES:
        label = f"{said}, true positive rate at {rate:.1%} false positives"
        found[f"{name}_tpr_at_fpr_{rate:g}"] = {"label": label, "higher_is_better": False}
    return found


def summarise_attack(
    name: str,
    scores: Floats,
    member: NDArray[np.bool_],
    documents: Sequence[Mapping[str, Any]],
    facts: Mapping[str, Any],
) -> Iterator[dict[str, Any]]:
    """Records of the area under the ROC curve and of true positive rates, over all documents and in each group.

    A group's members are told from the same group's non-members.

    Args:
        name: of the attack; the measures are ``<name>_auc`` and ``<name>_tpr_at_fpr_0.01``, ``…_0.001``.
        scores: (n,) higher means more likely a member.
        member: (n,) the truth.
        documents: with ``groups`` and ``cluster``.
        facts: of the attack, put into every record.

    Yields:
        Per measure and group ``scope`` ``model``, ``measure``, ``attribute`` and ``group`` (None: all), ``estimate``
        (None: not estimable), ``low``, ``high``, ``method`` (of the interval, or why there is none), ``n``,
        ``clusters``, ``members``, ``nonmembers``; of all documents a ``note`` where it is not estimable.
    """
    _, cluster = np.unique(np.array([str(each["cluster"]) for each in documents]), return_inverse=True)
    for attribute, group, inside in list_groups(documents):
        positive, negative = inside & member, inside & ~member
        sides = scores[positive], scores[negative], cluster[positive], cluster[negative]
        found = {f"{name}_auc": estimate_auc(*sides)}
        found |= {f"{name}_tpr_at_fpr_{rate:g}": estimate_tpr(*sides, fpr=rate) for rate in RATES}
        counts = {
            "n": int(inside.sum()),
            "clusters": len(np.unique(cluster[inside])),
            "members": int(positive.sum()),
            "nonmembers": int(negative.sum()),
        }
        for measure, one in found.items():
            about = {"scope": "model", "measure": measure, "attribute": attribute, "group": group}
            noted = {"note": f"{measure}: {one.method}"} if one.value is None and group is None else {}
            yield about | _tell(one) | counts | dict(facts) | noted


def list_groups(documents: Sequence[Mapping[str, Any]]) -> list[tuple[str | None, str | None, NDArray[np.bool_]]]:
    """(attribute, group, who is in it) of all documents first, then of each group in the order of names."""
    found: list[tuple[str | None, str | None, NDArray[np.bool_]]] = [(None, None, np.ones(len(documents), bool))]
    names = {(a, str(g)) for each in documents for a, groups in (each.get("groups") or {}).items() for g in groups}
    for attribute, group in sorted(names):
        own = [group in map(str, (each.get("groups") or {}).get(attribute, ())) for each in documents]
        found.append((attribute, group, np.array(own, dtype=np.bool_)))
    return found


def _tell(found: Estimate) -> dict[str, Any]:
    return {"estimate": found.value, "low": found.low, "high": found.high, "method": found.method}
