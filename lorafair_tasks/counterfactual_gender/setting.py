"""The settings of a counterfactual gender task: what its YAML says, changed by ``--metadata``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from lorafair.task_setting import SettingReader


@dataclass(frozen=True)
class Setting:
    """What one run of the task asks; the README says what each does."""

    dataset: str
    k: int
    scorers: tuple[str, ...]
    max_gen_toks: int | None
    temperature: float | None


def read_setting(metadata: Mapping[str, Any], task: str) -> Setting:
    """Read the settings out of a task's metadata; keys that are not ours (lm-eval adds the model's) are left alone.

    Args:
        metadata: the task's metadata, YAML and command line merged.
        task: the task's name, for messages.

    Raises:
        LorafairError: with every setting that looks like a slip, or has a wrong type or range.
    """
    reader = SettingReader(metadata, EXAMPLES)
    setting = Setting(
        dataset=reader.text("dataset"),
        k=reader.count("k", 1) or 1,
        scorers=reader.names("scorers", ["profanity"]),
        max_gen_toks=reader.count("max_gen_toks", None),
        temperature=reader.temperature(),
    )
    reader.finish(task)
    return setting


EXAMPLES = {
    "dataset": '{"dataset": "counterfactual_gender"}',
    "k": '{"k": 5}',
    "scorers": '{"scorers": "profanity,sentiment"}',
    "max_gen_toks": '{"max_gen_toks": 16}',
    "temperature": '{"temperature": 1.0}',
}
