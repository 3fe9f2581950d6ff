"""Changes of odds and rates in log-odds: from clusters drawn by kinds as from clusters drawn singly, and small groups."""

from __future__ import annotations

import numpy as np
import pytest
from lorafair.plugins.metrics.rate import rate

from lorafair.statistics.compare import claim, subtract
from lorafair.statistics.confirmation import compare_changes
from lorafair.statistics.log_odds import estimate_shares
from lorafair.statistics.mean import sample_kinds
from lorafair.statistics.pair import Column
from lorafair.statistics.resample import sample
from lorafair.statistics.settings import Settings
from lorafair.statistics.table import Table


def _tables() -> list[Table]:
    rng = np.random.default_rng(4)
    member = rng.integers(0, 3, 400)[:, None] == np.arange(3)
    y = [(rng.random(400) < share).astype(float) for share in (0.3, 0.5)]
    return [Table(each, np.arange(400), {"r": member}, {"r": ("a", "b", "c")}) for each in y]


def test_kinds_give_the_change_and_the_rates_that_clusters_give() -> None:
    tables = _tables()
    sizes = dict(zip("abc", tables[0].groups["r"].sum(axis=0).tolist(), strict=True))
    singly = [sample(rate, table, resamples=2000, seed=0) for table in tables]
    kinds = sample_kinds(tables, resamples=2000, seed=0)
    assert kinds is not None
    assert kinds[0].jackknife.shape[0] < 20
    for name in "abc":
        one, other = (compare_changes((each[0], each[1]), "r", [name], sizes)[name] for each in (kinds, singly))
        assert (one.value, one.se, one.unseen) == pytest.approx((other.value, other.se, other.unseen), rel=1e-9)
    keys = {name: f"group:r={name}" for name in "abc"}
    shares = [estimate_shares(each[0], keys, sizes, clusters=400) for each in (kinds, singly)]
    for name in "abc":
        one, other = (each[name] for each in shares)
        assert (one.value, one.se) == pytest.approx((other.value, other.se), rel=1e-9)
        assert (one.low, one.high) == pytest.approx((other.low, other.high), abs=0.15 * other.se)


def test_a_group_of_one_document_hides_no_other() -> None:
    """Without its only cluster it has no rate, so that it is no part of what the others have in common."""
    rng = np.random.default_rng(0)
    group = np.concatenate([[0], np.repeat([1, 2, 3], 150)])
    base = (rng.random(len(group)) < 0.2).astype(float)
    model = np.where(group == 1, 1.0 - base, base)
    names = {"r": ("one", "a", "b", "c")}
    column = Column("t", "m", {"base": base, "model": model}, np.arange(len(group)),
                    {"r": group[:, None] == np.arange(4)}, names, higher_is_better=False)  # fmt: skip
    settings = Settings(resamples=400)
    pair = subtract(column, "model", "base", rate, settings)
    assert pair is not None
    changes = pair.summary.changes["r"]
    assert changes["one"].p is None
    assert all(changes[name].p is not None for name in "abc")
    assert claim([pair], rate, settings)[0].named["r"] == {"a": 1}
