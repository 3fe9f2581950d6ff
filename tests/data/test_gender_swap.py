"""Swapping the gender of a text: hand-labelled twins, WinoMT's own twins, refusals, and swapping twice."""

from __future__ import annotations

import os
import re
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lorafair.data import gender_word as words
from lorafair.data.gender_swap import REASONS, swap_gender

DATA = os.environ.get("LORAFAIR_DATA")
needs_data = pytest.mark.skipif(not DATA, reason="LORAFAIR_DATA is not set: no WinoMT sentences here")

TWINS = """
She gave him her book. | He gave her his book.
The book is hers. | The book is his.
A friend of hers, I think. | A friend of his, I think.
A photo of her mother and a friend of hers. | A photo of his father and a friend of his.
I met her yesterday. | I met him yesterday.
I met her. | I met him.
Her dog followed her to the park. | His dog followed him to the park.
They told her that she could go. | They told him that he could go.
They saw her and waved. | They saw him and waved.
They called her mother. | They called his father.
She lost her keys, and they looked for them with her. | He lost his keys, and they looked for them with him.
She did it herself. | He did it himself.
It was her own idea. | It was his own idea.
Ms Smith said she'd come. | Mr Smith said he'd come.
Mary's brother likes her. | John's sister likes him.
MARY SAID SHE WAS LATE. | JOHN SAID HE WAS LATE.
My mother-in-law and my aunt are here. | My father-in-law and my uncle are here.
The woman's hat, the girls' coats | The man's hat, the boys' coats
Is that her? "Her!" she said. | Is that him? "Him!" he said.
She hurt her leg; it was hers, after all. | He hurt his leg; it was his, after all.
The waitress thanked her colleagues for helping her with it. | The waiter thanked his colleagues for helping him with it.
Her ex-husband paid for it. | His ex-wife paid for it.
She gave her friend a lift. | He gave his friend a lift.
Without her they were lost. | Without him they were lost.
"""
REFUSED = {
    "We gave her flowers.": "ambiguous_pronoun",
    "I saw her duck.": "ambiguous_pronoun",
    "They made her cry.": "ambiguous_pronoun",
    "They let her go.": "ambiguous_pronoun",
    "A friend of his lives here.": "ambiguous_pronoun",
    "A friend of hers lives here.": "not_reversible",
    "We met her first.": "ambiguous_pronoun",
    "They treated her badly.": "ambiguous_pronoun",
    "We gave him flowers.": "not_reversible",
    "Mrs Jones left.": "no_partner",
    "He met a fisherman.": "no_partner",
    "The guys met her.": "no_partner",
    "She is pregnant.": "bound_to_gender",
    "He said that Mark had left.": "name_or_word",
    "Will he come?": "name_or_word",
    "She said that Zora had left.": "unknown_name",
    "He moved to London.": "unknown_name",
    "s/he may go": "compound",
    "he/she may go": "compound",
    "A man-made lake.": "compound",
    "sHe left.": "letter_case",
    "The engineer repaired the engine.": "nothing_to_swap",
    "": "nothing_to_swap",
    "!!! \x00 …": "nothing_to_swap",
    "Она пошла домой.": "nothing_to_swap",
}


@pytest.mark.parametrize("line", TWINS.strip().splitlines())
def test_hand_labelled_twins_both_ways(line):
    female, male = line.split(" | ")
    there, back = swap_gender(female), swap_gender(male)
    assert (there.text, back.text) == (male, female)
    assert [after for _, after in there.changes] == [before for before, _ in back.changes]


@pytest.mark.parametrize(("text", "reason"), REFUSED.items())
def test_what_cannot_be_swapped_safely_is_refused_by_name(text, reason):
    swap = swap_gender(text)
    assert (swap.text, swap.refused) == (None, reason)
    assert reason in REASONS


def test_gender_words_and_places():
    assert swap_gender("She smiled.").gender == "female"
    assert swap_gender("The husband kissed his wife.").gender == "both"
    swap = swap_gender("The nurse lost her keys.")
    assert swap.changes == (("her", "his"),)
    assert swap.ends == (len("The nurse lost her"),)
    assert swap_gender("She moved to London.", keep=["London"]).text == "He moved to London."


def test_the_word_lists_are_one_to_one_and_do_not_contradict_each_other():
    for pairs in (words.NOUNS, words.NAMES, words.SURE_PRONOUNS, words.TITLES):
        assert len(set(pairs.values()) | set(pairs)) == 2 * len(pairs)
    gendered = {
        w.casefold() for p in (words.NOUNS, words.NAMES, words.SURE_PRONOUNS) for pair in p.items() for w in pair
    }
    assert not gendered & (words.NO_PARTNER | words.BOUND | words.NAMES_OR_WORDS | words.NO_NAMES)
    assert not words.CLOSED & words.UNSURE_NEXT
    pronouns = {"she", "he", "her", "him", "his", "hers", "herself", "himself"}
    assert pronouns <= words.CLOSED


VOCABULARY = sorted(
    {w for pair in [*words.NOUNS.items(), *words.NAMES.items(), *words.TITLES.items()] for w in pair}
    | {"she", "he", "her", "him", "his", "hers", "herself", "himself", "Her", "His", "SHE"}
    | {"gave", "saw", "met", "of", "the", "book", "dog", "quickly", "walking", "tired", "and", "own", "friend", "home"}
    | {"Zora", "Mark", "engineer", "is", "to", "-", "/", ",", ".", '"', "'s", "\n", "in-law", "ex-"}
)


@settings(deadline=None)
@given(st.lists(st.tuples(st.sampled_from(VOCABULARY), st.sampled_from([" ", "", "  "])), max_size=12))
def test_swapping_twice_gives_the_text_back_wherever_it_is_not_refused(pieces):
    text = "".join(word + space for word, space in pieces)
    there = swap_gender(text)
    if there.text is None:
        assert there.refused in REASONS
        return
    back = swap_gender(there.text)
    assert back.text == text
    assert there.text != text
    assert len(there.text.split()) == len(text.split())
    assert {there.gender, back.gender} in ({"female", "male"}, {"both"})


@settings(deadline=None)
@given(st.text(max_size=60))
def test_any_text_is_swapped_or_refused(text):
    swap = swap_gender(text)
    assert (swap.text is None) == (swap.refused is not None)


def test_a_very_long_text_is_swapped_in_no_time():
    text = "She lost her keys. " * 10_000
    assert swap_gender(text).text == "He lost his keys. " * 10_000


@needs_data
def test_published_twins_are_what_the_swap_makes_of_each_other():
    """WinoMT's stereotypical and anti-stereotypical sentences hold WinoBias' twins: same words but for the pronoun."""
    sentences = [
        line.split("\t")[2]
        for name in ("en_pro", "en_anti")
        for line in (Path(DATA) / "winomt" / f"{name}.txt").read_text(encoding="utf-8").splitlines()
    ]
    pronoun = re.compile(r"\b(she|he|her|his|him|hers|herself|himself)\b", re.IGNORECASE)
    by_frame: dict[str, list[str]] = {}
    for sentence in dict.fromkeys(sentences):
        by_frame.setdefault(pronoun.sub("_", sentence), []).append(sentence)
    twins = [pair for pair in by_frame.values() if len(pair) == 2]
    outcome, wrong = Counter(), []
    for one, other in [each for pair in twins for each in (pair, pair[::-1])]:
        made = swap_gender(one)
        if made.text is None:
            outcome[made.refused] += 1
        elif all(pronoun.fullmatch(before) for before, _ in made.changes):
            outcome["right" if made.text == other else "wrong"] += 1
            wrong += [] if made.text == other else [one]
        else:
            outcome["another gendered word, which the published twins share"] += 1
    # Two published pairs are no twins: "demanded he pay" and "demanded her pay", and one with a second "his" in both.
    assert [each for each in wrong if "demanded" not in each and "hide his behavior" not in each] == []
    assert len(wrong) <= 4
    assert outcome["right"] >= 0.9 * sum(outcome.values())
    assert len(twins) > 1500
