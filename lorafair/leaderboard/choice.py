"""What was fixed before the run: primary metrics, the correction over their family, the margin."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lorafair.errors import LorafairError, did_you_mean, raise_faults
from lorafair.statistics.compare import Column
from lorafair.statistics.correction import CORRECTIONS
from lorafair.statistics.group_size import read_shares
from lorafair.statistics.settings import Settings


@dataclass(frozen=True)
class Choice:
    """``primary``: names of metrics, ``metric`` or ``task/metric``, that carry verdicts; empty: the default ones.

    ``correction``: holm (the chance of any false verdict) or bh (the share of false verdicts).  ``margin``: delta of
    non-inferiority and equivalence, in the metrics' unit.  ``permute``: p values by permutation.  ``shares``: attribute
    -> group -> count or share in the training data, for how the levels go with it.
    """

    primary: tuple[str, ...] = ()
    correction: str = "holm"
    margin: float | None = None
    permute: bool = False
    shares: Mapping[str, Mapping[str, float]] = field(default_factory=dict)

    def is_primary(self, column: Column) -> bool:
        """Whether a column is in the family; filters of a table never change it."""
        if not self.primary:
            return column.primary
        return bool({column.metric, f"{column.task}/{column.metric}"} & set(self.primary))

    def names(self) -> list[str]:
        """The primary metrics without their tasks and values, as the registry may call them."""
        return [name.rpartition("/")[2].partition(":")[0] for name in self.primary]

    def check(self, columns: Iterable[Column]) -> None:
        """Hold the choice against what there is.

        Raises:
            LorafairError: with every fault: an unknown primary metric or correction, a margin that is not positive.
        """
        known = {name for column in columns for name in (column.metric, f"{column.task}/{column.metric}")}
        faults = [
            f"primary metric {name!r}: no result has it.{did_you_mean(name, known)}"
            for name in self.primary
            if name not in known
        ]
        if self.correction not in CORRECTIONS:
            faults.append(f"correction {self.correction!r}: give {' or '.join(CORRECTIONS)}.")
        if self.margin is not None and not 0 < self.margin < float("inf"):
            faults.append(f"margin {self.margin:g}: give a positive number in the metric's unit, for example 0.02.")
        raise_faults("The family of claims cannot be fixed", faults)

    def count(self, columns: Iterable[Column]) -> int:
        """Tests that the number of resamples has to serve: with a margin one for every group."""
        total = 0
        for column in columns:
            groups = sum(len(names) for names in column.names.values()) if self.margin else len(column.groups)
            total += len(column.values) * max(1, groups)
        return total

    def settings(self, seed: int, resamples: int) -> Settings:
        """Settings of the statistics with this choice."""
        return Settings(
            seed=seed,
            resamples=resamples,
            correction=self.correction,
            margin=self.margin,
            permute=self.permute,
            shares=self.shares,
        )

    def describe(self, columns: Iterable[Column]) -> list[str]:
        """A note that names the metrics that are shown without being in the family."""
        if not self.primary:
            return []
        other = list(dict.fromkeys(f"{c.task}/{c.metric}" for c in columns if not self.is_primary(c)))
        return [f"exploratory, no claim: {', '.join(other)}"] if other else []


def read_choice(
    primary: Iterable[str],
    correction: str,
    margin: float | None,
    recipe: Path | None = None,
    permute: bool = False,
    shares: Path | None = None,
) -> Choice:
    """A choice from the command line, or from a recipe's ``statistics:``, which it has to agree with.

    A recipe without that section has ``leaderboard:`` (what it was called before there were audits).

    The recipe fixes the family before the run, so the command line may add what the recipe leaves open and change
    nothing that it holds.

    Raises:
        LorafairError: as :func:`lorafair.recipe.read_recipe`, or for an option that the recipe holds otherwise.
    """
    given: dict[str, Any] = {
        key: value
        for key, value in (
            ("primary", tuple(dict.fromkeys(primary))),
            ("correction", correction if correction != "holm" else None),
            ("margin", margin),
            ("permute", permute or None),
            ("shares", _read(shares) if shares else None),
        )
        if value or value == 0
    }
    if recipe is None:
        return Choice(**given)
    from lorafair.recipe import has_section, read_recipe

    section = "statistics" if has_section(recipe, "statistics") else "leaderboard"
    others = dict.fromkeys(("seed", "resamples", "undertraining"), str) if section == "statistics" else {}
    known = {"primary": _names, "correction": _word, "margin": _number, "permute": _flag}
    fixed = {key: value for key, value in read_recipe(recipe, section, {**others, **known}).items() if key in known}
    raise_faults(
        f"The recipe {recipe} fixed the family of claims before the run",
        (
            f"--{key} differs from its `{key}: {fixed[key]}`: leave the option out, or mend the recipe."
            for key in given.keys() & fixed.keys()
            if given[key] != fixed[key]
        ),
    )
    return Choice(**(given | fixed))


def _read(path: Path) -> dict[str, dict[str, float]]:
    try:
        return read_shares(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise LorafairError(f"--shares {path} cannot be read ({error}).") from error


def _flag(value: Any) -> bool:
    if not isinstance(value, bool):
        raise ValueError(f"give true or false, not {value!r}")
    return value


def _names(value: Any) -> tuple[str, ...]:
    names = [value] if isinstance(value, str) else value
    if not isinstance(names, list) or not names or not all(isinstance(name, str) and name.strip() for name in names):
        raise ValueError(f"give names of metrics as a list, not {value!r}")
    return tuple(dict.fromkeys(names))


def _word(value: Any) -> str:
    if value not in CORRECTIONS:
        raise ValueError(f"give {' or '.join(CORRECTIONS)}, not {value!r}")
    return str(value)


def _number(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < float("inf"):
        raise ValueError(f"give a positive number in the metric's unit, not {value!r}")
    return float(value)
