"""The page in a real browser: it shows, sorts, filters, exports, prints, and runs nobody's text."""

from __future__ import annotations

import base64
import csv
import gzip
import io
import json
import random
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from lorafair.cli.main import cli

NASTY = (
    "<script>window.hit=1</script><img src=x onerror='window.hit=1'><svg/onload=window.hit=1>"
    '<a href="javascript:window.hit=1">x</a></script></pre>{{7*7}}\u202e\x1b[31m${window.hit=1}'
)


def make_report(root: Path, out: Path, *more: str) -> Path:
    done = CliRunner().invoke(cli, ["report", str(root), "--out", str(out), "--resamples", "500", *more])
    assert done.exit_code == 0, done.output
    assert "Wrote" in done.output
    return out


@pytest.fixture(scope="module")
def report(audit: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_report(audit, tmp_path_factory.mktemp("report") / "report.html")


class Visitor:
    """Opens files and writes down what the pages say on the console and ask of the network."""

    def __init__(self, browser: Any) -> None:
        self.browser, self.contexts = browser, []
        self.said: list[str] = []

    def __call__(self, path: Path, **settings: Any) -> Any:
        context = self.browser.new_context(accept_downloads=True, **settings)
        self.contexts.append(context)
        page = context.new_page()
        page.on("console", lambda message: self.said.append(f"{message.type}: {message.text}"))
        page.on("pageerror", lambda error: self.said.append(f"error: {error}"))
        page.on("request", lambda request: self.said.append(request.url) if request.url.startswith("http") else None)
        page.goto(path.as_uri(), timeout=120_000)
        page.wait_for_selector("html[data-ready=yes]", state="attached", timeout=120_000)
        page.set_default_timeout(120_000)
        return page

    def leave(self) -> None:
        for context in self.contexts:
            context.close()
        assert self.said == []


@pytest.fixture
def visit(browser: Any) -> Iterator[Visitor]:
    visitor = Visitor(browser)
    yield visitor
    visitor.leave()


@pytest.fixture(scope="module")
def opened(browser: Any, report: Path) -> Iterator[Any]:
    """The report, opened once for all tests here: nothing may have been said when they are done."""
    visitor = Visitor(browser)
    yield visitor(report)
    visitor.leave()


@pytest.fixture
def page(opened: Any) -> Any:
    """The opened report with its filters as at the start."""
    for name in ("about", "method", "verdict"):
        opened.select_option(f"#filter-{name}", "")
    opened.fill("#filter-model", "")
    return opened


def column(page: Any, number: int) -> list[str]:
    rows = page.locator("#board tbody tr:not([hidden])")
    return rows.evaluate_all(f"rows => rows.map(row => row.cells[{number}].querySelector('div').textContent)")


def test_it_shows_everything_in_order(page: Any) -> None:
    assert page.locator("main section").evaluate_all("all => all.map(one => one.id)") == [
        "leaderboard", "rank", "forest", "pareto", "groups", "reliability", "samples", "methods",
    ]  # fmt: skip
    assert page.locator("#answer p").count() == 2
    page.locator("#methods").scroll_into_view_if_needed()
    assert page.locator("#topic-controls").bounding_box()["y"] < 0  # it sticks to the figures only
    page.evaluate("scrollTo(0, 0)")
    warnings = page.locator(".warnings").inner_text().lower()
    assert all(word in warnings for word in ("sample data", "unverified serving", "undecided", "planted control"))
    assert page.locator("#answer").bounding_box()["y"] < page.locator("#leaderboard").bounding_box()["y"]
    for name in ("rank", "forest", "pareto", "groups"):
        assert page.locator(f"[data-plot={name}] svg.main-svg").first.bounding_box()["height"] > 200
    page.select_option("#topic", label="accuracy · bbq_like")
    assert page.locator("[data-plot=reliability] svg.main-svg").first.bounding_box()["height"] > 200
    page.select_option("#topic", label="HONEST · honest_en — sample data")
    assert "Left out: The samples of this task hold no probabilities" in page.locator("#reliability").inner_text()
    assert "HONEST (lower is better)" in page.locator("[data-heading=rank]").inner_text()
    page.select_option("[data-view=forest]", label="planted: each group against the rest")
    assert "women" in page.locator("[data-plot=forest]").inner_text()


def test_it_sorts_and_filters_by_mouse_and_keyboard(page: Any) -> None:
    page.select_option("#filter-about", label="accuracy · bbq_like")
    assert re.fullmatch(r"8 of \d+ lines", page.locator("#count").inner_text())
    page.get_by_role("button", name="estimate").click()
    assert page.locator("th[aria-sort]").get_attribute("aria-sort") == "ascending"
    models, values = column(page, 0), [float(text) for text in column(page, 4)]
    assert set(models[:2]) == {"base", "full"}  # pinned
    assert values[2:] == sorted(values[2:], reverse=True)  # higher is better: best first
    page.get_by_role("button", name="estimate").press("Enter")
    assert [float(text) for text in column(page, 4)][2:] == sorted(values[2:])
    page.select_option("#filter-about", "")
    page.fill("#filter-model", "LORA-R")
    page.select_option("#filter-method", "lora")
    assert set(column(page, 0)) == {"lora-r2", "lora-r8", "lora-r32"}
    page.fill("#filter-model", "")
    page.select_option("#filter-method", "")
    page.select_option("#filter-verdict", "worse")
    assert "planted" in column(page, 0)
    assert all("worse" in a + b for a, b in zip(column(page, 7), column(page, 8), strict=True))


def test_it_holds_the_numbers_of_the_leaderboard(page: Any, audit: Path) -> None:
    text = CliRunner().invoke(cli, ["leaderboard", str(audit), "--resamples", "500", "--format", "csv"]).stdout
    with page.expect_download() as download:
        page.click("#table-csv")
    assert Path(download.value.path()).read_text(encoding="utf-8") == text
    flat = {row["model"]: row for row in csv.DictReader(io.StringIO(text))}
    shown = page.locator("#board tbody tr").evaluate_all(
        "rows => rows.map(row => [row.dataset.model, row.cells[4].innerText, row.cells[5].innerText])"
    )
    assert len(shown) == sum(bool(row[key]) for row in flat.values() for key in row if key.endswith(" label"))
    for at in ("honest_en/honest", "bbq_like/accuracy"):
        for model, row in flat.items():
            value, low, high = (float(row[f"{at}{end}"]) for end in ("", " low", " high"))
            mine = [
                change
                for label, estimate, change in shown
                if (label, estimate) == (model, f"{value:.3f}\n[{low:.3f}, {high:.3f}]")
            ]
            assert mine
            assert model == "base" or any(
                change.startswith(f"{float(row[f'{at} difference']):+.3f}") for change in mine
            )


def test_every_figure_exports(page: Any) -> None:
    heads = {"svg": b"<svg", "png": b"\x89PNG", "csv": b"model,"}
    for name in ("rank", "forest", "pareto", "groups"):
        for form, head in heads.items():
            with page.expect_download() as download:
                page.click(f"[data-figure={name}][data-export={form}]")
            content = Path(download.value.path()).read_bytes()
            assert download.value.suggested_filename.endswith(f".{form}")
            assert content.startswith(b"row," if (name, form) == ("forest", "csv") else head)
            assert len(content) > 200


def test_samples_are_side_by_side_and_veiled(page: Any) -> None:
    page.select_option("#sample-task", label="honest_en")
    page.select_option("#sample-left", label="base")
    page.select_option("#sample-right", label="lora-r32")
    page.select_option("#sample-group", label="identity: men")
    first = page.locator("#documents article").first
    assert first.locator(".side h4").all_inner_texts() == ["base", "lora-r32"]
    assert "The men in sentence" in first.locator("header").inner_text()
    assert set(page.locator("#documents .tags li:nth-child(3)").all_inner_texts()) == {"identity: men"}
    veiled = page.locator("#documents .veil")
    count, shown = veiled.count(), page.locator("#documents .side pre").count()
    assert count > 0
    harmful = page.locator("#documents .side:has(.veil) .scores").all_inner_texts()
    assert all(text == "HONEST: 1" for text in harmful)
    veiled.first.get_by_role("button", name="Show").click()
    assert veiled.count() == count - 1
    page.check("#sample-harmful")
    assert veiled.count() == 0
    assert page.locator("#documents .side pre").count() == shown + count
    page.select_option("#sample-group", "")
    assert "10 of 100 documents" in page.locator("#sample-count").inner_text()
    page.click("#more")
    assert page.locator("#documents article").count() == 20


def test_nobodys_text_runs(tmp_path: Path, write_audit: Callable[..., Path], visit: Visitor) -> None:
    nasty = json.dumps(NASTY)
    models = {"base": {}, "bad": {"rank": 4, "method": NASTY, "engine": NASTY, "verified": NASTY}}
    tasks = {"t": {"metric": "m", "label": NASTY, "words": 4, "rate": 0.0}}
    write_audit(tmp_path / "r", models, tasks, templates=12, text=lambda *_: NASTY)
    for path in (tmp_path / "r").rglob("*.json*"):
        path.write_text(
            path.read_text().replace('"men"', nasty).replace('"bad"', nasty).replace("The men", f"The {nasty[1:-1]}")
        )
    page = visit(make_report(tmp_path / "r", tmp_path / "r.html", "--title", NASTY))
    for name in ("rank", "forest"):
        for option in range(page.locator(f"[data-view={name}] option").count()):
            page.select_option(f"[data-view={name}]", index=option)
    page.locator("[data-plot=forest] .point").first.hover(force=True)
    page.wait_for_timeout(300)
    assert page.evaluate("window.hit") is None
    seen = re.sub(r"[\u202e\x1b]", "?", NASTY)
    assert page.locator("#documents .side pre").first.inner_text() == seen
    assert page.locator("h1").inner_text() == seen
    assert "onerror" in page.locator("#board").inner_text()
    for place in ("#documents", "#board", "#methods", "[data-plot]", "header"):
        assert page.locator(f"{place} :is(script, img, a[href^=javascript])").count() == 0
    # and what runs is held by the policy, were a text ever to become markup
    assert page.evaluate("(() => { const s = document.createElement('script'); s.textContent = 'window.hit = 1';"
                         " document.body.append(s); return window.hit ?? null; })()") is None  # fmt: skip
    blocked = page.evaluate("fetch('https://example.org/').then(() => 'reached', () => 'blocked')")
    assert blocked == "blocked"
    assert all("Content Security Policy" in line or "Content-Security-Policy" in line for line in visit.said)
    assert len(visit.said) >= 2
    visit.said.clear()


def test_toxic_prompts_wait_to_be_asked_for(tmp_path: Path, write_audit: Callable[..., Path], visit: Visitor) -> None:
    write_audit(
        tmp_path / "r", {"base": {}, "a": {"rank": 2}}, {"t": {"metric": "m", "label": "m", "words": 3}}, templates=6
    )
    for path in (tmp_path / "r").rglob("samples_*"):
        path.write_text(path.read_text().replace("The men", "You fucking idiots"))
    page = visit(make_report(tmp_path / "r", tmp_path / "r.html"))
    page.select_option("#sample-group", "identity: men")
    assert page.locator("#documents article").count() == 6
    assert "idiots" not in page.locator("#documents").inner_text()
    page.locator("#documents article > header button").first.click()
    assert page.locator("#documents").inner_text().count("idiots") == 1
    page.check("#sample-harmful")
    assert page.locator("#documents").inner_text().count("idiots") == 6
    page.select_option("#sample-group", "identity: women")
    page.uncheck("#sample-harmful")
    assert page.locator("#documents article > header pre").first.inner_text().startswith("The women")


def test_it_fits_a_phone_in_the_dark(page: Any) -> None:
    before, wide = page.evaluate("getComputedStyle(document.body).backgroundColor"), page.viewport_size
    page.set_viewport_size({"width": 360, "height": 800})
    page.emulate_media(color_scheme="dark")
    page.wait_for_selector("html[data-theme=dark]", state="attached")
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") != before
    ink = page.locator("[data-plot=rank] .xtick text").first.evaluate("one => getComputedStyle(one).fill")
    assert ink == page.evaluate("getComputedStyle(document.body).color")
    page.click("#theme")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == before
    page.emulate_media(color_scheme="light")
    page.set_viewport_size(wide)


def test_it_prints_light_on_paper(page: Any) -> None:
    page.click("#theme")
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    page.emulate_media(media="print")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert page.locator("[data-plot=rank] svg.main-svg").first.bounding_box()["width"] <= 680
    assert not page.locator("nav").is_visible()
    page.emulate_media(media="screen")
    page.evaluate("dispatchEvent(new Event('afterprint'))")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") != "rgb(255, 255, 255)"
    page.click("#theme")


def test_eight_models_and_ten_tasks_stay_below_six_megabytes(tmp_path: Path, write_audit: Callable[..., Path]) -> None:
    models = {"base": {}, **{f"lora-r{2**k}": {"rank": 2**k} for k in range(1, 8)}}
    tasks = {f"task_{k}": {"metric": f"m{k}", "label": f"metric {k}", "words": 60} for k in range(10)}
    noise = "abcdefghijklmnopqrstuvwxyz      "

    def babble(chance: random.Random, *_: str) -> str:
        return "".join(chance.choices(noise, k=500))  # does not compress like language does

    write_audit(tmp_path / "r", models, tasks, templates=13, text=babble)
    path = make_report(tmp_path / "r", tmp_path / "r.html", "--resamples", "200")
    assert path.stat().st_size < 6_000_000
    text = path.read_text(encoding="utf-8")
    assert text.count("<tr data-pinned") == 80
    assert len(unpack(text, "drawings")["topics"]) == 10
    shown = {len(task["documents"]) for task in unpack(text, "samples")}
    assert min(shown) >= 20
    assert max(shown) <= 100


def unpack(text: str, name: str) -> Any:
    packed = re.search(f'id="packed-{name}">([^<]*)<', text)
    assert packed
    return json.loads(gzip.decompress(base64.b64decode(packed.group(1))))


def test_nothing_measured_is_said(tmp_path: Path, write_audit: Callable[..., Path], visit: Visitor) -> None:
    write_audit(tmp_path / "r", {"base": {}}, {"t": {"metric": "m", "label": "m", "words": 3}}, templates=2)
    for path in (tmp_path / "r").rglob("samples_*"):
        path.write_text(re.sub(r'"m": [01]\.0', '"m": null', path.read_text()))
    page = visit(make_report(tmp_path / "r", tmp_path / "r.html"))
    page.click("#theme")
    assert "nothing is claimed" in page.locator("#answer").inner_text()
    assert page.locator("[data-reason=rank]").inner_text() == "Left out: nothing was measured."
    assert page.locator("#documents article").count() == 10


@pytest.mark.parametrize(
    ("arguments", "part"),
    [
        (["--label", "x"], "--label takes FOLDER=NAME"),
        (["--out", "no/such/r.html"], "make the folder no/such first"),
        (["--metric", "hones"], "Did you mean 'honest'"),
    ],
)
def test_mistakes_end_with_one_message(audit: Path, tmp_path: Path, arguments: list[str], part: str) -> None:
    if "--out" not in arguments:
        arguments = [*arguments, "--out", str(tmp_path / "r.html")]
    done = CliRunner().invoke(cli, ["report", str(audit), "--resamples", "500", *arguments])
    assert done.exit_code == 2
    assert part in done.output
    assert "Traceback" not in done.output
