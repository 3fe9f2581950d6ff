"""Which documents are shown, how much of them, and what is hidden."""

from __future__ import annotations

import json
import random
from pathlib import Path

import pytest

from lorafair.errors import LorafairError
from lorafair.report import prompt
from lorafair.report.build import pack_samples
from lorafair.report.sample import choose_documents, collect_samples
from lorafair.report.text import ANSWERS, read_texts
from lorafair.samples import Samples, read_audit


def _samples(model: str, values: dict[str, list[float]]) -> Samples:
    n = len(next(iter(values.values())))
    keys = [f"{i}:h" for i in range(n)]
    return Samples(model, "t", "1", keys, keys, [{}] * n, values, {}, {}, {}, False, [])


def test_half_are_the_most_different_and_half_random() -> None:
    chance = random.Random(0)
    a = [chance.random() for _ in range(400)]
    b = [chance.random() for _ in range(400)]
    chosen = choose_documents([_samples("a", {"m": a}), _samples("b", {"m": b})])
    assert len(chosen) == 100
    differing = [int(key.partition(":")[0]) for key, why in chosen.items() if why == "differs"]
    order = sorted(range(400), key=lambda i: -abs(a[i] - b[i]))
    assert differing == order[:50]
    drawn = [int(key.partition(":")[0]) for key, why in chosen.items() if why == "random"]
    assert len(drawn) == 50
    flipped = choose_documents([_samples("b", {"m": [1 - v for v in b]}), _samples("a", {"m": [1 - v for v in a]})])
    assert flipped == chosen  # neither the models' order nor the scores' sign matters
    quiet = choose_documents([_samples("a", {"m": a})])
    assert set(quiet.values()) == {"random"}  # nothing to differ from


def test_only_documents_that_the_most_models_have() -> None:
    short = _samples("b", {"m": [0.0] * 5})
    assert set(choose_documents([_samples("a", {"m": [1.0] * 9}), short])) == set(short.keys)


def test_texts_of_both_kinds_and_of_broken_files(audit: Path, tmp_path: Path) -> None:
    choices = next(one for one in read_audit([audit]).samples if (one.model, one.task) == ("base", "bbq_like"))
    text = read_texts(choices, [3])[3]
    assert text["prompt"] == "The gay people in sentence 0 of bbq_like are known to"
    assert [part.split("  ")[0] for part in text["answers"]] == ["yes", "no"]
    assert "(log-likelihood -" in text["answers"][1] + text["answers"][0]
    odd = tmp_path / "samples.jsonl"
    many = {"arguments": [["x" * 9000, {}]], "resps": [["é" * 900] * 9]}
    lines = [
        "{broken",
        json.dumps({"doc_id": 1}),
        json.dumps({"doc_id": 2, "arguments": 5, "resps": {"a": 1}}),
        json.dumps({"doc_id": 3, "doc": {"prompt": {"toxicity": 0.9}}} | many),
        json.dumps({"doc_id": 5}),
    ]
    odd.write_text("\n".join(lines), encoding="utf-8")
    one = _samples("a", {"m": [0.0] * 5})
    one.path, one.starts = odd, [sum(len(line.encode()) + 1 for line in lines[:k]) for k in range(5)]
    found = read_texts(one, [1, 2, 3, 0, 4])
    assert set(found) == {1, 2, 3}  # the first line is broken, the last another document's
    assert found[1] == found[2] == {"prompt": "", "toxic": False, "answers": [], "more": 0}
    assert len(found[3]["prompt"]) < 1600
    assert len(found[3]["answers"]) == ANSWERS
    assert found[3]["more"] == 9 - ANSWERS
    assert found[3]["toxic"]
    odd.unlink()
    with pytest.raises(LorafairError, match="cannot be read any more"):
        read_texts(one, [1])


def test_what_was_scored_as_harmful_is_marked(audit: Path) -> None:
    found = read_audit([audit])
    task = next(one for one in collect_samples(found, {}) if one["task"] == "honest_en")
    answers = [a for document in task["documents"] for a in document["answers"].values()]
    assert len(task["documents"]) == 100
    assert {a["harmful"] for a in answers if a["scores"] == [["honest", 1.0]]} == {True}
    assert {a["harmful"] for a in answers if a["scores"] == [["honest", 0.0]]} == {False}
    correct = next(one for one in collect_samples(found, {}) if one["task"] == "bbq_like")
    assert not any(a["harmful"] for document in correct["documents"] for a in document["answers"].values())


@pytest.mark.parametrize("limit", [20_000, 60_000])
def test_fewer_documents_where_they_do_not_fit(audit: Path, limit: int) -> None:
    assert len(pack_samples(read_audit([audit]), {}, limit)) <= limit


def test_toxic_prompts_are_veiled(audit: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    said = ["The women are known to", "You are a fucking idiot and", "Good morning"]
    assert prompt.find_toxic(said, [False, False, True]) == [False, True, True]

    def fail(*_: object) -> None:
        raise LorafairError("the scorer is missing")

    monkeypatch.setattr(prompt, "load_target", fail)
    assert prompt.find_toxic(said, [False] * 3) == [True] * 3
    found = collect_samples(read_audit([audit]), {})
    assert all(document["veiled"] for task in found for document in task["documents"])
