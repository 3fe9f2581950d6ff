"""How much of a group attribute can be read from each layer's states, before and after fine-tuning."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

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
from lorafair.probe_state import read_text_states
from lorafair.statistics.table import Floats

ROUNDING = 1e-12


def representation(
    engine: Any,
    checkpoint: Any,
    documents: Sequence[dict[str, Any]],
    attribute: str | Sequence[str] | None = None,
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
        attribute: whose groups are read, or several; needed where the documents have several.
        states: of a text: the mean over its tokens, or its last token.
        every: take every so many layers; the embeddings (0) and the last layer always.
        folds: of the cross-validation, by whole clusters.
        components: principal components of the standardised states that the probe sees, at most.
        permutations: of the labels; the smallest p is one over one more.
        seed: of folds and permutations.

    Yields:
        Per attribute, for the mean over the layers and per layer: ``representation_accuracy`` (balanced accuracy, with
        the ``recall`` of each group), ``representation_readable`` (``(accuracy - null) / (1 - null)``: 0 is chance, 1
        everything; ``p``, and ``p_max`` over the layers) and, of a checkpoint, ``representation_accuracy_minus_base``
        (paired, simultaneous over the layers); then per document the group that was ``predicted`` at each layer.

    Raises:
        LorafairError: for settings out of range, documents without text, without groups or in too few clusters, and
            from :func:`lorafair.probe_state.read_text_states`.
    """
    _check(states, every, folds, components, permutations, seed)
    setting = Setting(folds, components, seed)
    questions = [_choose(documents, name, folds) for name in _list_attributes(documents, attribute)]
    wanted = {each["id"] for one in questions for each in one.kept}
    texts = [each for each in documents if each["id"] in wanted]
    place = {each["id"]: number for number, each in enumerate(texts)}
    layers, found = read_text_states(engine, checkpoint, texts, states, every)
    both = [found]
    if checkpoint.kind != "base":
        both.append(read_text_states(engine, engine.base, texts, states, every)[1])
    for one in questions:
        rows = [place[each["id"]] for each in one.kept]
        reduced = [[reduce_states(layer[rows], components) for layer in each] for each in both]
        facts = {"left_out": len(documents) - len(rows), "states": states}
        yield from _compare(one, layers, reduced, setting, permutations, facts)


@dataclass(frozen=True)
class _Question:
    """An attribute, its ``groups``, and the documents that are ``kept``, with their groups' and clusters' numbers."""

    attribute: str
    groups: list[str]
    kept: list[dict[str, Any]]
    label: NDArray[np.intp]
    cluster: NDArray[np.intp]


def _compare(
    one: _Question,
    layers: Sequence[int],
    reduced: Sequence[Sequence[Floats]],
    setting: Setting,
    permutations: int,
    facts: dict[str, Any],
) -> Iterator[dict[str, Any]]:
    """Records about one attribute, from the states of a checkpoint and, behind them, of its base."""
    label, cluster = one.label, one.cluster
    fold = draw_folds(cluster, setting)
    predicted = [predict_labels(layer, label, fold) for layer in reduced[0]]
    right = _average([each == label for each in predicted])
    null = draw_null(reduced[0], label, cluster, setting, permutations)
    highest = (null - null.mean(axis=0)).max(axis=1)
    null = np.column_stack([null.mean(axis=1), null])
    about: dict[str, Any] = {"scope": "model", "attribute": one.attribute, "group": None, "n": len(label)}
    about |= {"clusters": int(cluster.max()) + 1, **facts}
    about |= {"note": f"read is the group of {one.attribute} ({', '.join(one.groups)})"}
    for layer, mine, drawn in zip([None, *layers], right, null.T, strict=True):
        found, own, chance = estimate_balanced(mine, label, cluster), balance(mine, label), float(drawn.mean())
        told = {**about, "layer": layer, "method": found.method, "chance": chance}
        recall = {name: float(mine[label == k].mean()) for k, name in enumerate(one.groups)}
        bounds = [found.value, found.low, found.high]
        yield told | _number("representation_accuracy", bounds) | {"recall": recall}
        scaled = [None if x is None else (x - chance) / (1 - chance) for x in bounds]
        p = {"p": float((1 + np.sum(drawn >= own - ROUNDING)) / (permutations + 1))}
        if layer is not None:
            p["p_max"] = float((1 + np.sum(highest >= own - chance - ROUNDING)) / (permutations + 1))
        yield told | _number("representation_readable", scaled) | p
    for of_base in reduced[1:]:
        other = _average([predict_labels(each, label, fold) == label for each in of_base])
        for layer, mine, theirs in zip([None, *layers], right, other, strict=True):
            found = estimate_balanced(mine, label, cluster, theirs, family=1 if layer is None else len(layers))
            told = {**about, "layer": layer, "method": found.method}
            yield told | _number("representation_accuracy_minus_base", [found.value, found.low, found.high])
    for number, document in enumerate(one.kept):
        read = [one.groups[each[number]] for each in predicted]
        yield {"id": document["id"], "attribute": one.attribute, "predicted": read}


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


def _list_attributes(documents: Sequence[dict[str, Any]], asked: str | Sequence[str] | None) -> list[str]:
    """The attributes that are read; all of them have to be there."""
    known = sorted({name for each in documents for name, groups in each["groups"].items() if groups})
    if not known:
        raise LorafairError("No document has groups: there is nothing to be read. Give a task or data with `groups`.")
    if asked is None and len(known) > 1:
        raise LorafairError(f"The documents have groups of {', '.join(known)}: choose by --settings attribute=NAME.")
    names = known if asked is None else [asked] if isinstance(asked, str) else list(dict.fromkeys(asked))
    raise_faults(
        "The probe representation cannot run",
        [f"The documents have no attribute {name!r}. They have: {', '.join(known)}." for name in names
         if name not in known],
    )  # fmt: skip
    return names


def _choose(documents: Sequence[dict[str, Any]], attribute: str, folds: int) -> _Question:
    """Documents in one group of the attribute; groups in few clusters are out."""
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
    kept = [(each, names.index(group)) for each, group in single if group in names]
    cluster = np.unique(np.array([str(each["cluster"]) for each, _ in kept]), return_inverse=True)[1]
    label = np.array([number for _, number in kept], dtype=np.intp)
    return _Question(attribute, names, [each for each, _ in kept], label, cluster.astype(np.intp))


def _number(measure: str, values: Sequence[float | None]) -> dict[str, Any]:
    return {"measure": measure, **dict(zip(("estimate", "low", "high"), values, strict=True))}


representation.measures = {  # type: ignore[attr-defined]
    "representation_accuracy": {"label": "balanced accuracy of a probe for the group", "higher_is_better": None},
    "representation_readable": {"label": "readable share of the group", "higher_is_better": None},
    "representation_accuracy_minus_base": {"label": "balanced accuracy, minus the base's", "higher_is_better": None},
}
