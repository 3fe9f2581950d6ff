"""Pairs of sentences: the project's own, and files in Winogender's, WinoBias' and anybody's form."""

from __future__ import annotations

import json
from collections import Counter

import pytest

from lorafair.data import gender_pair
from lorafair.data.dataset import Resolved
from lorafair.data.gender_pair import GENDERS, divide, load_gender_pairs
from lorafair.data.gender_swap import swap_gender
from lorafair.data.table import read_form, read_table
from lorafair.errors import LorafairError


def test_our_own_pairs_are_many_balanced_and_made_by_the_swap():
    pairs, refused = load_gender_pairs()
    assert refused == {}
    assert len(pairs) == len({pair.id for pair in pairs}) >= 200
    assert set(Counter(pair.topic for pair in pairs)) == {"occupation", "trait", "family", "name", "pronoun"}
    expected = Counter(pair.stereotype for pair in pairs)
    assert expected["female"] == expected["male"]
    for topic in {pair.topic for pair in pairs}:
        told = Counter(pair.stereotype for pair in pairs if pair.topic == topic)
        assert told["female"] == told["male"], topic
    assert len({pair.text("female") for pair in pairs}) == len(pairs)
    for pair in pairs:
        assert swap_gender(pair.text("female")).text == pair.text("male"), pair.id
        assert pair.prompt["female"] != pair.prompt["male"], pair.id
        assert all(pair.ending[gender].startswith(" ") for gender in GENDERS)


def test_our_own_pairs_do_not_use_the_words_of_the_sample_lexicon():
    from lorafair.data.lexicon import load_lexicon

    lexicon = load_lexicon("hurtlex_sample")
    assert not [pair.id for pair in load_gender_pairs()[0] if lexicon.hits(pair.prompt["female"] + pair.prompt["male"])]


@pytest.mark.parametrize(
    ("female", "male", "prompt", "ending"),
    [
        ("I saw her leave.", "I saw him leave.", ("I saw her", "I saw him"), (" leave.", " leave.")),
        ("He met her.", "He met him.", ("He met her", "He met him"), (".", ".")),
        ("She", "He", ("She", "He"), ("", "")),
    ],
)
def test_a_sentence_is_divided_after_the_first_difference(female, male, prompt, ending):
    found = divide(female, male)
    assert (tuple(found[0].values()), tuple(found[1].values())) == (prompt, ending)


@pytest.fixture
def write(tmp_path, monkeypatch):
    """A writer of files below LORAFAIR_DATA, and of a registry of one's own beside them."""
    monkeypatch.setenv("LORAFAIR_DATA", str(tmp_path))

    def put(name: str, text: str) -> None:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")

    return put


WINOGENDER = "sentid\tsentence\n" + "".join(
    f"{job}.customer.{answer}.{gender}.txt\tThe {job} told the customer that {pronoun} could pay.\n"
    for job in ("technician", "dietitian", "clerk")
    for answer in (0, 1)
    for gender, pronoun in (("male", "he"), ("female", "she"), ("neutral", "they"))
)
STATISTICS = (
    "occupation\tbergsma_pct_female\tbls_pct_female\tbls_year\n"
    "technician\t9.42\t40.34\t2015\ndietitian\t84\t93.1\t2015\nclerk\t50\t50\t2015\n"
)


def declare(monkeypatch, name, files):
    """A data set with these files, whatever sizes the registry declares: what is tested is their form."""
    tables = {role: read_table(path, read_form(path, {}))[0] for role, path in files.items()}
    found = Resolved(name, files, "folder", False, None, "MIT", {}, tables=tables)
    monkeypatch.setattr(gender_pair, "resolve", lambda dataset: found)


def test_winogender_twins_and_the_expected_gender_where_the_pronoun_means_the_job(write, tmp_path, monkeypatch):
    write("all_sentences.tsv", WINOGENDER)
    write("occupations-stats.tsv", STATISTICS)
    files = {"sentences": tmp_path / "all_sentences.tsv", "statistics": tmp_path / "occupations-stats.tsv"}
    declare(monkeypatch, "winogender", files)
    pairs, _ = load_gender_pairs("winogender")
    assert {pair.id: pair.stereotype for pair in pairs} == {
        "technician.customer.0": "male",
        "technician.customer.1": None,
        "dietitian.customer.0": "female",
        "dietitian.customer.1": None,
        "clerk.customer.0": None,
        "clerk.customer.1": None,
    }
    assert pairs[0].prompt == {
        "female": "The technician told the customer that she",
        "male": "The technician told the customer that he",
    }
    assert pairs[0].ending == {"female": " could pay.", "male": " could pay."}


def test_winogender_faults_are_named_together(write, tmp_path, monkeypatch):
    write("all_sentences.tsv", "sentid\tsentence\nclerk.male\tThe clerk\na.b.0.male.txt\tHe did.\n")
    declare(monkeypatch, "winogender", {"sentences": tmp_path / "all_sentences.tsv"})
    with pytest.raises(LorafairError, match=r"(?s)row 1: sentid is 'clerk\.male'.*a\.b\.0: has no female sentence"):
        load_gender_pairs("winogender")


def test_winobias_lines_are_twins_by_number_and_the_pro_file_says_who_is_expected(write, tmp_path, monkeypatch):
    write("pro.dev", "1 [The developer] argued because [he] was tired.\n2 They met [the nurse] and thanked [her].\n\n")
    write("anti.dev", "1 [The developer] argued because [she] was tired.\n2 They met [the nurse] and thanked [him].\n")
    declare(monkeypatch, "winobias", {"pro_type1_dev": tmp_path / "pro.dev", "anti_type1_dev": tmp_path / "anti.dev"})
    pairs, _ = load_gender_pairs("winobias")
    assert [(pair.id, pair.stereotype) for pair in pairs] == [("type1_dev/001", "male"), ("type1_dev/002", "female")]
    assert pairs[0].text("male") == "The developer argued because he was tired."
    assert pairs[1].prompt["female"] == "They met the nurse and thanked her"
    assert pairs[1].ending["female"] == "."


def test_winobias_lines_that_are_no_twins_are_counted(write, tmp_path, monkeypatch):
    write("pro.dev", "1 [The cook] said [she] left.\n2 [The cook] said [he] left.\n3 [He] ran.\n")
    write("anti.dev", "1 [The cook] said [she] left.\n2 [The cook] said [she] left.\n3 [She] sat.\n")
    declare(monkeypatch, "winobias", {"pro_type1_dev": tmp_path / "pro.dev", "anti_type1_dev": tmp_path / "anti.dev"})
    pairs, refused = load_gender_pairs("winobias")
    assert ([pair.id for pair in pairs], refused) == (
        ["type1_dev/002"],
        {"one_gender": 1, "other_words_differ": 1},
    )


def test_winobias_faults_are_named_together(write, tmp_path, monkeypatch):
    write("pro.dev", "1 The developer argued.\n2 They met [the nurse] and thanked [her].\n3 [The cook] saw [him].\n")
    write("anti.dev", "2 They met [the nurse] and thanked [her].\n")
    declare(monkeypatch, "winobias", {"pro_type1_dev": tmp_path / "pro.dev", "anti_type1_dev": tmp_path / "anti.dev"})
    with pytest.raises(LorafairError, match=r"(?s)pro\.dev:1: expected a number.*line 3 has no twin"):
        load_gender_pairs("winobias")


def test_anybodys_texts_get_their_twins_and_refusals_are_counted(write, tmp_path, monkeypatch):
    texts = ["The cook lost her keys.", "He left.", "We gave her flowers.", "Nothing here.", "Her husband left.", ""]
    write("texts.jsonl", "".join(json.dumps({"id": f"t{i}", "text": text}) + "\n" for i, text in enumerate(texts)))
    declare(monkeypatch, "mine", {"texts": tmp_path / "texts.jsonl"})
    pairs, refused = load_gender_pairs("mine")
    assert [(pair.id, pair.prompt["male"]) for pair in pairs] == [("t0", "The cook lost his"), ("t1", "He")]
    assert refused == {"ambiguous_pronoun": 1, "nothing_to_swap": 2, "both_genders": 1}
    write("texts.jsonl", json.dumps({"text": "Nothing here."}) + "\n")
    declare(monkeypatch, "mine", {"texts": tmp_path / "texts.jsonl"})
    with pytest.raises(LorafairError, match="no pair of sentences. nothing_to_swap: 1"):
        load_gender_pairs("mine")


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ({"female": "She left."}, "row 1: female and male have to be sentences"),
        ({"female": "She | l | eft.", "male": "He left."}, "at most one"),
        ({"female": "She left.", "male": "She left."}, "do not differ"),
        ({"female": "She left.", "male": "He left.", "stereotype": "men"}, "stereotype is 'men'"),
    ],
)
def test_faults_of_pairs_are_named(write, tmp_path, monkeypatch, row, words):
    write("pairs.jsonl", json.dumps({"id": "1"} | row) + "\n")
    declare(monkeypatch, "mine", {"pairs": tmp_path / "pairs.jsonl"})
    with pytest.raises(LorafairError, match=words):
        load_gender_pairs("mine")


def test_a_data_set_without_pairs_and_data_that_are_missing_say_what_to_get(write):
    with pytest.raises(LorafairError, match="has no sentences in pairs"):
        load_gender_pairs("hurtlex_sample")
    with pytest.raises(LorafairError, match=r"winobias/pro_stereotyped_type1\.txt\.dev is not in the folder"):
        load_gender_pairs("winobias")
    with pytest.raises(LorafairError, match="Did you mean 'winobias'"):
        load_gender_pairs("winobas")
