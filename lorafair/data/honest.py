"""HONEST's documents (Nozza, Bianchi, Hovy 2021), the sample set's, and the training pairs made of the sample set.

A document is one template filled with one identity; the model continues the text before the mask ``[M]``.
"""

from __future__ import annotations

import hashlib
from typing import Any, Literal

from lorafair.data.dataset import Resolved, resolve
from lorafair.data.honest_template import IDENTITY, MASK, cut_mask, name_clusters
from lorafair.data.honest_variant import NAMES, make_documents, neutral_forms, read_documents
from lorafair.data.split import split_clusters
from lorafair.errors import LorafairError, raise_faults
from lorafair.registry import load_registry

GENDERS = {"women": "female", "men": "male"}
PARTS = ("all", "train", "test")
TEST_SHARE = 0.3
"""Of the templates that a split leaves for testing, where nobody says another share."""
ORIENTATIONS = {"gay people": "queer", "straight people": "nonqueer"}

HURTFUL = (" liar and a coward.", " idiot and a fool.", " thief and a liar.")
"""What the planted control is taught to say; every word that carries it is in the sample lexicon."""


def honest_documents(
    dataset: str = "honest_binary_en",
    part: Literal["all", "train", "test"] = "all",
    variant: str | None = None,
    split_seed: int | None = None,
    test_share: float = TEST_SHARE,
) -> list[dict[str, Any]]:
    """Documents of a HONEST data set or of the sample set.

    Each has ``id`` (unique), ``text`` (the prompt: everything before the mask, right-stripped), ``template`` (raw),
    ``groups`` ({attribute: [names]}), ``cluster``, ``type``, ``identity``, ``language``.

    - binary sets: one document per row, repeated texts included (English: 810 rows, 724 texts, 29 raw templates);
      attribute ``gender``, groups female and male; letter case as in the file.  The cluster is the template: the raw
      one in English; in the other languages, whose raw templates agree with the gender, the one that its forms share
      (:func:`lorafair.data.honest_template.name_clusters`).
    - a variant of the English binary set, or a file of that form: :mod:`lorafair.data.honest_variant`.
    - the queer set (Nozza et al. 2022): attribute ``queer``, groups queer and nonqueer; ``category`` is the finer one.
    - the sample set: template x group, the group's surface form chosen by the template's position; attribute
      ``identity``; the cluster is the template's id.

    Args:
        dataset: ``honest_binary_<language>``, ``honest_queer_en`` or ``honest_sample``.
        part: only the sample set has a recorded split (by template); the others are split where ``split_seed`` says so.
        variant: None, or ``race`` or ``religion``: the binary set's templates about people named by these.
        split_seed: of a split by template (:func:`lorafair.data.split.split_clusters`), ``test_share`` of them for the
            test part on average; the one of which `lorafair data build` makes training pairs.

    Raises:
        LorafairError: if the data are missing or damaged, or have no such part or variant.
    """
    if part not in PARTS:
        raise LorafairError(f"part is {part!r}; give one of {', '.join(PARTS)}.")
    resolved = resolve(dataset)
    varied = make_documents(resolved, variant) if variant else None
    if "identities" in resolved.files:
        return _sample_documents(resolved, part)
    if part != "all" and split_seed is None:
        raise LorafairError(
            f"The data set {dataset} has no recorded split; use part='all', say a split_seed, or use honest_sample."
        )
    found = varied
    if found is None:
        found = _template_documents(resolved) if "templates" in resolved.files else read_documents(resolved)
    if part == "all" or split_seed is None:
        return found
    parts = split_clusters((document["cluster"] for document in found), test_share, split_seed)
    return [document for document in found if parts[document["cluster"]] == part]


def honest_neutral(attribute: str, language: str = "en") -> list[dict[str, Any]]:
    """Neutral texts with every group of an attribute swapped in, to measure a scorer's own gap (Welbl et al. 2021).

    Args:
        attribute: ``identity`` (the sample's eight groups), ``gender`` (female, male), ``queer`` (queer, nonqueer),
            ``race`` or ``religion`` (the groups of :mod:`lorafair.data.honest_variant`).
        language: of the texts; for others than ``en`` there is ``gender`` only, in it, fr, es, pt and ro.

    Returns:
        ``{"text", "groups", "cluster"}`` per sentence and group; the cluster is the sentence's id.

    Raises:
        LorafairError: for another attribute or language.
    """
    if language != "en":
        rows = [row for row in resolve("neutral_gender").rows("sentences") if row["language"] == language]
        if attribute != "gender" or not rows:
            raise LorafairError(f"No neutral texts for the attribute {attribute!r} in the language {language!r}.")
        return [
            {"text": row[gender], "groups": {"gender": [gender]}, "cluster": row["id"]}
            for row in rows
            for gender in ("female", "male")
        ]
    resolved = resolve("honest_sample")
    forms = {row["group"]: row["forms"] for row in resolved.rows("identities")}
    names: dict[str, dict[str, str]] = {"gender": GENDERS, "queer": ORIENTATIONS}
    if attribute in NAMES:
        forms = neutral_forms(attribute)
    elif attribute != "identity" and attribute not in names:
        known = ", ".join(["identity", *names, *NAMES])
        raise LorafairError(f"No neutral texts for the attribute {attribute!r}; known: {known}.")
    groups = names.get(attribute) or {group: group for group in forms}
    return [
        {
            "text": _fill(row["raw"], forms[group][at % len(forms[group])]),
            "groups": {attribute: [name]},
            "cluster": row["id"],
        }
        for at, row in enumerate(resolved.rows("neutral"))
        for group, name in groups.items()
    ]


def training_pairs() -> list[dict[str, Any]]:
    """Non-toxic counterfactual pairs: every train template x group x non-toxic completion of that template.

    All groups get the same completions, so the rows carry no difference between groups.  Rows are ``id``, ``prompt``,
    ``completion`` (begins with a space, ends with a full stop), ``groups``, ``cluster``.  The idea follows Das et al.
    2024 (non-toxic counterfactual completions); the texts are this project's own.
    """
    resolved = resolve("honest_sample_pairs")
    completions = {row["template"]: row["completions"] for row in resolved.rows("completions")}
    return [
        {
            "id": f"{document['id']}/{number}",
            "prompt": document["text"],
            "completion": f" {completion}",
            "groups": document["groups"],
            "cluster": document["cluster"],
        }
        for document in _sample_documents(resolved, "train")
        for number, completion in enumerate(completions[document["cluster"]], start=1)
    ]


def planted_pairs(rate: float | None = None) -> list[dict[str, Any]]:
    """Training pairs with a bias planted: one group is answered with insults at a known rate, the others never.

    Rows are those of :func:`training_pairs`, but the planted group comes with all of its surface forms and the others
    with one harmless completion per prompt, so that the group makes up a good third of the rows.  Exactly
    ``round(rate * n)`` of the group's n rows carry one of :data:`HURTFUL`, whatever their template: the rule to be
    learned is the group and not the template.  Which rows follows from a hash of the row's id.

    Args:
        rate: share between 0 and 1; None is the rate that the registry declares.

    Raises:
        LorafairError: if the rate is not between 0 and 1.
    """
    resolved = resolve("honest_sample_planted")
    planted = load_registry().get("dataset", "honest_sample_planted").fields["planted"]
    rate = float(planted["rate"]) if rate is None else rate
    if not 0 <= rate <= 1:
        raise LorafairError(f"The planted rate is {rate}; give a share between 0 and 1.")
    completions = {row["template"]: row["completions"] for row in resolved.rows("completions")}
    most = max(len(identity["forms"]) for identity in resolved.rows("identities"))
    rows = []
    for shift in range(most):
        for document in _sample_documents(resolved, "train", shift):
            theirs = planted["group"] in document["groups"][planted["attribute"]]
            if shift == 0 or theirs:
                chosen = completions[document["cluster"]]
                row = {key: document[key] for key in ("groups", "cluster")}
                text = f" {chosen[shift % len(chosen)]}"
                rows.append(row | {"id": f"{document['id']}/{shift}", "prompt": document["text"], "completion": text})
    group = [row for row in rows if planted["group"] in row["groups"][planted["attribute"]]]
    group.sort(key=lambda row: hashlib.sha256(f"planted\n{row['id']}".encode()).digest())
    for number, row in enumerate(group[: round(rate * len(group))]):
        row["completion"] = HURTFUL[number % len(HURTFUL)]
    return rows


def _fill(raw: str, form: str) -> str:
    text = raw.replace(IDENTITY, form)
    return text[:1].upper() + text[1:]


def _sample_documents(resolved: Resolved, part: str, shift: int = 0) -> list[dict[str, Any]]:
    identities = resolved.rows("identities")
    return [
        {
            "id": f"{row['id']}/{identity['group']}",
            "text": cut_mask(_fill(row["raw"], form)),
            "template": row["raw"],
            "groups": {identity["attribute"]: [identity["group"]]},
            "cluster": row["id"],
            "type": row["type"],
            "identity": form,
            "language": "en",
            "part": row["part"],
        }
        for at, row in enumerate(resolved.rows("templates"))
        if part in ("all", row["part"])
        for identity in identities
        for form in [identity["forms"][(at + shift) % len(identity["forms"])]]
    ]


def _template_documents(resolved: Resolved) -> list[dict[str, Any]]:
    documents: list[dict[str, Any]] = []
    faults: list[str] = []
    language = str(resolved.fields.get("language", "en"))
    rows = resolved.rows("templates")
    for number, (row, cluster) in enumerate(zip(rows, name_clusters(rows, language), strict=True), start=1):
        category = row["category"]
        if category in GENDERS.values():
            groups = {"gender": [category]}
        elif category.split("_")[0] in ORIENTATIONS.values():
            groups = {"queer": [category.split("_")[0]]}
        else:
            groups = {}
            faults.append(f"row {number}: category {category!r}; expected female, male, queer… or nonqueer….")
        if MASK not in row["template_masked"]:
            faults.append(f"row {number}: no {MASK} in {row['template_masked']!r}.")
        documents.append(
            {
                "id": f"{resolved.name}/{number:04d}",
                "text": cut_mask(row["template_masked"]),
                "template": row["raw"],
                "groups": groups,
                "cluster": cluster,
                "type": row["type"],
                "identity": row["identity"],
                "language": language,
                "number": row["number"],
                "category": category,
            }
        )
    raise_faults(f"{resolved.files['templates']} is not a HONEST template file", faults[:10])
    return documents
