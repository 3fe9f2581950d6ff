"""The family of fairness verdicts: no more than 5% of families have a false one, whichever scale did not change."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from lorafair.plugins.metrics.rate import rate

from lorafair.statistics.compare import claim, subtract
from lorafair.statistics.interval import Estimate
from lorafair.statistics.pair import Column, Pair
from lorafair.statistics.settings import Settings
from lorafair.statistics.simulation import Truth, draw_audit
from lorafair.statistics.summary import Summary

SIX = [f"m{k}" for k in range(6)]


def _draw_pair(column: Column, label: str, change: float, p: float) -> Pair:
    """A pair whose risk differences are certain beyond doubt, with this change of the odds and its two-sided p."""
    signs = {"a": 1.0, "b": -1.0}
    contrasts = {g: Estimate(0.2 * s, 0.01, 0.2 * s - 0.1, 0.2 * s + 0.1, p=1e-4, p_max=1e-4) for g, s in signs.items()}
    odds = {g: Estimate(s * change, 1.0, p=p) for g, s in signs.items()}
    summary = Summary(
        Estimate(0.0, 0.01, -0.1, 0.1, p=0.9),
        100,
        50,
        levels={"r": contrasts},
        contrasts={"r": contrasts},
        changes={"r": odds},
        group_n={"r": {"a": 50, "b": 50}},
        group_clusters={"r": {"a": 50, "b": 50}},
    )
    return Pair(column, label, "base", summary)


@pytest.mark.parametrize("correction", ["holm", "bh"])
def test_odds_that_changed_for_nobody_give_few_families_a_verdict(correction: str) -> None:
    """Six checkpoints whose risk differences are certain and whose odds changed alike: p of the odds is uniform."""
    rng = np.random.default_rng(0)
    member = (np.arange(100) % 2)[:, None] == np.arange(2)
    values = {label: np.zeros(100) for label in ("base", *SIX)}
    column = Column("t", "y", values, np.arange(100) // 2, {"r": member}, {"r": ("a", "b")}, higher_is_better=False)
    settings, wrong, runs = Settings(correction=correction), 0, 3000
    for _ in range(runs):
        drawn = zip(SIX, rng.choice([-1.0, 1.0], 6), rng.random(6), strict=True)
        done = claim([_draw_pair(column, *each) for each in drawn], rate, settings)
        wrong += any(one.named["r"] for one in done)
    assert wrong / runs == pytest.approx(0.05, abs=3 * (0.05 * 0.95 / runs) ** 0.5)


def test_one_checkpoint_is_judged_as_before_and_a_large_change_survives_the_family() -> None:
    rates = [0.3] * 4
    moved = [0.8, *[0.3] * 3]
    truth = Truth(60, (200,) * 4, {"base": rates, "m0": moved, **dict.fromkeys(SIX[1:], rates)}, own_sd=0.5)
    settings = Settings(resamples=2000)
    pairs = [subtract(draw_audit(truth, 1), m, "base", rate, settings) for m in SIX]
    done = claim([pair for pair in pairs if pair is not None], rate, settings)
    assert [one.named["group"] for one in done] == [{"g0": 1}, {}, {}, {}, {}, {}]
    whole, alone = done[0].p_contrast["group"], claim([pairs[0]], rate, settings)[0].p_contrast["group"]
    assert all(whole[name] >= alone[name] for name in whole)
    changes = pairs[0].summary.changes["group"]
    confirmed = {"group": {name: replace(one, p=0.02) for name, one in changes.items()}}
    weak = replace(pairs[0], summary=replace(pairs[0].summary, changes=confirmed))  # 0.04 over four groups, one-sided
    assert claim([weak], rate, settings)[0].named["group"] == {"g0": 1}
    assert claim([weak, *pairs[1:]], rate, settings)[0].named["group"] == {}


def test_six_checkpoints_with_half_the_odds_for_everybody_are_not_called_unfair() -> None:
    """As `benchmarks/simulation.py --only families`, smaller: without a correction over the six about a quarter are."""
    rates = [0.4, 0.2, 0.2, 0.1]
    halved = [0.5 * r / (1 - 0.5 * r) for r in rates]
    truth = Truth(30, (200,) * 4, {"base": rates, **dict.fromkeys(SIX, halved)}, cluster_sd=0, document_sd=0)
    settings, wrong, runs = Settings(resamples=999), 0, 60
    for seed in range(runs):
        column = draw_audit(truth, seed)
        pairs = [subtract(column, m, "base", rate, replace(settings, seed=seed % 2)) for m in SIX]
        wrong += any(one.named["group"] for one in claim([p for p in pairs if p is not None], rate, settings))
    assert wrong / runs <= 0.06 + 2 * (0.06 * 0.94 / runs) ** 0.5


def test_a_family_of_planted_checkpoints_names_few_groups_too_many() -> None:
    """Each of six checkpoints is certainly worse for one group: six chances to name another one beside it."""
    moved = [0.8, 0.3, 0.3, 0.3]
    truth = Truth(60, (60,) * 4, {"base": [0.3] * 4, **dict.fromkeys(SIX, moved)}, independent=True)
    wrong, runs = 0, 40
    for seed in range(runs):
        column = draw_audit(truth, seed)
        pairs = [subtract(column, m, "base", rate, Settings(resamples=399, seed=seed % 2)) for m in SIX]
        done = claim([pair for pair in pairs if pair is not None], rate, Settings(resamples=399, seed=seed % 2))
        assert all(one.named["group"].get("g0") == 1 for one in done)
        wrong += any(set(one.named["group"]) != {"g0"} for one in done)
    assert wrong <= 2  # 5% of 40; six were while a further group was named at 5% in each checkpoint
