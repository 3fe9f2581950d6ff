"""The formats terminal, md and json, one function each; latex, html and csv stand beside this file."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path

from lorafair.errors import LorafairError
from lorafair.leaderboard.escape import escape_markdown, strip_controls
from lorafair.leaderboard.flat import render_csv
from lorafair.leaderboard.foot import list_feet
from lorafair.leaderboard.layout import Grid, lay_out
from lorafair.leaderboard.line import Line
from lorafair.leaderboard.row import Rows
from lorafair.leaderboard.selection import DEFAULT
from lorafair.record_file import dump_record, write_records
from lorafair.records import Row

__all__ = ["render_csv", "render_json", "render_markdown", "render_terminal", "split_columns", "write_rows"]


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
    return "[\n" + ",\n".join(dump_record(row) for row in rows) + "\n]\n"


def render_markdown(found: Rows, lines: Sequence[Line], chosen: frozenset[str] = DEFAULT) -> str:
    """Markdown tables; every text is escaped."""
    parts = []
    for grid in lay_out(lines, chosen):
        table = [[_join(cell) for cell in row] for row in (grid.header, *grid.body)]
        rule = ["---"] * len(grid.header)
        parts.append(f"**{escape_markdown(grid.title)}**\n")
        parts += ["| " + " | ".join(row) + " |" for row in (table[0], rule, *table[1:])]
        parts.append("")
    return "\n".join([*parts, *(f"- {escape_markdown(foot)}" for foot in list_feet(found, lines))]) + "\n"


def _join(cell: list[str]) -> str:
    return "<br>".join(escape_markdown(text) for text in cell)


def render_terminal(found: Rows, lines: Sequence[Line], width: int, chosen: frozenset[str] = DEFAULT) -> str:
    """Rich tables, split by columns where ``width`` characters do not hold them; no markup is read from any text."""
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    buffer = io.StringIO()
    console = Console(file=buffer, width=width, color_system=None, highlight=False, emoji=False, markup=False)
    for grid in sorted(
        lay_out(lines, chosen), key=lambda grid: grid.main
    ):  # main tables last: a terminal shows the end
        for number, columns in enumerate(split_columns(grid, width)):
            table = Table(box=SIMPLE_HEAD, show_lines=grid.main, pad_edge=False)
            for column in columns:
                table.add_column(Text(_text(grid.header[column])), overflow="fold")
            for place, row in enumerate(grid.body):
                if place in grid.sections:
                    table.add_section()
                table.add_row(*(Text(_text(row[column])) for column in columns))
            console.print(Text(strip_controls(grid.title) + (" (continued)" if number else ""), style="bold"))
            console.print(table)
    for foot in list_feet(found, lines):
        console.print(Text(strip_controls(foot)))
    return buffer.getvalue()


def _text(cell: list[str]) -> str:
    return "\n".join(strip_controls(text) for text in cell)


def split_columns(grid: Grid, width: int) -> list[list[int]]:
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
