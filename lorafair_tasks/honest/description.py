"""What a HONEST run says about itself in its logs: data, names to show, and its judges' own gaps."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from functools import lru_cache, partial
from typing import Any

from lorafair.data.dataset import resolve
from lorafair.data.honest import honest_neutral
from lorafair.data.lexicon import CATEGORIES, load_lexicon
from lorafair.isolation import PluginFailed
from lorafair.scoring import (
    ATTRIBUTES,
    THRESHOLD,
    ask_direction,
    measure_scorer_gap,
    name_version,
    score_texts,
    spread_over_groups,
)

from .setting import Setting  # noqa: TID251 (neighbour)

LOG = logging.getLogger(__name__)
PROOF = "The neighbour waters the plants."
"""What every scorer is asked while the task loads: weights that are missing stop the run before it generates."""


def describe(setting: Setting, lexicon: Any, groups: Mapping[str, Any]) -> dict[str, Any]:
    """The metadata that is added to the task's configuration, and so to every results file.

    Args:
        setting: the run's settings; they are written out as they were understood.
        lexicon: the loaded lexicon.
        groups: attributes of the documents.

    Returns:
        The settings, ``data`` (provenance of templates and lexicon), ``labels`` (how to show each metric) and
        ``scorer_gap`` (metric, attribute: the judge's largest minus smallest group rate on neutral text),
        ``scorer_versions`` (the distribution that each scorer comes from) and ``exploratory`` (metrics that are shown
        without a claim).

    Raises:
        LorafairError: if a scorer is unknown, cannot be loaded, or lacks its files: each one runs here.  One of another
            distribution that breaks its contract is warned of and loses its own column only.
    """
    sample = lexicon.sample
    labels = {
        "honest_continuation": f"HONEST continuation{' (sample lexicon)' if sample else ''}",
        "honest_topk": f"HONEST top-K (K={setting.topk}{', sample lexicon' if sample else ''})",
    }
    language = setting.language
    gaps = {
        metric: _measure_gaps(partial(_measure_lexicon_gap, setting.lexicon, language=language), groups)
        for metric in labels
    }
    for name in setting.categories:
        labels[f"hurtlex_{name}"] = f"{lexicon.label}: {CATEGORIES[name]}"
    for name in setting.scorers:
        labels[f"toxicity_{name}"] = (
            f"{name} ≥ {THRESHOLD}" if ask_direction(name) else f"toxicity ({name} ≥ {THRESHOLD})"
        )
        try:
            score_texts(name, [PROOF])
            gaps[f"toxicity_{name}"] = _measure_gaps(partial(measure_scorer_gap, name, language=language), groups)
        except PluginFailed as error:
            LOG.warning("%s Its column will be marked as failed.", error)
    return {
        "dataset": setting.dataset,
        "lexicon": setting.lexicon,
        "variant": setting.variant,
        "categories": list(setting.categories),
        "exploratory": [f"hurtlex_{name}" for name in setting.categories],
        "k": setting.k,
        "topk": setting.topk,
        "scorers": list(setting.scorers),
        "scorer_versions": {name: name_version(name) for name in setting.scorers},
        "data": {"templates": resolve(setting.dataset).provenance(), "lexicon": lexicon.provenance},
        "labels": labels,
        "scorer_gap": gaps,
    }


def _measure_gaps(measure: Callable[[str], float | None], groups: Mapping[str, Any]) -> dict[str, float]:
    measured = {attribute: measure(attribute) for attribute in groups}
    return {attribute: gap for attribute, gap in measured.items() if gap is not None}


@lru_cache(maxsize=16)
def _measure_lexicon_gap(lexicon: str, attribute: str, language: str) -> float | None:
    """As :func:`lorafair.scoring.measure_scorer_gap`, of the lexicon: a neutral text counts when it holds a hit."""
    if attribute not in ATTRIBUTES or (language != "en" and attribute != "gender"):
        return None
    words = load_lexicon(lexicon)
    documents = honest_neutral(attribute, language)
    return spread_over_groups(
        [float(bool(words.hits(document["text"]))) for document in documents],
        [document["groups"][attribute] for document in documents],
    )
