"""The gender probes: settings, requests, what known models are found to do, and runs through lm-eval and lorafair."""

from __future__ import annotations

import math
import time
from collections import Counter
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lorafair.data.gender_probe import SYMBOLS, list_blocks
from lorafair.errors import LorafairError
from lorafair_tasks.gender_probe.document import build_documents
from lorafair_tasks.gender_probe.judgement import FACTORS, Asked, judge, name_values
from lorafair_tasks.gender_probe.setting import read_setting

FOLDER = str(Path(__file__).parents[2] / "lorafair_tasks")
FORMS = ("yesno", "choice", "cloze")
KEYED = [name for name in SYMBOLS if name != "direct"]


def load(form="choice", task=None, **metadata):
    from lm_eval.tasks import TaskManager

    task = task or f"lorafair_gender_probe_{form}_sample"
    manager = TaskManager(include_path=FOLDER, include_defaults=False, metadata=metadata)
    return manager.load([task])["tasks"][task]


def answer(task, rule, share=0.9):
    """Answer by a rule and judge: ``rule(document, own)`` is the preferred option's number, which gets ``share`` of the mass.

    ``own`` says whether the prompt holds the review; None prefers nothing.  Returns what lm-eval would print.
    """
    for instance in task.instances:
        choices = instance.doc["choices"]
        best = rule(instance.doc, instance.args[0] == instance.doc["text"])
        mine = best is not None and instance.args[1] == f" {choices[best]}"
        mass = 1 / len(choices) if best is None else share if mine else (1 - share) / (len(choices) - 1)
        instance.resps = [(math.log(mass) - 0.5, False)]
    task.apply_filters()
    asked_of = {instance.doc_id: instance.doc for instance in task.instances}
    values = [task.process_results(document, []) for document in asked_of.values()]
    return {name: each([value[name] for value in values]) for name, each in task.aggregation().items()}


def first_listed(document, own):
    return 0 if document["levels"]["position"] > 0 else 1


def first_symbol(document, own):
    return 0 if document["levels"]["symbol"] > 0 else 1


def always_yes(document, own):
    return 0 if document["levels"]["yes"] > 0 else 1


def always_male(document, own):
    return 0


def male_because_of_the_review(document, own):
    return 0 if own else None


def refuses(document, own):
    return document["meanings"].index("refused") if "refused" in document["meanings"] else None


def run(rule, form="choice"):
    task = load(form, symbols=KEYED, reviews=12)
    task.build_all_requests()
    return answer(task, rule), task.config.metadata


@pytest.mark.parametrize(
    ("rule", "form", "part"),
    [
        *((first_listed, form, "position") for form in FORMS),
        *((first_symbol, form, "symbol") for form in FORMS),
        *((always_male, form, "meaning") for form in FORMS),
        (always_yes, "yesno", "yes"),
    ],
)
def test_a_model_with_one_habit_is_decomposed_exactly(rule, form, part):
    found, metadata = run(rule, form)
    assert found["apparent"] == 1
    for name in ("meaning", *FACTORS[form], "interaction"):
        assert found[name] == (1 if name == part else 0), name
    assert found["answer"] == 1
    # Without a review it does the same, so nothing is left once that is taken into account.
    assert (found["calibrated_apparent"], found["calibrated_meaning"]) == (0, 0)
    assert found[f"prior_{part}"] > 0.5
    for other in {"meaning", *FACTORS[form]} - {part}:
        assert found[f"prior_{other}"] == pytest.approx(0, abs=1e-12)
    assert found["averaged_meaning"] == (part == "meaning")
    for factor in FACTORS[form]:
        moved = 0 if factor != part else 0.8 if form != "choice" else found[f"{factor}_shift"]
        assert found[f"{factor}_shift"] == pytest.approx(moved)
        assert (found[f"{factor}_shift"] > 0.5) == (factor == part)
    assert metadata["judged"] == {"incomparable": 0, "tied": 0, "uncalibrated": 0}
    assert metadata["remarks"] == []


def test_what_the_review_says_survives_calibration():
    found, _ = run(male_because_of_the_review)
    assert found["meaning"] == found["apparent"] == found["calibrated_meaning"] == found["averaged_meaning"] == 1
    assert found["answer_male"] == 1
    assert found["prior_meaning"] == pytest.approx(0)


def test_refusals_are_shares_of_the_prompts_that_offer_one():
    found, metadata = run(refuses)
    assert found["answer_refused"] == 1
    assert found["meaning"] == found["apparent"] == 0
    assert found["answer"] == pytest.approx(2 / 3)  # the wording without a refusal is a tie of all its options
    assert found["answer_male"] == 0
    (remark,) = metadata["remarks"]
    assert "16 of 48 documents have no single most likely option" in remark


def asked(form, answers, blocks=None, prior=None):
    """Documents of one review per block with given log-probabilities."""
    blocks = list_blocks(
        form, *([["wrote"], {"direct": (), "letters": SYMBOLS["letters"]}] if blocks is None else blocks)
    )
    documents = build_documents([{"id": str(k), "text": f"R{k}"} for k in range(len(blocks))], blocks, 1)
    return [Asked(document, answers(document), prior(document) if prior else ()) for document in documents]


@given(st.data())
@settings(max_examples=30, deadline=None)
def test_the_parts_add_up_for_every_document_whatever_a_model_answers(data):
    form = data.draw(st.sampled_from(FORMS))
    nats = st.floats(-30, -2) | st.sampled_from([-3.0, -math.inf, math.nan])
    blocks = ([{"yesno": "asked", "choice": "voice", "cloze": "voice"}[form]], SYMBOLS)
    given_ = asked(
        form, lambda d: [data.draw(nats) for _ in d["choices"]], blocks, lambda d: [[-3.0] * len(d["choices"])]
    )
    found, counts = judge(given_, form)
    assert set(found) == {one.document["id"] for one in given_}
    for values in found.values():
        assert set(values) == {"answer", *name_values(form)}
        if values["answer"] is None:
            assert values["apparent"] is values["answer_male"] is None
            continue
        parts = [values[name] for name in ("meaning", *FACTORS[form], "interaction")]
        assert values["apparent"] == sum(parts)
        shares = [
            values[f"answer_{name}"] or 0
            for name in ("male", "female", "other", "refused")
            if f"answer_{name}" in values
        ]
        assert sum(shares) == (values["answer"] != "tied")
        assert values["meaning"] == values["calibrated_meaning"]  # a prior that prefers nothing changes nothing
    assert counts["incomparable"] == sum(values["answer"] is None for values in found.values())


def test_an_option_without_tokens_is_found_even_where_it_could_be_certain():
    # " A" has no tokens: 0 nats everywhere. Where " B" is hardly possible that alone would not show.
    answers = iter([-0.3, -20.0, -0.3, -20.0])
    documents = asked(
        "cloze",
        lambda d: [-1.0, -2.0] if not d["levels"] else [0.0 if c == "A" else next(answers) for c in d["choices"]],
    )
    found, counts = judge(documents, "cloze")
    by_symbols = Counter((d.document["groups"]["symbols"][0], found[d.document["id"]]["answer"]) for d in documents)
    assert by_symbols == {("direct", "male"): 1, ("letters", None): 4}
    assert counts == {"incomparable": 4, "tied": 0, "uncalibrated": 1}
    # A model that really is certain is believed.
    sure, _ = judge(asked("cloze", lambda d: [0.0, -40.0]), "cloze")
    assert {values["answer"] for values in sure.values()} == {"male"}


def test_a_tie_leans_nowhere_and_is_counted():
    found, counts = judge(asked("cloze", lambda d: [-1.0, -1.0]), "cloze")
    assert counts["tied"] == 5
    for values in found.values():
        assert values["answer"] == "tied"
        assert values["apparent"] == values["meaning"] == values["answer_male"] == values["answer_female"] == 0


def test_a_half_asked_block_has_no_averaged_answer_and_no_shift_where_the_twin_is_missing():
    documents = asked("cloze", lambda d: [-1.0, -2.0])
    found, _ = judge(documents[:-1], "cloze")
    letters = [found[one.document["id"]] for one in documents[1:-1]]
    assert [values["averaged_meaning"] for values in letters] == [None] * 3
    assert [values["position_shift"] for values in letters].count(None) == 1
    assert found[documents[0].document["id"]]["averaged_meaning"] == 1.0


def test_requests_are_the_options_and_once_per_layout_the_prompt_without_content():
    task = load(symbols=["letters", "direct"])
    task.build_all_requests()
    by_layout: dict[str, list[int]] = {}
    own: dict[int, list] = {}
    for instance in task.instances:
        own.setdefault(instance.doc_id, []).append(instance)
    for instances in own.values():
        document = instances[0].doc
        size = len(document["choices"])
        assert [i.args for i in instances[:size]] == [
            (document["text"], f" {choice}") for choice in document["choices"]
        ]
        by_layout.setdefault(document["layout"], []).append(len(instances) // size - 1)
        if len(instances) > size:
            layout = task.layouts[document["layout"]]
            texts = [i.args[0] for i in instances[size::size]]
            assert texts == [layout.fill(text) for text in ("N/A", "[MASK]", "")]
        assert [i.idx for i in instances] == list(range(len(instances)))
    assert len(by_layout) == len(task.layouts) == 3 * (4 + 2)
    for counts in by_layout.values():
        assert counts == [3] + [0] * (len(counts) - 1)
    again = len(task.instances)
    task.build_all_requests()
    assert len(task.instances) == again


def test_a_chat_template_is_honoured_and_one_that_hides_the_prompt_costs_the_calibration():
    task = load(symbols=["letters"])
    task.build_all_requests(
        limit=1, apply_chat_template=True, chat_template=lambda turns, add_generation_prompt: f"<{turns[0]['content']}>"
    )
    first, *_, last = task.instances
    assert first.args == (f"<{task.documents[0]['text']}>", "A")
    assert last.args[0] == f"<{task.layouts[task.documents[0]['layout']].fill('')}>"
    task.build_all_requests(
        limit=1,
        apply_chat_template=True,
        chat_template=lambda turns, add_generation_prompt: turns[0]["content"].upper(),
    )
    assert len(task.instances) == len(task.documents[0]["choices"])


@pytest.mark.parametrize("form", FORMS)
def test_the_design_is_balanced_and_its_first_documents_are_many_reviews(form):
    assert set(load(form).documents[0]["groups"]) == {"symbols", "wording"}
    task = load(form, groups="all")
    documents = task.documents
    assert len({document["id"] for document in documents}) == len(documents)
    blocks = Counter(document["block"] for document in documents)
    assert len(blocks) == 60  # each of the 60 reviews in one block, and in all of it
    pairs = Counter(tuple(block.split("/")[-2:]) for block in blocks)
    assert set(pairs.values()) == {4}
    for attribute in ("order", "mapping", "question"):
        sides = Counter(name for document in documents for name in document["groups"].get(attribute, []))
        assert len(set(sides.values())) <= 1
    assert len({document["cluster"] for document in documents[:50]}) >= 6
    whole = load(form, blocks="all", reviews=4).documents
    assert len(whole) == 4 * len(task.layouts)
    assert len({document["cluster"] for document in whole}) == 4


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"symbol": ["letters"]}, "there is no setting 'symbol'. Did you mean 'symbols'"),
        ({"symbols": ["leters"]}, "Did you mean 'letters'"),
        ({"symbols": []}, "a list of names is needed"),
        ({"wordings": "writer,voise"}, "Did you mean 'voice'"),
        ({"reviews": 0}, "reviews is 0"),
        ({"reviews": "many"}, "reviews is 'many'"),
        ({"max_words": True}, "max_words is True"),
        ({"blocks": 99}, "there are 15"),
        ({"groups": "ordre"}, "Did you mean 'order'"),
        ({"scoring": "mean_nl"}, "Did you mean 'mean_nll'"),
        ({"scoring": "mean_nll"}, "name the model's tokenizer"),
        ({"own_symbols": ["1", "10", "x", "y"]}, "'1' is the beginning of '10'"),
        ({"own_symbols": 3}, "a list of four texts"),
        ({"form": "quiz"}, "form is 'quiz'"),
        ({"dataset": None}, "dataset is None"),
    ],
)
def test_wrong_settings_are_named(wrong, words):
    with pytest.raises(LorafairError) as error:
        read_setting({"form": "choice", "dataset": "reviews_sample"} | wrong, "t")
    assert words in str(error.value)


def test_settings_come_from_metadata_and_the_model_s_arguments_are_left_alone():
    setting = read_setting(
        {"form": "cloze", "dataset": "d", "own_symbols": "x,y,z,w", "symbols": "letters", "pretrained": "m", "seed": 3},
        "t",
    )
    assert setting.symbols == {"letters": SYMBOLS["letters"], "own": ("x", "y", "z", "w")}
    assert (setting.reviews, setting.review_seed, setting.blocks) == (2000, 2024, 1)


def test_mean_nll_is_the_loss_of_the_whole_prompt(tiny_base):
    import torch
    from lm_eval.models.huggingface import HFLM

    task = load("cloze", symbols=["letters", "direct"], scoring="mean_nll", tokenizer=str(tiny_base), reviews=2)
    task.build_all_requests()
    model = HFLM(pretrained=str(tiny_base), device="cpu", dtype="float32")
    for instance, found in zip(task.instances, model.loglikelihood(task.instances, disable_tqdm=True), strict=True):
        instance.resps = [found]
    task.apply_filters()
    for number, document in enumerate(task.documents):
        whole = [i for i in task.instances if i.doc_id == number and i.args[0] == ""]
        assert [i.args[1] for i in whole] == [f"{document['text']} {choice}" for choice in document["choices"]]
        losses = []
        for instance in whole:
            ids = torch.tensor([[model.prefix_token_id, *model.tok_encode(instance.args[1], add_special_tokens=False)]])
            with torch.inference_mode():
                losses.append(float(model.model(input_ids=ids, labels=ids).loss))
            assert instance.resps[0][0] / task._count(instance.args[1]) == pytest.approx(-losses[-1], abs=1e-4)
        assert task.process_results(document, [])["answer"] == document["meanings"][losses.index(min(losses))]


def test_mean_nll_dilutes_what_has_more_tokens(tiny_base):
    task = load("cloze", symbols=["direct"], scoring="mean_nll", tokenizer=str(tiny_base), reviews=1)
    task._count = len  # a token is a character
    assert task._choose(["a man", "a woman"], [-7.0, -7.0]) == 1  # more tokens share the same surprise
    assert task._choose(["a man", "a woman"], [-5.0, -7.2]) == 0
    assert task._choose(["a man", "a boy"], [-5.0, -5.5]) == 0  # of one length: by their own log-probabilities
    assert task._choose(["a man", "a boy"], [-5.0, -5.0]) == -1
    with pytest.raises(LorafairError, match="cannot be loaded"):
        load("cloze", scoring="mean_nll", tokenizer="/no/such/folder")


def test_two_thousand_reviews_are_laid_out_in_a_few_seconds(tmp_path, monkeypatch):
    texts = [f"Review {k}: " + "the soup was warm and the table too small. " * 6 for k in range(30_000)]
    table = {"text": texts, "binary_label": [0] * len(texts), "binary_score": [0.5] * len(texts)}
    pq.write_table(pa.table(table), tmp_path / "reviews.parquet")
    (tmp_path / "registry.yaml").write_text(
        "schema: 1\ndatasets:\n  yelp_local:\n    description: reviews\n    licence: MIT\n    columns: [text]\n"
        "    files:\n      reviews: {path: reviews.parquet, rows: 30000}\n"
    )
    monkeypatch.setenv("LORAFAIR_REGISTRY", str(tmp_path / "registry.yaml"))
    started = time.process_time()
    sizes = []
    for form in FORMS:
        task = load(task=f"lorafair_gender_probe_{form}", dataset="yelp_local")
        task.build_all_requests()
        sizes.append(len(task.documents))
    assert time.process_time() - started < 15
    assert sizes == [14_400, 7_200, 6_800]
