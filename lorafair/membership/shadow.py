"""Shadow models: trained like a target on other halves of its data, asked about every row, and thrown away."""

from __future__ import annotations

import hashlib
import json
import shutil
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lorafair.errors import LorafairError
from lorafair.membership.design import draw_inside
from lorafair.membership.likelihood_ratio import compute_log_odds
from lorafair.membership.loss import measure_losses
from lorafair.membership.split import keep_rows
from lorafair.statistics.table import Floats


@dataclass(frozen=True)
class Shadows:
    """What S shadows say: ``log_odds`` (S, rows) of every row, and ``inside`` (S, rows): whether it was trained on.

    ``settings`` are those that the shadows were trained with, ``sha256`` is over all of it.
    """

    log_odds: Floats
    inside: NDArray[np.bool_]
    settings: dict[str, Any]
    sha256: str


def train_shadows(
    engine: Any,
    checkpoint: Any,
    data: Any,
    holdout: float,
    settings: Mapping[str, Any],
    *,
    count: int,
    seed: int,
    folder: Path,
) -> Shadows:
    """Train shadows on ``1 - holdout`` of the data each, and keep what they say of every row; their weights go.

    The base is read once for all of them and one shadow at a time is on disk.  What was done already is read from
    ``folder``, an interrupted shadow goes on, and targets that were trained alike share their shadows.

    Args:
        engine: serves the base of the target and its adapters.
        checkpoint: the target, for messages.
        data: all rows, members and not.
        settings: of :func:`lorafair.membership.design.read_settings`.
        count: of shadows.
        seed: of their rows and of their training.
        folder: a subfolder is made in it for shadows of these settings.

    Raises:
        LorafairError: as :func:`lorafair.training.train_run`.
    """
    from lorafair.base import Base

    facts = {
        "settings": dict(settings),
        "base": engine.base.hash,
        "data": data.provenance["sha256"],
        "holdout": holdout,
        "seed": seed,
    }
    told = json.dumps(facts, sort_keys=True)
    place = folder / hashlib.sha256(told.encode()).hexdigest()[:16]
    inside = draw_inside([row["cluster"] for row in data.rows], count, 1 - holdout, seed)
    files = [place / f"shadow-{number:03d}.json" for number in range(count)]
    missing = [number for number, file in enumerate(files) if _read(file, inside[number]) is None]
    if missing:
        try:
            place.mkdir(parents=True, exist_ok=True)
            (place / "plan.json").write_text(json.dumps(facts, indent=1) + "\n", encoding="utf-8")
        except OSError as error:
            raise LorafairError(
                f"Shadow models cannot be kept in {place}: {error.strerror}. Give another: --settings folder=PATH"
            ) from error
        head, bits = getattr(data, "head", None), settings.get("quantize")
        base = Base(engine.base, settings["dtype"], uses=len(missing), head=head, quantize=bits)
        for done, number in enumerate(missing, start=1):
            print(
                f"{checkpoint.label}: shadow model {number + 1} of {count} ({done} of {len(missing)} to train)",
                file=sys.stderr,
            )
            found = _train_one(engine, base, data, settings, inside[number], number, seed, place)
            _write(files[number], found, inside[number])
    log_odds = np.stack([_known(_read(file, row)) for file, row in zip(files, inside, strict=True)])
    digest = hashlib.sha256(told.encode() + inside.tobytes() + log_odds.tobytes()).hexdigest()
    return Shadows(log_odds, inside, dict(settings), digest)


def _train_one(
    engine: Any,
    base: Any,
    data: Any,
    settings: Mapping[str, Any],
    inside: NDArray[np.bool_],
    number: int,
    seed: int,
    place: Path,
) -> Floats:
    """Log-odds of every row under a shadow that is trained, asked and removed."""
    from lorafair.checkpoint import read_checkpoint
    from lorafair.data.augmentation import augment_data
    from lorafair.plan import Plan, Run
    from lorafair.training import describe_inputs, train_run

    drawn = int(np.random.default_rng([seed, number, 1]).integers(2**31))
    run = Run(f"shadow-{number:03d}", drawn, dict(settings))
    own = keep_rows(data, {row["id"] for row, kept in zip(data.rows, inside, strict=True) if kept})
    own = augment_data(settings.get("augment"), own, lambda line: None)
    plan = Plan(base=base.name, data=data.name, methods=(settings["method"],), out=place)
    path = train_run(plan, run, base, own, describe_inputs(run, base, own))
    shadow = read_checkpoint(path, run.name, engine.base)
    found = compute_log_odds(measure_losses(engine, shadow, data, settings["max_length"]))
    shutil.rmtree(path)
    return found


def _write(file: Path, log_odds: Floats, inside: NDArray[np.bool_]) -> None:
    told = {"schema": 1, "inside": _bits(inside), "log_odds": log_odds.tolist()}
    part = file.with_name(f".{file.name}.part")
    part.write_text(json.dumps(told), encoding="utf-8")
    part.replace(file)


def _read(file: Path, inside: NDArray[np.bool_]) -> Floats | None:
    """What a shadow said, if it was kept whole and was trained on these rows."""
    try:
        told = json.loads(file.read_text(encoding="utf-8"))
        found = np.asarray(told["log_odds"], dtype=np.float64)
        return found if told["inside"] == _bits(inside) and found.shape == inside.shape else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _bits(inside: NDArray[np.bool_]) -> str:
    return "".join("1" if each else "0" for each in inside)


def _known(found: Floats | None) -> Floats:
    if found is None:
        raise LorafairError("A shadow model's file was changed while it was read. Give the same command again.")
    return found
