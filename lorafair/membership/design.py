"""The design of shadow models: which rows each is trained on, and with which settings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lorafair.errors import LorafairError

MOST_IN_BLOCK = 10


def draw_inside(clusters: Sequence[str], count: int, share: float, seed: int) -> NDArray[np.bool_]:
    """Which rows each shadow is trained on, (count, rows): whole clusters, each in about ``share`` of the shadows.

    Shadows come in blocks (pairs for a half, fives for 0.8), and within a block each cluster is in the same number of
    them, as in Carlini et al. 2022.  A shadow's rows do not depend on how many shadows there are, so more can be added.
    """
    size = min(range(2, MOST_IN_BLOCK + 1), key=lambda b: (round(abs(round(b * share) / b - share), 6), b))
    kept = min(max(round(size * share), 1), size - 1)
    names, codes = np.unique(np.asarray(clusters, dtype=object).astype(str), return_inverse=True)
    blocks = []
    for block in range(-(-count // size)):
        drawn = np.random.default_rng([seed, block]).random((size, len(names)))
        blocks.append(drawn.argsort(axis=0).argsort(axis=0) < kept)
    return np.asarray(np.concatenate(blocks)[:count][:, codes], dtype=np.bool_)


def read_settings(checkpoint: Any, changes: Mapping[str, Any]) -> dict[str, Any]:
    """Settings of a training run like a checkpoint's own, or with another ``method``, ``rank`` and ``lr``.

    What belongs to a method (its rate, options, a fixed alpha, target modules) is only kept with that method.

    Raises:
        LorafairError: where its provenance does not tell how it was trained, or the changes do not fit.
    """
    from lorafair.plan import DEFAULTS, Plan, plan_runs

    inputs = ((checkpoint.provenance or {}).get("settings") or {}).get("inputs")
    if not isinstance(inputs, dict) or not {"method", "trainer", "lr"} <= set(inputs):
        raise LorafairError(
            f"{checkpoint.label}: its provenance.json does not say how it was trained, so no shadow model can be "
            "trained like it. Train it with `lorafair train`, or use the probe membership_loss."
        )
    own = ("seed", "base", "data", "lr_search")
    settings = {k: v for k, v in inputs.items() if k not in own and not k.endswith(("_origin", "_source"))}
    settings["lr"] = checkpoint.provenance["settings"].get("lr", settings["lr"])  # where it was chosen by a search
    changes = {key: value for key, value in changes.items() if value is not None}
    if not changes:
        return settings
    method = str(changes.get("method", settings["method"]))
    same = method == settings["method"]
    targets = (settings.get("target_modules") if same else None) or "all-linear"
    rank = changes.get("rank", settings.get("rank") if method != "full" else None)
    plan = Plan(
        base="",
        data="",
        methods=(method,),
        ranks=() if rank is None else (int(rank),),
        trainer=settings["trainer"],
        alpha=settings["alpha"] if same and settings.get("alpha_rule") == "fixed" else None,
        target_modules=(targets,) if isinstance(targets, str) else tuple(targets),
        lr=changes.get("lr", settings["lr"] if same else None),
        settings={key: settings[key] for key in DEFAULTS if key in settings},
        options=(settings.get("method_options") or {}) if same else {},
    )
    settings.pop("method_options", None)
    return settings | plan_runs(plan)[0].settings
