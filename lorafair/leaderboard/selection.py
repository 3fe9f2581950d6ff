"""Which columns a table shows."""

from __future__ import annotations

from lorafair.errors import LorafairError, did_you_mean, raise_faults

COLUMNS = {
    "method": "what was trained",
    "rank": "of the adapter",
    "trainable": "number of trained parameters",
    "interval": "95% intervals of the estimates",
    "difference": "paired difference from the reference, with its interval",
    "p": "adjusted p of the differences",
    "detectable": "minimum detectable difference",
    "n": "documents and clusters",
    "verdict": "on level and on fairness",
    "groups": "a table per attribute, or a column per group",
}
"""Names of the columns that can be chosen; the model, its marks and the estimates are always there."""

DEFAULT = frozenset(COLUMNS) - {"p", "detectable"}
"""What a table for people shows unless asked otherwise; csv shows all."""


def choose_columns(asked: str | None, default: frozenset[str] = DEFAULT) -> frozenset[str]:
    """The chosen columns from ``a,b,c``; None: the default.

    Raises:
        LorafairError: with every unknown name at once.
    """
    if asked is None:
        return default
    names = [name.strip() for name in asked.split(",") if name.strip()]
    unknown = [f"There is no column {name!r}.{did_you_mean(name, COLUMNS)}" for name in names if name not in COLUMNS]
    raise_faults("--columns cannot be read", unknown)
    if not names:
        raise LorafairError(f"--columns names no column: give some of {','.join(COLUMNS)}.")
    return frozenset(names)
