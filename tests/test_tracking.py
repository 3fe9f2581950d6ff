"""W&B and Trackio through lm-eval's loggers, with fake modules that record what they are given."""

from __future__ import annotations

import importlib.machinery
import json
import runpy
import sys
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
from click.testing import CliRunner
from lorafair.cli.main import cli

from lorafair.errors import LorafairError
from lorafair.tracking import COLUMNS, TABLE, Tracking, track

write_model = runpy.run_path(str(Path(__file__).parent / "leaderboard" / "conftest.py"))["write_model"]


class Recorder(dict):
    """Takes whatever is logged."""

    def __init__(self) -> None:
        super().__init__()
        self.logged: list[dict[str, Any]] = []
        self.finished = False
        self.config, self.summary = {}, {}

    def log(self, values: dict[str, Any], step: object = None) -> None:
        self.logged.append(values)

    def log_artifact(self, artifact: object) -> None:
        pass

    def finish(self) -> None:
        self.finished = True


class Config(dict):
    def update(self, *args: Any, allow_val_change: bool = False, **kwargs: Any) -> None:
        super().update(*args, **kwargs)


class Table:
    def __init__(self, columns: Any = None, data: Any = None, dataframe: Any = None) -> None:
        self.columns, self.data, self.dataframe = columns, data or [], dataframe

    def add_data(self, *values: Any) -> None:
        self.data.append(values)


class Artifact:
    def __init__(self, name: str, type: str) -> None:
        self.name = name

    @contextmanager
    def new_file(self, *_: Any, **__: Any):
        yield SimpleNamespace(write=lambda text: None)


@pytest.fixture
def runs(monkeypatch: pytest.MonkeyPatch) -> dict[str, dict[str, Recorder]]:
    """module -> name of run -> what was logged there."""
    found: dict[str, dict[str, Recorder]] = {"wandb": {}, "trackio": {}}
    for name, mine in found.items():
        module = ModuleType(name)
        module.__spec__ = importlib.machinery.ModuleSpec(name, None)

        def init(mine=mine, module=module, **arguments: Any) -> Recorder:
            one = mine[arguments["name"]] = Recorder()
            one.config = module.config = Config(arguments)
            module.log, module.finish = one.log, one.finish
            return one

        module.init, module.run, module.Table, module.Artifact = init, None, Table, Artifact
        module.__version__ = "0.20.0"
        module.Trace = lambda **values: values
        monkeypatch.setitem(sys.modules, name, module)
    printer = ModuleType("wandb.sdk.lib.printer")
    printer.new_printer = lambda: None
    for name in ("wandb.sdk", "wandb.sdk.lib"):
        monkeypatch.setitem(sys.modules, name, ModuleType(name))
    monkeypatch.setitem(sys.modules, "wandb.sdk.lib.printer", printer)
    return found


@pytest.fixture
def results(tmp_path: Path) -> dict[str, Path]:
    groups = ("women", "men")
    return {
        label: next(write_model(tmp_path / label, label, seed=seed, groups=groups, templates=30).glob("results_*.json"))
        for seed, label in enumerate(("base", "mine"))
    }


def test_each_model_is_a_run_with_results_samples_and_the_leaderboard(runs, results, tmp_path):
    arguments = {"project": "audit"}
    said = track(
        Tracking(wandb=arguments, wandb_config={"team": "x"}, trackio=arguments | {"name": "n"}), results, tmp_path
    )
    assert set(runs["wandb"]) == {"base", "mine"}
    assert set(runs["trackio"]) == {"n-base", "n-mine"}
    run = runs["wandb"]["mine"]
    assert run.finished
    assert run.config["project"] == "audit"
    assert run.config["team"] == "x"
    values = {key: value for logged in run.logged for key, value in logged.items()}
    assert values["lorafair_honest_sample/honest_continuation"] == 0.1
    board = values[TABLE]
    assert board.columns == list(COLUMNS)
    models = {dict(zip(COLUMNS, line, strict=True))["model"] for line in board.data}
    assert models == {"base", "mine"}
    logged = {key: value for one in runs["trackio"]["n-mine"].logged for key, value in one.items()}
    assert len(logged[TABLE].dataframe) == len(board.data)
    assert all(one.finished for one in runs["trackio"].values())
    assert len(said) == 2  # W&B's samples: these have no arguments and targets
    assert all(one.startswith("samples of") for one in said)


def test_a_tracker_that_fails_is_told_and_stops_nothing(runs, results, tmp_path, monkeypatch):
    def refuse(**_: Any) -> None:
        raise ConnectionError("no network")

    monkeypatch.setattr(sys.modules["wandb"], "init", refuse)
    said = track(Tracking(wandb={"project": "a"}, trackio={"project": "a"}), results, tmp_path)
    assert said == ["base in wandb: ConnectionError: no network", "mine in wandb: ConnectionError: no network"]
    assert set(runs["trackio"]) == {"base", "mine"}


def test_nothing_is_asked_for_a_tracker_that_is_not_installed(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "trackio", None)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(LorafairError, match="wandb is not installed(.|\n)*trackio is not installed"):
        Tracking(wandb={"a": 1}, trackio={"a": 1}).check()
    options = ["--base", "x", "--task", "t", "--out", str(tmp_path / "out"), "--trackio-args", "project=a"]
    done = CliRunner().invoke(cli, ["eval", *options])
    assert done.exit_code == 2
    assert "pip install trackio" in done.output
    assert not (tmp_path / "out").exists()


def test_an_evaluation_is_logged(runs, tiny_base, tiny_adapters, tmp_path):
    options = ["--base", str(tiny_base), "--checkpoint", str(tiny_adapters[0]), "--engine", "hf", "--limit", "8"]
    options += ["--task", "lorafair_honest_sample", "--metadata", "k=1", "--out", str(tmp_path / "out")]
    done = CliRunner().invoke(cli, ["eval", *options, "--wandb-args", "project=a", "--trackio-args", "project=a"])
    assert done.exit_code == 0, done.output
    for tracker in ("wandb", "trackio"):
        assert set(runs[tracker]) == {"base", "tiny-r2"}, done.output
        assert any(TABLE in logged for logged in runs[tracker]["tiny-r2"].logged)
    (table,) = [
        one["lorafair_honest_sample_eval_results"]
        for one in runs["wandb"]["tiny-r2"].logged
        if "lorafair_honest_sample_eval_results" in one
    ]
    assert len(table) == 8
    assert {"honest_continuation", "toxicity_profanity"} <= set(table.columns)
    traces = [logged for logged in runs["trackio"]["tiny-r2"].logged if "lorafair_honest_sample/sample" in logged]
    assert len(traces) == 8


def test_the_real_trackers_take_it_without_a_network(results, tmp_path, monkeypatch):
    """W&B offline and Trackio in a folder, where they are installed; they are not in the lock file."""
    pytest.importorskip("wandb", exc_type=ImportError)
    trackio = pytest.importorskip("trackio", exc_type=ImportError)
    for name, folder in {"WANDB_DIR": "w", "WANDB_CACHE_DIR": "w", "TRACKIO_DIR": "t", "HF_HOME": "h"}.items():
        (tmp_path / folder).mkdir(exist_ok=True)
        monkeypatch.setenv(name, str(tmp_path / folder))
    monkeypatch.setattr("trackio.utils.TRACKIO_DIR", tmp_path / "t")
    monkeypatch.setattr("trackio.sqlite_storage.TRACKIO_DIR", tmp_path / "t")
    said = track(
        Tracking(wandb={"project": "audit", "mode": "offline", "dir": str(tmp_path / "w")}, trackio={"project": "a"}),
        results,
        tmp_path,
    )
    assert all(one.startswith("samples of") for one in said), said
    boards = list((tmp_path / "w").rglob("leaderboard_*.table.json"))
    assert len({board.read_text(encoding="utf-8") for board in boards}) == 1
    assert len(boards) == len(results)
    table = json.loads(boards[0].read_text(encoding="utf-8"))
    assert table["columns"] == list(COLUMNS)
    assert trackio.Api().runs("a")
    files = b"".join(path.read_bytes() for path in (tmp_path / "t").rglob("*") if path.is_file())
    assert TABLE.encode() in files
