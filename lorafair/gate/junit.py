"""The gate as JUnit XML: a test case per check, for CI systems."""

from __future__ import annotations

import re
from xml.etree import ElementTree

from lorafair.gate.evidence import Gated
from lorafair.gate.table import name_place, show_value
from lorafair.leaderboard.escape import strip_controls


def render_junit(gated: Gated) -> str:
    """JUnit XML, hashes as properties of the suite.

    A failed check is a ``failure``; an undecided one is an ``error``, since CI systems read ``skipped`` as fine.
    """
    counts = {word: sum(check.outcome == word for check in gated.checks) for word in ("fail", "undecided")}
    totals = {"tests": str(len(gated.checks)), "failures": str(counts["fail"]), "errors": str(counts["undecided"])}
    suites = ElementTree.Element("testsuites", {"name": "lorafair gate"} | totals)
    suite = ElementTree.SubElement(
        suites,
        "testsuite",
        {"name": _clean(f"lorafair gate {gated.model.label}"), "skipped": "0", "time": "0"} | totals,
    )
    properties = ElementTree.SubElement(suite, "properties")
    facts = {"adapter": gated.subject.hash, "policy": gated.policy_hash}
    facts |= {f"results:{name}": digest for name, digest in gated.results.items()}
    for name, value in facts.items():
        ElementTree.SubElement(properties, "property", {"name": _clean(name), "value": value})
    for check in gated.checks:
        case = ElementTree.SubElement(
            suite,
            "testcase",
            {"classname": _clean(f"{gated.model.label}.{check.rule}"), "name": _clean(name_place(check)), "time": "0"},
        )
        said = f"{check.requirement}; measured {show_value(check)} on {check.n} documents in {check.clusters} clusters"
        if check.outcome != "pass":
            tag, kind = ("failure", "fail") if check.outcome == "fail" else ("error", "undecided")
            body = ElementTree.SubElement(case, tag, {"type": kind, "message": _clean(check.reason)})
            body.text = _clean(said)
        ElementTree.SubElement(case, "system-out").text = _clean("; ".join((said, *check.marks)))
    ElementTree.indent(suites)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ElementTree.tostring(suites, encoding="unicode") + "\n"


def _clean(text: str) -> str:
    """Text without the characters that XML 1.0 cannot hold; ElementTree escapes the rest."""
    return re.sub("[\ufffe\uffff]", "?", strip_controls(text))
