"""What a results file says about its run: lm-eval's own fields, and LoRAFair's."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from lorafair.adapter_weight import find_trained_rank
from lorafair.checkpoint import Checkpoint
from lorafair.quantization import describe_bases

if TYPE_CHECKING:
    from lorafair.evaluation import EvaluationPlan
    from lorafair.serving.judgement import Finding


def describe_run(
    plan: EvaluationPlan,
    base: Checkpoint,
    checkpoint: Checkpoint,
    identity: dict[str, Any],
    finding: Finding | None = None,
) -> dict[str, Any]:
    """The keys ``config``, ``git_hash``, ``date`` (lm-eval's) and ``lorafair`` (ours) of a results file.

    ``finding`` is what the verification of the checkpoint found, None where it was left out.
    """
    from lorafair.provenance import collect_provenance

    where = {"adapter": f",lora_local_path={checkpoint.path}"}.get(checkpoint.kind, "")
    pretrained = checkpoint.path if checkpoint.kind == "full" else base.name
    provenance = collect_provenance(
        "evaluation",
        seeds={"sampling": plan.seed, "fewshot": 1234},
        data={},
        settings={
            "engine": identity,
            "limit": plan.limit,
            "num_fewshot": plan.num_fewshot,
            "apply_chat_template": plan.apply_chat_template,
            "gen_kwargs": plan.gen_kwargs,
            "metadata": plan.metadata,
            "batch_size": plan.batch_size,
            "engine_args": plan.engine_args,
            "device": plan.device,
            **describe_bases(checkpoint, identity["dtype"]),
        },
    )
    return {
        "config": {
            "model": f"lorafair-{identity['engine']}",
            "model_args": f"pretrained={pretrained}{where},dtype={identity['dtype']}",
            "batch_size": plan.batch_size,
            "device": plan.device,
            "limit": plan.limit,
            "bootstrap_iters": 0,
            "gen_kwargs": plan.gen_kwargs or None,
            "random_seed": plan.seed,
            "fewshot_seed": 1234,
        },
        "git_hash": provenance.git_hash,
        "date": time.time(),
        "lorafair": describe_model(base, checkpoint, identity)
        | {
            "verified": None if finding is None else finding.text,
            "verification": None if finding is None else finding.record(),
            "notes": list(checkpoint.notes),
            "provenance": provenance.model_dump(),
        },
    }


def describe_model(base: Checkpoint, checkpoint: Checkpoint, identity: dict[str, Any]) -> dict[str, Any]:
    """Which model something was measured on: what :func:`lorafair.identity.identify` reads."""
    trained = (checkpoint.provenance or {}).get("settings") or {}
    return {
        "schema": 1,
        "label": checkpoint.label,
        "name": checkpoint.name,
        "kind": checkpoint.kind,
        "base": base.name,
        "base_hash": base.hash,
        "hash": checkpoint.hash,
        "method": checkpoint.method,
        "rank": find_trained_rank(checkpoint.method, checkpoint.rank, trained),
        "trainable_parameters": checkpoint.trainable_parameters,
        "engine": identity["engine"],
        "dtype": identity["dtype"],
        "planted": checkpoint.planted,
        "training": checkpoint.provenance,
    }
