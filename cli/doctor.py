"""``lorafair doctor``: one screen on what is installed, which engines work here and where data resolves."""

from __future__ import annotations

from pathlib import Path

import click


@click.command()
@click.option("--import", "do_import", is_flag=True, help="Also import the engines' packages (takes up to a minute).")
@click.option(
    "--models",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("models"),
    show_default=True,
    help="The folder that holds pulled models.",
)
@click.pass_context
def command(ctx: click.Context, do_import: bool, models: Path) -> None:
    """Check this machine; exit code 1 if something has to be mended, with the command that mends it."""
    from lorafair.environment import check_environment, import_packages

    findings = [*check_environment(models), *(import_packages() if do_import else ())]
    shown = ""
    for finding in findings:
        part = finding.part if finding.part != shown else ""
        shown = finding.part
        click.echo(f"{'ok ' if finding.ok else '!! '} {part:<12} {finding.text}")
        if finding.mend and not finding.ok:
            click.echo(f"{'':17}mend: {finding.mend}")
    faults = sum(not finding.ok for finding in findings)
    click.echo(f"\n{faults} to mend." if faults else "\nNothing to mend.")
    ctx.exit(1 if faults else 0)
