"""A base without a head: not asked, compared with nothing in tasks, and in probes as any other model."""

from __future__ import annotations

from lorafair.identity import Model
from lorafair.leaderboard.column import find_references
from lorafair.leaderboard.headless import NO_HEAD, add_headless, mark_headless
from lorafair.leaderboard.model_field import describe_model, describe_nothing
from lorafair.records import Row

RESULTS = [{"lorafair": {"head": {"base_answers": False}, "base_hash": "b8", "base": "tiny"}}]
BASE = Model("base", "base", "tiny", "b8", "b8")
FULL, LORA = Model("full", "full", "tiny", "b8", "f1"), Model("lora", "adapter", "tiny", "b8", "l1")


def _row(model: Model, task: str, metric: str, probe: str | None = None) -> Row:
    told = describe_model(model) | describe_nothing("") | {"failed": None, "n": 5, "clusters": 5, "probe": probe}
    told |= {"task_version": None, "sample_data": False, "metric_label": metric, "higher_is_better": True}
    return Row(task=task, metric=metric, **told)


def test_a_base_that_was_only_probed_is_headless() -> None:
    asked = [FULL, LORA]
    (alone,) = [one for one in mark_headless(RESULTS, asked, asked) if one.kind == "base"]
    assert (alone.label, alone.headless, alone.probed) == ("base", True, False)
    assert find_references(LORA, [alone, *asked], None) == ["full"]
    (probed,) = [one for one in mark_headless(RESULTS, asked, [BASE, *asked]) if one.kind == "base"]
    assert (probed.headless, probed.probed) == (True, True)
    assert find_references(LORA, [probed, *asked], None) == ["base", "full"]
    everyone = [BASE, *asked]
    assert mark_headless(RESULTS, everyone, everyone) == everyone


def test_it_has_empty_rows_of_tasks_and_its_own_of_probes() -> None:
    everyone = mark_headless(RESULTS, [FULL, LORA], [BASE, FULL, LORA])
    rows = [_row(one, "t", "accuracy") for one in (FULL, LORA)]
    rows += [_row(one, "probe:kl", "kl", "kl") for one in (FULL, LORA)] + [_row(everyone[0], "probe:p", "m", "p")]
    more = add_headless(everyone, rows)[: -len(rows)]
    assert [(row.model, row.task, row.metric, row.failed) for row in more] == [("base", "t", "accuracy", NO_HEAD)]
