"""Write a small distribution that holds one plugin: code, its test, packaging and a README, working as it is."""

from __future__ import annotations

import ast
import builtins
import functools
import importlib.util
import keyword
import re
from pathlib import Path
from typing import Any

from lorafair.errors import LorafairError, did_you_mean, raise_faults
from lorafair.registry import KINDS, load_registry
from lorafair.registry_file import UNWRITTEN

NEW_KINDS = tuple(kind for kind in KINDS if kind not in UNWRITTEN)
"""Kinds that a third party writes code for."""
NAME = re.compile(r"[a-z][a-z0-9_]{0,39}")
WHAT = {
    "task": "the documents and the judgement of an answer",
    "dataset": "the function that returns the training pairs",
    "scorer": "the scorer",
    "metric": "the metric",
    "method": "the method: a function that returns a PEFT config",
    "trainer": "the trainer: from a base, data and a method to a checkpoint folder",
    "objective": "the objective: from the losses of a batch and its groups to one loss",
    "probe": "the probe",
    "engine": "the engine: a class that answers requests",
}
"""What the file with the code holds."""
USE = {
    "task": "lorafair eval --base MODEL --task {name}",
    "dataset": "lorafair train --base MODEL --data {name} --method lora --rank 8",
    "scorer": "lorafair score results/ --scorer {name}",
    "metric": "lorafair leaderboard results/ --metric {name}",
    "method": "lorafair train --base MODEL --data honest_sample_pairs --method {name} --rank 8",
    "trainer": "lorafair train --base MODEL --data honest_sample_pairs --method lora --rank 8 --trainer {name}",
    "objective": "lorafair train --base MODEL --data honest_sample_pairs --method lora --rank 8 --objective {name}",
    "probe": "lorafair probe {name} --base MODEL --checkpoint FOLDER --task lorafair_honest_sample",
    "engine": "lorafair eval --base MODEL --task lorafair_honest_sample --engine {name}",
}
"""The command that uses a plugin of each kind."""


def write_distribution(kind: str, name: str, out: Path | None = None) -> list[Path]:
    """Write the distribution ``lorafair-<name>`` with one plugin, which passes its tests as it is.

    Args:
        kind: one of ``NEW_KINDS``.
        name: the plugin's name; lower-case letters, digits and ``_``.
        out: the folder to make (it may be there, if it is empty); default ``lorafair-<name>`` in the working folder.

    Returns:
        the files, in the order in which a person reads them.

    Raises:
        LorafairError: with every fault at once: an unknown kind, a name that is no name or is taken, a folder that is
            there or cannot be written.
    """
    folder = out if out is not None else Path("lorafair-" + name.replace("_", "-"))
    faults = [*_find_name_faults(kind, name), *_find_folder_faults(folder)]
    raise_faults(f"No {kind} was written", faults)
    texts = render_distribution(kind, name)
    try:
        for place, text in texts.items():
            path = folder / place
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise LorafairError(f"{folder} cannot be written ({error.strerror or error}): give another --out.") from error
    return [folder / place for place in texts]


def render_distribution(kind: str, name: str) -> dict[str, str]:
    """The text of every file of :func:`write_distribution`, by its place in the folder."""
    import jinja2

    package = f"lorafair_{name}"
    code, test = f"{package}/{kind}.py", f"tests/test_{name}.py"
    camel = "".join(part.capitalize() for part in name.split("_")).removesuffix("Engine") + "Engine"
    attribute = camel if kind == "engine" else name
    files = {code: WHAT[kind], test: "its test", "pyproject.toml": "name, version, and the line that registers it"}
    if kind == "task":
        files = {f"{package}/{name}.yaml": "the task in lm-eval's dialect", **files}
    facts: dict[str, Any] = {
        "kind": kind,
        "name": name,
        "package": package,
        "module": f"{package}.{kind}",
        "attribute": attribute,
        "target": package if kind == "task" else f"{package}.{kind}:{attribute}",
        "distribution": package.replace("_", "-"),
        "description": f"{name}: a {kind} for LoRAFair",
        "use": USE[kind].format(name=name),
        "files": list(files.items()),
    }
    facts["description"] = facts["description"].replace("a engine", "an engine").replace("a objective", "an objective")
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("lorafair.scaffold"),
        undefined=jinja2.StrictUndefined,
        autoescape=False,  # what is written is Python and TOML, from a name that NAME has checked
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    render = functools.partial(_render, environment, facts)
    texts = {code: render(f"{kind}.py"), test: render(f"{kind}_test.py"), "pyproject.toml": render("pyproject.toml")}
    if kind == "task":
        texts[f"{package}/{name}.yaml"] = render("task.yaml")
    return {**texts, "README.md": render("README.md"), f"{package}/__init__.py": render("package.py")}


def _render(environment: Any, facts: dict[str, Any], template: str) -> str:
    return str(environment.get_template(f"{template}.jinja").render(facts))


def _find_name_faults(kind: str, name: str) -> list[str]:
    if kind not in NEW_KINDS:
        return [f"There is no kind {kind!r} to write.{did_you_mean(kind, NEW_KINDS)}"]
    if not NAME.fullmatch(name):
        tamed = re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_0123456789")
        hint = f" Did you mean {tamed!r}?" if NAME.fullmatch(tamed) else ""
        return [f"{name!r} is no name: lower-case letters, digits and '_', at most 40, a letter first.{hint}"]
    if keyword.iskeyword(name) or keyword.issoftkeyword(name) or hasattr(builtins, name):
        return [f"{name!r} is a word of Python's own. Give another name, for example {f'{name}_{kind}'!r}."]
    used = _find_identifiers(kind)
    faults = [f"{name!r} is used inside the code that would be written. Give another name."] if name in used else []
    entries = load_registry().entries(kind)
    for entry in (one for one in entries if one.name == name):
        faults.append(
            f"The {kind} {name!r} is there already, from {entry.origin} {entry.version}. Give another name; "
            f"`lorafair plugins list --kind {kind}` shows those that are taken."
        )
    package = f"lorafair_{name}"
    if not faults and importlib.util.find_spec(package) is not None:
        faults.append(f"The package {package} is installed already. Give another name.")
    return faults


def _find_identifiers(kind: str) -> set[str]:
    """Every name that the code and the test of a kind use themselves."""
    found: set[str] = set()
    for place, text in render_distribution(kind, "placeholder").items():
        for node in ast.walk(ast.parse(text)) if place.endswith(".py") else ():
            found |= {str(getattr(node, key)) for key in ("id", "arg", "name") if hasattr(node, key)}
    return found - {"placeholder"}


def _find_folder_faults(folder: Path) -> list[str]:
    try:
        if folder.is_dir() and not any(folder.iterdir()):
            return []
    except OSError as error:
        return [f"{folder} cannot be read ({error.strerror}). Give another --out."]
    if folder.exists() or folder.is_symlink():
        return [f"{folder} is there already. Give another --out, or move it away; nothing is overwritten."]
    return []
