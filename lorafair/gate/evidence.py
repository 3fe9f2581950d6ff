"""What a gate's outcome rests on: hashes of the adapter, the policy, the data and the results that were read."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from lorafair.gate.check import Check, Outcome, tell_outcome
from lorafair.gate.policy_file import PolicyFile
from lorafair.identity import Model
from lorafair.leaderboard.row import Rows
from lorafair.provenance import hash_file, read_versions
from lorafair.samples import Audit
from lorafair.subject import Subject

EXIT = {"pass": 0, "fail": 1, "undecided": 3}
"""The command's exit code for each outcome; 2 is an error."""


@dataclass(frozen=True)
class Gated:
    """A policy held against an audit.  ``data``: task -> what the results record of its data, with sha256."""

    file: PolicyFile
    policy_hash: str
    subject: Subject
    model: Model
    proven: bool
    checks: list[Check]
    results: dict[str, str]
    data: dict[str, Any]
    statistics: dict[str, Any]
    notes: list[str]

    @property
    def outcome(self) -> Outcome:
        """Of the whole policy."""
        return tell_outcome(self.checks)

    @property
    def exit_code(self) -> int:
        """0 pass, 1 fail, 3 undecided."""
        return EXIT[self.outcome]


def hash_results(audit: Audit) -> dict[str, str]:
    """sha256 of every results, samples and scores file in the audit's folders, by path within its folder.

    The paths of several folders get the folder's name before them.

    Raises:
        LorafairError: if one cannot be read.
    """
    found = {}
    for folder in audit.folders:
        front = f"{folder.resolve().name}/" if len(audit.folders) > 1 else ""
        for pattern in ("results_*.json", "samples_*.jsonl", "scores.jsonl"):
            for path in folder.rglob(pattern):
                inner = path.relative_to(folder)
                if "responses" not in inner.parts:
                    found[front + inner.as_posix()] = hash_file(path)
    return dict(sorted(found.items()))


def read_data(audit: Audit) -> dict[str, Any]:
    """task -> what its results files record about its data (names, revisions, sha256), of every model once."""
    found: dict[str, list[Any]] = {}
    for folder in audit.folders:
        for path in sorted(folder.rglob("results_*.json")):
            if "responses" in path.relative_to(folder).parts:
                continue
            for task, config in json.loads(path.read_text(encoding="utf-8"))["configs"].items():
                metadata = config.get("metadata") if isinstance(config, dict) else None
                data = metadata.get("data") if isinstance(metadata, dict) else None
                if data is not None and data not in found.setdefault(task, []):
                    found[task].append(data)
    return {task: each[0] if len(each) == 1 else each for task, each in sorted(found.items())}


def describe_statistics(rows: Rows) -> dict[str, Any]:
    """How the intervals were made."""
    settings = rows.settings
    return {"seed": settings.seed, "resamples": settings.resamples, "alpha": settings.alpha}


def render_json(gated: Gated) -> str:
    """The outcome, every check and every hash as one JSON object, with ``schema``; what is not estimable is null."""
    versions = read_versions()
    subject, model = gated.subject, gated.model
    record = {
        "schema": 1,
        "kind": "gate",
        "outcome": gated.outcome,
        "exit_code": gated.exit_code,
        "policy": {"path": str(gated.file.path), "sha256": gated.policy_hash},
        "adapter": {
            "path": str(subject.path),
            "label": model.label,
            "kind": subject.kind,
            "hash": subject.hash,
            "hash_in_results": gated.proven,
            "files": subject.files,
            "verified": model.verified,
            "base": model.base,
            "base_hash": model.base_hash,
        },
        "data": gated.data,
        "results": gated.results,
        "statistics": gated.statistics,
        "versions": {name: versions[name] for name in ("lorafair", "numpy", "scipy") if name in versions},
        "checks": [vars(check) | {"marks": list(check.marks)} for check in gated.checks],
        "notes": gated.notes,
    }
    return json.dumps(record, indent=2, ensure_ascii=False, allow_nan=False) + "\n"
