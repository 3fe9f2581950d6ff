"""Asking an engine that may die: started again a bounded number of times, what kills it found by bisection."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from lorafair.engines.contract import CheckpointRefused
from lorafair.errors import LorafairError
from lorafair.responses.request import Request
from lorafair.serving.session import EngineDied, Session

FIRST = 12
"""Starts without a single answer after which nothing more is expected of an engine."""
STARTS = 40
"""Starts of the engine in one audit, at most: two for an accident, and a bisection or two."""


@dataclass
class _Part:
    """Requests that are asked together; ``whole`` where the engine may want those of the same batch again."""

    requests: list[Request]
    deaths: int = 0
    whole: bool = False


Complete = Callable[[Sequence[Request], Sequence[Request]], Sequence[Request]]


def take_missing(requests: Sequence[Request], missing: Sequence[Request]) -> Sequence[Request]:
    """Only what is missing."""
    return missing


class Supervisor:
    """Answers requests through sessions that it opens, and opens again when they die.

    ``failed`` names the checkpoints that cannot be finished, with the reason; their other answers are kept.

    Args:
        open_session: starts an engine.
        say: takes one line for the user.
        complete: from all requests and the missing ones, those to ask (see ``Engine.with_neighbours``).
    """

    def __init__(
        self, open_session: Callable[[], Session], say: Callable[[str], None], complete: Complete = take_missing
    ) -> None:
        self._open, self._say, self.complete = open_session, say, complete
        self._session: Session | None = None
        self._starts = 0
        self._answered = False
        self._suspects: set[str] = set()
        self.failed: dict[str, str] = {}

    def warm(self) -> None:
        """Start the engine now, before there is anything to ask."""
        if self._session is None:
            self._session = self._open()
            self._starts += 1

    @property
    def is_open(self) -> bool:
        """Whether a session is open."""
        return self._session is not None

    def start(self) -> None:
        """Let the engine start on the base, while this process does something else."""
        with suppress(EngineDied):
            self.warm()
            assert self._session is not None
            self._session.start()

    def close(self) -> None:
        """Close the engine, if it runs."""
        if self._session is not None:
            self._session.close()
            for line in getattr(self._session, "remarks", ()):
                self._say(line)
            self._session = None

    def fail(self, label: str, why: str) -> None:
        """Ask the checkpoint ``label`` nothing more."""
        self.failed.setdefault(label, why)

    def ask(self, missing: Sequence[Request], requests: Sequence[Request] = ()) -> Iterator[tuple[Request, Any]]:
        """Answer what is ``missing`` of ``requests`` as the engine does, whatever happens to it.

        A list that the engine dies on is asked once more (an accident); if it dies again the list is cut in halves, by
        checkpoint first, down to the one request that kills it twice.  That request's checkpoint fails, and requests
        with the same words to other checkpoints are asked alone, after the others.

        Raises:
            LorafairError: from the engine, where it says what the user can mend; after too many starts.
        """
        parts = deque([_Part(list(missing), whole=True)])
        while parts:
            part = parts.popleft()
            asked = [r for r in part.requests if r.checkpoint not in self.failed]
            if self._suspects and len(asked) > 1:
                parts.extend(_Part([r]) for r in asked if repr(r.arguments) in self._suspects)
                asked = [r for r in asked if repr(r.arguments) not in self._suspects]
            if not asked:
                continue
            left = {r.key: r for r in asked}
            try:
                self.warm()
                assert self._session is not None
                for request, answer in self._session.ask(
                    self.complete(requests or missing, asked) if part.whole else asked
                ):
                    self._answered = True
                    if left.pop(request.key, None) is not None:
                        yield request, answer
                for request in left.values():
                    self.fail(request.checkpoint, f"its engine ends without an answer to {request.task or 'a request'}")
            except CheckpointRefused as refusal:
                self.fail(refusal.label, str(refusal))
                parts.appendleft(_Part(list(left.values()), part.deaths, part.whole))
            except EngineDied as death:
                self.close()
                rest = list(left.values())
                if self._starts >= STARTS:
                    raise LorafairError(
                        f"The engine died {self._starts} times ({death}). What was answered is stored: mend the "
                        "machine (memory?) or try --engine hf, and run the same command again."
                    ) from death
                if self._starts >= FIRST and not self._answered:
                    for request in rest:
                        self.fail(request.checkpoint, f"the engine dies before it answers anything: {death}")
                elif len(rest) == 1 and part.deaths and len(asked) == 1:
                    self._blame(rest[0], death)
                elif len(rest) == 1 and part.deaths:  # the last of several: this was the first time that it was left
                    parts.appendleft(_Part(rest, 1))
                elif part.deaths == 0 and rest:
                    self._say(f"The engine died ({death}). It is started again; {len(rest)} requests are left.")
                    parts.appendleft(_Part(rest, 1, part.whole))
                elif rest:
                    self._say(f"The engine died again ({death}). Looking for what kills it.")
                    parts.extendleft(_Part(half, int(len(half) > 1)) for half in reversed(halve(rest)))

    def _blame(self, request: Request, death: EngineDied) -> None:
        self._suspects.add(repr(request.arguments))
        self.fail(
            request.checkpoint,
            f"the engine dies on {request.task or 'a request'}"
            f"{f', document {request.document}' if request.document >= 0 else ''}: {death}",
        )


def halve(requests: Sequence[Request]) -> list[list[Request]]:
    """Requests in two halves: by checkpoint where there are several, else by number.  One request is left as it is."""
    labels = list(dict.fromkeys(r.checkpoint for r in requests))
    if len(labels) > 1:
        first = set(labels[: len(labels) // 2])
        return [[r for r in requests if r.checkpoint in first], [r for r in requests if r.checkpoint not in first]]
    middle = (len(requests) + 1) // 2
    return [half for half in (list(requests[:middle]), list(requests[middle:])) if half]
