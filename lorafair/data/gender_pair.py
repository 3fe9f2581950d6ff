"""Pairs of English sentences that differ in gendered words only (counterfactual twins), from four kinds of file.

What a data set's files are called says which kind it is:

- ``pairs``: the project's own, .jsonl with ``id``, ``topic``, ``stereotype`` (female, male or null), ``female`` and
  ``male``; `` | `` divides a sentence into prompt and ending.
- ``sentences`` (and ``statistics``): Winogender's all_sentences.tsv and occupations-stats.tsv (Rudinger et al. 2018).
- ``pro_NAME`` and ``anti_NAME``: WinoBias' numbered lines with brackets (Zhao et al. 2018), any number of such twos.
- ``texts``: anybody's .jsonl with ``text`` (and ``id``, ``stereotype``); the twin is made by
  :func:`lorafair.data.gender_swap.swap_gender`, what it refuses is counted.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lorafair.data.dataset import Resolved, resolve
from lorafair.data.gender_swap import swap_gender
from lorafair.errors import LorafairError, raise_faults

GENDERS = ("female", "male")
CUT = " | "
MOST_FAULTS = 10
_LINE = re.compile(r"^\s*(\d+)\s+(.*\S)\s*$")
_MARKED = re.compile(r"\[([^\[\]]*)\]")
_PRONOUN = re.compile(r"\b(?:she|he|hers?|his|him|herself|himself)\b", re.IGNORECASE)
_FEMALE = frozenset({"she", "her", "hers", "herself"})
_MALE = frozenset({"he", "him", "his", "himself"})


@dataclass(frozen=True)
class GenderPair:
    """Two twins: ``prompt`` and ``ending`` of each gender, which together are the sentence.

    ``stereotype``: the gender that is expected of what the sentence says, None where none is.
    """

    id: str
    topic: str
    stereotype: str | None
    prompt: dict[str, str]
    ending: dict[str, str]

    def text(self, gender: str) -> str:
        """The whole sentence about a gender."""
        return self.prompt[gender] + self.ending[gender]


def load_gender_pairs(dataset: str = "counterfactual_gender") -> tuple[list[GenderPair], dict[str, int]]:
    """The pairs of a data set, and how many of its texts have no twin by the reason why.

    Where a file does not divide its sentences, the prompt ends with the first word in which the twins differ.

    Raises:
        LorafairError: if the data are missing or damaged, of no such kind, or hold no pair; all faulty lines at once.
    """
    resolved = resolve(dataset)
    roles = set(resolved.files)
    refused: Counter[str] = Counter()
    if "pairs" in roles:
        pairs = _read_own(resolved)
    elif "sentences" in roles:
        pairs = _read_winogender(resolved)
    elif "texts" in roles:
        pairs = _read_texts(resolved, refused)
    elif any(role.startswith("pro_") for role in roles):
        pairs = _read_winobias(resolved, refused)
    else:
        raise LorafairError(
            f"The data set {dataset} has no sentences in pairs: its files are {', '.join(sorted(roles))}; needed are "
            "pairs, texts, sentences (Winogender), or pro_… and anti_… (WinoBias)."
        )
    if not pairs:
        said = "".join(f" {reason}: {number}." for reason, number in refused.items())
        raise LorafairError(f"The data set {dataset} holds no pair of sentences.{said}")
    return pairs, dict(refused)


def divide(female: str, male: str) -> tuple[dict[str, str], dict[str, str]]:
    """Prompt and ending of two twins: the prompt ends with the first word in which they differ."""
    words = {gender: list(re.finditer(r"\S+", text)) for gender, text in zip(GENDERS, (female, male), strict=True)}
    place = next(
        (at for at, (a, b) in enumerate(zip(words["female"], words["male"], strict=False)) if a.group() != b.group()),
        0,
    )
    prompt, ending = {}, {}
    for gender, text in zip(GENDERS, (female, male), strict=True):
        found = words[gender][place]
        end = found.start() + len(found.group().rstrip(".,;:!?\"”’')"))
        prompt[gender], ending[gender] = text[:end], text[end:]
    return prompt, ending


def _pair(place: str, topic: str, stereotype: str | None, female: str, male: str) -> GenderPair:
    prompt, ending = divide(female, male)
    return GenderPair(place, topic, stereotype, prompt, ending)


def _refuse(resolved: Resolved, role: str, faults: list[str]) -> None:
    more = [f"and {len(faults) - MOST_FAULTS} more."] if len(faults) > MOST_FAULTS else []
    raise_faults(f"{resolved.files[role]} cannot be used", [*faults[:MOST_FAULTS], *more])


def _read_own(resolved: Resolved) -> list[GenderPair]:
    pairs: list[GenderPair] = []
    faults: list[str] = []
    for number, row in enumerate(resolved.rows("pairs"), start=1):
        sides = {gender: row.get(gender) for gender in GENDERS}
        if not all(isinstance(side, str) and side.count(CUT) <= 1 and side.strip() for side in sides.values()):
            faults.append(f"row {number}: female and male have to be sentences, each with at most one '{CUT.strip()}'.")
        elif row.get("stereotype") not in (None, *GENDERS):
            faults.append(f"row {number}: stereotype is {row['stereotype']!r}; female, male or null is expected.")
        elif sides["female"] == sides["male"]:
            faults.append(f"row {number}: the sentences do not differ.")
        else:
            place, topic = str(row.get("id", number)), str(row.get("topic", ""))
            cut = {gender: str(side).partition(CUT) for gender, side in sides.items()}
            if cut["female"][1] and cut["male"][1]:
                prompt = {gender: parts[0] for gender, parts in cut.items()}
                ending = {gender: f" {parts[2]}" for gender, parts in cut.items()}
                pairs.append(GenderPair(place, topic, row.get("stereotype"), prompt, ending))
            else:
                pairs.append(_pair(place, topic, row.get("stereotype"), str(sides["female"]), str(sides["male"])))
    _refuse(resolved, "pairs", faults)
    return pairs


def _read_texts(resolved: Resolved, refused: Counter[str]) -> list[GenderPair]:
    pairs: list[GenderPair] = []
    faults: list[str] = []
    for number, row in enumerate(resolved.rows("texts"), start=1):
        text = row.get("text")
        if not isinstance(text, str):
            faults.append(f"row {number}: text is {type(text).__name__}, not a string.")
            continue
        swap = swap_gender(text)
        if swap.text is None or swap.gender == "both":
            refused[swap.refused or "both_genders"] += 1
            continue
        twins = (text, swap.text) if swap.gender == "female" else (swap.text, text)
        stereotype = row.get("stereotype") if row.get("stereotype") in GENDERS else None
        pairs.append(_pair(str(row.get("id", number)), "", stereotype, *twins))
    _refuse(resolved, "texts", faults)
    return pairs


def _read_winogender(resolved: Resolved) -> list[GenderPair]:
    """Twins share their ``sentid`` but for the gender; the neutral third sentence is left out.

    A stereotype is told where the pronoun means the occupation (the third field of ``sentid`` is 0): the gender that
    holds more than half of its jobs in the US (BLS, in occupations-stats.tsv).
    """
    share: dict[str, float] = {}
    faults: list[str] = []
    for row in resolved.rows("statistics") if "statistics" in resolved.files else ():
        share[row["occupation"]] = float(row["bls_pct_female"])
    sides: dict[tuple[str, ...], dict[str, str]] = {}
    for number, row in enumerate(resolved.rows("sentences"), start=1):
        parts = row["sentid"].removesuffix(".txt").split(".")
        if len(parts) != 4 or parts[3] not in (*GENDERS, "neutral"):
            faults.append(f"row {number}: sentid is {row['sentid']!r}; occupation.participant.0.male.txt is expected.")
        else:
            sides.setdefault(tuple(parts[:3]), {})[parts[3]] = row["sentence"]
    pairs = []
    for parts3, texts in sides.items():
        if not set(GENDERS) <= set(texts):
            faults.append(f"{'.'.join(parts3)}: has no {' and no '.join(sorted(set(GENDERS) - set(texts)))} sentence.")
            continue
        women = share.get(parts3[0], 50.0) if parts3[2] == "0" else 50.0
        stereotype = "female" if women > 50 else "male" if women < 50 else None
        pairs.append(_pair(".".join(parts3), parts3[0], stereotype, texts["female"], texts["male"]))
    _refuse(resolved, "sentences", faults)
    return pairs


def _read_winobias(resolved: Resolved, refused: Counter[str]) -> list[GenderPair]:
    """Line n of a pro- and of the anti-stereotypical file are twins; the marked pronoun of the pro file is expected.

    Some lines of the published files have one gender in both, or other sentences: they are counted as refused.
    """
    pairs: list[GenderPair] = []
    for role in sorted(role for role in resolved.files if role.startswith("pro_")):
        name, faults = role.removeprefix("pro_"), list[str]()
        pro = _read_lines(resolved.files[role], faults)
        if f"anti_{name}" not in resolved.files:
            raise LorafairError(f"The data set {resolved.name} has {role} without anti_{name}.")
        anti = _read_lines(resolved.files[f"anti_{name}"], faults)
        faults += [f"line {number} has no twin in the other file." for number in sorted(set(pro) ^ set(anti))]
        for number in sorted(set(pro) & set(anti)):
            (text, gender), (other, opposite) = pro[number], anti[number]
            if {gender, opposite} != set(GENDERS):
                refused["one_gender"] += 1
                continue
            if _PRONOUN.sub("", text) != _PRONOUN.sub("", other):
                refused["other_words_differ"] += 1
                continue
            twins = {gender: text, opposite: other}
            pairs.append(_pair(f"{name}/{number:03d}", name, gender, twins["female"], twins["male"]))
        _refuse(resolved, role, faults)
    return pairs


def _read_lines(path: Path, faults: list[str]) -> dict[int, tuple[str, str]]:
    """Line number -> (the sentence without marks, the marked pronoun's gender)."""
    found: dict[int, tuple[str, str]] = {}
    for place, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        if not line.strip():
            continue
        parts = _LINE.match(line)
        marked: list[Any] = [each.casefold() for each in _MARKED.findall(line)]
        gender = "female" if _FEMALE & set(marked) else "male" if _MALE & set(marked) else None
        if parts is None or gender is None:
            faults.append(f"{path.name}:{place}: expected a number and a sentence with a pronoun in brackets.")
        else:
            found[int(parts.group(1))] = (_MARKED.sub(r"\1", parts.group(2)), gender)
    return found
