"""Which rows of an audit a rule is about; names that no row has are the policy's faults."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from lorafair.errors import did_you_mean, raise_faults
from lorafair.gate.policy import Rule
from lorafair.gate.policy_file import PolicyFile
from lorafair.identity import Model
from lorafair.records import Comparison, Row
from lorafair.samples import Audit


@dataclass(frozen=True)
class Match:
    """One thing that a rule is about: its row and its comparison, or why there is none (``missing``)."""

    task: str
    metric: str
    group: str | None
    row: Row | None = None
    comparison: Comparison | None = None
    missing: str = ""


def match_rules(file: PolicyFile, audit: Audit, rows: Sequence[Row], model: Model) -> list[list[Match]]:
    """For each rule every (task, metric, group) of the audit that it names; at least one each.

    A group that other models were asked about and this one was not is there, as missing: it never vanishes.

    Raises:
        LorafairError: with every rule whose task, metric, attribute, group or reference the audit does not know.
    """
    known = [(row.task, row.metric) for row in rows]
    groups = _list_groups(audit, rows)
    labels = [one.label for one in audit.models]
    matches, faults = [], []
    for rule, line in zip(file.policy.rules, file.lines, strict=True):
        place = f"line {line}, rule {rule.name!r}"
        if rule.against not in (None, "base", "full") and rule.against not in labels:
            faults.append(f"{place}: no model is called {rule.against!r}.{did_you_mean(rule.against or '', labels)}")
        columns = [key for key in dict.fromkeys(known) if _is_named(rule, *key)]
        if not columns:
            faults.append(f"{place}: {_explain_unknown(rule, known)}")
            continue
        found: list[Match] = []
        for task, metric in columns:
            names: list[str | None] = [*groups.get((task, rule.attribute), [])] if rule.attribute else [None]
            wanted = [name for name in names if rule.group in (None, name)]
            found += [_find(rule, task, metric, name, rows, model, audit) for name in wanted]
            if not wanted:
                said = f"no document of {task} has {rule.attribute}={rule.group or '…'}"
                found.append(Match(task, metric, rule.group, missing=said))
        if _is_unknown(rule, found, groups):
            faults.append(f"{place}: {_explain_group(rule, [task for task, _ in columns], groups)}")
        matches.append(found)
    raise_faults(f"The policy {file.path} does not fit the results", faults)
    return matches


def _is_named(rule: Rule, task: str, metric: str) -> bool:
    return rule.metric in (metric, f"{task}/{metric}") and rule.task in (None, task)


def _is_unknown(rule: Rule, found: Iterable[Match], groups: dict[tuple[str, str], list[str]]) -> bool:
    """Whether no task that the rule is about knows its attribute or its group."""
    names = [name for one in found for name in groups.get((one.task, rule.attribute or ""), [])]
    return rule.attribute is not None and not any(rule.group in (None, name) for name in names)


def _list_groups(audit: Audit, rows: Sequence[Row]) -> dict[tuple[str, str], list[str]]:
    """(task, attribute) -> every group that a document or a row of any model has."""
    found: dict[tuple[str, str], set[str]] = {}
    for one in audit.samples:
        for document in one.groups:
            for attribute, names in document.items():
                found.setdefault((one.task, attribute), set()).update(names)
    for row in rows:
        if row.kind == "group" and row.attribute and row.group:
            found.setdefault((row.task, row.attribute), set()).add(row.group)
    return {key: sorted(names) for key, names in found.items()}


def _find(
    rule: Rule, task: str, metric: str, group: str | None, rows: Sequence[Row], model: Model, audit: Audit
) -> Match:
    mine = [row for row in rows if (row.model, row.task, row.metric) == (model.label, task, metric)]
    if not mine:
        return Match(task, metric, group, missing=f"{model.label} has no results for {task}/{metric}")
    overall = next((row for row in mine if row.kind == "overall"), None)
    if overall is not None and overall.failed:
        return Match(task, metric, group, overall)
    row = overall
    if group is not None:
        row = next((r for r in mine if r.kind == "group" and (r.attribute, r.group) == (rule.attribute, group)), None)
    if row is None:
        return Match(task, metric, group, missing=f"no document of {group or task} was scored for {model.label}")
    return Match(task, metric, group, row, _find_comparison(rule, row, audit.models))


def _find_comparison(rule: Rule, row: Row, models: Iterable[Model]) -> Comparison | None:
    if rule.reference is None:
        return None
    if rule.reference in ("base", "full"):
        labels = {one.label for one in models if one.kind == rule.reference}
    else:
        labels = {rule.reference}
    return next((c for c in row.comparisons if c.reference in labels and c.quantity == rule.quantity), None)


def _explain_unknown(rule: Rule, known: Iterable[tuple[str, str]]) -> str:
    tasks = {task for task, _ in known}
    if rule.task is not None and rule.task not in tasks:
        return f"the results hold no task {rule.task!r}.{did_you_mean(rule.task, tasks)}"
    names = {metric for task, metric in known if rule.task in (None, task)}
    return f"the results hold no metric {rule.metric!r}.{did_you_mean(rule.metric, names)}"


def _explain_group(rule: Rule, tasks: Iterable[str], groups: dict[tuple[str, str], list[str]]) -> str:
    attributes = {attribute: names for (task, attribute), names in groups.items() if task in set(tasks)}
    if rule.attribute not in attributes:
        attribute = rule.attribute or ""
        return f"no document has the attribute {attribute!r}.{did_you_mean(attribute, attributes)}"
    names = [name for name in attributes[rule.attribute] if name]
    return f"{rule.attribute} has no group {rule.group!r}.{did_you_mean(rule.group or '', names)}"
