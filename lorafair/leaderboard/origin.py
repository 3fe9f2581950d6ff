"""Where rows came from: the metric's distribution and version, and how the statistics were run, beside the rows."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from lorafair.isolation import PluginFailed
from lorafair.leaderboard.row import Rows
from lorafair.metric import identify_metric
from lorafair.provenance import collect_provenance


def write_provenance(found: Rows, path: Path, metrics: Sequence[str] | None = None) -> None:
    """Write ``rows.provenance.json``: seed, resamples, and by metric its origin, version, target and source hash.

    Args:
        found: the rows.
        path: the file.
        metrics: names of the registry; None: those that the rows were computed by.

    Raises:
        OSError: if the file cannot be written.
    """
    told = {}
    for name in found.metrics if metrics is None else metrics:
        try:
            told[name] = identify_metric(name)
        except PluginFailed as error:
            told[name] = {"failed": str(error)}
    provenance = collect_provenance(
        "rows",
        seeds={"bootstrap": found.settings.seed},
        data={},
        settings={
            "resamples": found.settings.resamples,
            "resamples_of_small_p": found.settings.most or found.settings.resamples,
            "alpha": found.settings.alpha,
            "metrics": told,
        },
    )
    path.write_text(provenance.model_dump_json(indent=2) + "\n", encoding="utf-8")
