"""What has to be said beside one model's numbers: what was not scored, what is too little, what carries no claim."""

from __future__ import annotations

import numpy as np

from lorafair.samples import Samples
from lorafair.statistics.compare import Column, Pair
from lorafair.statistics.summary import Settings, Summary


def list_notes(
    column: Column, label: str, samples: Samples, summary: Summary, pairs: list[Pair], settings: Settings
) -> list[str]:
    """Sentences for an ``overall`` row of one column."""
    notes = []
    unscored = len(samples.keys) - summary.n if column.unscored is None else column.unscored[label]
    if unscored:
        notes.append(f"{unscored} of {len(samples.keys)} documents were not scored")
    if summary.clusters < 2:
        notes.append("one cluster: no interval")
    elif not summary.carries_claim(settings):
        notes.append(f"too few documents for a claim ({settings.min_n} in {settings.min_clusters} clusters)")
    if column.higher_is_better is None:
        notes.append("nothing says whether higher is better: no claim")
    elif not column.primary:
        notes.append("exploratory: asked for, not in the family of tests, no claim")
    for pair in pairs:
        one, other = column.values[label], column.values[pair.reference]
        either = int((~np.isnan(one) | ~np.isnan(other)).sum())
        if either > pair.summary.n:
            notes.append(f"compared with {pair.reference} over the {pair.summary.n} of {either} documents both have")
    return notes
