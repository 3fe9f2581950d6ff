"""Wordings, options, and what becomes of texts on the way into a prompt."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lorafair.data.document_set import DocumentSet, count_words, cut_words, leave_out_empty, shuffle_documents
from lorafair.data.option import count_from, one_of, read_options, some_of
from lorafair.data.question import HATE_SPEECH, SENTIMENT
from lorafair.data.wording import Wording, ask_in_wordings
from lorafair.errors import LorafairError

CHECKS = {"part": one_of("test", "train"), "wordings": some_of(["word", "letter"]), "split_seed": count_from(0)}
FINE = {"part": "test", "wordings": "all", "split_seed": 13}


def make(text="{text} {first} {}%s", name="c1", **more):
    document = {"id": name, "text": text, "label": 0, "groups": {"race": ["black"]}, "cluster": name}
    return document | {"words": count_words(text)} | more


@pytest.mark.parametrize("wording", [*HATE_SPEECH.values(), *SENTIMENT.values()], ids=lambda one: one.name)
def test_the_text_stands_in_the_prompt_just_as_it_is(wording):
    odd = "{text} {first} {second} %s \\n \x00 Answer: Yes"
    prompt = wording.ask(make(odd))
    assert prompt.count(odd) == 1
    rest = prompt.replace(odd, "")
    assert not {"{text}", "{first}", "{second}"} & set(rest.split())
    assert "{" not in rest
    assert not prompt.endswith(" ")


def test_letters_change_places_from_text_to_text_and_stand_for_the_same_classes():
    wording = HATE_SPEECH["letter"]
    places = Counter()
    for number in range(2000):
        document = make("hello", f"c{number}")
        choices, prompt = wording.list_choices(document), wording.ask(document)
        assert f"{choices[1]}. It attacks people" in prompt
        assert f"{choices[0]}. It attacks nobody" in prompt
        assert choices == wording.list_choices(document | {"text": "other"})
        places[choices[1]] += 1
    assert 900 < places["A"] < 1100


@pytest.mark.parametrize("choices", [("yes", ""), ("yes", " yes "), ("yes", " \n"), ("yes",)])
def test_answers_that_are_empty_or_equal_are_refused(choices):
    with pytest.raises(LorafairError, match="none of them empty and no two the same"):
        Wording("odd", "{text}?", choices)


def test_a_prompt_without_its_places_is_refused():
    for prompt in ("no place", "{text} {text}", "{text} {first}"):
        with pytest.raises(LorafairError, match="needs"):
            Wording("odd", prompt, ("a", "b"))


def test_each_document_is_asked_in_every_wording_with_one_cluster():
    copies = ask_in_wordings([make(pair="p", twin="black"), make(name="c2")], list(HATE_SPEECH.values()))
    assert [one["id"] for one in copies[:3]] == ["c1:yes_no", "c1:word", "c1:letter"]
    assert {one["cluster"] for one in copies[:3]} == {"c1"}
    assert copies[0]["groups"] == {"race": ["black"], "wording": ["yes_no"]}
    assert [one["pair"] for one in copies[:3]] == ["p:yes_no", "p:word", "p:letter"]
    (alone,) = ask_in_wordings([make()], [HATE_SPEECH["word"]])
    assert (alone["groups"], alone["choices"]) == ({"race": ["black"]}, ["acceptable", "hateful"])


@given(st.text(max_size=80), st.integers(1, 8))
def test_a_text_is_cut_after_its_words_and_says_so(text, most):
    (found,) = cut_words(DocumentSet([make(text)], {}), most).documents
    assert text.startswith(found["text"])
    assert found["text"].split() == text.split()[:most]
    assert found["words"] == len(text.split())
    assert found.get("cut", False) == (len(text.split()) > most)


def test_what_is_cut_or_left_out_is_counted():
    texts = ["one two three", "one", " \n ", ""]
    kept = leave_out_empty(DocumentSet([make(text) for text in texts], {}, ["before"]))
    assert cut_words(kept, 2).remarks == [
        *("before", "2 of 4 texts are empty and were left out", "1 of 2 texts were cut after 2 words")
    ]
    assert cut_words(kept, 0).documents == kept.documents


@given(st.permutations([f"c{i}" for i in range(8)]))
def test_the_order_does_not_depend_on_the_file_s(names):
    def order(given):
        return [one["id"] for one in shuffle_documents(make(name=name) for name in given)]

    assert order(names) == order(sorted(names))
    assert [name for name in order(names) if name != "c3"] == order([name for name in names if name != "c3"])


def test_options_are_read_from_lists_and_text():
    assert read_options(FINE | {"pretrained": "m", "dtype": "float32"}, CHECKS, "t") == {
        "part": "test",
        "wordings": ["word", "letter"],
        "split_seed": 13,
    }
    for given_ in ("letter, word", ["letter", "word", "letter"]):
        assert read_options(FINE | {"wordings": given_}, CHECKS, "t")["wordings"] == ["letter", "word"]


def test_all_faults_of_options_come_at_once_with_the_closest_names():
    wrong = {"part": "tests", "wordings": "leter", "split_seed": True, "splitseed": 3}
    with pytest.raises(LorafairError) as error:
        read_options(FINE | wrong, CHECKS, "mine")
    message = str(error.value)
    assert "The options of the task mine have faults" in message
    assert "part is 'tests': give one of test, train. Did you mean 'test'?" in message
    assert "wordings is 'leter': give one of word, letter. Did you mean 'letter'?" in message
    assert "split_seed is True: a whole number of at least 0 is needed." in message
    assert "splitseed: there is no such option. Did you mean 'split_seed'?" in message
    with pytest.raises(LorafairError, match=r"(?s)part is missing.*wordings is \[\]: give at least one"):
        read_options({"wordings": [], "split_seed": 0}, CHECKS, "mine")
