"""An audit whose results carry the hashes of real (tiny) adapter folders."""

from __future__ import annotations

import json
import runpy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import save_file

from lorafair.subject import read_subject

write_model = runpy.run_path(str(Path(__file__).parents[1] / "leaderboard" / "conftest.py"))["write_model"]


def make_folder(path: Path, weight: float = 1.0) -> Path:
    """An adapter folder of one weight."""
    path.mkdir(parents=True, exist_ok=True)
    save_file({"q_proj.lora_A.weight": np.full((2, 2), weight, np.float32)}, path / "adapter_model.safetensors")
    (path / "adapter_config.json").write_text(json.dumps({"peft_type": "LORA", "r": 2, "name": path.name}))
    return path


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Path]:
    """``world(label, …)`` writes a base, an adapter ``runs/<label>`` and its results, and returns the adapter."""
    monkeypatch.chdir(tmp_path)

    def make(label: str = "mine", *, seed: int = 5, record: dict[str, Any] | None = None, **settings: Any) -> Path:
        adapter = make_folder(Path("runs") / label)
        shared = {key: settings.pop(key) for key in ("sample", "groups", "templates") if key in settings}
        write_model(Path("results/base"), "base", seed=1, **shared)
        found = {"hash": read_subject(adapter).hash} | (record or {})
        write_model(Path("results") / label, label, seed=seed, record=found, **shared, **settings)
        return adapter

    return make
