"""``lorafair eval``: ask a base and its checkpoints, through one engine."""

from __future__ import annotations

from pathlib import Path

import click

from .plugins_timeout import add_plugin_timeout


@click.command("eval")
@click.option("--base", required=True, metavar="MODEL", help="Base model: a folder, or a Hub id.")
@click.option(
    "--checkpoint",
    "checkpoints",
    multiple=True,
    metavar="[LABEL=]PATH",
    help="An adapter or a full fine-tune of the base; repeatable.",
)
@click.option("--task", "tasks", multiple=True, required=True, metavar="NAME", help="An lm-eval task; repeatable.")
@click.option(
    "--engine", default="auto", show_default=True, metavar="NAME", help="auto, vllm, hf, head, vllm_head, a plugin's."
)
@click.option("--limit", type=float, help="Documents per task: a number, or a share below 1.")
@click.option("--num-fewshot", type=click.IntRange(min=0), help="Examples in the prompt.")
@click.option("--apply-chat-template", is_flag=True, help="Wrap prompts in the base's chat template (default: off).")
@click.option("--gen-kwargs", default="", metavar="SETTINGS", help="Generation settings: key=value,… or JSON.")
@click.option("--batch-size", type=click.IntRange(min=1), help="Rows per forward pass (hf, head).")
@click.option(
    "--dtype", type=click.Choice(["float32", "bfloat16", "float16"]), help="Default: what the base's config says."
)
@click.option("--device", metavar="DEVICE", help="For example cuda or cpu; default: a GPU where there is one.")
@click.option("--engine-args", default="", metavar="SETTINGS", help="Passed to the engine: key=value,… or JSON.")
@click.option("--metadata", default="", metavar="SETTINGS", help="Task settings, as lm-eval's: key=value,… or JSON.")
@click.option("--seed", type=int, default=1234, show_default=True, help="Seed of every sampled answer.")
@click.option("--any-base", is_flag=True, help="Accept adapters that name another base, if their shapes fit.")
@click.option(
    "--verify/--no-verify",
    default=True,
    help="Check first that the engine serves what it was given; --no-verify shows on the leaderboard.",
)
@click.option(
    "--until-decided",
    metavar="METRIC",
    help="Ask in a random order and stop asking a checkpoint once it is decided whether METRIC changed for a group.",
)
@click.option("--margin", type=float, metavar="DELTA", help="With --until-decided: smaller changes count as decided.")
@click.option(
    "--label-map",
    "label_map",
    multiple=True,
    metavar="OLD=NEW",
    help="For classifiers: their label OLD is what the task calls NEW; repeatable.",
)
@click.option("--trust-remote-code", is_flag=True, help="Run code that the base's folder brings along.")
@click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("results"),
    show_default=True,
    help="Folder.",
)
@click.option("--wandb-args", default="", metavar="SETTINGS", help="As lm-eval's: arguments of wandb.init; logs there.")
@click.option("--wandb-config-args", default="", metavar="SETTINGS", help="As lm-eval's: added to the run's config.")
@click.option("--trackio-args", default="", metavar="SETTINGS", help="As lm-eval's: arguments of trackio.init.")
@add_plugin_timeout
def command(
    base: str,
    checkpoints: tuple[str, ...],
    tasks: tuple[str, ...],
    engine: str,
    limit: float | None,
    num_fewshot: int | None,
    apply_chat_template: bool,
    gen_kwargs: str,
    batch_size: int | None,
    dtype: str | None,
    device: str | None,
    engine_args: str,
    metadata: str,
    seed: int,
    any_base: bool,
    verify: bool,
    until_decided: str | None,
    margin: float | None,
    label_map: tuple[str, ...],
    trust_remote_code: bool,
    out: Path,
    wandb_args: str,
    wandb_config_args: str,
    trackio_args: str,
) -> None:
    """Ask the base and every checkpoint the tasks' questions, and write results and samples as lm-eval does.

    Answers are stored in OUT/responses as they finish: an interrupted run goes on where it was, a second run asks
    nothing again, and a further checkpoint asks only its own questions.

    \b
        lorafair eval --base models/smollm2-135m --checkpoint runs/lora-r8 --task lorafair_honest_sample
    """
    from lorafair.evaluation import EvaluationPlan, evaluate
    from lorafair.label_match import read_label_map
    from lorafair.settings import parse_settings
    from lorafair.tracking import Tracking, track

    tracking = Tracking(
        parse_settings(wandb_args, "--wandb-args"),
        parse_settings(wandb_config_args, "--wandb-config-args"),
        parse_settings(trackio_args, "--trackio-args"),
    )
    tracking.check()
    plan = EvaluationPlan(
        base=base,
        checkpoints=checkpoints,
        tasks=tasks,
        out=out,
        engine=engine,
        limit=limit,
        num_fewshot=num_fewshot,
        apply_chat_template=apply_chat_template,
        gen_kwargs=parse_settings(gen_kwargs, "--gen-kwargs"),
        batch_size=batch_size,
        dtype=dtype,
        device=device,
        engine_args=parse_settings(engine_args, "--engine-args"),
        metadata=parse_settings(metadata, "--metadata"),
        seed=seed,
        trust_remote_code=trust_remote_code,
        any_base=any_base,
        verify=verify,
        until_decided=until_decided,
        margin=margin,
        label_map=read_label_map(label_map),
    )
    outcome = evaluate(plan, lambda line: click.echo(line, err=True))
    click.echo(f"{outcome.asked} requests asked, {outcome.stored} were stored already.")
    for label, path in outcome.results.items():
        click.echo(f"  {label}: {path}")
    click.echo(f"Compare them: lorafair leaderboard {out}")
    for remark in outcome.remarks:
        click.echo(f"Note: {remark}.", err=True)
    untracked = track(tracking, outcome.results, out)
    faults = {
        "Left out, and on no leaderboard:": [f"{label}: {why}." for label, why in outcome.failed.items()],
        "Marked as failed on the leaderboard:": [f"{column}: {why}" for column, why in outcome.broken.items()],
        "Written, but not logged:": [f"{why}." for why in untracked],
    }
    if said := [line for title, found in faults.items() if found for line in (title, *(f"  - {one}" for one in found))]:
        raise click.ClickException("\n".join(said))
