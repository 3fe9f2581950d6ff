"""Where a probe looks: prompts with answers as token ids, and the positions whose distributions predict the answer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from lorafair.engines.question import ask_engine
from lorafair.errors import LorafairError, raise_faults
from lorafair.probe_check import check_tokenizer

TEXTS = ("given", "greedy")
POSITIONS = 256
"""Positions whose distributions are held at once."""


@dataclass(frozen=True)
class Placed:
    """One document's token ids, and the positions whose next token is the answer's (one after the prompt without one).

    ``cut``: the text was longer than the model's context and lost its start.
    """

    ids: list[int]
    places: range
    cut: bool


def place_answers(
    engine: Any,
    checkpoint: Any,
    documents: Sequence[Mapping[str, Any]],
    texts: str,
    tokens: int,
    positions: int = POSITIONS,
) -> list[Placed]:
    """Prompts and answers of documents, as the engine's tokenizer cuts them.

    Args:
        documents: each with ``prompt`` and ``completion``, or ``text``, which is a prompt without an answer.
        texts: ``given``: the answer is the document's completion, teacher-forced; ``greedy``: the checkpoint's own
            greedy one.
        tokens: of a greedy answer, at most.
        positions: that will be held at once; only looked at here.

    Raises:
        LorafairError: for settings out of range and documents without text, all at once; for a checkpoint that brings
            another tokenizer along.
    """
    faults = [] if texts in TEXTS else [f"texts is {texts!r}, not given or greedy."]
    for name, value in (("tokens", tokens), ("positions", positions)):
        if type(value) is not int or value < 1:
            faults.append(f"{name} is {value!r}; it must be a whole number above 0.")
    if missing := [str(each["id"]) for each in documents if not _read_prompt(each)]:
        faults.append(f"no `text` or `prompt` in {len(missing)} documents ({', '.join(missing[:5])}).")
    raise_faults("The probe cannot run", faults)
    prompts = [_read_prompt(each) for each in documents]
    given = [str(each.get("completion") or "") for each in documents]
    check_tokenizer(engine, checkpoint, (prompt + answer for prompt, answer in zip(prompts, given, strict=True)))
    if texts == "greedy":
        settings = {"do_sample": False, "temperature": 0.0, "max_gen_toks": tokens, "until": []}
        answers = ask_engine(engine, checkpoint, "generate_until", [(prompt, settings) for prompt in prompts])
    else:
        answers = given
    room = find_room(engine.base.config, checkpoint)
    return [_place(engine, prompt, answer, room) for prompt, answer in zip(prompts, answers, strict=True)]


def find_room(config: Mapping[str, Any], checkpoint: Any) -> int:
    """Tokens of text that both the base and the checkpoint can read at once."""
    length = int(config.get("max_position_embeddings") or config.get("n_positions") or 2048)
    return length - int(checkpoint.config.get("num_virtual_tokens") or 0)


def _read_prompt(document: Mapping[str, Any]) -> str:
    found = document.get("prompt") if "completion" in document else document.get("text", document.get("prompt"))
    return found if isinstance(found, str) else ""


def _place(engine: Any, prompt: str, answer: str, room: int) -> Placed:
    context, own = engine.encode_pair(prompt, answer) if answer else (engine.tok_encode(prompt), [])
    if not context:
        raise LorafairError(f"The prompt {prompt[:60]!r} has no token in it. Leave the document out.")
    ids = [*context, *own][-room:]
    start = max(len(ids) - len(own) - 1, 0)
    return Placed(ids, range(start, start + max(len(own), 1)), len(context) + len(own) > room)


def cut_batches(placed: Sequence[Placed], most: int = POSITIONS) -> list[list[int]]:
    """Numbers of the documents in batches of alike length, whose wanted positions, padding included, are ``most``."""
    order = sorted(range(len(placed)), key=lambda i: (len(placed[i].ids), placed[i].places.start, i))
    batches: list[list[int]] = []
    for i in order:
        together = [*(batches[-1] if batches else ()), i]
        first = min(placed[j].places.start for j in together)
        if batches and (len(placed[i].ids) - first) * len(together) <= most:
            batches[-1] = together
        else:
            batches.append([i])
    return batches
