"""Areas compared: DeLong's covariance written out, resampled clusters, disjoint groups, coverage on known truth."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import norm, t
from sklearn.metrics import roc_auc_score

from lorafair.statistics.roc import covary, estimate_auc, find_area
from lorafair.statistics.roc_contrast import compare_areas


def measure(score, truth, cluster, inside=None, clusters=None):
    inside = np.ones(len(truth), dtype=bool) if inside is None else inside
    sides = inside & truth, inside & ~truth
    size = int(cluster.max()) + 1 if clusters is None else clusters
    return find_area(*(score[each] for each in sides), *(cluster[each] for each in sides), size)


def subtract(*areas):
    return [(1.0, areas[0]), (-1.0, areas[1])]


def draw_scores(draw, clusters, size, shift, *, whole=False):
    """Two models' scores of documents in clusters: both see the document, its cluster, and noise of their own.

    ``whole``: a cluster's documents are all positives or all negatives, as in a split by clusters.
    """
    cluster = np.repeat(np.arange(clusters), size)
    truth = cluster % 2 == 0 if whole else np.arange(len(cluster)) % 2 == 0
    common = 0.6 * (draw.normal(size=clusters)[cluster] + draw.normal(size=len(cluster)))
    scores = [common + draw.normal(size=len(cluster)) + d * truth for d in shift]
    return scores, truth, cluster


def test_the_difference_of_independent_documents_is_delongs_test():
    """DeLong, DeLong and Clarke-Pearson 1988: S = S10/m + S01/n, the covariance matrices of structural components."""
    draw = np.random.default_rng(1)
    truth = draw.random(60) < 0.4
    both = np.column_stack([draw.normal(size=60) + truth, draw.normal(size=60)])
    both[:, 1] += 0.5 * both[:, 0]
    both = both.round(1)  # ties
    components = []
    for score in both.T:
        x, y = score[truth], score[~truth]
        kernel = (x[:, None] > y) + 0.5 * (x[:, None] == y)
        components.append((kernel.mean(1), kernel.mean(0)))
    s10, s01 = (np.cov(np.stack([each[k] for each in components])) for k in (0, 1))
    s = s10 / truth.sum() + s01 / (~truth).sum()
    one, other = (measure(score, truth, np.arange(60)) for score in both.T)
    assert covary(one, other) == pytest.approx(s[0, 1], rel=1e-12)
    (found,) = compare_areas({"": subtract(one, other)}).values()
    assert found.value == pytest.approx(roc_auc_score(truth, both[:, 0]) - roc_auc_score(truth, both[:, 1]), abs=1e-12)
    assert found.se**2 == pytest.approx(s[0, 0] + s[1, 1] - 2 * s[0, 1], rel=1e-9)
    df = min(truth.sum(), (~truth).sum()) - 1
    assert found.p == pytest.approx(2 * t.sf(abs(found.value) / found.se, df))
    assert found.high - found.value == pytest.approx(t.ppf(0.975, df) * found.se)


def test_in_clusters_the_standard_error_is_that_of_resampled_clusters():
    draw = np.random.default_rng(2)
    (one, other), truth, cluster = draw_scores(draw, 120, 6, (1.0, 0.4))
    group = draw.random(len(truth)) < 0.4  # groups within clusters, as identities within a template
    areas = [measure(score, truth, cluster, inside) for score in (one, other) for inside in (group, ~group)]
    level = compare_areas({"": subtract(measure(one, truth, cluster), measure(other, truth, cluster))})[""]
    change = compare_areas({"": [(1, areas[0]), (-1, areas[1]), (-1, areas[2]), (1, areas[3])]})[""]
    rows = np.arange(len(truth)).reshape(120, 6)
    drawn = []
    for _ in range(500):
        at = rows[draw.integers(120, size=120)].ravel()
        auc = [
            [roc_auc_rank(score[at][part], truth[at][part]) for part in (group[at] >= 0, group[at], ~group[at])]
            for score in (one, other)
        ]
        drawn.append([auc[0][0] - auc[1][0], auc[0][1] - auc[0][2] - auc[1][1] + auc[1][2]])
    spread = np.std(drawn, axis=0, ddof=1)
    assert level.se == pytest.approx(spread[0], rel=0.12)
    assert change.se == pytest.approx(spread[1], rel=0.12)
    # as independent documents the level's would be another one: clusters matter here
    alone = np.arange(len(truth))
    blind = compare_areas({"": subtract(measure(one, truth, alone), measure(other, truth, alone))})[""]
    assert blind.p < 1e-3


def roc_auc_rank(score, truth):
    order = np.argsort(np.argsort(score)) + 1
    m, n = truth.sum(), (~truth).sum()
    return (order[truth].sum() - m * (m + 1) / 2) / (m * n)


def test_groups_without_a_cluster_in_common_add_their_variances_and_copies_tell_nothing_new():
    draw = np.random.default_rng(3)
    (score, _), truth, cluster = draw_scores(draw, 60, 4, (0.8, 0))
    inside = cluster < 25
    areas = measure(score, truth, cluster, inside), measure(score, truth, cluster, ~inside)
    found = compare_areas({"": subtract(*areas)})[""]
    apart = [
        estimate_auc(score[p & truth], score[p & ~truth], cluster[p & truth], cluster[p & ~truth])
        for p in (inside, ~inside)
    ]
    assert found.se**2 == pytest.approx(sum(one.se**2 for one in apart), rel=1e-12)
    assert found.df == min(one.df for one in apart)
    twice = [np.repeat(each, 2) for each in (score, truth, cluster, inside)]
    again = compare_areas({"": subtract(*(measure(*twice[:3], part) for part in (twice[3], ~twice[3])))})[""]
    assert (again.low, again.high) == pytest.approx((found.low, found.high), abs=1e-12)


def test_two_groups_are_mirror_images_and_several_are_wider():
    draw = np.random.default_rng(4)
    (score, _), truth, cluster = draw_scores(draw, 80, 4, (1.0, 0))
    part = draw.integers(0, 4, len(truth))

    def contrasts(names):
        return {
            name: subtract(*(measure(score, truth, cluster, inside) for inside in (codes == name, codes != name)))
            for name in names
        }

    codes = part % 2
    two = compare_areas(contrasts([0, 1]))
    assert (two[0].low, two[0].high) == pytest.approx((-two[1].high, -two[1].low), abs=1e-12)
    single = compare_areas({0: contrasts([0])[0]})[0]
    assert two[0].high - two[0].low == pytest.approx(single.high - single.low, rel=0.02)
    assert two[0].p_max == pytest.approx(two[0].p, abs=0.01)
    codes = part
    four = compare_areas(contrasts(range(4)))
    alone = {name: compare_areas({name: terms})[name] for name, terms in contrasts(range(4)).items()}
    for name, one in four.items():
        wider = (one.high - one.low) / (alone[name].high - alone[name].low)
        assert 1.1 < wider < t.ppf(1 - 0.025 / 4, one.df) / t.ppf(0.975, one.df) + 0.03  # at most Bonferroni's
        assert one.p_max >= one.p
        assert "max-T over 4 groups" in one.method


def test_what_cannot_be_compared_has_no_interval_and_an_area_of_one_is_no_certainty():
    score, truth = np.r_[np.zeros(20), np.ones(20)], np.arange(40) >= 20
    perfect = measure(score, truth, np.arange(40))
    noisy = measure(np.random.default_rng(5).normal(size=40), truth, np.arange(40))
    found = compare_areas({"": subtract(perfect, noisy)})[""]
    own, other = (estimate_auc(*(s[p] for s, p in zip((x, x), (truth, ~truth), strict=True)), *_codes(truth))
                  for x in (score, np.random.default_rng(5).normal(size=40)))  # fmt: skip
    assert found.value - found.low == pytest.approx(np.hypot(1 - own.low, other.high - other.value))
    assert found.p is None
    assert "Zou-Donner" in found.method
    same = compare_areas({"": subtract(noisy, noisy)})[""]
    assert (same.value, same.low, same.p) == (0.0, None, None)
    assert compare_areas({"": None})[""].value is None
    together = measure(score, truth, np.where(truth, 0, np.arange(40)))
    assert compare_areas({"": subtract(together, noisy)})[""].low is None
    mixed = compare_areas({"a": subtract(perfect, noisy), "b": None, "c": subtract(noisy, noisy)})
    assert mixed["a"].low < found.low  # a third of alpha


def _codes(truth):
    return np.flatnonzero(truth), np.flatnonzero(~truth)


def test_intervals_of_differences_cover_the_truth():
    """Binormal scores of two models in 40 clusters of four: 95% intervals, those of three groups simultaneous."""
    draw, hits, shift, times = np.random.default_rng(6), np.zeros(3), (1.5, 0.5), 150
    spread = np.sqrt(2 * (1 + 2 * 0.36))
    truth_level = norm.cdf(shift[0] / spread) - norm.cdf(shift[1] / spread)
    for _ in range(times):
        scores, truth, cluster = draw_scores(draw, 40, 4, shift, whole=True)
        group = draw.integers(0, 3, len(truth))
        level = compare_areas({"": subtract(*(measure(score, truth, cluster) for score in scores))})[""]
        hits[0] += level.low <= truth_level <= level.high
        own, change = {}, {}
        for name in range(3):
            areas = [[measure(s, truth, cluster, part) for part in (group == name, group != name)] for s in scores]
            own[name] = subtract(*areas[0])
            change[name] = [*own[name], *((-w, area) for w, area in subtract(*areas[1]))]
        for k, family in ((1, own), (2, change)):
            hits[k] += all(one.low <= 0 <= one.high for one in compare_areas(family).values())
    assert (hits >= 0.9 * times).all(), hits / times
