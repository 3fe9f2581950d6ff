"""Samples of all models arranged as one column per task and metric, and which model is compared with which."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from lorafair.errors import LorafairError, did_you_mean
from lorafair.identity import Model
from lorafair.samples import Audit, Samples
from lorafair.statistics.compare import Column


def arrange(audit: Audit) -> list[Column]:
    """One column per (task, metric), in order of their names, over the union of the models' documents.

    A document is the same for two models when its number and lm-eval's hash of it agree; its groups and cluster are
    those of the first model that has it.
    """
    columns = []
    for task in sorted({one.task for one in audit.samples}):
        found = [one for one in audit.samples if one.task == task]
        keys = list(dict.fromkeys(key for one in found for key in one.keys))
        place = {key: i for i, key in enumerate(keys)}
        groups: list[dict[str, list[str]]] = [{}] * len(keys)
        clusters = [""] * len(keys)
        for one in reversed(found):
            for key, group, cluster in zip(one.keys, one.groups, one.clusters, strict=True):
                groups[place[key]], clusters[place[key]] = group, cluster
        codes = np.unique(clusters, return_inverse=True)[1].astype(np.intp)
        attributes = sorted({attribute for group in groups for attribute in group})
        names = {a: tuple(sorted({name for group in groups for name in group.get(a, ())})) for a in attributes}
        matrices = {a: np.array([[name in g.get(a, ()) for name in names[a]] for g in groups]) for a in attributes}
        for metric in sorted({metric for one in found for metric in one.values}):
            values = {one.model: _place(one, metric, place) for one in found if metric in one.values}
            if all(np.isnan(each).all() for each in values.values()):
                continue
            direction = next((d for one in found if (d := one.direction.get(metric)) is not None), None)
            columns.append(Column(task, metric, values, codes, matrices, names, direction))
    return columns


def _place(samples: Samples, metric: str, place: dict[str, int]) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    values = np.full(len(place), np.nan)
    values[[place[key] for key in samples.keys]] = samples.values[metric]
    return values


def find_references(model: Model, models: Iterable[Model], against: str | None) -> list[str]:
    """The labels that a model is compared with: its base, the full fine-tuning of that base, and ``against``.

    The base is the one whose hash (else whose name) the model's own record gives, or the only one there is; of several
    full checkpoints that are no planted control the first by label.  A base is compared with ``against`` only.

    Raises:
        LorafairError: if no model is called ``against``.
    """
    models = list(models)
    labels = [one.label for one in models]
    if against is not None and against != "base" and against not in labels:
        raise LorafairError(f"--against {against!r}: no model has that label.{did_you_mean(against, labels)}")
    found: list[str] = []
    if model.kind != "base":
        bases = [one for one in models if one.kind == "base"]
        same = [one for one in bases if _same_base(model, one)]
        found += [one.label for one in (same or (bases if len(bases) == 1 else []))[:1]]
        full = [
            o for o in models if o.kind == "full" and o.planted is None and (len(bases) < 2 or _same_base(o, model))
        ]
        found += [one.label for one in full[:1]]
    if against is not None:
        found += [against]
    return [label for label in dict.fromkeys(found) if label != model.label and label in labels]


def _same_base(model: Model, base: Model) -> bool:
    if model.base_hash and base.base_hash:
        return model.base_hash == base.base_hash
    return bool(model.base) and model.base == base.base
