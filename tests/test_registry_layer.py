"""A user's own registry file: where it is looked for, what it adds and replaces, what it leaves alone."""

import importlib.metadata
import os
import runpy
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner
from lorafair.cli.main import cli

from lorafair.data.dataset import resolve
from lorafair.environment import check_registry
from lorafair.errors import LorafairError
from lorafair.isolation import close_plugins
from lorafair.metric import load_metric
from lorafair.model import pull_model
from lorafair.registry import build_registry, load_registry, load_target, read_field
from lorafair.registry_file import LOCAL
from lorafair.registry_layer import find_local_file
from lorafair.rescoring import score_results
from lorafair.scores import read_direction
from lorafair.scoring import identify_scorer, score_texts
from lorafair.task import find_task_folders, load_tasks

ROOT = Path(__file__).resolve().parents[1]
write_samples = runpy.run_path(str(ROOT / "tests" / "test_scoring.py"))["write_samples"]
LOCAL_TEXT = """\
schema: 1
scorers:
  shouting: {target: "my_own_scorer:score_capitals", description: share of capitals}
"""
SCORER = """\
def score_capitals(texts):
    return [sum(map(str.isupper, text)) / len(text) for text in texts]
score_capitals.higher_is_better = False
score_capitals.version = "{version}"
"""
TASK = """\
task: own_task
custom_dataset: !function hooks.load
output_type: generate_until
test_split: test
doc_to_text: "{{text}}"
doc_to_target: ""
generation_kwargs: {max_gen_toks: 4, until: ["."]}
"""
HOOKS = """\
def load(**_):
    from datasets import Dataset
    return {"test": Dataset.from_list([{"text": "The neighbour is", "groups": {"g": ["x"]}}])}
"""


@pytest.fixture
def project(tmp_path, monkeypatch) -> Path:
    """A working folder with a registry of its own, a scorer and a task."""
    (tmp_path / "registry.yaml").write_text(LOCAL_TEXT, encoding="utf-8")
    (tmp_path / "my_own_scorer.py").write_text(SCORER.replace("{version}", "1"), encoding="utf-8")
    (tmp_path / "tasks").mkdir()
    (tmp_path / "tasks" / "own.yaml").write_text(TASK, encoding="utf-8")
    (tmp_path / "tasks" / "hooks.py").write_text(HOOKS, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.delitem(sys.modules, "my_own_scorer", raising=False)
    monkeypatch.delenv("LORAFAIR_REGISTRY", raising=False)
    yield tmp_path
    sys.modules.pop("my_own_scorer", None)


def declare(project: Path, text: str) -> None:
    (project / "registry.yaml").write_text(text, encoding="utf-8")


def make_point(tmp_path: Path, name: str, value: str, group: str = "lorafair.scorers", dist: str = "acme-fair"):
    """An entry point as an installed distribution has it."""
    info = tmp_path / f"{dist.replace('-', '_')}-2.0.dist-info"
    info.mkdir(exist_ok=True)
    (info / "METADATA").write_text(f"Name: {dist}\nVersion: 2.0\nSummary: from {dist}\n", encoding="utf-8")
    (info / "entry_points.txt").write_text(f"[{group}]\n{name} = {value}\n", encoding="utf-8")
    (point,) = importlib.metadata.PathDistribution(info).entry_points
    return point


def test_scorer_of_the_working_folder_scores_without_packaging(project):
    entry = load_registry().get("scorer", "shouting")
    assert (entry.origin, entry.line) == (LOCAL, 3)
    assert str(project) not in sys.path  # not before its code is asked for
    assert score_texts("shouting", ["AbCd", ""]) == [0.5, 0.0]  # blank: lower is better, told by the function
    assert load_target(entry)(["AB"]) == [1.0]
    assert sys.path[-1] == str(project)
    assert sys.path.index(str(project)) == len(sys.path) - 1
    assert identify_scorer("shouting", {})["scorer_version"] == "1"


def test_reading_runs_no_code_of_the_working_folder(project):
    (project / "my_own_scorer.py").write_text("raise SystemExit('it ran')\n", encoding="utf-8")
    done = CliRunner().invoke(cli, ["plugins", "list", "--origin", LOCAL])
    assert done.exit_code == 0
    assert "shouting" in done.output
    assert "my_own_scorer" not in sys.modules
    with pytest.raises(LorafairError, match="SystemExit: it ran.*then in") as caught:
        load_target(load_registry().get("scorer", "shouting"))
    assert str(project / "registry.yaml") in str(caught.value)


def test_variable_names_file_or_folder_or_nothing_at_all(project, tmp_path_factory, monkeypatch):
    monkeypatch.chdir(tmp_path_factory.mktemp("elsewhere"))
    assert "shouting" not in load_registry().names("scorer")
    for given in (project, project / "registry.yaml"):
        monkeypatch.setenv("LORAFAIR_REGISTRY", str(given))
        assert score_texts("shouting", ["AB"]) == [1.0]
    monkeypatch.chdir(project)
    monkeypatch.setenv("LORAFAIR_REGISTRY", "")
    assert "shouting" not in load_registry().names("scorer")
    monkeypatch.setenv("LORAFAIR_REGISTRY", str(project / "gone.yaml"))
    with pytest.raises(LorafairError, match=r"LORAFAIR_REGISTRY names .*gone.yaml, which is no file"):
        load_registry()


def test_changed_file_is_read_again(project):
    assert "shouting" in load_registry().names("scorer")
    declare(project, LOCAL_TEXT.replace("shouting", "whispering"))
    assert "whispering" in load_registry().names("scorer")


@pytest.mark.parametrize("folder", [ROOT, ROOT / "lorafair"])
def test_clone_of_the_project_is_not_read_twice(folder, monkeypatch):
    monkeypatch.delenv("LORAFAIR_REGISTRY", raising=False)
    monkeypatch.chdir(folder)
    assert find_local_file()[0] is None
    monkeypatch.setenv("LORAFAIR_REGISTRY", str(ROOT / "registry.yaml"))
    assert find_local_file()[0] is None


def test_another_clone_than_the_one_that_runs_is_left_alone_too(project):
    declare(project, (ROOT / "registry.yaml").read_text(encoding="utf-8"))
    (project / "lorafair").mkdir()
    (project / "lorafair" / "registry.yaml").symlink_to("../registry.yaml")
    assert find_local_file()[0] is None
    (project / "lorafair" / "registry.yaml").unlink()
    with pytest.raises(LorafairError, match="scorer 'hurtlex' is there already, from lorafair"):
        load_registry()


@pytest.mark.parametrize(
    "text",
    [
        "services:\n  web: {image: x}\n",
        "schema: v2\nservices: {}\n",
        "models:\n  - name: other\n",
        "[1, 2",
        "\x00\x01",
    ],
)
def test_registry_of_another_program_is_left_alone_and_told_of_when_a_name_is_missing(project, text):
    declare(project, text)
    registry = load_registry()
    assert "lora" in registry.names("method")
    with pytest.raises(LorafairError, match=r"no scorer named 'shouting'.*registry.yaml is not read"):
        registry.get("scorer", "shouting")
    assert "is not read: it has no line `schema: 1`" in CliRunner().invoke(cli, ["plugins", "list"]).stderr


def test_bytes_that_are_no_text_are_left_alone_unless_asked_for(project, monkeypatch):
    (project / "registry.yaml").write_bytes(b"schema: \xff\nscorers:\n")
    assert "lora" in load_registry().names("method")
    monkeypatch.setenv("LORAFAIR_REGISTRY", str(project))
    with pytest.raises(LorafairError, match="cannot be read"):
        load_registry()


def test_file_that_is_asked_for_is_held_to_the_format(project, monkeypatch):
    declare(project, "services: {}\n")
    monkeypatch.setenv("LORAFAIR_REGISTRY", str(project))
    with pytest.raises(LorafairError, match="unknown section 'services'"):
        load_registry()


def test_faults_of_all_layers_come_at_once(project, tmp_path):
    local = (
        "schema: 1\n"
        "scorers:\n"
        "  lora: {target: 'a:b', description: x, higher_is_beter: true}\n"
        "  ../up: {target: 'a:b', description: x}\n"
        "  tagged: !python/object:os.system {target: 'a:b'}\n"
        "tasks:\n"
        "  up: {target: ../tasks, description: x}\n"
        "  root: {target: /tasks, description: x}\n"
        "? [a, b]\n: c\n"
    )
    point = make_point(tmp_path, "s", "no target")
    with pytest.raises(LorafairError) as caught:
        build_registry("schema: 1\nscorers: {s: {target: 'a:b'}}\n", "builtin.yaml", [point], (local, "own.yaml"))
    for expected in (
        "builtin.yaml:2: scorer 's': no description",
        "entry points of acme-fair: scorer 's': target 'no target'",
        "own.yaml:3: scorer 'lora': unknown key 'higher_is_beter'",
        "own.yaml:4: scorer '../up': a name consists of",
        "own.yaml:5: could not determine a constructor for the tag",
        "own.yaml:7: task 'up': target '../tasks' is not of the form",
        "own.yaml:8: task 'root': target '/tasks' is not of the form",
        "own.yaml:9: unknown section",
    ):
        assert expected in str(caught.value), str(caught.value)


def test_aliases_that_bite_their_tail_end():
    text = "schema: 1\nscorers: &a\n  s: &b {target: 'a:b', description: x, datasets: *b}\nmetrics: *a\n"
    with pytest.raises(LorafairError, match="datasets"):
        build_registry(text, "reg.yaml", ())


BUILT_IN = "schema: 1\nscorers:\n  s: {target: 'a:b', description: x}\n"


def own(name: str, more: str = "") -> tuple[str, str]:
    return f"schema: 1\nscorers:\n  {name}: {{target: 'mine:s', description: mine{more}}}\n", "/own/registry.yaml"


def test_replacing_a_built_in_takes_an_explicit_word():
    with pytest.raises(LorafairError, match=r"own/registry.yaml:3: scorer 's' is there already.*`replace: true`"):
        build_registry(BUILT_IN, "b.yaml", (), own("s"))
    entry = build_registry(BUILT_IN, "b.yaml", (), own("s", ", replace: true")).get("scorer", "s")
    assert (entry.target, entry.origin) == ("mine:s", LOCAL)


def test_replacing_what_is_not_there_is_a_fault_with_a_suggestion():
    with pytest.raises(LorafairError, match="scorer 'hurtlx' replaces nothing.*Did you mean 'hurtlex'"):
        build_registry(BUILT_IN.replace(" s:", " hurtlex:"), "b.yaml", (), own("hurtlx", ", replace: true"))


def test_built_in_file_and_entry_points_cannot_replace():
    with pytest.raises(LorafairError, match="unknown key 'replace'"):
        build_registry(BUILT_IN.replace("description", "replace: true, description"), "b.yaml", ())


def test_user_decides_between_two_distributions_that_claim_a_name(tmp_path):
    points = [make_point(tmp_path, "same", f"{dist}:s", dist=f"acme-{dist}") for dist in ("one", "two")]
    with pytest.raises(LorafairError, match=r"claimed by acme-one .*and by acme-two .*`replace: true`"):
        build_registry(BUILT_IN, "b.yaml", points)
    entry = build_registry(BUILT_IN, "b.yaml", points, own("same", ", replace: true")).get("scorer", "same")
    assert entry.target == "mine:s"


def test_fields_stand_in_the_registry_or_on_the_function(project, tmp_path):
    point = make_point(tmp_path, "points", "my_own_scorer:score_capitals")
    sys.path.append(str(project))
    built = build_registry(BUILT_IN, "b.yaml", [point], own("declared", ", higher_is_better: true"))
    entry = built.get("scorer", "points")
    assert read_field(entry, "higher_is_better") is False
    assert read_field(entry, "lexicon", "none") == "none"
    assert read_field(built.get("scorer", "declared"), "higher_is_better") is True  # its target is not even there
    load_target(entry).higher_is_better = "no"
    with pytest.raises(LorafairError, match="attribute `higher_is_better` is a bool, not 'no'"):
        read_field(entry, "higher_is_better")


def test_module_that_an_installed_one_hides_is_told(project):
    declare(project, LOCAL_TEXT.replace("my_own_scorer", "json"))
    (project / "json.py").write_text(SCORER, encoding="utf-8")
    with pytest.raises(LorafairError, match=r"json.py is hidden by another module that is called 'json'"):
        load_target(load_registry().get("scorer", "shouting"))


def test_task_of_a_folder_beside_the_registry_is_found_and_built(project):
    declare(project, "schema: 1\ntasks:\n  own_task: {target: ./tasks, description: mine}\n")
    assert find_task_folders(["own_task"])[-1] == project / "tasks"
    task = load_tasks(["own_task"], {})["tasks"]["own_task"]
    assert [doc["groups"] for doc in task.eval_docs] == [{"g": ["x"]}]


def test_own_task_takes_the_place_of_a_built_in_whose_folder_is_still_searched(project):
    declare(
        project,
        "schema: 1\ntasks:\n  lorafair_honest: {target: ./tasks, description: mine, replace: true}\n",
    )
    (project / "tasks" / "own.yaml").write_text(TASK.replace("own_task", "lorafair_honest"), encoding="utf-8")
    task = load_tasks(["lorafair_honest"], {})["tasks"]["lorafair_honest"]
    assert type(task).__name__ == "ConfigurableTask"


def test_a_link_out_of_the_folder_is_not_followed(project, tmp_path_factory):
    outside = tmp_path_factory.mktemp("outside")
    (project / "out").symlink_to(outside)
    declare(project, "schema: 1\ntasks:\n  own_task: {target: ./out, description: mine}\n")
    assert outside not in find_task_folders([])


def test_a_stranger_program_starts_in_a_folder_with_a_broken_registry(project):
    """The message is one, names file and line, and there is no traceback."""
    declare(project, LOCAL_TEXT + "metrics: {m: {target: x}}\n")
    done = subprocess.run(
        [sys.executable, "-m", "lorafair", "plugins", "list"], capture_output=True, encoding="utf-8", env=os.environ
    )
    assert done.returncode == 2
    assert "registry.yaml:4: metric 'm': no description" in done.stderr
    assert "Traceback" not in done.stderr


def test_data_set_of_the_working_folder_lies_beside_the_registry(project, monkeypatch):
    monkeypatch.setenv("LORAFAIR_DATA", str(project / "elsewhere"))
    declare(
        project,
        "schema: 1\ndatasets:\n  mine:\n    description: x\n    licence: MIT\n    files:\n"
        "      pairs: {path: data/pairs.tsv, rows: 1, columns: [a, b]}\n",
    )
    with pytest.raises(LorafairError, match=rf"data/pairs.tsv is not in {project}.*\n.*registry.yaml:3"):
        resolve("mine")
    (project / "data").mkdir()
    (project / "data" / "pairs.tsv").write_text("a\tb\n1\t2\n", encoding="utf-8")
    found = resolve("mine")
    assert found.rows("pairs") == [{"a": "1", "b": "2"}]
    assert str(project) not in str(found.provenance())
    declare(project, "schema: 1\ndatasets:\n  mine: {description: x, files: {p: {path: ../up.tsv}}}\n")
    with pytest.raises(LorafairError, match="`path:` is below the folder of the data"):
        resolve("mine")


def test_model_that_says_too_little_to_be_pulled(project):
    declare(project, "schema: 1\nmodels:\n  mine: {description: x, file: a.gguf}\n")
    with pytest.raises(LorafairError, match="registry.yaml:3 gives no `licence:`, `target:`"):
        pull_model("mine", project, print)
    declare(project, "schema: 1\nmodels:\n  mine: {description: x, distribution: d, file: a.gguf}\n")
    with pytest.raises(LorafairError, match="registry.yaml:3 gives no .*`version:`.*`target:`"):
        pull_model("mine", project, print)


def test_doctor_says_what_does_not_come_from_lorafair(project):
    assert [finding.text for finding in check_registry()][0].endswith("registry.yaml: scorer shouting")


def test_score_of_a_plugin_has_the_direction_that_the_plugin_says(project):
    more = "def praise(texts): ...\npraise.higher_is_better = True\ndef silent(texts): ...\n"
    with (project / "my_own_scorer.py").open("a", encoding="utf-8") as file:
        file.write(more)
    names = ("praise", "silent")
    more = "".join(f"  {name}: {{target: 'my_own_scorer:{name}', description: x}}\n" for name in names)
    declare(project, LOCAL_TEXT + more + "  gone: {target: 'acme_gone:x', description: x}\n")
    write_samples(project / "r", "task", [[["aB"]]])
    (folder,) = (path.parent for path in (project / "r").rglob("samples_*.jsonl"))
    with (project / "my_own_scorer.py").open("a", encoding="utf-8") as file:
        file.write("praise.__code__ = silent.__code__ = score_capitals.__code__\n")
    score_results(project / "r", ["shouting", *names])
    (project / "my_own_scorer.py").write_text("raise SystemExit('a leaderboard ran it')\n", encoding="utf-8")
    close_plugins()
    asked = ("shouting", *names, "gone", "of-a-log-from-elsewhere")
    directions = {name: read_direction(name, folder) for name in asked}
    assert read_direction("praise", project) is None  # nothing was scored there, and its code is not asked
    assert directions == {
        "shouting": False,
        "praise": True,
        "silent": None,
        "gone": None,
        "of-a-log-from-elsewhere": False,
    }


def test_marks_of_a_metric_may_stand_in_the_registry(project):
    code = "def total(table, weights):\n    return {'overall': weights @ table.y}\n"
    (project / "my_own_scorer.py").write_text(code, encoding="utf-8")
    declare(
        project,
        "schema: 1\nmetrics:\n  total: {target: 'my_own_scorer:total', description: x, row_additive: true}\n"
        "  plain: {target: 'my_own_scorer:total', description: x}\n",
    )
    assert load_metric("total").row_additive is True
    assert not hasattr(load_metric("plain"), "row_additive")
