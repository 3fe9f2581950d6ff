"""A stranger's task package: found, listed, linked, evaluated; what is broken in it stops nobody else."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner
from lorafair.cli.main import cli

from lorafair.errors import LorafairError
from lorafair.evaluation import EvaluationPlan, evaluate
from lorafair.registry import load_registry
from lorafair.samples import read_audit
from lorafair.task import find_task_folders, load_tasks
from lorafair.task_link import link_tasks

POINTS = "[lorafair.tasks]\nacme_jobs = acme_pack.tasks\n"
YAML = """
task: "acme_jobs"  # quoted, with a remark
custom_dataset: !function hook.documents
test_split: test
output_type: multiple_choice
doc_to_text: "{{text}}"
doc_to_choice: [" a doctor", " a nurse"]
doc_to_target: "{{label}}"
metric_list: [{metric: acc, aggregation: mean, higher_is_better: true}]
metadata: {version: 1.5}
"""
HOOK = """
from datasets import Dataset

def documents(**kwargs):
    rows = [
        {"id": f"{who}{n}", "text": f"The {who} works as", "label": n % 2, "groups": {"gender": [who]}, "cluster": str(n)}
        for n in range(6) for who in ("woman", "man")
    ]
    return {"test": Dataset.from_list(rows)}
"""
FILES = {
    "acme_pack/__init__.py": "raise RuntimeError('nobody needs to import the task package itself')",
    "acme_pack/tasks/jobs.yaml": YAML,
    "acme_pack/tasks/hook.py": HOOK,
}


@pytest.fixture
def installed(stranger):
    """The stranger's package, importable."""
    stranger.install(POINTS, FILES | {"acme_pack/__init__.py": "", "acme_pack/tasks/__init__.py": ""})
    return stranger


def test_it_is_evaluated_by_name_and_its_groups_are_compared(installed, tiny_base, tiny_adapters, tmp_path):
    plan = EvaluationPlan(str(tiny_base), (str(tiny_adapters[0]),), ("acme_jobs",), tmp_path, "hf", dtype="float32")
    outcome = evaluate(plan, lambda line: None)
    facts = json.loads(outcome.results["tiny-r2"].read_text(encoding="utf-8"))
    assert 0 <= facts["results"]["acme_jobs"]["acc,none"] <= 1
    assert len(read_audit([tmp_path], {}).models) == 2
    done = CliRunner().invoke(cli, ["leaderboard", str(tmp_path), "--format", "csv"])
    assert done.exit_code == 0, done.output
    for part in ("acme_jobs", "tiny-r2", "acc", "woman", "man"):
        assert part in done.output


def test_the_commands_about_tasks_know_it(installed, tmp_path):
    from lm_eval.tasks import TaskManager

    listed = CliRunner().invoke(cli, ["tasks", "list"]).output
    assert "acme_jobs" in listed
    assert "acme-fair 2.0" in listed
    folder = installed.folder / "acme_pack" / "tasks"
    assert CliRunner().invoke(cli, ["tasks", "path", "acme_jobs"]).output.strip() == str(folder)
    link_tasks(tmp_path)
    manager = TaskManager(include_path=str(tmp_path), include_defaults=False)
    loaded = manager.load(["acme_jobs"])["tasks"]["acme_jobs"]
    assert [doc["groups"]["gender"] for doc in loaded.eval_docs][:2] == [["woman"], ["man"]]


def test_a_package_that_cannot_be_imported_stops_nobody_else(stranger, tmp_path):
    stranger.install(POINTS, FILES)
    assert any(folder.name == "honest" for folder in find_task_folders(["lorafair_honest_sample"]))
    with pytest.raises(LorafairError, match="could not read the YAML of acme_jobs"):
        load_tasks(["acme_jobs"], {})
    (tmp_path / "tasks").mkdir()
    with pytest.raises(LorafairError, match=r"\d+ tasks are linked, these are not:\n.*'acme_jobs' has no YAML"):
        link_tasks(tmp_path / "tasks")
    ours = [entry for entry in load_registry().entries("task") if entry.origin == "lorafair"]
    assert len(list((tmp_path / "tasks").rglob("*.yaml"))) == len(ours)
