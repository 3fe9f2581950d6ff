"""The settings of Turkish WinoMT: what its YAML says, changed by ``--metadata``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

from lorafair.data.winomt_tr import DATASETS, LINES, PARTS, SPLIT_SEED
from lorafair.errors import did_you_mean, raise_faults

ANSWERS = ("whole", "line")
CHOICES: dict[str, tuple[str, ...]] = {"dataset": DATASETS, "part": PARTS, "lines": LINES, "answer": ANSWERS}


@dataclass(frozen=True)
class Setting:
    """What one run of the task asks; the README says what each does."""

    dataset: str
    part: str
    lines: str
    answer: str
    split_seed: int


def read_setting(metadata: Mapping[str, Any], task: str) -> Setting:
    """Read the settings out of a task's metadata.

    Keys that are not ours stay (lm-eval adds the model's), unless they look like one of ours misspelt.

    Raises:
        LorafairError: with every key that is misspelt, and every value that is not known.
    """
    faults = []
    keys = (*CHOICES, "split_seed")
    for key in metadata:
        if key not in keys and (close := get_close_matches(str(key), keys, 1, 0.8)):
            faults.append(f"unknown setting {key!r}. Did you mean {close[0]!r}?")
    chosen: dict[str, str] = {}
    for key, known in CHOICES.items():
        value = metadata.get(key, known[0])
        chosen[key] = str(value)
        if value not in known:
            faults.append(f"{key} is {value!r}; it is one of {', '.join(known)}.{did_you_mean(str(value), known)}")
    seed = metadata.get("split_seed", SPLIT_SEED)
    if isinstance(seed, bool) or not isinstance(seed, int) or seed < 0:
        faults.append(f"split_seed is {seed!r}: a whole number, e.g. --metadata '{{\"split_seed\": {SPLIT_SEED}}}'")
    raise_faults(f"The settings of the task {task} have faults", faults)
    return Setting(chosen["dataset"], chosen["part"], chosen["lines"], chosen["answer"], seed)
