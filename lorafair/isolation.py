"""Strangers' scorers and metrics, each in a process of its own: what one does there reaches nobody else's numbers.

A thread cannot be killed, a signal does not interrupt C code, and seeds, default types or environment variables cannot
be put back under an engine that runs at the same time.  So what another distribution declares is imported and called
only in a child process, started once for each plugin and killed at the time limit.  Built-ins run in this process.
"""

from __future__ import annotations

import atexit
import contextlib
import dataclasses
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from typing import Any

from lorafair.blame import describe_plugin
from lorafair.errors import LorafairError
from lorafair.plugin_message import decode, encode
from lorafair.registry import Entry, check_field, read_field

VARIABLE = "LORAFAIR_PLUGIN_TIMEOUT"
LONGEST = 30 * 86400.0
DEFAULT_TIMEOUT = 600.0
"""Seconds for one question to a plugin: its import, one batch of texts, one evaluation of a metric."""


class PluginFailed(LorafairError):
    """A plugin broke its contract, or its process ended; the message names it and its distribution."""


def is_built_in(entry: Entry) -> bool:
    """Whether a plugin is the project's own, and so runs in this process."""
    return entry.origin == "lorafair"


def read_timeout() -> float:
    """The time limit in seconds: LORAFAIR_PLUGIN_TIMEOUT, else ``DEFAULT_TIMEOUT``.

    Raises:
        LorafairError: if the variable is no number above 0.
    """
    text = os.environ.get(VARIABLE, "")
    try:
        seconds = float(text) if text else DEFAULT_TIMEOUT
    except ValueError:
        seconds = 0.0
    if not 0 < seconds <= LONGEST:
        raise LorafairError(
            f"{VARIABLE}={text!r} is no time limit: give seconds, a number above 0 and at most {LONGEST:.0f} (30 days)."
        )
    return seconds


class PluginProcess:
    """One plugin in its process, which starts with the first question.  Threads may share it.

    ``remarks``: what the plugin did beside answering (printed, changed seeds, …), in words, each once.
    """

    def __init__(self, entry: Entry) -> None:
        self._entry = entry
        self._process: subprocess.Popen[bytes] | None = None
        self._lock = threading.Lock()
        self._gone = ""
        self._facts: dict[str, Any] | None = None
        self.remarks: dict[str, None] = {}

    def ask(self, question: str, **facts: Any) -> Any:
        """The plugin's answer to one question (see ``plugin_process.py``).

        Raises:
            PluginFailed: if it raises, breaks its contract, takes longer than the time limit or ends; after the last
                two it is not asked again.
            LorafairError: what the plugin itself says that the user has to mend.
        """
        limit = read_timeout()
        asked = encode({"ask": question, "limit": limit, **facts})  # a fault of the question is not the plugin's
        with self._lock:
            if self._gone:
                raise PluginFailed(self._gone)
            end = time.monotonic() + limit
            try:
                if self._process is None:
                    self._start()
                self._socket.settimeout(limit)
                self._socket.sendall(asked)
                answer = decode(lambda size: self._read(size, end))
                outcome, said = str(answer["outcome"]), answer["said"]
                self.remarks |= dict.fromkeys(map(str, answer["remarks"]))
            except TimeoutError:
                raise self._give_up(
                    f"did not answer within {limit:g} s and was ended ({VARIABLE} sets the limit)"
                ) from None
            except (OSError, EOFError):
                raise self._give_up(self._describe_end()) from None
            except (ValueError, KeyError, TypeError, MemoryError, RecursionError) as error:
                raise self._give_up(f"answered with what is no message ({error})") from error
            except BaseException:  # Ctrl-C: the answer that is under way would be taken for the next question's
                self.close()
                raise
        if outcome == "answer":
            return said
        if outcome == "mend":
            raise LorafairError(str(said))
        if outcome == "unloadable":
            raise PluginFailed(str(said))
        raise PluginFailed(f"The {describe_plugin(self._entry)} {said}")

    def describe(self) -> dict[str, Any]:
        """``parameters``, ``takes_all``, ``attributes`` and ``source_sha256`` of the plugin; raises as :meth:`ask`."""
        if self._facts is None:
            self._facts = self.ask("describe")
        return self._facts

    def close(self) -> None:
        """End the process and everything that it started; the next question starts another."""
        process, self._process = self._process, None
        if process is None:
            return
        self._socket.close()
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        self._log.close()

    def _start(self) -> None:
        ours, theirs = socket.socketpair()
        self._socket = ours
        self._log = tempfile.TemporaryFile()  # noqa: SIM115
        with theirs, tempfile.TemporaryFile() as printed:
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-m", "lorafair.plugin_process", str(theirs.fileno()), str(os.getpid())],
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=printed,
                stderr=self._log,
                start_new_session=True,
                env=os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
            )
        ours.settimeout(read_timeout())
        ours.sendall(encode(dataclasses.asdict(self._entry)))

    def _read(self, size: int, end: float) -> bytearray:
        """Exactly ``size`` bytes; raises TimeoutError after ``end``, EOFError when the process is gone."""
        assert self._process is not None
        data = bytearray()
        while len(data) < size:
            left = end - time.monotonic()
            if left <= 0:
                raise TimeoutError
            self._socket.settimeout(min(left, 1.0))
            try:
                part = self._socket.recv(min(size - len(data), 1 << 20))
            except TimeoutError:
                # The end of the process may not close the socket: what it started can still hold it open.
                if self._process.poll() is not None:
                    raise EOFError from None
                continue
            if not part:
                raise EOFError
            data += part
        return data

    def _give_up(self, why: str) -> PluginFailed:
        self.close()
        self._gone = f"The {describe_plugin(self._entry)} {why}."
        return PluginFailed(self._gone)

    def _describe_end(self) -> str:
        if self._process is None:
            return "could not be started"
        try:
            code = self._process.wait(5)
        except subprocess.TimeoutExpired:
            return "closed its connection"
        how = f"was ended by {signal.Signals(-code).name}" if code < 0 else f"ended its process with exit code {code}"
        self._log.seek(0)
        lines = [line.strip() for line in self._log.read().decode(errors="replace").splitlines() if line.strip()]
        return f"{how}; its last words: {lines[-1][:200]!r}" if lines else how


_OPEN: dict[tuple[str, ...], PluginProcess] = {}


def open_plugin(entry: Entry) -> PluginProcess:
    """The process of a plugin, the same one each time; it ends with this process at the latest."""
    key = (entry.kind, entry.name, str(entry.target), entry.origin, entry.version)
    return _OPEN.setdefault(key, PluginProcess(entry))


@atexit.register
def close_plugins() -> None:
    """End all plugins' processes; they start again when they are asked."""
    for plugin in _OPEN.values():
        plugin.close()
    _OPEN.clear()


def ask_field(entry: Entry, key: str, target: Any = None) -> Any:
    """As :func:`lorafair.registry.read_field`, but a stranger's attributes are asked for in its own process.

    Args:
        target: of a built-in, where the caller has loaded it.

    Raises:
        LorafairError: if the plugin cannot be loaded, or its attribute is not of the key's type.
    """
    if is_built_in(entry) or key in entry.fields:
        return read_field(entry, key, target=target)
    return check_field(entry, key, open_plugin(entry).describe()["attributes"].get(key))


def read_remarks(entry: Entry) -> str:
    """One sentence on what a plugin did so far beside answering; empty for a quiet one and for built-ins."""
    key = (entry.kind, entry.name, str(entry.target), entry.origin, entry.version)
    found = _OPEN[key].remarks if key in _OPEN else {}
    if not found:
        return ""
    return f"the {describe_plugin(entry)} {', '.join(found)}; it has a process of its own, no other number is touched"
