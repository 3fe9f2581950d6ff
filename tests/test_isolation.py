"""Strangers' scorers and metrics that misbehave: each is told by name, and nobody else's numbers know of it."""

from __future__ import annotations

import io
import json
import os
import random
import runpy
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import psutil
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from lorafair.errors import LorafairError
from lorafair.isolation import PluginFailed, close_plugins, open_plugin
from lorafair.leaderboard.origin import write_provenance
from lorafair.leaderboard.row import build_rows
from lorafair.metric import identify_metric, load_metric
from lorafair.plugin_message import decode, encode
from lorafair.record_file import dump_record
from lorafair.registry import _read_registry, load_registry
from lorafair.rescoring import score_results
from lorafair.samples import read_audit
from lorafair.scoring import find_remarks, identify_scorer, score_texts
from lorafair.statistics.table import Table

HERE = Path(__file__).parent
write_distribution = runpy.run_path(str(HERE / "offender.py"))["write_distribution"]
write_model = runpy.run_path(str(HERE / "leaderboard" / "conftest.py"))["write_model"]
write_samples = runpy.run_path(str(HERE / "test_scoring.py"))["write_samples"]


@pytest.fixture
def acme(tmp_path, monkeypatch):
    """The offender's distribution, installed for one test; its folder."""
    folder = write_distribution(tmp_path / "site")
    monkeypatch.syspath_prepend(str(folder))
    _read_registry.cache_clear()
    yield folder
    close_plugins()
    _read_registry.cache_clear()


def read_world():
    return random.getstate(), np.random.get_state()[1].tobytes(), dict(os.environ), os.getcwd(), np.geterr()


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("acme_raises", "failed on 2 texts: ZeroDivisionError: division by zero (acme_offender.py:15)"),
        ("acme_short", "gave 1 scores for 2 texts"),
        ("acme_endless", "more scores than asked for 2 texts"),
        ("acme_words", "gave '0.5' where a number was expected"),
        ("acme_number", "gave 0.5 where a sequence of 2 numbers"),
        ("acme_leaves", "SystemExit"),
        ("acme_crashes", "was ended by SIGSEGV"),
        ("absent", "ModuleNotFoundError"),
    ],
)
def test_a_scorer_that_breaks_the_contract_is_told_by_name_and_distribution(acme, name, words):
    with pytest.raises(PluginFailed) as caught:
        score_texts(name, ["ab", "abc"])
    for expected in (words, f"scorer {name!r}", "acme-offender 1.0"):
        assert expected in str(caught.value)


@pytest.mark.parametrize("name", ["acme_hangs", "acme_hangs_in_c"])
def test_a_scorer_that_hangs_is_ended_at_the_limit_and_not_asked_again(acme, name, monkeypatch):
    monkeypatch.setenv("LORAFAIR_PLUGIN_TIMEOUT", "2.5")
    for most in (20.0, 0.5):
        start = time.monotonic()
        with pytest.raises(PluginFailed, match=f"{name}.*did not answer within 2.5 s"):
            score_texts(name, ["ab"])
        assert time.monotonic() - start < most
    assert not [child for child in psutil.Process().children() if "lorafair.plugin_process" in child.cmdline()]
    monkeypatch.setenv("LORAFAIR_PLUGIN_TIMEOUT", "soon")
    with pytest.raises(LorafairError, match="'soon' is no time limit"):
        score_texts("acme_fine", ["ab"])
    monkeypatch.setenv("LORAFAIR_PLUGIN_TIMEOUT", "1e10")
    with pytest.raises(LorafairError, match="'1e10' is no time limit.*30 days"):
        score_texts("acme_fine", ["ab"])


def test_what_a_scorer_does_beside_scoring_is_told_and_stays_in_its_process(acme, capfd):
    before = read_world()
    expected = [2 / 7, 3 / 7]
    for name in ("acme_fine", "acme_talks", "acme_meddles", "acme_meddles_with_torch", "acme_fine"):
        assert score_texts(name, ["ab", "abc"]) == expected
    score_texts("acme_meddles_with_torch", ["abcd"])
    told = find_remarks(["acme_fine", "acme_talks", "acme_meddles", "acme_meddles_with_torch", "hurtlex_sample"])
    assert set(told) == {"acme_talks", "acme_meddles", "acme_meddles_with_torch"}
    assert "acme-offender 1.0) printed to standard output ('<b>loading</b> and more')" in told["acme_talks"]
    for what in (
        "Python's random",
        "numpy's random",
        "numpy's error",
        "variables (ACME, PATH)",
        "folder",
        "logging",
        "warning filters",
    ):
        assert what in told["acme_meddles"]
    assert "torch's default type" in told["acme_meddles_with_torch"]
    assert "torch takes gradients" in told["acme_meddles_with_torch"]
    assert read_world() == before
    assert capfd.readouterr().out == ""


def test_a_question_that_cannot_be_told_is_no_fault_of_the_plugin(acme):
    plugin = open_plugin(load_registry().get("scorer", "acme_fine"))
    with pytest.raises(TypeError):
        plugin.ask("score", texts=["ab"], settings={"x": object()})
    assert score_texts("acme_fine", ["ab"]) == [2 / 7]


def test_a_long_list_comes_back_in_order_whatever_is_in_it(acme):
    texts = [f"{i} \ud800 \x00 {'x' * (i % 50)}" for i in range(2500)]
    assert score_texts("acme_fine", texts) == [len(text) % 7 / 7 for text in texts]


def test_the_process_ends_with_the_one_that_asked(acme):
    code = "from lorafair.scoring import score_texts; score_texts('acme_hangs', ['a'])"
    env = os.environ | {"PYTHONPATH": str(acme)}
    parent = subprocess.Popen([sys.executable, "-c", code], env=env)
    try:
        end, children = time.monotonic() + 60, []
        while not children and time.monotonic() < end:
            time.sleep(0.05)
            children = psutil.Process(parent.pid).children()
    finally:
        parent.send_signal(signal.SIGKILL)
        parent.wait()
    assert children
    assert not psutil.wait_procs(children, timeout=20)[1]


def test_a_new_version_scores_again_and_leaves_the_others_scores(acme, tmp_path):
    results = tmp_path / "results"
    write_samples(results / "base", "task", [[["a liar"]], [["bc"]]])
    assert score_results(results, ["hurtlex_sample", "acme_fine"]).scored == 4
    before = (results / "base" / "scores.jsonl").read_text(encoding="utf-8").splitlines()
    for version, scored in (("1.0", 0), ("1.1", 2)):
        write_distribution(acme, version)
        _read_registry.cache_clear()
        outcome = score_results(results, ["hurtlex_sample", "acme_fine"])
        assert (outcome.scored, outcome.reused) == (scored, 4 - scored)
    assert (results / "base" / "scores.jsonl").read_text(encoding="utf-8").splitlines() == before
    facts = json.loads((results / "base" / "scores.provenance.json").read_text())["settings"]["scorers"]
    assert (facts["acme_fine"]["origin"], facts["acme_fine"]["version"]) == ("acme-offender", "1.1")
    assert facts["hurtlex_sample"]["origin"] == "lorafair"
    assert identify_scorer("acme_fine", {}) == facts["acme_fine"]


def test_the_mark_of_a_failure_goes_when_the_scorer_is_mended(acme, tmp_path):
    write_samples(tmp_path / "r", "task", [[["a"]]])
    assert set(score_results(tmp_path / "r", ["acme_nan"]).failed) == {"acme_nan"}
    path = acme / "acme_offender.py"
    path.write_text(path.read_text().replace("np.full(len(texts), np.nan)", "fine(texts)"))
    close_plugins()
    outcome = score_results(tmp_path / "r", ["acme_nan"])
    assert (outcome.failed, outcome.scored) == ({}, 1)
    assert json.loads((tmp_path / "r" / "scores.provenance.json").read_text())["settings"]["failed"] == {}


def test_a_scorer_that_can_no_longer_be_loaded_has_a_mark_and_no_old_numbers(acme, tmp_path):
    write_samples(tmp_path / "r", "task", [[["a"]]])
    assert score_results(tmp_path / "r", ["acme_fine", "acme_talks"]).failed == {}
    path, lines = acme / "acme_offender.py", tmp_path / "r" / "scores.jsonl"
    path.write_text(path.read_text().replace("def fine(", "def no_longer_fine("))
    close_plugins()
    assert set(score_results(tmp_path / "r", ["acme_fine"]).failed) == {"acme_fine"}
    assert {json.loads(line)["scorer"] for line in lines.read_text().splitlines()} == {"acme_talks"}
    assert "acme_fine" in json.loads((tmp_path / "r" / "scores.provenance.json").read_text())["settings"]["failed"]


@pytest.fixture
def audit(tmp_path):
    for seed, label in enumerate(("base", "lora-r8")):
        write_model(tmp_path / "audit" / label, label, seed=seed, templates=30)
    return read_audit([tmp_path / "audit"])


def measure_rows(audit, metric):
    found = build_rows(audit, resamples=300, metric=metric)
    return found, [dump_record(row) for row in found.rows]


def test_a_strangers_metric_gives_the_numbers_of_the_same_metric_built_in(acme, audit, tmp_path):
    ours, theirs = measure_rows(audit, "rate"), measure_rows(audit, "metric_fine")
    assert theirs[1] == ours[1]
    assert (theirs[0].failed, theirs[0].notes) == ([], [])
    write_provenance(theirs[0], tmp_path / "rows.provenance.json", ["metric_fine", "rate"])
    told = json.loads((tmp_path / "rows.provenance.json").read_text())["settings"]["metrics"]
    assert (told["metric_fine"]["origin"], told["metric_fine"]["version"]) == ("acme-offender", "1.0")
    assert told["rate"] == identify_metric("rate")


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("metric_raises", "ZeroDivisionError"),
        ("metric_hangs", "did not answer within 2.5 s"),
        ("metric_short", "shape (1,) for overall"),
        ("metric_lacks", "gave nothing for group:identity=gay people"),
        ("metric_words", "for overall where 2 numbers were expected"),
        ("metric_list", "where a mapping of keys to arrays"),
        ("metric_infinite", "infinity for overall"),
        ("metric_tires", "ZeroDivisionError"),
    ],
)
def test_a_metric_that_breaks_the_contract_marks_its_columns(acme, audit, monkeypatch, name, words):
    before, world = measure_rows(audit, "rate")[1], read_world()
    if name == "metric_hangs":
        monkeypatch.setenv("LORAFAIR_PLUGIN_TIMEOUT", "2.5")
        world = read_world()
    found, _ = measure_rows(audit, name)
    assert [(row.model, row.kind, row.estimate) for row in found.rows] == [
        ("base", "overall", None),
        ("lora-r8", "overall", None),
    ]
    for why in [*found.failed, *(row.failed for row in found.rows)]:
        assert words in why
        assert f"metric {name!r}" in why
        assert "acme-offender 1.0" in why
    assert measure_rows(audit, "rate")[1] == before
    assert read_world() == world


def test_what_a_metric_does_beside_measuring_is_told_and_nan_is_not_estimable(acme, audit):
    before, rate = read_world(), measure_rows(audit, "rate")[1]
    for name, words in (("metric_talks", "printed to standard output"), ("metric_meddles", "numpy's random")):
        found, rows = measure_rows(audit, name)
        assert [json.loads(row)["estimate"] for row in rows] == [json.loads(row)["estimate"] for row in rate]
        assert [words in note and name in note for note in found.notes] == [True]
    found, rows = measure_rows(audit, "metric_nan")
    assert {json.loads(row)["estimate"] for row in rows} == {None}
    assert {c.verdict for row in found.rows for c in row.comparisons} <= {"no claim", "undecided"}
    assert read_world() == before


def test_a_metric_cannot_write_into_the_callers_arrays(acme):
    weights = np.ones((3, 4))
    table = Table(np.array([0.0, 1, 1, 0]), np.arange(4), {"a": np.eye(2, dtype=bool)[[0, 1, 0, 1]]}, {"a": ("x", "y")})
    assert load_metric("metric_fine")(table, weights)["overall"].tolist() == [0.5, 0.5, 0.5]
    assert weights.all()


plain = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner) | st.tuples(inner, inner) | st.dictionaries(st.text(), inner),
    max_leaves=10,
)


@settings(max_examples=40, deadline=None)
@given(plain, arrays.arrays(st.sampled_from(["<f8", "<i8", "?", "<U3"]), arrays.array_shapes(max_dims=2, min_side=0)))
def test_a_message_arrives_as_it_was_sent(said, array):
    stream = io.BytesIO(encode({"said": said, "array": array}))
    found = decode(lambda size: bytearray(stream.read(size)))
    assert found["said"] == said
    assert type(found["said"]) is type(said)
    assert (found["array"].dtype, found["array"].shape) == (array.dtype, array.shape)
    assert found["array"].tobytes() == array.tobytes()
    assert found["array"].flags.writeable or not array.size


def test_an_answer_that_is_no_message_ends_the_plugin(acme, monkeypatch):
    plugin = open_plugin(load_registry().get("scorer", "acme_fine"))
    plugin.describe()
    monkeypatch.setattr("lorafair.isolation.decode", lambda read: decode(lambda size: bytearray(b"\xff" * size)))
    with pytest.raises(PluginFailed, match="no message"):
        plugin.ask("score", texts=["a"], settings={})
