"""docs/harness.md: its mapping reads without fault and does what is said of it; its tables name what there is."""

import re
from pathlib import Path

import pytest

from lorafair.group_mapping import map_samples
from lorafair.registry import load_registry

TEXT = (Path(__file__).resolve().parents[1] / "docs" / "harness.md").read_text(encoding="utf-8")
(MAPPING,) = (text for text in re.findall(r"^```yaml\n(.*?)^```$", TEXT, re.M | re.S) if "groups:" in text)


def test_the_mapping_as_printed(tmp_path, monkeypatch):
    (tmp_path / "registry.yaml").write_text(MAPPING, encoding="utf-8")
    monkeypatch.setenv("LORAFAIR_REGISTRY", str(tmp_path))
    doc = {
        "applicant": {"gender": "F", "age": "51", "country": "DE"},
        "job": "baker",
        "template": 3,
        "number": 1,
        "gold": "no",
    }
    samples = [{"doc_id": 0, "doc": doc, "target": "x", "metrics": ["score"], "score": [0.5, 0.25]}]
    mapped = map_samples("hiring_en", samples)
    (found,) = samples
    assert found["doc"]["groups"] == {"gender": ["f"], "age": ["old"], "origin": ["Germany"]}
    assert [found["doc"][key] for key in ("cluster", "pair", "twin", "label", "positive")] == [
        "baker | 3",
        "baker | 3 | 1",
        "F",
        "no",
        "yes",
    ]
    assert (found["margin"], found["metrics"], "target" in found) == (0.25, ["margin"], False)
    assert (mapped.direction, mapped.labels) == ({"margin": True}, {"margin": "margin of yes"})


@pytest.mark.parametrize("entry", load_registry().entries("group"), ids=lambda entry: entry.name)
def test_every_mapping_is_in_the_table_with_its_attributes(entry):
    (row,) = (line for line in TEXT.splitlines() if line.startswith(f"| `{entry.name}` |"))
    assert all(f"`{attribute}`" in row for attribute in entry.fields["attributes"])
