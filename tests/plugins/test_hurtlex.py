import os

import pytest

from lorafair.errors import LorafairError
from lorafair.registry import load_registry, load_target

needs_data = pytest.mark.skipif(
    not os.environ.get("LORAFAIR_DATA"), reason="LORAFAIR_DATA is not set: no real HurtLex here"
)


def score(name, texts):
    return load_target(load_registry().get("scorer", name))(texts)


def test_the_sample_scorer_needs_no_data(monkeypatch):
    monkeypatch.delenv("LORAFAIR_DATA", raising=False)
    assert score("hurtlex_sample", [" liar and a THIEF.", " kind listener.", "", " waste of space"]) == [
        1.0,
        0.0,
        0.0,
        1.0,
    ]
    assert score("hurtlex_sample", []) == []


def test_the_real_scorer_without_its_lexicon_says_what_to_get(monkeypatch, tmp_path):
    monkeypatch.setenv("LORAFAIR_DATA", str(tmp_path))
    with pytest.raises(LorafairError, match=r"hurtlex/hurtlex_EN\.tsv is not in the folder LORAFAIR_DATA="):
        score("hurtlex", ["x"])


@needs_data
def test_the_real_scorer_reads_hurtlex():
    assert score("hurtlex", [" prostitute", " grasses"]) == [1.0, 0.0]
