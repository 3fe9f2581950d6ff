"""Labels and answers of a task's documents, from lm-eval's samples: what error rates and calibration are made of.

A multiple-choice sample tells the options (the continuations that were compared), their log-likelihoods and, in
``target``, the right one.  A task that reads the answer out of generated text says it itself: its ``process_results``
returns ``answer`` (and ``prob``, where it has one) beside its metrics, and its documents carry ``label``.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lorafair.errors import did_you_mean

Sample = Mapping[str, Any]
GIVEN = ("answer", "prob", "label")
"""Per-document results of a task that are columns and no metrics."""


@dataclass
class Answers:
    """One model's answers to one task, n documents.

    ``labels`` and ``answers``: names of ``classes``, or where these are empty (every document has options of its own)
    the option's number as text; None where not known.  ``logprobs``: per document the log-probability (nats) of each
    option, normalised over the options, empty where not known; one (n, K) array where all documents have K of them.
    ``probs``: probability of the positive class where the task itself gives it.  ``twins``: the pair that a document
    belongs to.  ``positive``: the class that rates speak of.
    """

    labels: list[str | None]
    answers: list[str | None]
    logprobs: list[list[float]] | NDArray[np.float64]
    probs: list[float]
    twins: list[str | None]
    classes: tuple[str, ...]
    positive: str | None = None
    notes: list[str] = field(default_factory=list)


def read_answers(
    samples: Sequence[Sample], metadata: Mapping[str, Any], task: str, place: str, faults: list[str]
) -> Answers | None:
    """The labels and answers that samples tell, one sample a document; None where they tell no answers.

    Which class is positive is said by ``positive:`` (a class's name, or its number counted from 0) in the task's
    metadata, or by ``positive`` in every document.  Where nobody says and there are two options, the same for all
    documents, it is the one called "1", otherwise the last; a note says so.

    Args:
        samples: the samples of n documents.
        metadata: the task's; ``positive`` and ``classes`` (the classes' names, in order) are read.
        task: its name, for messages.
        place: the file, for messages.
        faults: gets a sentence for a positive class that does not exist.
    """
    twins = [_read_twin(sample) for sample in samples]
    if any(_is_plain(sample.get("answer")) for sample in samples):
        found = _read_given(samples, metadata, twins)
    else:
        options = [_read_options(sample) for sample in samples]
        if not any(options):
            return None
        found = _read_options_of_all(samples, options, twins, task, metadata.get("classes"))
    declared = metadata.get("positive")
    said = [sample["doc"].get("positive") for sample in samples if isinstance(sample.get("doc"), dict)]
    own = {each for each in said if _is_plain(each)}
    if declared is None and len(own) == 1:
        declared = own.pop()
    if declared is not None:
        by_number = isinstance(declared, int) and not isinstance(declared, bool) and 0 <= declared < len(found.classes)
        found.positive = found.classes[declared] if by_number else str(declared)
        if found.positive not in found.classes:
            faults.append(
                f"{place}: the positive class of {task} is {declared!r}, but its answers are "
                f"{', '.join(map(repr, found.classes)) or 'different for each document'}: mend `positive:` in the "
                f"task's metadata.{did_you_mean(found.positive, found.classes)}"
            )
            found.positive = None
    elif len(own) > 1:
        found.notes.append(f"{task}: the documents name different positive classes: no true or false positive rates")
    elif len(found.classes) == 2 and (any(found.logprobs) or metadata.get("classes")):
        found.positive = "1" if "1" in found.classes else found.classes[-1]
        found.notes.append(
            f"{task}: nobody says which class is positive, taken is {found.positive!r} "
            f"({'so called' if found.positive == '1' else 'the last'} of {', '.join(map(repr, found.classes))}; "
            f"`positive:` in the task's metadata says otherwise)"
        )
    if len(set(map(len, found.logprobs))) == 1:
        found.logprobs = np.array(found.logprobs, dtype=np.float64)
    return found


def read_pair(sample: Sample) -> str | None:
    """The pair that a document belongs to: its ``pair``, None without one."""
    document = sample.get("doc")
    pair = document.get("pair") if isinstance(document, dict) else None
    return str(pair) if _is_plain(pair) else None


def _read_twin(sample: Sample) -> str | None:
    """The pair of a document that also says which ``twin`` of it it is."""
    document = sample.get("doc")
    return read_pair(sample) if isinstance(document, dict) and _is_plain(document.get("twin")) else None


def _is_plain(value: Any) -> bool:
    return isinstance(value, str | int | float | bool) and value == value


def _read_given(samples: Sequence[Sample], metadata: Mapping[str, Any], twins: list[str | None]) -> Answers:
    answers = [str(s["answer"]) if _is_plain(s.get("answer")) else None for s in samples]
    labels = [_read_label(sample) for sample in samples]
    declared = metadata.get("classes")
    listed = [str(name) for name in declared] if isinstance(declared, list) else []
    others = sorted({name for name in (*labels, *answers) if name is not None} - set(listed))
    probs = [float(s["prob"]) if isinstance(s.get("prob"), int | float) else math.nan for s in samples]
    return Answers(labels, answers, [[] for _ in samples], probs, twins, (*listed, *others))


def _read_label(sample: Sample) -> str | None:
    document = sample.get("doc")
    label = document.get("label") if isinstance(document, dict) else None
    label = sample.get("target") if label is None else label
    return str(label) if _is_plain(label) and label != "" else None


def _read_options(sample: Sample) -> list[tuple[str, float]]:
    """(text, log-likelihood) of each option of a multiple-choice sample; empty if it is not one.

    lm-eval writes numbers as text.  Requests about another context than the first one's are no options (those for
    mutual information, and tasks whose options stand before the gap).
    """
    arguments, answers = sample.get("arguments"), sample.get("filtered_resps")
    listed = list(arguments.values()) if isinstance(arguments, dict) else arguments
    if not isinstance(listed, list) or not isinstance(answers, list) or len(listed) != len(answers):
        return []
    found = []
    pairs = [tuple(each.values()) if isinstance(each, dict) else each for each in listed]
    for pair, answer in zip(pairs, answers, strict=True):
        if not isinstance(pair, list | tuple) or len(pair) < 2 or not isinstance(answer, list) or len(answer) != 2:
            return []
        try:
            value = float(answer[0])
        except (TypeError, ValueError):
            return []
        if str(answer[1]) not in {"True", "False"} or not isinstance(pair[1], str):
            return []
        if pair[0] == pairs[0][0]:
            found.append((pair[1].strip(), value))
    return found if len(found) > 1 else []


def _read_options_of_all(
    samples: Sequence[Sample],
    options: list[list[tuple[str, float]]],
    twins: list[str | None],
    task: str,
    declared: Any,
) -> Answers:
    sets = {tuple(text for text, _ in each) for each in options if each}
    told = tuple(map(str, declared)) if isinstance(declared, list) else ()
    if len(sets) > 1 and {len(each) for each in sets} == {len(told)}:
        sets = {told}  # one question in several wordings: the k-th option of each is the k-th of the declared classes
    same = sets.pop() if len(sets) == 1 else ()
    classes = same if len(set(same)) == len(same) else ()
    logprobs = [_normalise([value for _, value in each]) for each in options]
    chosen = [max(range(len(each)), key=each.__getitem__) if each else None for each in logprobs]
    found = Answers([], [], logprobs, [math.nan] * len(samples), twins, classes)
    codes = _find_labels(samples, options, chosen, task, found.notes)

    def name(code: int | None) -> str | None:
        return None if code is None else classes[code] if classes else str(code)

    found.labels, found.answers = [name(code) for code in codes], [name(code) for code in chosen]
    return found


def _find_labels(
    samples: Sequence[Sample],
    options: list[list[tuple[str, float]]],
    chosen: list[int | None],
    task: str,
    notes: list[str],
) -> list[int | None]:
    """The right option's number: ``target`` (else the document's ``label``) read as a text or as a number.

    lm-eval writes both alike, so that reading counts which agrees with lm-eval's own ``acc`` on every document.
    """
    nothing: list[int | None] = [None] * len(samples)
    for source in ([s.get("target") for s in samples], [_read_label({"doc": s.get("doc")}) for s in samples]):
        by_text = [_match(o, t) for o, t in zip(options, source, strict=True)]
        by_number = [_count(o, t) for o, t in zip(options, source, strict=True)]
        fits = [
            codes
            for codes in (by_text, by_number)
            if any(code is not None for code in codes)
            and all(_agrees(s, c, a) for s, c, a in zip(samples, codes, chosen, strict=True))
        ]
        if len(fits) == 2 and fits[0] != fits[1]:
            full = [codes for codes in fits if None not in codes]
            if len(full) != 1:
                notes.append(f"{task}: its targets may be texts or numbers of options: labels are not used")
                return nothing
            fits = full
        if fits:
            return fits[0]
    if any("target" in s for s in samples):
        notes.append(f"{task}: its targets are not one of the options compared: labels are not used")
    return nothing


def _match(options: list[tuple[str, float]], target: Any) -> int | None:
    texts = [text for text, _ in options]
    wanted = str(target).strip()
    return texts.index(wanted) if wanted in texts else None


def _count(options: list[tuple[str, float]], target: Any) -> int | None:
    wanted = str(target).strip()
    return int(wanted) if wanted.isascii() and wanted.isdigit() and int(wanted) < len(options) else None


def _agrees(sample: Sample, code: int | None, chosen: int | None) -> bool:
    acc = sample.get("acc")
    if code is None or chosen is None or not isinstance(acc, int | float) or acc != acc:
        return True
    return (acc >= 0.5) == (code == chosen)


def _normalise(values: list[float]) -> list[float]:
    """Log-probabilities over the options; empty where that is not possible (NaN, none possible)."""
    top = max(values, default=-math.inf)
    if not values or any(math.isnan(v) for v in values) or math.isinf(top):
        return []
    total = top + math.log(sum(math.exp(value - top) for value in values))
    return [value - total for value in values]
