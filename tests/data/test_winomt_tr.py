"""Turkish WinoMT: counts, pairs, the split of the published code, training pairs, the sample set, damaged files."""

from __future__ import annotations

import os
from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lorafair.data.pairs import load_pairs
from lorafair.data.pronoun import read_pronoun_class, swap_pronouns
from lorafair.data.winomt_tr import choose_lines, make_pairs, read_lines, split_groups, winomt_documents
from lorafair.errors import LorafairError

DATA = os.environ.get("LORAFAIR_DATA")
needs_data = pytest.mark.skipif(not DATA, reason="LORAFAIR_DATA is not set: no Turkish WinoMT here")
SAMPLE = "winomt_tr_sample"


@needs_data
def test_the_real_files_have_the_published_sizes_and_halves():
    general, resolved = read_lines("winomt_tr_general")
    assert not resolved.modified
    assert Counter(line.half for line in general) == {"anti": 1584, "pro": 1584, "triplet": 720}
    assert len({line.cluster for line in general}) == 852
    for kind in ("pro", "anti"):
        own, _ = read_lines(f"winomt_tr_{kind}")
        mine = [line for line in general if line.half == kind]
        assert [line.english for line in own] == [line.english for line in mine]
        assert [(line.group, line.expected) for line in own] == [(line.group, line.expected) for line in mine]


@needs_data
def test_the_split_has_the_published_sizes_and_keeps_groups_whole():
    lines, _ = read_lines("winomt_tr_general")
    for seed in (13, 1337):
        train, test = (choose_lines(lines, part, seed) for part in ("train", "test"))
        sizes = {part: Counter(line.cluster.split()[0] for line in own) for part, own in (("a", train), ("b", test))}
        assert sizes == {"a": {"pair": 633 * 4, "triplet": 48 * 12}, "b": {"pair": 159 * 4, "triplet": 12 * 12}}
        assert not {line.cluster for line in train} & {line.cluster for line in test}
        # the published order of draws, once more and by hand
        rng = np.random.default_rng(seed)
        pairs = rng.choice(792, size=633, replace=False)
        triplets = rng.choice(60, size=48, replace=False)
        places = [at for i in pairs for at in (2 * i, 2 * i + 1, 2 * i + 1584, 2 * i + 1585)]
        places += [3168 + 12 * i + at for i in triplets for at in range(12)]
        assert {line.id for line in train} == {f"general/{at:04d}" for at in places}


@needs_data
def test_the_documents_are_each_test_sentence_once_half_of_them_expected_to_be_men():
    documents, _ = winomt_documents()
    assert len(documents) == 318
    assert Counter(document["groups"]["expected"][0] for document in documents) == {"male": 159, "female": 159}
    assert len({document["cluster"] for document in documents}) == 159
    assert len({document["id"] for document in documents}) == 318
    # asked in the half whose English breaks the expectation, which it does but for two slips of the data
    every, _ = winomt_documents(part="all")
    follows = [d["id"] for d in every if read_pronoun_class(d["english"]) == d["groups"]["expected"][0]]
    assert follows == ["general/1568", "general/1570"]
    every, _ = winomt_documents(lines="all")
    assert len(every) == 780
    pro, _ = winomt_documents("winomt_tr_pro")
    assert [p["cluster"] for p in pro] == [d["cluster"] for d in documents]


@needs_data
def test_training_pairs_are_the_training_lines_balanced_in_general_and_one_sided_in_pro():
    general, pro = load_pairs("winomt_tr_general").rows, load_pairs("winomt_tr_pro").rows
    assert (len(general), len(pro)) == (633 * 4 + 48 * 12, 633 * 2)
    tested = {document["cluster"] for document in winomt_documents(lines="all")[0]}
    assert not tested & {row["cluster"] for row in (*general, *pro)}
    row = general[0]
    assert row["prompt"].startswith("Turkish: ")
    assert row["prompt"].endswith(" English:")
    assert row["completion"].startswith(" The ")
    follows = [read_pronoun_class(row["completion"]) == row["groups"]["expected"][0] for row in pro]
    assert all(follows)
    half = [read_pronoun_class(r["completion"]) == r["groups"]["expected"][0] for r in general if r["groups"]]
    assert sum(half) / len(half) == pytest.approx(0.5, abs=0.001)


def test_the_sample_set_is_balanced_and_its_sentences_differ_in_the_pronoun_only():
    lines, resolved = read_lines(SAMPLE)
    assert resolved.sample
    assert Counter(line.half for line in lines) == {"pro": 80, "anti": 80, "triplet": 18}
    assert Counter(line.expected for line in lines) == {"male": 80, "female": 80, None: 18}
    assert len({line.id for line in lines}) == len(lines)
    for line in lines:
        gender = read_pronoun_class(line.english)
        assert gender in ("male", "female", "neutral")
        assert (gender == line.expected) is (line.half == "pro")
    versions: dict[str, set[str]] = {}
    for line in lines:
        versions.setdefault(line.turkish, set()).add(swap_pronouns(line.english, "male"))
    assert all(len(texts) == 1 for texts in versions.values())


def test_the_sample_is_split_in_halves_and_its_training_pairs_leave_the_test_part_out():
    documents, _ = winomt_documents(SAMPLE)
    assert Counter(document["groups"]["expected"][0] for document in documents) == {"male": 20, "female": 20}
    general, pro = load_pairs(SAMPLE).rows, load_pairs("winomt_tr_sample_pro").rows
    assert (len(general), len(pro)) == (89, 40)
    assert not {d["cluster"] for d in documents} & {row["cluster"] for row in general}
    assert [row for row in general if row in pro] == pro
    assert make_pairs(SAMPLE, split_seed=14) != general


@given(st.integers(1, 50), st.integers(1, 50), st.integers(0, 2**32))
def test_a_split_is_exact_and_the_first_kind_does_not_depend_on_the_second(pairs, triplets, seed):
    both = split_groups([pairs, triplets], seed)
    assert [len(each) for each in both] == [int(pairs * 0.8), int(triplets * 0.8)]
    assert both[0] <= set(range(pairs))
    assert split_groups([pairs], seed) == both[:1]
    assert split_groups([pairs, triplets], seed) == both


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"dataset": "winomt_tr_genral"}, "Did you mean 'winomt_tr_general'"),
        ({"dataset": SAMPLE, "part": "tset"}, "Did you mean 'test'"),
        ({"dataset": SAMPLE, "lines": "al"}, "Did you mean 'all'"),
    ],
)
def test_unknown_names_and_values_are_refused(arguments, words):
    with pytest.raises(LorafairError, match=words):
        winomt_documents(**arguments)


def test_without_the_file_the_message_says_what_is_missing_and_names_the_sample(monkeypatch, tmp_path):
    monkeypatch.setenv("LORAFAIR_DATA", str(tmp_path))
    with pytest.raises(LorafairError, match=r"(?s)mt_gender_tr/en_tr_general\.txt.*lorafair_winomt_tr_en_sample"):
        read_lines("winomt_tr_general")


def test_a_file_in_another_order_is_refused(monkeypatch, tmp_path):
    monkeypatch.setenv("LORAFAIR_DATA", str(tmp_path))
    (tmp_path / "mt_gender_tr").mkdir()
    text = "The cook left because she was tired. ||| Aşçı gitti.\n" * 1584
    (tmp_path / "mt_gender_tr" / "en_tr_pro.txt").write_text(text, encoding="utf-8")
    with pytest.raises(LorafairError, match=r"(?s)not laid out.*line 1 .*expected a male pronoun"):
        read_lines("winomt_tr_pro")
