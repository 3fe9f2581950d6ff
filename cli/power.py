"""``lorafair power``: plan an audit before it is run."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from lorafair.leaderboard.pilot import Pilot
    from lorafair.statistics.power import Question

SHARE = click.FloatRange(0, 1, min_open=True, max_open=True)
PART = click.FloatRange(0, 1, max_open=True)


@click.command()
@click.argument("pilot", nargs=-1, type=click.Path(path_type=Path))
@click.option("--difference", type=float, required=True, help="The change to be found, e.g. 0.05 (a rise) or -0.05.")
@click.option("--power", "wanted", type=SHARE, default=0.8, show_default=True, help="The chance of finding it.")
@click.option("--alpha", type=SHARE, default=0.05, show_default=True, help="The chance of a false verdict.")
@click.option("--tests", type=click.IntRange(min=1), default=1, show_default=True, help="Tests in the family (Holm).")
@click.option("--model", metavar="LABEL", help="Pilot: the checkpoint whose difference from its base is read.")
@click.option("--metric", metavar="NAME", help="Pilot: the metric.")
@click.option("--group", metavar="ATTRIBUTE=NAME", help="Pilot: this group against the rest; without it the level.")
@click.option("--rate", type=SHARE, help="Without a pilot: the reference's rate.")
@click.option(
    "--groups", type=click.IntRange(min=1), default=1, show_default=True, help="Of which one moves; 1: level."
)
@click.option("--documents", type=click.IntRange(min=1), default=1, show_default=True, help="Per cluster, all groups.")
@click.option("--correlation", type=PART, default=0.0, show_default=True, help="Of two models on one document.")
@click.option("--icc", type=PART, default=0.0, show_default=True, help="Of two documents of one cluster.")
@click.option("--clusters", type=click.IntRange(min=2), help="Clusters at hand: what can be found with them?")
@click.option("--completions", type=click.IntRange(min=1), help="Per document; a pilot's own, or 1, unless given.")
@click.option("--seed-sd", type=click.FloatRange(min=0), help="Spread of the rate between training seeds.")
def command(
    pilot: tuple[Path, ...],
    difference: float,
    wanted: float,
    alpha: float,
    tests: int,
    model: str | None,
    metric: str | None,
    group: str | None,
    rate: float | None,
    groups: int,
    documents: int,
    correlation: float,
    icc: float,
    clusters: int | None,
    completions: int | None,
    seed_sd: float | None,
) -> None:
    """Clusters, documents, completions and training seeds that a difference takes to be found.

    From the samples in PILOT folders, or from stated rates (--rate). A group's verdict needs a change as a difference
    and in log-odds, at a share of alpha for every group and test.
    """
    from lorafair.errors import raise_faults
    from lorafair.statistics.power import Question, find_difference, state_effects

    faults = []
    if bool(pilot) == (rate is not None):
        faults.append("give PILOT folders or --rate, one of them.")
    if difference == 0 or (rate is not None and not 0 < rate + difference < 1):
        faults.append("--difference: the rate has to move, and stay between 0 and 1.")
    if seed_sd is not None and (group is not None or groups > 1):
        faults.append("--seed-sd plans the level of a method: leave --group and --groups out.")
    raise_faults("Nothing to plan with", faults)
    found = _read(pilot, model, metric, group) if pilot else None

    def ask(size: float) -> Question:
        if found is not None:
            return Question(*found.ask(size), alpha, tests, found.groups)
        assert rate is not None
        stated = state_effects(rate, size, documents=documents, groups=groups, correlation=correlation, icc=icc)
        return Question(*stated, alpha, tests, groups)

    start = found.rate if found is not None else rate or 0.0
    per_cluster = found.documents / found.clusters if found is not None else documents
    many = completions or (found.completions if found is not None else 1)
    question = ask(difference)
    _tell_question(found, start, difference, wanted, question)
    _tell_clusters(question, wanted, many, per_cluster)
    if clusters is not None:
        end = (1 - start) * 0.999 if difference > 0 else -start * 0.999
        smallest = find_difference(ask, clusters, wanted, many, end)
        told = "no difference" if math.isnan(smallest) else f"a difference of {smallest:+.3f} or more"
        click.echo(f"With {clusters} clusters and K = {many}: {told} is found with power {wanted:g}.")
    if seed_sd is not None:
        _tell_seeds(question, wanted, many, seed_sd, clusters)


def _read(folders: tuple[Path, ...], model: str | None, metric: str | None, group: str | None) -> Pilot:
    from lorafair.leaderboard.pilot import read_pilot
    from lorafair.samples import read_audit

    return read_pilot(read_audit(folders), model, metric, group)


def _tell_question(found: Pilot | None, rate: float, difference: float, power: float, question: Question) -> None:
    whose = "of one group against the rest" if question.log_odds is not None else "of the level"
    click.echo(
        f"A change {whose} from {rate:.3f} to {rate + difference:.3f}, found with power {power:g} at "
        f"{question.alpha:g} over {question.tests} tests"
        + (f" of {question.groups} groups:" if question.groups > 1 else ":")
    )
    if found is not None:
        click.echo(
            f"  pilot: {found.model} against {found.reference}, {found.task}/{found.metric}, {found.documents} "
            f"documents in {found.clusters} clusters, K = {found.completions}"
        )
        if found.answers is None:
            click.echo("  one completion a document: the pilot cannot tell what more of them would save")


def _tell_clusters(question: Question, power: float, many: int, per_cluster: float) -> None:
    from lorafair.statistics.power import find_clusters

    scaled = question.difference.answers > 0
    for k in sorted({many, 5, 25} if scaled else {many}):
        needed = find_clusters(question, power, k)
        if needed is None:
            click.echo(f"  K = {k}: out of reach")
            continue
        documents = math.ceil(needed * per_cluster)
        click.echo(f"  K = {k}: {needed} clusters, {documents} documents, {documents * k} completions a model")


def _tell_seeds(question: Question, power: float, many: int, spread: float, clusters: int | None) -> None:
    from lorafair.statistics.power import find_clusters, find_seeds

    at = clusters or find_clusters(question, power, many) or 0
    for count in dict.fromkeys([at, 2 * at, 10 * at]) if at else []:
        needed = find_seeds(question, count, spread, power, many)
        told = "out of reach" if needed is None else f"{needed} training seeds"
        click.echo(f"  a claim about the method, {count} clusters, K = {many}: {told}")
