"""Serving one evaluation: each engine verified, asked, and its checkpoints replayed while the next are answered."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from functools import cached_property, partial
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

from lorafair.checkpoint import Checkpoint
from lorafair.errors import LorafairError
from lorafair.preparation import Prepared, engine_settings, quiet
from lorafair.responses.asking import ask_missing
from lorafair.responses.request import Request
from lorafair.responses.store import ResponseStore
from lorafair.routing import Group, identify_engine, load_engine
from lorafair.serving.head_verification import verify_classifiers
from lorafair.serving.judgement import REFERENCE, Finding
from lorafair.serving.session import open_session
from lorafair.serving.supervision import Supervisor
from lorafair.serving.verification import explain, verify
from lorafair.task import load_tasks

if TYPE_CHECKING:
    from lorafair.evaluation import EvaluationPlan


class Audit:
    """Serves groups of checkpoints one after another; a context manager that waits for the last replay.

    ``results`` holds each answered checkpoint's results file, ``failed`` why a checkpoint was left out, ``asked`` and
    ``stored`` count the tasks' requests (not those of the verification).

    Args:
        first: name of the first engine, whose ``--engine-args`` they are.
        say: takes one line for the user.
        heads: the checkpoints, where they are classifiers.
    """

    def __init__(
        self,
        plan: EvaluationPlan,
        base: Checkpoint,
        store: ResponseStore,
        first: str,
        say: Callable[[str], None],
        heads: Sequence[Checkpoint] = (),
    ) -> None:
        self._heads = tuple(heads)
        self._plan, self._base, self._store, self._first, self._say = plan, base, store, first, say
        self._supervisors: dict[Group, Supervisor] = {}
        self._replays: dict[str, Future[Path]] = {}
        self._replaying = ThreadPoolExecutor(max_workers=1, thread_name_prefix="replay")
        self.results: dict[str, Path] = {}
        self.failed: dict[str, str] = {}
        self.asked = self.stored = 0

    def __enter__(self) -> Audit:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for supervisor in self._supervisors.values():
            supervisor.close()
        self._replaying.shutdown(wait=True, cancel_futures=isinstance(error, KeyboardInterrupt))
        if error is None:
            self.finish()

    def finish(self) -> None:
        """Wait for the replays and take their results.

        Raises:
            LorafairError: from a replay.
        """
        self.results |= {label: replay.result() for label, replay in self._replays.items()}

    def warm(self, group: Group) -> None:
        """Start the group's engine importing, if it looks as if it will be asked anything."""
        if any(not self._store.knows(c.hash) for c in group.checkpoints):
            self._supervise(group).warm()

    def _supervise(self, group: Group) -> Supervisor:
        if group not in self._supervisors:
            settings = engine_settings(self._plan, self._base, first=group.engine == self._first)
            others = [c for c in group.checkpoints if c.kind != "base"]
            start = partial(open_session, group.engine, self._base, others, settings)
            complete = partial(load_engine(group.engine).with_neighbours, settings=settings)
            self._supervisors[group] = Supervisor(start, self._say, complete)
        return self._supervisors[group]

    @cached_property
    def _prepared(self) -> Prepared:
        quiet()
        return Prepared(self._plan, self._base, load_tasks(self._plan.tasks, self._plan.metadata), self._heads)

    def serve(self, group: Group) -> list[Group]:
        """Verify and ask the checkpoints of one group; returns those that another engine has to serve.

        Raises:
            LorafairError: where nothing can be evaluated: the base fails, or the engine does not start.
        """
        plan, base = self._plan, self._base
        settings = engine_settings(plan, base, first=group.engine == self._first)
        others = [c for c in group.checkpoints if c.kind != "base"]
        engine_class = load_engine(group.engine)
        if not plan.verify and not group.moved and (own := [c for c in others if engine_class.wants_own(c, settings)]):
            rest = tuple(c for c in group.checkpoints if c not in own)
            if group in self._supervisors:
                self._supervisors[group].close()
            return [*([Group(group.engine, rest)] if rest else []), *(Group(group.engine, (c,), True) for c in own)]
        identities = {c.label: self._identify(settings, group, c) for c in [base, *others]}
        supervisor = self._supervise(group)
        findings: dict[str, Finding] = {}
        moved: list[Group] = []
        try:
            self.warm(group)
            prepared = self._prepared
            if plan.until_decided:
                prepared.read_directions(plan.until_decided)  # a metric that is not there is told before asking
            if plan.verify:
                facts = (group.engine, base, others, settings, identities, supervisor, self._store, self._say)
                done = (verify_classifiers if self._heads else verify)(*facts, not group.moved)
                findings = done.findings
                moved = self._sort(group, others, done.findings, done.failed)
                if any(f.fault == "return" for f in findings.values()):
                    supervisor.close()
            gone = {c.label for found in moved for c in found.checkpoints} | set(self.failed)
            served = [c for c in group.checkpoints if c.label not in gone]
            if plan.shard is not None:
                served = [c for c in served if c.label in plan.shard.labels]
            requests = [r for c in served for r in prepared.requests(c.label, identities[c.label])]
            if served and not requests:
                raise LorafairError("The tasks hold no requests: there is nothing to evaluate. Mend --task or --limit.")
            answers = {c.label: self._store.read(c.hash) for c in served}
            known = {c.label: c for c in served}

            def finish(label: str) -> None:
                self._replays[label] = self._replaying.submit(
                    prepared.replay, known[label], identities[label], answers[label], findings.get(label)
                )

            if plan.until_decided and base.label in known and len(known) > 1:
                asked, requests = self._ask_until(supervisor, served, requests, identities, answers, findings)
            else:
                asked = ask_missing(supervisor, requests, self._store, _content(served), answers, finish=finish)
        finally:
            supervisor.close()
        self.asked += asked
        self.stored += sum(r.key in answers[r.checkpoint] for r in requests) - asked
        return [*moved, *self._settle(group, [c for c in served if c.label in supervisor.failed], supervisor.failed)]

    def _ask_until(
        self,
        supervisor: Supervisor,
        served: list[Checkpoint],
        requests: list[Request],
        identities: dict[str, dict[str, Any]],
        answers: dict[str, dict[str, Any]],
        findings: dict[str, Finding],
    ) -> tuple[int, list[Request]]:
        """Ask round by round until every checkpoint's question is decided: how many were asked, and all it took."""
        from lorafair.serving.stopping import Rounds, Until

        plan, prepared, known = self._plan, self._prepared, {c.label: c for c in served}
        until = Until(str(plan.until_decided), plan.margin, plan.seed)
        better = prepared.read_directions(until.metric)
        others = [c.label for c in served if c.kind != "base"]
        rounds = Rounds(until, self._base.label, others, prepared.list_documents(), requests, better)

        def facts(label: str) -> tuple[Checkpoint, dict[str, Any], dict[str, Any]]:
            return known[label], identities[label], answers[label]

        def ask(wanted: list[Request]) -> int:
            return ask_missing(supervisor, wanted, self._store, _content(served), answers)

        def score(label: str, portion: dict[str, list[int]]) -> Any:
            return self._replaying.submit(prepared.score, *facts(label), portion).result()  # lm-eval: one at a time

        asked = rounds.run(ask, score, supervisor.failed)
        for label in (one for one in known if one not in supervisor.failed):
            mine = (*facts(label), findings.get(label), *rounds.tell(label))
            self._replays[label] = self._replaying.submit(prepared.replay, *mine)
        return asked, rounds.requests

    def _identify(self, settings: Any, group: Group, checkpoint: Checkpoint) -> dict[str, Any]:
        own = {"serving": "an engine of its own"} if group.moved and checkpoint.kind == "full" else {}
        return identify_engine(group.engine, settings) | {"base": self._base.hash, "checkpoint": checkpoint.hash} | own

    def _sort(
        self, group: Group, others: list[Checkpoint], findings: dict[str, Finding], failed: dict[str, str]
    ) -> list[Group]:
        """What becomes of the checkpoints whose verification failed: another engine, or a reason to be left out."""
        known = {c.label: c for c in others}
        if self._heads:
            for bad in [one for one in findings.values() if one.fault]:
                failed = failed | {bad.label: explain(bad, known.get(bad.label, self._base))}
            for label in failed:
                self._leave_out(label, failed[label])
            return []
        base = findings.get(self._base.label)
        if base is None or base.fault == "parity":
            why = failed.get(self._base.label) if base is None else explain(base, self._base)
            if self._may_move(group):
                self._say(f"The hf engine answers for all, because {why}.")
                return [Group(REFERENCE, group.checkpoints, moved=True)]
            raise LorafairError(f"The base cannot be served: {why}. Try --engine hf, or --no-verify at your own risk.")
        moved = self._settle(group, [known[label] for label in failed if label in known], failed)
        for label, checkpoint in known.items():
            finding = findings.get(label)
            fault = finding.fault if finding else None
            if finding is None or (fault is None and (base.fault is None or group.moved)):
                continue
            if checkpoint.kind == "full" and fault != "effect" and not group.moved:
                self._say(f"{label}: an engine of its own, because {explain(finding if fault else base, checkpoint)}.")
                moved.append(Group(group.engine, (checkpoint,), moved=True))
            elif fault == "effect":
                self._leave_out(label, explain(finding, checkpoint))
            else:
                moved += self._settle(group, [checkpoint], {label: explain(finding if fault else base, checkpoint)})
        return moved

    def _settle(self, group: Group, checkpoints: list[Checkpoint], why: dict[str, str]) -> list[Group]:
        """Checkpoints that an engine failed on: to the hf engine where the user left the choice, else left out."""
        if any(c.kind == "base" for c in checkpoints) and not self._may_move(group):
            raise LorafairError(f"The base cannot be served: {why[self._base.label]}.")
        if not checkpoints:
            return []
        if self._may_move(group):
            for c in checkpoints:
                self._say(f"{c.label}: answered by the hf engine, because {why[c.label]}.")
            return [Group(REFERENCE, tuple(checkpoints), moved=True)]
        for c in checkpoints:
            self._leave_out(c.label, why[c.label])
        return []

    def _may_move(self, group: Group) -> bool:
        return self._plan.engine == "auto" and group.engine != REFERENCE and not self._heads

    def _leave_out(self, label: str, why: str) -> None:
        self.failed[label] = why
        self._say(f"{label} is left out: {why}.")


def _content(checkpoints: list[Checkpoint]) -> dict[str, str]:
    return {c.label: c.hash for c in checkpoints}
