"""Descriptive rows of an audit, made for all models at once, against each computed by itself from the definitions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from lorafair.answer import Answers
from lorafair.leaderboard.applicable import list_tables, select_metrics
from lorafair.leaderboard.column import find_usable
from lorafair.leaderboard.descriptive import describe_groups
from lorafair.leaderboard.frame import arrange_task
from lorafair.records import Row
from lorafair.samples import Audit, Samples
from lorafair.statistics.descriptive import compare_all, compare_described, describe, describe_all
from lorafair.statistics.exact import bound_level
from lorafair.statistics.level_bound import bound_all, bound_levels
from lorafair.statistics.projection import project_change
from lorafair.statistics.resample import draw_weights
from lorafair.statistics.settings import Settings
from lorafair.statistics.table import Floats, Table

FEW = Settings(resamples=150, seed=2)
RACES, AGES = ("a", "b", "c", "rare"), ("young", "old")
MODELS = ("base", "full", "lora-2", "lora-3", "lora-4")
REFERENCES = {"base": [], "full": ["base"]} | {f"lora-{k}": ["base", "full"] for k in (2, 3, 4)}
LACKS = {"lora-3": slice(0, 40), "lora-4": slice(150, 290)}  # documents that a model did not answer
METRICS = (
    "worst_group_accuracy",
    "accuracy_parity",
    "demographic_parity_difference",
    "demographic_parity_ratio",
    "equalized_odds_difference",
    "harmful_bias_gap",
)


def make_audit(even: bool) -> Audit:
    """Two attributes (of the first one group is small, of the second not everybody has one), templates as clusters.

    ``even``: every template has as many documents of each race, and every model answered all of them.
    """
    truth = np.random.default_rng(0)
    if even:
        race, cluster = np.tile(np.arange(3), 100), np.repeat(np.arange(100), 3)
    else:
        race, cluster = truth.choice(4, 300, p=[0.5, 0.28, 0.2, 0.02]), truth.integers(0, 70, 300)
    groups = [{"race": [RACES[code]]} | ({"age": [AGES[k % 2]]} if k % 3 else {}) for k, code in enumerate(race)]
    label, samples = truth.random(300) < 0.4 + 0.1 * race, []
    for seed, model in enumerate(MODELS):
        rng = np.random.default_rng([1, seed])
        right = rng.random(300) < 0.8 - 0.1 * race
        names = np.where(label == right, "yes", "no").tolist()
        kept = [k for k in range(300) if even or k not in range(*LACKS.get(model, slice(0)).indices(300))]
        answers = Answers(
            ["yes" if label[k] else "no" for k in kept],
            [names[k] for k in kept],
            [[]] * len(kept),
            [np.nan] * len(kept),
            [None] * len(kept),
            ("no", "yes"),
            "yes",
        )
        told: dict[str, Any] = {"labels": {}, "scorer_gap": {}, "sample_data": False, "notes": [], "answers": answers}
        values = {"harm": rng.beta(0.3, 2, 300)[kept].tolist(), "size": rng.normal(3, 2, 300)[kept].tolist()}
        where = [f"template {cluster[k]}" for k in kept]
        keys = [str(k) for k in kept]
        samples.append(Samples(model, "toy", "1", keys, where, [groups[k] for k in kept], values, {}, **told))
    return Audit([], samples)


def are_close(found: Sequence[float | None], expected: Sequence[float | None]) -> bool:
    """Whether numbers agree, and are missing together."""
    missing = [[one is None for one in each] for each in (found, expected)]
    numbers = [[one for one in each if one is not None] for each in (found, expected)]
    return missing[0] == missing[1] and numbers[0] == pytest.approx(numbers[1], rel=1e-9, abs=1e-9)


def bound_plainly(values: Sequence[Floats], table: Table, attribute: str, settings: Settings) -> Any:
    """Bounds from the definitions: every cluster's residuals in every resample; of two values and their difference."""
    known = ~np.isnan(np.sum(values, axis=0))
    if not known.any() or not table.groups[attribute][known].any():
        return None
    cluster = np.unique(table.cluster[known], return_inverse=True)[1]
    each = [value[known] for value in values]
    each += [each[0] - each[1]] if len(each) == 2 else []
    member = table.groups[attribute][known]
    masks = [column for column in member.T if column.any()]
    clusters = int(cluster.max()) + 1
    weights = draw_weights(clusters, settings.resamples, settings.seed)
    cells, tops = [], []
    for y in each:
        for mask in masks:
            a, n = (np.bincount(cluster[mask], v[mask], clusters) for v in (y, np.ones(len(y))))
            with np.errstate(invalid="ignore"):
                r, drawn = a.sum() / n.sum(), (weights @ a) / (weights @ n)
            scale = clusters * (clusters - 1)
            error = np.sqrt(np.sum((a - r * n) ** 2) / scale) / n.mean()
            squares = ((a - drawn[:, None] * n) ** 2 * weights).sum(axis=1)
            errors = np.sqrt(squares / scale) / (weights @ n / clusters)
            found = ~np.isnan(drawn) & (errors > max(0.1 * error, 1e-9))
            t = np.where(found, np.abs(drawn - r) / np.where(found, errors, 1), np.inf)
            enough = mask.sum() >= settings.min_n and len(set(cluster[mask])) >= settings.min_clusters
            usable = enough and error > 1e-9 and np.mean(~found) <= 0.01
            tops += [t] if usable else []
            cells.append((y, mask, r, error, usable))
    inside = all(np.abs(y).max() <= 1 for y in each)
    if not inside and len(tops) < len(cells):
        return None
    level = settings.alpha * len(tops) / len(cells)
    top = np.sort(np.max(tops, axis=0)) if tops else np.zeros(settings.resamples)
    quantile = top[min(len(top), int(np.ceil((1 - level) * (len(top) + 1)))) - 1]
    bounds = []
    for y, mask, r, error, usable in cells:
        least = 0.0 if y.min() >= 0 else -1.0
        if usable:
            ends = r - quantile * error, r + quantile * error
            bounds.append((max(ends[0], least), min(ends[1], 1.0)) if inside else ends)
        else:
            bounds.append(bound_level(Table(y, cluster), mask, settings.alpha / len(cells), signed=least < 0))
    return [bounds[k : k + len(masks)] for k in range(0, len(bounds), len(masks))]


def measure_plainly(function: Any, tables: Sequence[Table], attribute: str) -> tuple[float | None, ...]:
    """The number of one table, or the difference between two, with its projected ends."""
    kept = [table.keep(attribute, table.names[attribute]) for table in tables]
    numbers = [float(function(table, np.ones((1, len(table.y))))["gap"][0]) for table in kept]
    if not np.isfinite(numbers).all():
        return None, None, None
    number, found = numbers[0] - sum(numbers[1:]), []
    share = replace(FEW, alpha=FEW.alpha / len(function.parts))
    for part in function.parts:
        values = [getattr(part, "document_value", lambda table: table.y)(table) for table in kept]
        found.append(bound_plainly(values, kept[0], attribute, share))
    if any(each is None or (len(tables) == 2 and len(each[0]) < 2) for each in found):
        return number, None, None
    if len(tables) == 2:
        return number, *project_change(function.project, *zip(*found, strict=True))
    ends = [function.project(each[0]) for each in found]
    return number, max(low for low, _ in ends), max(high for _, high in ends)


@pytest.mark.parametrize("even", [True, False])
def test_rows_made_for_all_models_are_those_of_each_by_itself(even: bool) -> None:
    audit = make_audit(even)
    metrics = [one for one in select_metrics(METRICS) if one.name in METRICS]
    overall = [Row.model_construct(model=model, task="toy", metric="acc", kind="overall") for model in MODELS]
    rows = {(r.metric, r.model, r.attribute): r for r in describe_groups(audit, overall, REFERENCES, FEW, metrics)}
    assert len(rows) == 7 * len(MODELS) * 2  # the last metric speaks of two scores
    bounded = 0
    for metric in metrics:
        for name, tables in list_tables(metric, *arrange_task(audit, "toy")):
            usable = {label: find_usable(metric, table) for label, table in tables.items()}
            for label, attribute in ((label, attribute) for label in MODELS for attribute in ("age", "race")):
                row, own = rows[name, label, attribute], tables[label].take(usable[label])
                expected = measure_plainly(metric.function, [own], attribute)
                assert are_close((row.estimate, row.low, row.high), expected)
                member = own.groups[attribute]
                assert row.group_n == {g: member[:, k].sum() for k, g in enumerate(own.names[attribute])}
                assert (row.n, row.clusters) == (
                    member.any(axis=1).sum(),
                    len(np.unique(own.cluster[member.any(axis=1)])),
                )
                assert [one.reference for one in row.comparisons] == REFERENCES[label]
                for one in row.comparisons:
                    common = usable[label] & usable[one.reference]
                    pair = [tables[each].take(common) for each in (label, one.reference)]
                    expected = measure_plainly(metric.function, pair, attribute)
                    assert are_close((one.difference, one.low, one.high), expected)
                    assert one.documents == common.sum()
                    bounded += one.low is not None
    assert bounded > 50


def test_tables_and_pairs_asked_together_are_those_asked_alone() -> None:
    """With groups that only some tables have, in another order, and a pair asked twice."""
    audit = make_audit(even=False)
    _, _, built = arrange_task(audit, "toy")
    tables = [built[model].take(~np.isnan(built[model].y)) for model in ("base", "full", "lora-2")]
    tables.append(tables[0].take(np.logical_not(tables[0].groups["age"].any(axis=1))))
    (metric,) = (one.function for one in select_metrics() if one.name == "equalized_odds_difference")
    each = describe_all(metric, [tables[3], *tables[:3]], FEW)
    assert [list(found) for found in each] == [["race"], ["age", "race"], ["age", "race"], ["age", "race"]]
    assert each == [describe(metric, table, FEW) for table in [tables[3], *tables[:3]]]
    pairs = [(tables[2], tables[0]), (tables[1], tables[0]), (tables[2], tables[0]), (tables[3], tables[3])]
    found = compare_all(metric, pairs, "race", FEW)
    assert found == [compare_described(metric, *pair, "race", FEW) for pair in pairs]
    assert found[0] == found[2] != found[1]
    assert describe_all(metric, [], FEW) == []
    assert compare_all(metric, [], "race", FEW) == []


@pytest.mark.parametrize("size", [1, 50, 3_000, 500_001])
def test_whole_numbers_in_single_precision_are_exact(size: int) -> None:
    """Numbers whose sums it holds, and larger ones."""
    rng = np.random.default_rng(4)
    cluster, member = np.repeat(np.arange(60), 5), rng.random((300, 2)) < 0.5
    y = (rng.integers(0, 3, 300) * size).astype(np.float64)
    table = Table(y, cluster, {"g": member}, {"g": ("p", "q")})
    found = np.array(bound_levels([y], table, "g", FEW))
    assert found.shape == (1, 2, 2)
    np.testing.assert_allclose(found, bound_plainly([y], table, "g", FEW), rtol=1e-9)


def test_bounds_of_many_sets_are_those_of_each() -> None:
    """More sets than are made together, over two sets of documents."""
    rng = np.random.default_rng(5)
    cluster, member = np.repeat(np.arange(50), 4), np.tile(np.eye(4, dtype=bool), (50, 1))
    table = Table(np.zeros(200), cluster, {"g": member}, {"g": tuple("pqrs")})
    sets = [[(rng.random(200) < 0.3).astype(np.float64) for _ in range(2)] for _ in range(40)]
    for k in range(0, 40, 3):
        sets[k][1] = np.where(np.arange(200) < 20, np.nan, sets[k][1])
    found = bound_all(sets, [table] * 40, "g", FEW, apart=True)
    for one, made in zip(sets, found, strict=True):
        np.testing.assert_allclose(np.array(made), bound_plainly(one, table, "g", FEW), rtol=1e-9, atol=1e-12)
    assert bound_all(sets, [table] * 40, "other", FEW) == [None] * 40
    assert bound_all(sets[:1], [table], "g", FEW, apart=True)[0] is found[0]
