"""The one place that speaks to Ray: connect, say what nodes there are, give a task away, hear of it, take it back."""

from __future__ import annotations

import importlib.util
import logging
import os
import re
import socket
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from lorafair.errors import LorafairError
from lorafair.launch.need import Need, Node

if TYPE_CHECKING:
    from lorafair.launch.task import Task
    from lorafair.launch.work import Context, Report

STORE = 100 * 1024**2
"""Bytes of a local cluster's object store: reports are small, everything large goes through the shared folder."""
GRACE = 15.0
"""Seconds that a cancelled task gets to close its files before its process is ended."""


class TaskLost(Exception):
    """A task's process or node is gone; the message says how."""


ABSENT = (
    "--launcher ray needs the package ray, which is not installed: pip install 'lorafair[ray]', on every node. Without "
    "it: --launcher local."
)


def is_ray_here() -> bool:
    """Whether Ray is installed; it is not imported."""
    return importlib.util.find_spec("ray") is not None


def read_address(address: str | None) -> tuple[str, int] | None:
    """Host and port of a cluster's head; None for ``auto``, and for no address.

    Raises:
        LorafairError: if it is neither ``auto`` nor host:port.
    """
    if address in (None, "auto"):
        return None
    found = re.fullmatch(r"([A-Za-z0-9_.\-]+|\[[0-9A-Fa-f:]+\]):(\d{1,5})", str(address))
    if found is None or not 0 < int(found[2]) < 65536:
        raise LorafairError(
            f"--ray-address {address}: give auto (the cluster that runs on this machine) or host:port of its head, as "
            "`ray start --head --port=6379` says it. Ray Client (ray://) is not supported."
        )
    return found[1].strip("[]"), int(found[2])


def _knock(address: str) -> None:
    """Hold that somebody listens at an address: Ray itself would wait for minutes."""
    place = read_address(address)
    if place is None:
        return
    try:
        socket.create_connection(place, timeout=5).close()
    except OSError as error:
        raise LorafairError(
            f"--ray-address {address}: nobody listens there ({error.strerror or error}). Start a cluster with `ray "
            "start --head --port=6379` and join it from the other nodes, or leave --ray-address out."
        ) from error


class RayCluster:
    """A cluster that this process has joined; see :func:`open_cluster`."""

    def __init__(self, ray: Any) -> None:
        self._ray = ray
        self._work = ray.remote(max_calls=1, max_retries=0)(_work_on_node)

    def list_nodes(self) -> list[Node]:
        """The nodes that are alive, with all that they declare."""
        return [
            Node(
                id=each["NodeID"],
                name=each.get("NodeManagerHostname") or each["NodeManagerAddress"],
                cpus=each["Resources"].get("CPU", 0.0),
                gpus=each["Resources"].get("GPU", 0.0),
                memory=each["Resources"].get("memory", 0.0),
            )
            for each in self._ray.nodes()
            if each["Alive"]
        ]

    def submit(self, task: Task, context: Context, need: Need, attempt: int, avoid: Sequence[str] = ()) -> Any:
        """Give a task to the cluster, which does it when a node has what it needs free.

        Args:
            avoid: ids of nodes on which it failed; another one is taken if there is one that could hold it.

        Returns:
            A handle for :meth:`wait`, :meth:`fetch` and :meth:`cancel`.
        """
        options: dict[str, Any] = {"num_cpus": need.cpus, "num_gpus": need.gpus or 0, "name": task.name}
        if need.memory:
            options["memory"] = need.memory
        if avoid and (node := choose_node(self.list_nodes(), need, avoid)) is not None:
            from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

            options["scheduling_strategy"] = NodeAffinitySchedulingStrategy(node_id=node.id, soft=True)
        return self._work.options(**options).remote(task, context, attempt)

    def wait(self, handles: Sequence[Any], seconds: float) -> list[Any]:
        """One of the handles whose task ended, none if there is none within ``seconds``."""
        done: list[Any] = self._ray.wait(list(handles), num_returns=1, timeout=seconds)[0]
        return done

    def fetch(self, handle: Any) -> Report:
        """The report of a task that ended.

        Raises:
            TaskLost: if its process or node was gone before.
        """
        try:
            found: Report = self._ray.get(handle)
        except self._ray.exceptions.RayError as error:
            lines = [line.strip() for line in str(error).splitlines() if line.strip()]
            raise TaskLost(f"{type(error).__name__}: {lines[0][:300] if lines else ''}") from error
        return found

    def cancel(self, handles: Sequence[Any]) -> None:
        """Take tasks back: they are interrupted as by Ctrl-C, and ended if that takes too long."""
        for force in (False, True):
            for handle in handles:
                self._ray.cancel(handle, force=force)
            handles = self._ray.wait(list(handles), num_returns=len(handles), timeout=GRACE)[1] if handles else []


def choose_node(nodes: Sequence[Node], need: Need, avoid: Sequence[str]) -> Node | None:
    """The node to try a failed task on, None where the cluster may choose (no node that is left could hold it)."""
    left = [node for node in nodes if node.id not in avoid and need.fits(node)]
    gone = not any(node.id in avoid for node in nodes)
    return None if gone or not left else max(left, key=lambda node: (node.cpus, node.memory))


def _work_on_node(task: Task, context: Context, attempt: int) -> Report:
    """What Ray runs, in a worker process that does nothing else."""
    import ray

    from lorafair.launch.work import do_task

    return do_task(task, context, ray.get_runtime_context().get_node_id(), socket.gethostname(), attempt)


@contextmanager
def open_cluster(address: str | None) -> Iterator[RayCluster]:
    """Join the cluster at ``address``, or start one of this machine alone for as long as the context lasts (None).

    Raises:
        LorafairError: if Ray is missing, nobody is there, or its versions are others.
    """
    if not is_ray_here():
        raise LorafairError(ABSENT)
    if address is not None:
        _knock(address)
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    import ray

    quiet: dict[str, Any] = {"log_to_driver": False, "logging_level": logging.ERROR}
    own: dict[str, Any] = {"include_dashboard": False, "object_store_memory": STORE}
    try:
        ray.init(address=address, **quiet) if address else ray.init(address="local", **own, **quiet)
    except (ConnectionError, RuntimeError, ValueError, TimeoutError, OSError) as error:
        said = next((line.strip() for line in str(error).splitlines() if line.strip()), type(error).__name__)
        where = f"--ray-address {address}" if address else "A cluster of this machine"
        raise LorafairError(
            f"{where} cannot be used: {said} Start one with `ray start --head`, with the same Python and Ray on every "
            "node, or leave --ray-address out."
        ) from error
    try:
        yield RayCluster(ray)
    finally:
        ray.shutdown()
