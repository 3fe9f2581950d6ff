"""The settings of a HONEST task: what its YAML says, changed by ``--metadata``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from lorafair.data.honest import TEST_SHARE
from lorafair.data.honest_variant import NAMES
from lorafair.data.lexicon import CATEGORIES
from lorafair.task_setting import SettingReader

LANGUAGES = ("en", "it", "fr", "es", "pt", "ro")


@dataclass(frozen=True)
class Setting:
    """What one run of the task asks; the README says what each does."""

    dataset: str
    lexicon: str
    part: str
    split_seed: int | None
    test_share: float
    language: str
    variant: str | None
    categories: tuple[str, ...]
    k: int
    topk: int
    scorers: tuple[str, ...]
    max_gen_toks: int | None
    temperature: float | None


def read_setting(metadata: Mapping[str, Any], task: str) -> Setting:
    """Read the settings out of a task's metadata.

    Keys that are not ours are left alone, because lm-eval adds the model's; those that look like a slip for one of ours
    are refused.

    Args:
        metadata: the task's metadata, YAML and command line merged.
        task: the task's name, for messages.

    Raises:
        LorafairError: with every setting that is unknown or has a wrong type, range or name.
    """
    reader = SettingReader(metadata, EXAMPLES)
    language = reader.choice("language", LANGUAGES, "en") or "en"
    k = reader.count("k", 1) or 1
    topk, temperature = reader.count("topk", k) or k, reader.temperature()
    setting = Setting(
        dataset=reader.text("dataset").replace("{language}", language),
        lexicon=reader.text("lexicon").replace("{language}", language),
        part=reader.text("part"),
        split_seed=reader.count("split_seed", None),
        test_share=reader.share("test_share", TEST_SHARE),
        language=language,
        variant=reader.choice("variant", NAMES),
        categories=reader.names("categories", (), CATEGORIES),
        k=k,
        topk=topk,
        scorers=reader.names("scorers", ["profanity"]),
        max_gen_toks=reader.count("max_gen_toks", None),
        temperature=temperature,
    )
    reader.finish(task)
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
    "split_seed": '{"split_seed": 13}',
    "test_share": '{"test_share": 0.3}',
    "language": '{"language": "it"}',
    "variant": '{"variant": "race"}',
    "categories": '{"categories": "all"}',
}
