"""How long asking will still take, from what the answers so far have cost."""

from __future__ import annotations

import time
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping

BURST = 0.25
"""Seconds. Answers this close together came out of one batch: its cost is shared among them before it counts."""
HALF_LIFE = 180.0
"""Seconds of asking one kind after which an older measurement of it weighs half."""


class TimeLeft:
    """Seconds left of asking, from the cost of a request of each kind.

    The time that passes before an answer is booked on the answer's kind, so that what a kind costs is all the time
    spent on it over all its answers: answers may come in bursts.

    Args:
        left: kind of request to how many are still to be asked.
        clock: seconds that never go back.
    """

    def __init__(self, left: Mapping[str, int], clock: Callable[[], float] = time.monotonic) -> None:
        self.left = Counter(left)
        self._clock = clock
        self._last = self._opened = clock()
        self._seconds: defaultdict[str, float] = defaultdict(float)  # closed bursts, older ones faded
        self._answers: defaultdict[str, float] = defaultdict(float)
        self._open_seconds: defaultdict[str, float] = defaultdict(float)  # the burst that may still go on
        self._open_answers: Counter[str] = Counter()

    def advance(self, kind: str) -> None:
        """One request of this kind was answered just now."""
        now = self._clock()
        self._close(now)
        if not self._open_answers:
            self._opened = now
        self._open_seconds[kind] += max(now - self._last, 0.0)
        self._open_answers[kind] += 1
        self._last = now
        self.drop(kind, 1)

    def drop(self, kind: str, count: int) -> None:
        """``count`` requests of this kind need no asking any more."""
        self.left[kind] = max(self.left[kind] - count, 0)

    def estimate(self) -> tuple[float, bool]:
        """Seconds left (0 or more), and whether every kind that is left was measured: otherwise it takes longer."""
        self._close(self._clock())
        costs = {kind: self._cost(kind) for kind, count in self.left.items() if count}
        known = sum(self.left[kind] * cost for kind, cost in costs.items() if cost is not None)
        return float(known), None not in costs.values()

    def __str__(self) -> str:
        seconds, complete = self.estimate()
        if not complete and not seconds:
            return "time left not known yet"
        return f"{'about' if complete else 'at least'} {say_duration(seconds)} left"

    def _cost(self, kind: str) -> float | None:
        if self._answers[kind]:
            return self._seconds[kind] / self._answers[kind]
        if self._open_answers[kind]:
            return self._open_seconds[kind] / self._open_answers[kind]
        return None

    def _close(self, now: float) -> None:
        if now - self._opened <= BURST:
            return
        for kind, answers in self._open_answers.items():
            seconds = self._open_seconds[kind]
            fade = 0.5 ** (seconds / HALF_LIFE)
            self._seconds[kind] = self._seconds[kind] * fade + seconds
            self._answers[kind] = self._answers[kind] * fade + answers
        self._open_seconds.clear()
        self._open_answers.clear()


def say_duration(seconds: float) -> str:
    """A duration (seconds) in words, to two units at most: ``40 s``, ``4 min``, ``2 h 10 min``, ``3 d 4 h``."""
    if seconds < 90:
        return f"{round(seconds)} s"
    minutes = round(seconds / 60)
    if minutes < 90:
        return f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    if hours < 48:
        return f"{hours} h {minutes} min"
    return f"{hours // 24} d {hours % 24} h"
