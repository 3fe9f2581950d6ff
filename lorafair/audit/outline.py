"""The plan of an audit in words: what would be trained, asked and claimed, and what of it is not here."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from lorafair.audit.estimate import (
    EFFICIENCY,
    HEADS,
    Shape,
    count_operations,
    count_trainable,
    estimate_memory,
    measure_rate,
    read_shape,
    tell_bytes,
    tell_seconds,
)
from lorafair.audit.facts import name_data
from lorafair.memory_plan import choose_fit, is_packed

if TYPE_CHECKING:
    from lorafair.audit.facts import Facts, Length
    from lorafair.audit.recipe import Recipe
    from lorafair.audit.sweep import Sweep
    from lorafair.plan import Run


def outline_audit(recipe: Recipe, sweeps: Sequence[Sweep], facts: Facts, out: Path, name: str) -> str:
    """The plan as lines of text; estimates are said to be that, and what they rest on."""
    shapes = {base: read_shape(found) for base, found in facts.bases.items() if found is not None}
    rate = measure_rate() if shapes else None
    lines = [f"Audit {name} -> {out}"]
    lines += [f"  {text}" for text in filter(None, (recipe.title, recipe.paper, *recipe.notes))]
    lines += ["Bases"]
    for base, model in recipe.bases.items():
        known = f"{shapes[base].parameters:,} parameters" if base in shapes else "not read: no estimates"
        lines.append(f"  {base}: {model}, {known}")
    seconds = 0.0
    if sweeps:
        told, seconds = _outline_training(sweeps, facts, shapes, rate)
        lines += told
    if recipe.eval or recipe.probes:
        told, more = _outline_questions(recipe, sweeps, facts, shapes, rate)
        lines += told
        seconds += more
    lines += _outline_claims(recipe)
    if rate is not None:
        lines += [
            f"Time, roughly: {tell_seconds(seconds)} of what can be estimated, by {rate / 1e9:.0f} GFLOP/s measured "
            f"just now with matrix products on this machine's CPU, of which {EFFICIENCY:.0%} is taken to be reached. "
            "Training takes 6 operations per weight and token, 4 where the base is frozen; asking takes 2. Start-up, "
            "scoring and statistics are not in it."
        ]
    for title, found in (("From the Hub", facts.remote), ("Not here, so the audit would not start", facts.missing)):
        lines += [title, *(f"  - {each}" for each in found)] if found else []
    return "\n".join(lines)


def _outline_training(
    sweeps: Sequence[Sweep], facts: Facts, shapes: dict[str, Shape], rate: float | None
) -> tuple[list[str], float]:
    runs = [(sweep, run) for sweep in sweeps for run in sweep.runs]
    done = [run for sweep, run in runs if (sweep.plan.out / run.name / "provenance.json").is_file()]
    rows, seconds, most = [], 0.0, 0.0
    for sweep, run in runs:
        data, shape = facts.data.get(sweep.base, {}).get(name_data(sweep.plan)), shapes.get(sweep.base)
        trained_already = (sweep.plan.out / run.name / "provenance.json").is_file()
        steps = "?" if data is None else f"{count_run_steps(run, data):,}"
        weights = "?" if shape is None else f"{count_trainable(shape, run):,}"
        memory = cost = "?"
        if data is not None and shape is not None and rate is not None:
            head = sweep.plan.trainer in HEADS
            amount, way = predict_memory(sweep, run, shape, data.longest, head)
            most = max(most, amount)
            passes = run.settings["epochs"]
            time = count_operations(shape, run, passes * data.rows * data.mean, head) / rate / EFFICIENCY
            seconds += 0.0 if trained_already else time
            memory, cost = tell_bytes(amount) + way, "trained already" if trained_already else tell_seconds(time)
        rows.append([sweep.base, sweep.label(run), f"{run.settings['lr']}", steps, weights, memory, cost])
    already = f", {len(done)} of them trained already" if done else ""
    lines = [f"Training: {len(runs)} runs{already}"]
    for name in dict.fromkeys(name_data(sweep.plan) for sweep in sweeps):
        found = next((each[name] for each in facts.data.values() if name in each), None)
        if found:
            how = "counted" if found.counted else "at four characters a token"
            lines.append(
                f"  {name}: {found.rows:,} rows, {found.mean:.0f} tokens each, longest {found.longest} ({how})"
            )
    head_row = ["base", "run", "lr", "steps", "trained weights", "memory", "time"]
    lines += [f"  {line}" for line in align([head_row, *rows])]
    if most:
        lines.append(
            f"  Memory: {tell_bytes(most)} at the most on a CPU: process + weights (twice while further runs need "
            "the base) + optimizer and gradients + what the backward pass keeps of the longest batch (docs/recipes.md)"
        )
    return lines, seconds


def predict_memory(sweep: Sweep, run: Run, shape: Shape, longest: int, head: bool) -> tuple[float, str]:
    """(peak bytes of a run, what ``max_memory`` does to reach them, in brackets)."""
    if sweep.plan.max_memory is None:
        longest = run.settings["max_length"] if is_packed(run) else longest
        return estimate_memory(shape, run, longest, last=run is sweep.runs[-1], head=head), ""
    fit, least = choose_fit(sweep.plan, run, shape, longest, sweep.runs, head)
    if fit is None:
        return least, f" (more than {sweep.plan.max_memory}: refused)"
    ways = [f"{fit.passes} passes"] * (fit.passes > 1) + ["checkpointing"] * fit.gradient_checkpointing
    return least, f" ({', '.join(ways)})" if ways else ""


def count_run_steps(run: Run, data: Length) -> int:
    """Optimizer steps of a run; of packed texts the blocks are counted, from the mean number of tokens."""
    from math import ceil

    from lorafair.training import count_steps

    rows = data.rows
    if run.settings["trainer"] == "lm" and (run.settings.get("trainer_options") or {}).get("packing", True):
        rows = ceil(data.rows * data.mean / run.settings["max_length"])
    return count_steps(rows, run.settings["batch_size"], run.settings["epochs"])


def _outline_questions(
    recipe: Recipe, sweeps: Sequence[Sweep], facts: Facts, shapes: dict[str, Shape], rate: float | None
) -> tuple[list[str], float]:
    models = {base: 1 + sum(len(sweep.runs) for sweep in sweeps if sweep.base == base) for base in recipe.bases}
    models = {base: n + sum(len(block.checkpoint or ()) for block in recipe.eval) for base, n in models.items()}
    each = sum(asked.requests for asked in facts.tasks.values())
    total = sum(models.values())
    whole = len({number for number, _ in facts.tasks}) == len(recipe.eval)
    lines = [f"Evaluation: {total} models x {each:,} requests = {total * each:,} requests"] if recipe.eval else []
    if recipe.eval and not whole:
        lines = [f"Evaluation: {total} models; the requests cannot be counted without the tasks' data"]
    rows = [["task", "requests", "tokens read", "tokens written, at most"]]
    rows += [[task, f"{a.requests:,}", f"{a.read:,}", f"{a.written:,}"] for (_, task), a in facts.tasks.items()]
    lines += [f"  {line}" for line in align(rows)] if facts.tasks else []
    stopped = [block.until_decided for block in recipe.eval if block.until_decided]
    lines += [f"  Asked until decided about {', '.join(stopped)}: these are upper bounds."] if stopped else []
    for probe in recipe.probes:
        lines.append(f"Probe {probe.name}: {total} models, on {probe.data or ', '.join(probe.task)}"
                     + (f", at most {probe.limit:g}" if probe.limit else ""))  # fmt: skip
    tokens = sum(asked.read + asked.written for asked in facts.tasks.values())
    work = sum(2 * shapes[base].count_active() * tokens * n for base, n in models.items() if base in shapes)
    return lines, work / rate / EFFICIENCY if rate else 0.0


def _outline_claims(recipe: Recipe) -> list[str]:
    stated = recipe.statistics
    primary = ", ".join(stated.primary) or "the default metrics of each task"
    margin = f"margin {stated.margin:g}" if stated.margin else "no margin: nothing is called equivalent"
    lines = [f"Claims, fixed before the first answer: {primary}; correction {stated.correction}; {margin}"]
    if stated.undertraining:
        lines.append(
            f"Under-training: the rank effect beside {stated.undertraining.probe}/{stated.undertraining.value}"
        )
    return lines


def align(rows: Sequence[Sequence[str]]) -> list[str]:
    """Rows of cells as lines with aligned columns."""
    widths = [max(len(row[k]) for row in rows) for k in range(len(rows[0]))]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
