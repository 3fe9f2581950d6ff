"""``lorafair card``: write what an audit found into an adapter's model card."""

from __future__ import annotations

from pathlib import Path

import click

from .plugins_timeout import add_plugin_timeout


@click.command()
@click.argument("adapter", type=click.Path(path_type=Path))
@click.argument("results", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--label", "labels", multiple=True, metavar="FOLDER=NAME", help="Name the model of a folder's results.")
@click.option("--seed", default=0, show_default=True, help="Seed of the bootstrap.")
@click.option("--resamples", type=click.IntRange(min=200), help="B; default as the leaderboard.")
@click.option("--push", metavar="OWNER/NAME", help="Update the card of this model on the Hugging Face Hub, too.")
@click.option("--print", "show", is_flag=True, help="Print the card instead of writing it.")
@add_plugin_timeout
def card(
    adapter: Path,
    results: tuple[Path, ...],
    labels: tuple[str, ...],
    seed: int,
    resamples: int | None,
    push: str | None,
    show: bool,
) -> None:
    """Write a fairness section and the Hub's model-index into ADAPTER/README.md, from the audit in RESULTS.

    Only the part between the markers and LoRAFair's own entries of model-index change; a second run changes nothing.

    \b
        lorafair card runs/lora-r8 results
    """
    from lorafair.card.readme import push_card, read_card, update_card, write_card
    from lorafair.errors import LorafairError
    from lorafair.leaderboard.row import build_rows
    from lorafair.samples import read_audit
    from lorafair.subject import explain_absence, find_model, is_proven, read_subject

    named = dict(label.rpartition("=")[::2] for label in labels)
    if any(not folder or not name for folder, name in named.items()):
        raise LorafairError("--label takes FOLDER=NAME, for example --label results/run-3=lora-r8.")
    if push is not None and show:
        raise LorafairError("--print writes nothing, --push does: give one of them.")
    subject = read_subject(adapter)
    audit = read_audit(results, named)
    model = find_model(subject, audit)
    if model is None:
        raise LorafairError(
            f"No card is written: {explain_absence(subject, audit)}. Run `lorafair eval` with --checkpoint {adapter} "
            f"and --out {results[0]}."
        )
    if not is_proven(model, subject):
        click.echo("Note: the results do not record the hash of these weights; they are known by name only.", err=True)
    found = build_rows(audit, seed=seed, resamples=resamples)
    path = adapter / "README.md"
    before = read_card(path)
    text = update_card(before, model, found)
    if show:
        click.echo(text, nl=False)
        return
    if text == before:
        click.echo(f"{path} is up to date.")
    else:
        write_card(path, text)
        click.echo(f"Wrote {path}.")
    if push is not None:
        message = f"Fairness audit of {model.label} with LoRAFair"
        address = push_card(push, lambda present: update_card(present, model, found), text, message)
        click.echo(f"Pushed: {address}" if address else f"The card of {push} on the Hub is up to date.")
