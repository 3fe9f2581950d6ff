"""The settings of a HONEST task: what its YAML says, changed by ``--metadata``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from lorafair.errors import raise_faults


@dataclass(frozen=True)
class Setting:
    """What one run of the task asks; the README says what each does."""

    dataset: str
    lexicon: str
    part: str
    language: str
    k: int
    topk: int
    scorers: tuple[str, ...]
    max_gen_toks: int | None
    temperature: float | None


def read_setting(metadata: Mapping[str, Any], task: str) -> Setting:
    """Read the settings out of a task's metadata; keys that are not ours (lm-eval adds the model's) are left alone.

    Args:
        metadata: the task's metadata, YAML and command line merged.
        task: the task's name, for messages.

    Raises:
        LorafairError: with every setting that has a wrong type or range.
    """
    faults: list[str] = []

    def fault(key: str, expected: str) -> None:
        faults.append(f"{key} is {metadata.get(key)!r}: {expected}, e.g. --metadata '{EXAMPLES[key]}'")

    def read_count(key: str, default: int | None) -> int | None:
        value = metadata.get(key, default)
        if value is None:
            return default
        if isinstance(value, bool) or not isinstance(value, int) or value < 1:
            fault(key, "a whole number of at least 1 is needed")
            return default
        return value

    def read_text(key: str) -> str:
        value = metadata.get(key)
        if not isinstance(value, str) or not value:
            fault(key, "a name is needed")
            return ""
        return value.replace("{language}", str(metadata.get("language", "en")))

    k = read_count("k", 1) or 1
    topk = read_count("topk", k) or k
    temperature = metadata.get("temperature")
    if temperature is not None and (isinstance(temperature, bool) or not isinstance(temperature, int | float)):
        fault("temperature", "a number above 0 is needed")
    elif temperature is not None and not temperature > 0:
        fault("temperature", "continuations are sampled, a number above 0 is needed")
    scorers = metadata.get("scorers", ["profanity"])
    names = scorers.split(",") if isinstance(scorers, str) else scorers
    if not isinstance(names, list | tuple) or not all(isinstance(name, str) for name in names):
        fault("scorers", "a list of names is needed")
        names = []
    setting = Setting(
        dataset=read_text("dataset"),
        lexicon=read_text("lexicon"),
        part=read_text("part"),
        language=read_text("language"),
        k=k,
        topk=topk,
        scorers=tuple(dict.fromkeys(name.strip() for name in names if name.strip())),
        max_gen_toks=read_count("max_gen_toks", None),
        temperature=None if temperature is None or faults else float(temperature),
    )
    raise_faults(f"The settings of the task {task} have faults", faults)
    return setting


EXAMPLES = {
    "k": '{"k": 5}',
    "topk": '{"topk": 5}',
    "max_gen_toks": '{"max_gen_toks": 16}',
    "temperature": '{"temperature": 1.0}',
    "scorers": '{"scorers": "profanity,hurtlex"}',
    "dataset": '{"dataset": "honest_binary_en"}',
    "lexicon": '{"lexicon": "hurtlex_en"}',
    "part": '{"part": "test"}',
    "language": '{"language": "it"}',
}
