"""What a recipe names is looked for before anything runs: unknown names are faults, what is absent is said."""

import pytest
from click.testing import CliRunner
from lorafair.cli.main import cli


@pytest.fixture
def audit(tiny_recipe, tmp_path):
    def call(*arguments, code=0):
        command = ["audit", str(tiny_recipe), "--out", str(tmp_path / "out"), *map(str, arguments)]
        result = CliRunner().invoke(cli, command)
        assert result.exit_code == code, result.output
        assert not (tmp_path / "out").exists()
        return result.output

    return call


def test_the_plan_counts_runs_steps_requests_and_weights(audit):
    said = audit("--dry-run")
    assert "Training: 3 runs" in said
    assert "honest_sample_pairs: 720 rows" in said
    assert "Evaluation: 4 models x 16 requests = 64 requests" in said  # 8 documents, a greedy and a sampled answer each
    line = next(line for line in said.splitlines() if "lora-r2 " in line).split()
    # q, o 32 to 32, k, v 32 to 16, gate, up 32 to 64, down 64 to 32, in two layers, at rank 2
    assert line[3:5] == ["90", f"{2 * 2 * (2 * 64 + 2 * 48 + 3 * 96):,}"]


@pytest.mark.parametrize(
    ("assignments", "messages"),
    [
        (["eval.task=lorafair_honst", "train.data=honest_sample_pair", "probes.0.name=kll", "statistics.primary=rte"],
         ["Did you mean", "'honest_sample_pairs'", "no probe named 'kll'", "statistics.primary: there is no metric"]),
        (["probes.0.settings={textz: given}"], ["textz"]),
        (["probes.0.data=honest_sample_pairs"], ["`task:`, or `data:`, not both"]),
        (["eval.engine=vlm"], ["no engine named 'vlm'"]),
        (["eval.limit=0"], ["leaves no document"]),
    ],
)  # fmt: skip
def test_unknown_names_are_faults_all_at_once(audit, assignments, messages):
    said = audit("--dry-run", *(part for one in assignments for part in ("--set", one)), code=2)
    assert all(message in said for message in messages), said


def test_what_is_known_but_not_here_is_told_with_its_mend_and_nothing_starts(audit):
    asked = ["--set", "train.data=made.jsonl", "--set", "needs={made.jsonl: lorafair make it}"]
    asked += ["--set", "bases=models-nowhere/tiny-vit"]
    said = audit("--dry-run", *asked)
    assert "there is no file made.jsonl. Make it with: lorafair make it" in said
    assert "lorafair models pull tiny-vit --out models-nowhere" in said
    refused = audit(*asked, code=2)
    assert "Nothing was done" in refused
    assert "lorafair make it" in refused
