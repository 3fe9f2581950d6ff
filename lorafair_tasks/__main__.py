"""Print the folder that holds the tasks' YAML files, for ``lm_eval --include_path``."""

from __future__ import annotations

from pathlib import Path

if __name__ == "__main__":
    print(Path(__file__).resolve().parent)
