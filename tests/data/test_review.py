"""Reviews in the format of md_gender_bias's yelp_inferred: subsample, cleaning, and files that are wrong."""

import re

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from lorafair.data.dataset import resolve
from lorafair.data.review import clean_text, read_reviews
from lorafair.errors import LorafairError

GENDERED = re.compile(
    r"\b(s?he|his|hers?|hi[ms]|(wo)?m[ae]n|husbands?|wi(fe|ves)|(boy|girl)s?(friend)?|lad(y|ies)|guys?|(grand)?(mo|fa)ther"
    r"|m[ou]m|dad|sisters?|brothers?|sons?|daughters?|mrs?|ms|sir|madam|wait(er|ress)|(fe)?males?)\b",
    re.I,
)


@pytest.fixture
def yelp(tmp_path, monkeypatch):
    """Writes texts as a file in the format of yelp_inferred, declared as the data set ``yelp_local``."""

    def write(texts, rows=None, columns=("text", "binary_label", "binary_score")):
        made = {
            "text": pa.array(texts, pa.string()),
            "binary_label": [0] * len(texts),
            "binary_score": [0.9] * len(texts),
        }
        pq.write_table(pa.table({name: made[name] for name in columns}), tmp_path / "reviews.parquet")
        return declare(len(texts) if rows is None else rows)

    def declare(rows):
        (tmp_path / "registry.yaml").write_text(
            "schema: 1\ndatasets:\n  yelp_local:\n    description: reviews\n    licence: MIT\n"
            "    columns: [text, binary_label, binary_score]\n"
            f"    files:\n      reviews: {{path: reviews.parquet, rows: {rows}}}\n"
        )
        monkeypatch.setenv("LORAFAIR_REGISTRY", str(tmp_path / "registry.yaml"))
        return "yelp_local"

    return write


def test_a_larger_subsample_keeps_the_smaller_one_and_the_seed_decides(yelp):
    name = yelp([f"review number {k}" for k in range(9000)])
    small, large = (read_reviews(name, count, 1, 200).rows for count in (50, 5000))
    assert large[:50] == small
    assert len({row["id"] for row in large}) == len({row["text"] for row in large}) == 5000
    assert small == read_reviews(name, 50, 1, 200).rows != read_reviews(name, 50, 2, 200).rows
    for row in small:
        assert row["text"] == f"review number {int(row['id'].rpartition('/')[2])}"
    assert len(read_reviews(name, 10**6, 1, 200).rows) == 9000


def test_what_is_no_review_is_left_out_and_counted(yelp):
    long = "word " * 10_000
    found = read_reviews(yelp([None, "", " \n ", "\u200b\u0007", "Good.", "GOOD.", "a\x00b\u202ec\nd", long]), 99, 0, 5)
    assert sorted(row["text"] for row in found.rows) in (
        sorted(["Good.", "abc d", "word word word word word"]),
        sorted(["GOOD.", "abc d", "word word word word word"]),
    )
    assert (found.available, found.empty, found.repeated, found.cut) == (8, 4, 1, 1)
    assert clean_text("half \ud800 surrogate").isprintable()
    with pytest.raises(LorafairError, match="holds no review with visible text"):
        read_reviews(yelp(["", None]), 9, 0, 5)


def test_a_wrong_file_says_expected_and_found(yelp, tmp_path):
    with pytest.raises(LorafairError, match="expected 5 rows, found 2"):
        read_reviews(yelp(["a", "b"], rows=5), 9, 0, 5)
    with pytest.raises(LorafairError, match=r"(?s)expected the columns text, binary_label.*found binary_label"):
        read_reviews(yelp(["a"], columns=("binary_label", "binary_score")), 9, 0, 5)
    name = yelp(["a"])
    (tmp_path / "reviews.parquet").write_bytes(b"PAR1 damaged")
    with pytest.raises(LorafairError, match="cannot be read as parquet"):
        read_reviews(name, 9, 0, 5)
    with pytest.raises(LorafairError, match="has no reviews file; it has templates"):
        read_reviews("honest_sample", 9, 0, 5)


def test_missing_reviews_name_the_folder_and_the_file(tmp_path, monkeypatch):
    monkeypatch.setenv("LORAFAIR_DATA", str(tmp_path))
    with pytest.raises(LorafairError) as error:
        read_reviews("yelp_inferred_test", 9, 0, 5)
    assert "md_gender_bias/yelp_inferred_test.parquet is not in the folder LORAFAIR_DATA" in str(error.value)


def test_the_hub_s_copy_is_the_converted_one_and_needs_no_loading_script(tmp_path, monkeypatch):
    asked = []

    def download(hub, path, **more):
        asked.append((hub, path, more["revision"]))
        raise OSError("offline")

    monkeypatch.delenv("LORAFAIR_DATA", raising=False)
    monkeypatch.setattr("huggingface_hub.hf_hub_download", download)
    with pytest.raises(LorafairError, match="facebook/md_gender_bias"):
        resolve("yelp_inferred_test")
    assert asked == [("facebook/md_gender_bias", "yelp_inferred/test/0000.parquet", "refs/convert/parquet")]


def test_our_own_reviews_are_short_and_say_nothing_of_who_wrote_them():
    found = read_reviews("reviews_sample", 999, 0, 200)
    assert (len(found.rows), found.empty, found.repeated, found.cut) == (60, 0, 0, 0)
    assert found.provenance["sample"] is True
    for row in found.rows:
        assert GENDERED.search(row["text"]) is None, row
        assert 8 <= len(row["text"].split()) <= 40
