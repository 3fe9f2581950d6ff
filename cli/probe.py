"""``lorafair probe``: what lm-eval's requests cannot ask, of a base and its checkpoints."""

from __future__ import annotations

from pathlib import Path

import click


@click.command("probe")
@click.argument("name")
@click.option("--base", required=True, metavar="MODEL", help="Base model: a folder, or a Hub id.")
@click.option(
    "--checkpoint",
    "checkpoints",
    multiple=True,
    metavar="[LABEL=]PATH",
    help="An adapter or a full fine-tune of the base; repeatable.",
)
@click.option("--task", "tasks", multiple=True, metavar="NAME", help="Probe with an lm-eval task's documents.")
@click.option("--data", metavar="NAME|FILE", help="Probe with a data set of the registry, or a .jsonl file.")
@click.option("--settings", default="", metavar="SETTINGS", help="Of the probe: key=value,… or JSON.")
@click.option("--engine", default="hf", show_default=True, metavar="NAME", help="hf, vllm, or a plugin's.")
@click.option("--limit", type=float, help="Documents: a number, or a share below 1.")
@click.option("--batch-size", type=click.IntRange(min=1), help="Rows per forward pass of the hf engine.")
@click.option(
    "--dtype", type=click.Choice(["float32", "bfloat16", "float16"]), help="Default: what the base's config says."
)
@click.option("--device", metavar="DEVICE", help="For example cuda or cpu; default: a GPU where there is one.")
@click.option("--engine-args", default="", metavar="SETTINGS", help="Passed to the engine: key=value,… or JSON.")
@click.option("--metadata", default="", metavar="SETTINGS", help="Task settings, as lm-eval's: key=value,… or JSON.")
@click.option("--seed", type=int, default=1234, show_default=True, help="Of whatever the probe draws.")
@click.option("--any-base", is_flag=True, help="Accept adapters that name another base, if their shapes fit.")
@click.option("--trust-remote-code", is_flag=True, help="Run code that the base's folder brings along.")
@click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("results"),
    show_default=True,
    help="Folder.",
)
def command(
    name: str,
    base: str,
    checkpoints: tuple[str, ...],
    tasks: tuple[str, ...],
    data: str | None,
    settings: str,
    engine: str,
    limit: float | None,
    batch_size: int | None,
    dtype: str | None,
    device: str | None,
    engine_args: str,
    metadata: str,
    seed: int,
    any_base: bool,
    trust_remote_code: bool,
    out: Path,
) -> None:
    """Run the probe NAME on the base and every checkpoint; each one's records land in OUT/LABEL/probe_NAME.jsonl.

    A checkpoint that was probed already, with the same probe, engine and documents, is not asked again. `lorafair
    plugins list --kind probe` shows the probes; `lorafair leaderboard OUT` and `lorafair report OUT` what they
    measured.

    \b
        lorafair probe likelihood --base models/smollm2-135m --checkpoint runs/lora-r8 --task lorafair_honest_sample
    """
    from lorafair.probing import ProbePlan, run_probe
    from lorafair.settings import parse_settings

    plan = ProbePlan(
        probe=name,
        base=base,
        checkpoints=checkpoints,
        tasks=tasks,
        data=data,
        settings=parse_settings(settings, "--settings"),
        out=out,
        engine=engine,
        limit=limit,
        batch_size=batch_size,
        dtype=dtype,
        device=device,
        engine_args=parse_settings(engine_args, "--engine-args"),
        metadata=parse_settings(metadata, "--metadata"),
        seed=seed,
        any_base=any_base,
        trust_remote_code=trust_remote_code,
    )
    outcome = run_probe(plan, lambda line: click.echo(line, err=True))
    click.echo(f"{outcome.asked} checkpoints probed, {len(outcome.files) - outcome.asked} were probed already.")
    for label, path in outcome.files.items():
        click.echo(f"  {label}: {path}")
    if outcome.failed:
        reasons = "".join(f"\n  - {label}: {why}" for label, why in outcome.failed.items())
        raise click.ClickException(f"Left out:{reasons}")
