"""Nobody's text changes the format it lands in: it reads back as itself, for any text."""

from __future__ import annotations

import csv
import io
import re
import shutil
import subprocess
import unicodedata
from html.parser import HTMLParser
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from lorafair.leaderboard.escape import (
    escape_csv,
    escape_figure,
    escape_html,
    escape_latex,
    escape_markdown,
    strip_controls,
)
from lorafair.leaderboard.flat import write_csv
from lorafair.leaderboard.latex import render_latex
from lorafair.leaderboard.layout import Grid
from lorafair.leaderboard.line import build_lines
from lorafair.leaderboard.page import render_html
from lorafair.leaderboard.row import build_rows
from lorafair.samples import read_audit

PIECES = st.sampled_from(
    ["<script>alert(1)</script>", "<img src=x onerror=y>", "javascript:z", "&lt;", "&amp", "](x)", "|", "`", "**", "__", "_a", "\\",
     "\\\\", "\\input{/etc/passwd}", "$", "$$", "%", "#", "{", "}", "~", "^", "&", "[", "]", "*", "--", "---", "``", "''", "?`", "!`",
     "=1+1", "+1", "-1", "@x", "\t", "\r\n", "\u202e", "\x00", "\x1b[31m", "é", "Ł", "ß", "ĳ", "日本", "🙂", "\ud800", "Δ", "—", "</td>", "-->"]
)  # fmt: skip
NASTY = st.lists(PIECES | st.text(max_size=4), max_size=8).map("".join)


class Reader(HTMLParser):
    """The text and the tags of a piece of HTML."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.text = ""
        self.tags: list[str] = []

    def handle_data(self, data: str) -> None:
        self.text += data

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)


def read_html(text: str) -> Reader:
    reader = Reader()
    reader.feed(text)
    reader.close()
    return reader


@given(NASTY)
@settings(max_examples=120)
def test_html_reads_back_as_text(text: str) -> None:
    reader = read_html(f'<p title="{escape_html(text)}">{escape_html(text)}</p>')
    assert reader.text == strip_controls(text)
    assert reader.tags == ["p"]
    assert read_html(escape_figure(text)).text == strip_controls(text)
    assert read_html(escape_figure(text)).tags == []


@given(NASTY, NASTY)
@settings(max_examples=120)
def test_markdown_cells_read_back_as_text(one: str, other: str) -> None:
    source = f"| a | b |\n| --- | --- |\n| {escape_markdown(one)} | {escape_markdown(other)} |\n"
    parser = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])
    reader = read_html(parser.render(source))
    assert reader.tags == ["table", "thead", "tr", "th", "th", "tbody", "tr", "td", "td"]
    # what Markdown changes of a cell is the white space around it
    cells = re.findall(r"<td>(.*?)</td>", parser.render(source), re.DOTALL)
    assert [read_html(cell).text.strip() for cell in cells] == [
        strip_controls(one).strip(),
        strip_controls(other).strip(),
    ]


@given(NASTY, NASTY)
def test_csv_cells_are_text_and_no_formula(one: str, other: str) -> None:
    (_, row) = list(csv.reader(io.StringIO(write_csv(["a", "b"], [{"a": one, "b": other}]))))
    for cell, text in zip(row, (one, other), strict=True):
        assert cell in {strip_controls(text), f"'{strip_controls(text)}"}
        assert cell.lstrip()[:1] not in {"=", "+", "-", "@"} or not cell.strip()
        assert cell == escape_csv(text)


SAFE = re.compile(
    r"""\\(?:[#$%&_{}]|textbackslash\{\}|textasciicircum\{\}|textasciitilde\{\}|textless\{\}|textgreater\{\}|textbar\{\}
    |textendash\{\}|textemdash\{\}|ldots\{\}|(?:ss|ae|AE|oe|OE|o|O|l|L)\{\}|[`'^~=.\"]\{(?:[A-Za-z]|\\[ij]\{\})\}|[urHvc]\{(?:[A-Za-z]|\\[ij]\{\})\})
    |\{\\ttfamily\\char(?:34|96)\}|\{\\textquoteright\}|\{[\[\]*]\}|\{\}|\{\[\}U\+[0-9A-F]{4,6}\{\]\}|\$\\[A-Za-z]+\$|\$-\$|~
    |[A-Za-z0-9 ,;:.()/=+@?!-]""",
    re.VERBOSE,
)


@given(NASTY)
@example("[x]* --- i̇ ỉ Ǆ")
@settings(max_examples=200)
def test_latex_holds_known_safe_pieces_only(text: str) -> None:
    found = escape_latex(text)
    assert SAFE.sub("", found) == ""
    assert "--" not in found
    assert not found.startswith(("[", "*"))
    lost = {
        c for c in unicodedata.normalize("NFC", strip_controls(text)) if ord(c) > 126 and f"U+{ord(c):04X}" in found
    }
    assert all(not c.isascii() for c in lost)


HOSTILE = r"=1+1 <script>alert(1)</script> \input{x} $y$ %z # & ~^ _a_ {b} [c] |d| `e' -- é日🙂"


@pytest.fixture
def hostile(tmp_path: Path, write) -> tuple[str, str, str]:
    groups = ("a", HOSTILE)
    write(tmp_path / "base", "base", seed=1, groups=groups)
    write(
        tmp_path / "bad",
        HOSTILE,
        seed=2,
        groups=groups,
        labels={"honest_continuation": HOSTILE},
        record={"method": HOSTILE},
    )
    found = build_rows(read_audit([tmp_path]), resamples=200)
    lines = build_lines(found.rows, bases=["base"], against=None)
    return render_latex(found, lines), render_html(found, lines), HOSTILE


def test_html_page_runs_and_loads_nothing(hostile: tuple[str, str, str]) -> None:
    reader = read_html(hostile[1])
    assert reader.text.count(hostile[2]) >= 4
    known = "html head meta title style body h1 figure table caption thead tbody tr th td div ul li"
    assert set(reader.tags) == set(known.split())
    assert "default-src 'none'" in hostile[1]


def test_latex_is_balanced(hostile: tuple[str, str, str]) -> None:
    text = hostile[0]
    opened = re.findall(r"\\(begin|end)\{(\w+)\}", text)
    stack: list[str] = []
    for kind, name in opened:
        if kind == "begin":
            stack.append(name)
        else:
            assert stack.pop() == name
    assert stack == []
    bare = re.sub(r"\\[{}]", "", text)
    assert bare.count("{") == bare.count("}")
    for table in re.findall(r"\\toprule(.*?)\\bottomrule", text, re.DOTALL):
        inner = re.sub(r"\\begin\{tabular\}\[t\].*?\\end\{tabular\}", "", table, flags=re.DOTALL)
        assert len({len(re.findall(r"(?<!\\)&", line)) for line in inner.splitlines() if line.endswith(r"\\")}) == 1


@pytest.mark.skipif(
    not shutil.which("pdflatex"), reason="no pdflatex here (texlive-latex-base): the structural test stands"
)
def test_latex_compiles(hostile: tuple[str, str, str], tmp_path: Path) -> None:
    every = " ".join(
        escape_latex(chr(code))
        for code in [*range(32, 0x250), 0x394, 0x2014, 0x4E2D, 0x1F642]
        if chr(code).isprintable()
    )
    (tmp_path / "board.tex").write_text(hostile[0], encoding="utf-8")
    (tmp_path / "t.tex").write_text(
        r"\documentclass{article}\usepackage{booktabs}\begin{document}\input{board.tex} " + every + r"\end{document}",
        encoding="utf-8",
    )
    command = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "-no-shell-escape", "t.tex"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, timeout=120)
    assert done.returncode == 0, done.stdout.decode("latin-1")[-2000:]
    log = (tmp_path / "t.log").read_text("latin-1")
    assert "Missing character" not in log
    assert not [line for line in log.splitlines() if line.startswith("!")]


def test_tall_tables_are_split() -> None:
    from lorafair.leaderboard.latex import HEIGHT, _split_rows

    grid = Grid("t", [["a"]], [[["x"] * 4]] * 64, 1)
    parts = _split_rows(grid)
    assert [k for part in parts for k in part] == list(range(64))
    assert max(len(part) * 4 for part in parts) <= HEIGHT
