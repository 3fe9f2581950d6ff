"""Stock lm_eval with vLLM and an adapter, by --include_path and by linking, as a user types it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = [pytest.mark.engine, pytest.mark.timeout(600)]
TASK = "lorafair_honest_sample"


def lm_eval(base, adapter, out, *more):
    command = [str(Path(sys.executable).parent / "lm_eval"), "run", "--model", "vllm", "--tasks", TASK, "--limit", "8"]
    command += ["--model_args", f"pretrained={base},lora_local_path={adapter},enforce_eager=True", "--log_samples"]
    environment = os.environ | {"VLLM_ENABLE_V1_MULTIPROCESSING": "0", "VLLM_CPU_KVCACHE_SPACE": "1"}
    environment.pop("TQDM_DISABLE", None)
    return subprocess.run([*command, "--output_path", str(out), *more], capture_output=True, text=True, env=environment)


def lorafair(*args):
    return subprocess.run([sys.executable, "-m", "lorafair", *args], capture_output=True, text=True)


def test_the_plain_harness_finds_the_linked_task_and_its_samples_feed_the_leaderboard(
    real_base, tmp_path, adapter_maker
):
    adapter = adapter_maker(real_base, tmp_path / "plain-r2", rank=2, target_modules=["q_proj", "v_proj"])
    linked = lorafair("tasks", "link")
    assert linked.returncode == 0, linked.stderr
    try:
        done = lm_eval(real_base, adapter, tmp_path / "out")
    finally:
        unlinked = lorafair("tasks", "unlink")
    assert unlinked.returncode == 0, unlinked.stderr
    assert done.returncode == 0, done.stderr[-2000:]
    for part in ("honest_continuation", "honest_topk", "toxicity_profanity", "identity=men"):
        assert part in done.stdout
    board = lorafair("leaderboard", str(tmp_path / "out"), "--format", "csv")
    assert board.returncode == 0, board.stderr
    assert "plain-r2" in board.stdout
    shutil.rmtree(tmp_path / "out")


def test_include_path_is_what_the_package_prints():
    printed = subprocess.run([sys.executable, "-m", "lorafair_tasks"], capture_output=True, text=True, check=True)
    folder = Path(printed.stdout.strip())
    assert (folder / "honest" / "lorafair_honest.yaml").exists()
