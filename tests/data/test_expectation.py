"""Reading and checking data files: every format, and every way in which a file is not the declared one."""

import json
import os
import re
import time
from pathlib import Path

import pandas
import pytest
import yaml
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st
from lorafair.cli.main import cli

from lorafair.data.dataset import resolve
from lorafair.data.expectation import count_rows, find_faults, make_test
from lorafair.data.table import Form, Table, read_form, read_table
from lorafair.errors import LorafairError
from lorafair.registry import load_registry
from lorafair.registry_file import LOCAL, read_entries

DOC = (Path(__file__).resolve().parents[2] / "docs" / "data.md").read_text(encoding="utf-8")
EXAMPLE = DOC.partition("```yaml\n")[2].partition("```")[0]
COMMENTS = (
    "comment,score,woman,man\n"
    '"a, quoted",0.7,True,False\n'
    '"a, quoted",-3,True,False\n'  # the same comment, rated by another: not distinct
    "b,0.5,True,False\n"
    "c,2,False,True\n"
    "d,nan,True,True\n"
    "e,-1,False,False\n"
)


@pytest.fixture
def own(tmp_path, monkeypatch):
    """Writes files and a registry into a folder that is the working folder; ``own(declaration, name=content…)``."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("LORAFAIR_REGISTRY", raising=False)

    def write(text: str, **files: str) -> None:
        (tmp_path / "registry.yaml").write_text(text, encoding="utf-8")
        (tmp_path / "data").mkdir(exist_ok=True)
        for name, content in files.items():
            (tmp_path / "data" / name.replace("_", ".")).write_text(content, encoding="utf-8")

    return write


def declare(**facts: object) -> str:
    body = {"description": "x", "licence": "MIT", "files": {"rows": {"path": "data/x.csv"} | facts}}
    return yaml.safe_dump({"schema": 1, "datasets": {"mine": body}})


def test_the_example_of_the_documentation_holds_as_printed(own):
    own(EXAMPLE.replace('score: ">= -5"', 'score: [">= -5", "nan"]'), comments_csv=COMMENTS)
    found = resolve("comments")
    assert [row["comment"] for row in found.rows("ratings")] == ["a, quoted", "a, quoted", "b", "c", "d", "e"]
    assert found.rows("ratings", ["man"])[3] == {"man": "True"}
    done = CliRunner().invoke(cli, ["data", "check", "comments"])
    assert done.exit_code == 0
    assert "ratings, women: 3 rows, 1 positives" in done.output


def test_every_fault_comes_at_once_with_expected_and_found(own):
    wrong = COMMENTS.replace("c,2,", "c,0.1,").replace("e,-1,", "e,-9,").replace("b,0.5,True", "b,0.5,maybe")
    own(EXAMPLE, comments_csv=wrong)
    with pytest.raises(LorafairError) as error:
        resolve("comments")
    said = str(error.value)
    for part in (
        "expected 2 positives, found 1",
        "expected 3 rows in the subset women, found 2",
        "expected 1 positives in the subset men, found 0",
        "expected woman to be True or False; found 'maybe' in row 3 (1 of 6 rows)",
        "expected score to be >= -5; found 'nan' in row 5, '-9' in row 6 (2 of 6 rows)",
    ):
        assert part in said
    done = CliRunner().invoke(cli, ["data", "check"])
    assert done.exit_code == 1
    assert "expected 2 positives, found 1" in done.output
    assert "1 with faults" in done.output


def test_check_holds_the_hash_and_says_what_is_absent(own, monkeypatch, tmp_path):
    own(declare(sha256="0" * 64, columns=["a"]), x_csv="a\n1\n")
    done = CliRunner().invoke(cli, ["data", "check", "mine"])
    assert (done.exit_code, f"expected sha256 {'0' * 64}, found" in done.output) == (1, True)
    monkeypatch.setenv("LORAFAIR_DATA", str(tmp_path))
    done = CliRunner().invoke(cli, ["data", "check", "hurtlex_en"])
    assert (done.exit_code, "absent  hurtlex_en" in done.output) == (1, True)
    assert "lorafair data pull hurtlex_en" in done.output
    assert "Did you mean 'hurtlex_en'" in CliRunner().invoke(cli, ["data", "check", "hurtlex_enn"]).output


def test_a_column_that_is_not_there_is_named_and_nothing_breaks(own):
    own(declare(label="gold", positive=1, positives=3, rows=9, distinct=["b"]), x_csv="a,b\n1,2\n")
    with pytest.raises(LorafairError) as error:
        resolve("mine")
    assert "expected the columns gold; found a, b" in str(error.value)
    assert "expected 9 rows, found 1" in str(error.value)


@pytest.mark.parametrize(
    ("facts", "said"),
    [
        ({"positives": 3}, "needs `label:`"),
        ({"header": False}, "needs `columns:`"),
        ({"format": "parket"}, "Did you mean 'parquet'"),
        ({"hub": "loader.py"}, "names a script"),
        ({"url": "https://example.org/load.py?raw=1", "sha256": "0"}, "names a script"),
        ({"url": "https://example.org/x.csv"}, "needs the file's `sha256:`"),
        ({"url": "file:///etc/passwd", "sha256": "0"}, "begins with https://"),
        ({"subsets": {"a": {"were": {}}}}, "Did you mean 'where'"),
        ({"subsets": {"a": 3}}, "subset 'a' is a mapping"),
        ({"rows": "3"}, "`rows:` is a int"),
    ],
)
def test_declarations_that_cannot_be_meant_are_faults_of_the_registry(own, facts, said):
    own(declare(**facts))
    with pytest.raises(LorafairError, match="registry") as error:
        load_registry()
    assert said in str(error.value)


def test_no_data_set_and_no_task_asks_for_a_loading_script():
    for entry in load_registry().entries("dataset"):
        for facts in (entry.fields.get("files") or {}).values():
            assert not any(str(facts.get(key, "")).endswith(".py") for key in ("path", "hub", "url")), entry.name
    root = Path(__file__).resolve().parents[2]
    packaged = {"csv", "json", "parquet", "text", "arrow"}
    tasks = list((root / "lorafair_tasks").rglob("*.yaml"))
    assert len(tasks) >= 2
    for path in tasks:
        for line in path.read_text(encoding="utf-8").splitlines():
            if line.startswith("dataset_path:"):
                assert line.partition(":")[2].strip() in packaged, path
    for room in ("lorafair_tasks", "lorafair/data"):
        for path in (root / room).rglob("*"):
            if path.suffix in {".py", ".yaml"}:
                assert not re.search(r"trust_remote_code\W+True", path.read_text(encoding="utf-8")), path


def write(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8", newline="")
    return path


def test_formats_read_the_same_rows(tmp_path):
    rows = [{"a": "1", "b": 'x "y"'}, {"a": "2", "b": "z"}]
    pandas.DataFrame(rows).to_parquet(tmp_path / "x.parquet")
    for path, facts in (
        (write(tmp_path / "x.csv", 'a,b\r\n1,"x ""y"""\r\n2,z\r\n'), {}),
        (write(tmp_path / "x.tsv", 'a\tb\n1\tx "y"\n2\tz\n'), {}),
        (write(tmp_path / "q.tsv", '\ufeffa\tb\n1\t"x ""y"""\n2\tz'), {"quoting": True}),
        (
            write(tmp_path / "x.txt", '1 ||| x "y"\n2 ||| z\n'),
            {"separator": " ||| ", "header": False, "columns": ["a", "b"]},
        ),
        (write(tmp_path / "x.dat", "".join(json.dumps(row) + "\n" for row in rows)), {"format": "jsonl"}),
        (tmp_path / "x.parquet", {}),
    ):
        table, faults = read_table(path, read_form(path, facts))
        assert (table.rows(), faults, len(table), table.column("b")) == (rows, [], 2, ['x "y"', "z"]), path
        assert find_faults(path, table, {"columns": ["a", "b"], "rows": 2}) == []


def test_broken_files_are_faults_with_their_place(tmp_path):
    for path, said in (
        (write(tmp_path / "a.csv", 'a,b\n1,"never closed\n2,3\n'), "cannot be read"),
        (write(tmp_path / "b.csv", "a,b\n1,2,3\n"), "b.csv:2: expected 2 comma-separated cells, found 3"),
        (write(tmp_path / "c.txt", "1 ||| 2\n3\n"), "c.txt:2: expected 2 cells, found 1"),
        (write(tmp_path / "d.parquet", "PAR1 no"), "cannot be read as parquet"),
        (tmp_path / "gone.csv", "No such file"),
    ):
        facts = {"separator": " ||| ", "header": False, "columns": ["a", "b"]} if path.suffix == ".txt" else {}
        faults = read_table(path, read_form(path, facts))[1]
        assert len(faults) == 1
        assert said in faults[0]


VALUES = st.sampled_from(["1", "0", "True", "", "0.5", "-2", "nan", "x"])


@settings(deadline=None)
@given(st.lists(st.tuples(VALUES, VALUES, VALUES), max_size=30), VALUES, st.sampled_from(["> 0.4", "1", ["1", "x"]]))
def test_counts_agree_with_pandas(cells, member, positive):
    rows = [dict(zip("abc", each, strict=True)) for each in cells]
    table = Table(["a", "b", "c"], len(rows), rows)
    facts = {"label": "b", "positive": positive, "distinct": ["a"], "subsets": {"s": {"where": {"c": member}}}}
    counts = {(one.subset, one.what): one.found for one in count_rows(table, facts)}
    frame = pandas.DataFrame(rows, columns=["a", "b", "c"], dtype=str)
    kept = frame.drop_duplicates("a", keep="first")
    if positive == "> 0.4":
        good = pandas.to_numeric(kept["b"], errors="coerce") > 0.4
    else:
        good = kept["b"].isin([positive] if isinstance(positive, str) else positive)
    inside = kept["c"] == member
    assert counts == {
        ("", "rows"): len(frame),
        ("", "positives"): int(good.sum()),
        ("s", "rows"): int(inside.sum()),
        ("s", "positives"): int((good & inside).sum()),
    }


def test_values_are_compared_as_text_and_numbers_by_their_size():
    assert [make_test(1)(value) for value in (1, "1", 1.0, True, "1.0")] == [True, True, True, False, False]
    assert [make_test(True)(value) for value in (True, "True", 1, "true")] == [True, True, False, False]
    assert [make_test("> 0.5")(value) for value in (0.6, "0.6", 0.5, None, "x", float("nan"))] == [True, True] + [
        False
    ] * 4
    assert make_test("> five")("> five")


@pytest.mark.skipif(not os.environ.get("LORAFAIR_DATA"), reason="LORAFAIR_DATA is not set: no real HateCheck here")
def test_the_published_counts_of_hatecheck_are_found():
    path = Path(os.environ["LORAFAIR_DATA"]) / "hatecheck" / "test_suite_cases.csv"
    facts = {
        "label": "label_gold",
        "positive": "hateful",
        "subsets": {"women": {"where": {"target_ident": "women"}, "rows": 509}},
        "values": {"label_gold": ["hateful", "non-hateful"]},
    }
    table, faults = read_table(path, read_form(path, facts))
    assert (len(table), faults, find_faults(path, table, facts)) == (3728, [], [])
    assert count_rows(table, facts)[1].found == 2563


def test_a_hundred_thousand_rows_of_many_columns_are_checked_within_seconds(tmp_path):
    frame = pandas.DataFrame(
        {f"c{k}": range(100_000) for k in range(60)} | {"text": [f"t{n % 40_000}" for n in range(100_000)]}
    )
    frame["label"] = [n % 2 == 0 for n in range(100_000)]
    path = tmp_path / "wide.parquet"
    frame.to_parquet(path)
    facts = {"rows": 100_000, "label": "label", "positive": True, "distinct": ["text"], "positives": 20_000}
    facts["subsets"] = {f"s{k}": {"where": {f"c{k}": "< 1000"}, "rows": 1000} for k in range(5)}
    start = time.perf_counter()
    table, faults = read_table(path, Form("parquet"))
    assert faults + find_faults(path, table, facts) == []
    assert time.perf_counter() - start < 20


def test_read_entries_takes_what_the_table_of_the_documentation_lists():
    named = {
        key
        for line in DOC.splitlines()
        if line.startswith("| `")
        for key in line.split("|")[1].replace("`", "").replace(",", " ").split()
    }
    from lorafair.registry_file import FILE_TYPES

    assert named == set(FILE_TYPES)
    assert read_entries(EXAMPLE, "doc", LOCAL, "")[1] == []
