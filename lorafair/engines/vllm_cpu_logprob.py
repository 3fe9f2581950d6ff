"""vLLM's prompt log-probabilities on CPU, computed only where a request reads them, and for all requests together.

vLLM computes them request by request at every position of the prompt: the output head and a softmax over the whole
vocabulary for context tokens that a log-likelihood never looks at.  Here the positions of the continuations of all
requests of a step go through the head in a few matrix products.  Applied only on the CPU platform and only to the vLLM
versions that it was tested with; ``LORAFAIR_CPU_LOGPROB=stock`` switches it off.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lorafair.engines.vllm_cpu_patch import may_patch

START = "lorafair_start"
"""Key in a request's ``extra_args``: the first prompt position whose log-probability is wanted (at least 1)."""
ROWS = 64
"""Positions that go through the head at once: their float32 scores over 50,000 tokens fit into a CPU's cache."""


def apply_batched_logprobs() -> bool:
    """Replace the prompt log-probabilities of vLLM's model runner; returns whether it was done.

    Must run before the engine is made, in the engine's own process.
    """
    if not may_patch("LORAFAIR_CPU_LOGPROB"):
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
        Request to vLLM's ``LogprobsTensors`` of shapes (length - START, 1): token, nats, 1 for the greedy one or more.
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
    """Log-probability (nats, float32) of one target token at each row of ``hidden``, and whether it is the likeliest.

    Args:
        head: hidden states (n, width) to logits (n, vocabulary), which are overwritten.
        rows: the n rows of ``hidden`` to score, with their ``targets``.

    Returns:
        Two tensors of shape (n,); the second is 1 for the likeliest token, and above 1 for others and where several
        are equally likely.
    """
    import torch

    nats, ranks = [], []
    for start in range(0, len(rows), ROWS):
        logits = head(hidden[rows[start : start + ROWS]]).float()
        own = logits.gather(1, targets[start : start + ROWS, None])
        top = logits.amax(1, keepdim=True)
        rank = 1 + (own < top).long()[:, 0]
        (first,) = torch.where(rank == 1)
        rank[first] = (logits[first] >= own[first]).sum(1)
        nats.append((own - top)[:, 0] - logits.sub_(top).exp_().sum(1).log())
        ranks.append(rank)
    return torch.cat(nats), torch.cat(ranks)
