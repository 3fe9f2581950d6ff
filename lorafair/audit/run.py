"""Run an audit step by step: train, evaluate, probe, report; what is done already is not done again."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from lorafair.errors import LorafairError, raise_faults

if TYPE_CHECKING:
    from lorafair.audit.facts import Facts
    from lorafair.audit.recipe import Recipe
    from lorafair.audit.sweep import Sweep
    from lorafair.launch.run import Launch

STEPS = ("train", "eval", "probe", "report")


@dataclass
class Outcome:
    """What an audit wrote, and a sentence for everything that was left out on the way."""

    written: list[Path] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)


def run_audit(
    recipe: Recipe,
    sweeps: Sequence[Sweep],
    facts: Facts,
    out: Path,
    *,
    name: str,
    only: Iterable[str] = (),
    say: Callable[[str], None] = print,
    launch: Launch | None = None,
) -> Outcome:
    """Run the steps of a recipe in their order.

    A second run of the same recipe trains nothing and asks nothing again: every step knows what lies in ``out`` (the
    trainer's folders, the store of answers, the probes' files).  The report is made anew.

    Args:
        sweeps, facts: of :func:`lorafair.audit.sweep.plan_sweeps` and :func:`lorafair.audit.facts.collect_facts`.
        out: ``runs/<base>/``, ``results/<base>/``, ``audit.json``, ``recipe.yaml`` and the report's files go there.
        name: of the recipe, for the notes.
        only: some of ``STEPS``; empty: all.
        say: takes one line for the user.
        launch: where the steps before the report are done; None: here, one after another.

    Raises:
        LorafairError: for what is not here, before anything is done; and from a step, after which what was finished is
            kept and the same command goes on.
    """
    from lorafair.audit.fixed import fix_family, hold_folder
    from lorafair.launch.shard import take_leftovers

    asked = [step for step in STEPS if not only or step in only]
    if set(asked) != {"report"}:
        raise_faults("Nothing was done: this is not here", facts.missing)
    with hold_folder(out):
        notes = fix_family(recipe, name, out)
        outcome = Outcome()
        _write_recipe(recipe, out)
        take_leftovers(out, say)
        here = asked
        if launch is not None:
            from lorafair.launch.run import launch_steps

            launch_steps(recipe, sweeps, facts, out, [step for step in asked if step != "report"], launch, outcome, say)
            here = [step for step in asked if step == "report"]
        if "train" in here:
            train(sweeps, say)
        if "eval" in here:
            evaluate_bases(recipe, sweeps, out, outcome, say)
        if "probe" in here:
            probe_bases(recipe, sweeps, out, outcome, say)
        if "report" in here and recipe.eval:
            from lorafair.audit.report import write_report

            write_report(recipe, out, notes, outcome, say)
    return outcome


def train(sweeps: Iterable[Sweep], say: Callable[[str], None]) -> None:
    """Train what is not trained yet, sweep by sweep."""
    from lorafair.training import train_runs

    for sweep in sweeps:
        say(f"training on {sweep.base}{f', {sweep.variant}' if sweep.variant else ''}: {len(sweep.runs)} runs")
        train_runs(sweep.plan, say)


def list_checkpoints(recipe: Recipe, sweeps: Iterable[Sweep], base: str, more: Sequence[str] = ()) -> tuple[str, ...]:
    """``label=folder`` of a base's checkpoints, those that the recipe names beside the trained ones included."""
    trained = (pair for sweep in sweeps if sweep.base == base for pair in sweep.checkpoints().items())
    named = [*more, *(one for block in recipe.eval for one in block.checkpoint or ())]
    if named and len(recipe.bases) > 1:
        raise LorafairError("`eval: checkpoint:` names checkpoints of one base, and the recipe has several.")
    return (*(f"{label}={path}" for label, path in trained), *dict.fromkeys(named))


def evaluate_bases(
    recipe: Recipe, sweeps: Sequence[Sweep], out: Path, outcome: Outcome, say: Callable[[str], None]
) -> None:
    """Ask every base and its checkpoints the tasks of every block; answers that are stored are not asked for again."""
    from lorafair.audit.recipe import list_fields
    from lorafair.evaluation import EvaluationPlan, evaluate

    for base, model in recipe.bases.items():
        checkpoints = list_checkpoints(recipe, sweeps, base)
        for block in recipe.eval:
            fields = list_fields(block, EvaluationPlan) | {"checkpoints": checkpoints}
            say(f"evaluating {base} and {len(checkpoints)} checkpoints on {', '.join(block.task)}")
            found = evaluate(EvaluationPlan(base=model, out=out / "results" / base, **fields), say)
            say(f"{found.asked} requests asked, {found.stored} were stored already")
            outcome.failed += [f"{base}/{label}: {why}" for label, why in found.failed.items()]
            outcome.failed += [f"{column}: {why}" for column, why in found.broken.items()]


def probe_bases(
    recipe: Recipe, sweeps: Sequence[Sweep], out: Path, outcome: Outcome, say: Callable[[str], None]
) -> None:
    """Run every probe on every base and its checkpoints; what was probed with the same inputs is not probed again."""
    from lorafair.audit.recipe import list_fields
    from lorafair.probing import ProbePlan, run_probe

    for base, model in recipe.bases.items():
        checkpoints = list_checkpoints(recipe, sweeps, base)
        for probe in recipe.probes:
            fields = {"tasks": (), "engine": probe.engine} | list_fields(probe, ProbePlan)
            fields |= {"checkpoints": checkpoints, "probe": probe.name}
            say(f"probing {base} and {len(checkpoints)} checkpoints: {probe.name}")
            found = run_probe(ProbePlan(base=model, out=out / "results" / base, **fields), say)
            say(f"{found.asked} checkpoints probed, {len(found.files) - found.asked} were probed already")
            outcome.failed += [f"{base}/{label}: probe {probe.name}: {why}" for label, why in found.failed.items()]


def _write_recipe(recipe: Recipe, out: Path) -> None:
    """The recipe as it is run, the command line's values in it."""
    import yaml

    from lorafair.audit.fixed import describe_recipe

    try:
        text = yaml.safe_dump(describe_recipe(recipe), sort_keys=False, allow_unicode=True, width=120)
        (out / "recipe.yaml").write_text(text, encoding="utf-8")
    except OSError as error:
        raise LorafairError(f"--out {out} cannot be written: {error.strerror}. Give another folder.") from error
