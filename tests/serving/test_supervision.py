"""What happens when an engine dies: an accident is forgiven, a killing request is found, and the rest is answered."""

from __future__ import annotations

import hashlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lorafair.engines.contract import CheckpointRefused
from lorafair.errors import LorafairError
from lorafair.responses.request import Request
from lorafair.serving.session import EngineDied
from lorafair.serving.supervision import STARTS, Supervisor


def request(checkpoint, number):
    key = hashlib.sha256(f"{checkpoint} {number}".encode()).hexdigest()
    return Request(key, checkpoint, "generate_until", (f"prompt {number}", {"until": []}), "task", number)


class Scripted:
    """A session that answers at once, dies on deadly requests and accidentally at given counts of answers."""

    def __init__(self, world):
        self.world = world
        world["starts"] += 1

    def ask(self, requests):
        for one in requests:
            if one.checkpoint in self.world.get("refused", ()):
                raise CheckpointRefused(one.checkpoint, "refused by the engine")
            if (one.checkpoint, one.document) in self.world["deadly"]:
                raise EngineDied("SIGSEGV")
            self.world["count"] += 1
            if self.world["count"] in self.world["accidents"]:
                raise EngineDied("SIGKILL")
            self.world["asked"].append(one)
            yield one, f"answer of {one.checkpoint} to {one.document}"

    def close(self):
        pass


def supervise(requests, **world):
    world = {"starts": 0, "count": 0, "deadly": (), "accidents": (), "asked": []} | world
    said = []
    supervisor = Supervisor(lambda: Scripted(world), said.append)
    answers = {r.key: answer for r, answer in supervisor.ask(requests)}
    return answers, supervisor, world, said


REQUESTS = [request(label, number) for label in ("base", "a", "b", "c") for number in range(20)]


@settings(max_examples=60, deadline=None)
@given(
    st.sets(st.tuples(st.sampled_from("abc"), st.integers(0, 19)), max_size=2), st.sets(st.integers(1, 90), max_size=1)
)
def test_every_request_of_every_healthy_checkpoint_is_answered_once_and_the_deadly_one_is_named(deadly, accidents):
    answers, supervisor, world, _ = supervise(REQUESTS, deadly=deadly, accidents=accidents)
    sick = {label for label, _ in deadly}
    assert set(supervisor.failed) == sick
    for label in sick:
        assert any(f"document {number}:" in supervisor.failed[label] for other, number in deadly if other == label)
        assert "SIGSEGV" in supervisor.failed[label]
    healthy = [r for r in REQUESTS if r.checkpoint not in sick]
    assert all(answers[r.key] == f"answer of {r.checkpoint} to {r.document}" for r in healthy)
    assert len(world["asked"]) == len({r.key for r in world["asked"]})
    assert world["starts"] <= 2 + 9 * len(deadly) + 2 * len(accidents)


def test_an_accident_at_the_last_of_several_requests_blames_nobody():
    _, supervisor, _, _ = supervise(REQUESTS, deadly={("a", 0)}, accidents={58})
    assert set(supervisor.failed) == {"a"}


def test_one_accident_costs_one_start_and_no_answer():
    answers, supervisor, world, said = supervise(REQUESTS, accidents={33})
    assert len(answers) == len(REQUESTS)
    assert world["starts"] == 2
    assert not supervisor.failed
    assert len(said) == 1
    assert "started again; 48 requests" in said[0]


def test_a_refused_checkpoint_costs_no_start():
    answers, supervisor, world, _ = supervise(REQUESTS, refused={"b"})
    assert supervisor.failed == {"b": "refused by the engine"}
    assert world["starts"] == 1
    assert len(answers) == 60


def test_the_same_words_are_asked_alone_of_the_other_checkpoints():
    deadly = {(label, 7) for label in ("a", "b", "c")}
    answers, supervisor, world, _ = supervise(REQUESTS, deadly=deadly)
    assert set(supervisor.failed) == {"a", "b", "c"}
    assert {r.document for r in REQUESTS if r.checkpoint == "c" and r.key in answers} == set(range(20)) - {7}
    assert {r.document for r in REQUESTS if r.checkpoint == "base" and r.key in answers} == set(range(20))
    assert world["starts"] < 18


def test_an_engine_that_never_lives_is_given_up():
    requests = [request(f"label{n}", d) for n in range(9) for d in range(30)]
    answers, supervisor, world, _ = supervise(requests, accidents=set(range(10000)))
    assert not answers
    assert set(supervisor.failed) == {f"label{n}" for n in range(9)}
    assert "before it answers anything" in supervisor.failed["label8"]
    assert world["starts"] < STARTS // 2


def test_an_engine_that_keeps_dying_ends_with_one_message():
    with pytest.raises(LorafairError, match=f"died {STARTS} times"):
        supervise([request(f"label{n}", d) for n in range(60) for d in range(9)], accidents=set(range(2, 10000)))
