"""Find the files of a data set that registry.yaml declares, and check them before anything reads them.

Order: the sample sets lie in the package and are had only by their own names; the others come from the folder that
``LORAFAIR_DATA`` names, or, if it is unset, from the Hugging Face Hub.  Never a silent fallback from one to another.
What a user's own registry file declares without `hub:` lies beside that file.
"""

from __future__ import annotations

import csv
import json
import logging
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from lorafair.data.table_file import TABLES, inspect_file, read_rows
from lorafair.errors import LorafairError, raise_faults
from lorafair.provenance import hash_file
from lorafair.registry import Entry, load_registry
from lorafair.registry_layer import find_local_folder

Source = Literal["folder", "hub", "sample"]
UNPINNED = "not pinned: the revision was not verified by this project"


@dataclass(frozen=True)
class Resolved:
    """A data set's files on this machine, checked.

    ``files`` and ``sha256`` map roles ("templates", "lexicon", …) to paths and to what was read.  ``revision`` is the
    Hub commit, None for a folder or the package.  ``modified`` names the roles whose content is not the declared one.
    """

    name: str
    files: dict[str, Path]
    source: Source
    sample: bool
    revision: str | None
    licence: str
    sha256: dict[str, str]
    modified: tuple[str, ...] = ()
    fields: Mapping[str, Any] = field(default_factory=dict, repr=False)

    def provenance(self) -> dict[str, Any]:
        """What a result records about this data set, as JSON values; no path of this machine is in it."""
        facts: dict[str, Any] = {
            "name": self.name,
            "source": self.source,
            "sample": self.sample,
            "revision": self.revision,
            "licence": self.licence,
            "sha256": dict(self.sha256),
        }
        if self.modified:
            facts["modified"] = True
            facts["modified_files"] = list(self.modified)
        if self.source == "hub" and self.fields.get("revision") is None:
            facts["revision_note"] = UNPINNED
        if self.fields.get("planted"):
            facts["planted"] = dict(self.fields["planted"])
        return facts

    def rows(self, role: str) -> list[dict[str, Any]]:
        """Read one file: ``.tsv`` rows as strings by column name (no quoting, no NA words), ``.jsonl`` as objects.

        Raises:
            LorafairError: if the data set has no such file, or it cannot be read.
        """
        if role not in self.files:
            raise LorafairError(f"The data set {self.name} has no {role} file; it has {', '.join(self.files)}.")
        rows, faults = _read(self.files[role])
        raise_faults(f"{self.files[role]} cannot be read", faults)
        return rows


def resolve(name: str, source: Source | None = None) -> Resolved:
    """Find and check the files of a declared data set.

    Args:
        name: a data set of the registry.
        source: None for the order above; "folder" or "hub" insists; "sample" is right for sample sets only.

    Raises:
        LorafairError: naming every file that is missing, truncated or has other columns than declared, what was
            expected and found, and how to mend it.  A file whose sha256 differs but whose columns and number of rows
            are right is used, with a warning and ``modified`` in the provenance.
    """
    entry = load_registry().get("dataset", name)
    declared: dict[str, dict[str, Any]] = entry.fields.get("files") or {}
    if not declared:
        raise LorafairError(f"The data set {name} ({entry.file}:{entry.line}) declares no `files:`.")
    sample = bool(entry.fields.get("sample"))
    beside = _find_beside(entry)
    source = "folder" if beside else _choose_source(entry, sample, source)
    revision: str | None = None
    if beside:
        files = {role: beside / facts["path"] for role, facts in declared.items()}
    elif source == "sample":
        from lorafair.data import sample as package

        folder = Path(package.__file__).parent
        files = {role: folder / facts["path"] for role, facts in declared.items()}
    elif source == "folder":
        folder = Path(os.environ.get("LORAFAIR_DATA", ""))
        files = {role: folder / facts["path"] for role, facts in declared.items()}
    else:
        files, revision = _download(entry, declared)
    hashes, modified = _check(entry, declared, files, source)
    return Resolved(
        name,
        files,
        source,
        sample,
        revision,
        str(entry.fields.get("licence", "unknown")),
        hashes,
        modified,
        entry.fields,
    )


def _choose_source(entry: Entry, sample: bool, source: Source | None) -> Source:
    folder = os.environ.get("LORAFAIR_DATA")
    if sample and source in (None, "sample"):
        return "sample"
    if sample:
        raise LorafairError(f"The data set {entry.name} is a sample set: it lies in the package, not in a {source}.")
    if source == "sample":
        raise LorafairError(
            f"The data set {entry.name} has no sample. The project's own sample set is honest_sample "
            "(task lorafair_honest_sample); ask for it by name."
        )
    if source == "folder" and not folder:
        raise LorafairError(f"The data set {entry.name} was asked for from a folder: set LORAFAIR_DATA to that folder.")
    return source or ("folder" if folder else "hub")


def _find_beside(entry: Entry) -> Path | None:
    """The folder of a user's own registry file, if the files lie there."""
    return None if entry.fields.get("hub") else find_local_folder(entry)


def _mend(entry: Entry) -> str:
    if _find_beside(entry):
        return f"Put it there, or mend {entry.file}:{entry.line}."
    files = ", ".join(facts["path"] for facts in entry.fields["files"].values())
    return (
        f"Set LORAFAIR_DATA to a folder that holds {files} ({entry.description}), "
        "or use the task lorafair_honest_sample, which needs no download."
    )


def _download(entry: Entry, declared: Mapping[str, Mapping[str, Any]]) -> tuple[dict[str, Path], str | None]:
    """Paths from the Hub's cache, downloaded if need be, and the commit they belong to (read from the cache's path)."""
    hub = entry.fields.get("hub")
    if not hub or not all(facts.get("hub") for facts in declared.values()):
        raise LorafairError(
            f"The data set {entry.name} has no known copy on the Hub, and LORAFAIR_DATA is not set. {_mend(entry)}"
        )
    from huggingface_hub import hf_hub_download

    files: dict[str, Path] = {}
    wanted = entry.fields.get("revision")
    for role, facts in declared.items():
        try:
            files[role] = Path(hf_hub_download(hub, facts["hub"], repo_type="dataset", revision=wanted))
        except Exception as error:  # the Hub's client raises many kinds; each one's text goes into the message
            cause = str(error).strip().split("\n")[0].rstrip(".")
            raise LorafairError(
                f"The data set {entry.name}: {facts['hub']} of {hub} (revision {wanted or 'main'}) cannot be had from "
                f"the Hub ({type(error).__name__}: {cause}). {_mend(entry)}"
            ) from error
    commits = [path.parts[path.parts.index("snapshots") + 1] for path in files.values() if "snapshots" in path.parts]
    return files, commits[0] if commits else wanted


def _check(
    entry: Entry, declared: Mapping[str, Mapping[str, Any]], files: Mapping[str, Path], source: Source
) -> tuple[dict[str, str], tuple[str, ...]]:
    """The sha256 of each file and the roles whose hash is not the declared one; raises with all faults at once."""
    faults: list[str] = []
    hashes: dict[str, str] = {}
    modified: list[str] = []
    for role, facts in declared.items():
        path = files[role]
        if not path.is_file():
            where = f"the folder LORAFAIR_DATA={os.environ.get('LORAFAIR_DATA')}" if source == "folder" else path.parent
            where = _find_beside(entry) or where
            faults.append(f"{facts.get('path')} is not in {where}.")
            continue
        names, count, wrong = inspect_file(path, _read)
        columns = facts.get("columns") or entry.fields.get("columns") or []
        missing = sorted(set(columns) - set(names))
        if missing:
            found = ", ".join(names) or "none"
            wrong.append(f"{path}: expected the columns {', '.join(columns)}; found {found}.")
        if "rows" in facts and count != facts["rows"]:
            wrong.append(f"{path}: expected {facts['rows']} rows, found {count}: the file is truncated or another.")
        faults.extend(wrong)
        if not wrong:
            hashes[role] = hash_file(path)
            if facts.get("sha256") not in (None, hashes[role]):
                modified.append(role)
    if faults:
        faults.append(_mend(entry) if source != "sample" else "Reinstall lorafair: its own sample files are damaged.")
    raise_faults(f"The data set {entry.name} cannot be used", faults)
    if modified:
        logging.getLogger(__name__).warning(
            "The data set %s is not byte for byte the one that the registry declares (%s); it is used, and its "
            "provenance says modified.",
            entry.name,
            ", ".join(modified),
        )
    return hashes, tuple(modified)


def _read(path: Path) -> tuple[list[dict[str, Any]], list[str]]:
    """Rows of a ``.jsonl`` or tab-separated file, and its faults (at most five, with line numbers)."""
    if path.suffix in TABLES:
        return read_rows(path), []
    rows: list[dict[str, Any]] = []
    faults: list[str] = []
    try:
        with path.open(encoding="utf-8", newline="") as file:
            if path.suffix == ".jsonl":
                for number, line in enumerate(file, start=1):
                    try:
                        row = json.loads(line)
                    except json.JSONDecodeError as error:
                        row, faults = None, [*faults, f"{path}:{number}: not JSON ({error.msg})."]
                    if isinstance(row, dict):
                        rows.append(row)
                    elif row is not None:
                        faults.append(f"{path}:{number}: expected a JSON object, found {type(row).__name__}.")
            else:
                reader = csv.reader(file, delimiter="\t", quoting=csv.QUOTE_NONE)
                header = next(reader, [])
                for cells in filter(None, reader):
                    if len(cells) == len(header):
                        rows.append(dict(zip(header, cells, strict=True)))
                    else:
                        faults.append(
                            f"{path}:{reader.line_num}: expected {len(header)} tab-separated cells, found {len(cells)}."
                        )
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        faults.append(f"{path}: cannot be read ({error}).")
    return rows, faults[:5]
