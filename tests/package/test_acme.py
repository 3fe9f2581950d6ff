"""A stranger's distribution (tests/acme) beside the wheel: all of it is used as a user would, and it leaves no trace."""

import json
import shutil
from pathlib import Path

import pytest

pytestmark = pytest.mark.package
ACME = Path(__file__).parents[1] / "acme"
NAMES = {
    "task": "acme_jobs",
    "dataset": "acme_pairs",
    "scorer": "acme_vowels",
    "metric": "acme_best",
    "method": "acme_ia3",
    "trainer": "acme_sgd",
    "objective": "acme_tail",
    "probe": "acme_surprise",
    "engine": "acme_engine",
}


@pytest.fixture(scope="module")
def user(make_shell, tmp_path_factory, tiny_base, tiny_adapters):
    """A user's shell in a folder with a base, an adapter and results, once Acme's wheel is installed."""
    shell = make_shell(tmp_path_factory.mktemp("acme"))
    shutil.copytree(ACME, shell.folder / "source")
    shell("pip wheel -q --no-deps --wheel-dir . ./source && pip install -q --no-deps acme_lorafair-1.2.0-*.whl")
    shutil.rmtree(shell.folder / "source")
    shell.environment |= {"BASE": str(tiny_base), "TUNED": f"tuned={tiny_adapters[0]}"}
    yield shell
    shell("pip uninstall -q -y acme-lorafair", code=None)


@pytest.fixture(scope="module")
def evaluated(user):
    """The same, with results of Acme's task through Acme's engine, scored by Acme's scorer."""
    user("lorafair eval --base $BASE --checkpoint $TUNED --task acme_jobs --engine acme_engine --dtype float32")
    user("lorafair score results --scorer acme_vowels --scorer hurtlex_sample")
    return user


def read_lines(path: Path) -> list[dict]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def test_each_kind_is_listed_shown_and_passes_the_check(user):
    listed = {(entry["kind"], entry["name"]): entry for entry in json.loads(user("lorafair plugins list --json"))}
    for kind, name in NAMES.items():
        assert (listed[kind, name]["origin"], listed[kind, name]["version"]) == ("acme-lorafair", "1.2.0")
    shown = user("lorafair plugins show acme_vowels")
    assert "acme-lorafair 1.2.0" in shown
    assert "higher is better" in shown
    assert "scorer.py:" in shown
    checked = user("lorafair plugins check --origin acme-lorafair")
    assert "6 ok, 0 not checked, 0 with faults; 3 untried." in checked
    assert "acme_jobs" in user("lorafair tasks list")


def test_its_task_engine_scorer_and_metric_make_a_leaderboard(evaluated):
    table = evaluated("lorafair leaderboard results --format md")
    assert "verified serving by acme_engine" in table
    rows = read_lines(evaluated.folder / "results" / "rows.jsonl")
    columns = {row["metric"]: row for row in rows if row["model"] == "tuned" and row["kind"] == "overall"}
    assert columns["acme_said"]["higher_is_better"] is True
    vowels = next(row for metric, row in columns.items() if "acme_vowels" in metric)
    assert (vowels["higher_is_better"], vowels["n"], vowels["clusters"]) == (True, 12, 6)
    assert {row["group"] for row in rows if row["kind"] == "group"} == {"men", "women"}
    provenance = json.loads((evaluated.folder / "results/tuned/scores.provenance.json").read_text("utf-8"))
    scorer = provenance["settings"]["scorers"]["acme_vowels"]
    assert (scorer["origin"], scorer["version"]) == ("acme-lorafair", "1.2.0")


def test_its_metric_is_computed_of_every_value_and_claims_nothing(evaluated):
    evaluated("lorafair leaderboard results --metric acme_best --format md")
    rows = read_lines(evaluated.folder / "results" / "rows.jsonl")
    best = {row["model"]: row for row in rows if row["metric"] == "acme_best:acme_length" and row["kind"] == "overall"}
    for label, row in best.items():
        (path,) = (evaluated.folder / "results" / label).glob("samples_acme_jobs_*.jsonl")
        assert row["estimate"] == max(line["acme_length"] for line in read_lines(path))
    assert set(best) == {"base", "tuned"}
    assert {one["verdict"] for one in best["tuned"]["comparisons"]} == {"no claim"}
    provenance = json.loads((evaluated.folder / "results" / "rows.provenance.json").read_text("utf-8"))
    assert provenance["settings"]["metrics"]["acme_best"]["origin"] == "acme-lorafair"
    # The default rows are those of a leaderboard that nobody asked for more.
    evaluated("lorafair leaderboard results")
    plain = read_lines(evaluated.folder / "results" / "rows.jsonl")
    assert plain == [row for row in rows if not row["metric"].startswith("acme_best:")]


def test_its_engine_answers_as_ours_does(evaluated):
    evaluated("lorafair eval --base $BASE --checkpoint $TUNED --task acme_jobs --engine hf --dtype float32 --out by-hf")
    theirs, ours = (
        [line["resps"] for line in read_lines(path)]
        for folder in ("results", "by-hf")
        for path in (evaluated.folder / folder / "tuned").glob("samples_acme_jobs_*.jsonl")
    )
    assert len(theirs) == 12
    assert theirs == ours


def test_its_data_method_and_trainer_make_a_checkpoint_that_is_served(user):
    user("lorafair train --base $BASE --data acme_pairs --method acme_ia3 --trainer acme_sgd --lr 0.1")
    assert json.loads((user.folder / "runs/acme_ia3/adapter_config.json").read_text("utf-8"))["peft_type"] == "IA3"
    settings = json.loads((user.folder / "runs/acme_ia3/provenance.json").read_text("utf-8"))["settings"]
    assert [settings[kind] for kind in ("method", "trainer")] == ["acme_ia3", "acme_sgd"]
    told = user("lorafair eval --base $BASE --checkpoint runs/acme_ia3 --task acme_jobs --engine hf --out results-ia3")
    assert "acme_ia3" in told


def test_its_objective_weighs_the_losses_of_our_trainer(user):
    user("lorafair train --base $BASE --data acme_pairs --method acme_ia3 --objective acme_tail")
    settings = json.loads((user.folder / "runs/acme_ia3-acme_tail/provenance.json").read_text("utf-8"))["settings"]
    assert settings["inputs"]["objective_origin"] == "acme-lorafair 1.2.0"
    assert settings["objective_state"]["threshold"] > 0


def test_its_probe_writes_records(user):
    user("lorafair probe acme_surprise --base $BASE --checkpoint $TUNED --task acme_jobs --out probed")
    found = {}
    for label in ("base", "tuned"):
        found[label] = read_lines(user.folder / "probed" / label / "probe_acme_surprise.jsonl")
        assert len(found[label]) == 12
    assert found["base"] != found["tuned"]


def test_plain_lm_eval_finds_its_task(user):
    folder = user("lorafair tasks path acme_jobs").strip()
    told = user(
        f'lm_eval --model hf --model_args pretrained=$BASE --tasks acme_jobs --include_path "{folder}" --limit 2 '
        "--device cpu --log_samples --output_path logs"
    )
    assert "acme_said" in told
    assert "acme_said" in user("lorafair leaderboard logs")


def test_uninstalling_leaves_no_trace(evaluated, installed):
    link = "from pathlib import Path; from lorafair.task_link import link_tasks, unlink_tasks; "
    evaluated(f"mkdir lm_eval_tasks; python -c '{link} link_tasks(Path(\"lm_eval_tasks\"))'")
    assert (evaluated.folder / "lm_eval_tasks/lorafair/acme_jobs.yaml").is_file()
    evaluated("pip uninstall -q -y acme-lorafair")
    assert "acme" not in evaluated("lorafair plugins list")
    assert "acme" not in evaluated("lorafair tasks list")
    (site,) = installed.parent.glob("lib/python*/site-packages")
    assert [path for path in site.rglob("*acme*") if "__pycache__" not in path.parts] == []
    evaluated(f"python -c '{link} unlink_tasks(Path(\"lm_eval_tasks\"))'")
    assert list((evaluated.folder / "lm_eval_tasks").rglob("*")) == []
    refused = evaluated("lorafair score results --scorer acme_vowels", code=2)
    assert "no scorer named 'acme_vowels'" in refused
    assert "Traceback" not in refused
    assert "acme_said" in evaluated("lorafair leaderboard results --format md")  # what was measured can still be read
