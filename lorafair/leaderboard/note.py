"""What has to be said beside one model's numbers: what was not scored, what is too little, what carries no claim."""

from __future__ import annotations

import numpy as np

from lorafair.samples import Samples
from lorafair.statistics.compare import Column, Pair
from lorafair.statistics.settings import Settings
from lorafair.statistics.summary import Summary


def list_notes(
    column: Column, label: str, samples: Samples, summary: Summary, pairs: list[Pair], settings: Settings
) -> list[str]:
    """Sentences for an ``overall`` row of one column."""
    notes = []
    told = (column.unscored or {}).get(label)
    unscored = len(samples.keys) - summary.n if told is None else told
    if unscored:
        notes.append(f"{unscored} of {len(samples.keys)} documents were not scored")
    if summary.clusters < 2:
        notes.append("one cluster: no interval")
    elif not summary.carries_claim(settings) and samples.probe is None:
        notes.append(f"too few documents for a claim ({settings.min_n} in {settings.min_clusters} clusters)")
    if samples.probe is not None:
        pass  # the foot says once that they carry no verdict
    elif column.higher_is_better is None:
        notes.append("nothing says whether higher is better: no claim")
    elif not column.primary:
        notes.append("exploratory: asked for, not in the family of tests, no claim")
    notes += [note for attribute in summary.slopes for note in _relate(summary, attribute)]
    for pair in pairs:
        one, other = column.values[label], column.values[pair.reference]
        either = int((~np.isnan(one) | ~np.isnan(other)).sum())
        if either > pair.summary.n:
            notes.append(f"compared with {pair.reference} over the {pair.summary.n} of {either} documents both have")
    return notes


def _relate(summary: Summary, attribute: str) -> list[str]:
    """What is said of the groups' levels against their shares of the training data, where those were given."""
    found = summary.slopes.get(attribute)
    if found is None:
        return []
    if found.value is None or found.low is None or found.high is None:
        return [f"{attribute}: the shares of the training data of at least three groups are needed for a slope"]
    return [
        f"{attribute}: {found.value:+.3f} [{found.low:+.3f}, {found.high:+.3f}] for each doubling of a group's share "
        "of the training data"
    ]
