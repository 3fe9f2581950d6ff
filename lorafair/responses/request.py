"""A request to one checkpoint, and the key under which its answer is stored."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

KINDS = ("generate_until", "loglikelihood", "loglikelihood_rolling", "next_words")


@dataclass(frozen=True)
class Request:
    """One question to one checkpoint: ``arguments`` are those of lm-eval's request type ``kind``.

    ``task`` and ``document`` (its number in the task) say where it came from, for messages and progress.

    ``seed`` drives the sampling of this request alone; it is derived from ``key``, so that an answer depends neither on
    its neighbours in a batch nor on the order of asking.
    """

    key: str
    checkpoint: str
    kind: str
    arguments: tuple[Any, ...]
    task: str = ""
    document: int = -1

    @property
    def seed(self) -> int:
        """A 31-bit seed from the key."""
        return int(self.key[:16], 16) % (2**31 - 1)


def plan_requests(
    instances: Iterable[Any],
    checkpoint: str,
    identity: dict[str, Any],
    versions: dict[str, str],
    seed: int,
    frame: Callable[[Any], tuple[Any, ...]] | None = None,
) -> list[Request]:
    """Requests for lm-eval instances, in their order, each with its own key.

    Args:
        instances: lm-eval ``Instance`` objects as they reach the model: one entry per *repeat* (the same object again).
        checkpoint: label of the checkpoint that answers.
        identity: what makes an answer this checkpoint's and this engine's: base hash, checkpoint hash, engine and its
            version, dtype.
        versions: task name to task version.
        seed: the user's seed; part of the key of sampled requests only.
        frame: what is asked of an instance instead of its own arguments (:class:`lorafair.label_frame.LabelFrame`).

    The n-th occurrence of equal (task, document, choice, arguments) is repeat n: lm-eval repeats one instance K times,
    and texts repeat within a task, so the text alone would count one answer several times.
    """
    seen: Counter[str] = Counter()
    planned = []
    common = json.dumps(identity, sort_keys=True)
    for instance in instances:
        arguments = tuple(instance.args) if frame is None else frame(instance)
        facts = {
            "task": instance.task_name,
            "version": versions.get(instance.task_name or "", ""),
            "document": instance.doc_id,
            "choice": instance.idx,
            "kind": instance.request_type,
            "arguments": arguments,
            "seed": seed if _is_sampled(instance.request_type, arguments) else None,
        }
        text = json.dumps(facts, sort_keys=True, ensure_ascii=True, default=str)
        repeat = seen[text]
        seen[text] += 1
        key = hashlib.sha256(f"{common}\n{text}\n{repeat}".encode()).hexdigest()
        document = -1 if instance.doc_id is None else int(instance.doc_id)
        planned.append(Request(key, checkpoint, instance.request_type, arguments, instance.task_name or "", document))
    return planned


def _is_sampled(kind: str, arguments: tuple[Any, ...]) -> bool:
    if kind != "generate_until" or len(arguments) < 2 or not isinstance(arguments[1], dict):
        return False
    settings = arguments[1]
    return bool(settings.get("do_sample", float(settings.get("temperature") or 0) > 0))
