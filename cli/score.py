"""``lorafair score``: score stored samples with more scorers, without a model."""

from __future__ import annotations

from pathlib import Path

import click

from .plugins_timeout import add_plugin_timeout


@click.command("score")
@click.argument("results", type=click.Path(path_type=Path))
@click.option("--scorer", "scorers", multiple=True, required=True, help="Scorer's name; repeatable.")
@click.option("--device", help="Where a scorer with a model runs, e.g. cpu or cuda:0.")
@click.option("--batch", type=click.IntRange(min=1), help="Texts per forward pass, for a scorer with a model.")
@add_plugin_timeout
def command(results: Path, scorers: tuple[str, ...], device: str | None, batch: int | None) -> None:
    """Score every generated completion under RESULTS; scores.jsonl and scores.parquet land beside the samples.

    What is scored already, by the same scorer on the same samples, is kept. `lorafair plugins list --kind scorer`
    shows the scorers.
    """
    from lorafair.rescoring import score_results

    offered = {"device": device, "batch": batch}
    outcome = score_results(results, scorers, {key: value for key, value in offered.items() if value is not None})
    for file in outcome.files:
        click.echo(f"wrote {file}")
    click.echo(
        f"{outcome.scored} completions scored ({outcome.texts} distinct texts), {outcome.reused} scores kept, "
        f"{outcome.not_scored} that a scorer could not score"
    )
    click.echo(f"Next: lorafair leaderboard {results}")
    for said in outcome.remarks.values():
        click.echo(f"Note: {said}.", err=True)
    if outcome.failed:
        reasons = "".join(f"\n  - {name}: {why}" for name, why in outcome.failed.items())
        raise click.ClickException(f"Not scored, and marked so on the leaderboard:{reasons}")
