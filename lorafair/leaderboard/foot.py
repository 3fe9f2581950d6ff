"""Foot lines: what has to be said under every table, whatever its format."""

from __future__ import annotations

from collections.abc import Sequence

from lorafair.leaderboard.failure import list_failures
from lorafair.leaderboard.headless import explain_headless
from lorafair.leaderboard.line import Line, check_controls
from lorafair.leaderboard.number import format_interval, format_number
from lorafair.leaderboard.row import Rows
from lorafair.statistics.interval import FEW_CLUSTERS

MIRRORED = "follows from that of"
SAME_NOTES = 3
"""Lines that are named of those that share a note; the others are counted."""
CLAIM = "Claims are about these checkpoints, not about the method: that takes 5 training seeds."
METHOD_CLAIM = "Claims are about this method, over its training seeds."


def list_feet(found: Rows, lines: Sequence[Line]) -> list[str]:
    """What has to be said under every table: methods, family, claims, few clusters, marks, controls, notes."""
    settings, references = found.settings, sorted({line.reference for line in lines if line.reference})
    how = {"holm": "Holm", "bh": "Benjamini-Hochberg"}[settings.correction]
    feet = [
        "Intervals: 95%, cluster bootstrap-t, symmetric but for rates, whose are made in log-odds, "
        f"B={settings.resamples}, seed {settings.seed}"
        f"{f' (small p values: up to {settings.most})' if settings.most else ''}; Clopper-Pearson "
        "bounds over clusters where too few documents differ. n/e: not estimable."
    ]
    if references:
        feet.append(
            f"Δ: paired difference from {', '.join(references)} over common documents. Level: the metric itself. "
            "Fairness: change of each group against the rest of its attribute, max-T over groups, certain "
            "only if it is certain as a difference and in log-odds."
        )
        feet.append(
            "*: significant: the interval of Δ leaves out 0 and its p, adjusted over the family, is at most .05. "
            "A group without a word is undecided."
        )
    if settings.permute:
        feet.append(
            f"p values of paired differences: studentised permutation of whole clusters, {settings.resamples} "
            "permutations; of equal rates: the same where no cluster holds two groups."
        )
    if settings.margin is not None:
        feet.append(f"Equivalent, not worse: to within {settings.margin:g}, by one-sided tests at 5%, {how} over each.")
    for reference in references:
        level, contrast = found.family.get(reference, (0, 0))
        feet.append(f"Family against {reference}: {how} over {level} level and {contrast} contrast tests, 5%.")
    feet += found.claims
    feet += explain_headless(cell.overall for line in lines for cell in line.cells.values())
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
    few = {row.task: row.clusters for row in measured if row.n and row.clusters < FEW_CLUSTERS}
    if few:
        feet.append(
            f"Few clusters: {', '.join(f'{task} ({n})' for task, n in sorted(few.items()))}; below {FEW_CLUSTERS}."
        )
    probes = sorted({row.task for row in measured if row.probe})
    if probes:
        feet.append(
            f"Probes: {', '.join(probes)}. What a probe measures (a distance from the base, say) is exploratory, in no "
            "family of tests, and carries no verdict; measures by layer are in rows.jsonl and the report."
        )
    capable = sorted({cell.overall.task for cell in cells if cell.overall.capability})
    if capable:
        feet.append(f"Capability: {', '.join(capable)} names no groups: what a model can do, not whom it does it to.")
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
    whose: dict[str, dict[str, None]] = {}
    for row in rows:
        for note in row.notes:
            whose.setdefault(note, {})[f"{row.model}, {row.metric}{f', {row.group}' if row.group else ''}"] = None
    mirrored = sum(len(places) for note, places in whose.items() if MIRRORED in note)
    if mirrored:
        feet.append(f"{mirrored} changes only mirror that of a named group and are not named (notes in --format json).")
    shown = list(dict.fromkeys(found.notes))
    for note, places in whose.items():
        if MIRRORED not in note:
            more = f" and {len(places) - SAME_NOTES} more" if len(places) > SAME_NOTES else ""
            shown.append(f"{'; '.join(list(places)[:SAME_NOTES])}{more}: {note}")
    feet += [f"Note: {note}." for note in shown[:20]]
    return feet + ([f"{len(shown) - 20} more notes: see --format json."] if len(shown) > 20 else [])
