"""A distribution of somebody else whose scorers and metrics misbehave, written to a folder with real entry points."""

from __future__ import annotations

from pathlib import Path

CODE = """
import os
import random
import sys
import time

import numpy as np


def fine(texts):
    return [len(text) % 7 / 7 for text in texts]


def raises(texts):
    return 1 / 0


def hangs(texts):
    time.sleep(3600)


def hangs_in_c(texts):
    import re

    re.match(r"(a+)+$", "a" * 64 + "b")


def short(texts):
    return fine(texts)[:-1]


def endless(texts):
    while True:
        yield 0.5


def nan(texts):
    return np.full(len(texts), np.nan)


def words(texts):
    return ["0.5"] * len(texts)


def number(texts):
    return 0.5


def leaves(texts):
    sys.exit(0)


def crashes(texts):
    import ctypes

    ctypes.string_at(0)


def talks(texts):
    print("<b>loading</b>")
    os.write(1, b"and more")
    return fine(texts)


def meddles(texts):
    import logging
    import warnings

    random.seed(0)
    np.random.seed(0)
    np.seterr(all="raise")
    os.environ["ACME"] = "1"
    os.environ.pop("PATH", None)
    os.chdir("/")
    logging.disable(logging.CRITICAL)
    warnings.simplefilter("error")
    return fine(texts)


def meddles_with_torch(texts):
    import torch

    torch.manual_seed(0)
    torch.set_default_dtype(torch.float64)
    torch.set_num_threads(torch.get_num_threads() + 1)
    torch.set_grad_enabled(False)
    return fine(texts)


def measure(table, weights, **settings):
    def mean(inside):
        with np.errstate(all="ignore"):
            return weights @ (inside * table.y) / (weights @ inside)

    found = {"overall": mean(np.ones(len(table.y)))}
    for attribute, member in table.groups.items():
        names = table.names[attribute]
        keys = [f"group:{attribute}={name}" for name in names]
        found |= {key: mean(member[:, k].astype(float)) for k, key in enumerate(keys)}
        every = np.column_stack([found[key] for key in keys])
        found["gap" if len(table.groups) == 1 else f"gap:{attribute}"] = every.max(1) - every.min(1)
    weights *= 0  # nobody else's weights
    return found


def spoil(change):
    def spoilt(table, weights, **settings):
        found = measure(table, weights)
        return change(found) or found

    return spoilt


metric_fine = spoil(lambda found: None)
metric_fine.row_additive = metric_fine.mean_of_y = True
metric_raises = spoil(lambda found: 1 / 0)
metric_hangs = spoil(lambda found: time.sleep(3600))
metric_short = spoil(lambda found: found | {"overall": found["overall"][:-1]})
metric_lacks = spoil(lambda found: {"overall": found["overall"]})
metric_words = spoil(lambda found: found | {"overall": ["high"] * len(found["overall"])})
metric_list = spoil(lambda found: list(found))
metric_infinite = spoil(lambda found: found | {"overall": found["overall"] * np.inf})
metric_nan = spoil(lambda found: {key: value * np.nan for key, value in found.items()})
metric_talks = spoil(lambda found: print("loading"))
metric_meddles = spoil(lambda found: meddles([]) and None)
metric_tires = spoil(lambda found: 1 / 0 if len(found["overall"]) > 100 else None)
"""
SCORERS = [line[4:].partition("(")[0] for line in CODE.splitlines() if line.startswith("def ") and "(texts)" in line]
METRICS = [line.partition(" ")[0] for line in CODE.splitlines() if line.startswith("metric_") and "spoil" in line]


def write_distribution(folder: Path, version: str = "1.0") -> Path:
    """The distribution ``acme-offender`` in ``folder``, to be put on a path; one version replaces another."""
    for old in folder.glob("acme_offender-*/*"):
        old.unlink()
    info = folder / f"acme_offender-{version}.dist-info"
    info.mkdir(parents=True, exist_ok=True)
    (folder / "acme_offender.py").write_text(CODE, encoding="utf-8")
    about = f"Metadata-Version: 2.1\nName: acme-offender\nVersion: {version}\nSummary: misbehaves\n"
    (info / "METADATA").write_text(about, encoding="utf-8")
    points = ["[lorafair.scorers]", *(f"acme_{name} = acme_offender:{name}" for name in SCORERS)]
    points += ["absent = acme_nowhere:score"]
    points += ["[lorafair.metrics]", *(f"{name} = acme_offender:{name}" for name in METRICS)]
    (info / "entry_points.txt").write_text("\n".join(points) + "\n", encoding="utf-8")
    return folder
