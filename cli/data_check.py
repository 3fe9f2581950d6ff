"""``lorafair data check``: hold the files that are on this machine to what the registry declares of them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import click

from lorafair.registry import load_registry

from .plugins_list import flatten

if TYPE_CHECKING:
    from lorafair.data.inspection import Finding


@click.command()
@click.argument("names", nargs=-1, metavar="[NAME]...")
@click.option("--strict", is_flag=True, help="Exit code 1 also where files are not here.")
@click.pass_context
def check(ctx: click.Context, names: tuple[str, ...], strict: bool) -> None:
    """Check data sets: all, or those NAMED. Columns, rows, label values, positives, subsets, sha256.

    Nothing is fetched. All faults come at once, each with what was expected and what was found; exit code 1 if there is
    one. What is not on this machine is `absent`, which is a fault of a data set that was NAMED.
    """
    from lorafair.data.inspection import inspect

    registry = load_registry()
    entries = [registry.get("dataset", name) for name in dict.fromkeys(names)] or registry.entries("dataset")
    states: list[str] = []
    for entry in entries:
        finding = inspect(entry)
        states.append(finding.state)
        click.echo(f"{finding.state:<8}{entry.name}  {finding.place}  {flatten(str(entry.fields.get('licence', '')))}")
        for line in _tell_counts(finding) if names or finding.state == "fault" else ():
            click.echo(f"        {line}")
        for line in finding.remarks:
            click.echo(f"        {flatten(line)}")
        remedy = [finding.remedy] if finding.remedy and (finding.faults or names) else []
        for line in [*finding.faults, *remedy]:
            click.echo(f"        {flatten(line)}")
    counted = {state: states.count(state) for state in ("ok", "fault", "absent", "code")}
    code = f", {counted['code']} made by code" if counted["code"] else ""
    click.echo(f"\n{counted['ok']} ok, {counted['fault']} with faults, {counted['absent']} absent{code}.")
    ctx.exit(1 if counted["fault"] or (counted["absent"] and (names or strict)) else 0)


def _tell_counts(finding: Finding) -> Iterator[str]:
    """A line per file and subset: what was found, and in brackets what was expected where that is another number."""
    for role, counts in finding.counts.items():
        subsets: dict[str, list[str]] = {}
        for one in counts:
            expected = "" if one.expected in (None, one.found) else f" (expected {one.expected})"
            sure = "" if one.expected is not None else ", not declared"
            subsets.setdefault(one.subset, []).append(f"{one.found} {one.what}{expected}{sure}")
        for subset, told in subsets.items():
            yield flatten(f"{role}{f', {subset}' if subset else ''}: {', '.join(told)}")
        declared = (finding.entry.fields["files"][role]).get("sha256") or finding.entry.fields.get("sha256")
        if declared == finding.hashed[role]:
            yield f"{role}: sha256 as declared"
