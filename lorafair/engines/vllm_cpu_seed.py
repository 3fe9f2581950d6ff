"""Seeded requests whose prompt comes in several steps, on CPU.

After each part of a prompt vLLM draws a token, throws it away, and takes the draw back by the offset of the request's
random generator.  A CPU generator has no offset, so the engine dies there (vLLM 0.32).  The generators put in here are
set back to their seed instead, which is where they were before the first token of an answer.
"""

from __future__ import annotations

from typing import Any

from lorafair.engines.vllm_cpu_patch import may_patch


def apply_seeded_prompts() -> bool:
    """Give vLLM's model runner generators that can be set back; returns whether it was done.

    Must run before the engine is made, in the engine's own process.
    """
    if not may_patch():
        return False
    import torch
    from vllm.v1.worker.gpu_model_runner import GPUModelRunner

    class SeedGenerator(torch.Generator):
        """A generator whose draws are taken back by going back to its seed."""

        def get_offset(self) -> int:
            return 0

        def set_offset(self, offset: int) -> torch.Generator:
            return self.manual_seed(self.initial_seed())

    update = GPUModelRunner._update_states

    def update_states(runner: Any, scheduled: Any) -> Any:
        done = update(runner, scheduled)
        for new in scheduled.scheduled_new_reqs:
            request = runner.requests[new.req_id]
            if request.generator is not None:
                request.generator = SeedGenerator(device="cpu").manual_seed(request.generator.initial_seed())
                runner.input_batch.generators[runner.input_batch.req_id_to_index[new.req_id]] = request.generator
        return done

    GPUModelRunner._update_states = update_states
    return True
