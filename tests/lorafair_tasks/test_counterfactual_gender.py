"""The counterfactual gender task: documents, requests, closed forms, bad input, and runs by lm-eval and lorafair."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest

from lorafair.errors import LorafairError
from lorafair_tasks.counterfactual_gender.document import compare_twins

FOLDER = str(Path(__file__).parents[2] / "lorafair_tasks")
SAMPLE = "lorafair_counterfactual_gender_sample"
BAD = [
    "",
    " \n\t",
    "!!! … ---",
    "\x00\x07\x1b[31m",
    "\ufffd\ufffd",
    "она инженер 他是工程师",
    "word " * 10_000,
    "💗" * 500,
]


def load(task=SAMPLE, **metadata):
    from lm_eval.tasks import TaskManager

    manager = TaskManager(include_path=FOLDER, include_defaults=False, metadata=metadata)
    return manager.load([task])["tasks"][task]


def answer(task, logprobs, texts):
    """Give every request its answer: of likelihood by its arguments, of continuation by turns."""
    turn = 0
    for instance in task.instances:
        if instance.request_type == "loglikelihood":
            instance.resps = [(logprobs(*instance.arguments), False)]
        else:
            instance.resps = [texts[turn % len(texts)]]
            turn += 1
    task.apply_filters()


def results_of(task, doc_id):
    found = [instance for instance in task.instances if instance.doc_id == doc_id]
    return task.process_results(task.documents[doc_id], [instance.filtered_resps["none"] for instance in found])


def test_a_pair_is_three_documents_of_one_cluster_and_its_twins_are_told():
    documents = load().documents
    pair, female, male = documents[:3]
    assert {each["cluster"] for each in documents[:3]} == {pair["id"]}
    assert (pair["kind"], female["kind"], male["kind"]) == ("likelihood", "continuation", "continuation")
    assert (female["groups"], male["groups"]) == ({"gender": ["female"]}, {"gender": ["male"]})
    assert pair["groups"] == {"stereotype": [pair["stereotype"]]}
    assert (female["pair"], female["twin"], male["twin"]) == (pair["id"], "female", "male")
    assert pair["text"].startswith(female["text"])
    assert len({each["id"] for each in documents}) == len(documents)
    assert json.loads(json.dumps(documents)) == documents


def test_requests_are_prompt_and_ending_of_both_twins_and_k_distinct_continuations():
    task = load(k=2, max_gen_toks=9)
    task.build_all_requests(limit=3)
    asked = [(i.doc_id, i.request_type, i.idx) for i in task.instances]
    assert asked == [(0, "loglikelihood", n) for n in range(4)] + [
        (d, "generate_until", n) for d in (1, 2) for n in range(2)
    ]
    document = task.documents[0]
    arguments = [i.arguments for i in task.instances[:4]]
    assert arguments == [
        part
        for gender in ("female", "male")
        for part in (("", document["prompt"][gender]), (document["prompt"][gender], document["ending"][gender]))
    ]
    one, other = task.instances[4:6]
    assert one is not other
    assert (one.arguments[0], one.arguments[1]["max_gen_toks"]) == (task.documents[1]["text"], 9)
    assert "seed" not in one.arguments[1]


def test_stereotype_preference_is_the_share_of_pairs_whose_expected_twin_is_more_likely():
    """A model whose every sentence is as likely as a number of the project's choice: the closed form by hand."""
    task = load()
    task.build_all_requests(limit=60)

    def logprob(context, text):
        return -len(text) - (1.5 if not context and text.split()[0] in {"She", "Her"} else 0.0)

    answer(task, logprob, [" fine"])
    values = [
        results_of(task, at) for at, document in enumerate(task.documents[:60]) if document["kind"] == "likelihood"
    ]
    expected, gaps, endings = [], [], []
    for document in [d for d in task.documents[:60] if d["kind"] == "likelihood"]:
        whole = {
            gender: logprob("", document["prompt"][gender]) + logprob("x", document["ending"][gender])
            for gender in ("female", "male")
        }
        gaps.append(abs(whole["female"] - whole["male"]))
        side = {"female": 1, "male": -1}[document["stereotype"]]
        expected.append(
            0.5
            + 0.5 * (side * whole["female"] > side * whole["male"])
            - 0.5 * (side * whole["female"] < side * whole["male"])
        )
        endings.append(len(document["ending"]["female"]) != len(document["ending"]["male"]))
    assert [each["stereotype_preference"] for each in values] == expected
    assert [each["logprob_gap"] for each in values] == pytest.approx(gaps)
    assert sum(expected) / len(expected) == task.aggregation()["stereotype_preference"](
        [each["stereotype_preference"] for each in values]
    )
    assert [each["ending_gap"] > 0 for each in values] == endings


def test_a_model_that_always_prefers_men_has_no_stereotype_preference_on_balanced_pairs():
    task = load()
    task.build_all_requests()
    male = {d["prompt"]["male"] for d in task.documents if d["kind"] == "likelihood"}
    answer(task, lambda context, text: 0.0 if text in male else -1.0, ["."])
    values = [results_of(task, at) for at, d in enumerate(task.documents) if d["kind"] == "likelihood"]
    assert {each["male_preference"] for each in values} == {1.0}
    told = [each["stereotype_preference"] for each in values if "stereotype_preference" in each]
    assert sum(told) / len(told) == 0.5
    assert {each["ending_preference"] for each in values if "ending_preference" in each} == {0.5}
    without = [d for d in task.documents if d["kind"] == "likelihood" and not d["stereotype"]]
    assert len(values) - len(told) == len(without) > 0


@pytest.mark.parametrize("broken", [math.nan, -math.inf, math.inf])
def test_a_log_probability_that_is_no_number_is_no_preference(broken):
    document = {"ending": {"female": " a", "male": " a"}, "stereotype": "male"}
    assert set(compare_twins(document, [broken, -1.0, -1.0, -1.0]).values()) == {None, 0.0, 0.5}
    assert compare_twins(document, [broken, -1.0, -1.0, -1.0])["stereotype_preference"] is None
    assert compare_twins({**document, "ending": {"female": "", "male": ""}}, [-1.0, -2.0]) == {
        "logprob_gap": 1.0,
        "male_preference": 0.0,
        "stereotype_preference": 0.0,
    }


def test_twins_are_scored_by_name_each_in_its_own_kind_of_number():
    task = load(k=2)
    task.build_all_requests(limit=3)
    answer(task, lambda *_: -1.0, [" fucking liar", " nurse", " wonderful, lovely", " happy day"])
    female, male = results_of(task, 1), results_of(task, 2)
    assert (female["toxicity_profanity"], male["toxicity_profanity"]) == (0.5, 0.0)
    assert (female["toxicity_hurtlex_sample"], male["toxicity_hurtlex_sample"]) == (0.5, 0.0)
    assert female["score_sentiment"] < 0 < male["score_sentiment"]
    assert (female["answer"], male["answer"]) == ("toxic", "harmless")
    assert female["toxicity_profanity:gender=female"] == 0.5
    assert female["toxicity_profanity:gender=male"] is None
    assert "logprob_gap" not in female
    assert "toxicity_profanity" not in results_of(task, 0)
    better = task.higher_is_better()
    assert (better["toxicity_profanity"], better["score_sentiment"], better["stereotype_preference"]) == (
        False,
        True,
        None,
    )


@pytest.mark.parametrize("text", BAD)
def test_bad_completions_have_a_defined_score_or_are_counted(text):
    task = load()
    task.build_all_requests(limit=3)
    answer(task, lambda *_: -1.0, [text])
    found = results_of(task, 1)
    assert found["toxicity_hurtlex_sample"] == 0.0
    assert 0 <= found["toxicity_profanity"] <= 1
    blank = not text.strip(" \n\t\x00\x07\x1b")
    assert (found["score_sentiment"] is None) == blank
    assert task.config.metadata["not_scored"]["sentiment"] == 2 * blank
    json.dumps(found)


@pytest.mark.parametrize(
    ("metadata", "words"),
    [
        ({"dataset": "counterfactual_gendre"}, "Did you mean 'counterfactual_gender'"),
        ({"dataset": "hurtlex_sample"}, "no sentences in pairs"),
        ({"scorers": "sentimant"}, "Did you mean 'sentiment'"),
        ({"k": 0, "temperature": -1}, r"(?s)k is 0.*temperature is -1"),
        ({"scorer": "profanity"}, "scorer is no setting. Did you mean 'scorers'"),
    ],
)
def test_wrong_settings_stop_the_run_while_the_task_loads(metadata, words):
    with pytest.raises(LorafairError, match=words):
        load(**metadata)


def test_data_that_are_missing_name_the_file(monkeypatch, tmp_path):
    monkeypatch.setenv("LORAFAIR_DATA", str(tmp_path))
    with pytest.raises(LorafairError, match=r"winogender/all_sentences\.tsv is not in the folder LORAFAIR_DATA="):
        load("lorafair_counterfactual_gender_winogender")


def test_texts_without_a_twin_are_said_beside_the_numbers(monkeypatch):
    from lorafair_tasks.counterfactual_gender import task as module

    found = module.load_gender_pairs()[0]
    monkeypatch.setattr(module, "load_gender_pairs", lambda name: (found, {"ambiguous_pronoun": 3, "no_partner": 1}))
    task = load()
    task.build_all_requests(limit=3)
    answer(task, lambda *_: -1.0, [" fine"])
    said = "texts without a twin, left out: 4 (ambiguous_pronoun: 3, no_partner: 1)"
    assert task.config.metadata["remarks"] == [said]


def test_examples_and_seeds_are_refused():
    task = load(k=2)
    with pytest.raises(LorafairError, match="no examples"):
        task.set_config("num_fewshot", 2)
    task.set_config("generation_kwargs", {"seed": 1}, update=True)
    with pytest.raises(LorafairError, match="seed"):
        task.build_all_requests(limit=3)


def test_lorafair_eval_and_plain_lm_eval_agree_and_the_leaderboard_shows_what_there_is(tiny_base, tmp_path):
    import lm_eval
    from lm_eval.tasks import TaskManager

    from lorafair.evaluation import EvaluationPlan, evaluate
    from lorafair.leaderboard.applicable import select_metrics
    from lorafair.leaderboard.column import arrange
    from lorafair.samples import read_audit

    plan = EvaluationPlan(base=str(tiny_base), checkpoints=(), out=tmp_path, engine="hf", limit=12, tasks=(SAMPLE,))
    evaluate(plan, lambda _: None)
    audit = read_audit([tmp_path])
    (samples,) = audit.samples
    assert samples.sample_data
    done = lm_eval.simple_evaluate(
        model="hf",
        model_args={"pretrained": str(tiny_base), "dtype": "float32"},
        tasks=[SAMPLE],
        limit=12,
        device="cpu",
        batch_size=4,
        task_manager=TaskManager(include_path=FOLDER, include_defaults=False),
        bootstrap_iters=0,
    )
    theirs = [sample["logprob_gap"] for sample in done["samples"][SAMPLE] if "logprob_gap" in sample]
    ours = [value for value in samples.values["logprob_gap"] if not math.isnan(value)]
    assert len(ours) == 4
    assert ours == pytest.approx(theirs, abs=1e-3)
    columns = {
        column.metric: column
        for column in arrange(audit, select_metrics(["counterfactual_flip_rate", "counterfactual_score_gap"]))
    }
    assert {
        "logprob_gap",
        "stereotype_preference",
        "toxicity_profanity",
        "toxicity_hurtlex_sample",
        "score_sentiment",
        "counterfactual_flip_rate",
        "counterfactual_score_gap:score_sentiment",
    } <= set(columns)
    assert "accuracy" not in columns
    assert columns["logprob_gap"].higher_is_better is False
    assert columns["stereotype_preference"].higher_is_better is None
    assert not columns["ending_gap"].primary
    assert columns["logprob_gap"].unscored == {"base": 0}
    table, scored = columns["toxicity_profanity"].table("base")
    assert scored.sum() == 8
    assert table.names == {"gender": ("female", "male")}
    assert table.clusters == 4
