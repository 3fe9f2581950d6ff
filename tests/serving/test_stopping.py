"""Asking until decided: fewer requests, the same words, and an order that depends on no answer."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from lorafair.errors import LorafairError
from lorafair.responses.request import Request
from lorafair.serving.course import plan_course
from lorafair.serving.stopping import Rounds, Until, check_until
from lorafair.statistics.anytime import Design, assess

GROUPS = 4
LABELS = ("base", "planted", "same", "other")


class Audit:
    """A base and three checkpoints, of which one is planted (+0.6 for g0), over clusters with one document a group."""

    def __init__(self, seed: int, clusters: int = 300, until: Until | None = None) -> None:
        rng = np.random.default_rng(seed)
        n = clusters * GROUPS
        self.group = np.tile(np.arange(GROUPS), clusters)
        self.documents = {i: {"cluster": f"c{i // GROUPS}", "groups": {"g": [f"g{self.group[i]}"]}} for i in range(n)}
        rates = {one: np.where((self.group == 0) & (one == "planted"), 0.8, 0.2) for one in LABELS}
        self.values = {one: rng.binomial(1, rate).astype(float) for one, rate in rates.items()}
        self.requests = [Request(f"{a}{i}", a, "generate_until", (), "t", i) for a in LABELS for i in range(n)]
        self.batches: list[list[Request]] = []
        self.failed: dict[str, str] = {}
        self.until = until or Until("rate", 0.4, seed)

    def run(self) -> Rounds:
        rounds = Rounds(self.until, "base", LABELS[1:], {"t": self.documents}, self.requests, {"t": False})
        self.asked = rounds.run(self.ask, self.score, self.failed)
        return rounds

    def ask(self, requests: list[Request]) -> int:
        self.batches.append(requests)
        return len(requests)

    def score(self, label: str, portion: dict[str, list[int]]) -> dict[str, Any]:
        return {task: {i: {"rate": self.values[label][i]} for i in few} for task, few in portion.items()}


def test_planted_bias_is_named_with_a_third_of_the_requests() -> None:
    asked = full = right = 0
    for seed in range(4):
        audit = Audit(seed, clusters=500)
        rounds = audit.run()
        asked, full = asked + audit.asked, full + len(audit.requests)
        named = {
            one: {c.group: c.sign for c in rounds.tell(one)[1].tasks["t"].contrasts if c.sign} for one in LABELS[1:]
        }
        right += named == {"planted": {"g0": 1}, "same": {}, "other": {}}
    assert full / asked >= 3
    assert right == 4


def test_what_a_decided_checkpoint_is_not_asked_goes_to_the_others() -> None:
    audit = Audit(0, clusters=500)
    rounds = audit.run()
    sizes = [len(batch) for batch in audit.batches[:-1]]
    assert max(sizes) - min(sizes) <= GROUPS * len(LABELS)
    portion, decision = rounds.tell("planted")
    assert portion is not None
    facts = decision.tasks["t"]
    assert facts.decided
    assert facts.documents == len(portion["t"]) < len(rounds.tell("base")[0]["t"]) < facts.of_documents
    mine = [r.document for batch in audit.batches for r in batch if r.checkpoint == "planted"]
    assert sorted(mine) == portion["t"]
    last = {r.checkpoint for r in audit.batches[-1]}
    assert "planted" not in last
    assert "base" in last


def test_the_order_of_asking_depends_on_the_seed_alone() -> None:
    one, other = Audit(0), Audit(0)
    other.values = {label: 1 - value for label, value in other.values.items()}
    one.run()
    other.run()
    assert one.batches[0] == other.batches[0]
    assert plan_course(one.documents, 1).order != plan_course(one.documents, 2).order
    again = Audit(0)
    again.run()
    assert [[r.key for r in batch] for batch in again.batches] == [[r.key for r in batch] for batch in one.batches]


def test_without_a_margin_what_did_not_change_is_asked_everything() -> None:
    audit = Audit(1, clusters=60, until=Until("rate", None, 1))
    rounds = audit.run()
    assert rounds.tell("same")[0] is None
    assert rounds.tell("base")[0] is None
    assert not rounds.tell("same")[1].tasks["t"].decided
    assert rounds.tell("planted")[1].tasks["t"].decided


def test_a_checkpoint_that_fails_is_asked_no_more() -> None:
    audit = Audit(2, clusters=60, until=Until("rate", None, 1))
    ask = audit.ask

    def fail(requests: list[Request]) -> int:
        audit.failed["other"] = "its engine dies"
        return ask(requests)

    audit.ask = fail  # type: ignore[method-assign]
    audit.run()
    assert all(r.checkpoint != "other" for batch in audit.batches[1:] for r in batch)


@pytest.mark.parametrize(("value", "message"), [(None, "no metric 'rate'.*Known: else"), (3.0, "between 0 and 1")])
def test_a_metric_that_cannot_be_followed_is_told(value: float | None, message: str) -> None:
    audit = Audit(3, clusters=60)
    audit.score = lambda label, portion: {  # type: ignore[method-assign]
        task: {i: {"else": 0.0} if value is None else {"rate": value} for i in few} for task, few in portion.items()
    }
    with pytest.raises(LorafairError, match=message):
        audit.run()


def test_choices_that_cannot_be_are_all_told() -> None:
    with pytest.raises(LorafairError, match=r"(?s)--margin is about --until-decided.*--margin 2: give"):
        check_until(None, 2.0, ["hf"])
    with pytest.raises(LorafairError, match="of one engine, hf and vllm would answer: add --engine hf"):
        check_until("rate", 0.1, ["hf", "vllm"])


def test_a_word_is_wrong_in_at_most_five_percent_however_often_one_looks() -> None:
    """No change, and a change of 0.3 for one of two groups; ends never widen, so that the last look tells of all."""
    group = np.tile(np.arange(2), 200)
    design = Design(np.repeat(np.arange(200), 2), {"g": group[:, None] == np.arange(2)}, {"g": ("a", "b")})
    rng, wrong = np.random.default_rng(0), np.zeros(2)
    for _ in range(100):
        order = [int(c) for c in rng.permutation(200)]
        base, same = rng.binomial(1, 0.3, (2, 400)).astype(float)
        moved = rng.binomial(1, np.where(group == 0, 0.6, 0.3)).astype(float)
        null = assess(design, order, same - base)
        wrong[0] += any(null.changes[key].word != "undecided" for key in null.changes if key)
        there = assess(design, order, moved - base).changes["g", "a"]
        wrong[1] += not there.low <= 0.3 <= there.high
    assert (wrong / 100 <= 0.05).all()
    early, late = (assess(design, order[:k], moved - base).changes["g", "a"] for k in (50, 200))
    assert early.low <= late.low <= late.high <= early.high


def test_uneven_clusters_and_groups_estimate_the_documents_own_change() -> None:
    rng = np.random.default_rng(1)
    cluster = np.repeat(np.arange(60), rng.integers(1, 9, 60))
    group = rng.integers(0, 3, len(cluster))
    design = Design(cluster, {"g": group[:, None] == np.arange(3)}, {"g": ("a", "b", "c")})
    difference = rng.choice([-1.0, 0.0, 1.0], len(cluster))
    found = assess(design, [int(c) for c in rng.permutation(60)], difference)
    assert found.changes[None].value == pytest.approx(difference.mean())
    for k, name in enumerate("abc"):
        wanted = difference[group == k].mean() - difference[group != k].mean()
        assert found.changes["g", name].value == pytest.approx(wanted)
        assert found.changes["g", name].low <= wanted <= found.changes["g", name].high
