"""The whole suite on the real model: every task whose data is here runs, and no row of its table is empty."""

from __future__ import annotations

import json
import math
import os
import time
from pathlib import Path

import pytest

from lorafair import __version__
from lorafair.data.dataset import locate
from lorafair.evaluation import EvaluationPlan, evaluate
from lorafair.leaderboard.row import build_rows
from lorafair.registry import load_registry
from lorafair.samples import read_audit

pytestmark = [pytest.mark.soak, pytest.mark.timeout(4 * 3600)]
LIMIT = 50
RECORD = os.environ.get("LORAFAIR_RECORD")


def find_tasks() -> tuple[list[str], list[str]]:
    """Our tasks whose data is on this machine, and those whose is not."""
    registry = load_registry()
    here, absent = [], []
    for task in (entry for entry in registry.entries("task") if entry.origin == "lorafair"):
        if task.target == "lorafair_tasks.utkface":  # pictures: no model of texts answers them
            continue
        places = {locate(registry.get("dataset", str(name)))[0] for name in task.fields.get("datasets") or ()}
        (absent if places & {"absent", "hub"} else here).append(task.name)
    return here, absent


def test_every_task_of_the_suite_fills_every_row(real_base, tmp_path):
    here, absent = find_tasks()
    assert "lorafair_honest_sample" in here
    start = time.monotonic()
    outcome = evaluate(EvaluationPlan(str(real_base), (), tuple(here), tmp_path, limit=LIMIT), print)
    seconds = time.monotonic() - start
    assert outcome.failed == {}
    assert outcome.broken == {}
    found = build_rows(read_audit([tmp_path]))
    assert found.failed == []
    rows = {task: [row for row in found.rows if row.task == task] for task in here}
    assert [task for task, mine in rows.items() if not mine] == []
    empty = [
        f"{row.task}/{row.metric} {row.attribute}={row.group}"
        for row in found.rows
        if row.kind != "gap" and row.n > 0 and (row.estimate is None or not math.isfinite(row.estimate))
    ]
    assert empty == []
    # A rate that has no denominator among 50 documents has n = 0; each task has a number all the same, by group too.
    assert [t for t, mine in rows.items() if not any(r.kind == "overall" and r.n > 0 for r in mine)] == []
    assert [t for t, mine in rows.items() if not any(r.kind == "group" and r.n > 0 for r in mine)] == []
    if RECORD:
        told = {
            "lorafair": __version__,
            "model": real_base.name,
            "limit": LIMIT,
            "seconds": round(seconds),
            "requests": outcome.asked,
            "left_out": absent,
            "tasks": {
                task: {
                    "documents": max(row.n for row in mine),
                    "rows": len(mine),
                    "metrics": sorted({row.metric for row in mine if row.kind == "overall"}),
                    "groups": sorted({f"{row.attribute}={row.group}" for row in mine if row.kind == "group"}),
                }
                for task, mine in rows.items()
            },
        }
        Path(RECORD).write_text(json.dumps(told, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
