"""A stranger's distribution beside the wheel: everything in it is used as a user would, and leaves no trace."""

import shutil
import time
from pathlib import Path

import pytest

pytestmark = pytest.mark.package
ACME = Path(__file__).parents[1] / "acme"


def test_speed(shell, tiny_base, tiny_adapters):
    t = time.time()
    print(shell("lorafair plugins list"))
    print("list", time.time() - t)
    t = time.time()
    print(
        shell(
            f"lorafair eval --engine hf --limit 4 --base {tiny_base} --checkpoint tiny={tiny_adapters[0]} --task lorafair_honest_sample"
        )
    )
    print("eval", time.time() - t)
    t = time.time()
    print(shell("lorafair score results --scorer profanity"))
    print("score", time.time() - t)
    t = time.time()
    print(shell("lorafair leaderboard results --format md"))
    print("lb", time.time() - t)
    t = time.time()
    shutil.copytree(ACME, "acme_src") if False else None
    print(shell(f"cp -r {ACME} acme && pip install ./acme && lorafair plugins list | grep acme"))
    print("pip", time.time() - t)
    t = time.time()
    print(shell("pip uninstall -y acme-lorafair"))
    print("pip", time.time() - t)
    t = time.time()
