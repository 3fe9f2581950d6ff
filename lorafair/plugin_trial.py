"""Try a plugin on something tiny and hold what it gives to its contract; each trial returns its faults and notes."""

from __future__ import annotations

import dataclasses
import inspect
import itertools
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from lorafair.errors import LorafairError
from lorafair.objective_trial import try_objective
from lorafair.plugin_contract import CONTRACTS, describe_value, fill_call
from lorafair.registry import Entry, read_field

if TYPE_CHECKING:
    from lorafair.statistics.table import Floats, Table

TEXTS = ("She is a kind neighbour.", "You are a stupid idiot.", "The train to the coast leaves at noon.")
SETTINGS = {
    **{"rank": 4, "alpha": 8, "target_modules": "all-linear", "seed": 13, "steps": 100},
    "modules": ["model.layers.0.self_attn.q_proj", "model.layers.0.self_attn.v_proj"],
}
PAIRS = 200
"""Rows of a data set that a trial reads."""
NO_SCORE = "scored none of the three texts; a column without one number fails"
UNTRIED = "signature only"
"""The note of a plugin that was not called."""

Call = Callable[[Callable[[], Any]], Any]
"""How a trial runs code of the plugin: :func:`lorafair.plugin_guard.call_plugin` of one entry."""
Trial = tuple[list[str], list[str]]


def try_scorer(entry: Entry, target: Any, call: Call) -> Trial:
    """Three texts, and the same in reverse: one number each, the same number wherever a text stands."""
    from lorafair.scoring import take_scores

    texts = list(TEXTS)
    forth = call(lambda: _list(target(list(texts))))
    if not isinstance(forth, list):
        return [f"gave {describe_value(forth)}, not a sequence of one number per text"], []
    if len(forth) != len(texts):
        return [f"gave {len(forth)} scores for {len(texts)} texts"], []
    wrong = [describe_value(score) for score in forth if not _is_score(score)]
    if wrong:
        return [f"gave {wrong[0]} where a number was expected"], []
    back = call(lambda: _list(target(texts[::-1])))
    faults = _hold(lambda: take_scores(lambda _: forth, texts, {}))
    if len(back) != len(texts) or not all(itertools.starmap(_agree, zip(forth, back[::-1], strict=False))):
        faults.append(f"scores a text by its place or its neighbours: {forth} and, in reverse order, {back[::-1]}")
    notes = [] if any(not _is_nothing(score) for score in forth) else [NO_SCORE]
    return faults, notes + _note_direction(entry, target)


def try_metric(entry: Entry, target: Any, call: Call) -> Trial:
    """Twelve documents in six clusters, two groups; weights of one, a resample, and one without a group or cluster."""
    import numpy as np

    from lorafair.isolation import is_built_in
    from lorafair.metric import measure

    needs = [str(need) for need in read_field(entry, "needs", (), target=target)]
    additive = read_field(entry, "row_additive", target=target)
    table = make_table(needs)
    drawn = np.array([[1.0] * 6, [2.0, 0.0, 1.0, 0.0, 2.0, 1.0], [0.0, 1.0, 1.0, 1.0, 1.0, 1.0]])
    weights = drawn[:, table.cluster]
    if "twin" not in needs:  # whose pairs are clusters across the groups
        weights[2] = ~table.groups["group"][:, 0]
    values = call(lambda: target(table, weights.copy()))
    columns = {column.name: getattr(table, column.name) for column in dataclasses.fields(table)}
    faults = _find_bad_arrays(values, len(weights))
    if not is_built_in(entry):  # the summary knows built-ins that have no level of a group
        faults = faults or _hold(lambda: measure(lambda *_: values, columns, weights, {}))
    if faults:
        return faults, []
    emptied = float(np.asarray(values.get("group:group=a", np.full(3, np.nan)), dtype=np.float64)[2])
    if "twin" not in needs and not math.isnan(emptied):
        faults.append(f"gives {emptied:g} for a group without weight; what cannot be estimated is NaN")
    if additive:
        merged = table.merge()
        alike = call(lambda: target(merged, drawn[:, merged.cluster] * merged.count))
        for key in sorted(set(values) & set(alike)):
            pairs = zip(np.asarray(values[key], np.float64)[:2], np.asarray(alike[key], np.float64)[:2], strict=True)
            if not all(itertools.starmap(_agree, pairs)):
                faults.append(f"says row_additive, but {key} changes when equal rows are merged")
                break
    return faults, []


def try_method(entry: Entry, target: Any, call: Call) -> Trial:
    """The settings of one run: rank 4, alpha 8, every linear layer."""
    made = call(lambda: target(**fill_call(CONTRACTS["method"], target, SETTINGS)))
    if made is None or any(kind.__name__ == "PeftConfigMixin" for kind in type(made).__mro__):
        return [], []
    return [f"gave {describe_value(made)}, neither a peft.PeftConfig nor None"], []


def try_dataset(entry: Entry, target: Any, call: Call) -> Trial:
    """The first rows that its function makes: labelled where it declares labels, else pairs, or texts."""
    from lorafair.data.corpus import check_texts
    from lorafair.data.labelled import check_labelled
    from lorafair.data.pairs import check_rows

    named = fill_call(CONTRACTS["dataset"], target, {"dataset": entry.name})
    rows = call(lambda: list(itertools.islice(iter(target(**named)), PAIRS)))
    labels = entry.fields.get("labels")
    try:
        if labels:
            check_labelled("Its rows", enumerate(rows, start=1), labels)
        elif rows and all(isinstance(row, Mapping) and "text" in row and "prompt" not in row for row in rows):
            check_texts("Its rows", enumerate(rows, start=1))
        else:
            check_rows("Its rows", enumerate(rows, start=1))
    except LorafairError as error:
        return [" ".join(str(error).split())], []
    return [], []


def try_engine(entry: Entry, target: Any, call: Call) -> Trial:
    """Whether the class is an Engine; none is started."""
    place = ("lorafair.engines.contract", "Engine")
    is_engine = any((kind.__module__, kind.__name__) == place for kind in inspect.getmro(target))
    return ([] if is_engine else [f"is not a sub-class of {'.'.join(place)}"]), [UNTRIED]


def make_table(needs: Sequence[str] = ()) -> Table:
    """Twelve documents, two in each cluster and in four of them alike; groups ``a`` and ``b``; each column filled.

    Args:
        needs: what a metric says it needs: with ``twin`` a cluster is a pair of twins, one of each group; ``class x``
            and ``group attribute=name`` are there as well.
    """
    import numpy as np

    from lorafair.statistics.table import Table

    place = np.arange(12)
    y = np.array([1, 0, 1, 1, 0, 0, 1, 1, 0, 1, 0, 0], dtype=np.float64)
    cluster = place % 6 if "twin" in needs else place // 2
    first = place < 6
    groups, names = {"group": np.column_stack([first, ~first])}, {"group": ("a", "b")}
    for need in needs:
        attribute, told, name = need.removeprefix("group ").partition("=")
        if need.startswith("group ") and told:
            names[attribute] = (*names.get(attribute, ()), name)
    for attribute in set(names) - {"group"}:
        several = len(names[attribute])
        groups[attribute] = cluster[:, None] % several == np.arange(several)
    prob = np.repeat([0.1, 0.6, 0.2, 0.5, 0.4, 0.3], 2) + 0.3 * y
    classes = [need.removeprefix("class ") for need in needs if need.startswith("class ")]
    columns = {
        "score": prob,
        "prob": prob,
        "answer": np.asarray(prob >= 0.5, dtype=np.float64),
        "confidence": np.maximum(prob, 1 - prob),
        "logprob": np.log(np.column_stack([1 - prob, prob])),
        "classes": tuple(classes) if len(classes) > 1 else ("no", "yes"),
        "positive": 1,
        "twin": cluster if "twin" in needs else None,
    }
    known = {column.name for column in dataclasses.fields(Table)}
    given: dict[str, Any] = {key: column for key, column in columns.items() if key in known}
    return Table(y=y, cluster=cluster, groups=groups, names=names, **given)


def _find_bad_arrays(values: Any, rows: int) -> list[str]:
    import numpy as np

    if not isinstance(values, Mapping):
        return [f"gave {describe_value(values)}, not a dictionary of arrays"]
    # a difference between groups need not be anything overall
    faults = [] if {"overall", "gap"} & set(values) else ["gives neither `overall` nor `gap`"]
    for key, value in values.items():
        if not isinstance(key, str) or not (key in ("overall", "gap") or key.startswith(("group:", "gap:"))):
            faults.append(f"gives a key {key!r}; keys are overall, group:<attribute>=<name>, gap, gap:<attribute>")
            continue
        try:
            array: Floats = np.asarray(value, dtype=np.float64)
        except (TypeError, ValueError):
            faults.append(f"gives {describe_value(value)} for {key}, not numbers")
            continue
        if array.shape != (rows,):
            faults.append(f"gives an array of shape {array.shape} for {key}, not ({rows},): one per row of weights")
        elif np.isinf(array).any():
            faults.append(f"gives an infinite {key}; what cannot be estimated is NaN")
    return faults


def _hold(take: Callable[[], Any]) -> list[str]:
    """What the code that uses the plugin says against its answer: no trial passes what a command would refuse."""
    try:
        take()
    except LorafairError as error:
        return [" ".join(str(error).split())]
    return []


def _note_direction(entry: Entry, target: Any) -> list[str]:
    told = read_field(entry, "higher_is_better", target=target) is not None
    return [] if told else ["does not say `higher_is_better`: nothing is called better or worse by it"]


def _list(answers: Any) -> Any:
    return list(answers) if isinstance(answers, Iterable) and not isinstance(answers, str | bytes | dict) else answers


def _is_nothing(score: Any) -> bool:
    return score is None or math.isnan(float(score))


def _is_score(score: Any) -> bool:
    if score is None:
        return True
    try:
        return not isinstance(score, str | bytes) and not math.isinf(float(score))
    except (TypeError, ValueError):
        return False


def _agree(one: Any, other: Any) -> bool:
    if _is_nothing(one) or _is_nothing(other):
        return _is_nothing(one) and _is_nothing(other)
    return math.isclose(float(one), float(other), rel_tol=1e-3, abs_tol=1e-4)


TRIALS: dict[str, Callable[[Entry, Any, Call], Trial]] = {
    "scorer": try_scorer,
    "metric": try_metric,
    "method": try_method,
    "dataset": try_dataset,
    "engine": try_engine,
    "objective": try_objective,
}
"""Kinds without one (trainer, probe, model) are held to their signature only; tasks have a file of their own."""
