"""WinoMT's sentences as documents: counts, groups and clusters of the real file, and the sample's own."""

from __future__ import annotations

import os
from collections import Counter, defaultdict

import pytest

from lorafair.data.dataset import resolve
from lorafair.data.winomt import winomt_documents
from lorafair.errors import LorafairError

REAL = pytest.mark.skipif(not os.environ.get("LORAFAIR_DATA"), reason="LORAFAIR_DATA is not set: no WinoMT here")
PRONOUNS = {"he", "she", "his", "her", "him", "hers", "they", "their", "them", "himself", "herself", "themselves"}


def strip_pronouns(document):
    words = [word.strip(".,") for word in document["text"].lower().split()]
    return tuple(word for word in words if word not in PRONOUNS)


@REAL
def test_the_real_sentences_have_the_published_counts_and_clusters_of_gender_swaps():
    documents = winomt_documents()
    assert Counter(each["label"] for each in documents) == {"male": 1826, "female": 1822, "neutral": 240}
    stereotypes = Counter(name for each in documents for name in each["groups"].get("stereotype", ["none"]))
    assert stereotypes == {"pro": 1584, "anti": 1584, "none": 720}
    assert len({each["id"] for each in documents}) == 3888
    clusters = defaultdict(list)
    for each in documents:
        clusters[each["cluster"]].append(each)
    assert Counter(map(len, clusters.values())) == {4: 792, 12: 60}
    labels = {name: Counter(each["label"] for each in found) for name, found in clusters.items()}
    uneven = [name for name, found in labels.items() if found["male"] != found["female"]]
    assert uneven == ["winobias 785", "winobias 786"]  # the published files are so
    for found in clusters.values():
        people = {each["profession"].split()[0].lower() for each in found} - {"someone"}
        if len(found) == 4:
            assert all(name in each["text"].lower() for name in people for each in found), found


@REAL
def test_the_first_documents_are_a_fair_sample():
    documents = winomt_documents()[:60]
    assert abs(sum(each["label"] == "male" for each in documents) - 28) < 6
    stereotypes = Counter(name for each in documents for name in each["groups"].get("stereotype", ["none"]))
    assert stereotypes["pro"] == stereotypes["anti"] > 15
    assert stereotypes["none"] >= 12


def test_the_sample_is_balanced_and_its_entities_stand_where_it_says():
    documents = winomt_documents("winomt_sample")
    assert Counter(each["label"] for each in documents) == {"male": 28, "female": 28, "neutral": 4}
    stereotypes = Counter((each["label"], *each["groups"].get("stereotype", ())) for each in documents)
    assert {stereotypes[gender, kind] for gender in ("male", "female") for kind in ("pro", "anti")} == {12}
    for each in documents:
        assert each["text"].split()[each["index"]].strip(",.") == each["profession"]
    clusters = defaultdict(set)
    for each in documents:
        clusters[each["cluster"]].add(strip_pronouns(each))
    assert {len(found) for found in clusters.values()} == {1, 2}
    examples = resolve("winomt_examples").rows("examples")
    professions = {each["profession"] for each in documents}
    assert all(row["text"].split()[1] not in professions for row in examples)


def test_damaged_and_other_files_get_one_message(tmp_path, monkeypatch):
    (tmp_path / "winomt").mkdir()
    damaged = "male\t1\tThe cook ate.\tcook\nman\t1\tThe cook ate.\tcook\nmale\t9\tThe cook ate.\tcook\n"

    def write(sizes):
        for name, size in zip(("en", "en_pro", "en_anti"), sizes, strict=True):
            text = damaged + "male\t1\tThe cook ate.\tcook\n" * (size - 3)
            (tmp_path / "winomt" / f"{name}.txt").write_text(text, encoding="utf-8")

    monkeypatch.setenv("LORAFAIR_DATA", str(tmp_path))
    write((3, 3, 3))
    with pytest.raises(LorafairError, match=r"(?s)en.txt: expected 3888 rows, found 3.*en_anti.txt: expected 1584"):
        winomt_documents()
    write((3888, 1584, 1584))
    with pytest.raises(LorafairError, match=r"(?s)en.txt:2: expected gender.*en.txt:3: .*no token 9"):
        winomt_documents()
    with pytest.raises(LorafairError, match="no sentences file"):
        winomt_documents("honest_sample")
