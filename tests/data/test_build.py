"""`lorafair data build`: as a user, with a tiny model, and out of any .jsonl file."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner
from lorafair.cli.main import cli

from lorafair.data.pairs import load_pairs
from lorafair.data.split import split_clusters
from lorafair.provenance import hash_file

SCORER = """def contempt(texts):
    return [0.9 if ord(text.strip()[0]) % 2 else min(len(text) / 200, 0.4) for text in texts]
"""
REGISTRY = "schema: 1\nscorers:\n  contempt: {target: 'contempt:contempt', description: x, higher_is_better: false}\n"


def run(*words: object, code: int = 0) -> str:
    done = CliRunner().invoke(cli, [str(word) for word in words])
    assert done.exit_code == code, done.output
    assert "Traceback" not in done.output
    return done.output


@pytest.fixture
def own(tmp_path, monkeypatch):
    """A working folder with a scorer that finds toxic what begins with a letter of an odd number."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("LORAFAIR_REGISTRY", raising=False)
    (tmp_path / "registry.yaml").write_text(REGISTRY)
    (tmp_path / "contempt.py").write_text(SCORER)
    return tmp_path


def is_mild(text: str) -> bool:
    return ord(text.strip()[0]) % 2 == 0


def read(path):
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def test_a_base_s_toxic_completions_become_pairs_that_train_as_they_are(own, tiny_base):
    command = ["data", "build", "honest-counterfactual", "--base", tiny_base, "--task", "lorafair_honest_sample"]
    settings = ["--scorer", "contempt", "--k", 3, "--limit", 40, "--engine", "hf", "--no-verify", "--out", "pairs"]
    said = run(*command, *settings)
    train, test = own / "pairs" / "train.jsonl", own / "pairs" / "test.jsonl"
    rows = {part: read(path) for part, path in (("train", train), ("test", test))}
    assert len(rows["train"]) > 5
    assert not {row["cluster"] for row in rows["train"]} & {row["cluster"] for row in rows["test"]}
    facts = json.loads((own / "pairs" / "provenance.json").read_text(encoding="utf-8"))
    told = facts["settings"]
    counts = told["counts"]["all"]
    assert counts["prompts"] == 40
    assert counts["toxic"] == counts["targets"] + counts["no target"]
    assert counts["targets"] == len(rows["train"]) + len(rows["test"])
    assert told["files"]["train"]["sha256"] == hash_file(train)
    assert (facts["seeds"], facts["kind"]) == ({"sampling": 1234, "split": 13}, "data")
    assert facts["data"]["templates"]["sample"] is True
    samples = next((own / "pairs" / "answers").glob("*/samples_*.jsonl"))
    assert facts["data"]["answers"] == {"file": samples.name, "sha256": hash_file(samples)}
    asked = {line["doc"]["id"]: line for line in read(samples)}
    recorded = {"train", "test"}
    for part, mine in rows.items():
        for row in mine:
            line = asked[row["id"].rpartition("/")[0]]
            given = [answers[0] for answers in line["resps"][1:]]
            assert is_mild(row["completion"])
            assert not is_mild(row["toxic"])
            assert row["toxic"] in given
            assert row["prompt"] == line["doc"]["text"]
            assert line["doc"]["part"] in recorded
            assert line["doc"]["part"] == part
    assert f"train: {len(rows['train'])} pairs" in said
    again = run(*command, *settings)
    assert "0 requests asked" in again
    assert read(train) == rows["train"]
    assert len(load_pairs(str(train)).rows) == len(rows["train"])
    trained = ["train", "--base", tiny_base, "--method", "lora", "--rank", 2, "--data", train, "--out", "runs"]
    run(*trained, "--epochs", 0.2, "--batch-size", 4)
    assert (own / "runs" / "lora-r2" / "adapter_model.safetensors").is_file()


def test_a_model_may_write_the_targets(own, tiny_base):
    command = ["data", "build", "honest-counterfactual", "--base", tiny_base, "--task", "lorafair_honest_sample"]
    settings = ["--scorer", "contempt", "--k", 2, "--limit", 16, "--engine", "hf", "--no-verify", "--out", "pairs"]
    said = run(*command, *settings, "--by", "model", "--metadata", '{"part": "train"}')
    rows = read(own / "pairs" / "train.jsonl")
    assert rows
    assert {row["how"] for row in rows} == {"model"}
    assert not read(own / "pairs" / "test.jsonl")
    assert all(is_mild(row["completion"]) for row in rows)
    assert "model" in said
    stored = list((own / "pairs" / "written" / "responses").glob("*.jsonl"))
    size = sum(len(path.read_text().splitlines()) for path in stored)
    run(*command, *settings, "--by", "model", "--metadata", '{"part": "train"}')
    assert sum(len(path.read_text().splitlines()) for path in stored) == size
    assert read(own / "pairs" / "train.jsonl") == rows


def test_settings_that_cannot_be_and_nothing_toxic_are_one_message(own, tiny_base):
    command = ["data", "build", "honest-counterfactual", "--base", tiny_base, "--engine", "hf", "--no-verify"]
    command += ["--out", "pairs", "--limit", 4, "--k", 1]
    said = run(*command, "--writer", "x", "--test-share", 2, code=2)
    assert "--writer" in said
    assert "--test-share is 2" in said
    assert "More of the scorer sentiment is better" in run(*command, "--scorer", "sentiment", code=2)
    assert "Did you mean 'contempt'" in run(*command, "--scorer", "contemt", code=2)
    sample = [*command, "--task", "lorafair_honest_sample", "--scorer", "contempt"]
    assert "nothing to mend" in run(*sample, "--threshold", 0.95, code=2)
    assert "no prompts that are completed" in run(*command, "--task", "lorafair_sst2_sample", code=2)


LINES = [
    {"prompt": {"text": "The man"}, "reply": " works", "who": ["men"], "page": 1},
    {"prompt": {"text": "The man"}, "reply": " works", "who": ["men"], "page": 1},
    {"prompt": {"text": "A nurse"}, "reply": "naps", "who": "women", "page": 2},
    {"prompt": {"text": " "}, "reply": " works", "who": None, "page": 3},
    {"prompt": {"text": "A cook"}, "reply": None, "who": None, "page": 3},
    {"prompt": {"text": "A \ud800boy"}, "reply": " tall", "who": [], "page": 4},
]
COLUMNS = ["--prompt-column", "prompt.text", "--completion-column", "reply"]


def test_pairs_of_any_file_are_split_by_cluster_and_what_is_left_out_is_counted(own):
    (own / "x.jsonl").write_text("".join(json.dumps(line) + "\n" for line in LINES))
    more = ["--group", "people=who", "--cluster-column", "page", "--split-seed", 1]
    said = run("data", "build", "pairs", "--from", "x.jsonl", *COLUMNS, *more, "--out", "out")
    parts = split_clusters(["1", "2", "4"], 0.3, 1)
    rows = {row["id"]: (part, row) for part in ("train", "test") for row in read(own / "out" / f"{part}.jsonl")}
    assert {key: part for key, (part, _) in rows.items()} == {"1": parts["1"], "3": parts["2"], "6": parts["4"]}
    assert rows["1"][1]["groups"] == {"people": ["men"]}
    assert rows["3"][1]["completion"] == " naps"  # letter would meet letter
    assert "left out: 2 empty" in said
    assert "left out: 1 repeated" in said
    scored = [*COLUMNS, "--scorer", "contempt", "--out", "mild"]
    said = run("data", "build", "pairs", "--from", "x.jsonl", *scored)
    kept = [row["completion"] for part in ("train", "test") for row in read(own / "mild" / f"{part}.jsonl")]
    assert sorted(kept) == sorted(text for text in (" works", " naps", " tall") if is_mild(text))
    facts = json.loads((own / "mild" / "provenance.json").read_text())["settings"]
    assert facts["left_out"]["toxic"] == 3 - len(kept)


def test_a_file_that_cannot_be_used_names_every_line(own):
    (own / "x.jsonl").write_text('{"prompt": {"text": 3}, "reply": "a"}\nnot json\n[1]\n{"reply": "b"}\n')
    said = run("data", "build", "pairs", "--from", "x.jsonl", *COLUMNS, "--out", "out", code=2)
    for part in ("line 1: prompt.text is int", "line 2: not JSON", "line 3: no column", "line 4: no column"):
        assert part in said
    assert not (own / "out").exists()
    (own / "y.jsonl").write_text('{"prompt": {"text": ""}, "reply": "a"}\n')
    said = run("data", "build", "pairs", "--from", "y.jsonl", *COLUMNS, "--out", "out", code=2)
    assert "holds no usable pairs (1 empty)" in said
    assert "ATTRIBUTE=COLUMN" in run(
        "data", "build", "pairs", "--from", "y.jsonl", *COLUMNS, "--group", "x", "--out", "o", code=2
    )
