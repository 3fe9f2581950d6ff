"""HONEST Race and HONEST Religion (Das et al. 2024): the English templates about people named by these.

Das et al. replace each gendered word of HONEST's templates by a race or a religion and a binary gender ("the <race>
man").  Their lists are not known; the project's own, and the rule, are here.

The rule: every distinct (raw template, number) of the English binary file is filled with "the <word> woman" and "the
<word> man" ("women", "men" in the plural) for each word.  The file's gendered words (the aunt, the husbands, she) all
become these two, so each combination stands once: 30 templates x 2 genders x the words.

The words: the seven races and the seven religions that D-Lab's hate-speech data (Kennedy et al. 2020, Sachdeva et al.
2022) code as targets, without its "other": Ding et al.'s groups, so that both papers' tasks speak of the same people.
The races are also those of the US standard of 2024 (OMB, Statistical Policy Directive No. 15).  One adjective for
women and men each ("Hispanic", not "Latina" and "Latino"), in the way people write of themselves.
"""

from __future__ import annotations

from typing import Any

from lorafair.data.dataset import Resolved
from lorafair.data.honest_template import IDENTITY, MASK, cut_mask
from lorafair.errors import LorafairError, did_you_mean, raise_faults

NAMES = {
    "race": {
        "Asian people": "Asian",
        "Black people": "Black",
        "Hispanic people": "Hispanic",
        "Middle Eastern people": "Middle Eastern",
        "Native American people": "Native American",
        "Pacific Islander people": "Pacific Islander",
        "white people": "white",
    },
    "religion": {
        "Buddhists": "Buddhist",
        "Christians": "Christian",
        "Hindus": "Hindu",
        "Jewish people": "Jewish",
        "Mormons": "Mormon",
        "Muslims": "Muslim",
        "atheists": "atheist",
    },
}
"""Attribute -> group -> the word that names it in a template."""
PEOPLE = {
    ("female", "singular"): "woman",
    ("male", "singular"): "man",
    ("female", "plural"): "women",
    ("male", "plural"): "men",
}


def make_documents(resolved: Resolved, variant: str) -> list[dict[str, Any]]:
    """Documents of a variant, made of the English binary templates: keys as in ``honest_documents``.

    ``groups`` holds the variant's attribute and ``gender``; the cluster is the raw template.

    Args:
        resolved: the English binary set.
        variant: ``race`` or ``religion``.

    Raises:
        LorafairError: for another variant, or for a data set without English binary templates.
    """
    if variant not in NAMES:
        raise LorafairError(f"HONEST has no variant {variant!r}.{did_you_mean(variant, NAMES)}")
    rows = resolved.rows("templates") if "templates" in resolved.files else []
    if (
        resolved.fields.get("language") != "en"
        or not rows
        or {row.get("category") for row in rows} != {"female", "male"}
    ):
        raise LorafairError(
            f"The variant {variant} is made of the English binary templates, not of {resolved.name}: "
            'use --metadata \'{"dataset": "honest_binary_en"}\'.'
        )
    templates = {(row["raw"], row["number"]): row["type"] for row in rows}
    found: list[dict[str, Any]] = []
    for (raw, number), kind in templates.items():
        for group, word in NAMES[variant].items():
            for gender in ("female", "male"):
                identity = f"the {word} {PEOPLE[gender, number]}"
                found.append(
                    {
                        "id": f"{resolved.name}/{variant}/{len(found) + 1:04d}",
                        "text": cut_mask(raw.replace(IDENTITY, identity)),
                        "template": raw,
                        "groups": {variant: [group], "gender": [gender]},
                        "cluster": raw,
                        "type": kind,
                        "identity": identity,
                        "language": "en",
                        "number": number,
                        "category": f"{group}, {gender}",
                    }
                )
    return found


def read_documents(resolved: Resolved) -> list[dict[str, Any]]:
    """Documents of a file like Das et al.'s own, one per row; the file's role (``race``, …) is the attribute.

    The columns' names are known, their content was not seen here: ``identity`` is taken for the group's name and
    ``gender`` for the gender.  A row whose gender is neither female nor male has no group in that attribute.

    Raises:
        LorafairError: for a data set without such a file, or rows without a mask or a group.
    """
    variant = next((role for role in resolved.files if role in NAMES), None)
    if variant is None:
        raise LorafairError(
            f"The data set {resolved.name} has no HONEST templates: its files are {', '.join(resolved.files)}."
        )
    documents: list[dict[str, Any]] = []
    faults: list[str] = []
    genders = {"female": "female", "woman": "female", "f": "female", "male": "male", "man": "male", "m": "male"}
    for number, row in enumerate(resolved.rows(variant), start=1):
        group, gender = row["identity"].strip(), genders.get(row["gender"].strip().lower())
        if MASK not in row["template_masked"]:
            faults.append(f"row {number}: no {MASK} in {row['template_masked']!r}.")
        if not group:
            faults.append(f"row {number}: no identity.")
        documents.append(
            {
                "id": f"{resolved.name}/{number:04d}",
                "text": cut_mask(row["template_masked"]),
                "template": row["raw"],
                "groups": {variant: [group]} | ({"gender": [gender]} if gender else {}),
                "cluster": row["raw"],
                "type": row["type"],
                "identity": group,
                "language": str(resolved.fields.get("language", "en")),
                "number": row["number"],
                "category": row["category"],
            }
        )
    raise_faults(f"{resolved.files[variant]} is not a HONEST template file", faults[:10])
    return documents


def neutral_forms(attribute: str) -> dict[str, list[str]]:
    """Group -> its singular forms for neutral text, women and men in turn."""
    return {group: [f"the {word} woman", f"the {word} man"] for group, word in NAMES[attribute].items()}
