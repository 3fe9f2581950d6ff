"""The gate as SARIF 2.1.0 (OASIS standard), for code-scanning systems."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from urllib.parse import quote

from lorafair import __version__
from lorafair.gate.check import Check
from lorafair.gate.evidence import Gated
from lorafair.gate.policy import Rule
from lorafair.gate.table import name_place, show_value
from lorafair.leaderboard.escape import strip_controls

KIND = {"pass": "pass", "fail": "fail", "undecided": "open"}


def render_sarif(gated: Gated) -> str:
    """A SARIF log with one run: the policy's rules, and a result per check at the rule's line of the policy.

    ``kind`` is fail (``level`` error), pass, or open: "insufficient information to decide" (section 3.27.9).
    """
    rules = gated.file.policy.rules
    place = {rule.name: k for k, rule in enumerate(rules)}
    uri = _as_uri(gated.file.path)
    log: dict[str, Any] = {
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [
            {
                "tool": {
                    "driver": {
                        "name": "lorafair gate",
                        "version": __version__,
                        "rules": [_describe(rule, k) for k, rule in enumerate(rules)],
                    }
                },
                "artifacts": [
                    {"location": {"uri": uri}, "roles": ["policy"], "hashes": {"sha-256": gated.policy_hash}},
                    *(
                        {
                            "location": {"uri": _as_uri(gated.subject.path / name)},
                            "roles": ["analysisTarget"],
                            "hashes": {"sha-256": digest},
                        }
                        for name, digest in gated.subject.files.items()
                    ),
                ],
                "results": [_tell(check, place[check.rule], uri) for check in gated.checks],
                "properties": {"outcome": gated.outcome, "adapter": gated.subject.hash, "results": gated.results},
            }
        ],
    }
    return json.dumps(log, indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def _describe(rule: Rule, number: int) -> dict[str, Any]:
    return {
        "id": f"gate/{number + 1}",
        "shortDescription": {"text": strip_controls(rule.name)},
        "properties": rule.model_dump(mode="json", exclude_none=True),
    }


def _tell(check: Check, number: int, uri: str) -> dict[str, Any]:
    said = f"{check.rule}: {name_place(check)}: {check.requirement}; measured {show_value(check)}."
    why = "; ".join(filter(None, (check.reason, *check.marks)))
    return {
        "ruleId": f"gate/{number + 1}",
        "ruleIndex": number,
        "kind": KIND[check.outcome],
        "level": "error" if check.outcome == "fail" else "none",
        "message": {"text": strip_controls(f"{said} {why}".strip())},
        "locations": [{"physicalLocation": {"artifactLocation": {"uri": uri}, "region": {"startLine": check.line}}}],
        "properties": {
            "outcome": check.outcome,
            "value": check.value,
            "low": check.low,
            "high": check.high,
            "n": check.n,
            "clusters": check.clusters,
        },
    }


def _as_uri(path: Path) -> str:
    """A relative path as a relative URI, an absolute one as ``file:``."""
    return path.as_uri() if path.is_absolute() else quote(path.as_posix())
