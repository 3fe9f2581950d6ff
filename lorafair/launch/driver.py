"""The driver: gives tasks to a cluster as they become ready, begins lost ones again elsewhere, and takes their work."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from lorafair.errors import raise_faults
from lorafair.launch.cluster import TaskLost
from lorafair.launch.need import Need, Node
from lorafair.launch.work import Context, Report, find_notes

if TYPE_CHECKING:
    from lorafair.launch.progress import LaunchProgress
    from lorafair.launch.task import Task

PAUSE = 1.0
"""Seconds between two looks at the cluster."""
LOOK = 30.0
"""Seconds after which it is seen to that what waits for a node can still get one."""
LEFT = "; no node that is left could hold it: add one, and give the same command again"


class Cluster(Protocol):
    """What the driver needs of a cluster; :class:`lorafair.launch.cluster.RayCluster` is one."""

    def list_nodes(self) -> list[Node]:
        """The nodes that are alive."""

    def submit(self, task: Task, context: Context, need: Need, attempt: int, avoid: Sequence[str] = ()) -> Any:
        """Give a task away; a handle for the others."""

    def wait(self, handles: Sequence[Any], seconds: float) -> list[Any]:
        """Some whose tasks ended, none if there is none in that time."""

    def fetch(self, handle: Any) -> Report:
        """What became of a task; TaskLost if its process or node was gone."""

    def cancel(self, handles: Sequence[Any]) -> None:
        """Take tasks back."""


@dataclass
class _State:
    task: Task
    attempt: int = 0
    avoid: list[str] = field(default_factory=list)
    began: float = 0.0
    read: int = 0  # bytes of its notes that were shown
    node: str = ""
    host: str = ""


class Driver:
    """Sees a list of tasks to their end.

    Args:
        take: is told every task that was done, with its report, before another one begins.
        retries: how often a task is begun again that was lost, or that failed by no fault of the user.
    """

    def __init__(
        self,
        tasks: Sequence[Task],
        cluster: Cluster,
        context: Context,
        progress: LaunchProgress,
        take: Callable[[Task, Report], None],
        retries: int,
    ) -> None:
        self._waiting = {task.name: _State(task) for task in tasks}
        self._running: dict[Any, _State] = {}
        self._done: set[str] = set()
        self._faults: dict[str, str] = {}
        self._cluster, self._context, self._progress, self._take = cluster, context, progress, take
        self._retries, self._known = retries, {task.name for task in tasks}
        self._looked = time.monotonic()

    def run(self) -> None:
        """Do all tasks that can be done.

        Raises:
            LorafairError: at the end, with the faults of all tasks that failed and those that waited for them.
            KeyboardInterrupt: after Ctrl-C, when the running tasks have been taken back.
        """
        try:
            while True:
                self._submit_ready()
                if not self._running:
                    break
                for handle in self._cluster.wait(list(self._running), PAUSE):
                    self._settle(handle)
                for state in self._running.values():
                    self._relay(state)
                if time.monotonic() - self._looked > LOOK:
                    self._give_up(self._cluster.list_nodes())
                self._progress.show(len(self._done), [self._tell(state) for state in self._running.values()])
        except BaseException:
            self._progress.note(f"taking back {len(self._running)} tasks")
            self._cluster.cancel(list(self._running))
            for state in self._running.values():
                self._log(state, "taken back")
            raise
        left = [f"{name}: not begun, because a task before it failed." for name in self._waiting]
        raise_faults(
            "The audit is not whole; what was finished is kept, and the same command goes on from there",
            [*(f"{name}: {why}" for name, why in self._faults.items()), *left],
        )

    def _submit_ready(self) -> None:
        for name, state in list(self._waiting.items()):
            if not (state.task.after & self._known) - self._done:
                del self._waiting[name]
                self._submit(state)

    def _submit(self, state: _State) -> None:
        state.began, state.node, state.host = time.time(), "", ""
        handle = self._cluster.submit(state.task, self._context, state.task.need, state.attempt, state.avoid)
        self._running[handle] = state

    def _settle(self, handle: Any) -> None:
        """One task ended: done, to be begun again, or failed for good."""
        state = self._running.pop(handle)
        name = state.task.name
        try:
            report = self._cluster.fetch(handle)
        except TaskLost as error:
            report = Report(fault=str(error), crash=True)
            self._give_up(self._cluster.list_nodes())
        self._relay(state)
        if report.fault is None:
            self._take(state.task, report)
            self._done.add(name)
            self._log(state, "done")
            self._progress.note(f"{name}: done{f' on {state.host}' if state.host else ''}")
            return
        self._log(state, report.fault)
        where = f" on {state.host}" if state.host else ""
        held = any(state.task.need.fits(node) for node in self._cluster.list_nodes())
        if report.crash and state.attempt < self._retries and held:
            self._progress.note(f"{name}: lost{where} ({report.fault}); it is begun again and goes on where it was")
            state.attempt += 1
            state.avoid += [state.node] * bool(state.node)
            self._submit(state)
            return
        tried = f" (begun {state.attempt + 1} times)" if state.attempt else ""
        self._faults[name] = f"{report.fault}{tried}{LEFT if report.crash and not held else ''}"
        self._progress.note(f"{name}: failed{where}: {report.fault}")

    def _give_up(self, nodes: Sequence[Node]) -> None:
        """Take back what waits for a node, where none that is left could ever hold it."""
        self._looked = time.monotonic()
        for handle, state in list(self._running.items()):
            self._relay(state)
            if not state.host and not any(state.task.need.fits(node) for node in nodes):
                self._cluster.cancel([handle])
                del self._running[handle]
                self._faults[state.task.name] = f"not begun{LEFT}"
                self._log(state, self._faults[state.task.name])

    def _tell(self, state: _State) -> str:
        return f"{state.task.name} ({state.host or 'waiting for a node'})"

    def _relay(self, state: _State) -> None:
        """Show what a task has noted since the last look; where it began, too."""
        try:
            with open(find_notes(self._context.out, state.task), "rb") as file:
                file.seek(state.read)
                found = file.read()
        except OSError:
            return
        whole = found[: found.rfind(b"\n") + 1]
        state.read += len(whole)
        for line in whole.splitlines():
            try:
                kind, *facts = json.loads(line)
                if kind == "start":
                    state.node, state.host, _, state.began = facts
                    self._progress.note(f"{state.task.name}: begins on {state.host}")
                elif kind == "say":
                    self._progress.note(f"{state.task.name}: {facts[0]}")
            except (ValueError, TypeError, IndexError):
                continue

    def _log(self, state: _State, how: str) -> None:
        """Add an attempt to ``launch.jsonl``: who did what, when, and how it ended."""
        record = {
            "task": state.task.name,
            "kind": state.task.kind,
            "base": state.task.base,
            "checkpoints": state.task.labels,
            "attempt": state.attempt,
            "host": state.host or None,
            "node": state.node or None,
            "began": round(state.began, 3),
            "seconds": round(time.time() - state.began, 3),
            "needs": {"cpus": state.task.need.cpus, "gpus": state.task.need.gpus, "memory": state.task.need.memory},
            "ended": how,
        }
        with open(self._context.out / "launch.jsonl", "a", encoding="utf-8") as file:
            file.write(json.dumps({"schema": 1} | record, ensure_ascii=False) + "\n")
