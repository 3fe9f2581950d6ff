"""LiRA in closed form, losses against torch's, and the design of shadows."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import logit
from scipy.stats import norm
from sklearn.metrics import roc_auc_score

from lorafair.errors import LorafairError
from lorafair.membership.design import draw_inside
from lorafair.membership.likelihood_ratio import attack_offline, attack_online, compute_log_odds
from lorafair.membership.loss import compute_losses


def test_log_odds_are_the_margin_even_where_a_label_is_nearly_certain():
    p = np.array([1e-9, 0.2, 0.5, 0.9, 0.999])
    np.testing.assert_allclose(compute_log_odds(-np.log(p)), logit(p), rtol=1e-9)
    logits = torch.tensor([[3.0, -2.0], [60.0, -60.0], [-200.0, 200.0], [0.0, 0.0]])
    margin = (logits[:, 0] - logits[:, 1]).double().numpy()
    np.testing.assert_allclose(compute_log_odds(compute_losses(logits, torch.zeros(4, dtype=int)).numpy()), margin)
    rows, wanted = torch.randn(130, 50), torch.randint(0, 50, (130,))
    expected = torch.nn.functional.cross_entropy(rows.double(), wanted, reduction="none")
    torch.testing.assert_close(compute_losses(rows, wanted), expected)


def test_the_scores_are_those_of_normal_distributions_fitted_one_by_one():
    draw = np.random.default_rng(0)
    inside = draw_inside([str(i) for i in range(30)], 8, 0.5, 1)
    shadows, target = draw.normal(size=(8, 30)), draw.normal(size=30)
    own = [(shadows[inside[:, i], i], shadows[~inside[:, i], i]) for i in range(30)]
    for variance in ("example", "pooled"):
        sd = [[each[k].std(ddof=1) for each in own] for k in (0, 1)]
        if variance == "pooled":  # equal numbers of shadows: the root of the mean variance
            sd = [[np.sqrt(np.mean(np.square(side)))] * 30 for side in sd]
        online = [
            norm.logpdf(target[i], own[i][0].mean(), sd[0][i]) - norm.logpdf(target[i], own[i][1].mean(), sd[1][i])
            for i in range(30)
        ]
        offline = [(target[i] - own[i][1].mean()) / sd[1][i] for i in range(30)]
        np.testing.assert_allclose(attack_online(target, shadows, inside, variance), online, rtol=1e-9)
        np.testing.assert_allclose(attack_offline(target, shadows, inside, variance), offline, rtol=1e-9)
    np.testing.assert_array_equal(  # few shadows: pooled
        attack_online(target, shadows, inside), attack_online(target, shadows, inside, "pooled")
    )


def test_of_documents_as_hard_as_known_lira_finds_what_theory_allows_and_the_loss_less():
    """Log-odds N(mu_i + d inside, 1), mu_i spread widely: the best area is Phi(d / sqrt 2), the loss's near 0.5."""
    draw = np.random.default_rng(2)
    size, d = 4000, 1.5
    member = draw.random(size) < 0.5
    inside = draw_inside([str(i) for i in range(size)], 128, 0.5, 3)
    mu = draw.normal(0, 8, size)
    shadows = mu + d * inside + draw.normal(size=inside.shape)
    target = mu + d * member + draw.normal(size=size)
    best = norm.cdf(d / np.sqrt(2))
    for attack in (attack_online, attack_offline):
        assert roc_auc_score(member, attack(target, shadows, inside)) == pytest.approx(best, abs=0.02)
    assert roc_auc_score(member, target) < 0.6


def test_too_few_shadows_are_refused():
    shadows, target = np.zeros((4, 3)), np.zeros(3)
    inside = np.zeros((4, 3), dtype=bool)
    with pytest.raises(LorafairError, match="in no shadow"):
        attack_online(target, shadows, inside)
    with pytest.raises(LorafairError, match="out of no shadow"):
        attack_offline(target, shadows, ~inside)
    inside[:1] = True
    with pytest.raises(LorafairError, match="variance=example"):
        attack_online(target, shadows, inside, "example")


@settings(max_examples=30, deadline=None)
@given(st.integers(2, 40), st.integers(1, 12), st.sampled_from([0.2, 0.5, 0.75, 0.8, 0.9]), st.integers(0, 9))
def test_shadows_see_whole_clusters_equally_often_and_more_of_them_change_none(clusters, blocks, share, seed):
    rows = [str(i % clusters) for i in range(3 * clusters)]
    size = {0.2: 5, 0.5: 2, 0.75: 4, 0.8: 5, 0.9: 10}[share]
    inside = draw_inside(rows, blocks * size, share, seed)
    assert (inside[:, :clusters] == inside[:, clusters : 2 * clusters]).all()
    assert set(inside.sum(0)) == {round(blocks * size * share)}
    np.testing.assert_array_equal(draw_inside(rows, blocks * size + 3, share, seed)[: blocks * size], inside)
