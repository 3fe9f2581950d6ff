"""Counterfactual data augmentation: every training text that tells a gender, and the same text of the other gender.

Zhao et al. 2018 (arXiv 1804.06876) and Lu et al. 2018 (1807.11714) swap gendered words by a list; Webster et al. 2020
(2010.06032) call it two-sided where the original stays.  So it does here.  The swap is that of
:mod:`lorafair.data.gender_swap`: English, and where it is not sure of a text there is no twin, which is counted.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from lorafair.data.gender_swap import REASONS, Swap, swap_gender
from lorafair.data.membership import list_names
from lorafair.data.replacement import replace_rows
from lorafair.errors import LorafairError

_PAIRS = ("female male", "woman man", "women men", "girl boy", "girls boys", "f m", "feminine masculine", "she he")
OTHER = {a: b for pair in _PAIRS for a, b in (pair.split(), pair.split()[::-1])}
"""Names of groups and the names of the other gender's."""
BOUNDARY = "over_boundary"


def augment_data(name: str | None, data: Any, say: Callable[[str], None]) -> Any:
    """Training data as an augmentation changes it; ``cda`` adds twins, None changes nothing.

    The provenance gets ``augment``: the name, and how many twins were added and why others were not.

    Args:
        name: None or ``cda``.
        data: pairs, or labelled texts.
        say: takes one line for the user.

    Raises:
        LorafairError: rows without text, or not one twin.
    """
    if name is None:
        return data
    rows, counts = [], Counter[str]()
    for row, twin, reason in add_twins(data.rows):
        rows.append(row)
        if twin is not None:
            rows.append(twin)
        counts["added" if twin is not None else reason] += 1
    if not counts["added"]:
        why = ", ".join(f"{key.replace('_', ' ')} {number}" for key, number in counts.most_common())
        raise LorafairError(f"--augment {name}: no row of {data.name} has a twin ({why}). Leave out --augment.")
    refused = {key: number for key, number in sorted(counts.items()) if key not in ("added", "nothing_to_swap")}
    told = "; ".join(f"{number} because {REASONS.get(key, _OWN.get(key, key))}" for key, number in refused.items())
    say(
        f"{name}: {counts['added']} twins added to {len(data.rows)} rows; {counts['nothing_to_swap']} tell no gender; "
        f"{sum(refused.values())} refused{f' ({told})' if told else ''}"
    )
    facts = {"name": name, "added": counts["added"], "no_gender": counts["nothing_to_swap"], "refused": refused}
    return replace_rows(data, rows, {"augment": facts})


_OWN = {BOUNDARY: "a gendered word spans prompt and completion"}


def add_twins(rows: list[dict[str, Any]]) -> Iterator[tuple[dict[str, Any], dict[str, Any] | None, str]]:
    """Each row with its twin, or None and the reason (a key of REASONS, or ``over_boundary``).

    A twin has the other gender's words in prompt and completion (or in its text), the same label and cluster, and the
    groups of the other gender where theirs have names that tell one (female, male, woman, man, …).

    Raises:
        LorafairError: a row with neither a text nor a prompt.
    """
    for row in rows:
        if isinstance(row.get("text"), str):
            swap = swap_gender(row["text"])
            changed: dict[str, Any] | None = {"text": swap.text}
        elif isinstance(row.get("prompt"), str):
            swap = swap_gender(row["prompt"] + row["completion"])
            changed = _part(swap, len(row["prompt"]))
        else:
            raise LorafairError("--augment cda needs texts, and these rows have none. Leave out --augment.")
        if swap.text is None or changed is None:
            yield row, None, swap.refused or BOUNDARY
            continue
        twin = {**row, **changed, "id": f"{row['id']}-twin", "groups": swap_groups(row.get("groups") or {})}
        yield row, twin, ""


def swap_groups(groups: Mapping[str, Any]) -> dict[str, list[str]]:
    """Groups with every name that tells a gender exchanged for the other's; other names stay."""
    return {attribute: [_swap_name(name) for name in list_names(names)] for attribute, names in groups.items()}


def _swap_name(name: str) -> str:
    other = OTHER.get(name.casefold())
    if other is None:
        return name
    return other.upper() if name.isupper() else other.capitalize() if name[0].isupper() else other


def _part(swap: Swap, length: int) -> dict[str, str] | None:
    """Prompt and completion of a swapped pair whose prompt had ``length`` characters; None where a word spans both."""
    if swap.text is None:
        return None
    moved = length
    for (before, after), end in zip(swap.changes, swap.ends, strict=True):
        if end <= length:
            moved += len(after) - len(before)
        elif end - len(before) < length:
            return None
    return {"prompt": swap.text[:moved], "completion": swap.text[moved:]}
