"""Attributes derived from two others: ``race×gender`` with the groups ``Black×women``, …."""

from __future__ import annotations

from collections.abc import Iterable

from lorafair.errors import did_you_mean, raise_faults
from lorafair.samples import Audit


def cross_attributes(audit: Audit, pairs: Iterable[tuple[str, str]]) -> None:
    """Add to every document that has both attributes of a pair the derived one, whose groups are the combinations.

    A document in several groups of an attribute is in every combination.  The derived attribute is one like any other:
    it has contrasts, and tests in the family.

    Raises:
        LorafairError: for an attribute that no document has, or one crossed with itself.
    """
    faults, chosen = [], list(pairs)
    if not chosen:
        return
    listed = {id(one.groups): one.groups for one in audit.samples}  # models with the same documents share the list
    known = {attribute for each in listed.values() for groups in each for attribute in groups}
    for pair in chosen:
        faults += [
            f"No document has the attribute {name!r}.{did_you_mean(name, known)} There are: "
            f"{', '.join(sorted(known)) or 'none'}."
            for name in pair
            if name not in known
        ]
        if pair[0] == pair[1]:
            faults.append(f"{pair[0]!r} cannot be crossed with itself: name two attributes.")
    raise_faults("The attributes cannot be crossed", dict.fromkeys(faults))
    audit.arranged.clear()
    for each in listed.values():
        for groups in each:
            for one, other in chosen:
                if one in groups and other in groups:
                    groups[f"{one}×{other}"] = [f"{a}×{b}" for a in groups[one] for b in groups[other]]
