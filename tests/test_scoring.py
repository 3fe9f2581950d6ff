"""Asking scorers, and scoring stored samples again."""

from __future__ import annotations

import json
import math
import types

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lorafair import scoring
from lorafair.errors import LorafairError
from lorafair.registry import Entry
from lorafair.rescoring import score_results
from lorafair.scoring import measure_scorer_gap, score_texts, spread_over_groups

CALLS: list[list[str]] = []


def letters(texts, *, offset: float = 0.0):
    """Share of the letter x in a text, plus an offset."""
    CALLS.append(list(texts))
    return [text.count("x") / len(text) + offset for text in texts]


@pytest.fixture
def scorers(monkeypatch):
    """A registry with our own scorers, right and wrong."""
    CALLS.clear()
    made = {
        "letters": letters,
        "short": lambda texts: [0.0] * (len(texts) - 1),
        "broken": lambda texts: 1 / 0,
        "words": lambda texts: ["high" for _ in texts],
        "holes": lambda texts: [float("nan"), None, float("inf"), 0.25][: len(texts)],
        "praise": lambda texts: [1.0 for _ in texts],
    }

    def get(kind, name):
        assert kind == "scorer"
        if name not in made:
            raise LorafairError(f"There is no scorer named {name!r}.")
        fields = {"higher_is_better": name == "praise"}
        return Entry(kind, name, f"test:{name}", "", fields, "lorafair", "1.2", "test", 1)

    monkeypatch.setattr(scoring, "load_registry", lambda: types.SimpleNamespace(get=get))
    monkeypatch.setattr(scoring, "load_target", lambda entry: made[entry.name])
    measure_scorer_gap.cache_clear()
    yield made
    measure_scorer_gap.cache_clear()


@settings(max_examples=50, deadline=None)
@given(st.lists(st.text(alphabet="xy ", max_size=4), max_size=20))
def test_each_text_gets_its_own_score_whatever_the_order(texts):
    with pytest.MonkeyPatch.context() as patch:
        entry = Entry("scorer", "letters", "test:letters", "", {"higher_is_better": False}, "lorafair", "1", "test", 1)
        patch.setattr(scoring, "load_registry", lambda: types.SimpleNamespace(get=lambda *_: entry))
        patch.setattr(scoring, "load_target", lambda _: letters)
        CALLS.clear()
        scores = score_texts("letters", texts)
    assert scores == [text.count("x") / len(text) if text.strip() else 0.0 for text in texts]
    asked = [text for call in CALLS for text in call]
    assert len(asked) == len(set(asked))


def test_texts_without_a_visible_character_are_not_asked(scorers):
    assert score_texts("letters", ["", " \n\t", "\x00\u200b", "x!"]) == [0.0, 0.0, 0.0, 0.5]
    assert CALLS == [["x!"]]
    assert score_texts("praise", ["", "x"]) == [None, 1.0]


def test_what_is_no_number_is_not_scored(scorers):
    assert score_texts("holes", ["a", "b", "c", "d"]) == [None, None, None, 0.25]


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("short", "1 scores for 2 texts"),
        ("broken", "ZeroDivisionError"),
        ("words", "'high' where a number"),
        ("gone", "no scorer named"),
    ],
)
def test_a_scorer_that_breaks_its_contract_is_named(scorers, name, words):
    with pytest.raises(LorafairError, match=words) as caught:
        score_texts(name, ["a", "b"])
    assert name in str(caught.value)


def test_the_gap_of_a_scorer_is_the_spread_of_its_rates(scorers, monkeypatch):
    from lorafair.data import honest

    texts = [("x x", "men"), ("xxx", "men"), ("abc", "women"), ("xxx", "women")]
    documents = [{"text": text, "groups": {"identity": [group]}} for text, group in texts]
    monkeypatch.setattr(honest, "honest_neutral", lambda attribute, language: documents)
    assert measure_scorer_gap("letters", "identity") == 0.5
    assert measure_scorer_gap("letters", "shoe size") is None
    assert spread_over_groups([None, 1.0], [["a"], ["b"]]) is None


def write_samples(folder, task, answers, *, honest=False, stamp="2026-01-01T00-00-00", model_args=None):
    folder.mkdir(parents=True, exist_ok=True)
    sampled = {"do_sample": True, "temperature": 1.0, "until": ["\n"]}
    lines = []
    for doc_id, resps in enumerate(answers):
        arguments = {f"gen_args_{i}": {"arg_0": "The prompt", "arg_1": sampled} for i in range(len(resps))}
        metrics = ["honest_continuation", "honest_topk"] if honest else ["exact_match"]
        lines.append(json.dumps({"doc_id": doc_id, "resps": resps, "arguments": arguments, "metrics": metrics}))
    path = folder / f"samples_{task}_{stamp}.jsonl"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    if model_args:
        results = {"results": {}, "configs": {task: {}}, "config": {"model_args": model_args}}
        (folder / f"results_{stamp}.json").write_text(json.dumps(results), encoding="utf-8")
    return path


def read_scores(folder):
    return [json.loads(line) for line in (folder / "scores.jsonl").read_text(encoding="utf-8").splitlines()]


def test_score_results_scores_every_model_in_one_batch_and_skips_the_greedy_request(scorers, tmp_path):
    import pyarrow.parquet

    write_samples(
        tmp_path / "base", "lorafair_honest", [[["xxxx"], ["x-"], ["--"]], [["xxxx"], ["x-"], [""]]], honest=True
    )
    write_samples(tmp_path / "lora-r8", "lorafair_honest", [[["xxxx"], ["xx"], ["x-"]]], honest=True)
    write_samples(tmp_path / "lora-r8", "other_task", [[["xxxx", "y"]]])
    outcome = score_results(tmp_path, ["letters", "letters"])
    assert [sorted(call) for call in CALLS] == [["--", "x-", "xx", "xxxx", "y"]]
    assert (outcome.scored, outcome.reused) == (8, 0)
    found = {
        (s["model"], s["task"], s["doc_id"], s["request"], s["repeat"]): s["score"]
        for f in ("base", "lora-r8")
        for s in read_scores(tmp_path / f)
    }
    assert found == {
        ("base", "lorafair_honest", 0, 1, 0): 0.5,
        ("base", "lorafair_honest", 0, 2, 0): 0.0,
        ("base", "lorafair_honest", 1, 1, 0): 0.5,
        ("base", "lorafair_honest", 1, 2, 0): 0.0,
        ("lora-r8", "lorafair_honest", 0, 1, 0): 1.0,
        ("lora-r8", "lorafair_honest", 0, 2, 0): 0.5,
        ("lora-r8", "other_task", 0, 0, 0): 1.0,
        ("lora-r8", "other_task", 0, 0, 1): 0.0,
    }
    table = pyarrow.parquet.read_table(tmp_path / "lora-r8" / "scores.parquet").to_pylist()
    assert table == [{k: v for k, v in line.items() if k != "schema"} for line in read_scores(tmp_path / "lora-r8")]
    facts = json.loads((tmp_path / "base" / "scores.provenance.json").read_text(encoding="utf-8"))
    assert facts["kind"] == "scores"
    assert facts["settings"]["scorers"]["letters"]["version"] == "1.2"


def test_what_is_scored_is_not_scored_again_until_something_changes(scorers, tmp_path):
    answers = [[["xxxx"]], [["y"]]]
    write_samples(tmp_path / "a", "task", answers)
    write_samples(tmp_path / "b", "task", answers)
    score_results(tmp_path, ["letters"])
    first = (tmp_path / "a" / "scores.jsonl").read_bytes()
    CALLS.clear()
    again = score_results(tmp_path, ["letters"])
    assert (CALLS, again.scored, again.reused, again.files) == ([], 0, 4, [])
    # another scorer joins, the first one's scores stay
    score_results(tmp_path, ["praise"])
    assert [s["scorer"] for s in read_scores(tmp_path / "a")] == ["letters", "letters", "praise", "praise"]
    # one model answered anew: only it is scored, and its old scores of the other scorer go
    write_samples(tmp_path / "b", "task", [[["yx"]]])
    assert score_results(tmp_path, ["letters"]).scored == 1
    assert CALLS == [["yx"]]
    assert [s["scorer"] for s in read_scores(tmp_path / "b")] == ["letters"]
    # other settings are another scorer
    scorers["letters"] = lambda texts, batch=1: [0.125] * len(texts)
    assert score_results(tmp_path, ["letters"], {"batch": 2}).scored == 3
    assert (tmp_path / "a" / "scores.jsonl").read_bytes() != first


def test_adapters_that_plain_lm_eval_put_in_one_folder_stay_apart(scorers, tmp_path):
    for stamp, adapter, text in (("1", "r2", "x"), ("2", "r8", "y"), ("3", "r8", "xx-y")):
        write_samples(
            tmp_path / "model",
            "task",
            [[[text]]],
            stamp=stamp,
            model_args=f"pretrained=m,lora_local_path=runs/{adapter}",
        )
    score_results(tmp_path, ["letters"])
    assert [(s["model"], s["score"]) for s in read_scores(tmp_path / "model")] == [("r2", 1.0), ("r8", 0.5)]


def test_not_scored_is_null_and_counted(scorers, tmp_path):
    write_samples(tmp_path, "task", [[["a", "b", "c", "d"]]])
    assert score_results(tmp_path, ["holes"]).not_scored == 3
    assert [s["score"] for s in read_scores(tmp_path)] == [None, None, None, 0.25]
    assert not any(math.isnan(s["score"] or 0) for s in read_scores(tmp_path))


def test_faults_of_a_results_folder_are_named_all_at_once(scorers, tmp_path):
    with pytest.raises(LorafairError, match="no results folder"):
        score_results(tmp_path / "gone", ["letters"])
    with pytest.raises(LorafairError, match="no samples of generated text"):
        score_results(tmp_path, ["letters"])
    with pytest.raises(LorafairError, match="None of the scorers praise takes --device"):
        score_results(tmp_path, ["praise"], {"device": "cpu"})
    choice = {
        "doc_id": 0,
        "resps": [["-1.5", "True"]],
        "arguments": {"gen_args_0": {"arg_0": "a", "arg_1": " b"}},
        "metrics": ["acc"],
    }
    (tmp_path / "samples_choice_1.jsonl").write_text(json.dumps(choice) + "\n", encoding="utf-8")
    with pytest.raises(LorafairError, match="1 samples files found"):
        score_results(tmp_path, ["letters"])
    (tmp_path / "samples_a_1.jsonl").write_text("nonsense\n{}\n", encoding="utf-8")
    (tmp_path / "samples_b_1.jsonl").write_text('{"doc_id": 1}\n', encoding="utf-8")
    with pytest.raises(LorafairError, match=r"samples_a_1(.|\n)*samples_b_1"):
        score_results(tmp_path, ["letters"])


def test_a_line_cut_short_by_a_crash_is_left_out_and_a_damaged_score_file_is_named(scorers, tmp_path):
    path = write_samples(tmp_path, "task", [[["x"]], [["y"]]])
    path.write_text(path.read_text(encoding="utf-8") + '{"doc_id": 2, "res', encoding="utf-8")
    assert score_results(tmp_path, ["letters"]).scored == 2
    (tmp_path / "scores.jsonl").write_text('{"model": ', encoding="utf-8")
    with pytest.raises(LorafairError, match="damaged.*Delete both"):
        score_results(tmp_path, ["letters"])


def test_the_command_scores_with_a_real_scorer(tmp_path):
    from click.testing import CliRunner
    from lorafair.cli.main import cli

    write_samples(tmp_path / "base", "task", [[["a fucking shit"]], [["the nurse reads"]]])
    done = CliRunner().invoke(cli, ["score", str(tmp_path), "--scorer", "profanity"])
    assert done.exit_code == 0, done.output
    assert "2 completions scored" in done.output
    high, low = (line["score"] for line in read_scores(tmp_path / "base"))
    assert high > 0.9 > 0.2 > low
    wrong = CliRunner().invoke(cli, ["score", str(tmp_path), "--scorer", "profanty"])
    assert wrong.exit_code == 2
    assert "Did you mean 'profanity'" in wrong.output
