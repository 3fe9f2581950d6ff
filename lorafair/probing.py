"""Run a probe of the registry on a base and its checkpoints: what lm-eval's requests cannot ask.

A probe is ``(engine, checkpoint, documents, **settings) -> records``: ``engine`` is a
:class:`lorafair.engines.contract.Engine` that serves ``checkpoint``, ``documents`` are mappings with ``id``, ``text``,
``groups`` and ``cluster``, and a record is a mapping of names to JSON values; ``id`` says which document it is about.
:mod:`lorafair.probe_record` says which records become rows of a leaderboard.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lorafair.blame import blame_plugin
from lorafair.checkpoint import Checkpoint, read_base, read_checkpoints
from lorafair.document import Documents, load_documents
from lorafair.errors import LorafairError, raise_faults
from lorafair.evaluation import EvaluationPlan
from lorafair.plugin_source import identify_plugin
from lorafair.probe_file import ProbeFile, as_records, read_measures
from lorafair.probe_guard import WeightsChanged, guard_process, guard_weights
from lorafair.registry import Entry, load_registry, load_target


@dataclass(frozen=True)
class ProbePlan(EvaluationPlan):
    """What is probed, and how it is served: an evaluation whose questions a probe asks.

    ``data`` is given instead of ``tasks``; ``settings`` go to the probe.
    """

    probe: str = ""
    data: str | None = None
    settings: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class ProbeOutcome:
    """The file of each checkpoint's records, how many checkpoints were asked now, and why others were left out."""

    files: dict[str, Path]
    asked: int
    failed: dict[str, str]


def run_probe(plan: ProbePlan, say: Callable[[str], None]) -> ProbeOutcome:
    """Probe every checkpoint that was not probed yet with the same inputs; each one's records are written when whole.

    Records land in ``<out>/<label>/probe_<name>.jsonl``, with ``probe_<name>.provenance.json`` beside them.  A
    checkpoint on which the probe fails is left out and the others go on.

    Args:
        say: takes one line for the user.

    Raises:
        LorafairError: with every fault of probe, settings, base, checkpoints, documents and engine at once, before
            anything is asked.
    """
    os.environ.setdefault("TQDM_DISABLE", "1")
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    entry, probe, base, checkpoints, documents = _prepare(plan)
    measures = read_measures(entry, probe)
    from lorafair.engines.contract import EngineSettings
    from lorafair.preparation import engine_settings, quiet
    from lorafair.routing import identify_engine, load_engine

    quiet()
    settings: EngineSettings = engine_settings(plan, base, first=True)
    facts = {
        "probe": identify_probe(entry, plan.settings),
        "engine": identify_engine(plan.engine, settings),
        "seed": plan.seed,
        "base": base.hash,
        "documents": documents.sha256,
    }
    if beside := getattr(probe, "beside", None):
        facts["beside"] = hash_beside(checkpoints, beside)
    files: dict[str, Path] = {}
    failed: dict[str, str] = {}
    todo: list[tuple[Checkpoint, ProbeFile]] = []
    for checkpoint in [base, *checkpoints]:
        if plan.shard is not None and checkpoint.label not in plan.shard.labels:
            continue
        file = ProbeFile(plan.out, checkpoint.label, entry.name, facts | {"checkpoint": checkpoint.hash})
        if file.is_done():
            files[checkpoint.label] = file.path
        else:
            todo.append((checkpoint, file))
    if not todo:
        return ProbeOutcome(files, 0, failed)
    engine = load_engine(plan.engine)(base, checkpoints, settings)
    try:
        for checkpoint, file in todo:
            try:
                records = _ask(entry, probe, engine, checkpoint, documents, plan, say)
            except LorafairError as error:
                if isinstance(error, WeightsChanged):
                    engine.close()
                    engine = load_engine(plan.engine)(base, checkpoints, settings)
                failed[checkpoint.label] = str(error)
                say(f"{checkpoint.label} is left out: {error}")
                continue
            file.write(records, plan, base, checkpoint, documents, measures)
            files[checkpoint.label] = file.path
            cut = sum(record.values.get("cut") == 1 for record in records)
            say(f"{checkpoint.label}: {len(records)} records{f', {cut} of texts that lost their start' if cut else ''}")
    finally:
        engine.close()
    return ProbeOutcome(files, len(todo) - len(failed), failed)


def _prepare(plan: ProbePlan) -> tuple[Entry, Callable[..., Any], Checkpoint, list[Checkpoint], Documents]:
    """Everything that a probe needs, or all faults at once."""
    from lorafair.result_file import check_same_base
    from lorafair.routing import load_engine, route_checkpoints

    faults: list[str] = []

    def attempt(make: Callable[[], Any]) -> Any:
        try:
            return make()
        except LorafairError as error:
            faults.append(str(error))
            return None

    found = attempt(lambda: find_probe(plan.probe, plan.settings))
    base = attempt(lambda: read_base(plan.base, plan.trust_remote_code))
    engine = attempt(lambda: load_engine(plan.engine))
    documents = attempt(lambda: load_documents(plan.tasks, plan.data, plan.limit, plan.metadata))
    checkpoints: list[Checkpoint] = []
    if base is not None:
        checkpoints = attempt(lambda: read_checkpoints(plan.checkpoints, base, plan.any_base)) or []
        attempt(lambda: check_same_base(plan.out, base.hash, base.name))
        if engine is not None:
            attempt(lambda: route_checkpoints(base, checkpoints, plan.engine))
    raise_faults(f"The probe {plan.probe} cannot run", faults)
    return *found, base, checkpoints, documents


def find_probe(name: str, settings: dict[str, Any]) -> tuple[Entry, Callable[..., Any]]:
    """The probe called ``name``, and its function.

    Raises:
        LorafairError: if it is unknown, cannot be loaded, is no function of three arguments, or does not take one of
            the settings.
    """
    import inspect

    from lorafair.blame import describe_plugin

    entry = load_registry().get("probe", name)
    probe = load_target(entry)
    try:
        inspect.signature(probe).bind("engine", "checkpoint", "documents", **settings)
    except (TypeError, ValueError) as error:
        raise LorafairError(
            f"The {describe_plugin(entry)} cannot be called with (engine, checkpoint, documents"
            f"{''.join(f', {key}=…' for key in settings)}): {error}."
        ) from error
    return entry, probe


def hash_beside(checkpoints: Iterable[Checkpoint], name: str) -> list[str]:
    """The distinct hashes of a file that lies beside checkpoints and decides a probe's records, the base's too."""
    from lorafair.provenance import hash_file

    files = (each.path / name for each in checkpoints)
    return sorted({hash_file(file) for file in files if file.is_file()})


def identify_probe(entry: Entry, settings: dict[str, Any]) -> dict[str, Any]:
    """What decides a probe's records beside its inputs: distribution, version, target, settings, its source."""
    return {"name": entry.name} | identify_plugin(entry) | {"settings": settings}


def _ask(
    entry: Entry,
    probe: Callable[..., Any],
    engine: Any,
    checkpoint: Checkpoint,
    documents: Documents,
    plan: ProbePlan,
    say: Callable[[str], None],
) -> list[Any]:
    """One checkpoint's records; the seeds are the same for each, so that an order of asking changes nothing."""
    import copy

    from transformers import set_seed

    engine.active = checkpoint.label
    set_seed(plan.seed)
    guards = guard_process(entry, say), guard_weights(entry, engine)
    with guards[0], guards[1], blame_plugin(entry, f"on {checkpoint.label}"):
        found = list(probe(engine, checkpoint, copy.deepcopy(documents.rows), **plan.settings))
    return as_records(entry, checkpoint.label, found, documents)
