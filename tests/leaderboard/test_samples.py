"""Reading audits: ours, plain lm-eval's, and what is wrong with them."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest

from lorafair.errors import LorafairError
from lorafair.samples import read_audit

TASK = "lorafair_honest_sample"


def _edit(folder: Path, change) -> None:
    path = next(folder.glob("results_*.json"))
    results = json.loads(path.read_text())
    change(results)
    path.write_text(json.dumps(results))


def _lines(folder: Path) -> Path:
    return next(folder.glob("samples_*.jsonl"))


def test_reads_our_audit_and_skips_responses(audit_folder: Path, write) -> None:
    write(audit_folder / "responses" / "x", "stranger", seed=9)
    audit = read_audit([audit_folder])
    assert [model.label for model in audit.models] == ["base", "full", "lora-r8", "planted"]
    one = next(each for each in audit.samples if each.model == "lora-r8")
    assert (len(one.keys), len(set(one.clusters)), list(one.values)) == (416, 52, ["honest_continuation"])
    assert one.groups[1] == {"identity": ["men"]}
    assert one.direction == {"honest_continuation": False}
    assert one.sample_data
    assert audit.models[2].rank == 8


def test_newest_results_of_a_label_and_task_count(tmp_path: Path, write) -> None:
    write(tmp_path / "a", "base", seed=1, base_rate=0.0, stamp="2026-01-01T00-00-00")
    write(tmp_path / "a", "base", seed=1, base_rate=1.0, stamp="2026-02-01T00-00-00")
    assert set(read_audit([tmp_path]).samples[0].values["honest_continuation"]) == {1.0}


@pytest.mark.parametrize("as_mapping", [False, True])
def test_plain_logs_of_two_adapters_in_one_folder(tmp_path: Path, write, as_mapping: bool) -> None:
    adapter = tmp_path / "runs" / "lora-r4"
    adapter.mkdir(parents=True)
    (adapter / "adapter_config.json").write_text(json.dumps({"r": 4, "peft_type": "LORA"}))
    for number, lora in enumerate((None, adapter, tmp_path / "runs" / "lora-r16")):
        pairs = {"pretrained": "models/tiny"} | ({"lora_local_path": str(lora)} if lora else {})
        args = pairs if as_mapping else ",".join(f"{k}={v}" for k, v in pairs.items())
        write(tmp_path / "out" / "tiny", "x", seed=number, ours=False, model_args=args, stamp=f"2026-01-0{number + 1}")
    models = {model.label: model for model in read_audit([tmp_path / "out"]).models}
    assert list(models) == ["base", "lora-r16", "lora-r4"]
    assert (models["lora-r4"].method, models["lora-r4"].rank, models["lora-r16"].rank) == ("lora", 4, None)
    assert models["lora-r4"].base == "models/tiny"
    assert models["lora-r4"].verified is None
    assert models["lora-r4"].engine == "vllm"


def test_plain_full_checkpoint_is_told_by_its_provenance(tmp_path: Path, write) -> None:
    full = tmp_path / "full-ft"
    full.mkdir()
    settings = {"method": "full", "rank": None, "base": {"name": "tiny", "hash": "h"}, "trainable_parameters": 7}
    (full / "provenance.json").write_text(json.dumps({"settings": settings}))
    write(tmp_path / "out", "x", seed=1, ours=False, model_args=f"pretrained={full},dtype=float32")
    model = read_audit([tmp_path / "out"]).models[0]
    assert (model.label, model.kind, model.base, model.method) == ("full-ft", "full", "tiny", "full")


def test_unknown_identity_asks_for_a_label_and_takes_it(tmp_path: Path, write) -> None:
    write(tmp_path / "out" / "m", "x", seed=1, ours=False)
    with pytest.raises(LorafairError, match="--label FOLDER=name"):
        read_audit([tmp_path / "out"])
    assert read_audit([tmp_path / "out"], {"m": "mine"}).models[0].label == "mine"
    assert read_audit([tmp_path / "out"], {str(tmp_path / "out" / "m"): "mine"}).models[0].label == "mine"
    with pytest.raises(LorafairError, match="no results lie under a folder 'elsewhere'"):
        read_audit([tmp_path / "out"], {"m": "mine", "elsewhere": "b"})


def test_all_faults_in_one_message(audit_folder: Path, tmp_path: Path) -> None:
    _edit(audit_folder / "base", lambda results: results["lorafair"].update(schema=7))
    _lines(audit_folder / "full").unlink()
    (audit_folder / "lora-r8" / "results_2027.json").write_text("{broken")
    (audit_folder / "planted" / "results_2027.json").write_text('{"results": 3}')
    with pytest.raises(LorafairError) as caught:
        read_audit([audit_folder, tmp_path / "nowhere"])
    text = str(caught.value)
    for part in ("schema 7", "--log_samples", "cannot be read as JSON", "not a results file", "is not a folder"):
        assert part in text
    assert text.count("\n  - ") == 5


def test_empty_folder_says_what_to_run(tmp_path: Path) -> None:
    with pytest.raises(LorafairError, match="holds no results_.*lorafair eval"):
        read_audit([tmp_path])


def test_one_label_for_two_models_is_refused(audit_folder: Path) -> None:
    _edit(audit_folder / "full", lambda results: results["lorafair"].update(label="lora-r8", kind="adapter"))
    with pytest.raises(LorafairError, match="two different models with one label, 'lora-r8'"):
        read_audit([audit_folder])
    assert len(read_audit([audit_folder], {"full": "other"}).models) == 4


def test_truncated_last_line_is_noted_and_a_broken_one_refused(audit_folder: Path) -> None:
    path = _lines(audit_folder / "lora-r8")
    text = path.read_text()
    path.write_text(text[:-40])
    one = next(each for each in read_audit([audit_folder]).samples if each.model == "lora-r8")
    assert len(one.keys) == 415
    assert "truncated" in one.notes[0]
    path.write_text("{oops\n" + text)
    with pytest.raises(LorafairError, match=r"jsonl:1 is not JSON"):
        read_audit([audit_folder])
    path.write_text('{"a": 1}\n' + text)
    with pytest.raises(LorafairError, match="not a sample of lm-eval"):
        read_audit([audit_folder])
    path.write_text("")
    with pytest.raises(LorafairError, match="holds no samples"):
        read_audit([audit_folder])


def test_missing_repeated_and_nested_values(audit_folder: Path) -> None:
    path = _lines(audit_folder / "base")
    samples = [json.loads(line) for line in path.read_text().splitlines()]
    samples[0]["honest_continuation"] = None
    samples[1]["honest_continuation"] = math.nan
    for sample in samples:
        sample["metrics"] += ["acc", "word_perplexity"]
        sample |= {"acc": True, "word_perplexity": [-1.0, 3]}
    path.write_text("".join(json.dumps(sample) + "\n" for sample in [*samples, samples[5]]))
    one = next(each for each in read_audit([audit_folder]).samples if each.model == "base")
    assert [math.isnan(value) for value in one.values["honest_continuation"][:3]] == [True, True, False]
    assert one.values["acc"][0] == 1.0
    assert "word_perplexity" not in one.values
    assert any("1 repeated" in note for note in one.notes)
    assert any("word_perplexity is not one number" in note for note in one.notes)


def test_several_filters_become_several_metrics(audit_folder: Path) -> None:
    path = _lines(audit_folder / "base")
    samples = [json.loads(line) for line in path.read_text().splitlines()]
    strict = [sample | {"filter": "strict", "honest_continuation": 1.0} for sample in samples]
    path.write_text("".join(json.dumps(sample) + "\n" for sample in samples + strict))
    one = next(each for each in read_audit([audit_folder]).samples if each.model == "base")
    assert list(one.values) == ["honest_continuation,none", "honest_continuation,strict"]
    assert set(one.values["honest_continuation,strict"]) == {1.0}
    assert len(one.keys) == 416


@pytest.mark.parametrize("parquet", [False, True])
def test_scores_beside_the_samples_become_a_metric(audit_folder: Path, parquet: bool) -> None:
    rows = [
        {
            "schema": 1,
            "model": "m",
            "task": TASK,
            "doc_id": number,
            "request": 0,
            "repeat": k,
            "scorer": "mine",
            "score": s,
        }
        for number, scores in ((0, (0.9, 0.1)), (1, (0.5, None)), (2, (None, None)))
        for k, s in enumerate(scores)
    ]
    folder = audit_folder / "base"
    if parquet:
        import pandas

        pandas.DataFrame(rows).to_parquet(folder / "scores.parquet")
    else:
        (folder / "scores.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    one = next(each for each in read_audit([audit_folder]).samples if each.model == "base")
    assert one.values["toxicity_mine"][:2] == [0.5, 1.0]
    assert math.isnan(one.values["toxicity_mine"][2])
    assert one.direction["toxicity_mine"] is False


def test_damaged_scores_are_named(audit_folder: Path) -> None:
    (audit_folder / "base" / "scores.jsonl").write_text('{"model": 1}\n')
    with pytest.raises(LorafairError, match="run `lorafair score` again"):
        read_audit([audit_folder])
