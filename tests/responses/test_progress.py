"""How long asking still takes, and what is shown of it."""

from __future__ import annotations

import io
from itertools import count

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from lorafair.responses.progress import ROWS, AskingProgress
from lorafair.responses.request import Request
from lorafair.responses.time_left import BURST, TimeLeft, say_duration


class Clock:
    def __init__(self):
        self.now = 100.0

    def __call__(self):
        return self.now


def make_requests(checkpoints, tasks=("stereotypes",), each=2, kind="loglikelihood"):
    number = count()
    return [
        Request(f"{next(number):064x}", label, kind, ("a", "b"), task, i)
        for label in checkpoints
        for task in tasks
        for i in range(each)
    ]


def show(requests, missing, clock=None, terminal=True, width=80):
    console = Console(file=io.StringIO(), force_terminal=terminal, width=width, height=40, color_system=None)
    return AskingProgress(requests, missing, console, clock or Clock()), console.file


kinds = st.sampled_from(["loglikelihood", "generate_until", "next_words"])
answers = st.lists(st.tuples(kinds, st.floats(0, 1e6)), max_size=30)


@given(answers, st.dictionaries(kinds, st.integers(0, 10_000)), st.floats(0, 1e6))
def test_time_left_is_never_negative_and_grows_with_the_work(answered, left, pause):
    def run(work):
        clock = Clock()
        estimate = TimeLeft(work, clock)
        for kind, gap in answered:
            clock.now += gap
            estimate.advance(kind)
        clock.now += pause
        return estimate.estimate()[0]

    first = run(left)
    assert 0 <= first < float("inf")
    assert run({kind: n + 1 for kind, n in left.items()}) >= first
    assert run({kind: n // 2 for kind, n in left.items()}) <= first


@given(
    st.dictionaries(kinds, st.floats(0.001, 1000), min_size=1),
    st.integers(1, 40),
    st.integers(1, 12),
    st.integers(0, 5000),
)
def test_time_left_is_exact_at_constant_speed_in_bursts_of_any_size(costs, size, bursts, more):
    clock = Clock()
    left = TimeLeft(dict.fromkeys(costs, size * bursts + more), clock)
    for _ in range(bursts):
        for kind, cost in costs.items():
            clock.now += cost * size
            for _ in range(size):
                left.advance(kind)
    clock.now += 2 * BURST
    assert left.estimate() == (pytest.approx(sum(costs.values()) * more, rel=1e-6, abs=1e-9), True)


def test_a_burst_that_just_began_does_not_frighten():
    clock = Clock()
    left = TimeLeft({"generate_until": 1000}, clock)
    for _ in range(3):
        clock.now += 16
        for _ in range(16):
            left.advance("generate_until")
    clock.now += 16
    left.advance("generate_until")
    assert left.estimate() == (pytest.approx(1000 - 49), True)


def test_a_slow_start_is_forgotten():
    clock = Clock()
    left = TimeLeft({"loglikelihood": 5000}, clock)
    clock.now += 60
    for _ in range(1200):
        clock.now += 1
        left.advance("loglikelihood")
    assert left.estimate()[0] == pytest.approx(3800, rel=0.02)


def test_a_kind_without_measurement_makes_it_at_least():
    clock = Clock()
    left = TimeLeft({"loglikelihood": 61, "generate_until": 5}, clock)
    assert str(left) == "time left not known yet"
    clock.now += 2
    left.advance("loglikelihood")
    assert str(left) == "at least 2 min left"
    clock.now += 10
    left.advance("generate_until")
    assert str(left) == "about 3 min left"
    left.drop("generate_until", 4)
    assert str(left) == "about 2 min left"


def test_durations_are_said_in_two_units():
    said = [say_duration(s) for s in (0, 89, 90, 5399, 5400, 47.9 * 3600, 76 * 3600)]
    assert said == ["0 s", "89 s", "2 min", "1 h 30 min", "1 h 30 min", "47 h 54 min", "3 d 4 h"]


def test_without_a_terminal_one_line_each_half_minute_on_standard_error(capsys):
    clock = Clock()
    requests = make_requests(["base", "a"], each=50)
    with AskingProgress(requests, requests[20:], clock=clock) as progress:
        for request in requests[20:70]:
            clock.now += 1
            progress.advance(request)
        progress.note("a: [red]moved[/red]\x1b[31m")
    out, err = capsys.readouterr()
    assert out == ""
    assert err.splitlines() == [
        "asked 50 of 100 requests, 1 of 2 checkpoints done, about 50 s left",
        "a: [red]moved[/red] [31m",
    ]


def test_what_was_stored_before_counts_as_done(capsys):
    clock = Clock()
    requests = make_requests(["base", "a", "b"], each=10)
    with AskingProgress(requests, requests[25:], clock=clock) as progress:
        for request in requests[25:]:
            clock.now += 40
            progress.advance(request)
    lines = capsys.readouterr().err.splitlines()
    assert lines[0] == "asked 26 of 30 requests, 2 of 3 checkpoints done, about 3 min left"
    assert lines[-1] == "asked 30 of 30 requests, 3 of 3 checkpoints done"


def test_a_checkpoint_given_up_no_longer_counts():
    clock = Clock()
    requests = make_requests(["base", "a"], each=10)
    progress, _ = show(requests, requests, clock)
    with progress:
        for request in requests[:5]:
            clock.now += 1
            progress.advance(request)
        progress.drop("a")
        assert str(progress) == "asked 5 of 10 requests, 0 of 1 checkpoints done, about 5 s left"
        progress.advance(requests[-1])
        assert str(progress) == "asked 5 of 10 requests, 0 of 1 checkpoints done, about 5 s left"


def test_many_checkpoints_and_tasks_stay_readable():
    requests = make_requests([f"a{i}" for i in range(64)], tasks=[f"t{i}" for i in range(5)])
    progress, _ = show(requests, requests)
    with progress:
        for request in sorted(requests, key=lambda r: r.document):
            progress.advance(request)
            rows = progress._bars.tasks[1:]
            assert len(rows) <= ROWS
            assert all(0 < row.completed < row.total for row in rows)
        assert progress._bars.tasks[0].completed == len(requests) == progress._bars.tasks[0].total
        assert len(progress._bars.tasks) == 1


def test_a_row_shows_its_own_count_and_names_are_not_markup():
    requests = make_requests(["a[bold]"], tasks=["[red]t\x1b[2J"], each=4)
    progress, file = show(requests, requests[1:])
    with progress:
        progress.advance(requests[1])
        progress.note("[blink]note[/blink]")
        progress._bars.refresh()
        (row,) = progress._bars.tasks[1:]
        assert (row.completed, row.total) == (2, 4)
    text = file.getvalue()
    assert "a[bold] [red]t [2J" in text
    assert "[blink]note[/blink]" in text
    assert "\x1b[2J" not in text
    assert "0 of 1 checkpoints, " in text
