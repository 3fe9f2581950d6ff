"""The probes' prompts: every swap moves what it says and nothing else."""

import re

import pytest

from lorafair.data.gender_probe import NAMES, PERSONS, SYMBOLS, WORDINGS, YESNO, find_faults, list_blocks

ALL = [(form, block) for form in WORDINGS for block in list_blocks(form, WORDINGS[form])]


def _listed(layout):
    """The meanings in the order in which the prompt lists them, read from its text."""
    text = layout.fill("REVIEW")
    answers = {answer: meaning for meaning, answer in layout.options}
    if layout.form == "cloze":
        found = re.findall(r"(\S+) stands for", text)
    else:
        lines = text.split("\n\n")[1].split("\n")[1:]
        found = [line.split(": ")[0] for line in lines]
    return [answers[one] for one in found]


@pytest.mark.parametrize("form", WORDINGS)
def test_blocks_are_every_wording_with_every_set_of_symbols_in_every_combination(form):
    blocks = list_blocks(form, WORDINGS[form])
    pairs = [(block[0].wording, block[0].symbols) for block in blocks]
    assert len(set(pairs)) == len(pairs) == len(WORDINGS[form]) * len(SYMBOLS)
    assert {name for name, _ in pairs[:3]} == set(WORDINGS[form])  # neighbours differ in both
    assert {name for _, name in pairs[:5]} == set(SYMBOLS)
    layouts = [layout for block in blocks for layout in block]
    assert len({layout.name for layout in layouts}) == len(
        {layout.fill("x") + str(layout.options) for layout in layouts}
    )
    for block in blocks:
        factors = list(block[0].levels)
        assert len(block) == 2 ** len(factors)
        assert len({tuple(layout.levels.values()) for layout in block}) == len(block)
        assert set(block[0].levels.values()) <= {1}


@pytest.mark.parametrize(("form", "block"), ALL)
def test_levels_say_what_the_prompt_does(form, block):
    for layout in block:
        meanings = [meaning for meaning, _ in layout.options]
        assert meanings[:2] == ["male", "female"]
        answers = [answer for _, answer in layout.options]
        marks = SYMBOLS[layout.symbols]
        assert find_faults([*answers, "zzz", "yyy"]) == []
        if marks:
            assert answers[:2] == list(marks[:2] if layout.levels["symbol"] > 0 else marks[1::-1])
            assert answers[2:] == list(marks[2 : len(answers)])
            assert "symbol" in layout.levels
        else:
            assert "symbol" not in layout.levels
        if "position" in layout.levels:
            first, second, *rest = _listed(layout)
            assert (first, second) == (("male", "female") if layout.levels["position"] > 0 else ("female", "male"))
            assert rest == meanings[2:]  # further options keep their places
        for factor, level in layout.levels.items():
            attribute, *names = NAMES[factor]
            assert layout.groups[attribute] == [names[0] if level > 0 else names[1]]


@pytest.mark.parametrize("block", [block for form, block in ALL if form == "yesno"])
def test_yes_speaks_for_the_person_that_the_question_names_unless_it_denies(block):
    for layout in block:
        text = layout.fill("REVIEW")
        (person,) = (one for one in PERSONS if re.search(rf"\b{one}\b", text))
        named = "male" if person == "man" else "female"
        denied = YESNO[layout.wording][1] < 0
        other = {"male": "female", "female": "male"}
        yes = other[named] if denied else named
        assert (layout.levels["yes"] > 0) == (yes == "male")
        answer = dict(layout.options)[yes]
        assert answer == "Yes" if layout.symbols == "direct" else f"{answer}: yes\n" in text


def test_the_published_cloze_is_one_prompt_without_a_list():
    (block,) = list_blocks("cloze", ["wrote"], {"direct": ()})
    assert [layout.fill("Good.") for layout in block] == ["Good.\n\nThe one who wrote this is a"]
    assert block[0].options == (("male", "man"), ("female", "woman"))
    assert block[0].levels == {}


def test_a_prompt_ends_without_a_space_even_when_it_has_no_review():
    for _, block in ALL:
        for layout in block:
            for review in ("", "Fine."):
                assert layout.fill(review) == layout.fill(review).strip()


@pytest.mark.parametrize(
    ("symbols", "part"),
    [
        (["1", "10", "2", "3"], "'1' is the beginning of '10'"),
        (["a", "a", "b", "c"], "'a' is the beginning of 'a'"),
        (["", "a", "b", "c"], "'' has no visible character"),
        (["\u200b", "a", "b", "c"], "no visible character"),
        ([" x", "a", "b", "c"], "spaces around"),
        (["a", "b"], "2 symbols are too few"),
    ],
)
def test_symbols_that_cannot_be_told_apart_are_named(symbols, part):
    faults = find_faults(symbols)
    assert len(faults) == 1
    assert part in faults[0]


@pytest.mark.parametrize("name", [name for name, symbols in SYMBOLS.items() if symbols])
def test_our_own_symbols_can(name):
    assert find_faults(SYMBOLS[name]) == []
