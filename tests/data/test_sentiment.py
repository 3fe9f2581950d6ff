"""Reviews, sentences and pairs: counts of the real files worked out again, labels, parts, and what is left out."""

from __future__ import annotations

import csv
import os
from collections import Counter, defaultdict
from pathlib import Path

import pytest

from lorafair.data.sentiment import sentiment_documents, sentiment_pairs
from lorafair.errors import LorafairError

DATA = os.environ.get("LORAFAIR_DATA")
needs_data = pytest.mark.skipif(not DATA, reason="LORAFAIR_DATA is not set: no real reviews here")


def read(name):
    with Path(DATA, "imdb_cad", name).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file, delimiter="\t"))


def plain(text):
    return " ".join(text.replace("<br />", " ").split())


@needs_data
@pytest.mark.parametrize(("part", "documents"), [("test", 488), ("dev", 245), ("train", 1707), ("all", 2440)])
def test_the_original_reviews_are_those_of_the_file_quotes_and_all(part, documents):
    rows = [
        row for name in (("test", "dev", "train") if part == "all" else (part,)) for row in read(f"orig_{name}.tsv")
    ]
    found = sentiment_documents("imdb_cad_original", part).documents
    assert len(found) == len({d["id"] for d in found}) == documents
    mine = Counter((plain(d["text"]), d["label"]) for d in found)
    assert mine == Counter((plain(row["Text"]), int(row["Sentiment"] == "Positive")) for row in rows)
    assert not [d for d in found if "<br" in d["text"]]


@needs_data
def test_how_many_real_reviews_mention_whom_is_what_the_readme_says():
    found = sentiment_documents("imdb_cad_original", "all").documents
    counts = Counter((a, group) for d in found for a, groups in d["groups"].items() for group in groups)
    status = Counter(a for a, _ in counts.elements() if a.endswith(" status"))
    told = (counts["gender", "men"], counts["gender", "women"], status["race status"], status["religion status"])
    assert (told, counts["race status", "majority"]) == ((1427, 1010, 67, 43), 8)


@needs_data
def test_pairs_are_an_original_and_its_revision_with_the_other_label():
    originals = {plain(row["Text"]) for row in read("orig_test.tsv")}
    rows = defaultdict(list)
    for row in read("paired_test.tsv"):
        rows[row["batch_id"]].append(plain(row["Text"]))
    equal = {name for name, texts in rows.items() if len(set(texts)) < 2}
    found = sentiment_pairs("imdb_cad", "test")
    assert len(found.documents) == 2 * (488 - len(equal))
    assert found.remarks == [f"{len(equal)} of 488 pairs are no pairs (equal texts or labels) and were left out"]
    for one, other in zip(found.documents[::2], found.documents[1::2], strict=True):
        assert one["pair"] == other["pair"] == one["cluster"] == other["cluster"]
        assert (one["version"], other["version"]) == ("original", "revised")
        assert {one["label"], other["label"]} == {0, 1}
        assert "twin" not in one
    first = [plain(d["text"]) in originals for d in found.documents if d["version"] == "original"]
    assert sum(first) >= 486  # one original stands in the pairs with a changed character
    assert {g for d in found.documents for g in d["groups"]["version"]} == {"original", "revised"}


@pytest.fixture
def imdb(tmp_path, monkeypatch):
    """A writer of a file in the place of IMDb's test reviews, the given rows first."""
    import pandas

    monkeypatch.setenv("LORAFAIR_DATA", str(tmp_path))
    (tmp_path / "imdb").mkdir()

    def write(*rows, size=25_000):
        more = [(f"A man, number {i}.", i % 2) for i in range(size - len(rows))]
        texts, labels = zip(*rows, *more, strict=True)
        pandas.DataFrame({"text": texts, "label": labels}).to_parquet(tmp_path / "imdb" / "test.parquet")

    return write


def test_parquet_reviews_have_labels_groups_and_lengths_and_what_has_none_is_counted(imdb):
    imdb(("Great.<br /><br />A Muslim woman wins.", 1), ("No label here.", -1), ("", 0))
    found = sentiment_documents("imdb")
    assert len(found.documents) == 24_999
    assert found.remarks == ["1 of 25000 texts have no label and were left out"]
    (first,) = (d for d in found.documents if d["id"] == "1")
    assert (first["text"], first["label"], first["words"]) == ("Great. A Muslim woman wins.", 1, 5)
    assert first["groups"] == {
        "gender": ["women"],
        "religion": ["muslim"],
        "gender status": ["minority"],
        "religion status": ["minority"],
    }


def test_truncated_files_unknown_labels_and_parts_are_named(imdb):
    imdb(size=20)
    with pytest.raises(LorafairError, match=r"test\.parquet: expected 25000 rows, found 20"):
        sentiment_documents("imdb")
    imdb(("Odd.", 7))
    with pytest.raises(LorafairError, match=r"row 1: the label 7 is none of Negative, Positive"):
        sentiment_documents("imdb")
    imdb()
    with pytest.raises(LorafairError, match=r"imdb has no part 'train'; it has test.*\"part\": \"test\""):
        sentiment_documents("imdb", "train")


@pytest.mark.parametrize(("dataset", "test", "train"), [("imdb_sample", 128, 64), ("sst2_sample", 96, 32)])
def test_the_samples_are_balanced_and_mention_whom_they_are_about(dataset, test, train):
    found, more = sentiment_documents(dataset), sentiment_documents(dataset, "train")
    assert (len(found.documents), len(more.documents)) == (test, train)
    assert found.data["reviews"]["sample"] is True
    assert not {d["cluster"] for d in found.documents} & {d["cluster"] for d in more.documents}
    named = Counter((g, d["label"]) for d in found.documents for a in LEAD for g in d["groups"].get(a, ()))
    assert named == {(group, label): test // 16 for group in PEOPLE for label in (0, 1)}
    assert all(sum(a in d["groups"] for a in LEAD) == 1 for d in found.documents)


LEAD = ("gender", "race", "religion")
PEOPLE = ("men", "women", "white", "black", "asian", "christian", "jewish", "muslim")


def test_sample_pairs_are_sound_and_about_the_same_people():
    found = sentiment_pairs("imdb_sample", "all")
    assert (len(found.documents), found.remarks) == (192, [])
    for one, other in zip(found.documents[::2], found.documents[1::2], strict=True):
        assert one["pair"] == other["pair"]
        assert {a: g for a, g in one["groups"].items() if a != "version"} == {
            a: g for a, g in other["groups"].items() if a != "version"
        }
