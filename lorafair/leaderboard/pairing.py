"""Two results folders side by side: each model against itself in the other folder."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from lorafair.errors import LorafairError
from lorafair.leaderboard.applicable import expand_metrics
from lorafair.leaderboard.choice import Choice
from lorafair.leaderboard.line import Line, build_lines
from lorafair.leaderboard.row import Rows, build_rows
from lorafair.samples import Audit


def pair_audits(
    one: Audit,
    other: Audit,
    *,
    seed: int = 0,
    resamples: int | None = None,
    sort: str | None = None,
    metrics: tuple[str, ...] = (),
    choice: Choice | None = None,
) -> tuple[Rows, list[Line]]:
    """Rows and lines of both audits, each model of ``other`` compared with the model of the same label in ``one``.

    Labels get the name of their folder behind them.  Differences are paired over the documents that both have; the
    family is all of these differences.

    Args:
        one: the earlier audit, the reference.
        other: the later one.
        seed, resamples: as for :func:`lorafair.leaderboard.row.build_rows`.
        choice: primary metrics, correction and margin.
        sort, metrics: as for :func:`lorafair.leaderboard.line.build_lines`; a pair of models stays together.

    Raises:
        LorafairError: if no label is in both, or for an unknown metric.
    """
    first, second = _name(one.folders[0], other.folders[0])
    known, later = {m.label for m in one.models}, {m.label for m in other.models}
    both = [model.label for model in other.models if model.label in known]
    if not both:
        raise LorafairError(
            f"No model is in both folders: {first} has {', '.join(sorted(known))}; {second} has "
            f"{', '.join(sorted(later))}. Name what belongs together with `--label FOLDER=name`."
        )
    joined = Audit([], [], [*one.folders, *other.folders])
    for audit, name in ((one, first), (other, second)):
        joined.models += [replace(model, label=f"{model.label} ({name})") for model in audit.models]
        joined.samples += [replace(each, model=f"{each.model} ({name})") for each in audit.samples]
        joined.summaries += [replace(each, model=f"{each.model} ({name})") for each in audit.summaries]
    pairs = {f"{label} ({second})": f"{label} ({first})" for label in both}
    found = build_rows(
        joined,
        seed=seed,
        resamples=resamples,
        asked=metrics,
        choice=choice,
        references={model.label: [pairs[model.label]] if model.label in pairs else [] for model in joined.models},
    )
    found.notes.extend(_differ(one, other, first, second))
    metrics = expand_metrics(metrics, found.rows, joined)
    lines = build_lines(found.rows, bases=[], against=None, sort=sort, metrics=metrics, references=pairs)
    place = {line.model: i for i, line in enumerate(lines)}
    together = {reference: label for label, reference in pairs.items()}

    def order(line: Line) -> tuple[int, bool]:
        partner = pairs.get(line.model) or together.get(line.model)
        return min(place[line.model], place.get(partner or "", place[line.model])), line.model in pairs

    return found, sorted(lines, key=order)


def _name(one: Path, other: Path) -> tuple[str, str]:
    """The shortest ends of two paths that differ."""
    parts = one.resolve().parts, other.resolve().parts
    for size in range(1, min(len(each) for each in parts) + 1):
        names = ["/".join(each[-size:]) for each in parts]
        if names[0] != names[1]:
            return names[0], names[1]
    raise LorafairError(f"--compare takes two different folders: both are {one}.")


def _differ(one: Audit, other: Audit, first: str, second: str) -> list[str]:
    """Notes on what is not the same on both sides: models, task versions, documents."""
    notes = []
    for here, there, name in ((one, other, first), (other, one, second)):
        alone = sorted({m.label for m in here.models} - {m.label for m in there.models})
        if alone:
            notes.append(f"only in {name}, compared with nothing: {', '.join(alone)}")
    earlier = {(each.model, each.task): each for each in one.samples}
    for each in other.samples:
        match = earlier.get((each.model, each.task))
        if match is None:
            continue
        if match.version != each.version:
            notes.append(f"{each.task}: version {match.version} in {first}, {each.version} in {second}")
        if not set(match.keys) & set(each.keys):
            notes.append(f"{each.model}: {each.task} has no document in both folders, so no difference")
    return list(dict.fromkeys(notes))
