"""A running engine as the audit sees it: in this process, or in a child that may die without taking us along."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from multiprocessing.connection import Connection, Pipe
from typing import Any, Protocol

from lorafair.checkpoint import Checkpoint
from lorafair.engines.contract import CheckpointRefused, EngineSettings
from lorafair.errors import LorafairError
from lorafair.responses.request import Request

PATIENCE = 10.0
"""Seconds that an engine's process gets to close before it is killed."""


class EngineDied(Exception):
    """The engine is gone, or in no state to go on; the message says how."""


class Session(Protocol):
    """An engine that was started, or starts with its first request."""

    def start(self) -> None:
        """Begin to start the engine on the base; returns at once."""

    def ask(self, requests: Sequence[Request]) -> Iterator[tuple[Request, Any]]:
        """Answers as they finish (see ``Engine.ask``); raises EngineDied, CheckpointRefused or LorafairError."""

    def close(self) -> None:
        """Stop the engine and free what it holds."""


class LocalSession:
    """An engine in this process."""

    def __init__(
        self, engine_class: Any, base: Checkpoint, checkpoints: Sequence[Checkpoint], settings: EngineSettings
    ) -> None:
        self._make: Callable[[], Any] = partial(engine_class, base, checkpoints, settings)
        self._engine: Any = None
        self.remarks: list[str] = []

    def start(self) -> None:
        """Nothing: it starts with its first request."""

    def ask(self, requests: Sequence[Request]) -> Iterator[tuple[Request, Any]]:
        """Answers as they finish; an exception of the engine that is none of ours counts as its death."""
        try:
            self._engine = self._engine or self._make()
            yield from self._engine.ask(requests)
        except (LorafairError, GeneratorExit):
            raise
        except Exception as error:
            self.close()
            raise EngineDied(f"{type(error).__name__}: {error}") from error

    def close(self) -> None:
        """Free the engine."""
        if self._engine is not None:
            self.remarks = list(getattr(self._engine, "remarks", ()))
            self._engine.close()
            self._engine = None


class ProcessSession:
    """An engine in a child process, in a process group of its own; it ends when this process ends."""

    def __init__(
        self, engine: str, base: Checkpoint, checkpoints: Sequence[Checkpoint], settings: EngineSettings
    ) -> None:
        self._log = tempfile.TemporaryFile()  # noqa: SIM115
        self.remarks: list[str] = []
        ours, theirs = Pipe(duplex=True)
        self._pipe: Connection = ours
        command = [sys.executable, "-P", "-m", "lorafair.serving.worker", str(theirs.fileno()), str(os.getpid())]
        self._process = subprocess.Popen(
            command,
            pass_fds=[theirs.fileno()],
            stdin=subprocess.DEVNULL,
            stdout=self._log,
            stderr=self._log,
            start_new_session=True,
            env=os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        )
        theirs.close()
        with contextlib.suppress(EngineDied):  # it shows when it is asked
            self._send(("serve", engine, base, list(checkpoints), settings))

    def start(self) -> None:
        """Let the child start its engine; what goes wrong shows when it is asked."""
        self._send(("start",))

    @property
    def pid(self) -> int:
        """The child's process id."""
        return self._process.pid

    def ask(self, requests: Sequence[Request]) -> Iterator[tuple[Request, Any]]:
        """Answers as they finish; the end of the child is EngineDied, with the last line that it printed."""
        waiting = {request.key: request for request in requests}
        self._send(("ask", list(requests)))
        while True:
            try:
                while not self._pipe.poll(1.0):
                    # The end of the process may not close the pipe: what it started can still hold it open.
                    if self._process.poll() is not None and not self._pipe.poll(0):
                        raise EOFError
                message = self._pipe.recv()
            except (EOFError, OSError) as error:
                raise EngineDied(self._describe_end()) from error
            kind, *facts = message
            if kind == "answer":
                yield waiting[facts[0]], facts[1]
            elif kind == "done":
                self.remarks = facts[0]
                return
            elif kind == "refused":
                raise CheckpointRefused(facts[0], facts[1])
            elif kind == "fault":
                raise LorafairError(facts[0])
            else:
                raise EngineDied(facts[0])

    def close(self) -> None:
        """Let the child close its engine; kill its whole group if it does not in time."""
        try:
            self._pipe.close()
            self._process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            pass
        finally:
            self.kill()
            self._log.close()

    def kill(self) -> None:
        """End the child and everything that it started."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()

    def _send(self, message: Any) -> None:
        try:
            self._pipe.send(message)
        except (BrokenPipeError, OSError) as error:
            raise EngineDied(self._describe_end()) from error

    def _describe_end(self) -> str:
        try:
            code = self._process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            return "its process does not answer any more"
        how = f"its process was ended by {signal.Signals(-code).name}" if code < 0 else f"its process ended with {code}"
        if code == -signal.SIGKILL:
            how += " (killed from outside, or out of memory)"
        self._log.seek(0)
        lines = [line.strip() for line in self._log.read().decode(errors="replace").splitlines() if line.strip()]
        return f"{how}; its last words: {lines[-1][:300]}" if lines else how


def open_session(engine: str, base: Checkpoint, checkpoints: Sequence[Checkpoint], settings: EngineSettings) -> Session:
    """A session of the named engine: in a process of its own where the engine class says ``isolated``.

    Raises:
        LorafairError: if the engine is unknown or not installed.
    """
    from lorafair.routing import load_engine

    engine_class = load_engine(engine)
    if engine_class.isolated:
        return ProcessSession(engine, base, checkpoints, settings)
    return LocalSession(engine_class, base, checkpoints, settings)
