"""The built distribution, an environment that holds it and nothing else of ours, and a user's shell in it."""

import os
import shutil
import subprocess
import sys
import sysconfig
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
NOT_COPIED = shutil.ignore_patterns(
    *(
        ".git",
        ".venv*",
        "models",
        "runs",
        "results*",
        "build",
        "dist",
        "*.egg-info",
        "__pycache__",
        ".*_cache",
        ".cache",
    )
)
OFFLINE = {
    "HF_HUB_OFFLINE": "1",
    "OMP_NUM_THREADS": "1",
    "PIP_DISABLE_PIP_VERSION_CHECK": "1",
    "PIP_NO_BUILD_ISOLATION": "0",  # pip's way of saying: do not isolate
    "PIP_NO_INDEX": "1",
    "PYTHONDONTWRITEBYTECODE": "1",
    "TQDM_DISABLE": "1",
}


def run(command: list) -> None:
    done = subprocess.run([str(part) for part in command], capture_output=True, encoding="utf-8")
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"


@pytest.fixture(scope="session")
def built(tmp_path_factory) -> tuple[Path, Path]:
    """sdist from a copy of the checkout, and the wheel that is built from that sdist."""
    folder = tmp_path_factory.mktemp("build")
    shutil.copytree(ROOT, folder / "source", symlinks=True, ignore=NOT_COPIED)
    run([sys.executable, "-m", "build", "--no-isolation", "--outdir", folder / "dist", folder / "source"])
    (sdist,), (wheel,) = (list((folder / "dist").glob(pattern)) for pattern in ("*.tar.gz", "*.whl"))
    return sdist, wheel


@pytest.fixture(scope="session")
def installed(built, tmp_path_factory) -> Path:
    """The bin folder of a fresh environment that holds the wheel, beside the dependencies of this one."""
    folder = tmp_path_factory.mktemp("fresh") / "venv"
    run([sys.executable, "-m", "venv", "--without-pip", folder])
    pip = [sys.executable, "-m", "pip", "--python", folder / "bin" / "python"]
    run([*pip, "install", "--no-deps", "--no-index", built[1]])
    # Only now, or pip would take this environment's editable lorafair for an older one. A path named in a .pth file is
    # not searched for further .pth files, so the editable install stays invisible.
    (site,) = (folder / "lib").glob("python*/site-packages")
    places = [place for place in dict.fromkeys([sysconfig.get_path("purelib"), *sys.path]) if "site-packages" in place]
    (site / "dependencies.pth").write_text("\n".join(places) + "\n", encoding="utf-8")
    return folder / "bin"


class Shell:
    """A user's shell in a folder; ``lorafair``, ``lm_eval`` and ``pytest`` run in forks of a warm process."""

    def __init__(self, folder: Path, path: str) -> None:
        self.folder = folder
        kept = {
            key: value for key, value in os.environ.items() if not key.startswith(("PYTHON", "LORAFAIR", "VIRTUAL"))
        }
        self.environment = kept | OFFLINE | {"PATH": f"{path}{os.pathsep}{os.environ['PATH']}", "COLUMNS": "200"}

    def __call__(self, line: str, code: int | None = 0) -> str:
        """What a command line prints, both streams; it has to end with ``code``, or ``None`` for whatever."""
        done = subprocess.run(
            ["bash", "-c", line],
            cwd=self.folder,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
        )
        assert code in (None, done.returncode), f"{line}\nended with {done.returncode}:\n{done.stdout}"
        return done.stdout


@pytest.fixture(scope="session")
def warm(installed, tmp_path_factory):
    """The search path of commands that run in forks of one process (tests/package/warm.py) in the fresh environment."""
    folder = tmp_path_factory.mktemp("warm")
    place, script = folder / "socket", Path(__file__).with_name("warm.py")
    for name in ("lorafair", "lm_eval", "lm-eval", "pytest", "pip"):
        shim = folder / "bin" / name
        shim.parent.mkdir(exist_ok=True)
        shim.write_text(f'#!/bin/sh\nexec "{installed}/python" -S "{script}" "{place}" {name} "$@"\n', encoding="utf-8")
        shim.chmod(0o755)
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("PYTHON", "LORAFAIR", "VIRTUAL"))}
    server = subprocess.Popen([installed / "python", script, place], env=kept | OFFLINE, cwd=folder)
    while not place.exists():
        assert server.poll() is None, "the warm process died"
        time.sleep(0.05)
    yield f"{folder / 'bin'}{os.pathsep}{installed}"
    server.kill()
    server.wait()


@pytest.fixture(scope="session")
def make_shell(warm):
    """A function: a user's shell in a folder."""
    return lambda folder: Shell(folder, warm)


@pytest.fixture
def shell(make_shell, tmp_path) -> Shell:
    """A user's shell in an empty folder."""
    return make_shell(tmp_path)
