"""Pronoun classes and swaps: by hand, by the real data's own twins, and properties."""

from __future__ import annotations

import os
import re
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lorafair.data.pronoun import (
    CLASSES,
    FORMS,
    PRONOUNS,
    fill_pronouns,
    has_both_genders,
    read_pronoun_class,
    swap_all,
    swap_pronouns,
)

DATA = os.environ.get("LORAFAIR_DATA")
needs_data = pytest.mark.skipif(not DATA, reason="LORAFAIR_DATA is not set: no Turkish WinoMT here")


@pytest.mark.parametrize(
    ("text", "gender"),
    [
        ("The mechanic thanked her.", "female"),
        ("HE left.", "male"),
        ("They paid for themselves.", "neutral"),
        ("She told them.", "female"),
        ("His car, their house.", "male"),
        ("he/she", "unknown"),
        ("The mechanic left.", "unknown"),
        ("", "unknown"),
        ("O çok yorgundu.", "unknown"),
        ("the theme of sheep, there, here, hero, other, history", "unknown"),
        ("he's here", "male"),
        ("s\u0000he", "male"),  # a control character ends a word
        ("\ud800 she \U0001f600", "female"),
        ("“Hers!”", "female"),
    ],
)
def test_the_class_of_a_text_is_that_of_its_whole_words(text, gender):
    assert read_pronoun_class(text) == gender
    assert has_both_genders(text) is (text == "he/she")


@pytest.mark.parametrize(
    ("female", "male", "neutral"),
    [
        ("She lost her keys.", "He lost his keys.", "They lost their keys."),
        ("I asked her for help.", "I asked him for help.", "I asked them for help."),
        ("I saw her.", "I saw him.", "I saw them."),
        ("Her dog is hers.", "His dog is his.", "Their dog is theirs."),
        ("She hurt herself.", "He hurt himself.", "They hurt themselves."),
        ("She had too many of them.", "He had too many of them.", "They had too many of them."),
    ],
)
def test_every_version_becomes_every_other(female, male, neutral):
    for text in (female, male):
        assert swap_all(text) == (male, female, neutral)


def test_a_sentence_without_pronouns_stays_and_one_with_both_changes_wholly():
    assert swap_all("The nurse left.") == ("The nurse left.",) * 3
    assert swap_pronouns("He saw her book.", "female") == "She saw her book."


@given(st.text(), st.sampled_from(["male", "female", "neutral"]))
def test_any_text_has_a_class_and_a_swapped_text_has_no_pronoun_of_the_old_gender(text, to):
    before = read_pronoun_class(text)
    swapped = swap_pronouns(text, to)
    assert before in CLASSES
    if before in ("male", "female"):
        assert read_pronoun_class(swapped) == to
    assert swap_pronouns(swapped, to) == swapped


def test_a_template_is_filled_for_each_gender():
    template = "{he} met {him} and {his} cousin, {himself} a friend of {own}"
    for gender, forms in FORMS.items():
        words = set(re.findall(r"\w+", fill_pronouns(template, gender).lower()))
        assert set(forms.values()) <= words
        assert set(PRONOUNS[gender]) <= words


@needs_data
def test_classes_of_the_english_sides_are_the_published_counts():
    folder = Path(DATA or "")
    lines = (folder / "mt_gender_tr" / "en_tr_general.txt").read_text(encoding="utf-8").splitlines()
    english = [line.split(" ||| ")[0] for line in lines]
    gold = dict(
        reversed(line.split("\t")[:3:2])
        for line in (folder / "winomt" / "en.txt").read_text(encoding="utf-8").splitlines()
    )
    assert Counter(gold[text] for text in english) == {"male": 1826, "female": 1822, "neutral": 240}
    found = [read_pronoun_class(text) for text in english]
    assert Counter(found) == {"male": 1826, "female": 1820, "neutral": 240, "unknown": 2}
    for gender in ("male", "female", "neutral"):
        wrong = [text for text, mine in zip(english, found, strict=True) if mine != gold[text] == gender]
        assert len(wrong) == (2 if gender == "female" else 0), wrong


@needs_data
def test_swapping_gives_the_real_twin_of_99_percent_of_the_sentences():
    text = (Path(DATA or "") / "mt_gender_tr" / "en_tr_general.txt").read_text(encoding="utf-8")
    english = [line.split(" ||| ")[0] for line in text.splitlines()]
    halves = list(zip(english[:1584], english[1584:3168], strict=True))
    pairs = [pair for two in halves for pair in (two, two[::-1])]
    mask = re.compile(r"\b(?:she|he|her|his|him|hers|herself|himself)\b", re.IGNORECASE)
    same = [(a, b) for a, b in pairs if mask.sub("_", a) == mask.sub("_", b) and a != b]
    comparable = [(a, b) for a, b in same if read_pronoun_class(b) != "unknown"]
    assert len(comparable) > 3100
    wrong = [(a, b) for a, b in comparable if swap_pronouns(a, read_pronoun_class(b)) != b]
    assert len(wrong) <= 0.01 * len(comparable), wrong[:20]
