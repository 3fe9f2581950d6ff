"""The csv format: a line per model, a column per number, at full precision."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence

from lorafair.leaderboard.escape import escape_csv
from lorafair.leaderboard.foot import CLAIM, METHOD_CLAIM
from lorafair.leaderboard.line import Cell, Control, Line, check_controls, is_certain
from lorafair.leaderboard.selection import COLUMNS
from lorafair.records import Comparison

Flat = dict[str, object]


def render_csv(lines: Sequence[Line], chosen: frozenset[str] = frozenset(COLUMNS)) -> str:
    """A line per model; numbers as in the rows, text guarded against spreadsheet formulas.

    What a reader must not miss stays whatever is chosen: serving, sample data, verdicts, planted controls.
    """
    controls = {one.model: one for one in check_controls(lines)}
    table = [_flatten(line, controls.get(line.model), chosen) for line in lines]
    return write_csv(list(dict.fromkeys(key for flat in table for key in flat)), table)


def write_csv(header: Sequence[str], table: Sequence[Flat]) -> str:
    """Rows under a header as csv; text is guarded against formulas, None is an empty cell."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow([escape_csv(key) for key in header])
    for flat in table:
        values = (flat.get(key) for key in header)
        writer.writerow(["" if v is None else escape_csv(v) if isinstance(v, str) else v for v in values])
    return buffer.getvalue()


def _flatten(line: Line, control: Control | None, chosen: frozenset[str]) -> Flat:
    row = line.first
    flat: Flat = {"model": row.model, "base": row.base}
    told: Flat = {"method": row.method, "rank": row.rank, "trainable": row.trainable_parameters}
    flat |= {{"trainable": "trainable_parameters"}.get(k, k): value for k, value in told.items() if k in chosen}
    flat |= {
        "engine": row.engine,
        "serving": "base" if line.is_base else "unverified serving" if line.unverified else row.verified,
        "compared_with": line.reference,
        "planted": control and f"{control.group} {control.planted:+.3f}",
        "planted_measured": control and control.measured and control.measured.difference,
        "planted_verdict": control and (None if control.right is None else "right" if control.right else "wrong"),
    }
    for (task, metric), cell in line.cells.items():
        flat |= _flatten_cell(f"{task}/{metric}", cell, chosen)
    return flat | {"claims": METHOD_CLAIM if row.claim == "method" else CLAIM}


def _flatten_cell(at: str, cell: Cell, chosen: frozenset[str]) -> Flat:
    one, level = cell.overall, cell.level
    interval: Flat = {f"{at} low": one.low, f"{at} high": one.high, f"{at} method": one.method_interval}
    flat: Flat = {at: one.estimate} | (interval if "interval" in chosen else {})
    flat |= {f"{at} label": one.metric_label, f"{at} data": "sample data" if one.sample_data else "full data"}
    flat |= {f"{at} kind": "capability"} if one.capability else {}
    flat |= {f"{at} failed": one.failed} if one.failed else {}
    flat |= {f"{at} n": one.n, f"{at} clusters": one.clusters} if "n" in chosen else {}
    flat |= _flatten_change(f"{at} difference", level, chosen)
    flat |= {f"{at} p adjusted": level and level.p_adjusted} if "p" in chosen else {}
    flat |= {f"{at} detectable": level and level.minimum_detectable} if "detectable" in chosen else {}
    flat |= {f"{at} level verdict": level and level.verdict, f"{at} fairness verdict": cell.fairness or None}
    for group in cell.groups if "groups" in chosen else ():
        name = f"{at} {group.attribute}={group.group}"
        change = cell.contrasts.get((str(group.attribute), str(group.group)))
        flat[name] = group.estimate
        flat |= {f"{name} low": group.low, f"{name} high": group.high} if "interval" in chosen else {}
        flat |= {f"{name} n": group.n} if "n" in chosen else {}
        flat |= _flatten_change(f"{name} contrast change", change, chosen)
        flat |= {f"{name} p adjusted": change and change.p_adjusted} if "p" in chosen else {}
    for gap in cell.gaps if "groups" in chosen else ():
        name = f"{at} gap:{gap.attribute}"
        flat |= {f"{name} (descriptive)": gap.estimate, f"{name} scorer": gap.scorer_gap}
    return flat


def _flatten_change(name: str, change: Comparison | None, chosen: frozenset[str]) -> Flat:
    if "difference" not in chosen:
        return {}
    return {
        name: change and change.difference,
        f"{name} low": change and change.low,
        f"{name} high": change and change.high,
        f"{name} significant": "*" if is_certain(change) else None,
    }
