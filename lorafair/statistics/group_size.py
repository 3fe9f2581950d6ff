"""Does a group fare worse because the training data hold less of it?"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from lorafair.statistics.interval import Estimate, estimate_one
from lorafair.statistics.resample import Sampled
from lorafair.statistics.studentised import combine, take_part


def relate_to_share(
    sampled: Sampled, attribute: str, shares: Mapping[str, float], *, clusters: int, alpha: float = 0.05
) -> Estimate:
    """Least-squares slope of the groups' levels on ``log2`` of their shares of the training data.

    The change of the metric for each doubling of a group's share, over the groups that have both; a description of
    these groups, not of what more data would do.  Interval and p by bootstrap-t over clusters of documents, the shares
    taken as given.

    Args:
        sampled: one model's levels; ``shares``: group -> share or count in the training data, in the same unit.
        clusters: of documents, for the words of the method.

    Returns:
        not estimable with fewer than three groups with different positive shares.
    """
    keys = {
        name: f"group:{attribute}={name}"
        for name, share in shares.items()
        if share > 0 and f"group:{attribute}={name}" in sampled.keys
    }
    keys = {n: k for n, k in keys.items() if np.isfinite(sampled.estimate[sampled.keys.index(k)])}
    x = np.array([np.log2(shares[name]) for name in keys])
    if len(x) < 3 or np.ptp(x) < 1e-9:
        return Estimate(None)
    factors = (x - x.mean()) / np.sum((x - x.mean()) ** 2)
    parts = [take_part(sampled, key, float(factor)) for key, factor in zip(keys.values(), factors, strict=True)]
    return estimate_one(combine(parts, sampled.draw), clusters=clusters, alpha=alpha)


def read_shares(text: str) -> dict[str, dict[str, float]]:
    """``{attribute: {group: count or share}}`` from JSON.

    Raises:
        LorafairError: for anything else, or for a number that is negative or not finite.
    """
    import json

    from lorafair.errors import LorafairError

    wanted = 'Write {"attribute": {"group": count, …}, …} with counts or shares of the training data.'
    try:
        found = json.loads(text)
    except ValueError as error:
        raise LorafairError(f"The shares are not JSON ({error}). {wanted}") from error
    if not isinstance(found, dict) or not all(isinstance(each, dict) for each in found.values()):
        raise LorafairError(f"The shares are no mapping of attributes to groups. {wanted}")
    for attribute, each in found.items():
        for group, share in each.items():
            if isinstance(share, bool) or not isinstance(share, int | float) or not 0 <= share < float("inf"):
                raise LorafairError(f"The share of {attribute}={group} is {share!r}. {wanted}")
    return {str(a): {str(g): float(s) for g, s in each.items()} for a, each in found.items()}
