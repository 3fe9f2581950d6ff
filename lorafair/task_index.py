"""Where each of lm-eval's own tasks lies, without lm-eval's index (14,683 names, 16 seconds).

One pass reads the lines of every YAML file that say ``task:``, ``group:``, ``tag:`` and ``include:``; what it finds is
kept in the user's cache folder, one file per lm-eval version and place.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Iterable, Iterator
from importlib import metadata
from pathlib import Path

from lorafair.task_package import find_package

OURS = "lorafair"
"""The folder of `lorafair tasks link`'s stubs among lm-eval's tasks."""
KEYS = re.compile(
    r"^[\"']?(task|group|tag|include|class)[\"']?[ \t]*:[ \t]*(.*(?:\n(?:[ \t\-#].*|[ \t]*(?=\n)))*)", re.M
)
INSIDE = re.compile(r"""^\s*-?\s*(?:(?:task|group)\s*:)?\s*["']?([^\s"'#:\[\]{},]+)["']?\s*(?:\#.*)?$""")
FORMAT = 2

Head = dict[str, list[str]]
"""What one YAML file says: ``task``, ``group``, ``tag``, ``include`` -> names; ``class`` where there is one."""
Index = dict[str, list[list[str]]]
"""Name -> [files below lm-eval's folder of tasks that define it, names that belong to it (a group's, a tag's)]."""


def find_builtin_root() -> Path | None:
    """The folder of the installed lm-eval's tasks, or None; lm-eval is not imported."""
    package = find_package("lm_eval")
    return package / "tasks" if package else None


def find_builtin_folders(name: str) -> list[Path]:
    """The folders whose YAML files define a task, group or tag of lm-eval's and all that belongs to it; or none."""
    root = find_builtin_root()
    if root is None:
        return []
    cached = _read_cache(root)
    for known in (cached, None) if cached else (None,):  # a name that is not in the cache may be new
        known = known or _write_cache(root, build_index(root))
        if found := _collect(known, name):
            folders = {(root / file).parent: None for file in found}
            if all(folder.is_dir() for folder in folders):
                return list(folders)
    return []


def list_similar_names(name: str) -> list[str]:
    """Names of lm-eval's own tasks, groups and tags that begin like ``name``, for suggestions."""
    root = find_builtin_root()
    known = (_read_cache(root) or _write_cache(root, build_index(root))) if root else {}
    return [each for each in known if each[:3] == name[:3] and abs(len(each) - len(name)) < 4]


def build_index(root: Path) -> Index:
    """Read every YAML file below ``root``; of two that define one name the first in lm-eval's order counts."""
    heads = {path: read_head(root / path) for path in _list_files(root)}
    found: Index = {}
    for path, own in list(heads.items()):
        head = _merge(root, path, heads, ())
        is_group = "group" in head and "class" not in head  # a task of a class of its own may name a group, in vain
        keys = ("group", "task") if is_group else ("task",)
        name = next((found[key][0] for key in keys for found in (own, head) if found.get(key)), "")
        if not name or name in found and found[name][0]:
            continue
        found.setdefault(name, [[], []])[0].append(path)
        found[name][1] += head.get("task", []) if is_group else []
        for tag in head.get("tag", []) if not is_group else ():
            found.setdefault(tag, [[], []])[1].append(name)
    return found


def read_head(path: Path) -> Head:
    """What a YAML file says under ``task``, ``group``, ``tag``, ``include`` and ``class``: the names in it, by line."""
    try:
        text = path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return {}
    return {found[1]: list(_read_names(found[2])) for found in KEYS.finditer(text)}


def read_names(folder: Path) -> set[str]:
    """The tasks, groups and tags that the YAML files below a folder define."""
    heads = [read_head(path) for path in folder.rglob("*.yaml")]
    named = {name for head in heads for key in ("task", "group") for name in head.get(key, ())[:1]}
    return named | {tag for head in heads for tag in head.get("tag", ())}


def _read_names(block: str) -> Iterator[str]:
    first, _, rest = block.partition("\n")
    if first.lstrip().startswith("["):
        yield from re.findall(r"[^\s\"'\[\],]+", first.partition("#")[0])
        return
    for line in (first, *rest.splitlines()):
        if found := INSIDE.match(line):
            yield found[1]


def _list_files(root: Path) -> Iterator[str]:
    for folder, inner, files in os.walk(root):
        inner[:] = sorted(name for name in inner if name not in ("__pycache__", ".ipynb_checkpoints"))
        if Path(folder) == root and OURS in inner:
            inner.remove(OURS)
        place = Path(folder).relative_to(root)
        yield from (str(place / name) for name in sorted(files) if name.endswith(".yaml"))


def _merge(
    root: Path, path: str, heads: dict[str, dict[str, list[str]]], seen: tuple[str, ...]
) -> dict[str, list[str]]:
    """A file's own head over those of the files that it includes (of any name), as lm-eval merges them."""
    if path in seen:
        return {}
    if path not in heads:
        heads[path] = read_head(root / path)
    own, merged = heads[path], dict[str, list[str]]()
    for included in own.get("include", ()):
        place = os.path.normpath(os.path.join(os.path.dirname(path), included))
        merged |= _merge(root, place, heads, (*seen, path))
    return merged | {key: names for key, names in own.items() if key != "include"}


def _collect(index: Index, name: str) -> list[str]:
    """The files of a name and of all that belongs to it, each once; none for a name that is not there."""
    files: dict[str, None] = {}
    waiting, seen = [name], set[str]()
    while waiting:
        each = waiting.pop()
        if each in seen or not _is_entry(index.get(each)):
            continue
        seen.add(each)
        own, members = index[each]
        files |= dict.fromkeys(own)
        waiting += members
    return list(files)


def _find_cache(root: Path) -> Path:
    try:
        version = metadata.version("lm_eval")
    except metadata.PackageNotFoundError:
        version = "unknown"
    facts = f"{FORMAT} {version} {root} {root.stat().st_mtime_ns}"
    home = Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser()
    return home / "lorafair" / f"lm_eval-{version}-{hashlib.sha256(facts.encode()).hexdigest()[:16]}.json"


def _read_cache(root: Path) -> Index | None:
    try:
        found = json.loads(_find_cache(root).read_text(encoding="utf-8"))
        return found if isinstance(found, dict) else None
    except (OSError, ValueError):
        return None


def _is_entry(entry: object) -> bool:
    """Whether an entry of the cache, which anybody may have written, has our form and stays below the folder."""
    if not (isinstance(entry, list) and len(entry) == 2 and all(isinstance(part, list) for part in entry)):
        return False
    texts: Iterable[object] = (text for part in entry for text in part)
    return all(isinstance(text, str) for text in texts) and not any(
        ".." in Path(file).parts or Path(file).is_absolute() for file in entry[0]
    )


def _write_cache(root: Path, index: Index) -> Index:
    """Keep the index for the next time; a folder that cannot be written is no fault."""
    path = _find_cache(root)
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        part.write_text(json.dumps(index, separators=(",", ":")), encoding="utf-8")
        part.replace(path)
    except OSError:
        part.unlink(missing_ok=True) if part.parent.is_dir() else None
    return index
