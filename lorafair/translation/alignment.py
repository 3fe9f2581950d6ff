"""Word alignment: which word of the source each word of its translation stands for, learnt from the pairs themselves.

The model is that of Dyer, Chahuneau and Smith 2013 ("A simple, fast, and effective reparameterization of IBM Model 2",
known as fast_align), which the published evaluation of WinoMT used, in its settings: five rounds of expectation
maximisation with a sparse Dirichlet prior on the word table, a diagonal prior on positions whose tension is learnt, and
links from each translated word to one source word or to none.  It draws no random numbers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Numbers = NDArray[np.int64]

ROUNDS = 5
NULL = 0.08
"""Prior probability that a word of the translation stands for no word of the source."""
TENSION = 4.0
DIRICHLET = 0.01
HINT = 1.0
"""What a known pair of words (see ``hints``) is counted as having been seen, beside the pairs of the text."""
MOST_CELLS = 4_000_000
"""Word pairs held in memory at once: more sentences are learnt from, and linked, in parts of that size."""


def align(
    sources: Sequence[Sequence[str]],
    targets: Sequence[Sequence[str]],
    hints: Callable[[str, str], bool] | None = None,
) -> list[list[int]]:
    """For each pair of sentences and each word of its translation: the source word's position, -1 for none.

    Args:
        sources: words of N sentences.
        targets: words of their translations; a word that is "" stands for nothing.
        hints: whether a source and a target word are known to translate each other; asked once for each two words that
            occur in one pair.  They settle what a few sentences cannot tell.

    Returns:
        N lists, one number per word of the translation.
    """
    links = [[-1] * len(target) for target in targets]
    for part in _divide([len(s) * len(t) for s, t in zip(sources, targets, strict=True)]):
        for at, found in zip(part, _align([sources[n] for n in part], [targets[n] for n in part], hints), strict=True):
            links[at] = found
    return links


def _divide(sizes: Sequence[int]) -> Iterable[list[int]]:
    """Positions of the sentences in parts of about equal size, every part with sentences from all over the text."""
    filled = [at for at, size in enumerate(sizes) if size]
    count = -(-sum(sizes) // MOST_CELLS)
    return [part for part in (filled[start::count] for start in range(count)) if part]


def _align(
    sources: Sequence[Sequence[str]], targets: Sequence[Sequence[str]], hints: Callable[[str, str], bool] | None
) -> list[list[int]]:
    import numpy as np
    from scipy.special import digamma

    cells = _Cells(sources, targets)
    bonus = np.zeros(len(cells.pair_source))
    if hints is not None:
        bonus = HINT * cells.ask(hints)
    table = 1.0 + 100 * bonus
    tension = TENSION
    for turn in range(ROUNDS):
        belief = cells.believe(table, tension)
        if turn == ROUNDS - 1:
            break
        counts = np.bincount(cells.pair, belief, len(table)) + DIRICHLET + bonus
        totals = np.bincount(cells.pair_source, counts)
        table = np.exp(digamma(counts) - digamma(totals)[cells.pair_source])
        if turn:
            tension = cells.tighten(belief, tension)
    return cells.choose(belief)


class _Cells:
    """Every (translated word, source word or none) of the text, one row each, those of one translated word together."""

    def __init__(self, sources: Sequence[Sequence[str]], targets: Sequence[Sequence[str]]) -> None:
        import numpy as np

        numbers: dict[str, int] = {"": 0}
        source_ids = [[numbers.setdefault(w, len(numbers)) for w in words] for words in sources]
        target_ids = [[numbers.setdefault(w, len(numbers)) for w in words] for words in targets]
        self.words = list(numbers)
        self.lengths = [len(words) for words in targets]
        width = np.array([len(s) + 1 for s, t in zip(sources, targets, strict=True) for _ in t])
        """Cells of each translated word: one for "none", which comes first, and one for each source word."""
        self.start = np.concatenate([[0], np.cumsum(width)[:-1]])
        self.word = np.repeat(np.arange(len(width)), width)
        source = np.concatenate([np.tile([0, *s], len(t)) for s, t in zip(source_ids, target_ids, strict=True)])
        target = np.repeat(np.concatenate([np.array(t) for t in target_ids]), width)
        self.place = np.arange(len(source)) - self.start[self.word] - 1
        lengths = np.repeat(np.array(self.lengths), self.lengths)
        within = np.concatenate([np.arange(1, n + 1) for n in self.lengths])
        self.prior = _Prior(width, lengths, within)
        self.row = self.prior.start[self.prior.row][self.word] + self.place + 1
        """Each cell's place among the prior's."""
        self.distance = self.prior.distance[self.row]
        keys, self.pair = np.unique(source * len(numbers) + target, return_inverse=True)
        self.pair_source, self.pair_target = keys // len(numbers), keys % len(numbers)

    def ask(self, hints: Callable[[str, str], bool]) -> Floats:
        """1 for each pair of words that is known, else 0."""
        import numpy as np

        pairs = zip(self.pair_source.tolist(), self.pair_target.tolist(), strict=True)
        found = (bool(s and t) and hints(self.words[s], self.words[t]) for s, t in pairs)
        return np.fromiter(found, float, len(self.pair_source))

    def believe(self, table: Floats, tension: float) -> Floats:
        """The probability of each cell given its translated word."""
        import numpy as np

        weight = self.prior.expect(tension)[self.row] * (1 - NULL)
        weight[self.place < 0] = NULL
        weight *= table[self.pair]
        shares: Floats = weight / np.add.reduceat(weight, self.start)[self.word]
        return shares

    def tighten(self, belief: Floats, tension: float) -> float:
        """The tension after eight steps towards the diagonal distance that was found."""
        import numpy as np

        found = float(belief @ self.distance) / len(self.start)
        for _ in range(8):
            expected = float(self.prior.expect(tension) @ self.prior.mass) / len(self.start)
            tension = float(np.clip(tension + 20 * (found - expected), 0.1, 14))
        return tension

    def choose(self, belief: Floats) -> list[list[int]]:
        """The most probable source word of each translated word, by sentence."""
        import numpy as np

        best = np.maximum.reduceat(belief, self.start)[self.word] == belief
        _, first = np.unique(self.word[best], return_index=True)
        flat = self.place[best][first].tolist()
        ends = np.cumsum(self.lengths).tolist()
        return [flat[end - length : end] for end, length in zip(ends, self.lengths, strict=True)]


class _Prior:
    """What the places say: the same for all translated words at one place in sentences of equal lengths, so made once.

    Args:
        width: cells of each translated word, "none" and the source's words.
        lengths: of each translated word's sentence.
        within: its place in it, from 1.
    """

    def __init__(self, width: Numbers, lengths: Numbers, within: Numbers) -> None:
        import numpy as np

        most = int(lengths.max()) + 1
        keys, self.row = np.unique((width * most + lengths) * most + within, return_inverse=True)
        """The row of each translated word."""
        cells = keys // most // most
        self.start = np.concatenate([[0], np.cumsum(cells)[:-1]])
        self.owner = np.repeat(np.arange(len(keys)), cells)
        place = np.arange(len(self.owner)) - self.start[self.owner]
        share = ((keys % most) / (keys // most % most))[self.owner]
        self.none = place == 0
        self.distance = np.where(self.none, 0.0, -np.abs(share - place / np.maximum(cells - 1, 1)[self.owner]))
        self.mass = self.distance * np.bincount(self.row)[self.owner]
        """Distance times how many translated words have the row."""

    def expect(self, tension: float) -> Floats:
        """The prior of each cell by its distance from the diagonal, 0 for "none"."""
        import numpy as np

        weight = np.where(self.none, 0.0, np.exp(tension * self.distance))
        shares: Floats = weight / np.add.reduceat(weight, self.start)[self.owner]
        return shares
