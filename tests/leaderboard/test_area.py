"""Areas that a probe gave, compared in rows and tables: between models, between groups, and where they cannot be."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from lorafair.cli.main import cli
from sklearn.metrics import roc_auc_score

from lorafair.leaderboard.row import Rows, build_rows
from lorafair.membership.summary import name_measures, summarise_attack
from lorafair.records import Row
from lorafair.samples import read_audit

GROUPS = ("women", "men", "others")
MEASURES = name_measures("attack", "membership by an attack", "score")


def load_writer() -> Any:
    """``write_probe`` of the probes' own tests."""
    path = Path(__file__).with_name("test_probe.py")
    spec = importlib.util.spec_from_file_location("leaderboard_probe", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.write_probe


write_probe = load_writer()


def draw(seed: int, shift: dict[str, float], clusters: int = 90, other_members: bool = False) -> list[dict[str, Any]]:
    """Records of an attack on documents in clusters of two, members by whole clusters; ``shift`` by group."""
    rng, shared = np.random.default_rng(seed), np.random.default_rng(0).normal(size=2 * clusters)
    documents, member, score = [], [], []
    for number in range(2 * clusters):
        cluster, group = number // 2, GROUPS[number % len(GROUPS)]
        inside = (cluster + other_members) % 2 == 0
        documents.append({"id": f"d{number}", "groups": {"gender": [group]}, "cluster": f"c{cluster}"})
        member.append(inside)
        score.append(shared[number] + rng.normal() + shift.get(group, 0.0) * inside)
    facts = summarise_attack("attack", np.array(score), np.array(member), documents, {"shadows": 4})
    told = [{**d, "member": int(m), "score": s} for d, m, s in zip(documents, member, score, strict=True)]
    return [*told, *facts]


def area(records: list[dict[str, Any]], *groups: str) -> float:
    rows = [r for r in records if "id" in r and (not groups or r["groups"]["gender"][0] in groups)]
    return float(roc_auc_score([r["member"] for r in rows], [r["score"] for r in rows]))


def find(found: Rows, **wanted: Any) -> Row:
    (row,) = (row for row in found.rows if all(getattr(row, key) == value for key, value in wanted.items()))
    return row


@pytest.fixture
def audit(tmp_path: Path) -> tuple[Path, dict[str, list[dict[str, Any]]]]:
    """A base that gives nothing away and a checkpoint that gives women away."""
    found = {"base": draw(1, {}), "lora": draw(2, {"women": 3.0, "men": 0.5})}
    for label, records in found.items():
        write_probe(tmp_path, label, records, name="attack", measures=MEASURES)
    return tmp_path, found


def test_areas_are_compared_between_models_and_groups_without_a_verdict(audit: Any) -> None:
    folder, records = audit
    found = build_rows(read_audit([folder]), resamples=200)
    lora, base = records["lora"], records["base"]
    row = find(found, model="lora", metric="attack_auc", kind="overall")
    assert row.estimate == pytest.approx(area(lora))
    (level,) = row.comparisons
    assert (level.reference, level.quantity, level.documents, level.clusters) == ("base", "level", 180, 90)
    assert level.difference == pytest.approx(area(lora) - area(base), abs=1e-9)
    assert level.low is not None
    assert level.low > 0
    assert (level.p_adjusted, level.verdict) == (None, "no claim")
    assert level.p is not None
    assert level.p < 0.01
    assert "DeLong-Obuchowski covariance" in level.method
    for group in GROUPS:
        rest = [other for other in GROUPS if other != group]
        one = find(found, model="lora", metric="attack_auc", group=group)
        assert one.contrast == pytest.approx(area(lora, group) - area(lora, *rest), abs=1e-9)
        own, contrast = one.comparisons
        assert own.difference == pytest.approx(area(lora, group) - area(base, group), abs=1e-9)
        assert contrast.quantity == "contrast"
        assert contrast.difference == pytest.approx(one.contrast - area(base, group) + area(base, *rest), abs=1e-9)
        assert "max-T over 3 groups" in contrast.method
        assert contrast.verdict == "no claim"
        sure = (one.contrast_low or 0) > 0
        assert sure == (group == "women")
        mine = find(found, model="base", metric="attack_auc", group=group)
        assert mine.comparisons == []
        assert mine.contrast_low is not None
        assert mine.contrast_low < 0 < (mine.contrast_high or 0)
    rare = find(found, model="lora", metric="attack_tpr_at_fpr_0.01", kind="overall")
    assert (rare.comparisons, rare.contrast) == ([], None)
    assert found.family == {}


def test_the_tables_and_the_report_show_them(audit: Any, tmp_path: Path) -> None:
    folder, records = audit
    done = CliRunner().invoke(cli, ["leaderboard", str(folder), "--resamples", "200"])
    assert done.exit_code == 0, done.output
    said = " ".join(done.output.split())
    assert f"Δ {area(records['lora']) - area(records['base']):+.3f} [" in said
    page = tmp_path / "report.html"
    done = CliRunner().invoke(cli, ["report", str(folder), "--out", str(page), "--resamples", "200"])
    assert done.exit_code == 0, done.output
    assert f"{area(records['lora']) - area(records['base']):+.3f}" in page.read_text(encoding="utf-8")


def test_what_was_attacked_otherwise_is_not_compared_and_shared_documents_are(tmp_path: Path) -> None:
    made = {"base": draw(1, {}), "other": draw(2, {}, other_members=True), "fewer": draw(3, {})}
    made["fewer"] = [each for each in made["fewer"] if each.get("id") not in ("d0", "d1", "d2")]
    kept = [each for each in made["fewer"] if "id" in each]
    facts = [{"groups": each["groups"], "cluster": each["cluster"]} for each in kept]
    scores, members = (np.array([each[key] for each in kept]) for key in ("score", "member"))
    made["fewer"] = [*kept, *summarise_attack("attack", scores, members == 1, facts, {})]
    made["wrong"] = [each | ({"estimate": 0.9} if "measure" in each else {}) for each in draw(4, {})]
    few = [each for each in draw(5, {}) if each.get("id", "d0") in {f"d{k}" for k in (0, 1, 2, 3)}]
    made["few"] = [each for each in few if "id" in each]
    made["few"] += list(
        summarise_attack(
            "attack",
            np.array([each["score"] for each in made["few"]]),
            np.array([each["member"] == 1 for each in made["few"]]),
            made["few"],
            {},
        )
    )
    for label, records in made.items():
        write_probe(tmp_path, label, records, name="attack", measures=MEASURES)
    found = build_rows(read_audit([tmp_path]), resamples=200)

    def overall(model: str) -> Row:
        return find(found, model=model, metric="attack_auc", kind="overall")

    assert overall("other").comparisons == []
    assert "not compared with base: its members are others" in overall("other").notes
    assert [note for note in overall("wrong").notes if "not that of the documents' scores" in note]
    assert overall("wrong").comparisons == []
    (one,) = overall("fewer").comparisons
    assert one.documents == 177
    rows = [each for each in made["base"] if "id" in each and each["id"] not in ("d0", "d1", "d2")]
    assert one.difference == pytest.approx(area(kept) - area(rows), abs=1e-9)
    assert "compared with base over the 177 of 180 documents both have" in overall("fewer").notes
    (one,) = overall("few").comparisons  # two clusters, one of members: a difference and no interval
    assert one.difference is not None
    assert (one.low, one.method) == (None, "no interval: one cluster")
    men = find(found, model="few", metric="attack_auc", group="men")  # a single member
    assert all(each.low is None for each in men.comparisons)
    assert any(each.method.startswith("not estimable") for each in men.comparisons)
