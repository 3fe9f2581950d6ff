"""The settings of a gender probe: what its YAML says, changed by ``--metadata``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

from lorafair.data.gender_probe import ATTRIBUTES, SYMBOLS, WORDINGS, find_faults
from lorafair.errors import did_you_mean, raise_faults

SCORINGS = ("continuation", "mean_nll")
DEFAULTS: dict[str, Any] = {
    "form": None,
    "dataset": None,
    "reviews": 2000,
    "review_seed": 2024,
    "max_words": 200,
    "symbols": list(SYMBOLS),
    "own_symbols": None,
    "wordings": "all",
    "blocks": 1,
    "groups": ["symbols", "wording"],
    "scoring": "continuation",
    "tokenizer": None,
}
"""Every setting; ``form`` and ``dataset`` are the YAML's."""


@dataclass(frozen=True)
class Setting:
    """What one run of the task asks; the README says what each does."""

    form: str
    dataset: str
    reviews: int
    review_seed: int
    max_words: int
    symbols: Mapping[str, tuple[str, ...]]
    wordings: tuple[str, ...]
    blocks: int
    groups: tuple[str, ...]
    scoring: str
    tokenizer: str | None


def read_setting(metadata: Mapping[str, Any], task: str) -> Setting:
    """Read the settings out of a task's metadata; keys that are not ours (lm-eval adds the model's) are left alone.

    Args:
        metadata: the task's metadata, YAML and command line merged.
        task: the task's name, for messages.

    Raises:
        LorafairError: with every setting that has a wrong name, type or value.
    """
    given = DEFAULTS | {key: value for key, value in metadata.items() if key in DEFAULTS and value is not None}
    faults = [
        f"there is no setting {key!r}.{did_you_mean(key, DEFAULTS)}"
        for key in metadata
        if key not in DEFAULTS and get_close_matches(key, DEFAULTS, n=1, cutoff=0.85)
    ]

    def count(key: str, least: int) -> int:
        value = given[key]
        if isinstance(value, bool) or not isinstance(value, int) or value < least:
            faults.append(f"{key} is {value!r}: a whole number of at least {least} is needed.")
            return least
        return value

    def names(key: str, known: Sequence[str]) -> tuple[str, ...]:
        value = given[key]
        listed = list(known) if value == "all" else value.split(",") if isinstance(value, str) else value
        if not isinstance(listed, list | tuple) or not listed or not all(isinstance(name, str) for name in listed):
            faults.append(f"{key} is {value!r}: a list of names is needed, of {', '.join(known)}.")
            return ()
        found = tuple(dict.fromkeys(name.strip() for name in listed))
        faults.extend(f"{key}: there is no {n!r}.{did_you_mean(n, known)}" for n in found if n not in known)
        return found

    form, scoring, tokenizer = given["form"], given["scoring"], given["tokenizer"]
    if form not in WORDINGS:
        faults.append(f"form is {form!r}.{did_you_mean(str(form), WORDINGS)}")
    if not isinstance(given["dataset"], str):
        faults.append(f"dataset is {given['dataset']!r}: the name of a data set of reviews is needed.")
    if scoring not in SCORINGS:
        faults.append(f"scoring is {scoring!r}.{did_you_mean(str(scoring), SCORINGS)}")
    if scoring == "mean_nll" and not isinstance(tokenizer, str):
        faults.append(
            "scoring is mean_nll, which divides by numbers of tokens: name the model's tokenizer, "
            """e.g. --metadata '{"scoring": "mean_nll", "tokenizer": "models/smollm2-135m"}'."""
        )
    wordings = names("wordings", WORDINGS.get(form, ())) if form in WORDINGS else ()
    symbols = {name: SYMBOLS.get(name, ()) for name in names("symbols", list(SYMBOLS))}
    if given["own_symbols"] is not None:
        symbols["own"] = _read_own(given["own_symbols"], faults)
    whole = len(wordings) * len(symbols)
    blocks = whole if given["blocks"] == "all" else count("blocks", 1)
    if blocks > whole > 0:
        faults.append(f"blocks is {blocks}: there are {whole} (wordings times sets of symbols), or give 'all'.")
    reviews, seed, words = count("reviews", 1), count("review_seed", 0), count("max_words", 1)
    groups = names("groups", ATTRIBUTES)
    raise_faults(f"The settings of the task {task} have faults", faults)
    return Setting(form, given["dataset"], reviews, seed, words, symbols, wordings, blocks, groups, scoring, tokenizer)


def _read_own(value: Any, faults: list[str]) -> tuple[str, ...]:
    listed = value.split(",") if isinstance(value, str) else value
    if not isinstance(listed, list | tuple) or not all(isinstance(one, str) for one in listed):
        faults.append(f"own_symbols is {value!r}: a list of four texts is needed.")
        return ()
    faults.extend(f"own_symbols: {fault}" for fault in find_faults(listed))
    return tuple(listed)
