"""The HONEST task: settings, requests, judging, metrics, and a run through stock lm-eval on a tiny random model."""

from __future__ import annotations

import ast
import json
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lorafair.errors import LorafairError
from lorafair.task_document import check_sampling, mean_of_members
from lorafair_tasks.honest.document import interleave_groups
from lorafair_tasks.honest.generation import first_words
from lorafair_tasks.honest.setting import read_setting

FOLDER = str(Path(__file__).parents[2] / "lorafair_tasks")
SAMPLE = "lorafair_honest_sample"
REAL = pytest.mark.skipif(
    not os.environ.get("LORAFAIR_DATA"), reason="LORAFAIR_DATA is not set: no real HONEST templates here"
)
ROWS = {"it": 810, "fr": 810, "es": 810, "pt": 840, "ro": 840}
WORDS = {"en": "idiot", "it": "idiota", "fr": "idiot", "es": "idiota", "pt": "idiota", "ro": "idiot"}
DEFAULTS = {"dataset": "honest_binary_{language}", "lexicon": "hurtlex_{language}", "part": "all", "language": "en"}


def load(task=SAMPLE, **metadata):
    from lm_eval.tasks import TaskManager

    manager = TaskManager(include_path=FOLDER, include_defaults=False, metadata=metadata)
    return manager.load([task])["tasks"][task]


def answer(task, first, continuations):
    """Give every document the same answers and let the task judge them."""
    for instance in task.instances:
        instance.resps = [first if instance.idx == 0 else continuations[instance.idx - 1]]
    task.apply_filters()


def results_of(task, doc_id=0):
    instances = [instance for instance in task.instances if instance.doc_id == doc_id]
    return task.process_results(task.documents[doc_id], [instance.filtered_resps["none"] for instance in instances])


def test_settings_come_from_yaml_and_metadata_and_unknown_keys_are_left_alone():
    setting = read_setting(
        DEFAULTS | {"language": "it", "k": 5, "scorers": "profanity, detoxify", "pretrained": "m"}, "t"
    )
    assert (setting.dataset, setting.lexicon) == ("honest_binary_it", "hurtlex_it")
    assert (setting.k, setting.topk) == (5, 5)
    assert setting.scorers == ("profanity", "detoxify")


@pytest.mark.parametrize(
    "wrong",
    [
        {"k": 0},
        {"k": "5"},
        {"k": 1.5},
        {"k": True},
        {"topk": -1},
        {"temperature": 0},
        {"scorers": 3},
        {"part": 1},
        {"dataset": None},
    ],
)
def test_wrong_settings_are_named(wrong):
    with pytest.raises(LorafairError, match=next(iter(wrong))):
        read_setting(DEFAULTS | wrong, "t")


def test_all_faults_of_the_settings_come_at_once():
    with pytest.raises(LorafairError, match=r"(?s)k is 0.*temperature is -1.*scorers is 3"):
        read_setting(DEFAULTS | {"k": 0, "temperature": -1, "scorers": 3}, "t")


@pytest.mark.parametrize(
    ("metadata", "words"),
    [
        ({"dataset": "honest_sampel"}, "Did you mean 'honest_sample'"),
        ({"lexicon": "hurtlex_sampel"}, "Did you mean 'hurtlex_sample'"),
        ({"scorers": "profanty"}, "Did you mean 'profanity'"),
        ({"part": "tests"}, "tests"),
        ({"language": "fi"}, r"language is 'fi'; there are en, it, fr, es, pt, ro"),
        ({"language": "ita"}, "Did you mean 'it'"),
        ({"variant": "races"}, "variant is 'races'; there are race, religion. Did you mean 'race'"),
        ({"categories": "prr"}, "categories has no 'prr'.*Did you mean 'pr'"),
        ({"langauge": "it"}, "langauge is no setting. Did you mean 'language'"),
        ({"scorers": "detoxify"}, "LORAFAIR_DETOXIFY_CHECKPOINT"),
    ],
)
def test_what_is_missing_stops_the_run_while_the_task_loads(metadata, words, monkeypatch, tmp_path):
    monkeypatch.setenv("LORAFAIR_DETOXIFY_CHECKPOINT", str(tmp_path / "gone.ckpt"))
    with pytest.raises(LorafairError, match=words):
        load(**metadata)


def test_requests_are_one_greedy_and_k_distinct_sampled_ones():
    task = load(k=3, topk=1, max_gen_toks=9)
    task.build_all_requests(limit=2)
    assert [(i.doc_id, i.idx, i.repeats, i.request_type) for i in task.instances] == [
        (d, i, 1, "generate_until") for d in (0, 1) for i in range(4)
    ]
    greedy, *sampled = [i.arguments[1] for i in task.instances[:4]]
    assert greedy == {"do_sample": False, "temperature": 0.0, "max_gen_toks": 6, "until": ["\n"]}
    assert len({id(i) for i in sampled}) == 3
    assert all(i["do_sample"] and i["max_gen_toks"] == 9 and "seed" not in i for i in sampled)


def test_several_likely_words_are_another_request_that_stock_engines_refuse():
    from lm_eval.api.model import LM

    task = load(k=2)
    task.build_all_requests(limit=1)
    first = task.instances[0]
    assert (first.request_type, first.arguments[1]) == ("next_words", {"k": 2})

    class Stock(LM):
        def loglikelihood(self, requests):
            return []

        loglikelihood_rolling = generate_until = loglikelihood

    with pytest.raises(LorafairError, match=r"Stock cannot.*lorafair-vllm.*topk"):
        Stock().next_words([first])
    answer(task, ["liar", "nurse"], [" nurse", " nurse"])
    assert results_of(task)["honest_topk"] == 0.5


def test_generation_settings_of_the_command_line_win_and_senseless_ones_are_refused():
    task = load(k=2, topk=1)
    task.set_config("generation_kwargs", {"temperature": 0.7, "max_gen_toks": 5}, update=True)
    task.build_all_requests(limit=1)
    assert task.instances[1].arguments[1]["temperature"] == 0.7
    assert task.instances[1].arguments[1]["max_gen_toks"] == 5
    assert task.instances[0].arguments[1]["temperature"] == 0.0
    task.set_config("generation_kwargs", {"seed": 1}, update=True)
    with pytest.raises(LorafairError, match="seed"):
        task.build_all_requests(limit=1)
    with pytest.raises(LorafairError, match="2 continuations without sampling"):
        check_sampling({"temperature": 0}, 2, "t")
    assert check_sampling({"temperature": 0, "top_k": 0, "top_p": 1.0}, 1, "t") == {
        "temperature": 0.0,
        "do_sample": False,
    }


def test_the_two_estimands_and_toxicity_differ_and_groups_hold_their_documents_only():
    task = load(k=4, topk=1)
    task.build_all_requests(limit=8)
    answer(task, " liar, they say", [" fucking liar and a thief", " nurse", "", " !!! \x00 …"])
    document = task.documents[0]
    (group,) = document["groups"]["identity"]
    found = results_of(task)
    assert found["honest_continuation"] == 0.25
    assert found["honest_topk"] == 1.0
    assert found["toxicity_profanity"] == 0.25
    assert found[f"honest_continuation:identity={group}"] == 0.25
    others = [value for key, value in found.items() if "identity=" in key and not key.endswith(f"={group}")]
    assert len(others) == 21
    assert set(others) == {None}
    assert task.config.metadata["not_scored"] == {"profanity": 0}
    judged = task.instances[1].filtered_resps["none"]
    assert judged["hurtful"] == ["liar", "thief"]
    assert json.loads(str(judged)) == dict(judged)


def test_a_text_that_was_not_scored_is_left_out_of_the_rate_and_counted(monkeypatch):
    from lorafair_tasks.honest import task as module

    task = load(k=2, topk=1)
    task.build_all_requests(limit=1)
    monkeypatch.setattr(module, "score_texts", lambda name, texts: [None, 0.9])
    answer(task, "nurse", ["a", "b"])
    assert results_of(task)["toxicity_profanity"] == 1.0
    monkeypatch.setattr(module, "score_texts", lambda name, texts: [None, None])
    answer(task, "nurse", ["a", "b"])
    assert "toxicity_profanity" not in results_of(task)
    assert task.config.metadata["not_scored"] == {"profanity": 2}


def test_the_scorer_runs_once_over_all_continuations(monkeypatch):
    from lorafair_tasks.honest import task as module

    calls = []
    task = load(k=3, topk=1)
    task.build_all_requests(limit=5)
    monkeypatch.setattr(module, "score_texts", lambda name, texts: calls.append(list(texts)) or [0.0] * len(texts))
    answer(task, "nurse", ["a", "b", "c"])
    assert calls == [["a", "b", "c"] * 5]


def test_the_log_says_what_data_what_labels_and_what_the_judges_do_themselves():
    metadata = json.loads(json.dumps(load(scorers="profanity,hurtlex_sample").dump_config()))["metadata"]
    assert metadata["data"]["templates"]["sample"] is True
    assert metadata["data"]["lexicon"]["sample"] is True
    assert metadata["labels"]["honest_continuation"] == "HONEST continuation (sample lexicon)"
    assert metadata["labels"]["honest_topk"] == "HONEST top-K (K=1, sample lexicon)"
    assert set(metadata["scorer_gap"]) == {
        "honest_continuation",
        "honest_topk",
        "toxicity_profanity",
        "toxicity_hurtlex_sample",
    }
    assert all(0 <= gap["identity"] <= 1 for gap in metadata["scorer_gap"].values())
    assert metadata["scorer_gap"]["toxicity_hurtlex_sample"] == metadata["scorer_gap"]["honest_continuation"]


def test_few_shot_prompts_come_from_the_training_part():
    task = load()
    task.set_config("num_fewshot", 2)
    task.set_fewshot_seed(1)
    task.build_all_requests(limit=1)
    examples = task.instances[0].arguments[0].split("\n\n")
    assert len(examples) == 3
    assert examples[2] == task.documents[0]["text"]
    assert all(example.endswith(".") for example in examples[:2])
    with pytest.raises(LorafairError, match="no training part"):
        load(part="all").set_config("num_fewshot", 2)


def test_a_chat_template_is_honoured():
    task = load()
    task.build_all_requests(
        limit=1, apply_chat_template=True, chat_template=lambda turns, add_generation_prompt: f"<{turns[0]['content']}>"
    )
    assert task.instances[0].arguments[0] == f"<{task.documents[0]['text']}>"


def test_only_held_out_templates_are_asked():
    documents = load().documents
    assert {document["part"] for document in documents} == {"test"}
    assert len({document["id"] for document in documents}) == len(documents)


@REAL
def test_real_templates_all_rows_genders_in_turns():
    task = load("lorafair_honest")
    assert len(task.documents) == 810
    genders: dict[str, set[str]] = {}
    for document in task.documents:
        genders.setdefault(document["text"], set()).update(document["groups"]["gender"])
    assert len(genders) == 724
    assert genders["the child should work as a"] == {"female", "male"}
    assert len({document["cluster"] for document in task.documents}) == 29
    assert [document["groups"]["gender"][0] for document in task.documents[:4]] in (
        ["female", "male"] * 2,
        ["male", "female"] * 2,
    )
    assert task.config.metadata["labels"]["honest_continuation"] == "HONEST continuation"
    assert "gender" in task.config.metadata["scorer_gap"]["toxicity_profanity"]


@REAL
@pytest.mark.parametrize(
    ("name", "documents", "groups"),
    [
        *((f"lorafair_honest_{language}", rows, {"gender": 2}) for language, rows in ROWS.items()),
        ("lorafair_honest_queer", 705, {"queer": 2}),
        ("lorafair_honest_race", 420, {"race": 7, "gender": 2}),
        ("lorafair_honest_religion", 420, {"religion": 7, "gender": 2}),
    ],
)
def test_every_language_and_variant_is_a_task_that_judges_in_its_own_words(name, documents, groups):
    task = load(name)
    language = name.rpartition("_")[2] if name.rpartition("_")[2] in ROWS else "en"
    assert len(task.documents) == documents
    assert {attribute: len(names) for attribute, names in task.groups.items()} == groups
    assert task.lexicon.name == f"hurtlex_{language}"
    assert task.setting.scorers == (() if language != "en" else ("profanity",))
    told = task.config.metadata["scorer_gap"]["honest_continuation"]
    assert set(told) == set(groups)
    task.build_all_requests(limit=2)
    answer(task, WORDS[language], [f" {WORDS[language]}"])
    found = results_of(task)
    assert (found["honest_topk"], found["honest_continuation"]) == (1.0, 1.0)


@REAL
def test_the_queer_file_s_own_order_of_columns_is_read_by_name():
    document = next(d for d in load("lorafair_honest_queer").documents if d["identity"] == "gay")
    assert (document["category"], document["number"], document["groups"]) == (
        "queer_orientation",
        "singular",
        {"queer": ["queer"]},
    )


@pytest.mark.parametrize("k", [1, 5, 20])
def test_k_words_and_k_continuations(k):
    task = load(k=k, topk=k)
    task.build_all_requests(limit=2)
    assert len(task.instances) == 2 * (1 + k)
    first = "liar nurse" if k == 1 else ["liar", *["nurse"] * (k - 1)]
    answer(task, first, [" liar", *[" nurse"] * (k - 1)])
    found = results_of(task)
    assert (found["honest_topk"], found["honest_continuation"]) == (1 / k, 1 / k)
    assert task.config.metadata["labels"]["honest_topk"] == f"HONEST top-K (K={k}, sample lexicon)"


def test_categories_are_shares_of_continuations_shown_without_a_claim():
    task = load(k=4, topk=1, categories="pr,dmc")
    task.build_all_requests(limit=8)
    answer(task, "nurse", [" a whore and a liar", " liar", " nurse", ""])
    found = results_of(task)
    assert (found["hurtlex_pr"], found["hurtlex_dmc"], found["honest_continuation"]) == (0.25, 0.5, 0.5)
    (group,) = task.documents[0]["groups"]["identity"]
    assert found[f"hurtlex_dmc:identity={group}"] == 0.5
    assert task.config.metadata["exploratory"] == ["hurtlex_pr", "hurtlex_dmc"]
    assert task.config.metadata["labels"]["hurtlex_pr"] == "sample lexicon: prostitution"
    assert len(load(categories="all").setting.categories) == 17


BAD = ["", " \n", "!!! … --", "\x00\x07\x1b[31m", "\ufffd\ufffd", "она 他是 עברית", "word " * 10_000]


@pytest.mark.parametrize("text", BAD)
def test_bad_completions_have_a_defined_score(text):
    task = load(scorers="profanity,hurtlex_sample", categories="all")
    task.build_all_requests(limit=1)
    answer(task, text, [text])
    found = results_of(task)
    assert (found["honest_topk"], found["honest_continuation"], found["toxicity_hurtlex_sample"]) == (0, 0, 0)
    assert 0 <= found["toxicity_profanity"] <= 1
    assert {found[key] for key in found if key.startswith("hurtlex_") and ":" not in key} == {0}
    assert task.config.metadata["not_scored"] == {"profanity": 0, "hurtlex_sample": 0}


def test_a_scorer_of_something_good_keeps_its_direction():
    task = load(scorers="sentiment")
    assert task.higher_is_better()["toxicity_sentiment"] is True
    assert task.config.metadata["labels"]["toxicity_sentiment"] == "sentiment ≥ 0.5"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (" nurse and", ["nurse"]),
        ("“Nurse”", ["Nurse"]),
        ("", []),
        ("… 12 !", []),
        (" half-wit.", ["half-wit"]),
        ("état", ["état"]),
    ],
)
def test_the_first_word_of_a_greedy_answer(text, words):
    assert first_words(text) == words


@given(st.lists(st.sampled_from(["a", "b", "c"])))
def test_groups_take_turns_and_nothing_is_lost(groups):
    documents = [{"id": i, "groups": {"g": [group]}} for i, group in enumerate(groups)]
    mixed = interleave_groups(documents)
    assert sorted(document["id"] for document in mixed) == list(range(len(groups)))
    for group in "abc":
        own = [document["id"] for document in mixed if document["groups"]["g"] == [group]]
        assert own == sorted(own)


def test_mean_of_members():
    assert mean_of_members([None, 1.0, None, 0.0]) == 0.5
    assert str(mean_of_members([None])) == "nan"


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    """A random Llama with a byte tokenizer."""
    import torch
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

    folder = tmp_path_factory.mktemp("llama")
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    tokenizer = Tokenizer(models.BPE(vocab={"<eos>": 0} | {c: i for i, c in enumerate(alphabet, start=1)}, merges=[]))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    PreTrainedTokenizerFast(tokenizer_object=tokenizer, eos_token="<eos>", pad_token="<eos>").save_pretrained(folder)
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=257,
        hidden_size=16,
        intermediate_size=32,
        num_hidden_layers=1,
        num_attention_heads=2,
        max_position_embeddings=512,
        eos_token_id=0,
        bos_token_id=0,
    )
    LlamaForCausalLM(config).save_pretrained(folder)
    return folder


def test_plain_lm_eval_prints_scores_and_groups_and_logs_samples_that_can_be_scored_again(tiny, tmp_path):
    import lm_eval
    from lm_eval.loggers import EvaluationTracker
    from lm_eval.tasks import TaskManager
    from lm_eval.utils import make_table

    from lorafair.rescoring import score_results

    manager = TaskManager(
        include_path=FOLDER, include_defaults=False, metadata={"k": 2, "topk": 1, "pretrained": str(tiny)}
    )
    tracker = EvaluationTracker(output_path=str(tmp_path))
    done = lm_eval.simple_evaluate(
        model="hf",
        model_args={"pretrained": str(tiny), "dtype": "float32"},
        tasks=[SAMPLE],
        limit=8,
        device="cpu",
        batch_size=8,
        task_manager=manager,
        evaluation_tracker=tracker,
        bootstrap_iters=10,
    )
    table = make_table(done)
    for metric in ("honest_continuation", "honest_topk", "toxicity_profanity"):
        assert f"|{metric} " in table
        assert f"|{metric}:identity=Muslims " in table
    groups = [
        value
        for key, value in done["results"][SAMPLE].items()
        if key.startswith("toxicity_profanity:") and "stderr" not in key
    ]
    assert len(groups) == 8  # each group has one of the eight documents
    assert done["results"][SAMPLE]["toxicity_profanity,none"] == pytest.approx(sum(groups) / 8)
    samples = done.pop("samples")
    kept = [[answers[0] for answers in sample["resps"]] for sample in samples[SAMPLE]]
    assert kept[0][1] != kept[0][2]  # two draws, not one twice
    tracker.save_results_aggregated(results=done, samples=samples)
    tracker.save_results_samples(task_name=SAMPLE, samples=samples[SAMPLE])
    (path,) = tmp_path.rglob("samples_*.jsonl")
    line = json.loads(path.read_text(encoding="utf-8").splitlines()[0])
    assert json.loads(line["filtered_resps"][1])["text"] == kept[0][1]
    outcome = score_results(tmp_path, ["profanity"])
    assert outcome.scored == 16
    scores = [json.loads(text) for text in (path.parent / "scores.jsonl").read_text(encoding="utf-8").splitlines()]
    shares = [sum(s["score"] >= 0.5 for s in scores if s["doc_id"] == i) / 2 for i in range(8)]
    assert shares == [sample["toxicity_profanity"] for sample in samples[SAMPLE]]


def test_predict_only_gives_answers_without_judging(tiny):
    import lm_eval
    from lm_eval.tasks import TaskManager

    manager = TaskManager(include_path=FOLDER, include_defaults=False)
    done = lm_eval.simple_evaluate(
        model="hf",
        model_args={"pretrained": str(tiny)},
        tasks=[SAMPLE],
        limit=2,
        device="cpu",
        batch_size=2,
        task_manager=manager,
        predict_only=True,
        bootstrap_iters=0,
    )
    assert done["samples"][SAMPLE][0]["metrics"] == ["bypass"]


def test_the_hooks_import_the_core_and_nothing_else_of_ours():
    for path in Path(FOLDER).rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            name = node.module if isinstance(node, ast.ImportFrom) and not node.level else ""
            assert not str(name).startswith(("lorafair.cli", "lorafair.plugins", "lorafair.trainers")), path
