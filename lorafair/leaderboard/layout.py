"""Tables and foot lines as plain text cells, from lines: what the terminal and the Markdown format both print."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from lorafair.leaderboard.headless import NO_HEAD
from lorafair.leaderboard.line import Cell, Line, is_certain
from lorafair.leaderboard.number import format_interval, format_number, format_p
from lorafair.leaderboard.selection import COLUMNS, DEFAULT
from lorafair.records import Comparison, Row

FAILED = "failed"


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
        sample += " — capability" if all(cell.overall.capability for cell in some.values()) else ""
        grids.append(Grid(f"{task}{sample}", header, body, 1 + len(shown), find_sections(lines), True))
        for key in mine if "groups" in chosen else ():
            present = [(line, line.cells[key]) for line in lines if key in line.cells]
            attributes = dict.fromkeys(str(row.attribute) for _, cell in present for row in (*cell.gaps, *cell.groups))
            groups += [_lay_out_groups(f"{task}{sample}", present, attribute, chosen) for attribute in attributes]
    return grids + groups


def find_sections(lines: Sequence[Line]) -> tuple[int, ...]:
    """Where a new section of lines begins: after the pinned ones, and between methods that stand together."""
    kinds = ["" if line.is_base or line.is_full else line.first.method or "?" for line in lines]
    starts = [i for i in range(1, len(kinds)) if kinds[i] != kinds[i - 1]]
    return tuple(starts if len(starts) < len(set(kinds)) else starts[:1])


def _head(cell: Cell) -> list[str]:
    better = {True: "higher is better", False: "lower is better", None: "direction not known"}
    if cell.overall.probe is not None:
        better[None] = "neither is better"
    return [cell.overall.metric_label, better[cell.overall.higher_is_better]]


def _identify(line: Line, shown: Sequence[str]) -> list[list[str]]:
    row, marks = line.first, []
    if line.is_base:
        marks += ["base"] * (row.model != "base")
    if row.planted:
        marks.append("planted control")
    if not line.is_base:
        by = f" by {row.engine}" if row.engine else ""
        if row.claim == "method":
            marks.append(f"the method, seeds {', '.join(map(str, row.seeds))}")
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


def format_variance(gap: Row) -> str:
    """The double-corrected variance between groups with its interval, four decimals."""
    if gap.between_variance is None or gap.between_low is None or gap.between_high is None:
        return "n/e"
    return f"{gap.between_variance:.4f} [{gap.between_low:.4f}, {gap.between_high:.4f}]"


def format_estimate(row: Row, chosen: frozenset[str] = DEFAULT) -> str:
    """The estimate and, where chosen, its interval."""
    span = f" {format_interval(row.low, row.high)}" if "interval" in chosen else ""
    return f"{format_number(row.estimate)}{span}"


def _answer(cell: Cell | None, chosen: frozenset[str]) -> list[str]:
    if cell is None:
        return ["not measured"]
    row, words = cell.overall, []
    if row.failed:
        return [row.failed if row.failed == NO_HEAD else FAILED]
    said = [format_estimate(row, chosen)]
    sizes = [f"n={row.n}, {row.clusters} clusters"] if "n" in chosen else []
    if row.descriptive:
        if cell.level is not None and "difference" in chosen:
            said.append(f"Δ {format_number(cell.level.difference, True)}")
        said += [f"labels' own difference {format_number(row.label_gap)}"] if row.label_gap is not None else []
        return [*said, *sizes, "descriptive"]
    if cell.level is not None:
        said += format_change(cell.level, chosen)
        words = [("level", cell.level.verdict), *([("fairness", cell.fairness)] if cell.fairness else [])]
    return said + sizes + [f"{of}: {word}" for of, word in words if "verdict" in chosen or word == "undecided"]


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
    if any(gaps):
        body.append([["max - min", "(descriptive)"], *shown])
    spread = [[format_variance(g)] if g else [] for g in gaps]
    if any(g is not None and g.between_variance is not None for g in gaps):
        body.append([["variance between", "(corrected)"], *spread])
    if len(names) > 2:
        most = [[format_number(gap.largest_contrast)] if gap else [] for gap in gaps]
        body.append([["max |group - rest|", "(descriptive)"], *most])
    if any(gap is not None and gap.label_gap is not None for gap in gaps):
        labels = [[format_number(gap.label_gap)] if gap else [] for gap in gaps]
        body.append([["labels: max - min", "(no model)"], *labels])
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
