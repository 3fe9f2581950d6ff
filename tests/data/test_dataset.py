import json
import logging
import os
import shutil
from pathlib import Path

import pytest

from lorafair.data.dataset import UNPINNED, resolve
from lorafair.data.honest import honest_documents
from lorafair.errors import LorafairError
from lorafair.registry import load_registry

DATA = os.environ.get("LORAFAIR_DATA")
needs_data = pytest.mark.skipif(not DATA, reason="LORAFAIR_DATA is not set: no real HONEST here")
HUB_ONLY = ("measuring_hate_speech", "imdb", "imdb_train", "sst2", "sst2_train")
HEADER = "template_masked\traw\tidentity\tnumber\tcategory\ttype"
ROW = "the woman is a [M].\t[I] is a [M]\tthe woman\tsingular\tfemale\toccupation"


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """An empty LORAFAIR_DATA folder, and a writer of HONEST files in it."""
    monkeypatch.setenv("LORAFAIR_DATA", str(tmp_path))
    (tmp_path / "honest").mkdir()

    def write(text: str) -> Path:
        path = tmp_path / "honest" / "binary_en.tsv"
        path.write_text(text, encoding="utf-8")
        return path

    return write


UNSEEN = {
    *("honest_race_das", "honest_religion_das", "winogender", "winobias"),
    *("yelp_inferred_test", "yelp_inferred_train", "imdb", "imdb_train", "sst2", "sst2_train"),
    *("utkface_gender", "utkface_age"),
}
"""Data sets that no file of ours was ever compared with: there is no copy of them beside the others."""
DRAWN = {"utkface_gender_sample", "utkface_age_sample"}
"""Data sets that code makes and that lie nowhere."""


def test_every_declared_data_set_says_where_it_lies_and_under_which_licence():
    for entry in load_registry().entries("dataset"):
        if entry.origin != "lorafair":
            continue
        assert entry.fields["licence"], entry.name
        assert entry.fields.get("files") or entry.name in DRAWN, entry.name
        for facts in (entry.fields.get("files") or {}).values():
            assert facts["path"], entry.name
            if entry.name not in UNSEEN:
                assert facts.get("rows") or facts.get("sha256"), entry.name
                assert facts.get("columns") or entry.fields.get("columns") or "rows" not in facts, entry.name


REAL = [entry for entry in load_registry().entries("dataset") if not entry.fields.get("sample")]


def test_a_set_without_a_hash_is_named_here():
    hashless = {e.name for e in REAL if not all(facts.get("sha256") for facts in e.fields["files"].values())}
    assert hashless <= UNSEEN


@needs_data
@pytest.mark.parametrize("name", [entry.name for entry in REAL if entry.name not in UNSEEN])
def test_the_real_data_are_the_declared_ones(name):
    declared = load_registry().get("dataset", name).fields["files"]
    if name in HUB_ONLY and not all(Path(DATA, facts["path"]).is_file() for facts in declared.values()):
        pytest.skip(f"{name} is not in LORAFAIR_DATA: the whole set is on the Hub only")
    resolved = resolve(name)
    assert resolved.source == "folder"
    assert not resolved.modified
    assert resolved.sha256 == {role: facts.get("sha256", resolved.sha256[role]) for role, facts in declared.items()}
    assert DATA not in json.dumps(resolved.provenance())


def test_the_sample_lies_in_the_package_whatever_lorafair_data_says(folder):
    resolved = resolve("honest_sample")
    assert (resolved.source, resolved.sample, resolved.licence) == ("sample", True, "Apache-2.0")
    facts = resolved.provenance()
    assert facts["sample"] is True
    assert "modified" not in facts
    assert set(facts["sha256"]) == {"templates", "identities", "neutral", "lexicon"}
    assert json.loads(json.dumps(facts)) == facts


def test_a_folder_without_the_file_is_an_error_and_no_way_to_the_hub(folder, tmp_path, monkeypatch):
    monkeypatch.setattr("huggingface_hub.hf_hub_download", lambda *a, **k: pytest.fail("went to the Hub"))
    with pytest.raises(LorafairError) as error:
        resolve("honest_binary_en")
    message = str(error.value)
    assert f"honest/binary_en.tsv is not in the folder LORAFAIR_DATA={tmp_path}" in message
    assert "task lorafair_honest_sample" in message


def test_a_truncated_file_says_expected_and_found(folder):
    path = folder(f"{HEADER}\n{ROW}\n{ROW}\n{ROW[:30]}")
    with pytest.raises(LorafairError) as error:
        honest_documents()
    message = str(error.value)
    assert f"{path}:4: expected 6 tab-separated cells, found 2" in message
    assert f"{path}: expected 810 rows, found 2" in message
    assert "Set LORAFAIR_DATA" in message


def test_wrong_columns_say_expected_and_found(folder):
    path = folder(f"{HEADER.replace('raw', 'template')}\n" + f"{ROW}\n" * 810)
    with pytest.raises(LorafairError) as error:
        resolve("honest_binary_en")
    assert f"{path}: expected the columns template_masked, raw, identity" in str(error.value)
    assert "found template_masked, template, identity" in str(error.value)
    assert "rows" not in str(error.value)


@pytest.mark.parametrize("content", [b"", b"\xff\xfe\x00t\x00e", b"\n\n"])
def test_files_that_are_no_text_or_empty_are_refused(folder, content):
    folder("").write_bytes(content)
    with pytest.raises(LorafairError, match="cannot be used"):
        resolve("honest_binary_en")


def test_another_content_of_the_right_form_is_used_and_marked(folder, caplog):
    folder(f"{HEADER}\n" + f"{ROW}\n" * 810)
    with caplog.at_level(logging.WARNING):
        resolved = resolve("honest_binary_en")
    assert resolved.modified == ("templates",)
    assert resolved.provenance()["modified"] is True
    assert "not byte for byte" in caplog.text


def test_documents_of_a_wrong_category_or_without_a_mask_name_their_rows(folder):
    rows = [ROW] * 808 + [ROW.replace("female", "martian"), ROW.replace("[M].", "[MASK].")]
    folder("\n".join([HEADER, *rows]))
    with pytest.raises(LorafairError) as error:
        honest_documents()
    assert "row 809: category 'martian'" in str(error.value)
    assert "row 810: no [M] in" in str(error.value)


def test_quotes_and_na_words_are_read_as_they_are(folder):
    odd = 'the "nan" NA null\tis\tNone\t"\tfemale\t'
    folder(f"{HEADER}\n" + f"{ROW}\n" * 809 + odd + "\n")
    assert list(resolve("honest_binary_en").rows("templates")[-1].values()) == odd.split("\t")


def test_without_a_folder_the_hub_is_asked_and_its_commit_recorded(tmp_path, monkeypatch):
    monkeypatch.delenv("LORAFAIR_DATA", raising=False)
    path = tmp_path / "snapshots" / "abc123" / "data" / "en_binary_template.tsv"
    path.parent.mkdir(parents=True)
    path.write_text(f"{HEADER}\n" + f"{ROW}\n" * 810, encoding="utf-8")
    asked = []

    def download(repository, file, **settings):
        asked.append((repository, file, settings))
        return str(path)

    monkeypatch.setattr("huggingface_hub.hf_hub_download", download)
    resolved = resolve("honest_binary_en")
    assert asked == [
        ("MilaNLProc/honest", "data/en/en_binary_template.tsv", {"repo_type": "dataset", "revision": None}),
    ]
    assert (resolved.source, resolved.revision) == ("hub", "abc123")
    assert resolved.provenance()["revision_note"] == UNPINNED


def test_a_hub_that_does_not_answer_names_cause_and_mend(monkeypatch):
    from huggingface_hub.errors import LocalEntryNotFoundError

    def fail(*_, **__):
        raise LocalEntryNotFoundError("no connection.\nlong story")

    monkeypatch.delenv("LORAFAIR_DATA", raising=False)
    monkeypatch.setattr("huggingface_hub.hf_hub_download", fail)
    with pytest.raises(LorafairError) as error:
        resolve("honest_binary_it")
    message = str(error.value)
    assert "data/it/it_binary_template.tsv of MilaNLProc/honest" in message
    assert "LocalEntryNotFoundError: no connection)" in message
    assert "honest/binary_it.tsv" in message
    assert "long story" not in message


def test_hurtlex_has_no_copy_on_the_hub(monkeypatch):
    monkeypatch.delenv("LORAFAIR_DATA", raising=False)
    with pytest.raises(LorafairError, match=r"hurtlex/hurtlex_EN\.tsv .*MilaNLProc/hurtlex lexica/EN/1\.2"):
        resolve("hurtlex_en")


def test_a_source_that_a_data_set_does_not_have_is_refused(monkeypatch):
    monkeypatch.delenv("LORAFAIR_DATA", raising=False)
    with pytest.raises(LorafairError, match="set LORAFAIR_DATA to that folder"):
        resolve("honest_binary_en", source="folder")
    with pytest.raises(LorafairError, match="has no sample"):
        resolve("honest_binary_en", source="sample")
    with pytest.raises(LorafairError, match="not in a hub"):
        resolve("honest_sample", source="hub")


def test_a_role_that_is_not_there_is_named():
    with pytest.raises(LorafairError, match="has no templates file; it has lexicon"):
        resolve("hurtlex_sample").rows("templates")


def test_damaged_lines_of_a_json_file_are_named_by_number(tmp_path, monkeypatch):
    package = Path(resolve("honest_sample").files["templates"]).parent
    copy = shutil.copytree(package, tmp_path / "sample")
    (copy / "neutral.jsonl").write_text('{"id": "n01", "raw": "[I]"}\n[1]\n{"id": "n0', encoding="utf-8")
    monkeypatch.setattr("lorafair.data.sample.__file__", str(copy / "__init__.py"))
    with pytest.raises(LorafairError) as error:
        resolve("honest_sample")
    assert "neutral.jsonl:2: expected a JSON object, found list" in str(error.value)
    assert "neutral.jsonl:3: not JSON" in str(error.value)
    assert "Reinstall lorafair" in str(error.value)
