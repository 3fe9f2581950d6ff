"""The documents of one task over all models, and the tables of labels and answers over them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import reduce

import numpy as np
from numpy.typing import NDArray

from lorafair.answer import Answers
from lorafair.samples import Audit, Samples
from lorafair.statistics.table import Floats, Table


@dataclass(frozen=True)
class Frame:
    """N documents: the union over the models.  ``place``: key -> row; the rest as in :class:`Table`."""

    place: Mapping[str, int]
    cluster: NDArray[np.intp]
    groups: Mapping[str, NDArray[np.bool_]]
    names: Mapping[str, tuple[str, ...]]
    rows: dict[int, NDArray[np.intp]] = field(default_factory=dict)

    def find_rows(self, samples: Samples) -> NDArray[np.intp]:
        """The rows of a model's own documents; models with the same documents share the list of them."""
        if id(samples.keys) not in self.rows:
            self.rows[id(samples.keys)] = np.array([self.place[key] for key in samples.keys], dtype=np.intp)
        return self.rows[id(samples.keys)]

    def spread(self, samples: Samples, values: Sequence[float] | Floats) -> Floats:
        """A model's values (one for each of its own documents) over all N, NaN where it has none."""
        found = np.full(len(self.place), np.nan)
        found[self.find_rows(samples)] = values
        return found


def arrange_task(audit: Audit, task: str) -> tuple[list[Samples], Frame, dict[str, Table]]:
    """A task's samples with their :func:`build_frame` and :func:`build_tables`, made once for an audit."""
    if task not in audit.arranged:
        found = [one for one in audit.samples if one.task == task]
        frame = build_frame(found)
        audit.arranged[task] = found, frame, build_tables(found, frame)
    arranged: tuple[list[Samples], Frame, dict[str, Table]] = audit.arranged[task]
    return arranged


def build_frame(found: Sequence[Samples]) -> Frame:
    """The documents of one task.

    A document is the same for two models when its number and lm-eval's hash of it agree; its groups and cluster are
    those of the first model that has it.
    """
    different: dict[tuple[int, int, int], Samples] = {}  # most models have the very same documents
    for one in found:
        different.setdefault((id(one.keys), id(one.groups), id(one.clusters)), one)
    found = list(different.values())
    keys = list(dict.fromkeys(key for one in found for key in one.keys))
    place = {key: i for i, key in enumerate(keys)}
    groups: list[dict[str, list[str]]] = [{}] * len(keys)
    clusters = [""] * len(keys)
    for one in reversed(found):
        for key, group, cluster in zip(one.keys, one.groups, one.clusters, strict=True):
            groups[place[key]], clusters[place[key]] = group, cluster
    codes = np.unique(clusters, return_inverse=True)[1].astype(np.intp)
    kinds = {id(group): group for group in groups}  # documents of one group share its dictionary
    attributes = sorted({attribute for group in kinds.values() for attribute in group})
    names = {a: tuple(sorted({name for g in kinds.values() for name in g.get(a, ())})) for a in attributes}
    numbers = {kind: k for k, kind in enumerate(kinds)}
    kind = np.fromiter((numbers[id(group)] for group in groups), np.intp, len(groups))
    members = {a: [[name in g.get(a, ()) for name in names[a]] for g in kinds.values()] for a in attributes}
    return Frame(place, codes, {a: np.array(each)[kind] for a, each in members.items()}, names)


def build_tables(found: Sequence[Samples], frame: Frame) -> dict[str, Table]:
    """Per model a table of its labels and answers over all N documents; a document without either has NaN in ``y``.

    Codes are those of the classes of all models together.  A column that some model lacks (probabilities, twins, a
    positive class) is in no model's table, and a label is what the first model that has the document says.

    Returns:
        empty where a model has no answers: there would be nothing to compare.
    """
    answers = [one.answers for one in found if one.answers is not None]
    if not answers or len(answers) < len(found):
        return {}
    known = [each.classes for each in answers]
    classes = known[0] if len(set(known)) == 1 else tuple(sorted({name for each in known for name in each}))
    if any(not each for each in known):
        classes = ()
    wide = max(_measure_options(each) for each in answers)
    likely = len(set(known)) == 1 and all(_measure_options(each) for each in answers)
    positives = {each.positive for each in answers}
    positive = positives.pop() if len(positives) == 1 else None
    twins = _code_twins(found, frame)
    label = np.full(len(frame.place), np.nan)
    seen = set[tuple[int, int, tuple[str, ...]]]()  # most models have the very same labels
    for one, given in zip(found, answers, strict=True):
        if (same := (id(one.keys), id(given.labels), given.classes)) not in seen:
            seen.add(same)
            label = np.where(np.isnan(label), frame.spread(one, _code(given.labels, given.classes, classes)), label)
    tables = {}
    for one, given in zip(found, answers, strict=True):
        answer = frame.spread(one, _code(given.answers, given.classes, classes))
        logprob = np.full((len(frame.place), wide), np.nan) if likely else None
        if logprob is not None and isinstance(given.logprobs, np.ndarray):
            logprob[frame.find_rows(one), : given.logprobs.shape[1]] = given.logprobs
        elif logprob is not None:
            for key, row in zip(one.keys, given.logprobs, strict=True):
                logprob[frame.place[key], : len(row)] = row
        code = classes.index(positive) if positive in classes else None
        prob = frame.spread(one, given.probs) if logprob is None or code is None else np.exp(logprob[:, code])
        tables[one.model] = Table(
            np.where(np.isnan(answer), np.nan, label),
            frame.cluster,
            frame.groups,
            frame.names,
            answer=np.where(np.isnan(answer), -1, answer).astype(np.intp),
            prob=None if code is None or np.isnan(prob).all() else prob,
            confidence=None if logprob is None else _find_top(logprob),
            logprob=logprob,
            twin=twins,
            classes=classes,
            positive=code,
        )
    return tables


def note_positives(task: str, found: Sequence[Samples]) -> None:
    """Say in the first model's notes, once, where models have different positive classes: no rates speak of both."""
    named = {repr(one.answers.positive) for one in found if one.answers is not None}
    told = ", ".join(sorted(named))
    note = f"{task}: models have different positive classes ({told}): no true or false positive rates"
    if len(named) > 1 and note not in found[0].notes:
        found[0].notes.append(note)


def _measure_options(answers: Answers) -> int:
    """The most options that a document has."""
    found = answers.logprobs
    return found.shape[1] if isinstance(found, np.ndarray) else max(map(len, found), default=0)


def _code(names: Sequence[str | None], own: tuple[str, ...], classes: tuple[str, ...]) -> Floats:
    """Names as codes, NaN for None; without common classes the number of the option among the model's ``own``."""
    codes: dict[str | None, float] = {name: float(k) for k, name in enumerate(classes or own)}
    if not codes:
        return np.array([np.nan if name is None else float(name) for name in names])
    codes[None] = np.nan
    return np.fromiter(map(codes.__getitem__, names), np.float64, len(names))


def _find_top(logprob: Floats) -> Floats:
    """(N,) probability of the most likely option, NaN where there is none."""
    return np.asarray(np.exp(reduce(np.fmax, logprob.T)))


def _code_twins(found: Sequence[Samples], frame: Frame) -> NDArray[np.intp] | None:
    """(N,) the pair of each document, -1 for none; None where no two documents are twins."""
    pairs: dict[int, str] = {}
    last: tuple[list[str], list[str | None]] | None = None
    for keys, twins in ((one.keys, one.answers.twins) for one in found if one.answers is not None):
        if last is None or last[0] is not keys or last[1] is not twins:  # not those of the model before
            last = keys, twins
            pairs |= {frame.place[key]: pair for key, pair in zip(keys, twins, strict=True) if pair is not None}
    numbers = {pair: k for k, pair in enumerate(dict.fromkeys(pairs.values()))}
    if len(numbers) == len(pairs):
        return None
    twin = np.full(len(frame.place), -1, dtype=np.intp)
    for row, pair in pairs.items():
        twin[row] = numbers[pair]
    return twin
