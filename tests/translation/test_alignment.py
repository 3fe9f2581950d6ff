"""The aligner against the same model written out in loops, on dictionaries that are known, and on odd input."""

from __future__ import annotations

import math
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import digamma

from lorafair.translation import alignment
from lorafair.translation.alignment import align

NOUNS = {f"n{number}": f"t{number}" for number in range(30)}
VERBS = {f"v{number}": f"w{number}" for number in range(8)}


def make_text(size, seed):
    """Sentences ``the N V the N``, their translations, and the links that are right; the verb goes to the end."""
    draw = random.Random(seed)
    sources, targets, links = [], [], []
    for _ in range(size):
        (one, other), verb = draw.sample(sorted(NOUNS), 2), draw.choice(sorted(VERBS))
        sources.append(["the", one, verb, "the", other])
        targets.append(["der", NOUNS[one], "den", NOUNS[other], VERBS[verb]])
        links.append([0, 1, 3, 4, 2])
    return sources, targets, links


def count_right(found, links, targets):
    """The share of nouns with the right link; the articles, all of them "the", can only be told by their place."""
    nouns = [
        a == b
        for one, other, words in zip(found, links, targets, strict=True)
        for a, b, word in zip(one, other, words, strict=True)
        if word in NOUNS.values()
    ]
    return sum(nouns) / len(nouns)


def align_slowly(sources, targets):
    """Dyer, Chahuneau and Smith 2013, cell by cell."""
    tension, table = 4.0, {}

    def expect(i, j, n, m, tension):
        return math.exp(-tension * abs((j + 1) / m - (i + 1) / n))

    for turn in range(5):
        counts, found, links = {}, 0.0, []
        for source, target in zip(sources, targets, strict=True):
            n, m = len(source), len(target)
            row = []
            for j, word in enumerate(target):
                total = sum(expect(i, j, n, m, tension) for i in range(n))
                weights = [0.08 * table.get((None, word), 1.0)]
                weights += [
                    0.92 * expect(i, j, n, m, tension) / total * table.get((each, word), 1.0)
                    for i, each in enumerate(source)
                ]
                shares = [weight / sum(weights) for weight in weights]
                row.append(shares.index(max(shares)) - 1)
                for i, share in enumerate(shares):
                    key = (source[i - 1] if i else None, word)
                    counts[key] = counts.get(key, 0.0) + share
                    if i:
                        found -= share * abs((j + 1) / m - i / n)
            links.append(row)
        totals = {}
        for (each, _), count in counts.items():
            totals[each] = totals.get(each, 0.0) + count + 0.01
        table = {key: math.exp(digamma(count + 0.01) - digamma(totals[key[0]])) for key, count in counts.items()}
        if turn:
            words = sum(map(len, targets))
            for _ in range(8):
                modelled = 0.0
                for source, target in zip(sources, targets, strict=True):
                    n, m = len(source), len(target)
                    for j in range(m):
                        weights = [expect(i, j, n, m, tension) for i in range(n)]
                        far = [abs((j + 1) / m - (i + 1) / n) for i in range(n)]
                        modelled -= sum(w * f for w, f in zip(weights, far, strict=True)) / sum(weights)
                tension = min(max(tension + 20 * (found - modelled) / words, 0.1), 14)
    return links


def test_equals_the_same_model_written_out_in_loops():
    sources, targets, _ = make_text(40, seed=3)
    sources[5], targets[7] = sources[5][:3], [*targets[7], "ja", "ja"]
    assert align(sources, targets) == align_slowly(sources, targets)


def test_finds_the_links_of_a_dictionary():
    sources, targets, links = make_text(300, seed=1)
    found = align(sources, targets)
    assert count_right(found, links, targets) > 0.95
    assert align(sources, targets) == found


def test_hints_settle_what_few_sentences_cannot_tell():
    sources, targets, links = make_text(3, seed=2)
    hinted = align(sources, targets, lambda source, target: NOUNS.get(source) == target)
    for found, right, target in zip(hinted, links, targets, strict=True):
        assert [f for f, t in zip(found, target, strict=True) if t in NOUNS.values()] == [
            r for r, t in zip(right, target, strict=True) if t in NOUNS.values()
        ]


def test_text_larger_than_memory_is_linked_in_parts(monkeypatch: pytest.MonkeyPatch):
    sources, targets, links = make_text(300, seed=1)
    monkeypatch.setattr(alignment, "MOST_CELLS", 2_600)
    found = align(sources, targets)
    assert count_right(found, links, targets) > 0.9


@settings(max_examples=40, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.lists(st.sampled_from(["", "a", "b", "c"]), max_size=5), st.lists(st.text(max_size=3), max_size=6)
        ),
        max_size=6,
    )
)
def test_every_word_gets_a_position_of_its_sentence_or_none(pairs):
    sources, targets = [s for s, _ in pairs], [t for _, t in pairs]
    for source, target, links in zip(sources, targets, align(sources, targets), strict=True):
        assert len(links) == len(target)
        assert all(-1 <= link < len(source) for link in links)
