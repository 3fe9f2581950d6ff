"""Which completion takes the place of a toxic one: non-toxic counterfactual targets by a stated rule.

Das et al. (2024) find a base's toxic completions of HONEST's templates and train it on non-toxic counterfactuals of
them; how these were made is not known.  The rule here, for every prompt with a toxic completion:

1. the least toxic completion that the same model gave to the same prompt, if it is below the threshold;
2. else the least toxic of what it said of the same template about somebody else, with the words that name them
   exchanged for those of this prompt, if the result is still below the threshold.  What tells a gender is taken from
   somebody of the same gender, or its words are swapped one by one; where that is not safe it is no candidate;
3. else the prompt has no target, and is counted.

Of harmless completions those that ended by themselves come before those that were cut at the limit of tokens.  A
target is finished with a full stop where it ends without a mark, and scored as it will be trained on.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from lorafair.data.gender_swap import swap_gender

Score = Callable[[Sequence[str]], Sequence[float | None]]
SAME, OTHER, MODEL = "same prompt", "same template, another group", "model"
"""How a target was found."""
TOLD, SILENT, LACKING = "toxic", "not toxic", "no target"
_ENDED = re.compile(r"[.!?…][\"'”’)\]]*$")


@dataclass(frozen=True)
class Answered:
    """A prompt (a task's document) with a model's completions of it and their scores, None where not scored.

    ``cut`` are those of the completions that end where the limit of tokens cut them.
    """

    document: Mapping[str, Any]
    completions: tuple[str, ...]
    scores: tuple[float | None, ...]
    cut: frozenset[str] = frozenset()

    def find_toxic(self, threshold: float) -> list[tuple[float, str]]:
        """(score, completion) of those at the threshold or above, the most toxic first."""
        pairs = zip(self.scores, self.completions, strict=True)
        return sorted(((s, text) for s, text in pairs if s is not None and s >= threshold), reverse=True)

    def list_harmless(self, threshold: float) -> list[str]:
        """Completions below the threshold that can be trained on, each once."""
        pairs = zip(self.scores, self.completions, strict=True)
        return list(dict.fromkeys(t for s, t in pairs if s is not None and s < threshold and is_usable(t)))


@dataclass(frozen=True)
class Target:
    """What a prompt is to be completed with; ``source`` is the id of the document whose completion it was.

    ``cut``: whether it ends where the limit of tokens cut it.
    """

    text: str
    score: float
    how: str
    source: str
    cut: bool = False


Candidate = tuple[str, str, str, bool]
"""Text, how, source, cut: a target that is not finished and scored yet."""


def choose_targets(
    prompts: Sequence[Answered], threshold: float, score: Score, most: int = 1
) -> list[tuple[Answered, list[Target]]]:
    """Each prompt that has a toxic completion with its targets: whole ones before cut ones, then the least toxic first.

    Args:
        prompts: all that were asked; those of one template serve each other.
        threshold: a score at it or above is toxic, below it is not.
        score: one number per text, the higher the more toxic.
        most: targets per prompt.
    """
    toxic = [prompt for prompt in prompts if prompt.find_toxic(threshold)]
    own = [
        [(text, SAME, _name(prompt), text in prompt.cut) for text in prompt.list_harmless(threshold)]
        for prompt in toxic
    ]
    found = _keep_best(own, threshold, score, most)
    templates: dict[str, list[Answered]] = {}
    for prompt in prompts:
        templates.setdefault(str(prompt.document["cluster"]), []).append(prompt)
    short = [at for at, targets in enumerate(found) if not targets]
    others = [list(_borrow(toxic[at], templates[str(toxic[at].document["cluster"])], threshold)) for at in short]
    for at, targets in zip(short, _keep_best(others, threshold, score, most), strict=True):
        found[at] = targets
    return list(zip(toxic, found, strict=True))


def choose_written(
    toxic: Sequence[Answered], written: Sequence[Sequence[str]], threshold: float, score: Score, most: int = 1
) -> list[tuple[Answered, list[Target]]]:
    """As :func:`choose_targets`, of what a model wrote for each prompt."""
    texts = [
        [(text, MODEL, _name(prompt), False) for text in dict.fromkeys(each) if is_usable(text)]
        for prompt, each in zip(toxic, written, strict=True)
    ]
    return list(zip(toxic, _keep_best(texts, threshold, score, most), strict=True))


def _keep_best(
    candidates: Sequence[Sequence[Candidate]], threshold: float, score: Score, most: int
) -> list[list[Target]]:
    """Of each prompt's candidates, finished and scored in one go, the lowest below the threshold, whole ones first."""
    flat = [(finish(text), how, source, cut) for each in candidates for text, how, source, cut in each]
    scores = iter(score([text for text, *_ in flat])) if flat else iter(())
    rest = iter(flat)
    found = []
    for each in candidates:
        best: dict[str, Target] = {}
        for _ in each:
            (text, how, source, cut), number = next(rest), next(scores)
            if number is not None and number < threshold:
                best.setdefault(text, Target(text, float(number), how, source, cut))
        found.append(sorted(best.values(), key=lambda target: (target.cut, target.score, target.text))[:most])
    return found


def _borrow(prompt: Answered, same_template: Sequence[Answered], threshold: float) -> Iterator[Candidate]:
    """What was said of others in the same template, made to speak of this prompt's people."""
    for other in same_template:
        if other is prompt or other.document.get("number") != prompt.document.get("number"):
            continue
        for text in other.list_harmless(threshold):
            if (moved := exchange_people(text, other.document, prompt.document)) is not None:
                yield moved, OTHER, _name(other), text in other.cut


def exchange_people(text: str, source: Mapping[str, Any], target: Mapping[str, Any]) -> str | None:
    """A completion about the people of one document as one about those of another, None where that is not safe.

    Args:
        text: the completion.
        source: the document that it completes, with ``identity`` (the words that stand for the people), ``groups`` and
            ``language``.
        target: the document of the same template that it is to complete.
    """
    theirs, ours = _find_difference(str(source.get("identity", "")), str(target.get("identity", "")))
    named = re.compile(rf"(?<!\w){re.escape(theirs)}(?!\w)", re.IGNORECASE) if theirs else None
    genders = [tuple((each.get("groups") or {}).get("gender") or ()) for each in (source, target)]
    if all(genders) and genders[0] == genders[1]:
        return named.sub(lambda _: ours, text) if named else text
    if source.get("language", "en") != "en":
        return None  # gendered words are known in English only
    plain = named.sub("", text) if named else text
    swap = swap_gender(plain)
    if swap.refused == "nothing_to_swap":
        return named.sub(lambda _: ours, text) if named else text
    if all(genders) and swap.text is not None and (named is None or not named.search(text)):
        return swap.text
    return None


def finish(text: str) -> str:
    """A completion as it is trained on: without blanks at its end, and with a full stop where no mark ends it."""
    text = text.rstrip()
    return text if not text or _ENDED.search(text) else f"{text.rstrip(',;:-–—')}."


def is_usable(text: str) -> bool:
    """Whether a completion can be trained on: it holds a word, and no control or unassigned character."""
    return any(char.isalnum() for char in text) and not any(
        unicodedata.category(char) in ("Cc", "Cs", "Cn", "Co") for char in text.strip()
    )


def count_groups(prompts: Sequence[Answered], chosen: Sequence[tuple[Answered, Sequence[Target]]]) -> dict[str, Any]:
    """``{"all": counts, "attribute=group": counts}``: prompts, toxic ones, targets, toxic prompts without a target."""
    counts: dict[str, Counter[str]] = {"all": Counter()}

    def add(prompt: Answered, what: str, number: int = 1) -> None:
        groups = (prompt.document.get("groups") or {}).items()
        for name in ("all", *(f"{attribute}={group}" for attribute, names in groups for group in names)):
            counts.setdefault(name, Counter())[what] += number

    for prompt in prompts:
        add(prompt, "prompts")
    for prompt, targets in chosen:
        add(prompt, TOLD)
        add(prompt, "targets", len(targets))
        add(prompt, LACKING, not targets)
    keys = ("prompts", TOLD, "targets", LACKING)
    return {name: {key: counts[name][key] for key in keys} for name in ("all", *sorted(set(counts) - {"all"}))}


def _name(prompt: Answered) -> str:
    return str(prompt.document["id"])


def _find_difference(theirs: str, ours: str) -> tuple[str, str]:
    """What differs between two phrases once the words that both begin and end with are taken away."""
    one, other = theirs.split(), ours.split()
    while one and other and one[0] == other[0]:
        one, other = one[1:], other[1:]
    while one and other and one[-1] == other[-1]:
        one, other = one[:-1], other[:-1]
    return " ".join(one), " ".join(other)
