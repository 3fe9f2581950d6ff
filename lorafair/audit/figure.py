"""The figure of rank or under-training as SVG: each quantity against rank, and beside it against the distance."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import TYPE_CHECKING

import numpy as np

from lorafair.report.figure import PALETTE

if TYPE_CHECKING:
    from lorafair.audit.undertraining import Question

WIDTH, HEIGHT, GAP = 380, 250, 70
LEFT, TOP, BOTTOM = 70, 46, 52
MOST = 12
"""Quantities that are drawn; the others are in the table."""


def draw_questions(questions: Sequence[Question], axis: str) -> str:
    """Two panels per quantity, side by side: points are runs, coloured by rank, in both the same.

    On the left the gap against rank, with a line through the ranks' means; on the right against the distance from the
    base, where ranks that were only trained less far lie on one curve.

    Args:
        questions: the first ``MOST`` are drawn.
        axis: what the distance is, for the right axis.
    """
    shown = questions[:MOST]
    row = TOP + HEIGHT + BOTTOM
    width, height = 2 * (LEFT + WIDTH) + GAP, max(1, len(shown)) * row + 30
    ranks = sorted({rank for one in shown for rank in one.ranks})
    colours = {rank: PALETTE[k % len(PALETTE)] for k, rank in enumerate(ranks)}
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}" '
        'font-family="sans-serif" font-size="12" role="img">',
        f"<title>{escape('Gap against rank, and against ' + axis)}</title>",
        f'<rect width="{width}" height="{height}" fill="white"/>',
    ]
    for k, rank in enumerate(ranks):
        x = LEFT + 90 * k
        parts.append(
            f'<circle cx="{x}" cy="14" r="5" fill="{colours[rank]}"/><text x="{x + 9}" y="18">rank {rank}</text>'
        )
    for number, one in enumerate(shown):
        top = 24 + number * row + TOP
        title = f"{one.base}, {one.method}: {one.task}, {one.metric}, {one.quantity}"
        parts.append(f'<text x="{LEFT}" y="{top - 24}" font-weight="bold">{escape(title)}</text>')
        share = one.answer.share
        said = f"share explained {share:.2f} [{one.answer.low:.2f}, {one.answer.high:.2f}]" if share is not None else (
            one.answer.reason
        )  # fmt: skip
        parts.append(f'<text x="{LEFT}" y="{top - 9}">{escape(said)}</text>')
        places = [float(ranks.index(rank)) for rank in one.ranks]
        means = {p: float(np.mean([g for q, g in zip(places, one.gaps, strict=True) if q == p])) for p in places}
        ticks = {float(ranks.index(rank)): str(rank) for rank in one.ranks}
        dots = [colours[rank] for rank in one.ranks]
        parts += _draw_panel(LEFT, top, places, one, dots, ticks, "rank", sorted(means.items()))
        parts += _draw_panel(2 * LEFT + WIDTH + GAP, top, one.distances, one, dots, None, axis, [])
    return "\n".join([*parts, "</svg>"]) + "\n"


def _draw_panel(
    left: int,
    top: int,
    xs: Sequence[float],
    one: Question,
    dots: Sequence[str],
    ticks: dict[float, str] | None,
    axis: str,
    line: Sequence[tuple[float, float]],
) -> list[str]:
    ys = one.gaps
    x_low, x_high = _pad(xs, 0.5 if ticks else None)
    y_low, y_high = _pad(ys)

    def place(x: float, y: float) -> tuple[float, float]:
        across = left + (x - x_low) / (x_high - x_low) * WIDTH
        return round(across, 1), round(top + HEIGHT - (y - y_low) / (y_high - y_low) * HEIGHT, 1)

    parts = [f'<rect x="{left}" y="{top}" width="{WIDTH}" height="{HEIGHT}" fill="none" stroke="#999"/>']
    for y in np.linspace(y_low, y_high, 5)[1:-1]:
        across, down = place(x_low, float(y))
        parts.append(f'<text x="{across - 6}" y="{down + 4}" text-anchor="end">{y:.3g}</text>')
        parts.append(f'<line x1="{across}" x2="{across + WIDTH}" y1="{down}" y2="{down}" stroke="#eee"/>')
    for x, text in (ticks or {float(v): f"{v:.3g}" for v in np.linspace(x_low, x_high, 5)[1:-1]}).items():
        across, _ = place(x, y_low)
        parts.append(f'<text x="{across}" y="{top + HEIGHT + 16}" text-anchor="middle">{escape(text)}</text>')
    middle = left + WIDTH / 2
    parts.append(f'<text x="{middle}" y="{top + HEIGHT + 34}" text-anchor="middle">{escape(axis)}</text>')
    if len(line) > 1:
        points = " ".join(f"{a},{b}" for a, b in (place(x, y) for x, y in line))
        parts.append(f'<polyline points="{points}" fill="none" stroke="#555" stroke-width="1.5"/>')
    for x, y, colour, model in zip(xs, ys, dots, one.models, strict=True):
        across, down = place(x, y)
        said = escape(f"{model}: {x:.4g}, {y:.4g}")
        parts.append(f'<circle cx="{across}" cy="{down}" r="5" fill="{colour}"><title>{said}</title></circle>')
    return parts


def _pad(values: Sequence[float], by: float | None = None) -> tuple[float, float]:
    """Ends of an axis: a twelfth of the spread beyond the values, or ``by``; never empty."""
    low, high = min(values), max(values)
    by = by if by is not None else (high - low) / 12 or max(abs(low), 1.0) / 12
    return low - by, high + by
