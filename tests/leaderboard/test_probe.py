"""Probes' records as rows: means and differences as by hand, by layer, of the model as a whole; files that are refused."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from lorafair.cli.main import cli

from lorafair.errors import LorafairError
from lorafair.leaderboard.line import build_lines
from lorafair.leaderboard.row import Rows, build_rows
from lorafair.provenance import hash_file
from lorafair.records import Row
from lorafair.samples import read_audit
from lorafair.statistics.mean import sample_mean
from lorafair.statistics.table import Table

GROUPS = ("women", "men")
LAYERS = 3


def write_probe(
    root: Path,
    label: str,
    records: list[dict[str, Any]],
    *,
    name: str = "kl",
    measures: dict[str, Any] | None = None,
    settings: dict[str, Any] | None = None,
    documents: str = "d" * 64,
    data: str = "texts.jsonl",
    sample: bool = False,
    digest: str | None = None,
) -> Path:
    """Records as ``lorafair probe`` leaves them; ``groups`` and ``cluster`` of a record stand outside its values."""
    folder = root / label
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"probe_{name}.jsonl"
    lines = []
    for each in records:
        about = ("id", "groups", "cluster") if "id" in each else ()
        values = {key: value for key, value in each.items() if key not in about}
        place = {"id": None, "groups": {}, "cluster": None} | {key: each[key] for key in about if key in each}
        lines.append(json.dumps({"schema": 1, "probe": name, "model": label, **place, "values": values}))
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    kind = "base" if label == "base" else "adapter"
    model = {"schema": 1, "label": label, "kind": kind, "base": "tiny", "base_hash": "b" * 64, "engine": "hf"}
    model |= {"hash": digest or f"{len(label):064d}", "method": "lora" if kind == "adapter" else None, "rank": 4}
    told = {
        "data": {data: {"sha256": documents, "sample": sample}},
        "settings": {
            "inputs": {"probe": {"name": name, "settings": settings or {}}, "documents": documents},
            "sha256": hash_file(path),
            "base": {"name": "tiny", "hash": "b" * 64},
            "checkpoint": {"label": label, "hash": model["hash"]},
            "model": model,
            "measures": measures or {},
        },
    }
    path.with_suffix(".provenance.json").write_text(json.dumps(told), encoding="utf-8")
    return path


def draw(seed: int, size: float, people: int = 60) -> list[dict[str, Any]]:
    """Two documents, one of each group, in each of ``people`` clusters; men are ``size`` further away."""
    rng = np.random.default_rng(seed)
    return [
        {
            "id": f"{number}-{group}",
            "groups": {"gender": [group]},
            "cluster": f"c{number}",
            "kl": float(rng.gamma(2, 0.1) + size * (group == "men")) if size else 0.0,
            "layered": [float(rng.gamma(2, 0.1)) for _ in range(LAYERS)],
            "positions": 3,
            "cut": int(number == 0),
        }
        for number in range(people)
        for group in GROUPS
    ]


MEASURES = {"kl": {"label": "KL", "higher_is_better": None}, "layered": {"label": "KL by layer"}}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_probe(tmp_path, "base", draw(1, 0.0), measures=MEASURES)
    write_probe(tmp_path, "lora", draw(2, 0.3), measures=MEASURES)
    return tmp_path


def find(found: Rows, **wanted: Any) -> Row:
    (row,) = (row for row in found.rows if all(getattr(row, key) == value for key, value in wanted.items()))
    return row


def test_a_record_per_document_is_a_mean_with_the_statistics_of_every_other_column(folder: Path) -> None:
    found = build_rows(read_audit([folder]), resamples=500)
    records = draw(2, 0.3)
    values = np.array([each["kl"] for each in records])
    men = np.array([each["groups"]["gender"] == ["men"] for each in records])
    row = find(found, model="lora", metric="kl", kind="overall")
    assert (row.task, row.probe, row.layer, row.n, row.clusters) == ("probe:kl", "kl", None, 120, 60)
    assert (row.metric_label, row.rank, row.verified, row.capability) == ("KL", 4, None, False)
    assert row.estimate == pytest.approx(values.mean())
    # the interval is the symmetric bootstrap-t of the mean, not one for rates, though all values lie in [0, 1]
    assert values.max() <= 1
    assert row.method_interval == "cluster bootstrap-t, 60 clusters, B=500"
    assert row.high - row.estimate == pytest.approx(row.estimate - row.low)
    codes = np.repeat(np.arange(60), 2)
    spread = values.reshape(60, 2).mean(1).std(ddof=1) / np.sqrt(60)
    assert 1.96 < (row.high - row.low) / 2 / spread < 2.4
    table = Table(values, codes, {"gender": np.column_stack([men, ~men])}, {"gender": ("men", "women")})
    assert sample_mean(table, resamples=500, seed=0).estimate[0] == pytest.approx(row.estimate)
    group = find(found, model="lora", metric="kl", kind="group", group="men")
    assert group.estimate == pytest.approx(values[men].mean())
    assert group.contrast == pytest.approx(values[men].mean() - values[~men].mean())
    level, contrast = group.comparisons
    assert (level.reference, contrast.quantity, contrast.verdict) == ("base", "contrast", "no claim")
    assert contrast.difference == pytest.approx(group.contrast)  # the base's is 0
    assert contrast.low is not None
    assert contrast.low > 0.2  # 0.3 was put in
    assert found.family == {"base": (0, 0)}
    base = find(found, model="base", metric="kl", kind="overall")
    assert (base.estimate, base.low, base.high) == (0.0, None, None)


def test_layers_are_rows_but_not_columns(folder: Path) -> None:
    found = build_rows(read_audit([folder]), resamples=600)
    records = draw(2, 0.3)
    for layer in range(LAYERS):
        row = find(found, model="lora", metric=f"layered@{layer:02d}", kind="overall")
        assert (row.layer, row.metric_label) == (layer, f"KL by layer, layer {layer}")
        assert row.method_interval.endswith("B=500")
        assert row.estimate == pytest.approx(np.mean([each["layered"][layer] for each in records]))
    shown = {key for line in build_lines(found.rows, bases=["base"], against=None) for key in line.cells}
    assert shown == {("probe:kl", "kl")}
    asked = build_lines(found.rows, bases=["base"], against=None, metrics=["layered@01"])
    assert {key for line in asked for key in line.cells} == {("probe:kl", "layered@01")}


def test_the_command_shows_them_and_says_what_they_are(folder: Path, write: Callable[..., Path]) -> None:
    write(folder / "base", "base", seed=1, record={"hash": f"{4:064d}"})
    write(folder / "lora", "lora", seed=2, record={"hash": f"{4:064d}"})
    alone = build_rows(read_audit([folder]), resamples=300)
    done = CliRunner().invoke(cli, ["leaderboard", str(folder), "--resamples", "300"])
    assert done.exit_code == 0, done.output
    said = " ".join(done.output.split())
    assert "Probes: probe:kl. What a probe measures" in said
    assert "lora: 2 of 120 texts of probe:kl are longer than the context and lost their start" in said
    assert "nothing says whether higher is better" not in said
    assert (
        find(alone, model="lora", task="probe:kl", metric="kl", kind="overall").verified == "changes log-probabilities"
    )
    only = build_rows(read_audit([folder], {}), resamples=300)
    family = {reference: sizes for reference, sizes in only.family.items() if any(sizes)}
    assert family == {"base": (1, 1)}  # the task's own
    kept = [json.loads(line) for line in (folder / "rows.jsonl").read_text(encoding="utf-8").splitlines()]
    assert {row["metric"] for row in kept if row["probe"]} == {"kl", *(f"layered@{k:02d}" for k in range(LAYERS))}


def test_what_a_probe_estimated_itself_is_a_row_with_its_own_interval(tmp_path: Path) -> None:
    auc = {"scope": "model", "measure": "auc", "estimate": 0.7, "low": 0.6, "high": 0.8, "n": 400, "method": "DeLong"}
    tpr = {"scope": "model", "measure": "tpr", "groups": {"gender": ["men"]}, "estimate": None, "low": 0.1, "n": 9}
    tpr |= {"note": "not estimable at this FPR"}
    layered = [auc | {"measure": "readable", "layer": k, "estimate": k / 10} for k in range(2)]
    measures = {"auc": {"label": "AUC of the attack", "higher_is_better": False}, "tpr": {}, "readable": {}}
    for label in ("base", "lora"):
        write_probe(tmp_path, label, [auc, tpr, *layered, {"layers": 2}], name="attack", measures=measures)
    found = build_rows(read_audit([tmp_path]), resamples=200)
    row = find(found, model="lora", metric="auc")
    assert (row.task, row.kind, row.estimate, row.low, row.high, row.n) == (
        "probe:attack",
        "overall",
        0.7,
        0.6,
        0.8,
        400,
    )
    assert (row.method_interval, row.metric_label, row.higher_is_better) == ("DeLong", "AUC of the attack", False)
    assert row.comparisons == []
    group = find(found, model="lora", metric="tpr", kind="group")
    assert (group.attribute, group.group, group.estimate, group.low, group.n) == ("gender", "men", None, None, 9)
    assert find(found, model="lora", metric="tpr", kind="overall").estimate is None
    assert find(found, model="lora", metric="readable@01").layer == 1
    done = CliRunner().invoke(cli, ["leaderboard", str(tmp_path), "--resamples", "200"])
    assert done.exit_code == 0, done.output
    said = " ".join(done.output.split())
    assert re.search(r"0\.700 \[0\.600, 0\.800\]", said)
    assert "not estimable at this FPR" in said


def test_what_is_read_of_several_attributes_is_a_measure_of_each(tmp_path: Path) -> None:
    records = [
        {"scope": "model", "measure": "readable", "attribute": name, "group": None, "layer": layer, "estimate": value}
        for name, value in (("gender", 0.9), ("age", 0.2))
        for layer in (None, 0, 1)
    ]
    write_probe(tmp_path, "base", records, name="read", measures={"readable": {"label": "readable share"}})
    found = build_rows(read_audit([tmp_path]), resamples=200)
    assert {(row.metric, row.metric_label, row.estimate) for row in found.rows if row.layer is None} == {
        ("readable:gender", "readable share, gender", 0.9),
        ("readable:age", "readable share, age", 0.2),
    }
    row = find(found, metric="readable:age@01")
    assert (row.layer, row.metric_label) == (1, "readable share, age, layer 1")
    shown = {key for line in build_lines(found.rows, bases=["base"], against=None) for key in line.cells}
    assert shown == {("probe:read", "readable:gender"), ("probe:read", "readable:age")}


def test_one_measure_a_record_and_a_probe_that_names_none(tmp_path: Path) -> None:
    long = [{"id": str(k), "measure": "loss", "value": k / 10} for k in range(4)]
    write_probe(tmp_path, "base", [*long, {"id": "3", "measure": "rank", "layer": 1, "value": None}], name="long")
    write_probe(tmp_path, "base", [{"id": str(k), "nats": -k, "tokens": 3, "text": "x", "deep": [1]} for k in range(4)],
                name="wide", sample=True)  # fmt: skip
    found = build_rows(read_audit([tmp_path]), resamples=200)
    assert {(row.task, row.metric) for row in found.rows} == {("probe:long", "loss"), ("probe:wide", "nats")}
    assert find(found, metric="loss", kind="overall").estimate == pytest.approx(0.15)
    nats = find(found, metric="nats", kind="overall")
    assert (nats.estimate, nats.sample_data) == (-1.5, True)


def test_only_what_was_asked_the_same_is_compared(folder: Path) -> None:
    write_probe(folder, "more", draw(3, 0.1), measures=MEASURES, documents="e" * 64, data="other.jsonl")
    write_probe(folder, "greedy", draw(4, 0.1), measures=MEASURES, settings={"texts": "greedy"})
    found = build_rows(read_audit([folder]), resamples=200)
    tasks = {row.model: row.task for row in found.rows}
    assert tasks["base"] == tasks["lora"] == "probe:kl on texts.jsonl (dddddddd)"
    assert tasks["more"] == "probe:kl on other.jsonl"
    assert tasks["greedy"] == "probe:kl on texts.jsonl (texts=greedy, dddddddd)"
    assert find(found, model="greedy", metric="kl", kind="overall").comparisons == []


def test_documents_without_groups_are_measured_as_a_whole(tmp_path: Path) -> None:
    for label, size in (("base", 0.0), ("lora", 0.2)):
        write_probe(tmp_path, label, [each | {"groups": {}} for each in draw(1, size)], measures=MEASURES)
    found = build_rows(read_audit([tmp_path]), resamples=200)
    assert {row.kind for row in found.rows} == {"overall"}
    done = CliRunner().invoke(cli, ["leaderboard", str(tmp_path), "--resamples", "200"])
    assert done.exit_code == 0, done.output
    assert "capability" not in done.output.lower()


def test_files_that_cannot_be_trusted_are_all_named(folder: Path) -> None:
    path = folder / "lora" / "probe_kl.jsonl"
    path.write_text(path.read_text(encoding="utf-8") + "\n", encoding="utf-8")
    broken = write_probe(folder, "broken", [{"id": "1", "kl": 1.0}])
    broken.with_suffix(".provenance.json").write_text("{}", encoding="utf-8")
    write_probe(folder, "twice", [{"id": "1", "kl": 1.0}, {"id": "1", "kl": 2.0}], measures=MEASURES)
    write_probe(folder / "elsewhere", "base", draw(1, 0.0), digest="f" * 64)
    with pytest.raises(LorafairError) as error:
        read_audit([folder])
    said = str(error.value)
    assert f"{path} was changed after the probe wrote it" in said
    assert "broken/probe_kl.provenance.json cannot be read" in said
    assert "probe_kl.jsonl:2 gives kl of the document '1' a second time" in said
    assert "is about another model than the other results of the label 'base'" in said
    assert "`lorafair probe`" in said
    with pytest.raises(LorafairError, match="no results lie under a folder 'nowhere'"):
        read_audit([folder / "base"], {"nowhere": "x"})
    assert [model.label for model in read_audit([folder / "base"], {"base": "renamed"}).models] == ["renamed"]
