"""Files of translations: the published Spanish result, what is left out and counted, and translations that are none."""

from __future__ import annotations

import json
import math
import os
from pathlib import Path

import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st
from lorafair.cli.main import cli
from sklearn.metrics import accuracy_score, f1_score

from lorafair.data.winomt import winomt_documents
from lorafair.translation.entity import LONGEST, Entity, read_entities
from lorafair.translation.evaluation import measure_genders
from lorafair.translation.language import load_language
from lorafair.translation.score import score_translations

DATA = os.environ.get("LORAFAIR_DATA")
REAL = pytest.mark.skipif(not DATA, reason="LORAFAIR_DATA is not set: no WinoMT and no published translations here")
HELD = Path(__file__).parent / "es.tsv"
GENDERS = ("male", "female", "neutral", "unknown")


@pytest.fixture
def file(tmp_path):
    """The sample's sentences with their Spanish translations."""
    said = dict(line.split("\t")[::2] for line in HELD.read_text(encoding="utf-8").splitlines())
    path = tmp_path / "en-es.txt"
    lines = [f"{each['text']} ||| {said[each['id']]}" for each in winomt_documents("winomt_sample")]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def invoke(*words):
    return CliRunner().invoke(cli, ["translations", "score", *map(str, words)])


@REAL
def test_the_published_spanish_result_is_reproduced():
    done = invoke(Path(DATA) / "winomt" / "google.en-es.txt", "--language", "es", "--format", "json")
    found = json.loads(done.stdout)
    assert (found["n"], found["excluded"]["missing"]) == (3886, 2)
    published = {"acc": 53.1, "f1_male": 63.4, "f1_female": 40.0}
    for name, value in published.items():
        assert abs(found[name] - value) <= 2, (name, found[name], value)
    assert abs(found["delta_g"] - 23.4) <= 2
    assert found["unknown"] < 1
    assert found["delta_s"] == pytest.approx(found["acc_pro"] - found["acc_anti"], abs=0.011)
    assert not any(found["faults"].values())
    assert found["recognised"] > 90


def test_the_command_shows_and_writes_what_it_found(file, tmp_path):
    done = invoke(file, "--language", "es", "--data", "winomt_sample", "--rows", tmp_path / "rows.jsonl")
    assert done.exit_code == 0, done.output
    assert "60 sentences, es" in done.output
    assert "delta G" in done.output
    assert "delta S" in done.output
    assert "sample data" in done.output
    rows = [json.loads(line) for line in (tmp_path / "rows.jsonl").read_text(encoding="utf-8").splitlines()]
    found = json.loads(invoke(file, "--language", "es", "--data", "winomt_sample", "--format", "json").stdout)
    assert found["n"] == len(rows) == 60
    assert found["acc"] == pytest.approx(100 * sum(row["gender"] == row["found"] for row in rows) / 60, abs=0.006)
    assert sum(sum(row.values()) for row in found["found"].values()) == 60


def test_lines_that_cannot_be_used_are_left_out_and_counted(file):
    lines = file.read_text(encoding="utf-8").splitlines()
    lines[3] = lines[3].replace("|||", "|")
    lines += [lines[0], "A sentence of somebody else. ||| Una frase de otro."]
    file.write_text("\ufeff" + "\r\n\r\n".join(lines), encoding="utf-8")
    summary, rows = score_translations(file, "es", "winomt_sample")
    assert summary["excluded"] == {"missing": 1, "unknown_source": 1, "repeated": 1, "no_separator": 1}
    assert summary["n"] == len(rows) == 59
    shown = invoke(file, "--language", "es", "--data", "winomt_sample").output
    assert "lines without |||, left out: 1" in shown
    assert "left out (the first counts): 1" in shown


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "it is empty"),
        ("El mecánico llamó.", "no line of the form"),
        ("Nobody wrote this. ||| Nadie.", "None of the 1 sentences"),
    ],
)
def test_files_without_translations_get_one_message(text, words, tmp_path):
    path = tmp_path / "wrong.txt"
    path.write_text(text, encoding="utf-8")
    done = invoke(path, "--language", "es", "--data", "winomt_sample")
    assert done.exit_code == 2
    assert words in done.output
    assert "Traceback" not in done.output
    assert "cannot be read" in invoke(tmp_path / "none.txt", "--language", "es", "--data", "winomt_sample").output
    assert "'pt' cannot be judged" in invoke(path, "--language", "pt").output


def test_translations_that_are_none_are_unknown_and_named():
    documents = winomt_documents("winomt_sample")[:9]
    entities = [Entity(each["text"], each["index"], each["profession"]) for each in documents]
    given = [
        ("", "empty"),
        (" \n… !? 12.\n", "empty"),
        (documents[2]["text"].upper(), "copied"),
        ("Механик позвонил секретарше, потому что потерял счёт.", "other_script"),
        ("Le charpentier a attendu l'infirmière parce qu'il avait une écharde.", "other_language"),
        ("The carpenter was waiting because she had asked the nurse.", "other_language"),
        ("\x00\x1b[31m\u202eEl carpintero\ud800 esperó a la enfermera\x07", None),
        ("\n\nLa enfermera esperó al carpintero.\nEl carpintero no.", None),
        ("El conductor le pidió un mapa. " + "muy " * 10_000, None),
    ]
    readings = read_entities(entities, [text for text, _ in given], load_language("es"))
    assert [reading.fault for reading in readings] == [fault for _, fault in given]
    assert [reading.gender for reading in readings[:6]] == ["unknown"] * 6
    assert [reading.gender for reading in readings[6:]] == ["female", "female", "male"]
    assert [reading.recognised for reading in readings] == [False] * 6 + [True] * 3
    assert [reading.cut for reading in readings] == [False] * 8 + [True]
    assert LONGEST == (40, 2)


@settings(deadline=None)
@given(st.lists(st.tuples(st.sampled_from(GENDERS[:3]), st.sampled_from(GENDERS)), min_size=1, max_size=40))
def test_numbers_equal_scikit_learn_s(rows):
    labels, answers = map(list, zip(*rows, strict=True))
    kinds = (["pro", "anti"] * 20)[: len(labels)]
    found = measure_genders(labels, answers, kinds)
    assert found["acc"] == pytest.approx(accuracy_score(labels, answers))
    for name in ("male", "female"):
        if name in labels or name in answers:
            score = f1_score(labels, answers, labels=[name], average="macro", zero_division=0)
            assert found[f"f1_{name}"] == pytest.approx(score)
        else:
            assert math.isnan(found[f"f1_{name}"])
    parts = {kind: [a == b for a, b, k in zip(labels, answers, kinds, strict=True) if k == kind] for kind in kinds}
    if len(parts) == 2:
        pro, anti = (sum(parts[kind]) / len(parts[kind]) for kind in ("pro", "anti"))
        assert found["delta_s"] == pytest.approx(pro - anti)


@settings(deadline=None, max_examples=40)
@given(st.lists(st.text(max_size=40), min_size=1, max_size=8), st.sampled_from(["es", "fr", "it", "de"]))
def test_any_text_has_a_gender_or_is_unknown(texts, code):
    entity = Entity("The nurse called the driver.", 1, "nurse")
    for reading in read_entities([entity] * len(texts), texts, load_language(code)):
        assert reading.gender in GENDERS
        assert (reading.fault is None) or reading.gender == "unknown"
