"""WinoMT from Turkish into English (Ding et al. 2024): lines, expectations, the split by whole groups, training pairs.

Turkish has one pronoun, *o*: whether "he" or "she" comes out is the model's choice.  A sentence's *expectation* is the
gender that people expect of the trade that the pronoun stands for.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from lorafair.data.dataset import Resolved, resolve
from lorafair.data.pronoun import PronounClass, fill_pronouns, read_pronoun_class
from lorafair.errors import LorafairError, did_you_mean, raise_faults

PROMPT = "Turkish: {turkish} English:"
SPLIT_SEED = 13
"""Ding et al.'s first seed. The split has its own seed: training with other seeds leaves it as it is."""
TRAIN_SHARE = {"real": 0.8, "sample": 0.5}
PARTS = ("train", "test", "all")
LINES = ("paper", "all")
DATASETS = ("winomt_tr_general", "winomt_tr_pro", "winomt_tr_anti", "winomt_tr_sample")
PAIRS, TRIPLETS, TRIPLET_LINES = 792, 60, 12


@dataclass(frozen=True)
class Line:
    """A sentence and its translation.

    ``group``: the number of its pair (or triplet) group; ``expected``: the gender that people expect, None in triplets;
    ``half``: ``pro`` or ``anti`` where the English follows or breaks the expectation, ``triplet`` otherwise.
    """

    id: str
    turkish: str
    english: str
    group: int
    expected: PronounClass | None
    half: str

    @property
    def cluster(self) -> str:
        """The group's name: what stays together in a split."""
        return f"{'triplet' if self.half == 'triplet' else 'pair'} {self.group}"


def read_lines(dataset: str) -> tuple[list[Line], Resolved]:
    """Every line of a data set, in the file's order, and where it came from.

    The file ``general`` is laid out as the anti-stereotypical lines 0–1583, the pro-stereotypical ones 1584–3167 (pair
    group k: lines 2k and 2k + 1 of both, the first of a trade that people expect to be a man's), then 60 triplet groups
    of 12 lines; ``pro`` and ``anti`` hold one of the first two parts.

    Raises:
        LorafairError: for another data set, files that are missing, and lines that are not laid out like that.
    """
    if dataset not in DATASETS:
        raise LorafairError(f"{dataset!r} is no Turkish WinoMT.{did_you_mean(dataset, DATASETS)}")
    resolved = resolve(dataset)
    if resolved.sample:
        return _read_sample(resolved), resolved
    rows = resolved.rows("sentences")
    kind = dataset.removeprefix("winomt_tr_")
    faults, lines = [], []
    for number, row in enumerate(rows):
        half = kind if kind != "general" else ("anti", "pro", "triplet")[min(number // (2 * PAIRS), 2)]
        at = number if half == "triplet" else number % (2 * PAIRS)
        group = (number - 4 * PAIRS) // TRIPLET_LINES if half == "triplet" else at // 2
        expected: PronounClass | None = None if half == "triplet" else ("male", "female")[at % 2]
        line = Line(f"{kind}/{number:04d}", row["turkish"].strip(), row["english"].strip(), group, expected, half)
        if half == "pro" and read_pronoun_class(line.english) != expected:
            faults.append(f"line {number + 1} ({line.english!r}): expected a {expected} pronoun.")
        lines.append(line)
    raise_faults(f"{resolved.files['sentences']} is not laid out as the published file", faults[:5])
    return lines, resolved


def split_groups(counts: Sequence[int], seed: int, share: float = 0.8) -> list[set[int]]:
    """The numbers of the groups that are for training, of each kind; the others are for testing.

    The published procedure: ``rng = numpy.random.default_rng(seed)``, and for each kind in turn ``rng.choice(count,
    int(count * share), replace=False)``, so that the pair groups of one seed are the same in every file.

    Args:
        counts: how many groups of each kind there are (pairs, then triplets).
        seed: of the split, not of the training.
        share: of the groups that is for training.
    """
    rng = np.random.default_rng(seed)
    return [set(rng.choice(count, size=int(count * share), replace=False).tolist()) for count in counts]


def choose_lines(lines: Sequence[Line], part: str, seed: int, share: float = 0.8) -> list[Line]:
    """The lines of one part of the split, whole groups, in their order.

    Raises:
        LorafairError: for a part that is not ``train``, ``test`` or ``all``.
    """
    if part not in PARTS:
        raise LorafairError(f"part is {part!r}; give one of {', '.join(PARTS)}.{did_you_mean(part, PARTS)}")
    kinds = [[line for line in lines if (line.half == "triplet") is triplet] for triplet in (False, True)]
    counts = [len({line.group for line in kind}) for kind in kinds]
    train = split_groups([count for count in counts if count], seed, share)
    chosen = dict(zip([bool(at) for at, count in enumerate(counts) if count], train, strict=True))
    wanted = part == "train"
    return [line for line in lines if part == "all" or (line.group in chosen[line.half == "triplet"]) is wanted]


def winomt_documents(
    dataset: str = "winomt_tr_general", part: str = "test", split_seed: int = SPLIT_SEED, lines: str = "paper"
) -> tuple[list[dict[str, Any]], Resolved]:
    """Documents to translate, and where they came from.

    Each has ``id``, ``text`` (the prompt), ``turkish``, ``english`` (the line's own translation, one of several right
    ones), ``completion`` (what follows the prompt in training), ``groups`` (``expected``: male or female; none in
    triplets), ``cluster`` (the pair or triplet group).

    Args:
        dataset: one of :data:`DATASETS`.
        part: ``test``, ``train`` or ``all``.
        split_seed: see :func:`split_groups`.
        lines: ``paper``: each sentence of a pair once, from the anti-stereotypical half of ``general`` as published
            (its Turkish was translated from another pronoun than that of the other half, and differs in every fourth
            line); ``all``: every line, triplets too.

    Raises:
        LorafairError: for unknown names and values, and for data that are missing or damaged.
    """
    if lines not in LINES:
        raise LorafairError(f"lines is {lines!r}; give one of {', '.join(LINES)}.{did_you_mean(lines, LINES)}")
    found, resolved = read_lines(dataset)
    chosen = choose_lines(found, part, split_seed, TRAIN_SHARE["sample" if resolved.sample else "real"])
    if lines == "paper":
        once = "pro" if dataset == "winomt_tr_pro" else "anti"
        chosen = [line for line in chosen if line.half == once]
    return [_as_document(line) for line in chosen], resolved


def general_pairs() -> list[dict[str, Any]]:
    """Training pairs of the published set ``general``: both genders of every sentence, and "they" in triplets."""
    return make_pairs("winomt_tr_general")


def pro_pairs() -> list[dict[str, Any]]:
    """Training pairs of the published set ``pro``: stereotypes only."""
    return make_pairs("winomt_tr_pro")


def sample_pairs() -> list[dict[str, Any]]:
    """Training pairs of the sample set, both genders of every sentence, and "they" in triplets."""
    return make_pairs("winomt_tr_sample")


def sample_pro_pairs() -> list[dict[str, Any]]:
    """Training pairs of the sample set that follow the stereotype."""
    return make_pairs("winomt_tr_sample", "pro")


def make_pairs(dataset: str, half: str | None = None, split_seed: int = SPLIT_SEED) -> list[dict[str, Any]]:
    """Rows ``id``, ``prompt``, ``completion``, ``groups``, ``cluster`` of the training part (see lorafair.data.pairs).

    Args:
        half: only these lines: ``pro``, ``anti`` or ``triplet``.

    Raises:
        LorafairError: as :func:`read_lines`.
    """
    lines, resolved = read_lines(dataset)
    chosen = choose_lines(lines, "train", split_seed, TRAIN_SHARE["sample" if resolved.sample else "real"])
    rows = [_as_document(line) for line in chosen if half in (None, line.half)]
    keys = ("id", "completion", "groups", "cluster")
    return [{"prompt": row["text"]} | {key: row[key] for key in keys} for row in rows]


def _as_document(line: Line) -> dict[str, Any]:
    return {
        "id": line.id,
        "text": PROMPT.format(turkish=line.turkish),
        "turkish": line.turkish,
        "english": line.english,
        "completion": f" {line.english}",
        "groups": {"expected": [line.expected]} if line.expected else {},
        "cluster": line.cluster,
    }


def _read_sample(resolved: Resolved) -> list[Line]:
    numbers: dict[str, int] = {}
    kinds: dict[bool, int] = {True: 0, False: 0}
    lines: list[Line] = []
    for row in resolved.rows("sentences"):
        expected = row["expected"]
        if row["cluster"] not in numbers:
            numbers[row["cluster"]] = kinds[expected is None]
            kinds[expected is None] += 1
        genders: tuple[PronounClass, ...] = ("male", "female") if expected else ("male", "female", "neutral")
        for gender in genders:
            half = "triplet" if not expected else "pro" if gender == expected else "anti"
            english = fill_pronouns(row["english"], gender)
            place = f"sample/{row['id']}/{gender}"
            lines.append(Line(place, row["turkish"], english, numbers[row["cluster"]], expected, half))
    return lines
