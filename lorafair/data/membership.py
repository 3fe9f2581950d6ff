"""Who is in which group: the `groups` of training rows as one boolean matrix, and the labels beside it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from lorafair.errors import LorafairError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@dataclass(frozen=True)
class Membership:
    """The groups of n training examples.

    ``names``: of the G groups, ``attribute=name``, sorted; ``members``: bool (n, G), an example may be in several
    groups of one attribute or in none; ``labels``: int64 (n,), places in ``classes``, or None where rows have none.
    """

    names: tuple[str, ...]
    members: NDArray[np.bool_]
    labels: NDArray[np.int64] | None = None
    classes: tuple[Any, ...] = ()

    def count(self) -> NDArray[np.int64]:
        """Members of each group by label, int64 (G, labels); (G, 1) without labels."""
        import numpy as np

        if self.labels is None:
            sizes: NDArray[np.int64] = self.members.sum(axis=0, dtype=np.int64)[:, None]
            return sizes
        told = self.labels[:, None] == np.arange(len(self.classes))
        counts: NDArray[np.int64] = self.members.astype(np.int64).T @ told.astype(np.int64)
        return counts

    def list_places(self) -> list[list[int]]:
        """Of each example the places of its groups in ``names``, ascending."""
        import numpy as np

        return [np.flatnonzero(row).tolist() for row in self.members]


def read_membership(rows: Sequence[Mapping[str, Any]], classes: Iterable[Any] | None = None) -> Membership:
    """The groups of training rows, and their labels where every row has one.

    Args:
        rows: with ``groups`` ``{attribute: [names]}`` (may be missing or empty), and ``label`` where there are labels.
        classes: the labels in the order in which the head counts them; without it those that occur, sorted.
    """
    import numpy as np

    told = [
        {f"{attribute}={name}" for attribute, names in (row.get("groups") or {}).items() for name in list_names(names)}
        for row in rows
    ]
    names = tuple(sorted(set().union(*told)))
    place = {name: number for number, name in enumerate(names)}
    members = np.zeros((len(rows), len(names)), dtype=bool)
    for number, each in enumerate(told):
        members[number, [place[name] for name in each]] = True
    found = [row.get("label") for row in rows]
    if not found or any(label is None for label in found):
        return Membership(names, members)
    known = tuple(sorted(set(found)) if classes is None else classes)
    order = {label: number for number, label in enumerate(known)}
    return Membership(names, members, np.array([order[label] for label in found], dtype=np.int64), known)


def read_examples(examples: Sequence[Mapping[str, Any]], names: Sequence[str]) -> Membership:
    """The groups of examples as a trainer has them: ``groups``, places in ``names``, and ``label``, an int, if any.

    Raises:
        LorafairError: if there are groups, and the examples do not carry them.
    """
    import numpy as np

    members = np.zeros((len(examples), len(names)), dtype=bool)
    labels = []
    for number in range(len(examples)):
        example = examples[number]
        if names and "groups" not in example:
            raise LorafairError(
                "This trainer's examples carry no groups. Leave out --objective, or take another trainer."
            )
        members[number, list(example.get("groups", ()))] = True
        if isinstance(label := example.get("label"), int):
            labels.append(label)
    if not labels or len(labels) < len(examples):
        return Membership(tuple(names), members)
    return Membership(tuple(names), members, np.array(labels, dtype=np.int64), tuple(range(max(labels) + 1)))


def list_names(names: Any) -> list[str]:
    """The names of one attribute, given as one or as several."""
    return [str(names)] if isinstance(names, str) or not isinstance(names, Iterable) else [str(name) for name in names]


def mark_members(examples: Sequence[Mapping[str, Any]], membership: Membership) -> list[dict[str, Any]]:
    """Copies of tokenised examples, one per row, with ``groups``: places in ``membership.names``."""
    places = membership.list_places()
    return [{**example, "groups": place} for example, place in zip(examples, places, strict=True)]
