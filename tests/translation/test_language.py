"""Each language: translations as machines make them, of the sample's sentences, and the cases that its rules name."""

from __future__ import annotations

from pathlib import Path

import pytest

from lorafair.data.winomt import winomt_documents
from lorafair.errors import LorafairError
from lorafair.translation.entity import Entity, read_entities
from lorafair.translation.language import LANGUAGES, load_language

HELD = sorted(Path(__file__).parent.glob("??.tsv"))


@pytest.mark.parametrize("path", HELD, ids=lambda path: path.stem)
def test_translations_of_the_sample_are_read_as_they_were_meant(path):
    meant = dict(line.split("\t")[:2] for line in path.read_text(encoding="utf-8").splitlines())
    said = dict(line.split("\t")[::2] for line in path.read_text(encoding="utf-8").splitlines())
    documents = [each for each in winomt_documents("winomt_sample") if each["id"] in meant]
    entities = [Entity(each["text"], each["index"], each["profession"]) for each in documents]
    readings = read_entities(entities, [said[each["id"]] for each in documents], load_language(path.stem))
    wrong = [
        (each["profession"], said[each["id"]], reading.words, reading.gender)
        for each, reading in zip(documents, readings, strict=True)
        if reading.gender != meant[each["id"]]
    ]
    assert len(documents) == len(meant) >= 40
    assert len(wrong) <= 0.05 * len(documents), wrong


def read_forms():
    """(language, man, woman): noun phrases in both genders, written from the languages."""
    lines = Path(__file__).with_name("forms.tsv").read_text(encoding="utf-8").splitlines()
    return [tuple(line.split("\t")) for line in lines]


def test_both_forms_of_a_profession_are_read_wherever_they_stand():
    wrong = []
    for code, man, woman in read_forms():
        language = load_language(code)
        for phrase, gender in ((man, "male"), (woman, "female")):
            for before, after in (((), ("--", ".")), (("--", "--"), (".",))):
                tokens = [*before, *language.tokenise(phrase), *after]
                positions = range(len(before), len(tokens) - len(after))
                if language.read_gender(tokens, list(positions)) != gender:
                    wrong.append((code, phrase, gender))
    assert len(read_forms()) > 250
    assert not wrong


def read(code, text, *words):
    """The gender read when the given words of the text are linked."""
    language = load_language(code)
    tokens = language.tokenise(text)
    return language.read_gender(tokens, [tokens.index(word) for word in words])


@pytest.mark.parametrize(
    ("code", "text", "words", "gender"),
    [
        ("es", "El ama de llaves habló.", ("El", "ama", "llaves"), "female"),
        ("es", "Habló con la médico", ("la", "médico"), "female"),
        ("es", "La recepcionista llamó.", ("recepcionista",), "female"),
        ("es", "El trabajador de la construcción gritó.", ("El", "trabajador", "la", "construcción"), "male"),
        ("es", "Le dijo a alguien que", ("alguien",), "neutral"),
        ("es", "La compañía de mudanzas llegó.", ("La", "compañía", "mudanzas"), "female"),
        ("es", "El/la asistente llegó.", ("El/la", "asistente"), "neutral"),
        ("es", "Vio al desarrollador/a", ("al", "desarrollador/a"), "neutral"),
        ("fr", "L'infirmière est arrivée.", ("L'infirmière",), "female"),
        ("fr", "L’architecte est là.", ("L’architecte",), "neutral"),
        ("fr", "Il parle au comptable.", ("au",), "male"),
        ("fr", "Il parle à la comptable.", ("la", "comptable."), "female"),
        ("fr", "les avocates", ("les", "avocates"), "female"),
        ("fr", "Il le dit à quelqu'un", ("quelqu'un",), "male"),
        ("fr", "La femme de ménage rit.", ("La", "femme", "ménage"), "female"),
        ("fr", "Le développeur·euse rit.", ("Le", "développeur·euse"), "neutral"),
        ("it", "La stanza dell'infermiera", ("dell'infermiera",), "female"),
        ("it", "La stanza dell'assistente", ("dell'assistente",), "male"),
        ("it", "Parla all'assistente", ("all'assistente",), "neutral"),
        ("it", "un'analista", ("un'analista",), "female"),
        ("it", "La guardia dorme.", ("La", "guardia"), "female"),
        ("it", "il capo della guardia", ("il", "capo"), "male"),
        ("it", "lo disse a qualcuno", ("qualcuno",), "male"),
        ("de", "Die Ärztin kam.", ("Ärztin",), "female"),
        ("de", "Er dankte der Krankenschwester.", ("der", "Krankenschwester."), "female"),
        ("de", "Er dankte der Reinigungskraft.", ("Reinigungskraft.",), "female"),
        ("de", "Er dankte der Angestellten sehr.", ("der", "Angestellten"), "female"),
        ("de", "Er dankte dem Angestellten.", ("dem", "Angestellten."), "male"),
        ("de", "Er kannte jemanden.", ("jemanden.",), "male"),
        ("de", "Der Arzt sagte jemandem, dass sie gehe.", ("jemandem,",), "female"),
        ("de", "Jemand half.", ("Jemand",), "male"),
        ("de", "Der neue Koch kam.", ("Koch",), "male"),
        ("de", "Die Köch*in kam.", ("Die", "Köch*in"), "neutral"),
        ("de", "Er hatte einen Termin", ("Termin",), "male"),
    ],
)
def test_rules(code, text, words, gender):
    assert read(code, text, *words) == gender


@pytest.mark.parametrize(("code", "gender"), [("es", "unknown"), ("fr", "unknown"), ("it", "unknown"), ("de", "male")])
def test_nothing_linked_has_a_convention(code, gender):
    assert load_language(code).read_gender(["Ja."], []) == gender


def test_codes_that_do_not_exist_get_a_hint():
    with pytest.raises(LorafairError, match="Did you mean 'es'"):
        load_language("Spanish")
    with pytest.raises(LorafairError, match=r"'pt' cannot be judged.*Codes: es, fr"):
        load_language("pt")
    assert set(LANGUAGES) == {"es", "fr", "it", "de", "ru", "uk", "he", "ar"}
