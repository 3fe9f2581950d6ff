"""``lorafair tasks link``: let plain lm_eval find our tasks by name."""

from __future__ import annotations

import click

from lorafair.task_link import link_tasks


@click.command("link")
def link() -> None:
    """Write one small stub per task into the installed lm-eval; `lorafair tasks unlink` removes them.

    After that `lm_eval --tasks lorafair_honest` works without --include_path.
    """
    done = link_tasks()
    for stub, written in done:
        click.echo(f"{'wrote' if written else 'already there:'} {stub}")
    click.echo("`lm_eval --tasks NAME` finds them now. Undo: lorafair tasks unlink")
