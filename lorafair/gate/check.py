"""A policy's rules held against the rows of one model: pass, fail, or undecided with the reason."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from lorafair.gate.judgement import Judged, judge_bounds, judge_claim
from lorafair.gate.match import Match
from lorafair.gate.policy import Policy, Rule
from lorafair.identity import Model
from lorafair.records import Comparison, Row

Outcome = Literal["pass", "fail", "undecided"]


@dataclass(frozen=True)
class Check:
    """One rule on one (task, metric, attribute, group): what was asked, what was measured, and the outcome.

    ``value`` with ``low`` and ``high`` is the level, the contrast, or the paired difference that the rule is about;
    None is not estimable.  ``n`` documents in ``clusters``.  ``reason`` says why it failed or is undecided; ``marks``
    are shown with every outcome (unverified serving, sample data, a planted control, the scorer's own gap).
    """

    rule: str
    line: int
    requirement: str
    task: str
    metric: str
    attribute: str | None
    group: str | None
    value: float | None
    low: float | None
    high: float | None
    n: int
    clusters: int
    outcome: Outcome
    reason: str
    marks: tuple[str, ...]


def check_rules(
    policy: Policy, lines: Sequence[int], matches: Sequence[Sequence[Match]], model: Model, *, proven: bool
) -> list[Check]:
    """Every rule on everything that it is about, in the policy's order.

    Args:
        lines: the line of each rule in its file.
        matches: per rule what :func:`lorafair.gate.match.match_rules` found.
        model: the checkpoint.
        proven: whether the results record the hash of its weights.
    """
    return [
        _check(policy, rule, line, match, model, proven)
        for rule, line, found in zip(policy.rules, lines, matches, strict=True)
        for match in found
    ]


def tell_outcome(checks: Sequence[Check]) -> Outcome:
    """fail if any check failed, else undecided if any is undecided, or if there is none at all, else pass."""
    outcomes = {check.outcome for check in checks}
    return "fail" if "fail" in outcomes else "pass" if outcomes == {"pass"} else "undecided"


def _check(policy: Policy, rule: Rule, line: int, match: Match, model: Model, proven: bool) -> Check:
    row, change = match.row, match.comparison
    value, low, high = _read_values(rule, row, change)
    n, clusters = (row.n, row.clusters) if row else (0, 0)
    if change is not None and change.quantity == "level":
        n, clusters = min(n, change.documents), min(clusters, change.clusters)
    marks = _mark(row, model, proven)
    outcome, reason = _decide(rule, match, value, low, high, n, clusters)
    if outcome == "pass":
        withheld = []
        if not policy.allow_unverified and UNPROVEN in marks:
            withheld.append("the results do not record the adapter's hash (allow_unverified: true accepts that)")
        if not policy.allow_unverified and UNVERIFIED in marks:
            withheld.append("serving is unverified (run eval without --no-verify, or set allow_unverified: true)")
        if not policy.allow_sample_data and SAMPLE in marks:
            withheld.append("measured on sample data (allow_sample_data: true accepts it)")
        if withheld:
            outcome, reason = "undecided", "; ".join(withheld)
    return Check(
        rule=rule.name,
        line=line,
        requirement=describe_rule(rule),
        task=match.task,
        metric=match.metric,
        attribute=rule.attribute,
        group=match.group,
        value=value,
        low=low,
        high=high,
        n=n,
        clusters=clusters,
        outcome=outcome,
        reason=reason,
        marks=marks,
    )


def _read_values(
    rule: Rule, row: Row | None, change: Comparison | None
) -> tuple[float | None, float | None, float | None]:
    if rule.reference is not None:
        return (change.difference, change.low, change.high) if change else (None, None, None)
    if row is None:
        return None, None, None
    if rule.quantity == "contrast":
        return row.contrast, row.contrast_low, row.contrast_high
    return row.estimate, row.low, row.high


def _decide(
    rule: Rule, match: Match, value: float | None, low: float | None, high: float | None, n: int, clusters: int
) -> Judged:
    row, change = match.row, match.comparison
    if match.missing or row is None:
        return "undecided", match.missing or "nothing was measured"
    if row.failed:
        return "undecided", f"the plugin behind it failed: {row.failed}"
    if rule.reference is not None and change is None:
        return "undecided", f"nothing to compare with: no results of {rule.reference} for these documents"
    if n < rule.min_n or clusters < rule.min_clusters:
        return (
            "undecided",
            f"{n} documents in {clusters} clusters; the rule asks for {rule.min_n} in {rule.min_clusters}",
        )
    if value is None or low is None or high is None:
        return "undecided", "not estimable: there is no interval"
    if rule.claim is None or change is None:
        outcome, reason = judge_bounds(low, high, rule.at_most, rule.at_least)
    else:
        outcome, reason = judge_claim(rule.claim, rule.delta, change, row.higher_is_better)
    gap = row.scorer_gap
    if outcome == "fail" and rule.quantity == "contrast" and gap is not None and abs(value) <= gap:
        return "undecided", f"within the scorer's own gap on neutral text ({gap:.3f})"
    return outcome, reason


UNVERIFIED, UNPROVEN, SAMPLE = "unverified serving", "weights not recorded", "sample data"


def _mark(row: Row | None, model: Model, proven: bool) -> tuple[str, ...]:
    marks = []
    if model.kind != "base" and model.verified is None:
        marks.append(UNVERIFIED)
    if not proven:
        marks.append(UNPROVEN)
    if row is not None and row.sample_data:
        marks.append(SAMPLE)
    if model.planted is not None:
        marks.append("planted control")
    if row is not None and row.scorer_gap:
        marks.append(f"scorer's own gap {row.scorer_gap:.3f}")
    return tuple(marks)


def describe_rule(rule: Rule) -> str:
    """What a rule asks for, in words: ``difference from base at most 0.05``."""
    what = "contrast with the rest" if rule.quantity == "contrast" else "level"
    if rule.reference is not None:
        what = f"change of the {what} from {rule.reference}"
    if rule.claim is not None:
        within = f" within {rule.delta:g}" if rule.delta is not None else ""
        detects = f" where {rule.delta:g} would be detected" if rule.claim == "not shown worse" else within
        return f"{what}: {rule.claim}{detects}"
    bounds = [f"at most {rule.at_most:g}"] if rule.at_most is not None else []
    bounds += [f"at least {rule.at_least:g}"] if rule.at_least is not None else []
    return f"{what} {' and '.join(bounds)}"
