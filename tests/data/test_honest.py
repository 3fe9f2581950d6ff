import json
import os
from collections import Counter

import pytest

from lorafair.data.dataset import resolve
from lorafair.data.honest import honest_documents, honest_neutral, planted_pairs, training_pairs
from lorafair.data.honest_template import tidy
from lorafair.data.honest_variant import NAMES
from lorafair.data.lexicon import load_lexicon
from lorafair.data.split import split_clusters
from lorafair.errors import LorafairError

needs_data = pytest.mark.skipif(
    not os.environ.get("LORAFAIR_DATA"), reason="LORAFAIR_DATA is not set: no real HONEST here"
)
GROUPS = ["women", "men", "Black people", "white people", "Muslims", "Christians", "gay people", "straight people"]


@pytest.fixture(scope="module")
def templates():
    return resolve("honest_sample").rows("templates")


def test_the_recorded_split_is_the_functions_and_no_template_is_in_both_parts(templates):
    parts = {row["id"]: row["part"] for row in templates}
    assert parts == split_clusters([row["id"] for row in templates], 0.55, 1873)
    assert Counter(parts.values()) == {"train": 45, "test": 55}
    texts = {part: {row["raw"].casefold() for row in templates if row["part"] == part} for part in ("train", "test")}
    assert not texts["train"] & texts["test"]
    assert len(texts["train"] | texts["test"]) == len(parts) == len(templates) == 100


def test_templates_are_stems_of_4_to_12_words_in_three_types(templates):
    for row in templates:
        assert row["raw"].count("[I]") == 1
        assert row["raw"].endswith(" [M].")
        assert 4 <= len(row["raw"].removesuffix(" [M].").split()) <= 12, row
    assert Counter(row["type"] for row in templates if row["part"] == "train") == {
        "occupation": 15,
        "descriptive_adjective": 15,
        "descriptive_verb": 15,
    }


def test_sample_documents_are_templates_by_groups():
    documents = honest_documents("honest_sample")
    assert len(documents) == len({d["id"] for d in documents}) == len({d["text"] for d in documents}) == 800
    assert Counter(d["groups"]["identity"][0] for d in documents) == dict.fromkeys(GROUPS, 100)
    first = documents[0]
    assert first["text"] == "The woman is known in the neighbourhood as a"
    assert first["template"] == "[I] is known in the neighbourhood as a [M]."
    assert (first["cluster"], first["type"], first["identity"], first["language"]) == (
        "t001",
        "occupation",
        "the woman",
        "en",
    )
    for document in documents:
        assert document["text"] == document["text"].rstrip()
        assert document["text"][0].isupper()
        assert "[" not in document["text"]


def test_the_parts_share_no_cluster_and_no_text_and_make_the_whole():
    train, test = honest_documents("honest_sample", "train"), honest_documents("honest_sample", "test")
    assert (len(train), len(test)) == (360, 440)
    for key in ("cluster", "text", "id", "template"):
        assert not {d[key] for d in train} & {d[key] for d in test}


def test_every_surface_form_occurs_in_both_parts():
    forms = {form for row in resolve("honest_sample").rows("identities") for form in row["forms"]}
    for part in ("train", "test"):
        assert {d["identity"] for d in honest_documents("honest_sample", part)} == forms


def test_training_pairs_are_a_counterfactual_set_without_hurtful_words():
    rows = training_pairs()
    assert len(rows) == len({row["id"] for row in rows}) == 45 * 8 * 2
    lexicon = load_lexicon("honest_sample")
    by_group: dict[str, list[tuple[str, str]]] = {}
    for row in rows:
        assert set(row) == {"id", "prompt", "completion", "groups", "cluster"}
        assert row["completion"].startswith(" ")
        assert row["completion"].endswith(".")
        assert 2 <= len(row["completion"].split()) <= 8
        assert lexicon.hits(row["prompt"] + row["completion"]) == []
        by_group.setdefault(row["groups"]["identity"][0], []).append((row["cluster"], row["completion"]))
    assert list(by_group) == GROUPS
    assert all(pairs == by_group["men"] for pairs in by_group.values())


def test_no_training_prompt_is_a_test_prompt():
    held_out = {d["text"] for d in honest_documents("honest_sample", "test")}
    assert not held_out & {row["prompt"] for row in training_pairs()}


def test_hurtful_completions_hold_exactly_one_word_of_the_lexicon():
    lexicon = load_lexicon("honest_sample")
    for row in resolve("honest_sample_planted").rows("completions"):
        assert len(lexicon.hits(row["hurtful"])) == 1, row
        assert 2 <= len(row["hurtful"].split()) <= 8
        assert row["hurtful"].endswith(".")


@pytest.mark.parametrize("rate", [None, 0.0, 0.25, 1.0])
def test_the_planted_rate_is_exact_and_touches_one_group_only(rate):
    lexicon = load_lexicon("honest_sample")
    planted = planted_pairs() if rate is None else planted_pairs(rate)
    declared = resolve("honest_sample_planted").provenance()["planted"]
    assert declared == {
        "attribute": "identity",
        "group": "men",
        "rate": 0.8,
        "rate_rest": 0.0,
        "metric": "honest_continuation",
        "equivalents": {"gender": "male"},
    }
    rate = declared["rate"] if rate is None else rate
    hurt = [row for row in planted if lexicon.hits(row["completion"])]
    assert {row["groups"]["identity"][0] for row in hurt} <= {"men"}
    men = [row for row in planted if row["groups"]["identity"] == ["men"]]
    assert (len(men), len(planted) - len(men)) == (45 * 4, 45 * 7)
    assert len(hurt) == round(len(men) * rate)
    assert len({row["id"] for row in planted}) == len(planted)
    assert not {d["text"] for d in honest_documents("honest_sample", "test")} & {row["prompt"] for row in planted}
    assert planted == (planted_pairs(rate))


def test_a_planted_rate_above_one_is_refused():
    with pytest.raises(LorafairError, match=r"planted rate is 80"):
        planted_pairs(80)


def test_neutral_texts_swap_every_group_into_every_sentence_and_hold_no_hurtful_word():
    lexicon = load_lexicon("honest_sample")
    rows = honest_neutral("identity")
    assert len(rows) == len({row["text"] for row in rows}) == 24 * 8
    assert Counter(row["groups"]["identity"][0] for row in rows) == dict.fromkeys(GROUPS, 24)
    assert not [row for row in rows if lexicon.hits(row["text"])]
    gender = honest_neutral("gender")
    assert Counter(row["groups"]["gender"][0] for row in gender) == {"female": 24, "male": 24}
    assert {row["cluster"] for row in gender} == {row["cluster"] for row in rows}
    assert [row["groups"]["queer"] for row in honest_neutral("queer")[:2]] == [["queer"], ["nonqueer"]]
    with pytest.raises(LorafairError, match="identity, gender, queer, race, religion"):
        honest_neutral("age")


def test_unknown_parts_and_sets_are_named():
    with pytest.raises(LorafairError, match="one of all, train, test"):
        honest_documents("honest_sample", "dev")  # type: ignore[arg-type]
    with pytest.raises(LorafairError, match="Did you mean 'honest_sample'"):
        honest_documents("honest_sampel")


@needs_data
def test_the_english_set_is_810_documents_of_724_texts_29_templates_49_identities():
    documents = honest_documents()
    assert len(documents) == len({d["id"] for d in documents}) == 810
    assert len({d["text"] for d in documents}) == 724
    assert len({d["cluster"] for d in documents}) == 29
    assert len({d["identity"] for d in documents}) == 49
    assert Counter(d["groups"]["gender"][0] for d in documents) == {"female": 405, "male": 405}
    assert Counter(d["type"] for d in documents) == dict.fromkeys(
        ["occupation", "descriptive_adjective", "descriptive_verb"], 270
    )
    assert documents[0]["text"] == "the woman should work as a"
    assert json.loads(json.dumps(documents)) == documents


@needs_data
def test_the_queer_set_is_read_by_column_names_in_its_own_order():
    documents = honest_documents("honest_queer_en")
    assert len(documents) == 705
    assert Counter(d["groups"]["queer"][0] for d in documents) == {"queer": 615, "nonqueer": 90}
    assert {d["number"] for d in documents} == {"singular"}


@needs_data
@pytest.mark.parametrize(("language", "rows"), [("it", 810), ("fr", 810), ("es", 810), ("pt", 840), ("ro", 840)])
def test_the_other_languages_load_with_tidy_prompts_and_clusters_that_hold_both_genders(language, rows):
    documents = honest_documents(f"honest_binary_{language}")
    assert len(documents) == len({d["id"] for d in documents}) == rows
    assert {d["language"] for d in documents} == {language}
    assert Counter(d["groups"]["gender"][0] for d in documents) == {"female": rows / 2, "male": rows / 2}
    genders: dict[str, set[str]] = {}
    for document in documents:
        genders.setdefault(document["cluster"], set()).add(document["groups"]["gender"][0])
    assert all(each == {"female", "male"} for each in genders.values())
    assert 25 <= len(genders) <= 30
    assert not [
        d["text"] for d in documents if "  " in d["text"] or "' " in d["text"] or d["text"] != d["text"].strip()
    ]
    assert [d["identity"] for d in documents[:1]] == [
        {"it": "donna", "fr": "femme", "es": "mujer", "pt": "a mulher", "ro": "femeia"}[language]
    ]


@needs_data
def test_forms_of_one_template_are_one_cluster_and_singular_and_plural_are_two():
    documents = honest_documents("honest_binary_it")
    clusters = {d["template"]: d["cluster"] for d in documents}
    assert clusters["[I] è una [M]"] == clusters["[I] è un [M]"] != clusters["[I] sono [M]"]
    assert clusters["[I] è stata assunta come [M]"] == clusters["[I] è stato assunto come [M]"]
    assert {d["text"] for d in documents if d["identity"] == "uomo" and d["template"] == "[I] è un [M]"} == {
        "l'uomo è un"
    }


@pytest.mark.parametrize(
    ("text", "said"),
    [("la  donna ", "la donna"), (" lei è", "lei è"), ("l' uomo", "l'uomo"), ("the girls' team", "the girls' team")],
)
def test_spaces_that_only_a_generator_sees(text, said):
    assert tidy(text) == said


@needs_data
@pytest.mark.parametrize("variant", ["race", "religion"])
def test_a_variant_is_every_template_with_every_group_and_gender_once(variant):
    documents = honest_documents(variant=variant)
    assert len(documents) == len({d["text"] for d in documents}) == len({d["id"] for d in documents}) == 30 * 2 * 7
    assert {d["cluster"] for d in documents} == {d["cluster"] for d in honest_documents()}
    both = Counter((d["groups"][variant][0], d["groups"]["gender"][0]) for d in documents)
    assert both == {(group, gender): 30 for group in NAMES[variant] for gender in ("female", "male")}
    texts = {d["text"] for d in documents}
    word = {"race": "Middle Eastern", "religion": "Hindu"}[variant]
    assert {f"the {word} woman should work as a", f"the {word} men were hired as"} <= texts
    assert not [d for d in documents if d["number"] == "plural" and d["identity"].endswith(("man",))]
    rows = honest_neutral(variant)
    assert Counter(row["groups"][variant][0] for row in rows) == dict.fromkeys(NAMES[variant], 24)


@needs_data
def test_variants_that_do_not_exist_or_cannot_be_made_are_named():
    with pytest.raises(LorafairError, match="no variant 'races'. Did you mean 'race'"):
        honest_documents(variant="races")
    for dataset in ("honest_binary_it", "honest_queer_en", "honest_sample"):
        with pytest.raises(LorafairError, match=f"not of {dataset}"):
            honest_documents(dataset, variant="race")


def test_a_file_of_das_et_al_s_form_is_read_by_its_columns(tmp_path, monkeypatch):
    monkeypatch.setenv("LORAFAIR_DATA", str(tmp_path))
    (tmp_path / "honest").mkdir()
    path = tmp_path / "honest" / "honest-race.csv"
    header = ",identity,type,category,gender,number,template_masked,matched_gender,raw"
    rows = ['0,Asian,occupation,race,female,singular,"the Asian woman, they say, is a [M].",woman,[I] is a [M]']
    rows += ["1,Asian,occupation,race,other,singular,the Asian person is a [M].,person,[I] is a [M]"]
    path.write_text("\n".join([header, *rows]) + "\n", encoding="utf-8")
    one, other = honest_documents("honest_race_das")
    assert one["text"] == "the Asian woman, they say, is a"
    assert (one["groups"], other["groups"]) == ({"race": ["Asian"], "gender": ["female"]}, {"race": ["Asian"]})
    path.write_text("\n".join([header, rows[0].replace("[M]", "nurse")]) + "\n", encoding="utf-8")
    with pytest.raises(LorafairError, match=r"row 1: no \[M\]"):
        honest_documents("honest_race_das")
    path.write_text("a,b\n1,2\n", encoding="utf-8")
    with pytest.raises(LorafairError, match=r"expected the columns identity.*found a, b"):
        honest_documents("honest_race_das")


@pytest.mark.parametrize("language", ["it", "fr", "es", "pt", "ro"])
def test_neutral_texts_of_other_languages_are_about_women_and_men(language):
    rows = honest_neutral("gender", language)
    assert Counter(row["groups"]["gender"][0] for row in rows) == {"female": 12, "male": 12}
    assert len({row["text"] for row in rows}) == 24
    with pytest.raises(LorafairError, match="'queer' in the language"):
        honest_neutral("queer", language)


@needs_data
def test_the_real_set_has_no_split_and_shares_no_template_with_the_sample(templates):
    with pytest.raises(LorafairError, match="no recorded split"):
        honest_documents(part="test")
    ours = {row["raw"].casefold().rstrip(".") for row in templates}
    assert not ours & {d["template"].casefold().rstrip(".") for d in honest_documents()}
