"""The likelihood ratio attack: was a document in the training set, told by shadow models with and without it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Literal

from lorafair.errors import raise_faults
from lorafair.membership.attack import find_attacked
from lorafair.membership.design import read_settings
from lorafair.membership.likelihood_ratio import attack_offline, attack_online, compute_log_odds
from lorafair.membership.loss import measure_losses
from lorafair.membership.shadow import train_shadows
from lorafair.membership.split import FILE
from lorafair.membership.summary import name_measures, summarise_attack

VARIANCES = ("auto", "pooled", "example")
LEAST = 4
ONLINE, OFFLINE = "membership_lira_online", "membership_lira_offline"


def membership_lira(
    engine: Any,
    checkpoint: Any,
    documents: Sequence[dict[str, Any]],
    shadows: int = 16,
    seed: int = 0,
    variance: Literal["auto", "pooled", "example"] = "auto",
    shadow_method: str | None = None,
    shadow_rank: int | None = None,
    shadow_lr: float | None = None,
    folder: str | None = None,
) -> Iterator[dict[str, Any]]:
    """LiRA, online and offline, with shadows trained like the target (Carlini et al. 2022, arXiv 2112.03570).

    Args:
        engine: lends models: ``hf``, or for classifiers ``head``.
        checkpoint: trained by ``lorafair train`` with ``--holdout``; the base has no shadows and is left out.
        documents: rows of the training data, members and non-members.
        shadows: models that are trained, each on as large a share of the data as the target was.
        seed: of the shadows' rows and training.
        variance: see :func:`lorafair.membership.likelihood_ratio.attack_offline`.
        shadow_method, shadow_rank, shadow_lr: train the shadows otherwise than the target was (Ding et al. 2024 use
            LoRA shadows for full fine-tuning); the records say so.
        folder: where what the shadows say is kept; the default is ``shadows`` beside the checkpoint.

    Yields:
        Per document ``id``, ``member`` (0 or 1), ``log_odds``, ``online`` and ``offline`` (the scores); then the
        records of :func:`lorafair.membership.summary.summarise_attack` of both.  Of the base one record without an
        estimate.

    Raises:
        LorafairError: for settings out of range, and from the parts of the attack.
    """
    faults = [] if variance in VARIANCES else [f"variance is {variance!r}, not {', '.join(VARIANCES)}."]
    if type(shadows) is not int or shadows < LEAST:
        faults.append(f"shadows is {shadows!r}; it must be a whole number of at least {LEAST}.")
    if type(seed) is not int or seed < 0:
        faults.append(f"seed is {seed!r}; it must be a whole number of at least 0.")
    raise_faults("The probe membership_lira cannot run", faults)
    found = find_attacked(engine, checkpoint, documents)
    if checkpoint.kind == "base":
        why = "the base was trained on none of it and has no shadows; membership_loss attacks it"
        yield {"scope": "model", "measure": f"{ONLINE}_auc", "estimate": None, "method": why, "note": why}
        return
    changes = {"method": shadow_method, "rank": shadow_rank, "lr": shadow_lr}
    said = train_shadows(
        engine,
        checkpoint,
        found.data,
        found.split.holdout,
        read_settings(checkpoint, changes),
        count=shadows,
        seed=seed,
        folder=Path(folder).expanduser() if folder else checkpoint.path.parent / "shadows",
    )
    target = compute_log_odds(found.sort(measure_losses(engine, checkpoint, found.take(), found.max_length)))
    log_odds, inside = said.log_odds[:, found.place], said.inside[:, found.place]
    online = attack_online(target, log_odds, inside, variance)
    offline = attack_offline(target, log_odds, inside, variance)
    for document, *values in zip(found.documents, found.member.astype(int), target, online, offline, strict=True):
        names = ("member", "log_odds", "online", "offline")
        yield {"id": document["id"], **dict(zip(names, values, strict=True))}
    facts = {
        "split": found.split.sha256,
        "left_out": len(documents) - len(found.documents),
        "shadows": shadows,
        "shadows_sha256": said.sha256,
        "shadow_method": said.settings["method"],
        "shadow_rank": said.settings.get("rank"),
        "like_target": not any(value is not None for value in changes.values()),
    }
    if not facts["like_target"]:
        facts["note"] = f"the shadows were not trained like {checkpoint.label}, but by {said.settings['method']}"
    yield from summarise_attack(ONLINE, online, found.member, found.documents, facts)
    yield from summarise_attack(OFFLINE, offline, found.member, found.documents, facts)


membership_lira.measures = {  # type: ignore[attr-defined]
    **name_measures(ONLINE, "membership by LiRA, online", "online"),
    **name_measures(OFFLINE, "membership by LiRA, offline", "offline"),
}
membership_lira.beside = FILE  # type: ignore[attr-defined]
