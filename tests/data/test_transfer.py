"""`lorafair data pull` against a Hub of our own: what arrives, what is refused, what is gone on with."""

import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from lorafair.provenance import hash_file
from lorafair.registry import load_registry

COMMIT = "0123456789abcdef0123456789abcdef01234567"
ROWS = b"text,label\n" + b"".join(b'"a, b %d",%d\n' % (n, n % 2) for n in range(2000))
SHA = hashlib.sha256(ROWS).hexdigest()
FACTS = {"path": "words/words.csv", "hub": "data/train.csv", "rows": 2000, "sha256": SHA, "columns": ["text", "label"]}


@pytest.fixture
def declare(tmp_path):
    """Writes the folder's registry with one data set, ``words``, and returns its declaration."""

    def write(facts: dict | None = None, **more: object) -> dict:
        body = {"description": "words", "licence": "CC BY-NC 4.0", "hub": "acme/words", "revision": COMMIT}
        body |= {"files": {"rows": FACTS | (facts or {})}} | more
        body = {key: value for key, value in body.items() if value is not None}
        (tmp_path / "registry.yaml").write_text(yaml.safe_dump({"schema": 1, "datasets": {"words": body}}))
        return body

    return write


def test_pull_puts_the_pinned_files_where_lorafair_data_wants_them(tmp_path, hub, lorafair, declare):
    declare(terms="not for sale")
    hub.put("acme/words", "data/train.csv", ROWS)
    done = lorafair("data", "pull", "words", "--out", "data")
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "data/words/words.csv").read_bytes() == ROWS
    assert sorted(p.name for p in (tmp_path / "data").iterdir()) == ["words"]
    assert "licence CC BY-NC 4.0" in done.stderr
    assert "not for sale" in done.stderr
    assert {path.split("/")[5] for _, path, _ in hub.asked} == {COMMIT}
    asked = len(hub.asked)
    again = lorafair("data", "pull", "words", "--out", "data")
    assert "already there" in again.stdout
    assert len(hub.asked) == asked
    listed = json.loads(lorafair("data", "list", "--json", LORAFAIR_DATA="data").stdout)
    assert [(r["place"], r["rows"]) for r in listed if r["name"] == "words"] == [("folder", 2000)]
    assert lorafair("data", "check", "words", LORAFAIR_DATA="data").returncode == 0


def test_pull_goes_on_after_a_cut_and_in_a_later_run(tmp_path, hub, lorafair, declare):
    declare()
    hub.put("acme/words", "data/train.csv", ROWS)
    hub.cut, hub.die_after_cut = [7000], True
    broken = lorafair("data", "pull", "words", "--out", "data")
    assert broken.returncode == 2
    assert "the same command goes on" in broken.stderr
    assert "Traceback" not in broken.stderr
    assert not (tmp_path / "data/words").exists()
    hub.dead, hub.die_after_cut, hub.cut = False, False, [5000]
    hub.asked.clear()
    done = lorafair("data", "pull", "words", "--out", "data")
    assert done.returncode == 0, done.stderr
    assert [r for method, _, r in hub.asked if method == "GET"] == ["bytes=7000-", "bytes=12000-"]
    assert hashlib.sha256((tmp_path / "data/words/words.csv").read_bytes()).hexdigest() == SHA


@pytest.mark.parametrize(
    ("content", "said"),
    [(ROWS[:-20], "expected 2000 rows, found 1998"), (ROWS.replace(b"1999", b"1998"), f"expected sha256 {SHA}")],
)
def test_what_is_not_the_declared_file_never_takes_its_place(tmp_path, hub, lorafair, declare, content, said):
    declare()
    hub.put("acme/words", "data/train.csv", content)
    done = lorafair("data", "pull", "words", "--out", "data")
    assert (done.returncode, said in done.stderr) == (2, True), done.stderr
    assert list((tmp_path / "data").rglob("*.csv")) == []


def test_a_branch_may_have_moved_on_and_is_told_of(tmp_path, hub, lorafair, declare):
    declare(revision=None)
    hub.put("acme/words", "data/train.csv", ROWS.replace(b"1999", b"1998"))
    done = lorafair("data", "pull", "words", "--out", "data")
    assert done.returncode == 0
    assert "results will say modified" in done.stderr
    assert lorafair("data", "check", "words", LORAFAIR_DATA="data").returncode == 1


def test_a_file_in_the_way_is_left_alone_unless_overwritten(tmp_path, hub, lorafair, declare):
    declare()
    hub.put("acme/words", "data/train.csv", ROWS)
    mine = tmp_path / "data/words/words.csv"
    mine.parent.mkdir(parents=True)
    mine.write_text("text,label\nmine,1\n")
    done = lorafair("data", "pull", "words", "--out", "data")
    assert (done.returncode, "--overwrite" in done.stderr, mine.read_text()[-7:]) == (2, True, "mine,1\n")
    assert lorafair("data", "pull", "words", "--out", "data", "--overwrite").returncode == 0
    assert mine.read_bytes() == ROWS


def test_a_url_serves_what_the_hub_does_not_have_and_names_that_are_wrong_are_told(tmp_path, hub, lorafair, declare):
    hub.files["/raw/words.csv"] = ROWS
    declare({"url": f"{hub.address}/raw/words.csv"}, hub=None)
    done = lorafair("data", "pull", "words", "--out", "data")
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "data/words/words.csv").read_bytes() == ROWS
    assert "Did you mean 'words'?" in lorafair("data", "pull", "wrds").stderr
    assert "needs no pull" in lorafair("data", "pull", "honest_sample").stderr
    missing = lorafair("data", "pull", "hurtlex_en", HF_HUB_OFFLINE="1")
    assert "CC BY-NC-SA 4.0" in missing.stderr
    assert "never bundled" in missing.stderr
    assert "HF_HUB_OFFLINE is set" in missing.stderr


def test_a_hub_that_lacks_the_file_or_is_gone_is_one_message(hub, lorafair, declare):
    declare()
    for dead in (False, True):
        hub.dead = dead
        done = lorafair("data", "pull", "words", "--out", "data")
        assert done.returncode == 2
        assert "data/train.csv of acme/words" in done.stderr
        assert "Traceback" not in done.stderr


def test_evaluation_reads_the_hub_at_the_pinned_revision(tmp_path, hub, lorafair, declare):
    declare()
    hub.put("acme/words", "data/train.csv", ROWS)
    assert "absent  words  hub" in lorafair("data", "check", "words").stdout
    code = (
        "from lorafair.data.dataset import resolve\n"
        "found = resolve('words')\nprint(found.source, found.revision, len(found.rows('rows')), found.modified)"
    )
    env = {k: v for k, v in os.environ.items() if not k.startswith(("HF_", "LORAFAIR_"))}
    env |= {"HF_ENDPOINT": hub.address, "HF_HOME": str(tmp_path / "hf"), "LORAFAIR_REGISTRY": str(tmp_path)}
    done = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, encoding="utf-8")
    assert done.stdout.split() == ["hub", COMMIT, "2000", "()"], done.stderr
    assert "ok      words  hub, cached" in lorafair("data", "check", "words").stdout


def test_no_data_of_others_is_in_this_repository():
    root = Path(__file__).resolve().parents[2]
    if not (root / ".git").exists():
        pytest.skip("no clone: git does not say which files are the repository's")
    declared = {
        facts["sha256"]: entry.name
        for entry in load_registry().entries("dataset")
        for facts in entry.fields.get("files", {}).values()
        if "sha256" in facts and not entry.fields.get("sample")
    }
    assert len(declared) >= 14
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=root, capture_output=True, encoding="utf-8", check=True)
    files = [root / name for name in listed.stdout.split("\0") if name and (root / name).is_file()]
    assert len(files) > 200
    assert [path for path in files if hash_file(path) in declared] == []
