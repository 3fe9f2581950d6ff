"""The registry: every fault told at once, nothing imported, third parties through entry points."""

import importlib.metadata
import subprocess
import sys
from pathlib import Path

import pytest

from lorafair.errors import LorafairError
from lorafair.registry import build_registry, load_registry, load_target
from lorafair.registry_file import Entry
from lorafair.registry_point import find_entry_points

GOOD = """\
schema: 1
tasks:
  t: {target: pack.tasks, description: a task, datasets: [d]}
datasets:
  d: {description: rows}
scorers:
  s: {target: "pack.scorers:score", description: a scorer, higher_is_better: false}
"""


def install_fake(folder: Path, name: str, points: str, version: str = "2.0") -> None:
    """A distribution's metadata, as pip would leave them in ``folder``."""
    info = folder / f"{name.replace('-', '_')}-{version}.dist-info"
    info.mkdir()
    metadata = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\nSummary: from {name}\n"
    (info / "METADATA").write_text(metadata, encoding="utf-8")
    (info / "entry_points.txt").write_text(points, encoding="utf-8")


def faults_of(text: str, points: tuple = ()) -> str:
    with pytest.raises(LorafairError) as caught:
        build_registry(text, "reg.yaml", points)
    return str(caught.value)


def test_built_in_registry_reads_and_every_kind_can_be_asked_for():
    registry = load_registry()
    assert {"lora", "full"} <= set(registry.names("method"))
    assert registry.names("probe") == [] or registry.entries("probe")
    entry = registry.get("model", "smollm2-135m")
    assert entry.origin == "lorafair"
    assert Path(entry.file).read_text(encoding="utf-8").splitlines()[entry.line - 1].strip() == "smollm2-135m:"


def test_entries_carry_fields_and_line():
    registry = build_registry(GOOD, "reg.yaml", ())
    entry = registry.get("scorer", "s")
    assert (entry.target, entry.fields, entry.line) == ("pack.scorers:score", {"higher_is_better": False}, 7)
    assert registry.get("dataset", "d").target is None


def test_all_faults_come_in_one_message_with_file_and_line():
    message = faults_of(
        """\
schema: 3
scorrers: {}
tasks:
  t: {target: "a:b", description: x, datasets: [dd]}
  u: {target: pack, description: x, higher_is_beter: true}
  u: {target: pack, description: x}
datasets:
  d: {description: rows, rows: 3, rows: 4}
scorers:
  s: {target: pack.module, description: x, higher_is_better: maybe}
  v: {target: "p:q"}
  w: {description: x}
  x: nothing
metrics: [rate]
"""
    )
    for expected in (
        "reg.yaml:1: schema is 3",
        "reg.yaml:2: unknown section 'scorrers'. Did you mean 'scorers'",
        "reg.yaml:4: task 't': target 'a:b' is not of the form a package",
        "reg.yaml:5: task 'u': unknown key 'higher_is_beter'. Did you mean 'higher_is_better'",
        "reg.yaml:6: 'u' is given twice",
        "reg.yaml:8: 'rows' is given twice",
        "reg.yaml:10: scorer 's': `higher_is_better:` is a bool, not 'maybe'",
        "reg.yaml:10: scorer 's': target 'pack.module' is not of the form module:attribute",
        "reg.yaml:11: scorer 'v': no description",
        "reg.yaml:12: scorer 'w': no target",
        "reg.yaml:13: scorer 'x' is a mapping",
        "reg.yaml:14: section 'metrics' is a mapping of names",
    ):
        assert expected in message, message


def test_data_set_that_nobody_declares():
    message = faults_of(GOOD.replace("datasets: [d]", "datasets: [honest, d]"))
    assert "task 't' names an unknown data set 'honest'" in message


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("../registry.yaml\n", "it holds only '../registry.yaml'"),
        ("", "no registry in it"),
        ("tasks: [\n", "reg.yaml:2: not readable as YAML"),
    ],
)
def test_file_that_is_no_registry_says_why(text, expected):
    assert expected in faults_of(text)


def test_unknown_names_and_kinds_get_suggestions():
    registry = build_registry(GOOD, "reg.yaml", ())
    with pytest.raises(LorafairError, match="no scorer named 'z'.*Known: s"):
        registry.get("scorer", "z")
    with pytest.raises(LorafairError, match="Did you mean 'scorer'"):
        registry.names("scorers")


def test_entry_points_of_others_join_and_nothing_is_imported(tmp_path, monkeypatch):
    install_fake(
        tmp_path, "acme-fair", "[lorafair.scorers]\nacme = acme_missing_module:score\n[console_scripts]\na = b:c\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    points = [point for point in find_entry_points() if point.dist.name == "acme-fair"]
    registry = build_registry(GOOD, "reg.yaml", points)
    entry = registry.get("scorer", "acme")
    assert (entry.origin, entry.version, entry.description) == ("acme-fair", "2.0", "from acme-fair")
    with pytest.raises(LorafairError) as caught:
        load_target(entry)
    for expected in ("scorer 'acme'", "acme_missing_module:score", "acme-fair 2.0", "ModuleNotFoundError"):
        assert expected in str(caught.value)
    assert isinstance(caught.value.__cause__, ModuleNotFoundError)


def test_two_distributions_that_claim_one_name(tmp_path, monkeypatch):
    install_fake(tmp_path, "acme-one", "[lorafair.scorers]\nsame = acme:score\ns = acme:score\n")
    install_fake(tmp_path, "acme-two", "[lorafair.scorers]\nsame = other:score\n[lorafair.scorer]\nx = a:b\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    points = [point for point in find_entry_points() if point.dist.name.startswith("acme-")]
    message = faults_of(GOOD, points)
    assert "scorer 'same' is claimed by acme-" in message
    assert "scorer 's' is claimed by lorafair (reg.yaml:7) and by acme-one" in message
    assert "entry points of acme-two: unknown group 'lorafair.scorer'. Did you mean 'lorafair.scorers'" in message


def test_badly_formed_entry_point():
    point = importlib.metadata.EntryPoint("x", "no target", "lorafair.scorers")
    assert "scorer 'x': target 'no target' is not of the form" in build_registry(GOOD, "reg.yaml", (point,)).note


def test_fault_of_another_distribution_stops_nothing_that_does_not_ask_for_it(tmp_path, monkeypatch):
    install_fake(tmp_path, "acme-new", "[lorafair.reports]\nx = a:b\n[lorafair.scorers]\nbad = no target\ngood = a:b\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    points = [point for point in find_entry_points() if point.dist.name == "acme-new"]
    registry = build_registry(GOOD, "reg.yaml", points)
    assert registry.names("scorer") == ["good", "s"]
    for expected in ("Left out: entry points of acme-new: unknown group 'lorafair.reports'", "scorer 'bad'"):
        assert expected in registry.note
    with pytest.raises(LorafairError, match="no scorer named 'bad'.*target 'no target' is not of the form"):
        registry.get("scorer", "bad")


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        ("json:nothing", "AttributeError"),
        ("lorafair.errors:LorafairError", None),
        ("acme_broken:x", "ValueError: boom"),
    ],
)
def test_targets_load_or_say_what_failed(target, expected, tmp_path, monkeypatch):
    (tmp_path / "acme_broken.py").write_text("raise ValueError('boom')\n", encoding="utf-8")
    monkeypatch.syspath_prepend(str(tmp_path))
    entry = Entry("scorer", "s", target, "x", {}, "acme", "1", "reg.yaml", 3)
    if expected is None:
        assert load_target(entry) is LorafairError
        return
    with pytest.raises(LorafairError, match=expected) as caught:
        load_target(entry)
    assert "reg.yaml:3" in str(caught.value)


def test_reading_imports_no_plugin_and_nothing_heavy():
    code = (
        "import sys, lorafair.registry as r; r.load_registry(); "
        "heavy = {'torch', 'pydantic', 'transformers', 'numpy', 'pandas', 'lm_eval'} & set(sys.modules); "
        "rooms = [m for m in sys.modules if m.startswith(('lorafair.plugins', 'lorafair.trainers', 'lorafair_tasks'))]; "
        "print(sorted(heavy), rooms)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, encoding="utf-8", check=True)
    assert done.stdout.strip() == "[] []"
