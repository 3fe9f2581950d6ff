"""Figures of what probes measured: the rows' own numbers, nobody's markup, and in a browser."""

from __future__ import annotations

import csv
import hashlib
import importlib.util
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from lorafair.cli.main import cli

from lorafair.leaderboard.line import build_lines
from lorafair.leaderboard.row import Rows, build_rows
from lorafair.report.distance import draw_distance
from lorafair.report.figure import Topic, list_topics
from lorafair.report.layer import draw_layers
from lorafair.report.rank import draw_rank
from lorafair.samples import read_audit

NASTY = "<img src=x onerror='window.hit=1'>"
DISTANCE = {"base": 0.0, "lora-r2": 0.05, "lora-r8": 0.2, "lora-r32": 0.6, "full": 0.9}
MODELS: dict[str, dict[str, Any]] = {
    "base": {},
    **{f"lora-r{rank}": {"rank": rank, "shift": {"men": rank / 80}} for rank in (2, 8, 32)},
    "full": {"kind": "full", "method": "full", "shift": {"men": 0.3}},
}
TASKS = {"t": {"metric": "m", "label": "harm", "words": 3}}


def load_writer() -> Any:
    """``write_probe`` of the leaderboard's tests."""
    path = Path(__file__).parents[1] / "leaderboard" / "test_probe.py"
    spec = importlib.util.spec_from_file_location("leaderboard_probe", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.write_probe


def make(root: Path, write_audit: Callable[..., Path], group: str = "men") -> Path:
    """An audit of one task with two probes: ``kl``, and ``logit_lens`` over four layers, of which the last is kl's."""
    write_audit(root, MODELS, TASKS, templates=20)
    write = load_writer()
    for number, (label, far) in enumerate(DISTANCE.items()):
        rng = np.random.default_rng(number)
        digest = hashlib.sha256(label.encode()).hexdigest()
        wide, lens = [], []
        for place in range(60):
            about = {
                "id": str(place),
                "groups": {"identity": [("women", group)[place % 2]]},
                "cluster": f"c{place // 2}",
            }
            value = far * float(rng.uniform(0.5, 1.5))
            wide.append(about | {"kl": value, "tv": value / 2})
            lens.append(about | {"kl": [value * k / 3 for k in range(4)], "kl_over_layers": value / 2})
        measures = {"kl": {"label": f"KL {group}"}, "tv": {"label": "TV"}}
        write(root, label, wide, name="kl", measures=measures, digest=digest)
        measures = {"kl": {"label": "KL, by layer"}, "kl_over_layers": {"label": "KL, mean over layers"}}
        write(root, label, lens, name="logit_lens", measures=measures, digest=digest)
    return root


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory, write_audit: Callable[..., Path]) -> Path:
    return make(tmp_path_factory.mktemp("probed"), write_audit)


@pytest.fixture(scope="module")
def found(root: Path) -> Rows:
    return build_rows(read_audit([root]), resamples=300)


def list_named(found: Rows) -> dict[tuple[str, str], Topic]:
    lines = build_lines(found.rows, bases=["base"], against=None)
    topics = list_topics(lines, layers=[row for row in found.rows if row.layer is not None])
    return {(topic.task, topic.metric): topic for topic in topics}


def test_the_gap_is_drawn_against_the_distance(found: Rows) -> None:
    from plotly.graph_objects import Figure

    topics = list_named(found)
    views, reason = draw_distance(topics["t", "m"])
    assert reason == ""
    assert [view.name for view in views][:2] == ["Gap against kl (probe:kl)", "Level against kl (probe:kl)"]
    assert len(views) == 4  # two more of the gap, against tv and the mean over layers
    view = views[0]
    Figure({"data": view.data, "layout": view.layout})
    gaps = {row.model: row for row in found.rows if (row.task, row.kind) == ("t", "gap")}
    far = {row.model: row for row in found.rows if (row.task, row.metric, row.kind) == ("probe:kl", "kl", "overall")}
    assert [row[0] for row in view.rows] == ["base", "full", "lora-r2", "lora-r8", "lora-r32"]
    for model, _, _, *numbers in view.rows:
        one, gap = far[str(model)], gaps[str(model)]
        assert numbers == [one.estimate, one.low, one.high, gap.estimate, gap.low, gap.high]
    line = view.data[0]
    assert line["y"] == [gaps["base"].estimate] * 2
    assert line["x"] == [0.0, far["full"].estimate]
    point = next(trace for trace in view.data if trace["name"] == "lora-r32")
    assert point["x"][0] + point["error_x"]["array"][0] == pytest.approx(far["lora-r32"].high)
    assert "lora-r32: " in view.about
    assert draw_distance(topics["probe:kl", "kl"])[0] == []


def test_kl_is_drawn_against_the_rank_and_by_layer(found: Rows) -> None:
    topics = list_named(found)
    rank = draw_rank(topics["probe:kl", "kl"])[0][0]
    assert rank.name == "Level over all documents"
    assert [row[2] for row in rank.rows] == [None, None, 2, 8, 32]
    far = {
        row.model: row.estimate for row in found.rows if (row.task, row.metric) == ("probe:kl", "kl") and not row.group
    }
    assert {row[0] for row in rank.rows} == set(far)
    views, _ = draw_layers(topics["probe:logit_lens", "kl_over_layers"])
    assert [view.name for view in views] == ["kl: all documents", "kl: men", "kl: women"]
    rows = {(r.model, r.layer): r for r in found.rows if r.layer is not None and r.kind == "overall"}
    assert len(views[0].rows) == 20
    for model, layer, *numbers in views[0].rows:
        row = rows[str(model), layer]
        assert numbers == [row.estimate, row.low, row.high, row.n]
    assert "largest" in views[0].about
    men = next(r for r in found.rows if (r.model, r.layer, r.group) == ("full", 3, "men"))
    assert ["full", 3, men.estimate, men.low, men.high, men.n] in views[1].rows
    assert draw_layers(topics["t", "m"])[0] == []


def test_the_page_shows_and_exports_them_and_runs_nobodys_text(
    browser: Any, write_audit: Callable[..., Path], tmp_path: Path
) -> None:
    page_path = tmp_path / "r.html"
    make(tmp_path / "r", write_audit, group=NASTY)
    done = CliRunner().invoke(cli, ["report", str(tmp_path / "r"), "--out", str(page_path), "--resamples", "300"])
    assert done.exit_code == 0, done.output
    context = browser.new_context(accept_downloads=True)
    page, said = context.new_page(), list[str]()
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.goto(page_path.as_uri(), timeout=120_000)
    page.wait_for_selector("html[data-ready=yes]", state="attached", timeout=120_000)
    page.set_default_timeout(120_000)
    sections = page.locator("main section").evaluate_all("all => all.map(one => one.id)")
    assert sections[5:8] == ["reliability", "distance", "layers"]
    page.select_option("#topic", label="harm · t")
    assert page.locator("[data-plot=distance] svg.main-svg").first.bounding_box()["height"] > 200
    assert "choose a probe that does" in page.locator("[data-reason=layers]").inner_text()
    assert (
        page.locator("[data-plot=distance]").get_attribute("aria-label").startswith("Gap against kl (probe:kl). base")
    )
    page.select_option("#topic", label="KL, mean over layers · probe:logit_lens")
    for option in range(page.locator("[data-view=layers] option").count()):
        page.select_option("[data-view=layers]", index=option)
    page.select_option("[data-view=layers]", index=0)
    assert page.locator("[data-plot=layers] svg.main-svg").first.bounding_box()["height"] > 200
    assert page.locator("[data-plot=layers]").get_attribute("aria-label").count("largest") == len(DISTANCE)
    for form, head in (("csv", b"model,layer,"), ("svg", b"<svg")):
        with page.expect_download() as download:
            page.click(f"[data-figure=layers][data-export={form}]")
        content = Path(download.value.path()).read_bytes()
        assert content.startswith(head)
        if form == "csv":
            table = list(csv.DictReader(io.StringIO(content.decode())))
            assert {row["layer"] for row in table} == {"0", "1", "2", "3"}
    assert page.evaluate("window.hit") is None
    assert page.locator("[data-plot] :is(script, img)").count() == 0
    assert "Probes: probe:kl, probe:logit_lens" in page.locator("#methods").inner_text()
    context.close()
    assert said == []


def test_a_folder_of_probes_alone_claims_nothing(root: Path, tmp_path: Path) -> None:
    for path in root.rglob("probe_*"):
        (tmp_path / "r" / path.parent.name).mkdir(parents=True, exist_ok=True)
        (tmp_path / "r" / path.parent.name / path.name).write_bytes(path.read_bytes())
    done = CliRunner().invoke(
        cli, ["report", str(tmp_path / "r"), "--out", str(tmp_path / "r.html"), "--resamples", "200"]
    )
    assert done.exit_code == 0, done.output
    assert "Only probes were run, which ask no task, so nothing is said" in (tmp_path / "r.html").read_text()
    assert json.loads((tmp_path / "r" / "base" / "probe_kl.provenance.json").read_text())["settings"]["measures"]
