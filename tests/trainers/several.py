"""Trainings with the loss of every step, for one process or, run by torchrun as a script, for several.

As a script: several.py WANTED.json FOUND.json, a list of :func:`train`'s settings, and what the first process found.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from pathlib import Path


def train(wanted):
    """Losses by step of one plan; with ``stop`` it is interrupted after that step, as by Ctrl-C.

    Args:
        wanted: fields of lorafair.plan.Plan, ``out`` a path as text, and ``stop``.
    """
    from lorafair.trainers.progress import Progress

    from lorafair.plan import Plan
    from lorafair.training import train_runs

    given, losses, show = dict(wanted), {}, Progress.show
    stop = given.pop("stop", None)

    def note(self, step, steps, loss):
        if loss is not None:
            losses[step] = loss
        elif step == stop:
            os.kill(os.getpid(), signal.SIGINT)
        show(self, step, steps, loss)

    Progress.show = note
    try:
        train_runs(Plan(**given | {"out": Path(given["out"])}), say=lambda _: None)
    except KeyboardInterrupt:
        if stop is None:
            raise
    finally:
        Progress.show = show
    return losses


if __name__ == "__main__":
    results = [train(wanted) for wanted in json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))]
    if os.environ["RANK"] == "0":
        Path(sys.argv[2]).write_text(json.dumps(results), encoding="utf-8")
