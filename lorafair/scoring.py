"""Ask a scorer of the registry for the scores of texts, and for its own gap on text that says nothing bad."""

from __future__ import annotations

import inspect
import math
import unicodedata
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import lru_cache
from itertools import islice
from typing import TYPE_CHECKING, Any

from lorafair.blame import describe_plugin
from lorafair.errors import LorafairError
from lorafair.isolation import PluginFailed, ask_field, is_built_in, open_plugin, read_remarks
from lorafair.plugin_source import identify_plugin
from lorafair.registry import load_registry, load_target

if TYPE_CHECKING:
    from lorafair.registry import Entry

BATCH = 1024
"""Texts in one question to a stranger's scorer, which the time limit is for."""
THRESHOLD = 0.5
"""A text counts as toxic from this score on (the papers' and the scorers' own convention)."""
ATTRIBUTES = ("identity", "gender", "queer", "race", "religion")
"""Attributes for which identity-swapped neutral texts exist (in English)."""


def score_texts(name: str, texts: Sequence[str], **settings: Any) -> list[float | None]:
    """Score texts with one scorer, identical texts once, all in one call.

    A text without any visible character is not handed to the scorer: where higher is worse it scores 0 (nothing was
    said), elsewhere None.  A NaN or None of the scorer is None: not scored.

    Args:
        name: the scorer's name in the registry.
        texts: n completions.
        settings: handed to the scorer.

    Returns:
        n scores in the order of ``texts``.

    Raises:
        PluginFailed: for a scorer that fails, hangs, or whose answer is not one number per text; the message names the
            scorer and the distribution it came from.
        LorafairError: for an unknown scorer, one that cannot be loaded, or lacks what the user can give it.
    """
    entry = load_registry().get("scorer", name)
    asked = list(dict.fromkeys(text for text in texts if _is_visible(text)))
    answers = _ask(entry, asked, settings) if asked else []
    scores = dict(zip(asked, answers, strict=True))
    blank = 0.0 if ask_field(entry, "higher_is_better") is False else None
    return [scores.get(text, blank) for text in texts]


def require_numbers(name: str, texts: Sequence[str], scores: Sequence[float | None]) -> None:
    """Refuse the scores of a whole column where there is not one number among them.

    Raises:
        PluginFailed: naming the scorer and its distribution; not where there was no text to score.
    """
    asked = [score for text, score in zip(texts, scores, strict=True) if _is_visible(text)]
    if asked and all(score is None for score in asked):
        what = describe_plugin(load_registry().get("scorer", name))
        raise PluginFailed(f"The {what} gave no number (None or NaN) for any of {len(asked)} texts.")


def _ask(entry: Entry, texts: Sequence[str], settings: Mapping[str, Any]) -> list[float | None]:
    """The answers of a built-in, in this process and all at once, or of a stranger, in its own and in batches."""
    if not is_built_in(entry):
        plugin, scores = open_plugin(entry), []
        for start in range(0, len(texts), BATCH):
            batch = list(texts[start : start + BATCH])
            scores += plugin.ask("score", texts=batch, settings=dict(settings))
        return scores
    score = load_target(entry)
    try:
        return take_scores(score, texts, settings)
    except PluginFailed as error:
        raise PluginFailed(f"The {describe_plugin(entry)} {error}.") from error
    except LorafairError:
        raise
    except Exception as error:
        raise PluginFailed(
            f"The {describe_plugin(entry)} failed on {len(texts)} texts: {type(error).__name__}: {error}"
        ) from error


def take_scores(score: Callable[..., Any], texts: Sequence[str], settings: Mapping[str, Any]) -> list[float | None]:
    """Call a scorer and hold its answer to the contract: one number per text, None where it has none.

    Raises:
        PluginFailed: for an answer of another length or type, in words that follow the scorer's name.
    """
    found = score(list(texts), **settings)
    try:
        answers = list(islice(found, len(texts) + 1))
    except TypeError:
        raise PluginFailed(f"gave {_clip(found)} where a sequence of {len(texts)} numbers was expected") from None
    if len(answers) != len(texts):
        some = f"{len(answers)} scores" if len(answers) < len(texts) else "more scores than asked"
        raise PluginFailed(f"gave {some} for {len(texts)} texts: a scorer returns one number per text, in their order")
    return [_as_score(answer) for answer in answers]


def identify_scorer(name: str, settings: Mapping[str, Any]) -> dict[str, Any]:
    """What decides a scorer's numbers beside the texts, as JSON: equal identities give equal scores.

    Holds what :func:`lorafair.plugin_source.identify_plugin` tells of its code, the settings, and what the
    ``identify`` function beside the scorer says, where there is one; a stranger's cannot take the place of the former.

    Raises:
        LorafairError: for an unknown scorer or one that cannot be loaded.
    """
    entry = load_registry().get("scorer", name)
    said = identify_plugin(entry) | {"settings": dict(settings)}
    target = load_target(entry) if is_built_in(entry) else None
    if (version := ask_field(entry, "version", target)) is not None:
        said["scorer_version"] = version
    if target is None:
        plugin = open_plugin(entry)
        return dict(plugin.ask("identify", settings=dict(settings))) | said
    identify = getattr(inspect.getmodule(target), "identify", None)
    return said | (identify(**settings) if callable(identify) else {})


def ask_direction(name: str) -> bool | None:
    """Whether more of a scorer is better, as the registry or the scorer itself says; None where neither does."""
    found: bool | None = ask_field(load_registry().get("scorer", name), "higher_is_better")
    return found


def name_version(name: str) -> str:
    """The distribution that a scorer comes from and its version, e.g. ``lorafair 0.1.0``, for a run's settings."""
    entry = load_registry().get("scorer", name)
    return f"{entry.origin} {entry.version}"


def find_remarks(names: Iterable[str]) -> dict[str, str]:
    """What strangers' scorers did since this process began beside scoring: a sentence for each that did anything."""
    return {name: said for name in names if (said := read_remarks(load_registry().get("scorer", name)))}


def select_settings(name: str, offered: Mapping[str, Any]) -> dict[str, Any]:
    """Those of the offered settings (e.g. ``device``, ``batch``) that the scorer has a parameter for."""
    entry = load_registry().get("scorer", name)
    if not is_built_in(entry):
        facts = open_plugin(entry).describe()
        return {key: value for key, value in offered.items() if facts["takes_all"] or key in facts["parameters"]}
    parameters = inspect.signature(load_target(entry)).parameters
    takes_all = any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters.values())
    return {key: value for key, value in offered.items() if takes_all or key in parameters}


@lru_cache(maxsize=64)
def measure_scorer_gap(name: str, attribute: str, language: str = "en") -> float | None:
    """A scorer's own gap: how far its rate of toxic verdicts differs between groups on neutral sentences.

    The sentences are the same for all groups but for the words that name the group (Welbl et al. 2021), so a
    difference is the scorer's, not a model's.  Measured once in a process.

    Returns:
        Largest minus smallest share of texts that score ``THRESHOLD`` or more over the groups, in [0, 1]; None where
        there is no neutral text for the attribute or nothing was scored.

    Raises:
        LorafairError: as :func:`score_texts`.
    """
    if attribute not in ATTRIBUTES or (language != "en" and attribute != "gender"):
        return None
    from lorafair.data.honest import honest_neutral

    documents = honest_neutral(attribute, language)
    scores = score_texts(name, [document["text"] for document in documents])
    return spread_over_groups(
        [None if score is None else float(score >= THRESHOLD) for score in scores],
        [document["groups"][attribute] for document in documents],
    )


def spread_over_groups(values: Sequence[float | None], groups: Sequence[Sequence[str]]) -> float | None:
    """Largest minus smallest mean of ``values`` over groups; None entries are left out, None if fewer than two groups.

    Args:
        values: n numbers, or None where not measured.
        groups: for each of the n, the names of the groups it belongs to.
    """
    members: dict[str, list[float]] = {}
    for value, names in zip(values, groups, strict=True):
        for group in names if value is not None else ():
            members.setdefault(group, []).append(value)  # type: ignore[arg-type]
    means = [sum(each) / len(each) for each in members.values()]
    return max(means) - min(means) if len(means) > 1 else None


def _is_visible(text: str) -> bool:
    """Whether a text holds anything but white space, control, format and unassigned characters."""
    return any(unicodedata.category(char)[0] not in "ZC" for char in text)


def _as_score(answer: Any) -> float | None:
    if answer is None:
        return None
    try:
        if isinstance(answer, str | bytes):
            raise TypeError
        score = float(answer)
    except (TypeError, ValueError):
        raise PluginFailed(f"gave {_clip(answer)} where a number was expected") from None
    return score if math.isfinite(score) else None


def _clip(value: Any) -> str:
    return repr(value)[:80]
