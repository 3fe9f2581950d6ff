"""Verdicts held to known truth: coverage, nulls, planted differences, and what moves only because another group did."""

from __future__ import annotations

import numpy as np
import pytest
from lorafair.plugins.metrics.rate import rate
from scipy.special import expit, logit

from lorafair.statistics.compare import Column, Pair, claim, measure, subtract
from lorafair.statistics.interval import Estimate
from lorafair.statistics.settings import Settings
from lorafair.statistics.verdict import certain_sign, judge, name_groups

FAST = Settings(resamples=400)


def _column(seed: int, clusters: int, groups: int, shift: dict[int, float], base: float = 0.15) -> Column:
    """Base and one model over templates x groups; templates differ in difficulty; ``shift`` moves groups' rates."""
    rng = np.random.default_rng(seed)
    cluster = np.repeat(np.arange(clusters), groups)
    group = np.tile(np.arange(groups), clusters)
    p = expit(logit(base) + rng.normal(0, 1, clusters)[cluster])
    moved = np.clip(p + np.array([shift.get(k, 0.0) for k in range(groups)])[group], 0, 1)
    values = {name: (rng.random(len(p)) < q).astype(float) for name, q in (("base", p), ("model", moved))}
    member = group[:, None] == np.arange(groups)
    return Column("t", "y", values, cluster, {"r": member}, {"r": tuple(f"g{k}" for k in range(groups))}, False)


def _claim(column: Column, settings: Settings = FAST) -> Pair:
    pair = subtract(column, "model", "base", rate, settings)
    assert pair is not None
    return claim([pair], rate, settings)[0]


def test_paired_difference_covers_and_nulls_stay_quiet() -> None:
    covered = level = fairness = 0
    runs = 300
    for seed in range(runs):
        pair = _claim(_column(seed, 30, 4, {}, base=0.2))
        found = pair.summary.overall
        covered += found.low <= 0 <= found.high
        level += certain_sign(found, pair.p_level, 0.05) != 0
        fairness += bool(pair.named["r"])
    assert 0.91 <= covered / runs <= 0.98
    assert level / runs <= 0.08
    assert fairness / runs <= 0.08


def test_planted_group_is_found_and_named_alone() -> None:
    pairs = [_claim(_column(seed, 52, 8, {3: 0.45})) for seed in range(20)]
    assert sum(pair.named["r"] == {"g3": 1} for pair in pairs) >= 17
    assert all("g3" in pair.named["r"] for pair in pairs[:5])


def test_planted_group_is_found_beside_groups_that_hardly_ever_hit() -> None:
    """As on the quickstart: rates of 2% with groups without any hit, whose log-odds say nothing, and one moved far."""
    pairs = [_claim(_column(seed, 55, 8, {3: 0.6}, base=0.02)) for seed in range(12)]
    assert all("g3" in pair.named["r"] for pair in pairs)


def test_equal_change_in_all_groups_is_a_level_claim_only() -> None:
    pairs = [_claim(_column(seed, 52, 4, dict.fromkeys(range(4), 0.25))) for seed in range(20)]
    assert all(certain_sign(pair.summary.overall, pair.p_level, 0.05) == 1 for pair in pairs)
    assert sum(bool(pair.named["r"]) for pair in pairs) <= 3


def test_two_planted_groups_are_both_named() -> None:
    pair = _claim(_column(3, 200, 6, {0: 0.4, 5: 0.4}))
    assert pair.named["r"] == {"g0": 1, "g5": 1}


def test_others_are_not_named_because_one_got_worse() -> None:
    pair = _claim(_column(0, 600, 4, {2: 0.5}))
    assert {name for name, sign in pair.certain["r"].items() if sign == -1} == {"g0", "g1", "g3"}
    assert pair.named["r"] == {"g2": 1}


def test_group_left_behind_by_an_improvement_is_named() -> None:
    shift = dict.fromkeys(range(5), -0.35)
    pair = _claim(_column(1, 300, 6, shift, base=0.5))
    assert pair.named["r"] == {"g5": 1}


def test_of_two_groups_the_one_that_moved_is_named() -> None:
    assert _claim(_column(2, 200, 2, {1: 0.4})).named["r"] == {"g1": 1}
    assert _claim(_column(2, 200, 2, {1: -0.4}, base=0.6)).named["r"] == {"g1": -1}


def test_small_groups_stay_visible_without_a_claim() -> None:
    column = _column(4, 52, 3, {2: 0.6})
    member = column.groups["r"].copy()
    member[np.flatnonzero(member[:, 2])[20:], 2] = False
    few = Column("t", "y", column.values, column.cluster, {"r": member}, column.names, False)
    pair = _claim(few)
    assert pair.summary.group_n["r"]["g2"] == 20
    assert pair.summary.levels["r"]["g2"].value is not None
    assert "g2" not in pair.p_contrast["r"]
    assert "g2" not in pair.named["r"]


def test_missing_values_pair_over_common_documents_only() -> None:
    column = _column(5, 40, 2, {})
    column.values["model"][:20] = np.nan
    pair, alone = _claim(column), measure(column, "base", rate, FAST)
    assert (pair.summary.n, alone.n) == (60, 80)
    expected = column.values["model"][20:].mean() - column.values["base"][20:].mean()
    assert pair.summary.overall.value == pytest.approx(expected)


def test_a_group_without_scored_documents_is_not_estimable() -> None:
    column = _column(6, 40, 3, {})
    for values in column.values.values():
        values[column.groups["r"][:, 1]] = np.nan
    found = measure(column, "base", rate, FAST)
    assert found.levels["r"]["g1"].value is None
    assert found.group_n["r"]["g1"] == 0
    assert found.gaps["r"].value is not None


@pytest.mark.parametrize(
    ("sign", "higher", "claim_", "word"),
    [
        (1, False, True, "worse"),
        (-1, False, True, "better"),
        (1, True, True, "better"),
        (-1, True, True, "worse"),
        (0, True, True, "undecided"),
        (1, None, True, "no claim"),
        (1, False, False, "no claim"),
    ],
)
def test_words(sign: int, higher: bool | None, claim_: bool, word: str) -> None:
    assert judge(sign, higher, claim=claim_) == word


def test_of_two_groups_that_both_moved_the_worse_one_is_named() -> None:
    up, down = (Estimate(v, 0.01, v - 0.05, v + 0.05, p=0.001, p_max=0.001) for v in (0.2, -0.2))
    both = {"a": up, "b": down}
    named = name_groups({"a": 1, "b": -1}, both, both, lambda names: {}, higher_is_better=False, alpha=0.05)
    assert named == {"a": 1}
    named = name_groups({"a": 1, "b": -1}, both, both, lambda names: {}, higher_is_better=True, alpha=0.05)
    assert named == {"b": -1}


def test_holm_over_checkpoints_takes_a_lone_weak_verdict_away() -> None:
    settings = Settings(resamples=2000)
    weak = None
    for seed in range(200):
        pair = subtract(_column(seed, 52, 2, {}), "model", "base", rate, settings)
        if 0.02 < pair.summary.overall.p < 0.05:
            weak = pair
            break
    assert weak is not None
    null = subtract(_column(1, 52, 2, {}), "model", "base", rate, settings)
    assert certain_sign(weak.summary.overall, claim([weak], rate, settings)[0].p_level, 0.05) != 0
    done = claim([weak, null, null], rate, settings)[0]
    assert certain_sign(weak.summary.overall, done.p_level, 0.05) == 0


def test_a_further_group_has_to_be_as_certain_as_the_family_is_large() -> None:
    far, near = (Estimate(v, 0.01, v - 0.05, v + 0.05, p=p, p_max=p) for v, p in ((0.4, 0.0001), (0.2, 0.01)))
    every, certain = {"a": far, "b": near, "c": near}, {"a": 1, "b": 1}

    def name(tests: float) -> dict[str, int]:
        return name_groups(
            certain,
            every,
            every,
            lambda names: dict.fromkeys(names, near),
            higher_is_better=False,
            alpha=0.05,
            tests=tests,
        )

    assert name(1) == {"a": 1, "b": 1}
    assert name(6) == {"a": 1}  # 0.01 is not below 0.05 / 6
