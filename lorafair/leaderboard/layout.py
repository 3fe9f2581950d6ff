"""Tables and foot lines as plain text cells, from lines: what the terminal and the Markdown format both print."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from lorafair.leaderboard.line import Cell, Line, check_controls, is_certain
from lorafair.leaderboard.number import format_interval, format_number, format_p
from lorafair.leaderboard.row import Rows
from lorafair.leaderboard.selection import COLUMNS, DEFAULT
from lorafair.records import Comparison, Row
from lorafair.statistics.interval import FEW_CLUSTERS

MIRRORED = "follows from that of"
CLAIM = "Claims are about these checkpoints, not about the method: each was trained once."


@dataclass(frozen=True)
class Grid:
    """One table: each cell is a list of lines; ``fixed`` columns stay when a narrow page splits the rest.

    ``sections``: indices of the rows before which a rule stands (after what is pinned, and between methods);
    ``main``: a line per model, not per group.
    """

    title: str
    header: list[list[str]]
    body: list[list[list[str]]]
    fixed: int
    sections: tuple[int, ...] = ()
    main: bool = False


def lay_out(lines: Sequence[Line], chosen: frozenset[str] = DEFAULT) -> list[Grid]:
    """The main table of each task (a line per model, a column per metric), then one table per metric and attribute.

    Args:
        lines: of :func:`lorafair.leaderboard.line.build_lines`, in their order.
        chosen: the columns to show, names of :data:`lorafair.leaderboard.selection.COLUMNS`.
    """
    grids, groups = [], []
    columns = list(dict.fromkeys(key for line in lines for key in line.cells))
    shown = [name for name in COLUMNS if name in chosen & {"method", "rank", "trainable"}]
    for task in dict.fromkeys(task for task, _ in columns):
        mine = [key for key in columns if key[0] == task]
        some = {key: next(line.cells[key] for line in lines if key in line.cells) for key in mine}
        header: list[list[str]] = [["model"], *([name] for name in shown), *(_head(cell) for cell in some.values())]
        body = [_identify(line, shown) + [_answer(line.cells.get(key), chosen) for key in mine] for line in lines]
        sample = " — sample data" if any(cell.overall.sample_data for cell in some.values()) else ""
        grids.append(Grid(f"{task}{sample}", header, body, 1 + len(shown), find_sections(lines), True))
        for key in mine if "groups" in chosen else ():
            present = [(line, line.cells[key]) for line in lines if key in line.cells]
            attributes = dict.fromkeys(str(gap.attribute) for _, cell in present for gap in cell.gaps)
            groups += [_lay_out_groups(f"{task}{sample}", present, attribute, chosen) for attribute in attributes]
    return grids + groups


def find_sections(lines: Sequence[Line]) -> tuple[int, ...]:
    """Where a new section of lines begins: after the pinned ones, and between methods that stand together."""
    kinds = ["" if line.is_base or line.is_full else line.first.method or "?" for line in lines]
    starts = [i for i in range(1, len(kinds)) if kinds[i] != kinds[i - 1]]
    return tuple(starts if len(starts) < len(set(kinds)) else starts[:1])


def _head(cell: Cell) -> list[str]:
    better = {True: "higher is better", False: "lower is better", None: "direction not known"}
    return [cell.overall.metric_label, better[cell.overall.higher_is_better]]


def _identify(line: Line, shown: Sequence[str]) -> list[list[str]]:
    row, marks = line.first, []
    if line.is_base:
        marks += ["base"] * (row.model != "base")
    if row.planted:
        marks.append("planted control")
    if not line.is_base:
        by = f" by {row.engine}" if row.engine else ""
        marks.append(f"{'unverified' if line.unverified else 'verified'} serving{by}")
    size = row.trainable_parameters
    told = {
        "method": "" if row.method is None else row.method,
        "rank": "" if row.rank is None else str(row.rank),
        "trainable": "" if size is None else f"{size / 1e6:.2f}M" if size >= 1e5 else str(size),
    }
    return [[row.model, *marks], *([told[name]] for name in shown)]


def format_change(change: Comparison, chosen: frozenset[str] = DEFAULT) -> list[str]:
    """A paired difference in lines: Δ with its interval, ``*`` where it is certain, and what else was chosen."""
    said = []
    if "difference" in chosen:
        mark = " *" if is_certain(change) else ""
        span = format_interval(change.low, change.high, True)
        said.append(f"Δ {format_number(change.difference, True)} {span}{mark}")
    if "p" in chosen and change.p_adjusted is not None:
        said.append(format_p(change.p_adjusted))
    if "detectable" in chosen:
        said.append(f"detectable {format_number(change.minimum_detectable)}")
    return said


def format_estimate(row: Row, chosen: frozenset[str] = DEFAULT) -> str:
    """The estimate and, where chosen, its interval."""
    span = f" {format_interval(row.low, row.high)}" if "interval" in chosen else ""
    return f"{format_number(row.estimate)}{span}"


def _answer(cell: Cell | None, chosen: frozenset[str]) -> list[str]:
    if cell is None:
        return ["not measured"]
    row, words = cell.overall, []
    said = [format_estimate(row, chosen)]
    if cell.level is not None:
        said += format_change(cell.level, chosen)
        words = [("level", cell.level.verdict), *([("fairness", cell.fairness)] if cell.fairness else [])]
    said += [f"n={row.n}, {row.clusters} clusters"] if "n" in chosen else []
    return said + [f"{of}: {word}" for of, word in words if "verdict" in chosen or word == "undecided"]


def _lay_out_groups(task: str, present: list[tuple[Line, Cell]], attribute: str, chosen: frozenset[str]) -> Grid:
    names = list(dict.fromkeys(str(r.group) for _, cell in present for r in cell.groups if r.attribute == attribute))
    first = present[0][1].overall
    rows = {(line.model, str(r.group)): r for line, cell in present for r in cell.groups if r.attribute == attribute}
    body = []
    for name in names:
        sizes = {row.n for (_, group), row in rows.items() if group == name}
        cells = [_answer_group(rows.get((line.model, name)), cell, len(sizes) > 1, chosen) for line, cell in present]
        body.append([[name, *([f"n={sizes.pop()}"] if len(sizes) == 1 else [])], *cells])
    gaps = [next((gap for gap in cell.gaps if gap.attribute == attribute), None) for _, cell in present]
    shown = [[format_estimate(gap, chosen)] if gap else [] for gap in gaps]
    body.append([["max - min", "(descriptive)"], *shown])
    scorer = next((gap.scorer_gap for gap in gaps if gap is not None), None)
    if scorer is not None:
        body.append([["scorer's own gap", "(neutral text)"], *[[format_number(scorer)] for _ in present]])
    title = f"{task}: {first.metric_label} by {attribute} (Δ: change of the group minus the rest)"
    return Grid(title, [[attribute], *([line.model] for line, _ in present)], body, 1)


def _answer_group(row: Row | None, cell: Cell, with_n: bool, chosen: frozenset[str]) -> list[str]:
    if row is None:
        return []
    said = [format_estimate(row, chosen), *([f"n={row.n}"] if with_n else [])]
    change = cell.contrasts.get((str(row.attribute), str(row.group)))
    if change is not None:
        said += format_change(change, chosen)
        said += [] if change.verdict == "undecided" else [change.verdict]
    return said


def list_feet(found: Rows, lines: Sequence[Line]) -> list[str]:
    """What has to be said under every table: methods, family, claims, few clusters, marks, controls, notes."""
    settings, references = found.settings, sorted({line.reference for line in lines if line.reference})
    feet = [
        f"Intervals: 95%, symmetric cluster bootstrap-t, B={settings.resamples}, seed {settings.seed}; Clopper-Pearson "
        "bounds over clusters where too few documents differ. n/e: not estimable."
    ]
    if references:
        feet.append(
            f"Δ: paired difference from {', '.join(references)} over common documents. Level: the metric itself. "
            "Fairness: change of each group against the rest of its attribute, max-T over groups."
        )
        feet.append(
            "*: significant: the interval of Δ leaves out 0 and its p, adjusted over the family, is at most .05. "
            "A group without a word is undecided."
        )
    for reference in references:
        level, contrast = found.family.get(reference, (0, 0))
        feet.append(f"Family against {reference}: Holm over {level} level and {contrast} contrast tests, 5%.")
    feet.append(CLAIM)
    cells = [cell for line in lines for cell in line.cells.values()]
    few = {cell.overall.task: cell.overall.clusters for cell in cells if cell.overall.clusters < FEW_CLUSTERS}
    if few:
        feet.append(
            f"Few clusters: {', '.join(f'{task} ({n})' for task, n in sorted(few.items()))}; below {FEW_CLUSTERS}."
        )
    sampled = sorted({cell.overall.task for cell in cells if cell.overall.sample_data})
    if sampled:
        feet.append(f"Sample data: {', '.join(sampled)} uses the project's own sample set, not the published one.")
    unverified = [line.model for line in lines if line.unverified]
    if unverified:
        feet.append(f"Unverified serving: nobody checked that the engine applied {', '.join(unverified)}.")
    for one in check_controls(lines):
        told = "not measured here"
        if one.measured is not None:
            span = format_interval(one.measured.low, one.measured.high, True)
            verdict = "right" if one.right else "WRONG"
            told = f"measured {format_number(one.measured.difference, True)} {span}: verdict {verdict}"
        feet.append(
            f"Planted control {one.model}: {format_number(one.planted, True)} for {one.group} in {one.metric}, {told}."
        )
    rows = [row for cell in cells for row in (cell.overall, *cell.groups)]
    each = {f"{r.model}, {r.metric}{f', {r.group}' if r.group else ''}: {note}": None for r in rows for note in r.notes}
    mirrored = [note for note in each if MIRRORED in note]
    shown = [*dict.fromkeys(found.notes), *(note for note in each if MIRRORED not in note)]
    if mirrored:
        feet.append(
            f"{len(mirrored)} changes only mirror that of a named group and are not named (notes in --format json)."
        )
    feet += [f"Note: {note}." for note in shown[:20]]
    return feet + ([f"{len(shown) - 20} more notes: see --format json."] if len(shown) > 20 else [])
