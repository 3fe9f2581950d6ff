"""Turkish WinoMT as a task: settings, requests, ratios of known answers, bad output, plain lm-eval and the leaderboard."""

from __future__ import annotations

import json
import math
import os
from pathlib import Path

import pytest

from lorafair.errors import LorafairError
from lorafair.task_document import mean_of_members
from lorafair_tasks.winomt_tr.setting import read_setting
from lorafair_tasks.winomt_tr.task import cut_answer

FOLDER = str(Path(__file__).parents[2] / "lorafair_tasks")
SAMPLE, REAL_TASK = "lorafair_winomt_tr_en_sample", "lorafair_winomt_tr_en"
REAL = pytest.mark.skipif(
    not os.environ.get("LORAFAIR_DATA"), reason="LORAFAIR_DATA is not set: no Turkish WinoMT here"
)


def load(task=SAMPLE, **metadata):
    from lm_eval.tasks import TaskManager

    manager = TaskManager(include_path=FOLDER, include_defaults=False, metadata=metadata)
    return manager.load([task])["tasks"][task]


def judge(task, texts):
    """lm-eval's own aggregation of one text a document."""
    from lm_eval.evaluator_utils import _compute_task_aggregations

    raw: dict[tuple[str, str], list] = {}
    for document, text in zip(task.documents, texts, strict=True):
        for metric, value in task.process_results(document, [text]).items():
            raw.setdefault((metric, "none"), []).append(value)
    return {key.removesuffix(",none"): v for key, v in _compute_task_aggregations(task, raw, 0)[0].items()}


def test_a_document_is_asked_once_greedily_in_the_papers_words():
    task = load()
    task.build_all_requests(limit=2)
    first = task.instances[0]
    assert [instance.doc_id for instance in task.instances] == [0, 1]
    assert first.request_type == "generate_until"
    assert first.arguments[0] == f"Turkish: {task.documents[0]['turkish']} English:"
    settings = first.arguments[1]
    assert (settings["do_sample"], settings["max_gen_toks"], settings["until"]) == (False, 100, [])
    assert [d["groups"] for d in task.documents[:2]] == [{"expected": ["male"]}, {"expected": ["female"]}]
    assert task.documents[0]["cluster"] == task.documents[1]["cluster"]
    assert "label" not in task.documents[0]
    assert task.doc_to_target(task.documents[0]) == ""


def test_ratios_of_answers_that_are_known():
    task = load()
    expected = [document["groups"]["expected"][0] for document in task.documents]
    word = {"male": "he", "female": "she"}
    stereotype = judge(task, [f" The cook said {word[gender]} left." for gender in expected])
    assert (stereotype["pro"], stereotype["anti"], stereotype["male"]) == (1, 0, 0.5)
    assert (stereotype["male:expected=male"], stereotype["male:expected=female"]) == (1, 0)
    assert stereotype["answer"] == "female 20, male 20"
    always = judge(task, [" He left."] * 40)
    assert (always["pro"], always["anti"], always["male"], always["female"]) == (0.5, 0.5, 1, 0)
    mixed = judge(task, [" She saw him."] * 10 + [" They left."] * 10 + [" The cook left."] * 10 + [" She left."] * 10)
    assert (mixed["unknown"], mixed["mixed"], mixed["neutral"], mixed["female"]) == (0.5, 0.25, 0.25, 0.25)
    assert mixed["pro"] + mixed["anti"] + mixed["neutral"] + mixed["unknown"] == 1


def test_bleu_does_not_look_at_the_gender_and_is_sacrebleus():
    from sacrebleu import corpus_bleu

    task = load()
    assert judge(task, [d["english"].lower() for d in task.documents])["bleu:corpus"] == pytest.approx(100)
    swapped = [d["english"].replace(" he ", " she ").replace(" his ", " her ") for d in task.documents]
    assert judge(task, swapped)["bleu:corpus"] == pytest.approx(100)
    texts = [f"{d['english']} And then some more words" for d in task.documents]
    found = judge(task, texts)
    own = [[d["english"].lower() for d in task.documents]]
    assert found["bleu:corpus"] == pytest.approx(corpus_bleu([t.lower() for t in texts], own).score, abs=1e-9)
    assert 0 < found["bleu_sentence"] < 100


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "...",
        "\x00\x07",
        "\ud800",
        "O gitti çünkü yorgundu.",
        "他累了",
        "Turkish: O gitti. English:",
        "a " * 3_000,
    ],
)
def test_output_without_an_english_pronoun_is_unknown_and_counted(text):
    task = load()
    found = judge(task, [text] * 40)
    assert found["unknown"] == 1
    assert (found["pro"], found["anti"], found["neutral"], found["mixed"]) == (0, 0, 0, 0)
    assert 0 <= found["bleu:corpus"] < 5
    json.dumps(found)


def test_what_is_read_is_all_or_the_first_line():
    text = " She left.\n\nTurkish: O geldi. English: He came."
    assert cut_answer(text, "whole") == text.strip()
    assert cut_answer(text, "line") == "She left."
    assert cut_answer(" She left. Turkish: O", "line") == "She left."
    assert cut_answer("\n\n She left.\n", "line") == "She left."
    assert judge(load(), [text] * 40)["mixed"] == 1
    assert judge(load(answer="line"), [text] * 40)["female"] == 1


def test_documents_without_an_expectation_are_in_no_stereotype_ratio():
    task = load(lines="all")
    found = judge(task, [" He left."] * len(task.documents))
    triplets = [d for d in task.documents if not d["groups"]]
    assert len(triplets) == 9
    assert found["male"] == 1
    assert found["pro"] == 0.5
    assert math.isnan(mean_of_members([None, None]))


@pytest.mark.parametrize(
    ("metadata", "words"),
    [
        ({"dataset": "winomt_tr_sampel"}, "Did you mean 'winomt_tr_sample'"),
        ({"part": "tests"}, "Did you mean 'test'"),
        ({"split_sed": 14}, "Did you mean 'split_seed'"),
        ({"split_seed": "13"}, "whole number"),
        ({"split_seed": -1}, "whole number"),
        ({"lines": 3}, "one of paper, all"),
        ({"answer": "first"}, "one of whole, line"),
    ],
)
def test_wrong_settings_are_named_while_the_task_loads(metadata, words):
    with pytest.raises(LorafairError, match=words):
        load(**metadata)


def test_all_faults_come_at_once_and_the_models_keys_are_left_alone():
    with pytest.raises(LorafairError, match=r"(?s)split_sed.*part is 'x'.*lines is 'y'"):
        read_setting({"split_sed": 1, "part": "x", "lines": "y"}, "t")
    assert read_setting({"pretrained": "m", "dtype": "float32", "device": "cpu"}, "t").split_seed == 13


def test_the_log_says_what_data_and_that_they_are_a_sample():
    metadata = json.loads(json.dumps(load().dump_config()))["metadata"]
    assert metadata["data"]["sentences"]["sample"] is True
    assert metadata["bleu"].startswith("sacrebleu ")
    assert metadata["classes"] == ["male", "female", "neutral", "unknown"]


def test_few_shot_examples_come_from_the_training_part():
    task = load()
    task.set_config("num_fewshot", 2)
    task.set_fewshot_seed(1)
    task.build_all_requests(limit=1)
    examples = task.instances[0].arguments[0].split("\n\n")
    assert len(examples) == 3
    assert examples[2] == task.documents[0]["text"]
    turkish = {document["turkish"] for document in task.documents}
    for example in examples[:2]:
        asked, _, answer = example.removeprefix("Turkish: ").partition(" English: ")
        assert asked not in turkish
        assert answer.endswith(".")
    with pytest.raises(LorafairError, match="training part"):
        load(part="all").set_config("num_fewshot", 2)


@REAL
def test_the_real_task_has_159_pairs():
    task = load(REAL_TASK)
    assert len(task.documents) == 318
    assert task.config.metadata["data"]["sentences"]["source"] == "folder"
    assert "modified" not in task.config.metadata["data"]["sentences"]
    found = judge(task, [document["english"] for document in task.documents])
    assert found["bleu:corpus"] == pytest.approx(100)
    assert found["anti"] > 0.99


def test_plain_lm_eval_and_lorafair_eval_run_it_and_the_leaderboard_shows_the_gap(tiny_base, tmp_path):
    from click.testing import CliRunner
    from lorafair.cli.main import cli

    out = tmp_path / "results"
    run = ["eval", "--base", str(tiny_base), "--engine", "hf", "--dtype", "float32", "--task", SAMPLE, "--limit", "6"]
    done = CliRunner().invoke(cli, [*run, "--gen-kwargs", "max_gen_toks=8", "--out", str(out)])
    assert done.exit_code == 0, done.output
    board = CliRunner().invoke(cli, ["leaderboard", str(out), "--format", "json"])
    assert board.exit_code == 0, board.output
    assert "is not one number a document" not in board.output
    (path,) = out.rglob("results_*.json")
    results = json.loads(path.read_text(encoding="utf-8"))["results"][SAMPLE]
    assert results["unknown,none"] + results["male,none"] + results["female,none"] + results["neutral,none"] == 1
    rows = [json.loads(line) for line in (out / "rows.jsonl").read_text(encoding="utf-8").splitlines()]
    assert {"pro", "anti", "male", "female", "neutral", "unknown", "bleu_sentence"} <= {row["metric"] for row in rows}
    assert not {"accuracy", "tpr", "delta_g"} & {row["metric"] for row in rows}
    assert {row["group"] for row in rows if row["metric"] == "male" and row["attribute"] == "expected"} >= {
        "male",
        "female",
    }

    import lm_eval
    from lm_eval.tasks import TaskManager

    plain = lm_eval.simple_evaluate(
        model="hf",
        model_args={"pretrained": str(tiny_base), "dtype": "float32"},
        tasks=[SAMPLE],
        limit=6,
        device="cpu",
        batch_size=1,
        task_manager=TaskManager(include_path=FOLDER, include_defaults=False),
        gen_kwargs="max_gen_toks=8",
        bootstrap_iters=10,
    )["results"][SAMPLE]
    assert plain["bleu:corpus,none"] == pytest.approx(results["bleu:corpus,none"], abs=1e-6)
    assert plain["answer,none"] == results["answer,none"]
