"""The process of one plugin: ``python -m lorafair.plugin_process FD PARENT`` (started by isolation.py)."""

from __future__ import annotations

import ctypes
import hashlib
import inspect
import json
import os
import signal
import socket
import sys
import traceback
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from lorafair.errors import LorafairError
from lorafair.isolation import PluginFailed
from lorafair.plugin_message import decode, encode
from lorafair.plugin_state import read_state, tell_changes
from lorafair.registry import Entry, load_target
from lorafair.registry_file import TYPES
from lorafair.serving.worker import watch_parent

GRACE = 10.0
"""Seconds after the time limit at which a process that nobody killed ends itself, C code included."""


def describe(target: Any) -> dict[str, Any]:
    """What is asked about a plugin before it runs: its parameters, its plain attributes, the hash of its source."""
    parameters = inspect.signature(target).parameters
    source = getattr(inspect.getmodule(target), "__file__", None)
    said = {key: getattr(target, key) for key in TYPES if hasattr(target, key)}  # a class may say it for its objects
    said |= {key: value for key, value in getattr(target, "__dict__", {}).items() if not key.startswith("_")}
    said = {key: list(value) if isinstance(value, tuple) else value for key, value in said.items()}
    attributes = {key: value for key, value in said.items() if _is_plain(value)}
    return {
        "parameters": list(parameters),
        "takes_all": any(each.kind is each.VAR_KEYWORD for each in parameters.values()),
        "attributes": attributes,
        "source_sha256": hashlib.sha256(Path(source).read_bytes()).hexdigest() if source else None,
    }


def identify(target: Any, settings: Mapping[str, Any]) -> dict[str, Any]:
    """What the ``identify`` function beside the plugin says; nothing where there is none."""
    function = getattr(inspect.getmodule(target), "identify", None)
    found = function(**settings) if callable(function) else {}
    if not isinstance(found, dict):
        raise PluginFailed(f"has an `identify` that gave {repr(found)[:80]} where a mapping was expected")
    return dict(json.loads(json.dumps(found, default=str)))


def prepare(message: Mapping[str, Any]) -> Callable[[Any], Any]:
    """What is done with the plugin for ``describe``, ``identify`` (settings), ``score`` (texts, …) or ``measure``."""
    question, settings = message["ask"], message.get("settings", {})
    if question == "describe":
        return describe
    if question == "identify":
        return lambda target: identify(target, settings)
    if question == "score":
        from lorafair.scoring import take_scores

        return lambda target: take_scores(target, message["texts"], settings)
    from lorafair.metric import measure

    return lambda target: measure(target, message["table"], message["weights"], settings)


def reply(entry: Entry, message: Mapping[str, Any]) -> dict[str, Any]:
    """``outcome``, what is ``said``, and ``remarks`` on what the plugin did beside it.

    Outcomes: ``answer``; ``failed`` and ``unloadable``, the plugin's fault; ``mend``, a LorafairError of the plugin.
    """
    ask, printed = prepare(message), os.fstat(1).st_size
    outcome, said, changed = "unloadable", None, list[str]()
    before, modules = read_state(), set(sys.modules)
    try:
        target = load_target(entry)
        changed += tell_changes(before, middle := read_state(), imported=True)
        before, modules, outcome = middle, set(sys.modules), "mend"
        outcome, said = "answer", ask(target)
    except PluginFailed as error:
        outcome, said = "failed", f"{error}."
    except LorafairError as error:
        said = str(error)
    except BaseException as error:  # SystemExit too
        outcome, said = "failed", f"failed{_count(message)}: {_tell(error)}."
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
    changed += tell_changes(before, read_state(), imported=set(sys.modules) != modules)
    remarks = [f"changed {', '.join(dict.fromkeys(changed))}"] if changed else []
    if text := _read_output(printed):
        remarks.append(f"printed to standard output ({text!r})")
    return {"outcome": outcome, "said": said, "remarks": remarks}


def _tell(error: BaseException | None) -> str:
    """An exception in one line, with the place in the plugin that raised it."""
    frames = traceback.extract_tb(error.__traceback__) if error else []
    ours = str(Path(__file__).parent)
    place = next((f" ({Path(f.filename).name}:{f.lineno})" for f in reversed(frames) if ours not in f.filename), "")
    return f"{type(error).__name__}: {' '.join(str(error).split())[:300]}{place}"


def _count(message: Mapping[str, Any]) -> str:
    return f" on {len(message['texts'])} texts" if "texts" in message else ""


def _is_plain(value: Any) -> bool:
    try:
        return bool(json.loads(json.dumps(value)) == value)
    except (TypeError, ValueError):
        return False


def _read_output(start: int) -> str:
    """The beginning of what the plugin printed to standard output, by Python or C, since ``start``."""
    for stream in (sys.stdout, sys.__stdout__):
        if stream is not None and not stream.closed:
            stream.flush()
    ctypes.CDLL(None).fflush(None)
    return " ".join(os.pread(1, 80, start).decode(errors="replace").split())[:60]


def main() -> None:
    """Answer questions on the inherited socket named on the command line until it closes."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    watch_parent(int(sys.argv[2]))
    with socket.socket(fileno=int(sys.argv[1])) as connection:
        connection.set_inheritable(False)

        def read(size: int) -> bytearray:
            data = bytearray()
            while len(data) < size:
                part = connection.recv(min(size - len(data), 1 << 20))
                if not part:
                    os._exit(0)
                data += part
            return data

        entry = Entry(**decode(read))
        import numpy  # noqa: F401  (its seed is compared too)

        while True:
            message = decode(read)
            signal.signal(signal.SIGALRM, signal.SIG_DFL)
            signal.setitimer(signal.ITIMER_REAL, message["limit"] + GRACE)
            connection.sendall(encode(reply(entry, message)))


if __name__ == "__main__":
    main()
