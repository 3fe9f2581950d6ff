"""The worst subgroups of every model of an audit, by itself and in its change from the base."""

from __future__ import annotations

import io
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass

from lorafair.errors import LorafairError, did_you_mean
from lorafair.leaderboard.applicable import select_metrics
from lorafair.leaderboard.column import arrange, find_references
from lorafair.leaderboard.escape import strip_controls
from lorafair.leaderboard.number import format_interval, format_number
from lorafair.samples import Audit
from lorafair.statistics.subgroup import Subgroup, audit_subgroups


@dataclass(frozen=True)
class Found:
    """One model's subgroups for one task, worst first: of its change from ``reference``, or where None of itself."""

    model: str
    task: str
    metric: str
    reference: str | None
    attributes: tuple[str, ...]
    subgroups: list[Subgroup]


def audit_models(
    audit: Audit,
    metric: str,
    *,
    task: str | None = None,
    depth: int = 2,
    min_n: int = 30,
    seed: int = 0,
    resamples: int = 2000,
) -> list[Found]:
    """Audit every model that has the metric.

    Args:
        audit: what :func:`lorafair.samples.read_audit` read.
        metric: a per-document value or a metric that is the mean of one.
        task: only this one.
        depth: largest number of groups in a combination.
        min_n: documents that a combination and its complement need.
        seed: of the resamples.
        resamples: B.

    Raises:
        LorafairError: where no task has the metric, it is no mean, nothing says which end of it is worse, or documents
            have no groups.
    """
    columns = [c for c in arrange(audit, select_metrics([metric])) if task in (None, c.task)]
    mine = [c for c in columns if c.metric == metric]
    if not mine:
        known = sorted({c.metric for c in columns})
        where = "No result" if task is None else f"No result of the task {task!r}"
        raise LorafairError(f"{where} has the metric {metric!r}.{did_you_mean(metric, known)} There are: {known}.")
    if mine[0].function is not None:
        raise LorafairError(f"{metric} is no mean over documents: subgroups can be audited for accuracy, tpr, fpr, ….")
    found = []
    for column in mine:
        if column.higher_is_better is None:
            raise LorafairError(f"Nothing says whether a high {metric} is better: there is no worst subgroup of it.")
        if not column.groups:
            raise LorafairError(f"The documents of {column.task} carry no `groups`: there are no subgroups.")
        for model in audit.models:
            if model.label not in column.values:
                continue
            bases = find_references(model, [m for m in audit.models if m.kind == "base" or m is model], None)
            for reference in [None, *(one for one in bases if one in column.values)]:
                table, _ = column.table(model.label, reference)
                subgroups = audit_subgroups(
                    table,
                    higher_is_better=column.higher_is_better,
                    depth=depth,
                    min_n=min_n,
                    resamples=resamples,
                    seed=seed,
                )
                found.append(Found(model.label, column.task, metric, reference, tuple(table.groups), subgroups))
    return found


def render_json(found: Sequence[Found]) -> str:
    """Everything that was found, as one JSON list."""
    return json.dumps([{"schema": 1, **asdict(one)} for one in found], ensure_ascii=False, indent=1) + "\n"


def render_terminal(found: Sequence[Found], top: int) -> str:
    """A table per task: each model's ``top`` worst subgroups; no markup is read from any text."""
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    buffer = io.StringIO()
    console = Console(file=buffer, width=140, color_system=None, highlight=False, emoji=False, markup=False)
    for task in dict.fromkeys(one.task for one in found):
        table = Table(box=SIMPLE_HEAD, pad_edge=False)
        for name in ("model", "worst off", "n", "level", "minus the rest", "p", "of"):
            table.add_column(name, overflow="fold")
        for one in (each for each in found if each.task == task):
            what = one.model if one.reference is None else f"{one.model} - {one.reference}"
            if not one.subgroups:
                table.add_row(Text(strip_controls(what)), "no combination is large enough", *[""] * 5)
            for place, group in enumerate(one.subgroups[:top]):
                span = format_interval(group.low, group.high, True)
                table.add_row(
                    Text(strip_controls(what) if place == 0 else ""),
                    Text(strip_controls(group.name)),
                    f"{group.n} ({group.clusters} clusters)",
                    format_number(group.level, one.reference is not None),
                    f"{format_number(group.contrast, True)} {span}",
                    "n/e" if group.p is None else f"{group.p:.4f}",
                    str(len(one.subgroups)),
                )
        console.print(Text(strip_controls(f"{task}: {found[0].metric}")))
        console.print(table)
    console.print("minus the rest: the combination's mean minus that of everybody else; intervals and p hold for all")
    console.print(
        "combinations of a line's model together (max-T, cluster bootstrap-t). a - b: change of model a from b."
    )
    return buffer.getvalue()
