"""Run a plugin's code for a check: Python's sockets closed, within a time limit, with what it prints caught."""

from __future__ import annotations

import contextlib
import importlib.metadata
import io
import os
import re
import signal
import socket
import threading
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from lorafair.errors import LorafairError
from lorafair.registry import Entry

OFFLINE = {"HF_HUB_OFFLINE": "1", "HF_DATASETS_OFFLINE": "1"}
NETWORK = ("OfflineModeIsEnabled", "LocalEntryNotFoundError", "ConnectionError", "NoNetworkError", "URLError")

METHODS = ("connect", "connect_ex", "sendto")
"""Of Python's sockets, what reaches other machines."""


class NoNetworkError(OSError):
    """A connection that a check does not let a plugin open."""


class NotChecked(Exception):
    """A plugin that cannot be tried here, and why (one sentence)."""


class Faulty(Exception):
    """What a plugin did wrong, one sentence."""


def call_plugin(entry: Entry, call: Callable[[], Any], limit: float) -> Any:
    """The value of ``call``, code of a plugin.

    Args:
        limit: seconds that it may take (on systems and threads without interval timers: no limit).

    Raises:
        NotChecked: it wants the network, data or an optional extra that is not here, and says so by a LorafairError,
            an ImportError of one of its distribution's extras, or an attempt to connect.
        Faulty: it raised anything else, took too long, or wrote to standard output.
    """
    printed = io.StringIO()
    tried: list[str] = []
    try:
        with _close_network(tried), _limit_time(limit), contextlib.redirect_stdout(printed):
            value = call()
    except (NotChecked, Faulty):
        raise
    except LorafairError as error:
        raise NotChecked(" ".join(str(error).split())) from error
    except (Exception, SystemExit) as error:
        if (missing := find_missing_extra(entry, error)) is not None:
            raise NotChecked(missing) from error
        if tried or _is_about_network(error):
            what = f" ({tried[0]})" if tried else ""
            raise NotChecked(f"it wants the network{what}, which a check does not open") from error
        if isinstance(error, TimeoutError) and str(error) == _TOO_LONG:
            raise Faulty(f"took longer than {limit:g} s") from error
        raise Faulty(f"raised {describe_error(error)}") from error
    if printed.getvalue():
        raise Faulty(f"printed {printed.getvalue()[:60]!r} to standard output, where results go; use logging")
    return value


def describe_error(error: BaseException) -> str:
    """An exception in one line, with the place that raised it."""
    frames = [f for f in traceback.extract_tb(error.__traceback__) if Path(f.filename).parent != Path(__file__).parent]
    place = f" (at {show_path(Path(frames[-1].filename))}:{frames[-1].lineno})" if frames else ""
    return f"{type(error).__name__}: {' '.join(str(error).split())}{place}"


def show_path(path: Path) -> str:
    """A path as short as it can be told: relative where it lies below the working folder."""
    with contextlib.suppress(ValueError, OSError):
        return str(path.relative_to(Path.cwd()))
    return str(path)


def find_missing_extra(entry: Entry, error: BaseException | None) -> str | None:
    """The extra to install, as a sentence, where ``error`` is a failed import of what an optional extra would bring."""
    while error is not None and not isinstance(error, ImportError):
        error = error.__cause__
    if error is None or not error.name:
        return None
    module = re.sub(r"[-_.]+", "-", error.name.partition(".")[0]).lower()
    try:
        lines = importlib.metadata.requires(entry.origin) or []
    except (importlib.metadata.PackageNotFoundError, ValueError):
        return None
    for line in lines:
        name = re.match(r"[\w.\-]+", line)
        extra = re.search(r"extra\s*==\s*['\"]([^'\"]+)", line)
        if name and extra and re.sub(r"[-_.]+", "-", name[0]).lower() == module:
            return f"it needs an optional extra: pip install '{entry.origin}[{extra[1]}]'"
    return None


def _is_about_network(error: BaseException | None) -> bool:
    while error is not None:
        if any(kind.__name__ in NETWORK for kind in type(error).__mro__):
            return True
        error = error.__cause__ or error.__context__
    return False


@contextlib.contextmanager
def _close_network(tried: list[str]) -> Iterator[None]:
    """Refuse what Python's sockets open to other machines, and tell the Hub's clients; attempts go to ``tried``.

    Connections that C libraries or other programs open are not seen.
    """

    def guard(name: str) -> Callable[..., Any]:
        through = before_methods[name]

        def refuse(self: Any, *args: Any) -> Any:
            if self.family == getattr(socket, "AF_UNIX", None):
                return through(self, *args)
            address = args[-1] if args else ""
            tried.append(str(address[0] if isinstance(address, tuple) else address))
            raise NoNetworkError(f"lorafair plugins check opens no connection ({tried[-1]})")

        return refuse

    def refuse_name(host: Any, *_: Any, **__: Any) -> Any:
        tried.append(str(host))
        raise NoNetworkError(f"lorafair plugins check looks up no address ({host})")

    before = {key: os.environ.get(key) for key in OFFLINE}
    before_methods = {name: getattr(socket.socket, name) for name in METHODS}
    find = socket.getaddrinfo
    os.environ.update(OFFLINE)
    for name in METHODS:
        setattr(socket.socket, name, guard(name))
    socket.getaddrinfo = refuse_name
    try:
        yield
    finally:
        socket.getaddrinfo = find
        for name, method in before_methods.items():
            setattr(socket.socket, name, method)
        for key, value in before.items():
            if value is None:
                os.environ.pop(key, None)
            else:
                os.environ[key] = value


_TOO_LONG = "the plugin's time is over"


@contextlib.contextmanager
def _limit_time(limit: float) -> Iterator[None]:
    if not hasattr(signal, "setitimer") or threading.current_thread() is not threading.main_thread():
        yield
        return

    def stop(*_: Any) -> None:
        raise TimeoutError(_TOO_LONG)

    before = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, limit)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
