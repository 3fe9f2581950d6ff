"""A task's documents in the order of asking, and the values that were measured on the way."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from lorafair.errors import LorafairError, did_you_mean
from lorafair.sample_line import read_cluster, read_groups
from lorafair.statistics.anytime import Design, Standing
from lorafair.statistics.table import Floats


@dataclass
class Course:
    """One task's documents in the order of asking: ``documents`` (n,) their numbers, ``order`` of the clusters."""

    design: Design
    documents: list[int]
    order: list[int]
    at: int = 0  # clusters asked
    values: dict[str, Floats] = field(default_factory=dict)  # label -> (n,), NaN where not asked or not scored
    standing: dict[str, Standing] = field(default_factory=dict)

    def take(self, clusters: int) -> list[int]:
        """Numbers of the documents of the next clusters."""
        chosen = np.isin(self.design.cluster, self.order[self.at : self.at + clusters])
        self.at = min(self.at + clusters, len(self.order))
        return [self.documents[i] for i in np.flatnonzero(chosen)]

    def list_asked(self, clusters: int) -> list[int]:
        """Numbers of the documents of the first clusters."""
        chosen = np.isin(self.design.cluster, self.order[:clusters])
        return [self.documents[i] for i in np.flatnonzero(chosen)]

    def note(self, label: str, metric: str, task: str, found: Mapping[int, Mapping[str, float]]) -> None:
        """Keep the metric's values of some documents.

        Raises:
            LorafairError: if no document has the metric, or one has a value outside [0, 1].
        """
        known = dict.fromkeys(name for values in found.values() for name in values if ":" not in name)
        if found and metric not in known:
            raise LorafairError(
                f"{task} has no metric {metric!r}, which --until-decided asks about.{did_you_mean(metric, known)} It "
                f"has: {', '.join(known) or 'none for each document'}. What was answered is stored."
            )
        mine = self.values.setdefault(label, np.full(len(self.documents), np.nan))
        place = {number: i for i, number in enumerate(self.documents)}
        for number, values in found.items():
            value = values.get(metric, np.nan)
            if value < 0 or value > 1:
                raise LorafairError(
                    f"--until-decided needs a metric between 0 and 1 for every document; {metric} of {task} is "
                    f"{value:g} for document {number}. What was answered is stored."
                )
            mine[place[number]] = value


def plan_course(documents: Mapping[int, Any], seed: int) -> Course:
    """The course of one task.

    Args:
        documents: number -> document, of which ``cluster`` (or ``pair``) and ``groups`` are read.
        seed: of the order of clusters.
    """
    lines = [{"doc": document, "doc_id": number} for number, document in documents.items()]
    clusters = {name: k for k, name in enumerate(dict.fromkeys(map(read_cluster, lines)))}
    code = np.array([clusters[read_cluster(line)] for line in lines], dtype=np.intp)
    found = [read_groups(line, Path("task"), []) for line in lines]
    names: dict[str, tuple[str, ...]] = {}
    for attribute in dict.fromkeys(a for each in found for a in each):
        names[attribute] = tuple(dict.fromkeys(n for each in found for n in each.get(attribute, [])))
    groups = {
        attribute: np.array([[name in each.get(attribute, []) for name in listed] for each in found])
        for attribute, listed in names.items()
    }
    order = np.random.default_rng([seed, len(clusters)]).permutation(len(clusters))
    return Course(Design(code, groups, names), list(documents), [int(c) for c in order])
