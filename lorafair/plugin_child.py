"""Check one stranger's plugin in a process of its own: killed at the limit, and judged by how it ended.

A plugin may swallow the exception that a limit raises, wait in C code or end the process; none of that may end, stop or
silence the check of the others, and no state that it changes may reach them.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import select
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lorafair.plugin_guard import call_plugin
from lorafair.plugin_state import read_state, tell_changes
from lorafair.registry import Entry

if TYPE_CHECKING:
    from lorafair.plugin_check import Finding

START = 120.0
"""Seconds that the process may take beside its calls of the plugin: to start, and to judge what it gave."""
GRACE = 1.0
"""Seconds after the limit of a call at which a plugin is killed that did not heed it."""


def check_apart(finding: Finding, limit: float, seen: set[Path]) -> None:
    """Fill ``finding`` by a check of its entry in a child process, which is gone afterwards.

    Args:
        finding: of an entry that was not checked yet.
        limit: seconds for one call of the plugin's code; one that does not heed it is killed.
        seen: folders of tasks that were looked through; the child's are added.
    """
    question = {
        "entry": dataclasses.asdict(finding.entry),
        "limit": limit,
        "seen": [str(folder) for folder in seen],
    }
    read_end, write_end = os.pipe()
    with open(read_end, "rb", buffering=0) as answers, tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as log:
        try:
            child = subprocess.Popen(
                [sys.executable, "-P", "-m", "lorafair.plugin_child", str(write_end), str(os.getpid())],
                pass_fds=[write_end],
                stdin=subprocess.PIPE,
                stdout=out,
                stderr=log,
                start_new_session=True,
                env=os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
            )
        finally:
            os.close(write_end)
        try:
            assert child.stdin is not None
            with contextlib.suppress(BrokenPipeError), child.stdin:
                child.stdin.write(json.dumps(question).encode())
            last = _follow(finding, child, answers.fileno(), limit)
        finally:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(child.pid, signal.SIGKILL)
            child.wait()
        if last is not None:
            for key in ("place", "faults", "notes", "skipped", "tried"):
                setattr(finding, key, last[key])
            seen.update(map(Path, last["seen"]))
        elif not finding.faults:
            finding.faults.append(_describe_end(child.returncode, _read(log)))
        if (text := _read(out)) and not finding.faults:
            finding.faults.append(f"printed {text[:60]!r} to standard output, where results go; use logging")


def _follow(finding: Finding, child: subprocess.Popen[bytes], pipe: int, limit: float) -> dict[str, Any] | None:
    """The child's last message; None when it ended without one, or was too slow (then ``finding`` says so)."""
    data, end, calling = b"", time.monotonic() + START, False
    while True:
        left = end - time.monotonic()
        if left <= 0:
            finding.faults.append(f"took longer than {limit if calling else START:g} s and was killed")
            return None
        ready, _, _ = select.select([pipe], [], [], min(left, 1.0))
        if not ready:
            if child.poll() is not None:  # something that it started may still hold the pipe open
                return None
            continue
        part = os.read(pipe, 1 << 16)
        if not part:
            with contextlib.suppress(subprocess.TimeoutExpired):
                child.wait(5)
            return None
        *lines, data = (data + part).split(b"\n")
        for line in lines:
            try:
                message = json.loads(line)
                finding.place = str(message["place"])
            except (ValueError, KeyError, TypeError):
                finding.faults.append("wrote into the check's own pipe")
                return None
            if "faults" in message:
                return dict(message)
            calling = bool(message["calling"])
            end = time.monotonic() + (limit + GRACE if calling else START)


def _describe_end(code: int, said: str) -> str:
    how = f"exit code {code}" if code >= 0 else signal.Signals(-code).name
    words = f"; its last words: {said.splitlines()[-1][:200]!r}" if said else ""
    return f"ended the process that tried it ({how}){words}"


def _read(file: Any) -> str:
    file.seek(0)
    return str(file.read().decode(errors="replace")).strip()


def main() -> None:
    """Check the entry that standard input names; tell each call of the plugin, and the finding, to the pipe."""
    from lorafair.plugin_check import Finding, check_here
    from lorafair.serving.worker import watch_parent

    pipe = int(sys.argv[1])
    os.set_inheritable(pipe, False)
    watch_parent(int(sys.argv[2]))
    question = json.loads(sys.stdin.buffer.read())
    finding = Finding(Entry(**question["entry"]))
    seen = {Path(folder) for folder in question["seen"]}
    limit, changed = float(question["limit"]), dict[str, None]()

    def tell(**facts: Any) -> None:
        os.write(pipe, json.dumps({"place": finding.place, **facts}).encode() + b"\n")

    def call(function: Callable[[], Any]) -> Any:
        tell(calling=True)
        before, modules = read_state(), set(sys.modules)
        try:
            return call_plugin(finding.entry, function, limit)
        finally:
            changed.update(dict.fromkeys(tell_changes(before, read_state(), imported=set(sys.modules) != modules)))
            tell(calling=False)

    check_here(finding, call, seen)
    if changed:
        finding.notes.append(f"changed {', '.join(changed)}, which others in its process would feel")
    tell(
        faults=finding.faults,
        notes=finding.notes,
        skipped=finding.skipped,
        tried=finding.tried,
        seen=[str(folder) for folder in seen],
    )
    os._exit(0)  # threads that the plugin left behind are not waited for


if __name__ == "__main__":
    main()
