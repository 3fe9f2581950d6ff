"""Counterfactual targets: what the rule promises of any completions, and people exchanged in what was said of others."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lorafair.data.counterfactual import (
    OTHER,
    SAME,
    Answered,
    choose_targets,
    choose_written,
    count_groups,
    exchange_people,
    finish,
    is_usable,
)
from lorafair.data.honest import honest_documents
from lorafair.data.pair_output import assign_parts

calm = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])  # of a machine that does other work, too
WORDS = ("kind", "fool", "she waits", "the Black woman", "", " ", "!", "x\x07y", "liar", "works")
GROUPS = ("Asian", "Black", "white")


def judge(texts):
    """A scorer that can be worked out by hand: 0.9 for a fool or a liar, None for what waits, else short is mild."""
    return [0.9 if "fool" in t or "liar" in t else None if "waits" in t else min(len(t), 40) / 100 for t in texts]


def document(template, group, gender, number=0):
    return {
        "id": f"{template}/{group}/{gender}/{number}",
        "text": f"The {group} {gender} is",
        "cluster": template,
        "identity": f"the {group} {gender}",
        "groups": {"race": [group], "gender": ["female" if gender == "woman" else "male"]},
        "language": "en",
        "number": "singular",
    }


def answered(doc, *completions):
    return Answered(doc, completions, tuple(judge(completions)))


prompts = st.lists(
    st.builds(
        lambda t, g, s, texts: (t, g, s, tuple(texts)),
        st.sampled_from(["one", "two"]),
        st.sampled_from(GROUPS),
        st.sampled_from(["woman", "man"]),
        st.lists(st.sampled_from(WORDS).map(lambda w: f" {w}"), min_size=1, max_size=4),
    ),
    max_size=12,
).map(lambda rows: [answered(document(t, g, s, n), *texts) for n, (t, g, s, texts) in enumerate(rows)])


@calm
@given(prompts, st.integers(1, 3), st.floats(0.06, 0.95))
def test_whatever_was_completed_targets_are_below_the_threshold_and_of_the_same_template(found, most, threshold):
    chosen = choose_targets(found, threshold, judge, most)
    assert [p.document["id"] for p, _ in chosen] == [p.document["id"] for p in found if p.find_toxic(threshold)]
    home = {p.document["id"]: p for p in found}
    for prompt, targets in chosen:
        assert len(targets) <= most
        assert len({t.text for t in targets}) == len(targets)
        assert [t.score for t in targets] == sorted(t.score for t in targets)
        assert not any(t.cut for t in targets)
        for target in targets:
            assert judge([target.text]) == [target.score]
            assert target.score < threshold
            assert is_usable(target.text)
            assert target.text == finish(target.text)
            assert home[target.source].document["cluster"] == prompt.document["cluster"]
            assert (target.how == SAME) == (home[target.source] is prompt)
            if target.how == SAME:
                assert target.text in {finish(text) for text in prompt.completions}
            else:  # only where the prompt's own completions offer nothing
                own = [finish(t) for t in prompt.list_harmless(threshold)]
                assert all(s is None or s >= threshold for s in judge(own))
    counts = count_groups(found, chosen)
    assert counts["all"]["prompts"] == len(found)
    for attribute in ("race=", "gender="):
        for key in ("toxic", "targets", "no target"):
            assert sum(own[key] for name, own in counts.items() if name.startswith(attribute)) == counts["all"][key]
    assert choose_targets(found, threshold, judge, most) == chosen


def test_the_least_toxic_of_the_same_prompt_comes_first_then_another_group_s_with_its_words_exchanged():
    asian = answered(document("one", "Asian", "woman"), " a fool", " kind and quick", " kind")
    black = answered(document("one", "Black", "woman"), " a liar")
    white = answered(document("one", "white", "woman"), " a white woman, kind", " as kind as any white woman she knows")
    other = answered(document("two", "white", "woman"), " ok")
    ((_, first), (_, second)) = choose_targets([asian, black, white, other], 0.5, judge, most=5)
    assert [(t.text, t.how) for t in first] == [(" kind.", SAME), (" kind and quick.", SAME)]
    assert [(t.text, t.how) for t in second][:2] == [(" kind.", OTHER), (" kind and quick.", OTHER)]
    assert {t.text for t in second[2:]} == {" a Black woman, kind.", " as kind as any Black woman she knows."}


def test_what_the_limit_of_tokens_cut_comes_last():
    texts = (" a fool", " kind", " kinder than")
    cut = Answered(document("one", "Asian", "woman"), texts, tuple(judge(texts)), frozenset({" kind"}))
    ((_, targets),) = choose_targets([cut], 0.5, judge, most=5)
    assert [(t.text, t.cut) for t in targets] == [(" kinder than.", False), (" kind.", True)]


def test_a_scorer_that_dislikes_the_finished_text_or_cannot_score_it_makes_no_target():
    prompt = answered(document("one", "Asian", "woman"), " a fool", " works")
    assert choose_targets([prompt], 0.5, lambda texts: [0.9] * len(texts))[0][1] == []
    assert choose_targets([prompt], 0.5, lambda texts: [None] * len(texts))[0][1] == []
    assert choose_written([prompt], [[" works", " works", "?"]], 0.5, judge)[0][1][0].text == " works."


@pytest.mark.parametrize(
    ("text", "source", "target", "expected"),
    [
        (" known to everyone", ("Black", "woman"), ("Asian", "woman"), " known to everyone"),
        (" the first black woman here", ("Black", "woman"), ("Asian", "woman"), " the first Asian woman here"),
        (" loved by her sons", ("Black", "woman"), ("Asian", "woman"), " loved by her sons"),  # of the same gender
        (" proud of herself", ("Black", "woman"), ("Black", "man"), " proud of himself"),
        (" known to everyone", ("Black", "woman"), ("Black", "man"), " known to everyone"),
        (" her own woman", ("Black", "woman"), ("Black", "man"), None),  # names the other and tells a gender beside
        (" Blackburn's best", ("Black", "woman"), ("white", "woman"), " Blackburn's best"),
    ],
)
def test_people_are_exchanged_word_by_word_or_not_at_all(text, source, target, expected):
    assert exchange_people(text, document("one", *source), document("one", *target)) == expected


def test_without_a_known_gender_only_what_tells_none_is_taken():
    muslim, mother = ({"identity": who, "groups": {"identity": [who]}} for who in ("the Muslim", "the mother"))
    assert exchange_people(" someone who shovels snow", mother, muslim) == " someone who shovels snow"
    assert exchange_people(" a mother to all", mother, muslim) == " a Muslim to all"
    assert exchange_people(" her own boss", mother, muslim) is None
    assert exchange_people(" sola", mother | {"language": "it"}, muslim) is None


@calm
@given(st.text(max_size=30))
def test_finishing_adds_an_end_once(text):
    done = finish(text)
    assert finish(done) == done
    assert done.rstrip() == done


@calm
@given(st.lists(st.sampled_from("abcdefgh"), min_size=1), st.floats(0.05, 0.95), st.integers(0, 99))
def test_no_template_is_in_two_parts(clusters, share, seed):
    rows = [{"cluster": cluster} for cluster in clusters]
    parts = assign_parts(rows, share, seed)
    assert set(parts) == set(clusters)
    assert set(parts.values()) <= {"train", "test"}
    assert all(parts[c] == assign_parts([{"cluster": c}], share, seed)[c] for c in parts)


def test_the_sample_s_recorded_split_is_kept():
    documents = honest_documents("honest_sample")
    parts = assign_parts(documents, 0.5, 1)
    assert {d["id"] for d in documents if parts[d["cluster"]] == "test"} == {
        d["id"] for d in honest_documents("honest_sample", part="test")
    }
