"""The vLLM engine: one engine for the base, its adapters (swapped per request) and its full fine-tunes (reloaded)."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any

from lorafair.checkpoint import Checkpoint
from lorafair.engines.batch import by_checkpoint, take_whole
from lorafair.engines.contract import CheckpointRefused, Engine, EngineSettings, find_version
from lorafair.engines.vllm_cpu_patch import apply_patches
from lorafair.engines.vllm_fit import find_misfit
from lorafair.engines.vllm_job import (
    Job,
    check_device,
    cut_blocks,
    is_cpu,
    prompt_params,
    read_candidates,
    read_logprobs,
    schedule,
    set_environment,
    start_arguments,
)
from lorafair.engines.vllm_weight import RELOADS_RIGHTLY, Weights
from lorafair.engines.word import WORD_TOKENS, cut, distinct_words
from lorafair.errors import LorafairError
from lorafair.responses.request import Request

IN_FLIGHT = 512


class VllmEngine(Engine):
    """Serves through one vLLM engine, which itself runs in this process (CPU) or in further ones (GPU)."""

    name = "vllm"
    distributions = ("vllm-cpu", "vllm")
    isolated = True

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
        return find_misfit(base, checkpoint)

    @classmethod
    def wants_own(cls, checkpoint: Checkpoint, settings: EngineSettings) -> bool:
        """Full models are reloaded into a running engine unverified only where that was tested: on CPU, one version."""
        import torch

        version = find_version(cls.distributions).split(" ")[-1].split("+")[0]
        tested = not torch.cuda.is_available() and version in RELOADS_RIGHTLY
        return checkpoint.kind == "full" and not tested

    @classmethod
    def with_neighbours(
        cls, requests: Sequence[Request], missing: Sequence[Request], settings: EngineSettings
    ) -> list[Request]:
        """On a CPU whole blocks: every block of all requests to a checkpoint that holds a missing one."""
        import torch

        if torch.cuda.is_available():
            return list(missing)
        return take_whole(requests, missing, cut_blocks)

    # -- starting and swapping -----------------------------------------------------------------------------------

    def warm(self) -> None:
        """Import vLLM."""
        set_environment(self.settings.device)
        import vllm.entrypoints.llm  # noqa: F401

    def start(self) -> None:
        """Start the engine on the base's weights."""
        self._start(self.base)

    def _start(self, first: Checkpoint) -> Any:
        """The engine, started on the weights of the first checkpoint that is asked for (the base's for an adapter)."""
        if self._llm is not None:
            return self._llm
        cpu = is_cpu(self.settings.device)
        check_device(self.settings.device)
        from vllm import LLM

        if cpu:
            apply_patches(lora=bool(self._adapters))
        home = first if first.kind == "full" else self.base
        arguments = start_arguments(home, self.base, self._adapters, self.settings, cpu)
        try:
            self._llm = LLM(**arguments)
        except (ValueError, RuntimeError, TypeError, OSError) as error:
            raise LorafairError(
                f"vLLM did not start on {home.name}: {error}\nMend the engine arguments (--engine-args), or use "
                "--engine hf."
            ) from error
        self._weights = Weights(self._llm, home, cpu)
        return self._llm

    def _serve(self, checkpoint: Checkpoint) -> None:
        """Make the engine ready to answer for ``checkpoint``."""
        checkpoint.check_unchanged()
        llm = self._start(checkpoint)
        assert self._weights is not None
        self._weights.load(checkpoint if checkpoint.kind == "full" else self.base)
        if checkpoint.kind != "adapter" or checkpoint.label in self._lora:
            return
        from vllm.lora.request import LoRARequest

        number = len(self._lora) + 1
        request = LoRARequest(f"{checkpoint.label}-{checkpoint.hash[:12]}", number, str(checkpoint.path.resolve()))
        try:
            llm.llm_engine.add_lora(request)
        except Exception as error:  # vLLM raises many kinds; each means that this adapter cannot be served
            first = (str(error) or type(error).__name__).splitlines()[0]
            raise CheckpointRefused(checkpoint.label, f"vLLM refuses {checkpoint.path}: {first}") from error
        self._lora[checkpoint.label] = request

    def close(self) -> None:
        """Stop the engine and free its memory."""
        if self._llm is not None:
            self._llm.llm_engine.engine_core.shutdown()
            self._llm = None
            self._lora.clear()

    # -- asking --------------------------------------------------------------------------------------------------

    def ask(self, requests: Sequence[Request]) -> Iterator[tuple[Request, Any]]:
        """Answer requests: on a CPU one checkpoint after another, on a GPU adapters mixed (see :func:`schedule`).

        On a CPU they go in blocks that begin with an empty prefix cache: what is computed together decides the last
        digits there, and a block that is asked again is the same block.
        """
        cpu = is_cpu(self.settings.device)
        for together in schedule(by_checkpoint(requests, self.checkpoints), cpu):
            for checkpoint, _ in together:
                self._serve(checkpoint)
            asked = [request for _, own in together for request in own]
            for block in cut_blocks(asked) if cpu else [asked]:
                if cpu:
                    self._llm.llm_engine.reset_prefix_cache()
                yield from self._run([job for r in block if r.kind != "next_words" for job in self._jobs(r)])
                yield from self._next_words([r for r in block if r.kind == "next_words"])

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
        if request.kind == "loglikelihood":
            pairs = [self.encode_pair(*request.arguments[:2])]
        else:
            pairs = self.rolling_windows(request.arguments[0], length)
        jobs = []
        for context, continuation in pairs:
            ids = (context + continuation)[-(length - 1) :]
            start = max(1, len(ids) - len(continuation))
            read = partial(read_logprobs, count=len(ids) - start)
            jobs.append(Job(request, ids, prompt_params(start), read, start))
        return jobs

    def _run(self, jobs: list[Job]) -> Iterator[tuple[Request, Any]]:
        parts: dict[str, list[Any]] = defaultdict(list)
        wanted: dict[str, int] = defaultdict(int)
        for job in jobs:
            wanted[job.request.key] += 1
        for job, answer in self._step(jobs):
            key = job.request.key
            parts[key].append(answer)
            if len(parts[key]) == wanted[key]:
                done = parts.pop(key)
                yield job.request, sum(a[0] for a in done) if job.request.kind == "loglikelihood_rolling" else done[0]

    def _step(self, jobs: list[Job]) -> Iterator[tuple[Job, Any]]:
        """Keep the engine filled with jobs and yield each with what its ``read`` makes of the output."""
        engine = self._llm.llm_engine
        waiting = deque(sorted(jobs, key=lambda job: job.ids))
        running: dict[str, Job] = {}
        try:
            while waiting or running:
                while waiting and len(running) < IN_FLIGHT:
                    job = waiting.popleft()
                    self._count += 1
                    lora = self._lora.get(job.request.checkpoint)
                    engine.add_request(str(self._count), {"prompt_token_ids": job.ids}, job.params, lora_request=lora)
                    running[str(self._count)] = job
                for output in engine.step():
                    if output.finished:
                        job = running.pop(output.request_id.split("-")[0])
                        if job.start and (output.num_cached_tokens or 0) >= job.start:
                            job.params.skip_reading_prefix_cache = True  # a wanted position was not computed
                            waiting.append(job)
                        else:
                            yield job, job.read(output)
        finally:
            if running:
                engine.abort_request(list(running))

    def _next_words(self, requests: list[Request]) -> Iterator[tuple[Request, Any]]:
        """K most likely words: the likeliest next tokens, each completed greedily to a word."""
        from vllm import SamplingParams

        first = []
        for request in requests:
            params = SamplingParams(temperature=0, logprobs=min(64, 2 * request.arguments[1]["k"] + 10), max_tokens=1)
            first.append(Job(request, self.tok_encode(request.arguments[0]), params, read_candidates))
        tokens = {job.request.key: self.drop_special(candidates) for job, candidates in self._step(first)}
        params = SamplingParams(temperature=0, max_tokens=WORD_TOKENS, skip_special_tokens=False)
        jobs = [
            Job(job.request, [*job.ids, token], params, lambda o, place=place: (place, o.outputs[0].text))
            for job in first
            for place, token in enumerate(tokens[job.request.key])
        ]
        found: dict[str, dict[int, str]] = defaultdict(dict)
        for job, (place, text) in self._step(jobs):
            token = tokens[job.request.key][place]
            found[job.request.key][place] = self.tokenizer.decode([token]) + self.cut_end(text)
            if len(found[job.request.key]) == len(tokens[job.request.key]):
                texts = [text for _, text in sorted(found.pop(job.request.key).items())]
                yield job.request, distinct_words(texts, job.request.arguments[1]["k"])
