"""From an interval or a verdict to pass, fail or undecided.

Passing needs the whole interval on the right side, failing the whole interval on the wrong side; all else is undecided.
Intervals are two-sided 95%, so each side is held to 2.5%.  A gate passes only if every rule passes: an
intersection-union test (Berger 1982), which needs no correction for the number of rules.
"""

from __future__ import annotations

from typing import Literal

from lorafair.gate.policy import Claim
from lorafair.records import Comparison

Judged = tuple[Literal["pass", "fail", "undecided"], str]
"""An outcome and, where it is no pass, the reason."""


def judge_bounds(low: float, high: float, at_most: float | None, at_least: float | None) -> Judged:
    """A value known to lie between ``low`` and ``high``, against one bound or two."""
    if at_most is not None and low > at_most:
        return "fail", f"the interval lies above {at_most:g}"
    if at_least is not None and high < at_least:
        return "fail", f"the interval lies below {at_least:g}"
    open_ends = [f"{at_most:g}"] if at_most is not None and high > at_most else []
    open_ends += [f"{at_least:g}"] if at_least is not None and low < at_least else []
    if open_ends:
        return "undecided", f"the interval holds values on both sides of {' and '.join(open_ends)}"
    return "pass", ""


def judge_claim(claim: Claim, delta: float | None, change: Comparison, higher_is_better: bool | None) -> Judged:
    """A claim about a paired difference whose interval is known.

    ``better`` and ``not shown worse`` take the audit's own verdict, which is corrected over its family; the latter
    passes only if the audit could have detected ``delta``.  ``non-inferior``: the difference is worse by less than
    ``delta``.  ``equivalent``: it is less than ``delta`` to either side (two one-sided tests at 2.5%).
    """
    low, high, margin = change.low, change.high, delta or 0.0
    if low is None or high is None:
        return "undecided", "not estimable: there is no interval"
    if claim == "equivalent":
        if -margin < low and high < margin:
            return "pass", ""
        if low >= margin or high <= -margin:
            return "fail", f"the change is larger than {margin:g}"
        return "undecided", f"a change of {margin:g} is not ruled out"
    if higher_is_better is None:
        return "undecided", "nothing says whether higher is better: use at_most or at_least"
    if claim == "non-inferior":
        least, most = (-high, -low) if higher_is_better else (low, high)
        if most < margin:
            return "pass", ""
        if least >= margin:
            return "fail", f"worse by more than {margin:g}"
        return "undecided", f"a loss of {margin:g} is not ruled out"
    if claim == "better" and change.verdict != "worse":
        return ("pass", "") if change.verdict == "better" else ("undecided", f"the verdict is {change.verdict!r}")
    if change.verdict == "worse":
        return "fail", "the verdict is 'worse'"
    if change.verdict == "better":
        return "pass", ""
    if change.verdict != "undecided":
        return "undecided", f"the verdict is {change.verdict!r}"
    detectable = change.minimum_detectable
    if detectable is None or detectable > margin:
        seen = "nothing" if detectable is None else f"no change below {detectable:.3f}"
        return "undecided", f"this audit could detect {seen}; {margin:g} is asked for"
    return "pass", ""
