"""The change of max - min: held to the descriptive metric of the same number, and to what its groups allow."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from lorafair.plugins.metrics.harmful_bias_gap import harmful_bias_gap
from lorafair.plugins.metrics.rate import rate

from lorafair.statistics.compare import measure, subtract
from lorafair.statistics.descriptive import compare_described
from lorafair.statistics.settings import Settings
from lorafair.statistics.simulation import Truth, draw_audit

RATES = {"base": [0.2, 0.3, 0.4], "model": [0.25, 0.3, 0.6]}


@pytest.mark.parametrize("sizes", [(300, 300, 300), (300, 300, 12)])
def test_it_is_what_the_descriptive_metric_says_of_the_same_number(sizes: tuple[int, ...]) -> None:
    column, many = draw_audit(Truth(60, sizes, RATES), 1), Settings(resamples=4000)
    pair = subtract(column, "model", "base", rate, many)
    found = pair.summary.gaps["group"]
    tables = [replace(column.table("model")[0], y=column.values[label]) for label in ("model", "base")]
    value, low, high = compare_described(harmful_bias_gap, *tables, "group", many)
    assert found.value == pytest.approx(value, abs=1e-12)
    assert (found.low, found.high) == pytest.approx((low, high), abs=0.04 * (high - low))
    assert found.p is None
    gaps = [measure(column, label, rate, many).gaps["group"].value for label in ("model", "base")]
    assert found.value == pytest.approx(gaps[0] - gaps[1], abs=1e-12)


def test_it_holds_the_true_change() -> None:
    held = []
    for seed in range(60):
        pair = subtract(draw_audit(Truth(60, (100,) * 3, RATES), seed), "model", "base", rate, Settings(resamples=200))
        found = pair.summary.gaps["group"]
        held.append(found.low <= 0.15 <= found.high)
    assert np.mean(held) >= 0.95
