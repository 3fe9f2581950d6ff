"""``lorafair plugins check``: import plugins, hold them to their contract, try them; for people and for CI."""

from __future__ import annotations

import click

from lorafair.errors import LorafairError
from lorafair.registry import KINDS, load_registry

from .plugins_list import flatten


@click.command()
@click.argument("names", nargs=-1, metavar="[NAME]...")
@click.option("--kind", type=click.Choice(KINDS), help="Only this kind.")
@click.option("--origin", metavar="NAME", help="Only what this distribution (or `local registry`) declares.")
@click.option("--time-limit", type=click.FloatRange(0, min_open=True), default=60.0, show_default=True,
              help="Seconds that one call of a plugin may take.")  # fmt: skip
@click.option("--strict", is_flag=True, help="Exit code 1 also where a plugin could not be checked.")
@click.pass_context
def check(
    ctx: click.Context, names: tuple[str, ...], kind: str | None, origin: str | None, time_limit: float, strict: bool
) -> None:
    """Check plugins: all, or those NAMED. Imports them, so it runs their code, strangers' in processes of
    their own. Python's own connections and look-ups of addresses are refused meanwhile; it is no sandbox.

    Each target is imported and held to the contract of its kind, every YAML of a task is loaded, and where that needs
    no download the plugin is tried: a scorer on three texts, a metric on twelve documents, a method on one run's
    settings. Trainers, probes and engines are held to their signature only and count as untried. All faults come at
    once, with file and line. Exit code 1 if there is one.
    """
    registry = load_registry()
    if registry.note:
        click.echo(registry.note, err=True)
    if names:
        entries = [entry for name in dict.fromkeys(names) for entry in registry.find(name, kind)]
    else:
        entries = [entry for each in KINDS if kind in (None, each) for entry in registry.entries(each)]
    entries = [entry for entry in entries if origin in (None, entry.origin)]
    if not entries:
        raise LorafairError("Nothing to check: no plugin is of that kind and origin. See `lorafair plugins list`.")
    from lorafair.plugin_check import check_plugins

    states: list[str] = []
    for finding in check_plugins(entries, time_limit):
        entry = finding.entry
        states.append(finding.state)
        click.echo(f"{finding.state:<12}{entry.kind} {entry.name}  {entry.origin} {entry.version}".rstrip())
        for fault in finding.faults:
            click.echo(f"            {finding.place}: {flatten(fault)}")
        if finding.skipped:
            click.echo(f"            {flatten(finding.skipped)}")
        for note in finding.notes if not finding.skipped else ():
            click.echo(f"            note: {flatten(note)}")
    faults = states.count("fault")
    untried = f"; {states.count('untried')} untried" if "untried" in states else ""
    skipped = states.count("not checked")
    click.echo(f"\n{states.count('ok')} ok, {skipped} not checked, {faults} with faults{untried}.")
    ctx.exit(1 if faults or (strict and skipped) else 0)
