"""``lorafair data build honest-counterfactual``: what a base completes toxically, with non-toxic targets."""

from __future__ import annotations

from pathlib import Path

import click

from .plugins_timeout import add_plugin_timeout


@click.command("honest-counterfactual")
@click.option("--base", required=True, metavar="MODEL", help="Base model: a folder, or a Hub id.")
@click.option(
    "--task",
    default="lorafair_honest_race",
    show_default=True,
    metavar="NAME",
    help="Whose prompts it completes: lorafair_honest, …_race, …_religion, …_queer, …_sample, …",
)
@click.option("--k", type=click.IntRange(min=1), default=5, show_default=True, help="Completions of each prompt.")
@click.option("--scorer", default="profanity", show_default=True, metavar="NAME", help="Judges which are toxic.")
@click.option("--threshold", type=float, default=0.5, show_default=True, help="A score from here on is toxic.")
@click.option(
    "--by",
    type=click.Choice(["rule", "model"]),
    default="rule",
    show_default=True,
    help="Targets: the least toxic of the base's own, or written by a model.",
)
@click.option("--writer", metavar="MODEL", help="With --by model: the model that writes; default: the base.")
@click.option("--pairs-per-prompt", "most", type=click.IntRange(min=1), default=1, show_default=True)
@click.option("--test-share", type=float, default=0.3, show_default=True, help="Share of the templates kept apart.")
@click.option("--split-seed", type=click.IntRange(min=1), default=13, show_default=True, help="Of that split.")
@click.option("--engine", default="auto", show_default=True, metavar="NAME", help="auto, vllm, hf, or a plugin's.")
@click.option("--limit", type=float, help="Prompts: a number, or a share below 1.")
@click.option("--gen-kwargs", default="", metavar="SETTINGS", help="Generation settings: key=value,… or JSON.")
@click.option("--metadata", default="", metavar="SETTINGS", help="Further task settings: key=value,… or JSON.")
@click.option("--batch-size", type=click.IntRange(min=1), help="Rows per forward pass of the hf engine.")
@click.option("--dtype", type=click.Choice(["float32", "bfloat16", "float16"]), help="Default: the base's.")
@click.option("--device", metavar="DEVICE", help="For example cuda or cpu; default: a GPU where there is one.")
@click.option("--seed", type=int, default=1234, show_default=True, help="Seed of every sampled completion.")
@click.option("--verify/--no-verify", default=True, help="Check first that the engine serves what it was given.")
@click.option("--trust-remote-code", is_flag=True, help="Run code that the base's folder brings along.")
@click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("data/honest-counterfactual"),
    show_default=True,
    help="Folder.",
)
@add_plugin_timeout
def honest_counterfactual(
    base: str,
    task: str,
    k: int,
    scorer: str,
    threshold: float,
    by: str,
    writer: str | None,
    most: int,
    test_share: float,
    split_seed: int,
    engine: str,
    limit: float | None,
    gen_kwargs: str,
    metadata: str,
    batch_size: int | None,
    dtype: str | None,
    device: str | None,
    seed: int,
    verify: bool,
    trust_remote_code: bool,
    out: Path,
) -> None:
    """Find what a base completes toxically, and write pairs with non-toxic targets, split by template.

    OUT gets train.jsonl, test.jsonl and provenance.json. Answers are stored in OUT/answers as they finish: an
    interrupted run goes on where it was. docs/data.md states the rule.

    \b
        lorafair data build honest-counterfactual --base models/smollm2-135m --out pairs
        lorafair train --base models/smollm2-135m --method lora --rank 8 --data pairs/train.jsonl
    """
    from lorafair.data.mitigation import MitigationPlan, build_counterfactuals
    from lorafair.evaluation import EvaluationPlan
    from lorafair.settings import parse_settings

    ask = EvaluationPlan(
        base=base,
        checkpoints=(),
        tasks=(task,),
        out=out,
        engine=engine,
        limit=limit,
        gen_kwargs=parse_settings(gen_kwargs, "--gen-kwargs"),
        batch_size=batch_size,
        dtype=dtype,
        device=device,
        metadata=parse_settings(metadata, "--metadata"),
        seed=seed,
        trust_remote_code=trust_remote_code,
        verify=verify,
    )
    plan = MitigationPlan(ask, out, scorer, threshold, k, by, writer, most, test_share, split_seed)
    done = build_counterfactuals(plan, lambda line: click.echo(line, err=True))
    click.echo(f"{done.asked} requests asked, {done.stored} were stored already.")
    if done.unscored:
        click.echo(f"{done.unscored} completions could not be scored and count neither way.")
    width = max(map(len, done.groups))
    click.echo(f"{'':<{width}}  prompts  toxic  targets  no target")
    for name, own in done.groups.items():
        cells = f"{own['prompts']:>7}  {own['toxic']:>5}  {own['targets']:>7}  {own['no target']:>9}"
        click.echo(f"{name:<{width}}  {cells}")
    click.echo("Targets by way: " + ", ".join(f"{how} {number}" for how, number in done.ways.items()))
    for part, path in done.files.items():
        click.echo(f"{part}: {done.pairs[part]} pairs in {path}")
    if done.pairs["train"]:
        click.echo(f"Train on them: lorafair train --data {done.files['train']} …")
    else:
        click.echo("There is nothing to train on: all pairs are in the test part. Give another --split-seed.")
