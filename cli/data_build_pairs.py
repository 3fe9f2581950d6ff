"""``lorafair data build pairs``: training pairs out of any .jsonl file."""

from __future__ import annotations

from pathlib import Path

import click

from lorafair.errors import LorafairError

from .plugins_timeout import add_plugin_timeout


@click.command()
@click.option(
    "--from", "source", required=True, type=click.Path(path_type=Path, dir_okay=False), metavar="FILE", help="A .jsonl."
)
@click.option("--prompt-column", required=True, metavar="NAME", help="Where the prompt is; inside an object: a.b")
@click.option("--completion-column", required=True, metavar="NAME", help="Where the completion is.")
@click.option("--group", "groups", multiple=True, metavar="ATTRIBUTE=COLUMN", help="A column of groups; repeatable.")
@click.option("--cluster-column", metavar="NAME", help="What is never in both parts; default: the prompt.")
@click.option("--scorer", metavar="NAME", help="Leave out completions that it finds toxic.")
@click.option("--threshold", type=float, default=0.5, show_default=True, help="With --scorer: toxic from here on.")
@click.option("--test-share", type=float, default=0.3, show_default=True, help="Share of the clusters kept apart.")
@click.option("--split-seed", type=int, default=13, show_default=True, help="Of that split.")
@click.option("--out", type=click.Path(path_type=Path, file_okay=False), required=True, help="Folder.")
@add_plugin_timeout
def pairs(
    source: Path,
    prompt_column: str,
    completion_column: str,
    groups: tuple[str, ...],
    cluster_column: str | None,
    scorer: str | None,
    threshold: float,
    test_share: float,
    split_seed: int,
    out: Path,
) -> None:
    """Make training pairs of a .jsonl file's columns, split by cluster, with provenance.

    Rows with nothing in a column, repetitions and (with --scorer) toxic completions are left out and counted.

    \b
        lorafair data build pairs --from prompts.jsonl --prompt-column prompt.text \\
            --completion-column continuation.text --scorer profanity --out pairs
    """
    from lorafair.data.pair_file import PairPlan, build_pairs

    named: dict[str, str] = {}
    for text in groups:
        attribute, sign, column = text.partition("=")
        if not (attribute and sign and column):
            raise LorafairError(f"--group {text!r} is not of the form ATTRIBUTE=COLUMN, as in race=target_race.")
        named[attribute] = column
    plan = PairPlan(
        source,
        prompt_column,
        completion_column,
        out,
        named,
        cluster_column,
        scorer,
        threshold,
        test_share,
        split_seed,
    )
    done = build_pairs(plan)
    for reason, number in done.left_out.items():
        click.echo(f"left out: {number} {reason}")
    for part, path in done.files.items():
        click.echo(f"{part}: {done.counts[part]} pairs in {path}")
    if done.counts["train"]:
        click.echo(f"Train on them: lorafair train --data {done.files['train']} …")
    else:
        click.echo("There is nothing to train on: all pairs are in the test part. Give another --split-seed.")
