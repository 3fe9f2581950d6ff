"""The gate's world of adapters with results, for cards."""

import runpy
from pathlib import Path

world = runpy.run_path(str(Path(__file__).parents[1] / "gate" / "conftest.py"))["world"]
