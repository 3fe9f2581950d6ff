"""Check the data sets that are on this machine: what was expected of each file, what was found; nothing is fetched."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lorafair.data.dataset import locate
from lorafair.data.expectation import Count, count_rows, find_faults
from lorafair.data.picture_name import KIND, hash_content
from lorafair.data.remedy import suggest_remedy
from lorafair.data.table import read_form, read_table
from lorafair.errors import LorafairError
from lorafair.registry import Entry
from lorafair.registry_dataset import merge_facts


@dataclass
class Finding:
    """What was found of one data set.

    ``place`` is that of :func:`lorafair.data.dataset.locate`; ``counts`` holds per role what was counted; ``faults``
    are whole sentences; ``remarks`` count the odd names of a folder of pictures; ``remedy`` says what to do
    about faults, or about files that are not here.
    """

    entry: Entry
    place: str
    counts: dict[str, list[Count]] = field(default_factory=dict)
    hashed: dict[str, str] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)
    remedy: str = ""

    @property
    def state(self) -> str:
        """``ok``, ``fault``, ``absent`` (files that are not on this machine), or ``code`` (nothing to check)."""
        if self.faults:
            return "fault"
        return "code" if self.place == "code" else "absent" if self.place in ("absent", "hub") else "ok"


def inspect(entry: Entry) -> Finding:
    """Hold every file of a data set to its declaration, its sha256 too; what lies on the Hub only is not fetched."""
    place, files = locate(entry)
    finding = Finding(entry, place)
    for role, path in files.items():
        facts = merge_facts(entry.fields, entry.fields["files"][role])
        wrong, counts, digest = inspect_file(path, facts)
        finding.counts[role], finding.hashed[role] = counts, digest
        finding.faults += wrong
        if facts.get("format") == KIND:
            finding.remarks += read_table(path, read_form(path, facts))[0].remarks
        if not wrong and facts.get("sha256") not in (None, digest):
            finding.faults.append(f"{path}: expected sha256 {facts['sha256']}, found {digest}.")
    if finding.state in ("fault", "absent"):
        finding.remedy = suggest_remedy(entry)
    return finding


def inspect_file(path: Path, facts: Mapping[str, Any]) -> tuple[list[str], list[Count], str]:
    """Faults of one file beside its hash, what was counted in it, and its sha256 ("" if it cannot be read)."""
    table, faults = read_table(path, read_form(path, facts))
    counts: list[Count] = []
    try:
        faults = [*faults, *find_faults(path, table, facts)]
        if not faults or table.columns:
            counts = count_rows(table, facts)
    except KeyError:  # a column is missing, and the faults say so
        counts = [Count("", "rows", facts.get("rows"), len(table))]
    except LorafairError as error:
        faults = [*faults, str(error)]
    try:
        return faults, counts, hash_content(path)
    except LorafairError as error:
        return faults or [str(error)], counts, ""
