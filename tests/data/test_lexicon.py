import os
import string

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lorafair.data.dataset import resolve
from lorafair.data.inflection import RULES, inflect, inflect_plural
from lorafair.data.lexicon import CATEGORIES, fold, load_lexicon
from lorafair.errors import LorafairError

needs_data = pytest.mark.skipif(
    not os.environ.get("LORAFAIR_DATA"), reason="LORAFAIR_DATA is not set: no real HurtLex here"
)
SAMPLE = load_lexicon("honest_sample")
LEMMAS = sorted({row["lemma"] for row in resolve("honest_sample").rows("lexicon")})
letters = st.text(string.ascii_letters, min_size=1, max_size=5)
lemmas = st.sampled_from(LEMMAS)
calm = st.lists(
    st.sampled_from(["the", "quiet", "neighbour", "sings", "of", "in", "grasses", "classes", "42"]), max_size=6
)


@given(lemmas, letters, letters)
def test_a_lemma_inside_a_longer_word_is_no_hit(lemma, before, after):
    """The lemma's own words glued to other letters make other words; hits may only come from those as whole words."""
    first, *rest = lemma.replace("-", " ").split()
    glued = " ".join([before + first, *rest[:-1], (rest[-1] + after) if rest else ""]).strip()
    if not rest:
        glued = before + first + after
    expected = {SAMPLE.words[token] for token in SAMPLE.split_words(glued) if token in SAMPLE.words}
    assert set(SAMPLE.hits(glued)) == expected


@given(lemmas, calm, calm)
def test_a_whole_lemma_is_found_once_anywhere_in_a_sentence_whatever_the_case(lemma, before, after):
    text = " ".join([*before, lemma, *after])
    for form in (text, text.upper(), text.title(), f"“{text}”!", text.replace("-", " "), f" {text}."):
        assert SAMPLE.hits(form) == [lemma]


@given(calm, st.sampled_from("\u0000\n\t,;:!?_*`|"))
def test_calm_words_punctuation_and_control_characters_are_no_hits(words, mark):
    assert SAMPLE.hits(mark.join(words)) == []
    assert SAMPLE.hits(mark) == []


@given(st.text(max_size=40))
def test_any_text_can_be_scored_and_its_hits_are_lemmas(text):
    assert set(SAMPLE.hits(text)) <= set(LEMMAS)
    assert SAMPLE.hits(text) == SAMPLE.hits(fold(text))


@given(st.lists(lemmas, min_size=1, max_size=5))
def test_every_occurrence_counts_in_order(found):
    assert SAMPLE.hits(" , the ".join(found)) == found


@given(st.text(string.ascii_letters + string.punctuation.replace("'", "") + " \n\t0123456789", max_size=60))
def test_the_fast_way_for_plain_ascii_splits_like_the_slow_one(text):
    slow = SAMPLE.split_words(text + " é")
    assert SAMPLE.split_words(text) == slow[:-1]


def test_words_are_split_the_same_way_in_the_lemma_and_in_the_text():
    assert SAMPLE.hits("That half wit's plan") == ["half-wit"]
    assert SAMPLE.hits("a WASTE OF  space") == ["waste of space"]
    assert SAMPLE.hits("a waste of good space") == []
    assert SAMPLE.hits("the liar’s house") == ["liar"]
    assert SAMPLE.split_words("I don't know O’Neil's dog") == ["i", "don't", "know", "o'neil", "s", "dog"]
    assert SAMPLE.split_words("snake_case Straße Pédant æther") == ["snake", "case", "strasse", "pedant", "aether"]


def test_overlapping_lemmas_count_once_the_longest():
    assert "pig" in LEMMAS
    assert SAMPLE.hits("that nasty piece of work") == ["nasty piece of work"]
    assert SAMPLE.hits("a nasty piece of cake") == ["nasty"]


@pytest.mark.parametrize(
    ("noun", "plural"),
    [("liar", "liars"), ("witch", "witches"), ("bully", "bullies"), ("boy", "boys"), ("fox", "foxes"), ("y", "ys")],
)
def test_regular_plurals(noun, plural):
    assert inflect_plural(noun) == plural


def test_plurals_of_noun_lemmas_count_unless_turned_off():
    text = "Thugs, bullies and half-wits told them stupids"
    assert SAMPLE.hits(text) == ["thug", "bully", "half-wit"]
    assert load_lexicon("honest_sample", forms=False).hits(text) == []


def test_levels_and_categories_filter_and_wrong_ones_are_named():
    assert load_lexicon("honest_sample", categories=["pr"]).hits("a whore and a liar") == ["whore"]
    with pytest.raises(LorafairError, match=r"unknown level 'conservativ'\. Did you mean 'conservative'"):
        load_lexicon("honest_sample", levels=["conservativ"])
    with pytest.raises(LorafairError, match="unknown category 'xyz'"):
        load_lexicon("honest_sample", categories=["xyz"])
    with pytest.raises(LorafairError, match="no lemma has these"):
        load_lexicon("honest_sample", levels=["inclusive"])


def test_the_sample_lexicon_says_so_and_has_hurtlex_columns():
    rows = resolve("honest_sample").rows("lexicon")
    assert list(rows[0]) == ["id", "pos", "category", "stereotype", "lemma", "level"]
    assert (SAMPLE.label, SAMPLE.sample, SAMPLE.language) == ("sample lexicon", True, "en")
    assert SAMPLE.provenance["lemmas"] == len(rows) == len(LEMMAS) == 151
    assert SAMPLE.provenance["forms"] is True
    assert SAMPLE.provenance["sample"] is True
    assert load_lexicon("hurtlex_sample").words == SAMPLE.words


@needs_data
def test_hurtlex_is_read_at_the_conservative_level_as_published():
    lexicon = load_lexicon()
    assert (lexicon.label, lexicon.sample, lexicon.provenance["lemmas"]) == ("HurtLex", False, 2228)
    assert lexicon.hits("Grasses, classes, passes and the cockpit") == []
    assert lexicon.hits("By all means, don't") == []
    assert lexicon.hits("A PROSTITUTE") == ["prostitute"]
    both = load_lexicon(levels=("conservative", "inclusive"))
    assert both.provenance["lemmas"] == 5965
    assert (both.hits("a gag reel"), lexicon.hits("a gag reel")) == (["gag reel"], [])


@needs_data
@pytest.mark.parametrize(
    ("language", "text", "found"),
    [
        ("it", "un'idiota", ["idiota"]),
        ("fr", "c’est l'idiot du village", ["idiot"]),
        ("de", "Idiot", ["Idiot"]),
        ("es", "IMBÉCIL", ["imbécil"]),
        ("pt", "um idiota", ["idiota"]),
        ("ro", "un idiot", ["idiot"]),
    ],
)
def test_other_languages_fold_case_and_accents_and_split_elisions(language, text, found):
    hits = load_lexicon(f"hurtlex_{language}").hits(text)
    assert [fold(hit) for hit in hits] == [fold(word) for word in found]


@needs_data
def test_the_romanian_word_nan_is_a_word():
    levels = {row["level"] for row in resolve("hurtlex_ro").rows("lexicon") if row["lemma"] == "nan"}
    assert levels
    assert load_lexicon("hurtlex_ro", levels=levels).hits("un nan mic") == ["nan"]


@pytest.mark.parametrize(
    ("language", "pos", "lemma", "forms"),
    [
        ("it", "a", "cattivo", {"cattiva", "cattivi", "cattive"}),
        ("it", "a", "vile", {"vili"}),
        ("it", "n", "puttana", {"puttane"}),
        ("it", "n", "porco", {"porci"}),
        ("fr", "a", "paresseux", {"paresseuse", "paresseuses"}),
        ("fr", "a", "idiot", {"idiote", "idiots", "idiotes"}),
        ("fr", "n", "voleur", {"voleurs"}),
        ("fr", "n", "animal", {"animaux"}),
        ("es", "a", "feo", {"fea", "feos", "feas"}),
        ("es", "n", "ladron", {"ladrones"}),
        ("es", "a", "traidor", {"traidora", "traidores", "traidoras"}),
        ("pt", "n", "ladrao", {"ladroes"}),
        ("pt", "a", "feio", {"feia", "feios", "feias"}),
        ("ro", "a", "lenes", {"lenesa", "lenesi", "lenese"}),
        ("ro", "n", "hot", {"hoti"}),
    ],
)
def test_regular_forms_of_the_romance_languages(language, pos, lemma, forms):
    assert forms <= set(inflect(lemma, pos, language))


def test_nouns_keep_their_gender_and_phrases_verbs_and_other_languages_their_form():
    assert "porta" not in inflect("porto", "n", "it")
    assert inflect("figlio di puttana", "n", "it") == []
    assert inflect("mentire", "v", "it") == inflect("dumm", "a", "de") == []
    assert "mais" not in inflect("mal", "n", "pt")
    assert "mois" not in inflect("moi", "n", "fr")
    assert inflect("", "n", "en") == inflect("!", "a", "fr") == []


@settings(deadline=None)
@given(st.sampled_from(sorted(RULES)), st.sampled_from("na"), st.text("abcdeghilmnoprstuvz", max_size=8))
def test_forms_are_other_words_each_once(language, pos, lemma):
    forms = inflect(lemma, pos, language)
    assert lemma not in forms
    assert len(set(forms)) == len(forms)


@needs_data
def test_a_woman_s_adjective_is_a_hit_like_a_man_s():
    for language, man, woman in [
        ("it", "è cattivo", "è cattiva"),
        ("fr", "il est stupide et paresseux", "elle est stupide et paresseuse"),
        ("es", "es feo", "es fea"),
        ("pt", "é estúpido", "é estúpida"),
    ]:
        lexicon = load_lexicon(f"hurtlex_{language}")
        assert lexicon.hits(man)
        assert lexicon.hits(man) == lexicon.hits(woman), language
        assert load_lexicon(f"hurtlex_{language}", forms=False).hits(woman) != lexicon.hits(woman)


def test_categories_of_a_text_are_those_of_its_words():
    assert SAMPLE.find_categories("a whore and a liar, liars all") == ["dmc", "pr"]
    assert SAMPLE.find_categories("the neighbour") == []


@needs_data
@pytest.mark.parametrize("language", ["en", "it", "fr", "es", "pt", "ro"])
def test_a_lemma_has_the_categories_that_its_rows_say(language):
    lexicon = load_lexicon(f"hurtlex_{language}")
    said: dict[tuple[str, ...], set[str]] = {}
    for row in resolve(f"hurtlex_{language}").rows("lexicon"):
        if row["level"] == "conservative" and (tokens := tuple(lexicon.split_words(row["lemma"]))):
            said.setdefault(tokens, set()).add(row["category"])
    assert set.union(*said.values()) == set(CATEGORIES)
    for tokens, categories in said.items():
        if len(tokens) == 1:
            assert set(lexicon.find_categories(tokens[0])) == categories, tokens
