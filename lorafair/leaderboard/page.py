"""The html format: one page of tables that loads nothing and runs nothing."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from lorafair.leaderboard.foot import list_feet
from lorafair.leaderboard.layout import lay_out
from lorafair.leaderboard.line import Line
from lorafair.leaderboard.row import Rows
from lorafair.leaderboard.selection import DEFAULT
from lorafair.template import fill_template


def render_html(found: Rows, lines: Sequence[Line], chosen: frozenset[str] = DEFAULT) -> str:
    """A whole page; every text is escaped, and its content security policy allows no script and no network."""
    grids, feet = lay_out(lines, chosen), list_feet(found, lines)
    return fill_template(Path(__file__).parent, "table.html", grids=grids, feet=feet)
