"""``lorafair gate``: hold an adapter against a policy before it is released."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from .plugins_timeout import add_plugin_timeout


def _print_schema(ctx: click.Context, _: click.Parameter, asked: bool) -> None:
    if asked and not ctx.resilient_parsing:
        import json

        from lorafair.gate.policy import Policy

        click.echo(json.dumps(Policy.model_json_schema(), indent=2))
        ctx.exit()


def _file(**more: Any) -> click.Path:
    return click.Path(path_type=Path, dir_okay=False, **more)


@click.command()
@click.argument("adapter", type=click.Path(path_type=Path))
@click.option("--policy", required=True, type=_file(), help="A YAML file of rules; see docs/gate.md.")
@click.option(
    "--results",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("results"),
    show_default=True,
    help="An audit's folder; missing results are made where the policy says how.",
)
@click.option("--label", "labels", multiple=True, metavar="FOLDER=NAME", help="Name the model of a folder's results.")
@click.option("--junit", type=_file(), help="Write JUnit XML.")
@click.option("--sarif", type=_file(), help="Write SARIF 2.1.0.")
@click.option("--json", "json_file", type=_file(), help="Write every check, with hashes of adapter, data and results.")
@click.option(
    "--policy-schema",
    is_flag=True,
    expose_value=False,
    is_eager=True,
    callback=_print_schema,
    help="Print the JSON Schema of policies.",
)
@add_plugin_timeout
@click.pass_context
def gate(
    ctx: click.Context,
    adapter: Path,
    policy: Path,
    results: Path,
    labels: tuple[str, ...],
    junit: Path | None,
    sarif: Path | None,
    json_file: Path | None,
) -> None:
    """Check that ADAPTER (a folder) fulfils every rule of a policy, for a release or for CI.

    Exit codes: 0 every rule passes, 1 a rule fails, 3 none fails but one is undecided (too little data, an interval on
    both sides of a bound, unverified serving), 2 an error.

    \b
        lorafair gate runs/lora-r8 --policy policy.yaml --results results --junit gate.xml
    """
    import shutil
    import sys

    from lorafair.errors import LorafairError
    from lorafair.gate.evidence import render_json
    from lorafair.gate.junit import render_junit
    from lorafair.gate.run import hold
    from lorafair.gate.sarif import render_sarif
    from lorafair.gate.table import render_table

    named = dict(label.rpartition("=")[::2] for label in labels)
    if any(not folder or not name for folder, name in named.items()):
        raise LorafairError("--label takes FOLDER=NAME, for example --label results/run-3=lora-r8.")
    gated = hold(adapter, policy, results, named, lambda line: click.echo(line, err=True))
    width = max(100, shutil.get_terminal_size((140, 40)).columns)
    click.echo(render_table(gated, width, color=sys.stdout.isatty()), nl=False)
    faults = []
    for path, render in ((junit, render_junit), (sarif, render_sarif), (json_file, render_json)):
        if path is not None:
            try:
                path.write_text(render(gated), encoding="utf-8")
                click.echo(f"Wrote {path}.", err=True)
            except OSError as error:
                faults.append(f"{path} cannot be written ({error.strerror}): choose another file.")
    if faults:
        raise LorafairError("\n".join(faults))
    ctx.exit(gated.exit_code)
