"""Every known way in which an adapter silently scores like something else, planted in the real engine: none is a row."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from dataclasses import replace
from itertools import count

import pytest

from lorafair.checkpoint import read_base, read_checkpoints
from lorafair.engines.contract import EngineSettings
from lorafair.errors import LorafairError
from lorafair.responses.store import ResponseStore
from lorafair.serving.session import LocalSession
from lorafair.serving.supervision import Supervisor
from lorafair.serving.verification import explain, verify

pytestmark = [pytest.mark.engine, pytest.mark.timeout(900)]
TASK = "lorafair_honest_sample"


def zero_b(adapter, zeroed=True):
    """Set an adapter's second factors to zero, as before training."""
    from safetensors.torch import load_file, save_file

    file = adapter / "adapter_model.safetensors"
    weights = {k: v * 0 if ".lora_B." in k else v for k, v in load_file(file).items()}
    save_file(weights, file, metadata={"format": "pt"})
    return adapter


def overflow(adapter):
    """Make weights so large, each a finite number, that the answers are none."""
    from safetensors.torch import load_file, save_file

    file = adapter / "adapter_model.safetensors"
    save_file({k: v * 1e30 for k, v in load_file(file).items()}, file, metadata={"format": "pt"})
    return adapter


def evaluate(base, out, *arguments, limit="4"):
    command = [sys.executable, "-m", "lorafair", "eval", "--base", str(base), "--limit", limit, "--task", TASK]
    done = subprocess.run([*command, "--out", str(out), *map(str, arguments)], capture_output=True, text=True)
    rows = {path.parent.name: json.loads(path.read_text())["lorafair"] for path in out.glob("*/results_*.json")}
    return done, rows


@pytest.fixture(scope="module")
def zoo(real_base, tmp_path_factory, adapter_maker):
    """Adapters of the real model by name."""
    folder = tmp_path_factory.mktemp("zoo")
    q = {"target_modules": ["q_proj", "v_proj"]}
    made = {
        "a/same": adapter_maker(real_base, folder / "a" / "same", 2, seed=1, **q),
        "b/same": adapter_maker(real_base, folder / "b" / "same", 2, seed=2, **q),
        "rank64": adapter_maker(real_base, folder / "rank64", 64, seed=3, lora_alpha=8, **q),
        "zero": zero_b(adapter_maker(real_base, folder / "zero", 4, seed=4, **q)),
        "nan": overflow(adapter_maker(real_base, folder / "nan", 4, seed=5, **q)),
        "head": adapter_maker(real_base, folder / "head", 4, seed=6, target_modules=["q_proj", "lm_head"]),
        "dora": adapter_maker(real_base, folder / "dora", 4, seed=7, use_dora=True, **q),
        "biased": adapter_maker(real_base, folder / "biased", 4, seed=8, lora_bias=True, **q),
        "saved": adapter_maker(real_base, folder / "saved", 4, seed=9, modules_to_save=["norm"], **q),
    }
    return made


def test_one_audit_serves_what_is_right_moves_what_vllm_cannot_serve_and_leaves_out_what_is_nothing(
    zoo, real_base, tmp_path
):
    specs = [f"{name.replace('/', '-')}={path}" for name, path in zoo.items()]
    done, rows = evaluate(real_base, tmp_path / "results", *[a for spec in specs for a in ("--checkpoint", spec)])
    assert done.returncode == 1, done.stderr[-3000:]
    assert "Traceback" not in done.stderr
    engines = {label: row["engine"] for label, row in rows.items()}
    vllm = {"base": "vllm", "a-same": "vllm", "b-same": "vllm", "rank64": "vllm"}
    assert engines == vllm | {"head": "hf", "dora": "hf", "biased": "hf", "saved": "hf"}
    end = done.stderr[done.stderr.index("Left out") :]
    assert "zero: it answers like the base" in end
    assert "every lora_B weight is zero" in end
    assert "nan: it answers with log-probabilities that are not numbers" in end
    for label in ("head", "dora", "biased", "saved"):
        assert f"{label}: answered by the hf engine, because vLLM" in done.stderr
    for label, row in rows.items():
        assert row["verification"]["fault"] is None
        assert label == "base" or row["verification"]["effect"] > 10 * row["verification"]["noise"]
        assert row["engine"] == "hf" or row["verification"]["deviation"] <= row["verification"]["tolerance"]
    texts = {label: (tmp_path / "results" / label).glob("samples_*.jsonl") for label in ("a-same", "b-same")}
    assert len({next(files).read_text() for files in texts.values()}) == 2


def test_a_folder_that_another_training_overwrote_is_asked_anew(zoo, real_base, tmp_path):
    adapter = tmp_path / "adapter"
    shutil.copytree(zoo["a/same"], adapter)
    out = tmp_path / "results"
    first, rows = evaluate(real_base, out, "--checkpoint", adapter)
    assert "16 requests asked, 0 were stored" in first.stdout, first.stderr[-2000:]
    shutil.copy(zoo["b/same"] / "adapter_model.safetensors", adapter / "adapter_model.safetensors")
    second, again = evaluate(real_base, out, "--checkpoint", adapter)
    assert "8 requests asked, 8 were stored" in second.stdout, second.stderr[-2000:]
    assert again["adapter"]["hash"] != rows["adapter"]["hash"]
    assert again["adapter"]["verification"]["deviation"] <= again["adapter"]["verification"]["tolerance"]
    assert again["adapter"]["verification"]["effect"] != rows["adapter"]["verification"]["effect"]


# The probe itself: the guards in front of it are taken away, one engine in this process, and it finds each trap.


@pytest.fixture(scope="module")
def engine(zoo, real_base, full_maker):
    from lorafair.engines.vllm import VllmEngine

    base = read_base(str(real_base))
    full = full_maker(real_base, zoo["zero"].parent / "full")
    specs = [f"{name.replace('/', '-')}={zoo[name]}" for name in ("a/same", "b/same", "zero", "head", "rank64")]
    checkpoints = read_checkpoints([*specs, f"full={full}"], base)
    modules = [replace(c, targets=("q_proj", "v_proj")) if c.label == "head" else c for c in checkpoints]
    engine = VllmEngine(base, modules, EngineSettings(dtype="float32", extra={"max_lora_rank": 8}))
    yield engine
    engine.close()


@pytest.fixture
def check(engine, tmp_path):
    """Verify some checkpoints of the engine anew: ``{label: fault}`` and what could not be asked."""

    number = count()

    def run(*labels):
        session = LocalSession(lambda *given: engine, engine.base, [], engine.settings)
        supervisor = Supervisor(lambda: session, lambda line: None)
        chosen = [engine.checkpoints[label] for label in labels]
        identities = {c.label: {"checkpoint": c.hash} for c in [engine.base, *chosen]}
        with ResponseStore(tmp_path / str(next(number))) as store:
            done = verify(
                "vllm", engine.base, chosen, engine.settings, identities, supervisor, store, lambda line: None
            )
        return {label: finding.fault for label, finding in done.findings.items()}, done

    return run


def test_what_is_right_passes_within_a_thousandth_of_a_nat_and_the_base_comes_back(check):
    faults, done = check("a-same", "full")
    assert faults == {"base": None, "a-same": None, "full": None}
    assert all(finding.deviation < 1e-3 for finding in done.findings.values())


def test_a_zero_adapter_has_no_effect(check, engine):
    faults, done = check("zero")
    assert faults["zero"] == "effect"
    assert "every lora_B weight is zero" in explain(done.findings["zero"], engine.checkpoints["zero"])


def test_an_output_head_adapter_that_vllm_drops_breaks_parity(check, engine):
    faults, done = check("head")
    assert faults["head"] == "parity" or "head" in done.failed
    if "head" not in done.failed:
        assert "drops or changes" in explain(done.findings["head"], engine.checkpoints["head"])


def test_a_rank_above_the_engine_s_is_refused_by_name(check):
    _, done = check("rank64")
    assert "rank" in done.failed["rank64"]


def test_an_id_used_twice_answers_with_the_other_adapter_and_breaks_parity(check, engine):
    from vllm.lora.request import LoRARequest

    check("a-same")
    first, path = engine._lora["a-same"], str(engine.checkpoints["b-same"].path)
    engine._lora["b-same"] = LoRARequest("b-same", first.lora_int_id, path)
    faults, _ = check("b-same")
    del engine._lora["b-same"]
    assert faults["b-same"] == "parity"


def test_an_adapter_overwritten_after_it_was_loaded_breaks_parity_and_is_refused_by_its_files(
    check, engine, zoo, monkeypatch
):
    check("b-same")
    file = zoo["b/same"] / "adapter_model.safetensors"
    kept = file.read_bytes()
    file.write_bytes((zoo["a/same"] / "adapter_model.safetensors").read_bytes())
    try:
        with pytest.raises(LorafairError, match="was written to"):
            engine._serve(engine.checkpoints["b-same"])
        careless = replace(engine.checkpoints["b-same"], signature=(), hash="0" * 64)
        monkeypatch.setitem(engine.checkpoints, "b-same", careless)
        faults, _ = check("b-same")
    finally:
        file.write_bytes(kept)
    assert faults["b-same"] == "parity"


def test_full_weights_without_the_packed_head_break_parity(check, engine, monkeypatch):
    monkeypatch.setattr("lorafair.engines.vllm_weight._repack_head", lambda worker: None)
    faults, _ = check("full")
    assert faults["full"] == "parity"
    monkeypatch.undo()
    engine._weights._loaded = ""
    faults, _ = check("full")
    assert faults["full"] is None
