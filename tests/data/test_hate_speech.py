"""Measuring Hate Speech and HateCheck: the published counts, the 200 real rows worked out again, flags, split, faults."""

from __future__ import annotations

import csv
import json
import os
from collections import Counter, defaultdict
from pathlib import Path

import pytest

from lorafair.data.hate_speech import ATTRIBUTES, PUBLISHED, SUBSETS, hate_speech_documents, split_rows
from lorafair.data.hatecheck import hatecheck_documents
from lorafair.errors import LorafairError
from lorafair.registry import load_registry

DATA = os.environ.get("LORAFAIR_DATA")
needs_data = pytest.mark.skipif(not DATA, reason="LORAFAIR_DATA is not set: no real comments here")
WHOLE = Path(DATA or "", "mhs", "measuring-hate-speech.parquet")
SMALL = "measuring_hate_speech_200"
COLUMNS = load_registry().get("dataset", SMALL).fields["columns"]


def read(*path):
    with Path(DATA, *path).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


@pytest.mark.skipif(not WHOLE.is_file(), reason="mhs/measuring-hate-speech.parquet is not in LORAFAIR_DATA: Hub only")
@pytest.mark.parametrize("subset", SUBSETS)
def test_the_whole_set_has_the_published_numbers(subset):
    found = hate_speech_documents(subset, part="all").documents
    assert (len(found), sum(d["label"] for d in found)) == PUBLISHED[subset]


@needs_data
@pytest.mark.parametrize("subset", SUBSETS)
def test_the_200_real_rows_are_exact(subset):
    """Worked out with csv and Counter alone."""
    rows = read("mhs", "mhs_sample_200_canonical.csv")
    first = {}
    for row in rows:
        first.setdefault(row["text"], row)
    mine = [r for r in first.values() if subset == "all" or r[f"target_{subset}"] == "True"]
    attributes = [a for a in ATTRIBUTES if subset in (a, "all")]
    named = Counter(
        (a, column.removeprefix(f"target_{a}_"))
        for row in mine
        for a in attributes
        for column, said in row.items()
        if column.startswith(f"target_{a}_") and said == "True"
    )
    found = hate_speech_documents(subset, part="all", dataset=SMALL)
    labels = {d["id"]: d["label"] for d in found.documents}
    assert labels == {row["comment_id"]: int(float(row["hate_speech_score"]) > 0.5) for row in mine}
    assert Counter((a, g) for d in found.documents for a, groups in d["groups"].items() for g in groups) == named
    assert {d["text"] for d in found.documents} == {row["text"] for row in mine}
    assert all(d["cluster"] == d["id"] for d in found.documents)
    assert found.data["comments"]["sample"] is False
    counts = {"race": 61, "religion": 41, "age": 5, "gender": 69, "sexuality": 42, "all": 200}
    assert len(found.documents) == counts[subset]


@pytest.fixture
def comments(tmp_path, monkeypatch):
    """A writer of a file in the place of the 200 rows, of as many rows, the given ones first."""

    def write(*given):
        monkeypatch.setenv("LORAFAIR_DATA", str(tmp_path))
        (tmp_path / "mhs").mkdir(exist_ok=True)
        rows = [*given, *({"text": f"filler {i}", "hate_speech_score": "-1"} for i in range(200 - len(given)))]
        with (tmp_path / "mhs" / "mhs_sample_200_canonical.csv").open("w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, COLUMNS)
            writer.writeheader()
            for number, row in enumerate(rows):
                writer.writerow({**dict.fromkeys(COLUMNS, "False"), "comment_id": str(number), **row})

    return write


def test_the_first_annotation_of_a_text_counts_or_the_majority_of_them(comments):
    comments(
        {"text": "one", "hate_speech_score": "0.51", "target_race": "True", "target_race_black": "True"},
        {"text": "two", "hate_speech_score": "0.5", "target_race": "True", "target_race_white": "True"},
        {"text": "one", "hate_speech_score": "0.51", "target_race": "True", "target_race_asian": "True"},
        {"text": "one", "hate_speech_score": "0.51", "target_race": "True", "target_race_asian": "True"},
        {"text": "two", "hate_speech_score": "0.5", "target_race": "True", "target_race_black": "True"},
        {"text": "three", "hate_speech_score": "2"},
        {"text": "three", "hate_speech_score": "2", "target_race": "True", "target_race_black": "True"},
    )
    first = {d["text"]: d for d in hate_speech_documents("race", "all", SMALL).documents}
    assert {text: (d["label"], d["groups"]) for text, d in first.items()} == {
        "one": (1, {"race": ["black"]}),
        "two": (0, {"race": ["white"]}),
    }
    voted = {d["text"]: d for d in hate_speech_documents("race", "all", SMALL, flags="majority").documents}
    assert {text: (d["id"], d["groups"]) for text, d in voted.items()} == {
        "one": ("0", {"race": ["asian"]}),
        "two": ("1", {}),  # half is no majority: about race, but nobody's group
    }
    everything = hate_speech_documents("all", "all", SMALL).documents
    assert len(everything) == 196
    assert next(d for d in everything if d["text"] == "three")["groups"] == {}


def test_overlapping_groups_are_kept_and_comments_without_a_score_are_counted(comments):
    both = {"target_gender": "True", "target_gender_men": "True", "target_gender_women": "True"}
    comments({"text": "a", "hate_speech_score": "1", **both}, {"text": "b", "hate_speech_score": "", **both})
    found = hate_speech_documents("gender", "all", SMALL)
    assert [d["groups"] for d in found.documents] == [{"gender": ["men", "women"]}]
    assert found.remarks == ["1 of 2 comments have no score and were left out"]


def test_flags_and_scores_that_are_none_are_named_with_their_rows(comments):
    comments(
        {"text": "a", "hate_speech_score": "1", "target_race": "maybe"}, {"text": "b", "hate_speech_score": "much"}
    )
    with pytest.raises(LorafairError) as error:
        hate_speech_documents("race", "all", SMALL)
    assert "target_race, row 1: 'maybe' is neither True nor False" in str(error.value)
    assert "hate_speech_score, row 2: 'much' is no number" in str(error.value)


def test_another_file_of_the_right_size_says_expected_and_found(tmp_path, monkeypatch):
    import pandas

    monkeypatch.setenv("LORAFAIR_DATA", str(tmp_path))
    (tmp_path / "mhs").mkdir()
    frame = pandas.DataFrame({column: [False] * 135_556 for column in COLUMNS})
    frame["comment_id"], frame["hate_speech_score"] = range(135_556), 1.0
    frame["text"] = [f"text {i % 39_565}" for i in range(135_556)]
    frame.loc[:9, ["target_age", "target_age_seniors"]] = True
    frame.to_parquet(tmp_path / "mhs" / "measuring-hate-speech.parquet")
    with pytest.raises(LorafairError) as error:
        hate_speech_documents("race")
    message = str(error.value)
    assert "race: expected 11,670 comments, 2,954 of them hateful; found 0 and 0." in message
    assert "age: expected 957 comments, 201 of them hateful; found 10 and 10." in message
    assert "all: expected 39,565 comments, 10,354 of them hateful; found 39,565 and 39,565." in message
    assert "measuring-hate-speech.parquet" in message


@pytest.mark.parametrize("rows", [1, 9, 10, 957, 11_670])
def test_the_split_is_that_of_the_datasets_library(rows):
    from datasets import Dataset

    for seed in (13, 1337):
        theirs = Dataset.from_dict({"row": range(rows + 1)}).train_test_split(test_size=0.2, seed=seed)
        mine = split_rows(rows + 1, seed)
        assert {part: list(found) for part, found in mine.items()} == {p: theirs[p]["row"] for p in ("test", "train")}


@needs_data
def test_parts_make_the_whole_and_a_common_split_holds_over_subsets():
    def ids(*args, **kwargs):
        return {d["id"] for d in hate_speech_documents(*args, dataset=SMALL, **kwargs).documents}

    for split in ("paper", "common"):
        test, train = ids("all", "test", split=split), ids("all", "train", split=split)
        assert test | train == ids("all", "all")
        assert not test & train
    assert len(ids("all", "test")) == 40
    assert ids("all", "test", split_seed=14) != ids("all", "test")
    assert not ids("race", "test", split="common") & ids("gender", "train", split="common")
    assert ids("race", "test") & ids("gender", "train")  # the paper's split is drawn in each subset


def test_a_missing_file_names_folder_and_path(tmp_path, monkeypatch):
    monkeypatch.setenv("LORAFAIR_DATA", str(tmp_path))
    with pytest.raises(LorafairError) as error:
        hate_speech_documents("race")
    assert f"mhs/measuring-hate-speech.parquet is not in the folder LORAFAIR_DATA={tmp_path}" in str(error.value)


@needs_data
def test_hatecheck_is_the_published_suite():
    """3,728 cases, 29 functionalities, 68.8% hateful, seven target groups (Röttger et al. 2021, section 3)."""
    rows = read("hatecheck", "test_suite_cases.csv")
    documents = hatecheck_documents().documents
    assert len(documents) == 3_728
    assert sum(d["label"] for d in documents) == 2_563
    assert round(100 * 2_563 / 3_728, 1) == 68.8
    assert Counter(d["groups"]["functionality"][0] for d in documents) == Counter(r["functionality"] for r in rows)
    assert len({d["groups"]["functionality"][0] for d in documents}) == 29
    targets = Counter(d["groups"].get("target", [""])[0] for d in documents)
    assert targets == Counter(r["target_ident"] for r in rows)
    assert (len(targets), targets["women"], targets[""]) == (8, 509, 292)
    assert len({d["cluster"] for d in documents}) == len({r["case_templ"] for r in rows}) == 845
    template = {r["case_id"]: r["case_templ"] for r in rows}
    together = defaultdict(set)
    for d in documents:
        together[d["cluster"]].add(template[d["id"]])
    assert all(len(each) == 1 for each in together.values())


@needs_data
def test_hatecheck_twins_differ_in_their_target_only():
    pairs = defaultdict(list)
    for document in hatecheck_documents().documents:
        if "twin" in document:
            pairs[document["pair"]].append(document)
    assert len(pairs) == 421
    for twins in pairs.values():
        assert len({d["twin"] for d in twins}) == len(twins) == 7
        assert len({(d["label"], d["cluster"]) for d in twins}) == 1


@pytest.mark.parametrize(("kind", "documents", "groups"), [("comments", 272, 15), ("cases", 128, 7)])
def test_the_sample_is_balanced_over_groups_and_labels(kind, documents, groups):
    def load(part):
        if kind == "cases":
            return hatecheck_documents("hatecheck_sample").documents
        return hate_speech_documents("all", part, "hate_speech_sample").documents

    found = load("test")
    assert len(found) == len({d["id"] for d in found}) == len({d["text"] for d in found}) == documents
    counts = Counter(
        (a, g, d["label"]) for d in found for a, names in d["groups"].items() if a != "functionality" for g in names
    )
    per = {label: {n for (_, _, own), n in counts.items() if own == label} for label in (0, 1)}
    assert (len(counts), per) == (2 * groups, {0: {8}, 1: {10}})
    assert sum(not set(d["groups"]) - {"functionality"} for d in found) == 2
    if kind == "comments":
        train = load("train")
        assert len(train) == 136
        assert not {d["cluster"] for d in found} & {d["cluster"] for d in train}
    assert json.loads(json.dumps(found)) == found


def test_the_sample_names_the_groups_of_the_real_sets():
    for attribute, names in ATTRIBUTES.items():
        found = hate_speech_documents(attribute, "all", "hate_speech_sample").documents
        used = {name for d in found for name in d["groups"].get(attribute, ())}
        assert len(used) == 3
        assert used <= set(names)
        assert not [d for d in found if set(d["groups"]) - {attribute}]
    cases = hatecheck_documents("hatecheck_sample").documents
    assert {g for d in cases for g in d["groups"].get("target", ())} == {
        *("women", "trans people", "gay people", "black people", "disabled people", "Muslims", "immigrants")
    }
