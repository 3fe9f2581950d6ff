"""Tables and foot lines as plain text cells, from lines: what the terminal and the Markdown format both print."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from lorafair.leaderboard.failure import list_failures
from lorafair.leaderboard.line import Cell, Line, check_controls
from lorafair.leaderboard.row import Rows
from lorafair.records import Row
from lorafair.statistics.interval import FEW_CLUSTERS

MIRRORED = "follows from that of"
FAILED = "failed"
CLAIM = "Claims are about these checkpoints, not about the method: that takes 5 training seeds."
METHOD_CLAIM = "Claims are about this method, over its training seeds."


@dataclass(frozen=True)
class Grid:
    """One table: each cell is a list of lines; ``fixed`` columns stay when a narrow page splits the rest."""

    title: str
    header: list[list[str]]
    body: list[list[list[str]]]
    fixed: int


def format_number(value: float | None, signed: bool = False) -> str:
    """Three decimals (four significant digits from 1,000 on), ``n/e`` for what is not estimable."""
    if value is None:
        return "n/e"
    return f"{value:+.3f}" if signed and abs(value) < 1000 else f"{value:.3f}" if abs(value) < 1000 else f"{value:.4g}"


def format_interval(low: float | None, high: float | None, signed: bool = False) -> str:
    """``[low, high]``, or ``[n/e]`` where there is no interval."""
    return "[n/e]" if low is None or high is None else f"[{format_number(low, signed)}, {format_number(high, signed)}]"


def format_variance(gap: Row) -> str:
    """The double-corrected variance between groups with its interval, four decimals."""
    if gap.between_variance is None or gap.between_low is None or gap.between_high is None:
        return "n/e"
    return f"{gap.between_variance:.4f} [{gap.between_low:.4f}, {gap.between_high:.4f}]"


def lay_out(lines: Sequence[Line]) -> list[Grid]:
    """The main table of each task (a line per model, a column per metric), then one table per metric and attribute."""
    grids, groups = [], []
    columns = list(dict.fromkeys(key for line in lines for key in line.cells))
    for task in dict.fromkeys(task for task, _ in columns):
        mine = [key for key in columns if key[0] == task]
        some = {key: next(line.cells[key] for line in lines if key in line.cells) for key in mine}
        header = [["model"], ["method"], ["rank"], ["trainable"]] + [_head(cell) for cell in some.values()]
        body = [_identify(line) + [_answer(line.cells.get(key), line) for key in mine] for line in lines]
        sample = " — sample data" if any(cell.overall.sample_data for cell in some.values()) else ""
        grids.append(Grid(f"{task}{sample}", header, body, 4))
        for key in mine:
            present = [(line, line.cells[key]) for line in lines if key in line.cells]
            attributes = dict.fromkeys(str(gap.attribute) for _, cell in present for gap in cell.gaps)
            groups += [_lay_out_groups(f"{task}{sample}", present, attribute) for attribute in attributes]
    return grids + groups


def _head(cell: Cell) -> list[str]:
    better = {True: "higher is better", False: "lower is better", None: "direction not known"}
    return [cell.overall.metric_label, better[cell.overall.higher_is_better]]


def _identify(line: Line) -> list[list[str]]:
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
    return [
        [row.model, *marks],
        ["" if row.method is None else row.method],
        ["" if row.rank is None else str(row.rank)],
        ["" if size is None else f"{size / 1e6:.2f}M" if size >= 1e5 else str(size)],
    ]


def _answer(cell: Cell | None, line: Line) -> list[str]:
    if cell is None:
        return ["not measured"]
    row = cell.overall
    if row.failed:
        return [FAILED]
    said = [f"{format_number(row.estimate)} {format_interval(row.low, row.high)}"]
    if row.descriptive:
        said += [f"Δ {format_number(cell.level.difference, True)}"] if cell.level else []
        said += [f"labels' own difference {format_number(row.label_gap)}"] if row.label_gap is not None else []
        return [*said, f"n={row.n}, {row.clusters} clusters", "descriptive"]
    if cell.level is not None:
        one = cell.level
        said.append(f"Δ {format_number(one.difference, True)} {format_interval(one.low, one.high, True)}")
    said.append(f"n={row.n}, {row.clusters} clusters")
    if cell.level is not None:
        said.append(f"level: {cell.level.verdict}")
        said += [f"fairness: {cell.fairness}"] if cell.fairness else []
    return said


def _lay_out_groups(task: str, present: list[tuple[Line, Cell]], attribute: str) -> Grid:
    names = list(dict.fromkeys(str(r.group) for _, cell in present for r in cell.groups if r.attribute == attribute))
    first = present[0][1].overall
    rows = {(line.model, str(r.group)): r for line, cell in present for r in cell.groups if r.attribute == attribute}
    body = []
    for name in names:
        sizes = {row.n for (_, group), row in rows.items() if group == name}
        cells = [_answer_group(rows.get((line.model, name)), cell, len(sizes) > 1) for line, cell in present]
        body.append([[name, *([f"n={sizes.pop()}"] if len(sizes) == 1 else [])], *cells])
    gaps = [next((gap for gap in cell.gaps if gap.attribute == attribute), None) for _, cell in present]
    shown = [[f"{format_number(g.estimate)} {format_interval(g.low, g.high)}"] if g else [] for g in gaps]
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


def _answer_group(row: Row | None, cell: Cell, with_n: bool) -> list[str]:
    if row is None:
        return []
    said = [f"{format_number(row.estimate)} {format_interval(row.low, row.high)}", *([f"n={row.n}"] if with_n else [])]
    change = cell.contrasts.get((str(row.attribute), str(row.group)))
    if change is not None:
        said.append(f"Δ {format_number(change.difference, True)} {format_interval(change.low, change.high, True)}")
        said += [] if change.verdict == "undecided" else [change.verdict]
    return said


def list_feet(found: Rows, lines: Sequence[Line]) -> list[str]:
    """What has to be said under every table: methods, family, claims, few clusters, marks, controls, notes."""
    settings, references = found.settings, sorted({line.reference for line in lines if line.reference})
    how = {"holm": "Holm", "bh": "Benjamini-Hochberg"}[settings.correction]
    feet = [
        f"Intervals: 95%, symmetric cluster bootstrap-t, B={settings.resamples}, seed {settings.seed}; Clopper-Pearson "
        "bounds over clusters where too few documents differ. n/e: not estimable."
    ]
    if references:
        feet.append(
            f"Δ: paired difference from {', '.join(references)} over common documents. Level: the metric itself. "
            "Fairness: change of each group against the rest of its attribute, max-T over groups, certain "
            "only if it is certain as a difference and in log-odds."
        )
    if settings.permute:
        feet.append("p values of paired differences: studentised permutation of whole clusters.")
    if settings.margin is not None:
        feet.append(f"Equivalent, not worse: to within {settings.margin:g}, by one-sided tests at 5%, {how} over each.")
    for reference in references:
        level, contrast = found.family.get(reference, (0, 0))
        feet.append(f"Family against {reference}: {how} over {level} level and {contrast} contrast tests, 5%.")
    feet += found.claims
    feet += list_failures(cell.overall for line in lines for cell in line.cells.values())
    spreads = dict.fromkeys(
        cell.overall.metric for line in lines for cell in line.cells.values() if cell.overall.descriptive
    )
    if spreads:
        feet.append(
            f"Descriptive: {', '.join(spreads)}. Noise biases a spread over groups, so it carries no verdict; "
            "intervals are projected from simultaneous intervals of the groups."
        )
    cells = [cell for line in lines for cell in line.cells.values()]
    measured = [cell.overall for cell in cells if not cell.overall.failed]
    few = {row.task: row.clusters for row in measured if row.clusters < FEW_CLUSTERS}
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
    rows = [row for cell in cells for row in (cell.overall, *cell.groups) if not row.descriptive]
    each = {f"{r.model}, {r.metric}{f', {r.group}' if r.group else ''}: {note}": None for r in rows for note in r.notes}
    mirrored = [note for note in each if MIRRORED in note]
    shown = [*dict.fromkeys(found.notes), *(note for note in each if MIRRORED not in note)]
    if mirrored:
        feet.append(
            f"{len(mirrored)} changes only mirror that of a named group and are not named (notes in --format json)."
        )
    feet += [f"Note: {note}." for note in shown[:20]]
    return feet + ([f"{len(shown) - 20} more notes: see --format json."] if len(shown) > 20 else [])
