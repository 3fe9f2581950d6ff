"""One gate: read the policy, find or make the results of the adapter, hold one against the other."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from lorafair.errors import LorafairError
from lorafair.gate.check import check_rules
from lorafair.gate.evidence import Gated, describe_statistics, hash_results, read_data
from lorafair.gate.match import match_rules
from lorafair.gate.policy import Eval
from lorafair.gate.policy_file import read_policy
from lorafair.identity import Model
from lorafair.leaderboard.row import build_rows
from lorafair.provenance import hash_file
from lorafair.samples import Audit, read_audit
from lorafair.subject import Subject, explain_absence, find_model, is_proven, read_subject


def hold(adapter: Path, policy: Path, results: Path, labels: Mapping[str, str], say: Callable[[str], None]) -> Gated:
    """Hold an adapter against a policy.

    Results that are missing (no folder, other weights, a task that nobody was asked) are made with ``lorafair eval``
    where the policy has a section ``eval``; stale ones are never used.

    Args:
        results: an audit's folder.
        labels: as :func:`lorafair.samples.read_audit` takes them.
        say: told what is being done.

    Raises:
        LorafairError: for faults of the policy, the adapter or the results, and for missing results that the policy
            does not say how to make.
    """
    file = read_policy(policy)
    subject = read_subject(adapter)
    found = _find(subject, results, labels, file.policy.eval)
    if isinstance(found, str):
        if file.policy.eval is None:
            raise LorafairError(
                f"{found[:1].upper()}{found[1:]}. Make them with `lorafair eval --base … --checkpoint {adapter} "
                f"--task … --out {results}`, or add `eval:` with base and tasks to {policy}."
            )
        say(f"{found}: asking now.")
        _evaluate(subject, file.policy.eval, results, say)
        found = _find(subject, results, labels, file.policy.eval)
        if isinstance(found, str):
            raise LorafairError(f"After `lorafair eval` still: {found}. Choose another --results folder.")
    audit, model = found
    against = next((one.label for one in audit.models if one.label == file.policy.label_against), None)
    rows = build_rows(audit, seed=file.policy.seed, resamples=file.policy.resamples, against=against)
    matches = match_rules(file, audit, rows.rows, model)
    proven = is_proven(model, subject)
    return Gated(
        file=file,
        policy_hash=hash_file(policy),
        subject=subject,
        model=model,
        proven=proven,
        checks=check_rules(file.policy, file.lines, matches, model, proven=proven),
        results=hash_results(audit),
        data=read_data(audit),
        statistics=describe_statistics(rows),
        notes=rows.notes,
    )


def _find(subject: Subject, results: Path, labels: Mapping[str, str], wanted: Eval | None) -> tuple[Audit, Model] | str:
    """The audit and the subject in it, or what is missing."""
    if not results.is_dir() or not any(results.rglob("results_*.json")):
        return f"{results} holds no results"
    audit = read_audit([results], labels)
    model = find_model(subject, audit)
    if model is None:
        return explain_absence(subject, audit)
    asked = {one.task for one in audit.samples if one.model == model.label}
    if missing := [task for task in (wanted.tasks if wanted else ()) if task not in asked]:
        return f"{model.label} was not asked {', '.join(missing)}"
    return audit, model


def _evaluate(subject: Subject, how: Eval, out: Path, say: Callable[[str], None]) -> None:
    from lorafair.evaluation import EvaluationPlan, evaluate

    settings = how.model_dump()
    plan = EvaluationPlan(**(settings | {"checkpoints": (str(subject.path),), "tasks": tuple(how.tasks), "out": out}))
    outcome = evaluate(plan, say)
    if outcome.failed:
        raise LorafairError("; ".join(f"{label}: {why}" for label, why in outcome.failed.items()))
    for remark in outcome.remarks:
        say(f"Note: {remark}.")
