"""What is drawn: valid for Plotly, the rows' own numbers, nobody's markup, and a reason where nothing is drawn."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lorafair.leaderboard.line import build_lines
from lorafair.leaderboard.row import Rows, build_rows
from lorafair.report.figure import Topic, list_topics
from lorafair.report.forest import draw_forest
from lorafair.report.group import draw_groups
from lorafair.report.pareto import draw_pareto, find_front
from lorafair.report.rank import draw_rank
from lorafair.report.reliability import draw_reliability
from lorafair.samples import read_audit


@dataclass(frozen=True)
class Bin:
    confidence: float
    accuracy: float
    low: float
    high: float
    n: int
    clusters: int


CURVES = {
    ("base", None, ""): [Bin(0.3, 0.2, 0.1, 0.4, 30, 20), Bin(0.8, 0.7, 0.5, 0.9, 40, 30)],
    ("base", "identity", "men"): [Bin(0.5, 0.4, 0.1, 0.8, 9, 9)],
}


@pytest.fixture(scope="module")
def found(audit: Path) -> Rows:
    return build_rows(read_audit([audit]), resamples=2000)


@pytest.fixture(scope="module")
def topics(found: Rows) -> dict[str, Topic]:
    lines = build_lines(found.rows, bases=["base"], against=None)
    return {topic.task: topic for topic in list_topics(lines, {"bbq_like": CURVES})}


def test_every_view_is_a_valid_figure_and_json(topics: dict[str, Topic]) -> None:
    from plotly.graph_objects import Figure

    counts = {}
    for topic in topics.values():
        for draw in (draw_rank, draw_forest, draw_pareto, draw_groups, draw_reliability):
            views, reason = draw(topic)
            assert bool(views) != bool(reason)
            counts[topic.task, draw.__name__] = len(views)
            for view in views:
                Figure({"data": view.data, "layout": view.layout})
                json.dumps([view.data, view.layout], allow_nan=False)
                assert view.heading or draw is draw_reliability
                assert all(len(row) == len(view.header) for row in view.rows)
    assert counts["honest_en", "draw_rank"] == 10  # the gap, the level, eight groups
    assert counts["honest_en", "draw_forest"] == 8  # the level, seven models
    assert counts["bbq_like", "draw_reliability"] == 2
    assert counts["honest_en", "draw_reliability"] == 0


def test_rank_figure_shows_the_rows(found: Rows, topics: dict[str, Topic]) -> None:
    view = draw_rank(topics["honest_en"])[0][0]
    gaps = {r.model: r for r in found.rows if r.kind == "gap" and r.metric == "honest"}
    shown = {row[0]: row for row in view.rows}
    assert set(shown) == set(gaps) - {"planted"}
    assert all((r.estimate, r.low, r.high) == tuple(shown[m][3:]) for m, r in gaps.items() if m != "planted")
    lora = next(trace for trace in view.data if trace.get("name") == "lora" and "marker" in trace)
    assert lora["x"] == [2, 8, 32]
    assert lora["y"] == [gaps[f"lora-r{rank}"].estimate for rank in (2, 8, 32)]
    ends = [lora["y"][i] + lora["error_y"]["array"][i] for i in range(3)]
    assert ends == pytest.approx([gaps[f"lora-r{rank}"].high for rank in (2, 8, 32)])
    for name in ("base", "full"):
        line = next(trace for trace in view.data if trace.get("name") == name)
        assert set(line["y"]) == {gaps[name].estimate}


def test_seeds_at_one_rank_are_points_without_a_band(tmp_path: Path, write_audit) -> None:
    models = {"base": {}, **{f"s{k}-r{rank}": {"rank": rank} for rank in (2, 8) for k in (1, 2)}}
    write_audit(tmp_path, models, {"t": {"metric": "m", "label": "m", "words": 3}}, templates=12)
    rows = build_rows(read_audit([tmp_path]), resamples=200)
    topic = list_topics(build_lines(rows.rows, bases=["base"], against=None))[0]
    view = draw_rank(topic)[0][0]
    points = next(trace for trace in view.data if "marker" in trace)
    assert points["x"] == [2, 2, 8, 8]
    assert points["mode"] == "markers"
    bands = [trace for trace in view.data if trace.get("fill") and trace["legendgroup"] == "lora"]
    assert bands == []
    mean = next(trace for trace in view.data if trace["mode"] == "lines" and trace.get("legendgroup") == "lora")
    assert mean["y"] == pytest.approx([sum(points["y"][:2]) / 2, sum(points["y"][2:]) / 2])


def test_forest_repeats_p_and_verdict(found: Rows, topics: dict[str, Topic]) -> None:
    views = {view.name: view for view in draw_forest(topics["honest_en"])[0]}
    view = views["planted: each group against the rest"]
    rows = [r for r in found.rows if r.model == "planted" and r.kind == "group" and r.metric == "honest"]
    told = {
        str(r.group): next(c for c in r.comparisons if c.reference == "base" and c.quantity == "contrast") for r in rows
    }
    assert [row[0] for row in view.rows] == list(told)
    for row in view.rows:
        one = told[str(row[0])]
        assert row[2:8] == [one.difference, one.low, one.high, one.p, one.p_adjusted, one.verdict]
    women = list(told).index("women")
    assert view.rows[women][7] == "worse"
    assert "worse" in view.layout["yaxis"]["ticktext"][women]
    assert view.data[0]["marker"]["symbol"][women] == "diamond"


def test_labels_are_no_markup(tmp_path: Path, write_audit) -> None:
    nasty = "<a href='javascript:alert(1)'>x</a>&amp;<br>%{y}"
    write_audit(
        tmp_path,
        {"base": {}, "bad": {"rank": 4, "method": nasty}},
        {"t": {"metric": "m", "label": nasty}},
        templates=12,
    )
    for folder in tmp_path.iterdir():
        for path in folder.iterdir():
            path.write_text(path.read_text().replace('"men"', json.dumps(nasty)).replace('"bad"', json.dumps(nasty)))
    rows = build_rows(read_audit([tmp_path]), resamples=200)
    topics = list_topics(build_lines(rows.rows, bases=["base"], against=None))
    (topic,) = (one for one in topics if one.metric == "m")
    for draw in (draw_rank, draw_forest, draw_groups):
        text = json.dumps([[view.data, view.layout] for view in draw(topic)[0]])
        assert "javascript" in text
        assert "<a " not in text
        assert "template" not in text


@given(st.lists(st.tuples(st.integers(0, 6), st.integers(0, 6)), min_size=1, max_size=12))
def test_front_is_what_nobody_beats(points: list[tuple[int, int]]) -> None:
    def beats(a: tuple[int, int], b: tuple[int, int]) -> bool:
        return a[0] >= b[0] and a[1] <= b[1] and a != b

    expected = [i for i, one in enumerate(points) if not any(beats(other, one) for other in points)]
    front = find_front([(float(x), float(y)) for x, y in points])
    assert sorted(front) == expected
    assert [points[i][0] for i in front] == sorted(points[i][0] for i in front)


def test_claims_about_a_method_have_marks_of_their_own(tmp_path: Path, write_audit) -> None:
    def train(seed: int, rank: int) -> dict:
        inputs = {"rank": rank, "seed": seed}
        return {"rank": rank, "training": {"seeds": {"training": seed}, "settings": {"inputs": inputs}}}

    runs = {f"s{k}-r{rank}": train(k, rank) for rank in (2, 8) for k in range(5)}
    write_audit(tmp_path, {"base": {}, **runs}, {"t": {"metric": "m", "label": "m", "words": 3}}, templates=12)
    rows = build_rows(read_audit([tmp_path]), resamples=200)
    topic = list_topics(build_lines(rows.rows, bases=["base"], against=None))[0]
    view = draw_rank(topic)[0][1]
    assert view.name == "Level over all documents"
    mine = [r for r in rows.rows if r.claim == "method" and r.kind == "overall"]
    (points,) = (trace for trace in view.data if trace.get("name") == "lora")
    (claims,) = (trace for trace in view.data if trace.get("name") == "lora: the method, 5 seeds")
    assert (len(points["x"]), claims["x"]) == (10, [2, 8])
    assert claims["y"] == [row.estimate for row in mine]
    reach = [value + more for value, more in zip(claims["y"], claims["error_y"]["array"], strict=True)]
    assert reach == pytest.approx([row.high for row in mine])
    assert claims["marker"]["symbol"] != points["marker"]["symbol"]
    (band,) = (trace for trace in view.data if trace.get("fill") and trace["legendgroup"] == "lora")
    assert band["y"][:2] == [row.low for row in mine]
    assert [row[1] for row in view.rows].count("lora, the method over 5 seeds") == 2
    assert any(row[0] == "lora r=2, the method" for row in draw_forest(topic)[0][0].rows)
