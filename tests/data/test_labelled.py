"""Labelled data: their labels' order, groups as indices, parts by cluster, every fault at once, sets by name."""

from __future__ import annotations

import json
import os

import pytest

from lorafair.data.hatecheck import hatecheck_documents
from lorafair.data.labelled import load_labelled
from lorafair.errors import LorafairError
from lorafair.registry import load_registry


def write(path, *rows):
    lines = (row if isinstance(row, str) else json.dumps(row) for row in rows)
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    return str(path)


class Words:
    """A tokenizer of one token per word between two special ones, cut as transformers cuts."""

    def __call__(self, texts, truncation=False, max_length=0):
        rows = [[1, *(len(word) + 2 for word in text.split())] for text in texts]
        return {"input_ids": [[*(row[: max_length - 1] if truncation else row), 2] for row in rows]}


@pytest.mark.parametrize(
    ("found", "options", "labels", "first"),
    [
        (["b", "a", "b"], {}, ("a", "b"), "b"),
        ([10, 9, 10], {}, ("9", "10"), "10"),
        (["b", "a", "b"], {"labels": "b,a"}, ("b", "a"), "b"),
        ([1, 0, 1], {"labels": ["no", "yes"]}, ("no", "yes"), "yes"),
        (["-1", "2", "2"], {}, ("-1", "2"), "-1"),
    ],
)
def test_labels_have_an_order_that_does_not_depend_on_the_rows(tmp_path, found, options, labels, first):
    path = write(tmp_path / "d.jsonl", *({"text": "x", "label": label} for label in found))
    data = load_labelled(path, options=options)
    assert data.labels == data.head.labels == labels
    assert data.rows[0]["label"] == first
    assert sum(data.provenance["labels"].values()) == 3


def test_examples_carry_indices_of_labels_and_groups_and_count_what_is_cut(tmp_path):
    path = write(
        tmp_path / "d.jsonl",
        {"text": "a bb ccc", "label": "x", "groups": {"race": ["b", "a"], "age": ["old"]}, "id": "one"},
        {"text": "dddd", "label": "y"},
    )
    data = load_labelled(path)
    assert data.groups == ("age=old", "race=a", "race=b")
    tokenizer = Words()
    found = data.encode(tokenizer, 4, ("y", "x"))
    assert found.examples == [
        {"input_ids": [1, 3, 4, 2], "label": 1, "id": "one", "groups": [0, 1, 2]},
        {"input_ids": [1, 6, 2], "label": 0, "id": "2", "groups": []},
    ]
    assert found.truncated == 1
    assert data.encode(tokenizer, 4, ("y", "x")) is found
    assert data.encode(tokenizer, 9, ("y", "x")).truncated == 0
    bare = load_labelled(write(tmp_path / "e.jsonl", *({"text": "x", "label": n} for n in range(2))))
    assert "groups" not in bare.encode(tokenizer, 9, ("0", "1")).examples[0]


def test_every_fault_comes_at_once_with_its_line(tmp_path):
    path = write(
        tmp_path / "bad.jsonl",
        {"prompt": "a", "completion": "b"},
        {"text": " ", "label": 1},
        {"text": "a"},
        {"text": "a", "label": 0.5},
        {"text": "a", "label": True},
        {"text": "a", "label": "x", "groups": {"race": "white"}},
        {"text": "a", "label": "fine"},
        "[1]",
        {"text": 3, "label": "x"},
    )
    with pytest.raises(LorafairError) as caught:
        load_labelled(path)
    said = str(caught.value)
    for line, what in (
        (1, "no column text (found: prompt, completion)"),
        (2, "text is empty"),
        (3, "no column label (found: text)"),
        (4, "label is 0.5, not a name or a whole number"),
        (5, "label is True"),
        (6, "the groups of race are 'white', not a list of names"),
        (8, "not a JSON object but list"),
        (9, "text is int, not a string"),
    ):
        assert f"line {line}: {what}" in said
    assert "line 7" not in said
    with pytest.raises(LorafairError, match="label is 'c', none of a, b"):
        load_labelled(write(tmp_path / "c.jsonl", {"text": "x", "label": "c"}), options={"labels": "a,b"})
    with pytest.raises(LorafairError, match="give two names or more"):
        load_labelled(write(tmp_path / "c.jsonl", {"text": "x", "label": "c"}), options={"labels": "a"})


def test_a_single_label_and_data_without_any_are_refused(tmp_path):
    with pytest.raises(LorafairError, match=r"every row has the label 'x'.*two labels"):
        load_labelled(write(tmp_path / "one.jsonl", *({"text": "a", "label": "x"} for _ in range(3))))
    with pytest.raises(LorafairError, match="holds no rows"):
        load_labelled(write(tmp_path / "none.jsonl"))
    with pytest.raises(LorafairError, match="hurtlex_en.*no labels.*hatecheck"):
        load_labelled("hurtlex_en")
    with pytest.raises(LorafairError, match="Did you mean 'hatecheck'"):
        load_labelled("hatechek")


def test_parts_are_whole_clusters_that_the_split_seed_draws(tmp_path):
    rows = [{"text": f"t{n}", "label": n % 2, "cluster": f"c{n // 2}"} for n in range(200)]
    path = write(tmp_path / "d.jsonl", *rows)
    parts = {part: load_labelled(path, options={"part": part}).rows for part in ("train", "test")}
    names = {part: {row["cluster"] for row in found} for part, found in parts.items()}
    assert not names["train"] & names["test"]
    assert len(names["train"] | names["test"]) == 100
    assert 10 <= len(names["test"]) <= 32
    other = load_labelled(path, options={"part": "test", "split_seed": 14, "test_share": 0.5})
    assert {row["cluster"] for row in other.rows} != names["test"]
    assert other.provenance["options"] == {"part": "test", "split_seed": 14, "test_share": 0.5}
    assert len(load_labelled(path).rows) == 200
    for wrong in (
        {"part": "dev"},
        {"part": "test", "test_share": 2.0},
        {"part": "test", "split_seed": "x"},
        {"pat": 1},
    ):
        with pytest.raises(LorafairError, match=r"no part|between 0 and 1|split_seed 'x'|Did you mean 'part'"):
            load_labelled(path, options=wrong)


LABELLED = [entry for entry in load_registry().entries("dataset") if entry.fields.get("labels")]


@pytest.mark.parametrize("name", [entry.name for entry in LABELLED if entry.fields.get("sample")])
def test_the_sample_sets_train_on_other_clusters_than_they_test(name):
    kind = "image" if name.startswith("utkface") else "text"
    parts = [load_labelled(name, kind, {"part": part}) for part in ("train", "test")]
    train, test = ({row["cluster"] for row in data.rows} for data in parts)
    assert train
    assert test
    assert not train & test
    assert load_labelled(name, kind).provenance["sha256"] == parts[0].provenance["sha256"]
    assert all(data.groups and set(data.provenance["labels"]) == set(data.labels) for data in parts)


@pytest.mark.skipif(not os.environ.get("LORAFAIR_DATA"), reason="needs LORAFAIR_DATA: HateCheck's and IMDb's own files")
def test_the_published_sets_are_trained_on_by_name():
    """HateCheck's parts are the task's: what is trained on is not asked about, and together they are all 3,728."""
    train = load_labelled("hatecheck")
    asked = hatecheck_documents(part="test").documents
    assert len(train.rows) + len(asked) == 3728
    assert not {row["cluster"] for row in train.rows} & {document["cluster"] for document in asked}
    assert train.labels == ("not hateful", "hateful")
    documents = {document["id"]: document for document in hatecheck_documents().documents}
    for row in train.rows:
        assert row["text"] == documents[row["id"]]["text"]
        assert row["label"] == train.labels[documents[row["id"]]["label"]]
    pairs = load_labelled("imdb_cad")
    assert pairs.provenance["rows"] <= 3414
    assert pairs.provenance["labels"]["positive"] == pairs.provenance["labels"]["negative"]
    religion = load_labelled("measuring_hate_speech_200", options={"subset": "religion", "part": "all"})
    assert {name.partition("=")[0] for name in religion.groups} == {"religion"}
    with pytest.raises(LorafairError, match=r"'religon' is no subset; give one of race"):
        load_labelled("measuring_hate_speech_200", options={"subset": "religon"})
