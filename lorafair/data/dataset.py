"""Find the files of a data set that registry.yaml declares, and check them before anything reads them.

Order: the sample sets lie in the package and are had only by their own names; the others come from the folder that
``LORAFAIR_DATA`` names, or, if it is unset, from the Hugging Face Hub.  Never a silent fallback from one to another.
What a user's own registry file declares without `hub:` lies beside that file.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from lorafair.data.expectation import find_faults
from lorafair.data.hub import fetch_file, find_cached, is_on_hub, is_pinned
from lorafair.data.picture_name import hash_content
from lorafair.data.remedy import find_beside, find_sample_tasks, suggest_remedy
from lorafair.data.table import Table, is_there, read_form, read_table
from lorafair.errors import LorafairError, raise_faults
from lorafair.registry import Entry, load_registry
from lorafair.registry_dataset import merge_facts

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
    tables: Mapping[str, Table] = field(default_factory=dict, repr=False, compare=False)

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
        if self.source == "hub" and not is_pinned(self.fields.get("revision")):
            facts["revision_note"] = UNPINNED
        if self.fields.get("planted"):
            facts["planted"] = dict(self.fields["planted"])
        return facts

    def rows(self, role: str, columns: Sequence[str] | None = None) -> list[dict[str, Any]]:
        """The rows of one file by column name: a text table's cells as strings, .jsonl and parquet as their values.

        Args:
            role: the file's name in the declaration.
            columns: only these; of a parquet file the others are not read.

        Raises:
            LorafairError: if the data set has no such file, or the file no such column.
        """
        if role not in self.tables:
            raise LorafairError(f"The data set {self.name} has no {role} file; it has {', '.join(self.tables)}.")
        try:
            return self.tables[role].rows(columns)
        except KeyError as error:
            found = ", ".join(self.tables[role].columns)
            raise LorafairError(f"{self.files[role]} has no column {error}; it has {found}.") from error


def resolve(name: str, source: Source | None = None) -> Resolved:
    """Find and check the files of a declared data set.

    Args:
        name: a data set of the registry.
        source: None for the order above; "folder" or "hub" insists; "sample" is right for sample sets only.

    Raises:
        LorafairError: naming every file that is missing, truncated or has other columns, label values or positives
            than declared, what was expected and found, and how to mend it.  A file whose sha256 differs but which is
            right in all of these is used, with a warning and ``modified`` in the provenance.
    """
    entry = load_registry().get("dataset", name)
    if not entry.fields.get("files"):
        raise LorafairError(f"The data set {name} ({entry.file}:{entry.line}) declares no `files:`.")
    sample = bool(entry.fields.get("sample"))
    source = "folder" if find_beside(entry) else _choose_source(entry, sample, source)
    revision: str | None = None
    if source == "hub":
        files, revision = _download(entry)
    else:
        files = find_files(entry, source)
    hashes, modified, tables = _check(entry, files, source)
    licence = str(entry.fields.get("licence", "unknown"))
    return Resolved(name, files, source, sample, revision, licence, hashes, modified, entry.fields, tables)


def find_files(entry: Entry, source: Source) -> dict[str, Path]:
    """Where the files of a data set have to lie: beside a user's own registry, in the package or in LORAFAIR_DATA."""
    folder = find_beside(entry)
    if folder is None and source == "sample":
        from lorafair.data import sample as package

        folder = Path(package.__file__).parent
    folder = Path(os.environ.get("LORAFAIR_DATA", "")) if folder is None else folder
    return {role: folder / facts["path"] for role, facts in (entry.fields.get("files") or {}).items()}


def locate(entry: Entry) -> tuple[str, dict[str, Path]]:
    """Where :func:`resolve` would find a data set now, and its files if they are on this machine; nothing is read.

    Returns:
        ``sample``, ``folder`` (LORAFAIR_DATA, or beside a user's own registry), ``hub, cached``, ``hub`` (not fetched
        yet), ``absent``, or ``code`` where only a target is declared; and role -> path, empty where a file is missing.
    """
    if not entry.fields.get("files"):
        return "code", {}
    source: Source = "folder"
    if entry.fields.get("sample"):
        source = "sample"
    elif not os.environ.get("LORAFAIR_DATA") and find_beside(entry) is None:
        cached = find_cached(entry)
        return ("hub, cached", cached) if cached else ("hub" if is_on_hub(entry) else "absent", {})
    files = find_files(entry, source)
    declared = entry.fields["files"]
    here = all(is_there(path, merge_facts(entry.fields, declared[role])) for role, path in files.items())
    return (source, files) if here else ("absent", {})


def _choose_source(entry: Entry, sample: bool, source: Source | None) -> Source:
    folder = os.environ.get("LORAFAIR_DATA")
    if sample and source in (None, "sample"):
        return "sample"
    if sample:
        raise LorafairError(f"The data set {entry.name} is a sample set: it lies in the package, not in a {source}.")
    if source == "sample":
        raise LorafairError(
            f"The data set {entry.name} has no sample: a sample set has a name of its own"
            + (f", which the task {samples[0]} reads." if (samples := find_sample_tasks(entry.name)) else ".")
        )
    if source == "folder" and not folder:
        raise LorafairError(f"The data set {entry.name} was asked for from a folder: set LORAFAIR_DATA to that folder.")
    return source or ("folder" if folder else "hub")


def _download(entry: Entry) -> tuple[dict[str, Path], str | None]:
    """Paths from the Hub's cache, downloaded if need be, and the commit they belong to (read from the cache's path)."""
    remedy = suggest_remedy(entry)
    if not is_on_hub(entry):
        raise LorafairError(
            f"The data set {entry.name} has no known copy on the Hub, and LORAFAIR_DATA is not set. {remedy}"
        )
    files = {role: fetch_file(entry, facts, remedy) for role, facts in entry.fields["files"].items()}
    commits = [path.parts[path.parts.index("snapshots") + 1] for path in files.values() if "snapshots" in path.parts]
    return files, commits[0] if commits else entry.fields.get("revision")


def _check(
    entry: Entry, files: Mapping[str, Path], source: Source
) -> tuple[dict[str, str], tuple[str, ...], dict[str, Table]]:
    """The files' sha256, the roles whose hash is not the declared one, and the tables; raises with all faults."""
    faults: list[str] = []
    hashes: dict[str, str] = {}
    tables: dict[str, Table] = {}
    modified: list[str] = []
    for role, given in entry.fields["files"].items():
        path, facts = files[role], merge_facts(entry.fields, given)
        if not is_there(path, facts):
            where = f"the folder LORAFAIR_DATA={os.environ.get('LORAFAIR_DATA')}" if source == "folder" else path.parent
            faults.append(f"{given['path']} is not in {find_beside(entry) or where}.")
            continue
        tables[role], wrong = read_table(path, read_form(path, facts))
        wrong = [*wrong, *find_faults(path, tables[role], facts)]
        faults += wrong
        if not wrong:
            hashes[role] = hash_content(path)
            if facts.get("sha256") not in (None, hashes[role]):
                modified.append(role)
    if faults:
        faults.append(suggest_remedy(entry))
    raise_faults(f"The data set {entry.name} cannot be used", faults)
    if modified:
        logging.getLogger(__name__).warning(
            "The data set %s is not byte for byte the one that the registry declares (%s); it is used, and its "
            "provenance says modified.",
            entry.name,
            ", ".join(modified),
        )
    return hashes, tuple(modified), tables
