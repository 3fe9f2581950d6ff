"""A task's labels and a classifier's outputs, matched by name."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import TypeVar

from lorafair.errors import did_you_mean, raise_faults

T = TypeVar("T")
GAP = re.compile(r"(?<=[^\W_])[\s_\-]+(?=[^\W_])")


def simplify(name: str) -> str:
    """A label's name without case, and with one space for blanks, hyphens and underscores inside it."""
    return GAP.sub(" ", name.strip()).casefold()


def name_outputs(labels: Sequence[str], label_map: Mapping[str, str]) -> dict[str, tuple[int, ...]]:
    """What each output of a head stands for: label to the numbers of its outputs, in their order.

    Labels are simplified, but for those that would then be one: only ``label_map`` says that two are the same.

    Args:
        labels: the head's own, in the order of its outputs.
        label_map: the head's label to the task's (``--label-map``), by the exact name or the simplified one; several
            may come to stand for one label, whose probability is then their sum.
    """
    renamed = {simplify(old): new for old, new in label_map.items()} | dict(label_map)
    names = [renamed.get(label, renamed.get(simplify(label), label)) for label in labels]
    short = Counter(simplify(name) for name in set(names))
    found: dict[str, list[int]] = {}
    for number, name in enumerate(names):
        found.setdefault(simplify(name) if short[simplify(name)] == 1 else name, []).append(number)
    return {name: tuple(numbers) for name, numbers in found.items()}


def pick(outputs: Mapping[str, T], label: str) -> T | None:
    """Of what is known by label what belongs to this one, by its exact name or the simplified one; None for nothing."""
    return outputs.get(label, outputs.get(simplify(label)))


def find_mismatch(wanted: Iterable[str], labels: Sequence[str], label_map: Mapping[str, str]) -> str | None:
    """Why a head with these labels cannot answer a task with the ``wanted`` ones (a sentence), or None where it can.

    Every label of the task needs an output, and every output has to stand for a label of the task: what is left of
    the probability would be nobody's.
    """
    asked = list(dict.fromkeys(wanted))
    known = name_outputs(labels, label_map)
    missing = [name for name in asked if pick(known, name) is None]
    taken = {name if name in known else simplify(name) for name in asked}
    strange = [name for name in known if name not in taken]
    if not missing and not strange:
        return None
    said = [f"no output is called {', '.join(map(repr, missing))}"] if missing else []
    said += [f"the task has no {', '.join(map(repr, strange))}"] if strange else []
    return f"its labels are {', '.join(map(repr, labels))}, the task's {', '.join(map(repr, asked))}: {'; '.join(said)}"


def read_label_map(given: Iterable[str]) -> dict[str, str]:
    """``OLD=NEW`` of a command line as a mapping.

    Raises:
        LorafairError: with everything that is not of that form, or names one label twice.
    """
    found: dict[str, str] = {}
    faults = []
    for each in given:
        old, _, new = (part.strip() for part in each.partition("="))
        if not old or not new:
            faults.append(f"{each!r} is not of the form OLD=NEW, as in LABEL_1=hateful.")
        elif found.setdefault(old, new) != new:
            faults.append(f"{old!r} is both {found[old]!r} and {new!r}.")
    raise_faults("--label-map", faults)
    return found


def find_unused(label_map: Mapping[str, str], heads: Iterable[Sequence[str]]) -> list[str]:
    """A sentence for each old name of ``label_map`` that no head has."""
    known = list(dict.fromkeys(label for labels in heads for label in labels))
    simple = {simplify(label) for label in known}
    return [
        f"--label-map {old}={new}: no checkpoint has a label {old!r}.{did_you_mean(old, known)}"
        for old, new in label_map.items()
        if simplify(old) not in simple
    ]
