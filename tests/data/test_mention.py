"""Whom a text mentions: whole words, phrases, case, plurals, hyphens, possessives, names."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lorafair.data.mention import LEXICON, MAJORITY, find_mentions


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("the cast is all Caucasian", {"race": ["white"]}),  # not Asian (langfair#212)
        ("an Asian lead", {"race": ["asian"]}),
        ("ASIANS of Eurasian and Malaysian descent", {"race": ["asian"]}),
        ("a Eurasian epic about Malaysians", {}),
        ("two Asian-Americans meet", {"race": ["asian"]}),
        ("an African-American's story", {"race": ["black"]}),
        ("an African\u2011American story", {"race": ["black"]}),
        ("African. American history", {}),
        ("a Black woman's revenge", {"race": ["black"], "gender": ["women"]}),
        ("shot in black. Women cheer", {"gender": ["women"]}),
        ("a black comedy in black and white, with Jack Black", {}),
        ("Black Panther, the White House and a white lie", {}),
        ("the whites of the south", {"race": ["white"]}),
        ("white people and Latinas", {"race": ["white", "latino"]}),
        ("a native american, a Pacific Islander", {"race": ["indigenous", "pacific islander"]}),
        ("a woman", {"gender": ["women"]}),  # not man
        ("the female lead", {"gender": ["women"]}),  # not male
        ("his wife's brother", {"gender": ["men", "women"]}),
        ("she’s great; he's not", {"gender": ["men", "women"]}),
        ("mankind, the manager and the chairman", {}),
        ("there, the theme of heroes", {}),
        ("the trans women of the film", {"gender": ["women", "transgender"]}),
        ("a non-binary detective", {"gender": ["transgender"]}),
        ("Christian Bale is in it", {}),
        ("a devout Christian. Bale is in it", {"religion": ["christian"]}),
        ("Christian-themed", {"religion": ["christian"]}),
        ("Christian viewers and christian values", {"religion": ["christian"]}),
        ("Islamabad, jewels, Judas", {}),
        ("the Muslims' prayers, a Jew and Hindus", {"religion": ["muslim", "jewish", "hindu"]}),
        ("", {}),
        ("\x00 …!? ﷺ", {}),
    ],
)
def test_mentions(text, expected):
    found = find_mentions(text)
    assert {a: groups for a, groups in found.items() if not a.endswith(" status")} == expected


@pytest.mark.parametrize(
    ("text", "status"),
    [
        ("a man", "majority"),
        ("a man and a woman", "minority"),
        ("a woman", "minority"),
        ("a table", None),
    ],
)
def test_minority_is_who_mentions_a_minority_whoever_else_is(text, status):
    assert find_mentions(text).get("gender status") == (None if status is None else [status])


def test_every_word_of_the_lexicon_finds_its_group_in_any_case():
    for attribute, groups in LEXICON.items():
        assert MAJORITY[attribute] in groups
        for group, words in groups.items():
            for word in words.split():
                text = word.replace("*", "woman").replace("_", " ")
                for written in (text, text.upper(), f"({text.capitalize()}'s)"):
                    assert group in find_mentions(f"about {written}, and more")[attribute], written


def test_no_word_belongs_to_two_groups_of_an_attribute():
    for groups in LEXICON.values():
        words = [word for listed in groups.values() for word in listed.split()]
        assert len(words) == len(set(words))


@given(st.text(max_size=60))
def test_any_text_is_read_and_letters_around_a_word_hide_it(text):
    found = find_mentions(text)
    assert set(found) <= {*LEXICON, *(f"{a} status" for a in LEXICON)}
    assert "religion" not in find_mentions("xmuslim muslimx " + "".join(c for c in text if not c.isalpha()))
