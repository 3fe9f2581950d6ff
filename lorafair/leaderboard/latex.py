"""The latex format: booktabs tables to put into a paper with ``\\input``."""

from __future__ import annotations

from collections.abc import Sequence

from lorafair.leaderboard.escape import escape_latex
from lorafair.leaderboard.foot import list_feet
from lorafair.leaderboard.layout import Grid, lay_out
from lorafair.leaderboard.line import Line
from lorafair.leaderboard.render import split_columns
from lorafair.leaderboard.row import Rows
from lorafair.leaderboard.selection import DEFAULT

WIDTH = 110
"""Characters of a table's rows that a page holds in ``\\footnotesize``."""
HEIGHT = 45
"""Lines of text in a table that a page holds."""
PAGE = 12
"""Tables after which the pages are flushed: LaTeX keeps a limited number of them waiting."""


def render_latex(found: Rows, lines: Sequence[Line], chosen: frozenset[str] = DEFAULT) -> str:
    """Tables for a document that loads booktabs; every text is escaped, foot lines follow as a list."""
    parts = [r"% Needs \usepackage{booktabs}. Written by `lorafair leaderboard --format latex`."]
    grids = lay_out(lines, chosen)
    tables = [(grid, part, rows) for grid in grids for part in split_columns(grid, WIDTH) for rows in _split_rows(grid)]
    for number, (grid, columns, rows) in enumerate(tables):
        parts += [r"\begin{table}[htbp]", r"\centering\footnotesize", rf"\caption{{{escape_latex(grid.title)}}}"]
        parts += [rf"\begin{{tabular}}{{@{{}}{'l' * len(columns)}@{{}}}}", r"\toprule"]
        parts += [_row([grid.header[k] for k in columns]), r"\midrule"]
        for place in rows:
            if place > rows[0]:
                parts.append(r"\midrule" if place in grid.sections else r"\addlinespace")
            parts.append(_row([grid.body[place][k] for k in columns]))
        parts += [r"\bottomrule", r"\end{tabular}", r"\end{table}"]
        if number % PAGE == PAGE - 1:
            parts.append(r"\clearpage")
    parts += [r"\begin{itemize}\footnotesize"]
    parts += [rf"\item {escape_latex(foot)}" for foot in list_feet(found, lines)]
    return "\n".join([*parts, r"\end{itemize}"]) + "\n"


def _split_rows(grid: Grid) -> list[range]:
    """Row numbers of the tables that a grid taller than a page becomes."""
    starts, height = [0], 0
    for place, row in enumerate(grid.body):
        size = max(len(cell) for cell in row)
        if height and height + size > HEIGHT:
            starts.append(place)
            height = 0
        height += size
    return [range(start, end) for start, end in zip(starts, [*starts[1:], len(grid.body)], strict=True)]


def _row(cells: list[list[str]]) -> str:
    return " & ".join(_cell(cell) for cell in cells) + r" \\"


def _cell(cell: list[str]) -> str:
    said = [escape_latex(text) for text in cell]
    if len(said) < 2:
        return "".join(said)
    return r"\begin{tabular}[t]{@{}l@{}}" + r" \\ ".join(said) + r"\end{tabular}"
