"""``python -m lorafair``: the same as the command ``lorafair``."""

import importlib

if __name__ == "__main__":
    # By name: the core imports none of the rooms.
    importlib.import_module("lorafair.cli.main").cli(prog_name="lorafair")
