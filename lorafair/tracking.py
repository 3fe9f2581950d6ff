"""Handing an evaluation to W&B and Trackio, through lm-eval's own loggers, with a leaderboard table in each run."""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lorafair.errors import raise_faults
from lorafair.leaderboard.escape import escape_markdown, strip_controls
from lorafair.records import Row

TABLE = "lorafair/leaderboard"
COLUMNS = (
    *("model", "task", "metric", "kind", "attribute", "group", "estimate", "low", "high", "n", "clusters"),
    *("reference", "quantity", "difference", "difference_low", "difference_high", "p_adjusted", "verdict"),
    *("sample_data", "serving"),
)
TEXTS = frozenset(("attribute", "group", "reference", "quantity", "verdict"))
"""Columns of text that some lines leave empty."""


@dataclass(frozen=True)
class Tracking:
    """lm-eval's arguments of the trackers (``--wandb_args``, ``--wandb_config_args``, ``--trackio_args``)."""

    wandb: dict[str, Any] = field(default_factory=dict)
    wandb_config: dict[str, Any] = field(default_factory=dict)
    trackio: dict[str, Any] = field(default_factory=dict)

    def check(self) -> None:
        """Refuse arguments of a tracker that is not installed, before anything is asked.

        Raises:
            LorafairError: naming what to install.
        """
        asked = {"wandb": self.wandb or self.wandb_config, "trackio": self.trackio}
        faults = [
            f"--{name}-args: {name} is not installed. `pip install {name}`, or leave the option out."
            for name, arguments in asked.items()
            if arguments and importlib.util.find_spec(name) is None
        ]
        if self.wandb_config and not self.wandb:
            faults.append("--wandb-config-args needs --wandb-args, for example --wandb-args project=audit.")
        raise_faults("The evaluation cannot be tracked", faults)


def track(tracking: Tracking, results: Mapping[str, Path], out: Path) -> list[str]:
    """Log each model of an evaluation as a run of its own: results, samples, and the leaderboard of ``out``.

    A run is named after the model's label; where ``name`` is among the arguments, ``name-label``.

    Args:
        results: label -> results file, as ``evaluate`` returns them.

    Returns:
        what could not be logged, a sentence each.  Nothing on disk depends on it.
    """
    if not (tracking.wandb or tracking.trackio) or not results:
        return []
    failed, board = [], None
    try:
        board = build_board(out)
    except Exception as error:  # a tracker is an extra: whatever is wrong, the other runs are logged
        failed.append(f"the leaderboard table: {_tell(error)}")
    for label, path in results.items():
        found, samples = _read(path)
        for name, log in (("wandb", _log_wandb), ("trackio", _log_trackio)):
            if arguments := getattr(tracking, name):
                run = f"{arguments['name']}-{label}" if "name" in arguments else label
                try:
                    failed += log(tracking, arguments | {"name": run}, found, samples, board)
                except Exception as error:  # likewise
                    failed.append(f"{label} in {name}: {_tell(error)}")
    return failed


def build_board(out: Path) -> list[list[Any]]:
    """The rows of an audit as a flat table under :data:`COLUMNS`: a line per row and comparison."""
    from lorafair.leaderboard.row import build_rows
    from lorafair.samples import read_audit

    return [line for row in build_rows(read_audit([out])).rows for line in _flatten(row)]


def _flatten(row: Row) -> list[list[Any]]:
    names = (row.model, row.task, row.metric, row.kind, row.attribute, row.group)
    first: list[Any] = [strip_controls(text) if text else None for text in names]
    first += [row.estimate, row.low, row.high, row.n, row.clusters]
    last = [row.sample_data, row.verified or "unverified serving, or a base"]
    changes = [
        [c.reference, c.quantity, c.difference, c.low, c.high, c.p_adjusted, c.verdict] for c in row.comparisons
    ] or [[None] * 7]
    return [[*first, *change, *last] for change in changes]


def _log_wandb(
    tracking: Tracking, arguments: dict[str, Any], found: Any, samples: Any, board: list[list[Any]] | None
) -> list[str]:
    import wandb  # type: ignore[import-not-found, unused-ignore]
    from lm_eval.loggers import WandbLogger

    logger = WandbLogger(arguments, dict(tracking.wandb_config))
    try:
        logger.post_init(found)
        logger.log_eval_result()
        if board is not None:
            logger.run.log({TABLE: wandb.Table(columns=list(COLUMNS), data=board)}, step=logger.step)
        try:
            logger.log_eval_samples(samples)
        except Exception as error:  # lm-eval's logger knows only samples of its own tasks' shape
            return [f"samples of {arguments['name']} in wandb: {_tell(error)}"]
    finally:
        logger.run.finish()
    return []


def _log_trackio(
    tracking: Tracking, arguments: dict[str, Any], found: Any, samples: Any, board: list[list[Any]] | None
) -> list[str]:
    import pandas as pd
    import trackio  # type: ignore[import-not-found, unused-ignore]
    from lm_eval.loggers import TrackioLogger

    logger = TrackioLogger(arguments)
    try:
        logger.post_init(found)
        logger.log_eval_result()
        if board is not None:
            shown = [[_show(one, column) for one, column in zip(line, COLUMNS, strict=True)] for line in board]
            table = trackio.Table(dataframe=pd.DataFrame(shown, columns=list(COLUMNS)))
            trackio.log({TABLE: table}, step=logger.step)
        logger.log_eval_samples(samples)
    finally:
        logger.finish()
    return []


def _show(one: Any, column: str) -> Any:
    """A cell for Trackio, which renders text as Markdown and writes NaN where there is no text."""
    if isinstance(one, str):
        return escape_markdown(one)
    return "" if one is None and column in TEXTS else one


def _read(path: Path) -> tuple[dict[str, Any], dict[str, list[dict[str, Any]]]]:
    """A results file and its samples by task, with the requests' arguments as lm-eval's loggers expect them."""
    found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    stamp = path.stem.removeprefix("results_")
    samples = {}
    for task in found["configs"]:
        file = path.with_name(f"samples_{task}_{stamp}.jsonl")
        lines = file.read_text(encoding="utf-8").split("\n") if file.is_file() else []
        samples[task] = [_restore(json.loads(line)) for line in lines if line.strip()]
        found["configs"][task]["metric_list"] = _list_metrics(found["configs"][task], samples[task])
    return found, samples


def _list_metrics(config: dict[str, Any], samples: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The metrics that every sample has: a task that computes its own declares none, and the logger looks each up."""
    listed = [one for one in config.get("metric_list") or () if isinstance(one, dict)]
    names = dict.fromkeys(name for sample in samples for name in sample.get("metrics", ()) if ":" not in name)
    wanted = listed or [{"metric": name} for name in names]
    return [one for one in wanted if all(one.get("metric") in sample for sample in samples)]


def _restore(sample: dict[str, Any]) -> dict[str, Any]:
    """lm-eval writes arguments as ``{gen_args_0: {arg_0: …}}`` and logs them as ``[[…]]``."""
    arguments = sample.get("arguments")
    if isinstance(arguments, dict):
        sample["arguments"] = [list(one.values()) if isinstance(one, dict) else [one] for one in arguments.values()]
    return sample


def _tell(error: Exception) -> str:
    lines = str(error).splitlines()
    return f"{type(error).__name__}: {lines[0]}" if lines else type(error).__name__
