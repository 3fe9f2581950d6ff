"""What was fixed before the first answer: the family of claims, written down when the audit begins and held to."""

from __future__ import annotations

import fcntl
import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lorafair.errors import LorafairError

if TYPE_CHECKING:
    from lorafair.audit.recipe import Recipe

FAMILY = ("primary", "correction", "margin", "permute")
DESIGN = ("bases", "train", "eval", "probes")


@contextmanager
def hold_folder(out: Path) -> Iterator[None]:
    """Keep a second audit out of the folder while this one runs; a killed one leaves nothing behind.

    Raises:
        LorafairError: if another process is at work in it, or it cannot be written.
    """
    try:
        out.mkdir(parents=True, exist_ok=True)
        file = (out / ".lock").open("w")
    except OSError as error:
        raise LorafairError(f"--out {out} cannot be written: {error.strerror}. Give another folder.") from error
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise LorafairError(f"Another audit is at work in {out}. Let it end, or give another --out.") from error
        yield


def describe_recipe(recipe: Recipe) -> dict[str, Any]:
    """A recipe as JSON, what it leaves out left out."""
    found: dict[str, Any] = json.loads(recipe.model_dump_json(exclude_unset=True, by_alias=True))
    return found


def hash_recipe(told: dict[str, Any]) -> str:
    """SHA-256 of a recipe as :func:`describe_recipe` tells it."""
    return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()


def fix_family(recipe: Recipe, name: str, out: Path) -> list[str]:
    """Write ``out/audit.json`` before anything is asked, or hold the recipe against it.

    The family of claims (``statistics:``: primary, correction, margin, permute) cannot change once there are answers.
    What else changes then (more ranks, other tasks) is written down, and said under every table.

    Returns:
        Sentences for the notes of leaderboard and report: when the family was fixed, and what changed since.

    Raises:
        LorafairError: if the family differs and there are results already, or ``audit.json`` cannot be read or written.
    """
    path, told = out / "audit.json", describe_recipe(recipe)
    family = {key: getattr(recipe.statistics, key) for key in FAMILY}
    now = f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}"
    answered = any(out.glob("results/*/*/results_*.json")) or any(out.glob("results/*/*/probe_*.jsonl"))
    begun = _read(path)
    if begun is not None and answered and begun["family"] != family:
        differs = "; ".join(
            f"{key} was {begun['family'].get(key)!r}, now {family[key]!r}"
            for key in FAMILY
            if begun["family"].get(key) != family[key]
        )
        raise LorafairError(
            f"The family of claims was fixed before the run and {out} holds answers already: {differs}. Put "
            "`statistics:` back, or begin anew with another --out. To look only: `lorafair leaderboard "
            f"{out}/results --primary …`, which says that it was chosen afterwards."
        )
    if begun is None or not answered:
        begun = {"schema": 1, "name": name, "fixed": now, "family": family, "changes": []}
        begun["after_answers"] = answered
    else:
        before = begun["recipe"]
        changed = [key for key in DESIGN if before.get(key) != told.get(key)]
        if changed:
            begun["changes"].append({"when": now, "sections": changed, "before": begun["sha256"]})
    begun |= {"recipe": told, "sha256": hash_recipe(told)}
    try:
        part = path.with_name(".audit.json.part")
        part.write_text(json.dumps(begun, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
        part.replace(path)
    except OSError as error:
        raise LorafairError(f"{path} cannot be written: {error.strerror}. Give another --out.") from error
    return _tell(begun)


def _read(path: Path) -> dict[str, Any] | None:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise LorafairError(f"{path} cannot be read ({error}). Give another --out.") from error
    keys = {"family", "changes", "recipe", "sha256", "fixed", "name"}
    if not isinstance(found, dict) or not keys <= found.keys() or not isinstance(found["family"], dict):
        raise LorafairError(f"{path} was not written by `lorafair audit`. Give another --out.")
    return found


def _tell(begun: dict[str, Any]) -> list[str]:
    primary = ", ".join(begun["family"]["primary"]) or "the default ones of each task"
    margin = begun["family"]["margin"]
    when = "after answers were there" if begun.get("after_answers") else "before the first answer"
    said = [
        f"The recipe {begun['name']} fixed the family of claims on {begun['fixed']}, {when}: primary metrics "
        f"{primary}, correction {begun['family']['correction']}, margin {margin if margin is not None else 'none'}"
    ]
    said += [
        f"The recipe was changed on {one['when']}, after the first answers: {', '.join(one['sections'])}"
        for one in begun["changes"]
    ]
    return said
