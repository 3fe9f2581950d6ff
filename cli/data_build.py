"""``lorafair data build``: the group of commands that make training data, one file each."""

from __future__ import annotations

import click

from .data_build_honest import honest_counterfactual
from .data_build_pairs import pairs


@click.group("build")
def build() -> None:
    """Make training data: counterfactuals of a base's toxic completions, or pairs out of any .jsonl file."""


for each in (honest_counterfactual, pairs):
    build.add_command(each)
