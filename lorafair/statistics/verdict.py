"""From intervals and adjusted p values to words."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from lorafair.records import Verdict
from lorafair.statistics.interval import Estimate


def judge(sign: int, higher_is_better: bool | None, *, claim: bool) -> Verdict:
    """The word for a change: ``sign`` is +1 for a certain rise, -1 for a certain fall, 0 for neither.

    ``no claim`` where there are too few documents or the metric's direction is not known.
    """
    if not claim or higher_is_better is None:
        return "no claim"
    if sign == 0:
        return "undecided"
    return "better" if (sign > 0) == higher_is_better else "worse"


def add_margin(word: Verdict, within: tuple[float, float] | None, alpha: float) -> Verdict:
    """What an undecided question with a margin comes to: ``equivalent``, ``not worse``, or still ``undecided``.

    Args:
        within: adjusted p of (worse by the margin or more, different by the margin or more); None without a margin.
    """
    if word != "undecided" or within is None:
        return word
    return "equivalent" if within[1] <= alpha else "not worse" if within[0] <= alpha else word


def certain_sign(estimate: Estimate, p_adjusted: float | None, alpha: float) -> int:
    """+1 or -1 where the interval leaves 0 out and the adjusted p is at most alpha, otherwise 0."""
    return estimate.excludes_zero() if p_adjusted is not None and p_adjusted <= alpha else 0


def name_groups(
    certain: Mapping[str, int],
    contrasts: Mapping[str, Estimate],
    levels: Mapping[str, Estimate],
    again: Callable[[tuple[str, ...]], Mapping[str, Estimate]],
    *,
    higher_is_better: bool | None,
    alpha: float,
    tests: float = 1.0,
) -> dict[str, int]:
    """Which groups a verdict names, of those whose contrast with the rest changed for certain.

    When one group gets worse, every other group looks better against a rest that holds it.  So groups are named one at
    a time: the one with the largest ``|t|``, which then leaves the comparison; a further group is named only if its
    contrast still changes for certain among those that are left.  When two groups are left they say the same thing
    twice: named is the one whose own level moved in the direction of its contrast, and of two that did, the one that
    got worse.

    Args:
        certain: group -> sign of its change against the rest of all groups, after every correction.
        contrasts: group -> change of its contrast, among all groups.
        levels: group -> change of its own level.
        again: the contrasts among fewer groups.
        tests: how many times as certain a further group has to be, for all the chances that a family gives to name
            one too many.

    Returns:
        group -> sign, the named ones only.
    """
    named: dict[str, int] = {}
    left, current, level = tuple(contrasts), contrasts, alpha
    while len(left) >= 2:
        still = [
            name
            for name in left
            if certain.get(name, 0) and certain_sign(current[name], current[name].p_max, level) == certain[name]
        ]
        if not still:
            break
        if len(left) == 2:
            worse = -1 if higher_is_better else 1
            moved = [name for name in still if (levels[name].value or 0.0) * certain[name] > 0]
            pick = max(moved or still, key=lambda name: certain[name] == worse)
        else:
            pick = max(still, key=lambda name: _size(current[name]))
        named[pick] = certain[pick]
        left = tuple(name for name in left if name != pick)
        if len(left) < 2 or not any(certain.get(name, 0) for name in left):
            break
        current, level = again(left), alpha / tests
    return named


def _size(estimate: Estimate) -> tuple[float, float]:
    """``|t|`` to six digits, then the change: where one group alone moved, all have the same ``t`` but for rounding."""
    value = abs(estimate.value or 0.0)
    return (float(f"{value / estimate.se:.6g}") if estimate.se else float("inf"), value)
