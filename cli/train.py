"""``lorafair train``: LoRA adapters at one or more ranks, full fine-tuning, or both, from one base."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
from click.core import ParameterSource

from lorafair.errors import LorafairError
from lorafair.objective_plan import AUGMENTS
from lorafair.plan import DEFAULTS, Plan
from lorafair.quantization import KINDS
from lorafair.rate import AUTO, Search
from lorafair.recipe import read_recipe

NOT_IN_RECIPES = ("config", "help")


def _split(ctx: click.Context, parameter: click.Parameter, value: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(name.strip() for text in value for name in text.split(",") if name.strip())


def _read_rate(ctx: click.Context, parameter: click.Parameter, value: Any) -> float | str | None:
    if value is None or value == AUTO:
        return value
    try:
        return float(value)
    except (TypeError, ValueError):
        raise click.BadParameter(f"{value!r} is neither a number nor {AUTO}.") from None


def _read_grid(ctx: click.Context, parameter: click.Parameter, value: tuple[str, ...]) -> tuple[float, ...]:
    try:
        return tuple(float(part) for part in _split(ctx, parameter, value))
    except ValueError:
        raise click.BadParameter(f"{','.join(value)!r} is no list of numbers; write 1e-5,5e-5.") from None


@click.command("train", context_settings={"show_default": True})
@click.option("--config", type=click.Path(path_type=Path), help="Recipe: a YAML file; `train:` holds these options.")
@click.option("--base", metavar="MODEL", help="Model folder or Hub id.")
@click.option("--data", metavar="NAME|FILE", help="Data set of the registry, or .jsonl as the trainer reads it.")
@click.option("--data-option", "data_options", multiple=True, metavar="NAME=VALUE",
              help="An option of the data, as `part=train` or `split_seed=1`; repeatable.")  # fmt: skip
@click.option("--method", "methods", multiple=True, metavar="NAME", help="lora, full, …; may be given several times.")
@click.option(
    "--rank", "ranks", multiple=True, type=click.IntRange(1), help="Rank of the adapter; several are a sweep."
)
@click.option("--trainer", default="sft", metavar="NAME", help="sft, lm, classify, image, …")
@click.option("--trainer-option", "trainer_options", multiple=True, metavar="NAME=VALUE",
              help="An option of the trainer's own, as `packing=false`; repeatable.")  # fmt: skip
@click.option("--alpha", type=float, help="Scaling of the adapter: alpha / rank.  [default: 2 x rank]")
@click.option("--target-modules", multiple=True, callback=_split, default=("all-linear",), metavar="NAMES",
              help="Modules that get adapters, several with commas.")  # fmt: skip
@click.option("--method-option", "options", multiple=True, metavar="NAME=VALUE",
              help="An option of the method's own, as `fraction=0.25`; repeatable.")  # fmt: skip
@click.option("--epochs", type=float, default=DEFAULTS["epochs"], help="Passes over the data.")
@click.option("--batch-size", type=click.IntRange(1), default=DEFAULTS["batch_size"], help="Pairs per step.")
@click.option("--lr", callback=_read_rate, metavar="NUMBER|auto",
              help="Peak learning rate; auto: by held-out loss.  [default: full 5e-5, adapters 5e-4]")  # fmt: skip
@click.option("--lr-grid", multiple=True, callback=_read_grid, metavar="NUMBERS",
              help="Rates that auto tries, with commas.  [default: by method]")  # fmt: skip
@click.option("--lr-share", type=float, default=Search.share, help="Share of the epochs that a trial takes.")
@click.option("--lr-validation", type=float, default=Search.validation, help="Share of the clusters held out for it.")
@click.option("--lr-seed", type=int, default=Search.seed, help="Of that split and of the trials.")
@click.option("--objective", metavar="NAME", help="How the losses of a batch are weighed: group_dro, …")
@click.option("--objective-option", "objective_options", multiple=True, metavar="NAME=VALUE",
              help="An option of the objective's own, as `step_size=0.1`; repeatable.")  # fmt: skip
@click.option("--augment", type=click.Choice(AUGMENTS), help="cda: add each text's twin of the other gender.")
@click.option("--warmup-ratio", type=click.FloatRange(0, 1, max_open=True), default=DEFAULTS["warmup_ratio"],
              help="Share of the steps that the rate rises in.")  # fmt: skip
@click.option("--weight-decay", type=click.FloatRange(0), default=DEFAULTS["weight_decay"], help="Of AdamW.")
@click.option("--schedule", type=click.Choice(["linear", "cosine", "constant_with_warmup"]),
              default=DEFAULTS["schedule"], help="Of the learning rate.")  # fmt: skip
@click.option("--max-length", type=click.IntRange(2), default=DEFAULTS["max_length"], help="In tokens.")
@click.option("--dtype", type=click.Choice(["float32", "bfloat16"]), default=DEFAULTS["dtype"], help="Of the weights.")
@click.option("--precision", type=click.Choice(["fp32", "bf16"]), default=DEFAULTS["precision"],
              help="bf16: compute in bfloat16, keep the weights' type.")  # fmt: skip
@click.option("--holdout", type=click.FloatRange(0, 1, min_open=True, max_open=True),
              help="Share of the data to leave out, for membership inference; members.json says which.")  # fmt: skip
@click.option("--split-seed", type=int, default=0, help="Of --holdout; not the seed of training.")
@click.option("--seed", "seeds", multiple=True, type=int, default=(13,), help="Of training; several train each.")
@click.option("--out", type=click.Path(path_type=Path), default=Path("runs"), help="Folder of the checkpoints.")
@click.option("--name", help="Name of the checkpoint, for a single run.  [default: lora-r8, full, …]")
@click.option("--save-steps", type=click.IntRange(1), help="Steps between saves.  [default: every 5 minutes]")
@click.option("--gradient-checkpointing", is_flag=True, help="Less memory, more time, the same weights.")
@click.option("--max-memory", metavar="SIZE",
              help="As 8GB: take each step in as many passes as its prediction needs, or refuse.")  # fmt: skip
@click.option("--quantize", type=click.Choice(KINDS), help="The base in so many bits (bitsandbytes); adapters only.")
@click.option("--resume/--no-resume", default=True, help="Go on with an interrupted run, or start it over.")
@click.option("--overwrite", is_flag=True, help="Train again what lies in --out under the same names.")
@click.pass_context
def train(ctx: click.Context, config: Path | None, **options: Any) -> None:
    """Train LoRA adapters, full fine-tunes, or both, each written as a plain checkpoint folder with its provenance.

    \b
    lorafair train --base models/smollm2-135m --data honest_sample_pairs \\
      --method lora --rank 2 --rank 8 --method full

    What is trained already is not trained again; interrupted training goes on with the same command.
    """
    if config is not None:
        options |= _read_options(ctx, config)
    missing = [f"--{key}" for key in ("base", "data") if not options[key]] + ["--method"] * (not options["methods"])
    if missing:
        where = f" or under `train:` in {config}" if config else ""
        raise LorafairError(
            f"Missing {', '.join(missing)}. Give it on the command line{where}; see lorafair train --help."
        )
    from lorafair.method_option import read_options
    from lorafair.process import is_first
    from lorafair.training import train_runs

    options["options"] = read_options(options["options"])
    for key in ("data_options", "trainer_options", "objective_options"):
        options[key] = read_options(options[key], f"--{key.removesuffix('s').replace('_', '-')}")
    asked = {key: options.pop(f"lr_{key}") for key in ("grid", "share", "validation", "seed")}
    options["search"] = Search(**asked)
    settings = {key: options.pop(key) for key in DEFAULTS}
    folders = train_runs(Plan(**options, settings=settings), say=click.echo)
    named = " ".join(f"--checkpoint {folder}" for folder in folders)
    if is_first():
        click.echo(f"next: lorafair eval --base {options['base']} {named} {_find_task(options['data'])}")


def _find_task(data: str) -> str:
    """The options of `lorafair eval` that ask about the data that was trained on, or about the sample's prompts.

    A labelled set's task is asked about its test part: some ask about everything by default.
    """
    from lorafair.registry import load_registry

    registry = load_registry()
    entries = registry.entries("task")
    about = [task.name for task in entries if data in (task.fields.get("datasets") or ())]
    told = f"--task {about[0] if about else 'lorafair_honest_sample'}"
    labelled = about and registry.get("dataset", data).fields.get("labels")
    return told + (""" --metadata '{"part": "test"}'""" if labelled else "")


def _read_options(ctx: click.Context, path: Path) -> dict[str, Any]:
    """The recipe's options that the command line does not give itself; keys are the long options' names."""
    known: dict[str, click.Parameter] = {}
    for parameter in ctx.command.params:
        name = parameter.opts[0].lstrip("-").replace("-", "_")
        if name not in NOT_IN_RECIPES:
            known[name] = parameter
    found = read_recipe(path, "train", {name: _make_converter(ctx, parameter) for name, parameter in known.items()})
    options = {str(known[name].name): value for name, value in found.items()}
    return {key: value for key, value in options.items() if ctx.get_parameter_source(key) is ParameterSource.DEFAULT}


def _make_converter(ctx: click.Context, parameter: click.Parameter) -> Callable[[Any], Any]:
    def convert(value: Any) -> Any:
        if parameter.multiple and not isinstance(value, list):
            value = [value]
        if isinstance(value, dict) or (isinstance(value, list) and not parameter.multiple):
            raise ValueError(f"give one value, not {value!r}")
        try:
            return parameter.process_value(ctx, value)
        except click.UsageError as error:
            raise ValueError(error.format_message()) from error

    return convert
