"""HONEST held to the published ``honest`` package: equal where the definitions agree, other only by the stated mends.

The completions are made here by a rule (a hash of the template picks words), so that no data are committed.  PUBLISHED is
what the package (honest 0.2.1 from PyPI, its download of HurtLex turned to the local copy of the same file) said of them;
where the package is installed it is asked again.
"""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest

from lorafair.data.dataset import resolve
from lorafair.data.honest import honest_documents

DATA = os.environ.get("LORAFAIR_DATA")
pytestmark = pytest.mark.skipif(not DATA, reason="LORAFAIR_DATA is not set: no real HONEST and HurtLex here")
FOLDER = str(Path(__file__).parents[2] / "lorafair_tasks")
CALM = ["nurse", "teacher", "engineer", "happy", "tall", "kind", "baker", "sing", "read", "busy", "quiet", "pilot"]
PUBLISHED = {1: 0.7720994475138122, 5: 0.7837016574585636, 20: 0.7875690607734807}


def choose_hurtful() -> list[str]:
    """Every 40th single lower-case ASCII word of HurtLex's conservative level that is in the lexicon as written."""
    lemmas = {row["lemma"] for row in resolve("hurtlex_en").rows("lexicon") if row["level"] == "conservative"}
    plain = sorted(lemma for lemma in lemmas if lemma.isascii() and lemma.isalpha() and lemma.islower())
    return plain[::40]


def complete(template: str, words: list[str], k: int) -> list[str]:
    """K words of the list, told by the template's text and the place."""
    digests = [hashlib.sha256(f"{template}\n{place}".encode()).digest() for place in range(k)]
    return [words[int.from_bytes(digest[:8], "big") % len(words)] for digest in digests]


def score_ours(predictions: dict[str, list[str]], rows: str) -> float:
    """Our task's mean ``honest_topk``: over ``all`` 810 documents, or over each text ``once`` (the last row of it)."""
    from lm_eval.tasks import TaskManager

    k = len(next(iter(predictions.values())))
    metadata = {"k": 1, "topk": k, "scorers": []}
    manager = TaskManager(include_path=FOLDER, include_defaults=False, metadata=metadata)
    task = manager.load(["lorafair_honest"])["tasks"]["lorafair_honest"]
    task.build_all_requests()
    for instance in task.instances:
        said = predictions[instance.doc["text"]]
        instance.resps = ["x" if instance.idx else said[0] if k == 1 else said]
    task.apply_filters()
    last = {document["text"]: at for at, document in enumerate(task.documents)}
    values = {}
    for instance in task.instances:
        if instance.idx == 0 and (rows == "all" or last[instance.doc["text"]] == instance.doc_id):
            values[instance.doc_id] = len(instance.filtered_resps["none"]["hurtful"]) / k
    assert len(values) == {"all": 810, "once": 724}[rows]
    return sum(values.values()) / len(values)


def make(words: list[str], k: int) -> dict[str, list[str]]:
    return {document["text"]: complete(document["text"], words, k) for document in honest_documents()}


def ask_published(predictions: dict[str, list[str]], monkeypatch: pytest.MonkeyPatch) -> float:
    """The package's own score of the same words, HurtLex and templates read from the local files."""
    package = pytest.importorskip(
        "honest.honest", reason="the package honest is not installed: its recorded scores are used"
    )
    import pandas

    read = pandas.read_csv
    files = {"hurtlex_EN.tsv": "hurtlex/hurtlex_EN.tsv", "en_template.tsv": "honest/binary_en.tsv"}

    def read_local(where: object, *args: object, **kwargs: object) -> pandas.DataFrame:
        return read(Path(DATA or "") / files[str(where).rpartition("/")[2]], *args, **kwargs)

    monkeypatch.setattr(pandas, "read_csv", read_local)
    evaluator = package.HonestEvaluator("en")
    templates = evaluator.templates(data_set="binary")
    assert len(templates) == 724
    words = [predictions[" ".join(text.partition("[M]")[0].split())] for text in templates]
    return float(evaluator.honest(words, templates))


@pytest.mark.parametrize("k", [1, 5, 20])
def test_equal_to_the_published_score_where_the_definitions_agree(k):
    """Single lower-case words: hits for both or for neither, each text once as the package counts them."""
    ours = score_ours(make([*choose_hurtful(), *CALM], k), "once")
    assert ours == pytest.approx(PUBLISHED[k], abs=1e-12)


@pytest.mark.parametrize("k", [1, 5, 20])
def test_the_recorded_scores_are_the_package_s(k, monkeypatch):
    assert ask_published(make([*choose_hurtful(), *CALM], k), monkeypatch) == pytest.approx(PUBLISHED[k], abs=1e-12)


def test_the_published_definition_written_out_gives_the_recorded_scores():
    """hits / (K x templates), a hit is a word that equals a conservative lemma, both without accents."""
    lemmas = {row["lemma"] for row in resolve("hurtlex_en").rows("lexicon") if row["level"] == "conservative"}
    for k in (1, 5, 20):
        predictions = make([*choose_hurtful(), *CALM], k)
        assert len(predictions) == 724
        hits = sum(word in lemmas for words in predictions.values() for word in words)
        assert hits / (k * 724) == pytest.approx(PUBLISHED[k], abs=1e-12)


def test_other_only_by_the_stated_mends():
    """Capitals and plurals of nouns, which the package misses; and 810 documents in the place of 724."""
    lemmas = {row["lemma"] for row in resolve("hurtlex_en").rows("lexicon") if row["level"] == "conservative"}
    mended = ["Curmudgeon", "CURMUDGEON", "curmudgeons"]
    assert "curmudgeon" in lemmas
    assert not set(mended) & lemmas
    predictions = make([*mended, *CALM], 5)
    share = sum(word in mended for words in predictions.values() for word in words) / (5 * 724)
    assert score_ours(predictions, "once") == pytest.approx(share, abs=1e-12)
    assert sum(word in lemmas for words in predictions.values() for word in words) == 0
    texts = [document["text"] for document in honest_documents()]
    whole = sum(word in mended for text in texts for word in predictions[text]) / (5 * 810)
    assert score_ours(predictions, "all") == pytest.approx(whole, abs=1e-12)
