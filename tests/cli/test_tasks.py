"""`lorafair tasks`: listing without lm-eval, and the stubs inside it, written and taken away."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner
from lorafair.cli.main import cli

from lorafair import task_link
from lorafair.errors import LorafairError
from lorafair.registry import Entry, load_registry
from lorafair.task_link import FOLDER, MARKER, find_task_file, link_tasks, unlink_tasks


@pytest.fixture
def tasks(tmp_path):
    """The folder of tasks of an lm-eval that is not the installed one."""
    folder = tmp_path / "lm_eval" / "tasks"
    folder.mkdir(parents=True)
    (folder.parent / "__init__.py").touch()
    return folder


def test_list_and_path_import_neither_lm_eval_nor_torch_nor_pydantic():
    script = (
        "import sys\nfrom lorafair.cli.main import cli\n"
        "for words in (['tasks', 'list'], ['tasks', 'path'], ['tasks', '--help'], ['score', '--help']):\n"
        "    cli(words, standalone_mode=False)\n"
        "print([m for m in ('lm_eval', 'torch', 'pydantic', 'pandas', 'lorafair_tasks.honest') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, encoding="utf-8", check=True)
    assert done.stdout.rstrip().endswith("[]")
    assert "lorafair_honest_sample" in done.stdout
    assert "honest_binary_en" in done.stdout


def test_path_is_what_the_package_itself_prints():
    ours = CliRunner().invoke(cli, ["tasks", "path"]).output.strip()
    theirs = subprocess.run([sys.executable, "-m", "lorafair_tasks"], capture_output=True, encoding="utf-8", check=True)
    assert ours == theirs.stdout.strip()
    assert (Path(ours) / "honest" / "lorafair_honest.yaml").is_file()


def test_link_writes_once_and_unlink_takes_all_of_it_away(tasks):
    first = link_tasks(tasks)
    ours = {f"{entry.name}.yaml" for entry in load_registry().entries("task")}
    assert {"lorafair_honest.yaml", "lorafair_honest_sample.yaml"} <= ours
    assert {stub.name for stub, written in first if written} == ours
    assert [written for _, written in link_tasks(tasks)] == [False] * len(ours)
    assert len(unlink_tasks(tasks)) == len(ours)
    assert list(tasks.iterdir()) == []
    assert unlink_tasks(tasks) == []


def test_linking_again_mends_a_stub_that_points_elsewhere(tasks):
    (stub, _), *_ = link_tasks(tasks)
    stub.write_text(f"{MARKER}\ninclude: /gone.yaml\ntask: lorafair_honest\n", encoding="utf-8")
    assert (stub, True) in link_tasks(tasks)
    assert "/gone.yaml" not in stub.read_text(encoding="utf-8")


def test_files_of_others_are_neither_overwritten_nor_removed(tasks):
    mine = tasks / FOLDER / "mine.yaml"
    link_tasks(tasks)
    mine.write_text("task: mine\n", encoding="utf-8")
    unlink_tasks(tasks)
    assert [path.name for path in mine.parent.iterdir()] == ["mine.yaml"]
    mine.rename(mine.with_name("lorafair_honest.yaml"))
    with pytest.raises(LorafairError, match="did not write it.*--include_path"):
        link_tasks(tasks)


def test_lm_eval_finds_the_tasks_through_the_stubs_and_skips_those_whose_target_is_gone(tasks):
    from lm_eval.tasks import TaskManager

    link_tasks(tasks)
    (tasks / FOLDER / "orphan.yaml").write_text(f"{MARKER}\ninclude: /gone/task.yaml\ntask: orphan\n", encoding="utf-8")
    (tasks / "neighbour.yaml").write_text("task: neighbour\noutput_type: generate_until\n", encoding="utf-8")
    manager = TaskManager(include_path=str(tasks), include_defaults=False)
    assert {"lorafair_honest", "lorafair_honest_sample", "neighbour"} <= set(manager.all_tasks)
    assert "orphan" not in manager.all_tasks
    assert "lorafair_toxicity" in manager.all_tags
    loaded = manager.load(["lorafair_honest_sample"])["tasks"]["lorafair_honest_sample"]
    assert type(loaded).__name__ == "Honest"
    assert len(unlink_tasks(tasks)) == len(load_registry().entries("task")) + 1


@pytest.mark.parametrize("abandoned", [True, False])
def test_unlink_works_where_lm_eval_was_uninstalled_around_the_stubs(tasks, monkeypatch, abandoned):
    link_tasks(tasks)
    if abandoned:
        (tasks.parent / "__init__.py").unlink()
    monkeypatch.setattr(task_link, "find_package", lambda name: tasks.parent)
    assert len(unlink_tasks()) == len(load_registry().entries("task"))
    assert tasks.parent.exists() is not abandoned


def test_without_lm_eval_there_is_a_message_and_nothing_to_unlink(monkeypatch):
    monkeypatch.setattr(task_link, "find_package", lambda name: None)
    with pytest.raises(LorafairError, match="pip install lm-eval"):
        link_tasks()
    done = CliRunner().invoke(cli, ["tasks", "unlink"])
    assert (done.exit_code, done.output) == (0, "Nothing to do: there are no links.\n")


def test_a_task_without_yaml_is_named():
    entry = Entry("task", "gone", "lorafair_tasks.honest", "", {}, "acme", "2.0", "acme", 0)
    with pytest.raises(LorafairError, match=r"'gone' has no YAML.*Reinstall acme 2\.0"):
        find_task_file(entry)


def test_a_folder_that_cannot_be_written_is_named_with_the_way_around(tasks, monkeypatch):
    def refuse(*_, **__):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "write_text", refuse)
    with pytest.raises(LorafairError, match="cannot be written.*include_path"):
        link_tasks(tasks)
