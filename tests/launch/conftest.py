"""A cluster that is none: it does a task when it is waited for, in this process."""

from dataclasses import dataclass, field

import pytest

from lorafair.launch.cluster import TaskLost
from lorafair.launch.need import Node
from lorafair.launch.work import Report


@dataclass
class FakeCluster:
    """``script``: name of a task -> what becomes of its attempts, in order: a Report, or a reason of its loss."""

    script: dict = field(default_factory=dict)
    given: list = field(default_factory=list)
    cancelled: list = field(default_factory=list)
    interrupt: str | None = None
    nodes: tuple = (Node("a", "a", 2, 0, 8e9), Node("b", "b", 2, 0, 8e9))

    def list_nodes(self):
        return list(self.nodes)

    def submit(self, task, context, need, attempt, avoid=()):
        self.given.append((task.name, attempt, tuple(avoid)))
        return len(self.given) - 1

    def wait(self, handles, seconds):
        if self.interrupt in [self.given[handle][0] for handle in handles]:
            raise KeyboardInterrupt
        return handles[:1]

    def fetch(self, handle):
        name, attempt, _ = self.given[handle]
        became = self.script.get(name, [])[attempt : attempt + 1] or [Report()]
        if isinstance(became[0], Report):
            return became[0]
        raise TaskLost(became[0])

    def cancel(self, handles):
        self.cancelled += [self.given[handle][0] for handle in handles]


@pytest.fixture
def make_cluster():
    return FakeCluster
