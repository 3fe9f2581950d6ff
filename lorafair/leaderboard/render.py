"""The formats: terminal, md, csv and json, one function each, all from the same rows and lines."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence
from pathlib import Path

from lorafair.errors import LorafairError
from lorafair.leaderboard.escape import escape_csv, escape_markdown, strip_controls
from lorafair.leaderboard.layout import CLAIM, METHOD_CLAIM, Grid, lay_out, list_feet
from lorafair.leaderboard.line import Line, check_controls
from lorafair.leaderboard.row import Rows
from lorafair.record_file import write_records
from lorafair.records import Row


def dump_row(row: Row) -> str:
    """One row as one line of JSON; NaN and infinity are null."""
    return json.dumps(row.model_dump(mode="json", by_alias=True), ensure_ascii=False, allow_nan=False)


def write_rows(rows: Sequence[Row], path: Path) -> None:
    """Write ``rows.jsonl``, a row a line, whole or not at all.

    Raises:
        LorafairError: if the file cannot be written.
    """
    try:
        write_records(path, rows)
    except OSError as error:
        raise LorafairError(f"{path} cannot be written ({error}).") from error


def render_json(rows: Sequence[Row]) -> str:
    """The rows of ``rows.jsonl`` as one JSON list."""
    return "[\n" + ",\n".join(dump_row(row) for row in rows) + "\n]\n"


def render_markdown(found: Rows, lines: Sequence[Line]) -> str:
    """Markdown tables; every text is escaped."""
    parts = []
    for grid in lay_out(lines):
        table = [[_join(cell) for cell in row] for row in (grid.header, *grid.body)]
        rule = ["---"] * len(grid.header)
        parts.append(f"**{escape_markdown(grid.title)}**\n")
        parts += ["| " + " | ".join(row) + " |" for row in (table[0], rule, *table[1:])]
        parts.append("")
    return "\n".join([*parts, *(f"- {escape_markdown(foot)}" for foot in list_feet(found, lines))]) + "\n"


def _join(cell: list[str]) -> str:
    return "<br>".join(escape_markdown(text) for text in cell)


def render_csv(lines: Sequence[Line]) -> str:
    """A line per model; numbers as in the rows, text guarded against spreadsheet formulas."""
    controls = {one.model: one for one in check_controls(lines)}
    table: list[dict[str, object]] = []
    for line in lines:
        row, control = line.first, controls.get(line.model)
        flat: dict[str, object] = {
            "model": row.model,
            "base": row.base,
            "method": row.method,
            "rank": row.rank,
            "trainable_parameters": row.trainable_parameters,
            "engine": row.engine,
            "serving": "base" if line.is_base else "unverified serving" if line.unverified else row.verified,
            "compared_with": line.reference,
            "planted": control and f"{control.group} {control.planted:+.3f}",
            "planted_measured": control and control.measured and control.measured.difference,
            "planted_verdict": control and (None if control.right is None else "right" if control.right else "wrong"),
        }
        for (task, metric), cell in line.cells.items():
            at, one = f"{task}/{metric}", cell.overall
            flat |= {f"{at}": one.estimate, f"{at} low": one.low, f"{at} high": one.high}
            flat |= {f"{at} label": one.metric_label, f"{at} data": "sample data" if one.sample_data else "full data"}
            flat |= {f"{at} n": one.n, f"{at} clusters": one.clusters, f"{at} method": one.method_interval}
            flat |= {f"{at} failed": one.failed} if one.failed else {}
            level = cell.level
            flat |= {
                f"{at} difference": level and level.difference,
                f"{at} difference low": level and level.low,
                f"{at} difference high": level and level.high,
                f"{at} p adjusted": level and level.p_adjusted,
                f"{at} level verdict": level and level.verdict,
                f"{at} fairness verdict": cell.fairness or None,
            }
            for group in cell.groups:
                name = f"{at} {group.attribute}={group.group}"
                change = cell.contrasts.get((str(group.attribute), str(group.group)))
                flat |= {
                    name: group.estimate,
                    f"{name} low": group.low,
                    f"{name} high": group.high,
                    f"{name} n": group.n,
                }
                flat |= {f"{name} contrast change": change and change.difference}
                flat |= {f"{name} contrast change low": change and change.low}
                flat |= {f"{name} contrast change high": change and change.high}
            for gap in cell.gaps:
                name = f"{at} gap:{gap.attribute}"
                flat |= {f"{name} (descriptive)": gap.estimate, f"{name} scorer": gap.scorer_gap}
        flat["claims"] = METHOD_CLAIM if row.claim == "method" else CLAIM
        table.append(flat)
    header = list(dict.fromkeys(key for flat in table for key in flat))
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow([escape_csv(key) for key in header])
    for flat in table:
        values = (flat.get(key) for key in header)
        writer.writerow(["" if v is None else escape_csv(v) if isinstance(v, str) else v for v in values])
    return buffer.getvalue()


def render_terminal(found: Rows, lines: Sequence[Line], width: int) -> str:
    """Rich tables, split by columns where ``width`` characters do not hold them; no markup is read from any text."""
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    buffer = io.StringIO()
    console = Console(file=buffer, width=width, color_system=None, highlight=False, emoji=False, markup=False)
    for grid in sorted(lay_out(lines), key=lambda grid: grid.fixed):  # the main table last: a terminal shows the end
        for number, columns in enumerate(_split(grid, width)):
            table = Table(box=SIMPLE_HEAD, show_lines=grid.fixed > 1, pad_edge=False)
            for column in columns:
                table.add_column(Text(_text(grid.header[column])), overflow="fold")
            for row in grid.body:
                table.add_row(*(Text(_text(row[column])) for column in columns))
            console.print(Text(strip_controls(grid.title) + (" (continued)" if number else ""), style="bold"))
            console.print(table)
    for foot in list_feet(found, lines):
        console.print(Text(strip_controls(foot)))
    return buffer.getvalue()


def _text(cell: list[str]) -> str:
    return "\n".join(strip_controls(text) for text in cell)


def _split(grid: Grid, width: int) -> list[list[int]]:
    """Columns of the tables that a grid becomes: the fixed ones, and as many others as fit."""
    sizes = [
        max(len(text) for cell in (head, *(row[k] for row in grid.body)) for text in (*cell, "")) + 3
        for k, head in enumerate(grid.header)
    ]
    fixed = list(range(grid.fixed))
    room = max(1, width - sum(sizes[: grid.fixed]))
    parts: list[list[int]] = [[]]
    for k in range(grid.fixed, len(sizes)):
        if parts[-1] and sum(sizes[j] for j in parts[-1]) + sizes[k] > room:
            parts.append([])
        parts[-1].append(k)
    return [fixed + part for part in parts]
