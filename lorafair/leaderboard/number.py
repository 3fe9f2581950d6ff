"""Numbers as the tables for people print them: one rounding for every format."""

from __future__ import annotations


def format_number(value: float | None, signed: bool = False) -> str:
    """Three decimals (four significant digits from 1,000 on), ``n/e`` for what is not estimable."""
    if value is None:
        return "n/e"
    return f"{value:+.3f}" if signed and abs(value) < 1000 else f"{value:.3f}" if abs(value) < 1000 else f"{value:.4g}"


def format_interval(low: float | None, high: float | None, signed: bool = False) -> str:
    """``[low, high]``, or ``[n/e]`` where there is no interval."""
    return "[n/e]" if low is None or high is None else f"[{format_number(low, signed)}, {format_number(high, signed)}]"


def format_p(p: float | None) -> str:
    """``p=.012`` in three decimals, ``p<.001`` below, ``p n/e`` where there is none."""
    if p is None:
        return "p n/e"
    return "p<.001" if p < 0.0005 else "p=1" if p > 0.9995 else f"p={p:.3f}".replace("0.", ".")
