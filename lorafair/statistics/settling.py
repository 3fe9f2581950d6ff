"""Estimates of one sampled table with their intervals: bootstrap-t, in log-odds for rates, exact where it is none."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from lorafair.statistics.exact import bound_estimate
from lorafair.statistics.interval import Estimate, clip, estimate_each, estimate_family
from lorafair.statistics.log_odds import estimate_shares
from lorafair.statistics.margin import judge_margin
from lorafair.statistics.resample import Sampled
from lorafair.statistics.settings import Settings
from lorafair.statistics.shape import Shape, find_shape
from lorafair.statistics.studentised import Studentised, studentise_all
from lorafair.statistics.table import Table

Key = tuple[str, str | None]
"""An estimand, and the one that is subtracted from it."""


@dataclass
class Settling:
    """What :func:`lorafair.statistics.summary.summarise` is asked for, and what was studentised of it so far.

    ``logits``: key -> studentised log-odds of a rate.
    """

    sampled: Sampled
    table: Table
    settings: Settings
    exact: bool
    signed: bool
    logits: dict[str, Studentised] = field(default_factory=dict)

    @property
    def shape(self) -> Shape:
        """Who is behind each estimand."""
        return find_shape(self.table)

    def make(self, wanted: Iterable[Key]) -> dict[Key, Studentised]:
        """The studentised estimands, made once."""
        return studentise_all(self.sampled, wanted)

    def settle(self, keys: Mapping[str, Key], *, apart: bool = False) -> dict[str, Estimate]:
        """The estimates by name, with simultaneous intervals unless they stand apart."""
        sampled, settings, shape, exact = self.sampled, self.settings, self.shape, self.exact
        shares = exact and not self.signed and all(rest is None for _, rest in keys.values())
        clusters, estimate = self.table.clusters, estimate_each if apart else estimate_family
        family: dict[str, Studentised] = {}
        if shares:
            n = {name: shape.documents[key] for name, (key, _) in keys.items()}
            named = {name: key for name, (key, _) in keys.items()}
            done = estimate_shares(
                sampled, named, n, self.logits, clusters=clusters, alpha=settings.alpha, estimate=estimate
            )
        else:
            made = self.make(keys.values())
            family = {name: made[two] for name, two in keys.items()}
            done = estimate(family, clusters=clusters, alpha=settings.alpha)
        for name, one in done.items():
            if settings.margin is not None and self.signed:
                one = judge_margin(one, family[name], settings.margin)
            if exact and one.low is None:
                group, rest = keys[name]
                one = bound_estimate(
                    self.table,
                    one.value,
                    one.se,
                    group=shape.mask(group, len(self.table.y)),
                    rest=None if rest is None else shape.mask(rest, len(self.table.y)),
                    signed=self.signed,
                    family=1 if apart else len(keys),
                    alpha=settings.alpha,
                    seed=settings.seed,
                    resamples=max(settings.resamples, settings.most if self.signed else 0),
                    margin=settings.margin if self.signed else None,
                )
            end = (2.0 if any(rest for _, rest in keys.values()) else 1.0) if exact else np.inf
            done[name] = clip(one, 0.0 if shares else -end, end)
        return done

    def settle_contrasts(self, attribute: str, claimed: Sequence[str]) -> tuple[dict[str, Estimate], list[list[str]]]:
        """Each group against its rest, and the families: max-T over those that carry a claim, each other by itself."""
        names = self.table.names[attribute]
        self.make(contrast(attribute, name) for name in names)
        families = [list(claimed)] + [[name] for name in names if name not in claimed]
        done = {k: v for f in families for k, v in self.settle({n: contrast(attribute, n) for n in f}).items()}
        return {name: done[name] for name in names}, families

    def list_claimed(self, attribute: str) -> list[str]:
        """The attribute's groups with enough documents and clusters for a claim."""
        shape, settings = self.shape, self.settings
        keys = {name: f"group:{attribute}={name}" for name in self.table.names[attribute]}
        return [
            name
            for name, key in keys.items()
            if shape.documents[key] >= settings.min_n and shape.clusters[key] >= settings.min_clusters
        ]


def contrast(attribute: str, name: str) -> tuple[str, str]:
    """The two estimands of a contrast: the group and its rest."""
    return f"group:{attribute}={name}", f"rest:{attribute}={name}"
