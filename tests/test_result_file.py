"""Results and samples on disk: whole or not there, whatever ends the process while they are written."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from lm_eval.loggers import EvaluationTracker

from lorafair.result_file import write_result


def make_results(value: float) -> dict[str, Any]:
    sample = {"doc_id": 0, "doc": {"text": "a"}, "target": "", "arguments": [("a",)], "resps": [["b"]]}
    sample |= {"filtered_resps": ["b"], "filter": "none", "metrics": ["m"], "doc_hash": "0", "m": value}
    sample |= {"prompt_hash": "1", "target_hash": "2"}
    facts = {"configs": {"task": {}}, "config": {"model": "hf", "model_args": ""}, "versions": {"task": 1}}
    return {"results": {"task": {"m,none": value}}, "samples": {"task": [sample]}, "lorafair": {"name": "a"}} | facts


def list_files(out: Path) -> list[str]:
    found = (path.relative_to(out) for path in out.rglob("*") if path.is_file())
    return sorted(path.as_posix() for path in found if "responses" not in path.parts)


@pytest.mark.parametrize("step", ["save_results_aggregated", "save_results_samples"])
def test_half_of_a_result_is_never_where_somebody_reads(tmp_path, monkeypatch, step):
    first = write_result(tmp_path, "mine", make_results(0.5))
    before = list_files(tmp_path)
    assert len(before) == 2
    with monkeypatch.context() as patch:
        save = getattr(EvaluationTracker, step)

        def end(self: EvaluationTracker, *arguments: Any, **named: Any) -> None:
            save(self, *arguments, **named)
            raise KeyboardInterrupt

        patch.setattr(EvaluationTracker, step, end)
        with pytest.raises(KeyboardInterrupt):
            write_result(tmp_path, "mine", make_results(0.25))
    assert list_files(tmp_path) == before
    second = write_result(tmp_path, "mine", make_results(0.75))
    assert not first.exists()
    assert len(list_files(tmp_path)) == 2
    assert not (tmp_path / "responses" / ".writing").exists()
    assert json.loads(second.read_text(encoding="utf-8"))["results"]["task"]["m,none"] == 0.75
