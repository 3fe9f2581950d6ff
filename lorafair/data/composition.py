"""The composition of training data: how much of them is about which group, reached by leaving rows out.

``{"gender=female": 0.7, "gender=male": 0.3}``: of the rows about women and of those about men as many are drawn as give
these shares, none twice; the draw is the largest there is, or ``rows`` in all.  What the shares leave of 1 goes to the
rows that are in none of the named groups; without a remainder these are left out.  The data that two compositions are
compared on must be equally many, or their number is compared as well: give ``rows``.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

import numpy as np

from lorafair.errors import LorafairError, did_you_mean, raise_faults

REST = "rest"
TOLERANCE = 1e-9


def compose_data(data: Any, shares: Mapping[str, float] | None, *, rows: int | None = None, seed: int = 0) -> Any:
    """Data of the given composition, drawn without replacement; without ``shares`` the data themselves.

    Args:
        data: lorafair.data.pairs.Pairs, or another frozen dataclass with ``rows`` (each with ``groups``
            ``{attribute: [names]}``) and ``provenance``.
        shares: group -> share of the result, above 0; together at most 1.  A group is ``attribute=name``, or its name
            alone where only one attribute has it.
        rows: how many rows in all; None: as many as there can be.
        seed: of the draw.  The rows keep their order.

    Returns:
        the same kind of data; its provenance holds ``composition`` (shares, seed, how many rows of each group and of
        how many) and the SHA-256 of what is left.

    Raises:
        LorafairError: with every fault at once: unknown groups, shares that are none, a row in two of the groups (how
            many there are), and too few rows of a group.
    """
    import dataclasses

    if not shares:
        return data
    names = _find_groups(data, shares)
    kind = np.full(len(data.rows), -1)  # -1: in none of the groups
    double = 0
    for place, row in enumerate(data.rows):
        found = [
            k
            for k, (attribute, name) in enumerate(names.values())
            if name in (row.get("groups") or {}).get(attribute, ())
        ]
        double += len(found) > 1
        kind[place] = found[0] if found else -1
    if double:
        raise LorafairError(
            f"composition: {double} rows of {data.name} are in two of its groups or more, so that their shares are not "
            "each other's complement. Name groups of one attribute that do not overlap."
        )
    rest = 1 - sum(shares.values())
    parts = dict(enumerate(shares.values())) | ({-1: rest} if rest > TOLERANCE else {})
    there = {k: int(np.sum(kind == k)) for k in parts}
    most = min(there[k] / share for k, share in parts.items())
    total = int(most + TOLERANCE) if rows is None else rows
    wanted = _round_shares(parts, total)
    labels = dict(enumerate(shares)) | {-1: REST}
    raise_faults(
        f"composition: {data.name} has too few rows for {total} rows in all",
        (
            f"{labels[k]}: {there[k]} rows, {wanted[k]} needed. At most {int(most + TOLERANCE)} rows have these shares."
            for k in parts
            if wanted[k] > there[k] or wanted[k] == 0
        ),
    )
    rng = np.random.default_rng(seed)
    kept = sorted(int(i) for k in parts for i in rng.choice(np.flatnonzero(kind == k), wanted[k], replace=False))
    chosen = [data.rows[i] for i in kept]
    text = "\n".join(json.dumps(row, sort_keys=True, ensure_ascii=False) for row in chosen)
    facts = {
        "shares": dict(shares),
        "seed": seed,
        "rows": {labels[k]: wanted[k] for k in parts},
        "of": {labels[k]: there[k] for k in parts} | {"all": len(data.rows)},
    }
    digest = hashlib.sha256(text.encode()).hexdigest()
    provenance = {**data.provenance, "rows": len(chosen), "sha256": digest, "composition": facts}
    return dataclasses.replace(data, rows=chosen, provenance=provenance, _done={})


def _find_groups(data: Any, shares: Mapping[str, float]) -> dict[str, tuple[str, str]]:
    """The groups as (attribute, name), or all faults."""
    known: dict[str, tuple[str, str]] = {}
    for row in data.rows:
        for attribute, members in (row.get("groups") or {}).items():
            known |= {f"{attribute}={name}": (attribute, name) for name in members}
    faults, found = list[str](), dict[str, tuple[str, str]]()
    for group, share in shares.items():
        fits = [key for key in known if group == key or group == known[key][1]]
        if len(fits) != 1:
            why = (
                f"is in several attributes: {', '.join(fits)}" if fits else f"is in no row.{did_you_mean(group, known)}"
            )
            faults.append(f"the group {group!r} {why}")
        else:
            found[group] = known[fits[0]]
        if isinstance(share, bool) or not isinstance(share, int | float) or not 0 < share <= 1:
            faults.append(f"{group}: {share!r} is no share above 0 and at most 1.")
    numbers = [share for share in shares.values() if isinstance(share, int | float)]
    if sum(numbers) > 1 + TOLERANCE:
        faults.append(f"the shares sum to {sum(numbers):g}, more than 1.")
    raise_faults(f"composition: of {data.name}", faults)
    return found


def _round_shares(parts: Mapping[int, float], total: int) -> dict[int, int]:
    """Whole numbers that sum to ``total`` (times the sum of shares), by largest remainders."""
    exact = {k: share * total for k, share in parts.items()}
    whole = {k: int(number + TOLERANCE) for k, number in exact.items()}
    left = round(sum(exact.values())) - sum(whole.values())
    for k in sorted(parts, key=lambda k: exact[k] - whole[k], reverse=True)[: max(0, left)]:
        whole[k] += 1
    return whole
