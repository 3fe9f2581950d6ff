"""Which checkpoints vLLM cannot serve rightly, read from an adapter's config and weights alone."""

from __future__ import annotations

from lorafair.checkpoint import Checkpoint
from lorafair.engines.vllm_job import RANKS

NOT_SERVED = {"gpt2": "vLLM has no LoRA for GPT-2", "falcon": "vLLM has no LoRA for Falcon"} | {
    kind: f"vLLM has no LoRA for {kind}" for kind in ("bloom", "gpt_neo", "gptj", "gpt_neox", "opt_iml")
}
UNKNOWN = (
    "kasa_config",
    "layer_replication",
    "alora_invocation_tokens",
    "trainable_token_indices",
    "use_bdlora",
    "use_qalora",
    "target_parameters",
)
HEADS = {"lm_head", "embed_tokens", "wte", "embed_out"}


def find_misfit(base: Checkpoint, checkpoint: Checkpoint) -> str | None:
    """Why vLLM cannot serve ``checkpoint`` on ``base`` rightly (one clause), or None where it can."""
    if checkpoint.kind != "adapter":
        return None
    config = checkpoint.config
    if str(config.get("peft_type", "")).upper() != "LORA":
        return f"vLLM serves LoRA adapters only, this is {config.get('peft_type')}"
    if config.get("use_dora"):
        return "vLLM does not serve DoRA"
    if config.get("lora_bias") or config.get("bias", "none") != "none":
        return "vLLM does not serve LoRA with trained biases"
    if odd := [name for name in UNKNOWN if config.get(name)]:
        return f"vLLM does not know {', '.join(odd)}"
    if config.get("modules_to_save"):
        return f"vLLM does not serve fully trained modules ({', '.join(map(str, config['modules_to_save']))})"
    start = config.get("init_lora_weights")
    if isinstance(start, str) and start.lower() != "gaussian":
        return f"its start ({start}) was taken out of the base's weights, which vLLM does not do"
    if heads := HEADS.intersection(checkpoint.targets):
        return f"vLLM drops LoRA on {', '.join(sorted(heads))} from log-probabilities (vllm-project/vllm#51594)"
    if (checkpoint.rank or 0) > RANKS[-1]:
        return f"vLLM serves ranks up to {RANKS[-1]}, this is rank {checkpoint.rank}"
    return NOT_SERVED.get(str(base.config.get("model_type")))
