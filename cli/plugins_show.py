"""``lorafair plugins show``: one name in full; the plugin is imported for its signature."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import click

from lorafair.errors import LorafairError
from lorafair.registry import KINDS, load_registry, load_target, read_field

from .plugins_list import flatten

if TYPE_CHECKING:
    from lorafair.registry import Entry


@click.command()
@click.argument("name")
@click.option("--kind", type=click.Choice(KINDS), help="Where several kinds have that name.")
@click.pass_context
def show(ctx: click.Context, name: str, kind: str | None) -> None:
    """Show NAME: origin, target, where it is defined, direction, signature and docstring.

    Exit code 1 if its target cannot be loaded.
    """
    broken = False
    for number, entry in enumerate(load_registry().find(name, kind)):
        if number:
            click.echo()
        fault = None
        for key, text in describe(entry):
            fault = text if key == "cannot be loaded" else fault
            if key == "":
                click.echo("\n" + "\n".join(f"    {flatten_line(line)}".rstrip() for line in text.splitlines()))
            else:
                click.echo(f"{key + ':':<17}{flatten(text)}")
        broken = broken or fault is not None
    ctx.exit(1 if broken else 0)


def describe(entry: Entry) -> Iterator[tuple[str, str]]:
    """(key, text) of each thing that is known about an entry; the docstring comes last, with an empty key."""
    from lorafair.plugin_check import find_definition
    from lorafair.plugin_contract import CONTRACTS
    from lorafair.registry_layer import find_local_folder

    yield entry.kind, entry.name
    yield "description", entry.description
    yield "origin", f"{entry.origin} {entry.version}".strip()
    yield "declared in", f"{entry.file}:{entry.line}" if entry.line else entry.file
    if entry.fields.get("replace"):
        yield "replaces", "the one of that name that a distribution declares"
    if entry.target:
        yield "target", entry.target
    if folder := find_local_folder(entry):
        yield "looked for in", f"the installed modules, then {folder}"
    for key, value in entry.fields.items():
        if key not in ("replace", "higher_is_better"):
            yield key, str(value)
    if entry.kind == "task":
        yield from _describe_task(entry)
        return
    if entry.target is None:
        return
    try:
        target = load_target(entry)
        direction = {True: "higher is better", False: "lower is better"}.get(read_field(entry, "higher_is_better"))
        version = read_field(entry, "version") if entry.kind in ("scorer", "metric") else None
    except LorafairError as error:
        yield "cannot be loaded", str(error)
        return
    yield "defined at", find_definition(target) or "Python does not know where"
    if entry.kind in ("scorer", "metric"):
        yield "direction", direction or "not said (`higher_is_better`)"
    if version is not None and "version" not in entry.fields:
        yield "version", str(version)
    yield "called as", f"{CONTRACTS[entry.kind].call} -> {CONTRACTS[entry.kind].returns}"
    yield "signature", _sign(target)
    if doc := inspect.getdoc(target):
        yield "", doc


def _describe_task(entry: Entry) -> Iterator[tuple[str, str]]:
    from lorafair.task_link import find_task_file

    if "higher_is_better" in entry.fields:
        yield "direction", "higher is better" if entry.fields["higher_is_better"] else "lower is better"
    try:
        yield "defined at", str(find_task_file(entry))
    except LorafairError as error:
        yield "cannot be loaded", str(error)


def _sign(target: Any) -> str:
    name = getattr(target, "__name__", type(target).__name__)
    try:
        return f"{name}{inspect.signature(target)}"
    except (TypeError, ValueError):
        return f"{name}(…)"


def flatten_line(line: str) -> str:
    """A line without control characters; its indent stays."""
    return "".join(char if char.isprintable() else " " for char in line)
