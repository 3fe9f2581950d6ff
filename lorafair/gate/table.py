"""The gate's one table for a terminal."""

from __future__ import annotations

import io

from lorafair.gate.check import Check
from lorafair.gate.evidence import Gated
from lorafair.leaderboard.escape import strip_controls
from lorafair.leaderboard.number import format_interval, format_number

STYLE = {"pass": "green", "fail": "bold red", "undecided": "yellow"}


def render_table(gated: Gated, width: int, color: bool = False) -> str:
    """A line per check, then the outcome; ``width`` in characters; no markup is read from any text."""
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    buffer = io.StringIO()
    console = Console(
        file=buffer,
        width=width,
        color_system="standard" if color else None,
        force_terminal=color,
        highlight=False,
        emoji=False,
        markup=False,
    )
    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    for head in ("outcome", "rule", "on", "measured [95%]", "n (clusters)", "why, and marks"):
        table.add_column(head, overflow="fold", no_wrap=head in ("outcome", "measured [95%]"))
    shown = None
    for check in gated.checks:
        first = check.rule != shown
        if first and shown is not None:
            table.add_section()
        shown = check.rule
        rule = f"{strip_controls(check.rule)}\n{strip_controls(check.requirement)}" if first else ""
        place = strip_controls(f"{check.attribute}={check.group}" if check.group else f"{check.task}/{check.metric}")
        why = strip_controls("; ".join(filter(None, (check.reason, *check.marks))))
        texts = (rule, place, show_value(check), f"{check.n} ({check.clusters})", why)
        table.add_row(Text(check.outcome, style=STYLE[check.outcome]), *map(Text, texts))
    console.print(Text(strip_controls(f"{gated.model.label} against {gated.file.path}"), style="bold"))
    console.print(table)
    console.print(Text(summarise_outcome(gated), style=STYLE[gated.outcome]))
    for note in gated.notes:
        console.print(Text(strip_controls(f"Note: {note}")))
    return buffer.getvalue()


def name_place(check: Check) -> str:
    """``task/metric, attribute=group``."""
    group = f", {check.attribute}={check.group}" if check.group else ""
    return f"{check.task}/{check.metric}{group}"


def show_value(check: Check) -> str:
    """The value and its interval, three decimals, ``n/e`` where not estimable."""
    return f"{format_number(check.value)} {format_interval(check.low, check.high)}"


def summarise_outcome(gated: Gated) -> str:
    """The outcome and how many checks came to which."""
    counts = {word: sum(check.outcome == word for check in gated.checks) for word in STYLE}
    told = ", ".join(f"{n} {word}" for word, n in counts.items() if n)
    return f"{gated.outcome.upper()}: {told}."
