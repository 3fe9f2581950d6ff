"""The recipes that come with LoRAFair, and where a recipe that is named on a command line lies."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

from lorafair.audit.source import Source, parse_source, read_source
from lorafair.errors import LorafairError, did_you_mean


def list_recipes() -> dict[str, str]:
    """Name -> text of every recipe that is shipped, sorted by name."""
    found = (each for each in files("lorafair").joinpath("recipes").iterdir() if each.name.endswith(".yaml"))
    return {each.name.removesuffix(".yaml"): each.read_text(encoding="utf-8") for each in sorted(found, key=str)}


def open_recipe(name: str) -> Source:
    """A recipe by its file, or by the name of one that is shipped; a file of that name comes first.

    Raises:
        LorafairError: if there is neither, with the closest names, and as :func:`lorafair.audit.source.read_source`.
    """
    path, shipped = Path(name).expanduser(), list_recipes()
    if path.is_file() or path.suffix in {".yaml", ".yml"}:
        return read_source(path)
    if name in shipped:
        return parse_source(shipped[name], name)
    raise LorafairError(
        f"There is no recipe {name!r}, neither a file nor a shipped one.{did_you_mean(name, shipped)} "
        "`lorafair recipe list` shows those that are shipped."
    )


def show_recipe(name: str) -> str:
    """The text of a shipped recipe.

    Raises:
        LorafairError: for an unknown name, with the closest ones.
    """
    shipped = list_recipes()
    if name not in shipped:
        raise LorafairError(f"No shipped recipe is called {name!r}.{did_you_mean(name, shipped)}")
    return shipped[name]


def copy_recipe(name: str, out: Path) -> Path:
    """Write a shipped recipe to ``out``, or into it if it is a folder, to be edited.

    Raises:
        LorafairError: for an unknown name, a file that is there already, a place that cannot be written.
    """
    text = show_recipe(name)
    path = out / f"{name}.yaml" if out.is_dir() else out
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError as error:
        raise LorafairError(f"{path} is there already. Name another file, or remove it.") from error
    except OSError as error:
        raise LorafairError(f"{path} cannot be written: {error.strerror}. Name another file.") from error
    return path
