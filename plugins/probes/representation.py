"""How much of a group attribute can be read from each layer's states, before and after fine-tuning."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Literal

import numpy as np

from lorafair.engines.hf_state import count_layers, read_states
from lorafair.errors import LorafairError, raise_faults
from lorafair.linear_probe import (
    Setting,
    balance,
    draw_folds,
    draw_null,
    estimate_balanced,
    predict_labels,
    reduce_states,
)
from lorafair.probe_text import find_room

BATCH = 16
ROUNDING = 1e-12


def representation(
    engine: Any,
    checkpoint: Any,
    documents: Sequence[dict[str, Any]],
    attribute: str | None = None,
    states: Literal["mean", "last"] = "mean",
    every: int = 1,
    folds: int = 5,
    components: int = 64,
    permutations: int = 99,
    seed: int = 0,
) -> Iterator[dict[str, Any]]:
    """Read a text's group from each layer by a linear probe, against permuted labels and against the base.

    Args:
        engine: lends models: ``hf``, or for classifiers ``head``.
        documents: each with a ``text``, ``groups`` and ``cluster``; those in exactly one group of the attribute count.
        attribute: whose groups are read; needed where the documents have several.
        states: of a text: the mean over its tokens, or its last token.
        every: take every so many layers; the embeddings (0) and the last layer always.
        folds: of the cross-validation, by whole clusters.
        components: principal components of the standardised states that the probe sees, at most.
        permutations: of the labels; the smallest p is one over one more.
        seed: of folds and permutations.

    Yields:
        For the mean over the layers, and per layer: ``representation_accuracy`` (balanced accuracy, with the ``recall``
        of each group),
        ``representation_readable`` (``(accuracy - null) / (1 - null)``: 0 is chance, 1 everything; ``p``, and
        ``p_max`` over the layers) and, of a checkpoint, ``representation_accuracy_minus_base`` (paired, simultaneous
        over the layers); then per document the group that was ``predicted`` at each layer.

    Raises:
        LorafairError: for settings out of range, documents without text, without groups or in too few clusters,
            tokens longer than the context, and states that are not numbers.
    """
    _check(states, every, folds, components, permutations, seed)
    kept, names = _choose(documents, attribute, folds)
    label = np.array([names[1].index(each[1]) for each in kept], dtype=np.intp)
    _, cluster = np.unique(np.array([str(each[0]["cluster"]) for each in kept]), return_inverse=True)
    setting = Setting(folds, components, seed)
    fold = draw_folds(cluster, setting)
    texts = [each[0] for each in kept]
    layers, reduced = _reduce(engine, checkpoint, texts, states, every, components)
    predicted = [predict_labels(layer, label, fold) for layer in reduced]
    right = _average([each == label for each in predicted])
    null = draw_null(reduced, label, cluster, setting, permutations)
    highest = (null - null.mean(axis=0)).max(axis=1)
    null = np.column_stack([null.mean(axis=1), null])
    about: dict[str, Any] = {"scope": "model", "attribute": names[0], "group": None, "n": len(kept)}
    about |= {"clusters": int(cluster.max()) + 1, "left_out": len(documents) - len(kept), "states": states}
    about |= {"note": f"read is the group of {names[0]} ({', '.join(names[1])})"}
    for layer, mine, drawn in zip([None, *layers], right, null.T, strict=True):
        found, own, chance = estimate_balanced(mine, label, cluster), balance(mine, label), float(drawn.mean())
        one = {**about, "layer": layer, "method": found.method, "chance": chance}
        recall = {name: float(mine[label == k].mean()) for k, name in enumerate(names[1])}
        bounds = [found.value, found.low, found.high]
        yield one | _number("representation_accuracy", bounds) | {"recall": recall}
        scaled = [None if x is None else (x - chance) / (1 - chance) for x in bounds]
        p = {"p": float((1 + np.sum(drawn >= own - ROUNDING)) / (permutations + 1))}
        if layer is not None:
            p["p_max"] = float((1 + np.sum(highest >= own - chance - ROUNDING)) / (permutations + 1))
        yield one | _number("representation_readable", scaled) | p
    if checkpoint.kind != "base":
        _, of_base = _reduce(engine, engine.base, texts, states, every, components)
        other = _average([predict_labels(each, label, fold) == label for each in of_base])
        for layer, mine, theirs in zip([None, *layers], right, other, strict=True):
            found = estimate_balanced(mine, label, cluster, theirs, family=1 if layer is None else len(layers))
            one = {**about, "layer": layer, "method": found.method}
            yield one | _number("representation_accuracy_minus_base", [found.value, found.low, found.high])
    for number, (document, _) in enumerate(kept):
        yield {"id": document["id"], "predicted": [names[1][each[number]] for each in predicted]}


def _average(right: Sequence[Any]) -> list[Any]:
    """(n,) shares of layers at which a document is read rightly, then whether it is at each layer."""
    return [np.mean(right, axis=0), *right]


def _check(states: str, every: int, folds: int, components: int, permutations: int, seed: int) -> None:
    least = {"every": (every, 1), "folds": (folds, 2), "components": (components, 1)}
    least |= {"permutations": (permutations, 19), "seed": (seed, 0)}
    faults = [f"states is {states!r}, not mean or last."] if states not in ("mean", "last") else []
    faults += [
        f"{name} is {value!r}; it must be a whole number of at least {low}."
        for name, (value, low) in least.items()
        if type(value) is not int or value < low
    ]
    raise_faults("The probe representation cannot run", faults)


def _choose(
    documents: Sequence[dict[str, Any]], attribute: str | None, folds: int
) -> tuple[list[tuple[dict[str, Any], str]], tuple[str, list[str]]]:
    """Documents in one group of the attribute, with it, and (attribute, groups); groups in few clusters are out."""
    known = sorted({name for each in documents for name, groups in each["groups"].items() if groups})
    if not known:
        raise LorafairError("No document has groups: there is nothing to be read. Give a task or data with `groups`.")
    if attribute is None and len(known) > 1:
        raise LorafairError(f"The documents have groups of {', '.join(known)}: choose by --settings attribute=NAME.")
    attribute = known[0] if attribute is None else attribute
    if attribute not in known:
        raise LorafairError(f"The documents have no attribute {attribute!r}. They have: {', '.join(known)}.")
    single = [
        (each, str(each["groups"][attribute][0])) for each in documents if len(each["groups"].get(attribute, ())) == 1
    ]
    if missing := [each["id"] for each, _ in single if not isinstance(each.get("text"), str) or not each["text"]]:
        raise LorafairError(
            f"The probe representation needs a `text` in each document; none in {', '.join(missing[:5])}."
        )
    clusters: dict[str, set[str]] = {}
    for each, group in single:
        clusters.setdefault(group, set()).add(str(each["cluster"]))
    names = sorted(group for group, own in clusters.items() if len(own) >= folds)
    if len(names) < 2:
        sizes = ", ".join(f"{group} {len(own)}" for group, own in sorted(clusters.items())) or "none"
        raise LorafairError(
            f"Fewer than two groups of {attribute} have documents of their own in {folds} clusters (clusters: {sizes})."
            " Give more documents, or fewer --settings folds=N."
        )
    return [(each, group) for each, group in single if group in names], (attribute, names)


def _reduce(
    engine: Any, checkpoint: Any, documents: Sequence[dict[str, Any]], states: Any, every: int, components: int
) -> tuple[list[int], list[Any]]:
    """The layers that are looked at, and each one's states on principal components."""
    room = find_room(engine.base.config, checkpoint)
    classifies = bool(getattr(engine, "classifies", False))
    tokenizer = engine.base_tokenizer if classifies else engine.tokenizer
    rows = [list(tokenizer(each["text"])["input_ids"]) for each in documents]
    if bad := [each["id"] for each, row in zip(documents, rows, strict=True) if not 0 < len(row) <= room]:
        raise LorafairError(
            f"{len(bad)} texts have no token, or more than the {room} that {checkpoint.label} reads at once "
            f"({', '.join(bad[:5])}{', …' if len(bad) > 5 else ''}). Shorten them, or leave them out."
        )
    bare = classifies and checkpoint.kind == "base" and checkpoint.head is None
    with engine.lend_body() if bare else engine.lend(checkpoint) as model:
        last = count_layers(model)
        layers = sorted({*range(0, last + 1, every), last})
        found = read_states(model, rows, states, layers, getattr(engine, "batch_size", BATCH))
    broken = [each["id"] for i, each in enumerate(documents) if not np.isfinite(found[:, i]).all()]
    if broken:
        raise LorafairError(f"States of {checkpoint.label} are not numbers on {', '.join(broken[:5])}.")
    return layers, [reduce_states(layer, components) for layer in found]


def _number(measure: str, values: Sequence[float | None]) -> dict[str, Any]:
    return {"measure": measure, **dict(zip(("estimate", "low", "high"), values, strict=True))}


representation.measures = {  # type: ignore[attr-defined]
    "representation_accuracy": {"label": "balanced accuracy of a probe for the group", "higher_is_better": None},
    "representation_readable": {"label": "readable share of the group", "higher_is_better": None},
    "representation_accuracy_minus_base": {"label": "balanced accuracy, minus the base's", "higher_is_better": None},
}
