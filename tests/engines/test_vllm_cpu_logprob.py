"""Prompt log-probabilities in batches: the numbers of a whole softmax, at the asked positions only, in any chunks."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
import torch

from lorafair.engines.vllm_cpu_logprob import ROWS, START, compute_prompt_logprobs, score_targets

VOCABULARY, WIDTH = 50, 8


@pytest.fixture
def head():
    weight = torch.randn(WIDTH, VOCABULARY, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    return lambda hidden: hidden @ weight


def test_scores_are_those_of_a_whole_softmax(head):
    hidden = torch.randn(3 * ROWS, WIDTH, dtype=torch.float64)
    rows, targets = torch.randperm(3 * ROWS)[: 2 * ROWS + 3], torch.randint(0, VOCABULARY, (2 * ROWS + 3,))
    nats, ranks = score_targets(head, hidden, rows, targets)
    exact = torch.log_softmax(head(hidden[rows]), 1)
    torch.testing.assert_close(nats.double(), exact.gather(1, targets[:, None])[:, 0], atol=1e-5, rtol=0)
    assert ((ranks == 1) == (exact.argmax(1) == targets)).all()


def test_only_a_single_likeliest_token_has_the_first_rank():
    logits = torch.tensor([[1.0, 3.0, 2.0], [3.0, 3.0, 2.0], [1.0, 3.0, 2.0]])
    nats, ranks = score_targets(lambda hidden: hidden.clone(), logits, torch.arange(3), torch.tensor([1, 1, 2]))
    assert (ranks == 1).tolist() == [True, False, False]
    assert nats.tolist() == pytest.approx(torch.log_softmax(logits, 1)[[0, 1, 2], [1, 1, 2]].tolist(), abs=1e-6)


@pytest.mark.parametrize("chunks", [[13], [5, 8], [1, 1, 11], [12, 1]])
@pytest.mark.parametrize("start", [1, 7, 12])
def test_a_prompt_in_chunks_beside_others_gives_its_wanted_positions(head, chunks, start):
    pytest.importorskip("vllm")
    ids = torch.randint(0, VOCABULARY, (13,)).tolist()
    hidden = torch.randn(13, WIDTH, dtype=torch.float64)
    params = SimpleNamespace(extra_args={START: start})
    request = SimpleNamespace(prompt_token_ids=ids, sampling_params=params, in_progress_prompt_logprobs_cpu=None)
    asked, computed, found = {"a": 0}, 0, {}
    for chunk in chunks:
        assert not found
        request.num_computed_tokens = computed
        runner = SimpleNamespace(
            num_prompt_logprobs=asked,
            requests={"a": request},
            query_start_loc=SimpleNamespace(np=torch.tensor([0, 4]).numpy()),
            input_batch=SimpleNamespace(req_id_to_index={"a": 1}),
            model=SimpleNamespace(compute_logits=head),
        )
        neighbour = torch.randn(4, WIDTH, dtype=torch.float64)
        step = torch.cat([neighbour, hidden[computed : computed + chunk]])
        found = compute_prompt_logprobs(runner, step, {"a": chunk, "b": 4})
        computed += chunk
    exact = torch.log_softmax(head(hidden), 1)
    wanted = [float(exact[place - 1, ids[place]]) for place in range(start, 13)]
    assert found["a"].logprobs[:, 0].tolist() == pytest.approx(wanted, abs=1e-5)
    assert found["a"].logprob_token_ids[:, 0].tolist() == ids[start:]
    assert not asked
