"""Asking until decided: clusters in a random order, round by round, and no more of a checkpoint whose question is.

What a decided checkpoint is not asked any more goes to the undecided ones: a round holds about as many requests however
many are left, so that they get further with it.  The order is drawn from the seed and depends on no answer, so a second
run goes the same way and finds its answers stored.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from lorafair.decision import Asked, Change, Contrast, Decision
from lorafair.errors import raise_faults
from lorafair.responses.request import Request
from lorafair.serving.course import plan_course
from lorafair.statistics.anytime import AT_LEAST, Standing, assess

ROUNDS = 20  # at least so many for a checkpoint that is asked everything
ALPHA = 0.05


def check_until(metric: str | None, margin: float | None, engines: Sequence[str]) -> None:
    """Hold what a user chose about stopping against what can be done.

    Raises:
        LorafairError: for a margin that is not positive or has no metric, or more than one engine.
    """
    faults = []
    if margin is not None and metric is None:
        faults.append("--margin is about --until-decided METRIC: give both, or neither.")
    if margin is not None and not 0 < margin < 1:
        faults.append(f"--margin {margin:g}: give a number between 0 and 1, in the metric's unit, for example 0.05.")
    if metric is not None and len(engines) > 1:
        faults.append(
            f"--until-decided takes the answers of one engine, {' and '.join(engines)} would answer: add --engine hf."
        )
    raise_faults("Asking until decided cannot start", faults)


@dataclass(frozen=True)
class Until:
    """The question that ends asking: has ``metric`` changed from the base, for any group against the rest?

    ``margin``: a change that is certainly smaller ends it too, in the metric's unit; None: only a certain change does.
    """

    metric: str
    margin: float | None = None
    seed: int = 1234


Ask = Callable[[list[Request]], int]
Score = Callable[[str, dict[str, list[int]]], Mapping[str, Mapping[int, Mapping[str, float]]]]


class Rounds:
    """Asks the base and its checkpoints until each one's question is decided, or everything was asked.

    ``requests`` are those that were needed so far.

    Args:
        until: the question.
        base: the base's label; ``others``: those of its checkpoints.
        documents: task -> number -> document.
        requests: everything that could be asked.
        better: task -> whether higher is better of the metric, None where nobody says.
    """

    def __init__(
        self,
        until: Until,
        base: str,
        others: Iterable[str],
        documents: Mapping[str, Mapping[int, Any]],
        requests: Iterable[Request],
        better: Mapping[str, bool | None],
    ) -> None:
        self._until, self._base, self._others, self._better = until, base, list(others), better
        self._courses = {task: plan_course(each, until.seed) for task, each in documents.items()}
        self._of: dict[tuple[str, str, int], list[Request]] = {}
        for request in requests:
            self._of.setdefault((request.checkpoint, request.task, request.document), []).append(request)
        self._questions = max(1, len(self._others) * len(self._courses))
        self.requests: list[Request] = []

    def run(self, ask: Ask, score: Score, gone: Mapping[str, str]) -> int:
        """Ask round by round; how many requests had to be asked.

        Args:
            ask: has requests answered, and says how many were not stored already.
            score: (label, task -> documents) -> task -> document -> metric -> value, of answered documents.
            gone: labels of checkpoints that failed and are asked nothing more; grows while asking.

        Raises:
            LorafairError: if a task does not have the metric, or not as a number between 0 and 1 of every document.
        """
        asked, open_ = 0, {task: list(self._others) for task in self._courses}
        while self._base not in gone:
            wanted: dict[str, dict[str, list[int]]] = {}
            for task, course in self._courses.items():
                open_[task] = [label for label in open_[task] if label not in gone]
                if open_[task] and course.at < len(course.order):
                    fair = max(AT_LEAST, -(-len(course.order) // ROUNDS)) * (len(self._others) + 1)
                    documents = course.take(fair // (len(open_[task]) + 1))
                    for label in [self._base, *open_[task]]:
                        wanted.setdefault(label, {})[task] = documents
            if not wanted:
                break
            keys = [(label, task, n) for label, each in wanted.items() for task, few in each.items() for n in few]
            round_ = [request for key in keys for request in self._of[key]]
            self.requests += round_
            asked += ask(round_)
            for label in [one for one in wanted if one not in gone]:
                for task, found in score(label, wanted[label]).items():
                    self._courses[task].note(label, self._until.metric, task, found)
            for task, course in self._courses.items():
                for label in [one for one in open_[task] if one in wanted and one not in gone]:
                    course.standing[label] = self._assess(task, label)
                open_[task] = [one for one in open_[task] if one in gone or not course.standing[one].decided]
        return asked

    def _assess(self, task: str, label: str) -> Standing:
        course = self._courses[task]
        return assess(
            course.design,
            course.order[: course.at],
            course.values[label] - course.values[self._base],
            questions=self._questions,
            alpha=ALPHA,
            margin=self._until.margin,
            higher_is_better=self._better.get(task),
        )

    def tell(self, label: str) -> tuple[dict[str, list[int]] | None, Decision]:
        """The documents that a checkpoint was asked (None: all), and what its results file says of its question."""
        tasks, portion = dict[str, Asked](), dict[str, list[int]]()
        for task, course in self._courses.items():
            mine = course.standing.get(label)
            clusters = course.at if mine is None else mine.clusters
            portion[task] = course.list_asked(clusters)
            tasks[task] = Asked(
                clusters=clusters,
                of_clusters=len(course.order),
                documents=len(portion[task]),
                of_documents=len(course.documents),
                decided=mine is not None and mine.decided,
                level=None if mine is None else Change(**asdict(mine.changes[None])),
                contrasts=[] if mine is None else _list_contrasts(mine),
            )
        whole = all(one.documents == one.of_documents for one in tasks.values())
        facts = asdict(self._until) | {"alpha": ALPHA, "questions": self._questions, "against": self._base}
        return None if whole else portion, Decision(**facts, tasks=tasks)


def _list_contrasts(standing: Standing) -> list[Contrast]:
    return [
        Contrast(attribute=key[0], group=key[1], sign=standing.named.get(key, 0), **asdict(change))
        for key, change in standing.changes.items()
        if key is not None
    ]
