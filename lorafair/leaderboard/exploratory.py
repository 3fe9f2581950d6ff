"""Metrics that are asked for by name: rows beside those of the default metric, without any verdict."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from lorafair.isolation import ask_field
from lorafair.leaderboard.row import Rows, build_rows
from lorafair.records import Row
from lorafair.registry import load_registry
from lorafair.samples import Audit

DEFAULT = "rate"
"""What every per-document value is measured by without being asked for: its mean."""
NOTE = "asked for by name: exploratory, no claim"


def add_metrics(
    found: Rows, audit: Audit, names: Iterable[str], *, resamples: int | None = None, against: str | None = None
) -> Rows:
    """The rows, with those of each named metric of the registry, of every per-document value that there is.

    A row of the metric ``best`` of the value ``toxicity_x`` is called ``best:toxicity_x``.  What was not in the family
    of tests before the numbers were seen carries no verdict: intervals and differences are shown, claims are not made.

    Args:
        found: what :func:`lorafair.leaderboard.row.build_rows` made of ``audit``, by the default metric.
        names: as ``--metric`` gives them; those that are no metric, or have rows already, are left out here.
        resamples: B, as for ``build_rows``.
        against: a label, as for ``build_rows``.

    Raises:
        LorafairError: for a metric that cannot be loaded.
    """
    registry = load_registry()
    for name in dict.fromkeys(names):
        if name == DEFAULT or name not in registry.names("metric") or select_names([name], found.rows) != [name]:
            continue
        entry = registry.get("metric", name)
        more = build_rows(audit, seed=found.settings.seed, resamples=resamples, against=against, metric=name)
        own = None if any(row.failed for row in more.rows) else ask_field(entry, "higher_is_better")
        rows = [_rename(row, name, own) for row in more.rows]
        notes, failed = (
            [*dict.fromkeys([*a, *b])] for a, b in ((found.notes, more.notes), (found.failed, more.failed))
        )
        found = replace(found, rows=[*found.rows, *rows], notes=notes, failed=failed)
    return found


def select_names(names: Iterable[str], rows: Iterable[Row]) -> list[str]:
    """Names of metrics as rows have them: one that was computed of several values stands for all of its rows."""
    known = list(dict.fromkeys(row.metric for row in rows))
    found: list[str] = []
    for name in names:
        found += [one for one in known if one.startswith(f"{name}:")] or [name]
    return found


def _rename(row: Row, name: str, higher_is_better: bool | None) -> Row:
    claims = [one.model_copy(update={"verdict": "no claim", "p_adjusted": None}) for one in row.comparisons]
    update = {
        "metric": f"{name}:{row.metric}",
        "metric_label": f"{name} of {row.metric_label}",
        "higher_is_better": row.higher_is_better if higher_is_better is None else higher_is_better,
        "comparisons": claims,
        "notes": [*row.notes, NOTE] if row.kind == "overall" else row.notes,
    }
    return row.model_copy(update=update)
