"""Fetch the files of a data set into a folder that is laid out as LORAFAIR_DATA wants it.

What was fetched is held to its declaration before it takes its place; until then it lies in a hidden folder beside, so
that an interrupted transfer goes on, and nothing half or wrong is ever found under the right name.
"""

from __future__ import annotations

import errno
import http.client
import os
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from lorafair.data.download import download
from lorafair.data.hub import find_address, is_pinned
from lorafair.data.inspection import inspect_file
from lorafair.data.remedy import find_beside
from lorafair.errors import LorafairError, raise_faults
from lorafair.registry import Entry
from lorafair.registry_dataset import merge_facts

STAGE = ".lorafair-pull"


def pull_dataset(entry: Entry, folder: Path, overwrite: bool, say: Callable[[str], None]) -> list[tuple[Path, bool]]:
    """Fetch every file of a data set to ``folder / path``: from the Hub at the pinned revision, else from its ``url``.

    A file that is there already and is the declared one is left alone.  At a pinned revision, and from a ``url``, the
    sha256 has to be the declared one; at a branch a file that is right in everything else is kept, and told of.

    Args:
        entry: the data set.
        folder: what LORAFAIR_DATA is to name.
        overwrite: replace files that are there and are not the declared ones.
        say: takes one line for the user.

    Returns:
        Each file and whether it was fetched now.

    Raises:
        LorafairError: with every file that cannot be had, is not the declared one, or is in the way.
    """
    files: Mapping[str, Mapping[str, Any]] = entry.fields.get("files") or {}
    if not files or entry.fields.get("sample") or find_beside(entry):
        why = "it is code" if not files else "it lies in the package" if entry.fields.get("sample") else "it is yours"
        raise LorafairError(f"The data set {entry.name} needs no pull: {why}. `lorafair data list` shows where.")
    done: list[tuple[Path, bool]] = []
    faults: list[str] = []
    stage = folder / STAGE / entry.name
    for given in files.values():
        target, facts = folder / given["path"], merge_facts(entry.fields, given)
        if target.exists():
            wrong = _find_differences(target, facts, exact=True)
            if not wrong:
                done.append((target, False))
                continue
            if not overwrite:
                faults.append(f"{' '.join(wrong)} Move it away, or give --overwrite.")
                continue
        try:
            fetched = _fetch(entry, given, stage)
        except LorafairError as error:
            faults.append(str(error))
            continue
        exact = is_pinned(entry.fields.get("revision")) or not _lies_on_hub(entry, given)
        if wrong := _find_differences(fetched, facts, exact):
            fetched.unlink()
            faults.append(f"What was fetched is not the declared file, and was thrown away: {' '.join(wrong)}")
            continue
        if _find_differences(fetched, facts, exact=True):
            say(f"{target} differs from the declared copy (its branch has moved on): results will say modified.")
        target.parent.mkdir(parents=True, exist_ok=True)
        fetched.replace(target)
        done.append((target, True))
    raise_faults(f"The data set {entry.name} could not be pulled whole ({len(done)} of {len(files)} files)", faults)
    shutil.rmtree(stage, ignore_errors=True)
    if stage.parent.is_dir() and not any(stage.parent.iterdir()):
        stage.parent.rmdir()
    return done


def _find_differences(path: Path, facts: Mapping[str, Any], exact: bool) -> list[str]:
    """Why a file is not the declared one; its sha256 counts where it has to be ``exact``."""
    faults, _, digest = inspect_file(path, facts)
    if exact and not faults and facts.get("sha256") not in (None, digest):
        return [f"{path}: expected sha256 {facts['sha256']}, found {digest}."]
    return faults


def _lies_on_hub(entry: Entry, facts: Mapping[str, Any]) -> bool:
    return bool(entry.fields.get("hub") and facts.get("hub"))


def _fetch(entry: Entry, facts: Mapping[str, Any], stage: Path) -> Path:
    if _lies_on_hub(entry, facts):
        url, mark, headers = find_address(entry, facts)
    elif facts.get("url"):
        url, mark, headers = str(facts["url"]), str(facts["sha256"]), {}
        if os.environ.get("HF_HUB_OFFLINE", "").upper() in {"1", "ON", "YES", "TRUE"}:
            raise LorafairError(f"{url} is not fetched: HF_HUB_OFFLINE is set. Unset it, or copy the file by hand.")
    else:
        raise LorafairError(
            f"{facts['path']} is neither on the Hub nor at a `url:`. Copy it there by hand: {entry.description}."
        )
    path = stage / str(facts["path"])
    try:
        download(url, path, mark, headers)
    except (OSError, http.client.HTTPException) as error:
        if isinstance(error, OSError) and error.errno == errno.ENOSPC:
            raise
        why = f"{type(error).__name__}: {error}".splitlines()[0].rstrip(".")
        raise LorafairError(
            f"{url} cannot be had ({why}). What has come is kept: the same command goes on from there."
        ) from error
    return path
