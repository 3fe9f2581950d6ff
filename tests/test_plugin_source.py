"""Stored work is keyed by all of a plugin's code: the modules beside it count, what other programs lie there do not."""

import hashlib
import sys
from pathlib import Path

import pytest

from lorafair.data.pairs import Pairs
from lorafair.engines.contract import EngineSettings
from lorafair.isolation import close_plugins
from lorafair.metric import identify_metric
from lorafair.plan import Plan, plan_runs
from lorafair.plugin_source import hash_sources, list_sources
from lorafair.probing import identify_probe
from lorafair.registry import Entry, load_registry
from lorafair.routing import identify_engine
from lorafair.scoring import identify_scorer
from lorafair.training import describe_inputs

REGISTRY = """\
schema: 1
scorers: {mine: {target: "src_mine:score", description: x}}
metrics: {mine: {target: "src_mine:measure", description: x}}
probes: {mine: {target: "src_mine:ask", description: x}}
methods: {mine: {target: "src_mine:method", description: x}}
trainers: {mine: {target: "src_mine:train", description: x}}
engines: {mine: {target: "src_engine:Mine", description: x}}
"""
MINE = """\
def score(texts):
    from src_words import WORDS
    return [float(text in WORDS) for text in texts]
def identify(): return {"source_sha256": "always the same"}
def measure(table, weights): ...
def ask(engine, checkpoint, documents): ...
def method(): ...
def train(base, data, method, out): ...
"""
ENGINE = "import src_words\nfrom lorafair.engines.hf import HfEngine\nclass Mine(HfEngine): ...\n"
SETTINGS = EngineSettings(dtype="float32", device="cpu", batch_size="1", seed=0)


@pytest.fixture
def folder(tmp_path, monkeypatch) -> Path:
    files = {"registry.yaml": REGISTRY, "src_mine.py": MINE, "src_engine.py": ENGINE, "src_words.py": "WORDS = ['a']\n"}
    for name, text in files.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    yield tmp_path
    close_plugins()
    for name in files:
        sys.modules.pop(name.removesuffix(".py"), None)


def identify_all() -> dict[str, object]:
    plan = Plan(base="b", out=Path("o"), methods=("mine",), trainer="mine", data="d")
    (run,) = plan_runs(plan)

    class Known:
        hash = "h"

    data = Pairs.__new__(Pairs)
    object.__setattr__(data, "provenance", {"sha256": "d"})
    return {
        "scorer": identify_scorer("mine", {}),
        "metric": identify_metric("mine"),
        "probe": identify_probe(load_registry().get("probe", "mine"), {}),
        "engine": identify_engine("mine", SETTINGS),
        "training": describe_inputs(run, Known(), data),
    }


def test_changed_module_beside_a_plugin_changes_every_identity(folder):
    before = identify_all()
    (folder / "other.py").write_text("a script of the user's\n", encoding="utf-8")
    assert identify_all() == before
    (folder / "src_words.py").write_text("WORDS = ['b']\n", encoding="utf-8")
    after = identify_all()
    assert [kind for kind in before if before[kind] == after[kind]] == []
    assert before["training"]["method_source"] != after["training"]["method_source"]
    assert before["training"]["trainer_source"] != after["training"]["trainer_source"]


def test_engine_that_inherits_our_identity_is_not_ours(folder):
    ours, theirs = identify_engine("hf", SETTINGS), identify_engine("mine", SETTINGS)
    assert {key: theirs[key] for key in ours} == ours
    assert theirs["plugin"]["target"] == "src_engine:Mine"
    assert "plugin" not in ours


def test_sources_of_a_distribution_are_its_package_and_of_a_built_in_its_file(tmp_path, monkeypatch):
    package = tmp_path / "src_acme" / "deep"
    package.mkdir(parents=True)
    for name in ("src_acme/__init__.py", "src_acme/deep/__init__.py", "src_acme/words.py", "src_acme/deep/score.py"):
        (tmp_path / name).write_text("raise SystemExit('it ran')\n", encoding="utf-8")
    (tmp_path / "src_space" / "part").mkdir(parents=True)
    (tmp_path / "src_space" / "part" / "__init__.py").write_text("", encoding="utf-8")
    (tmp_path / "src_space" / "another.py").write_text("", encoding="utf-8")
    monkeypatch.syspath_prepend(str(tmp_path))

    def entry(target: str) -> Entry:
        return Entry("scorer", "s", target, "x", {}, "acme", "1", "entry points of acme", 0)

    assert set(list_sources(entry("src_acme.deep.score:f"))) == {
        "__init__.py",
        "words.py",
        "deep/__init__.py",
        "deep/score.py",
    }
    assert set(list_sources(entry("src_space.part:f"))) == {"__init__.py"}
    assert hash_sources(entry("src_absent:f")) is None
    file = Path(__file__).resolve().parents[1] / "plugins" / "metrics" / "rate.py"
    built_in = load_registry().get("metric", "rate")
    assert hash_sources(built_in) == hashlib.sha256(file.read_bytes()).hexdigest()
