"""lm-eval's own bias tasks: groups by the registry's mapping, held to lm-eval's own scores; capability beside them."""

from __future__ import annotations

import importlib
import itertools
import json
import math
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner
from lorafair.cli.main import cli

from lorafair.errors import LorafairError
from lorafair.evaluation import EvaluationPlan, evaluate
from lorafair.expression import FUNCTIONS
from lorafair.group_mapping import find_mapping, map_samples
from lorafair.leaderboard.row import build_rows
from lorafair.registry import load_registry
from lorafair.samples import read_audit
from lorafair.task_index import find_builtin_root

ROOT = find_builtin_root()
PEOPLE = {"Age": ("old", "young"), "Religion": ("Muslim", "Christian"), "Race_ethnicity": ("Black", "White")}


def make_bbq() -> list[dict]:
    """BBQ rows with the fields that lm-eval's bbq/utils.py reads: 3 categories, 12 questions of 4 documents each."""
    rows = []
    for category, number in itertools.product(PEOPLE, range(12)):
        target, other = PEOPLE[category]
        for condition, polarity in itertools.product(("ambig", "disambig"), ("neg", "nonneg")):
            label = 2 if condition == "ambig" else int(polarity == "nonneg")
            rows.append(
                {
                    "example_id": len(rows),
                    "question_index": str(number),
                    "question_polarity": polarity,
                    "context_condition": condition,
                    "category": category,
                    "answer_info": {"ans0": ["one", target], "ans1": ["two", other], "ans2": ["unknown", "unknown"]},
                    "additional_metadata": {"stereotyped_groups": [target]},
                    "context": f"A {target} and a {other} person met at place {number} ({condition}).",
                    "question": f"Who was {polarity}?",
                    "ans0": f"The {target} person",
                    "ans1": f"The {other} person",
                    "ans2": "Not known",
                    "label": label,
                }
            )
    return rows


CROWS = [
    {"sent_more": f"The {one} lied {n} times", "sent_less": f"The {two} lied {n} times", "bias_type": kind}
    for n in range(15)
    for one, two, kind in (("women", "men", "gender"), ("old", "young", "age"))
]
WINOGENDER = [
    {
        "sentence": f"The {job} told the {other} that {pronoun} could pay.",
        "pronoun": pronoun,
        "gender": gender,
        "occupation": job,
        "participant": other,
        "label": label,
    }
    for job, other in itertools.product(("nurse", "doctor", "pilot"), ("customer", "someone"))
    for label in (0, 1)
    for pronoun, gender in (("she", "female"), ("he", "male"), ("they", "neutral"))
]
TOXIGEN = [
    {"text": f"{group} are number {n}", "target_group": group, "toxicity_ai": float(n % 5 + 1), "toxicity_human": 3.0}
    for n in range(15)
    for group in ("asian", "black/african-american folks")
]
HELLASWAG = [
    {
        "ctx_a": f"He walks {n} steps.",
        "ctx_b": "then",
        "activity_label": "Walk",
        "label": str(n % 4),
        "endings": list("abcd"),
    }
    for n in range(12)
]
TASKS = {
    "bbq": ("bbq/bbq_multiple_choice.yaml", make_bbq(), "test"),
    "crows_pairs_english": ("crows_pairs/crows_pairs_english.yaml", CROWS, "test"),
    "winogender_all": ("winogender/winogender.yaml", WINOGENDER, "test"),
    "toxigen": ("toxigen/toxigen.yaml", TOXIGEN, "test"),
    "hellaswag": ("hellaswag/hellaswag.yaml", HELLASWAG, "validation"),
}


@pytest.fixture(scope="module")
def local_tasks(tmp_path_factory) -> Path:
    """A folder whose registry has lm-eval's own tasks over local rows: their YAML included, their data replaced."""
    folder = tmp_path_factory.mktemp("own")
    entries = {}
    for name, (file, rows, split) in TASKS.items():
        place = folder / name
        place.mkdir()
        (place / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
        over = {"include": str(ROOT / file), "task": name, "dataset_path": "json", "dataset_name": None}
        over |= {"dataset_kwargs": {"data_files": {split: str(place / "rows.jsonl")}}, "training_split": None}
        (place / f"{name}.yaml").write_text(yaml.safe_dump(over), encoding="utf-8")
        entries[name] = {"target": f"./{name}", "description": name}
    (folder / "registry.yaml").write_text(yaml.safe_dump({"schema": 1, "tasks": entries}), encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def audit(local_tasks, tiny_base, tiny_adapters, tmp_path_factory):
    """Their results on a tiny base and an adapter, beside a task of ours."""
    out = tmp_path_factory.mktemp("results")
    names = (*TASKS, "lorafair_honest_sample")
    plan = EvaluationPlan(str(tiny_base), (str(tiny_adapters[0]),), names, out, "hf", dtype="float32", verify=False)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LORAFAIR_REGISTRY", str(local_tasks))
        evaluate(plan, lambda line: None)
    return out


def mean(values):
    known = [value for value in values if not math.isnan(value)]
    return sum(known) / len(known)


def test_values_have_the_means_that_lm_eval_computes(audit):
    found = read_audit([audit])
    for one in (one for one in found.samples if one.task == "bbq"):
        results = json.loads(next((audit / one.model).glob("results_*.json")).read_text(encoding="utf-8"))["results"][
            "bbq"
        ]
        assert sum(value > 0 for value in one.values["amb_bias_score"]) > 0  # lm-eval makes 0 of "never along"
        assert sum(value > 0 for value in one.values["disamb_bias_score"]) > 0
        for name in ("accuracy_amb", "accuracy_disamb", "amb_bias_score", "disamb_bias_score", "acc"):
            assert mean(one.values[name]) == pytest.approx(results[f"{name},none"], abs=1e-9), name
        for category in PEOPLE:
            mine = [
                v
                for v, groups in zip(one.values["amb_bias_score"], one.groups, strict=True)
                if groups["category"] == [category]
            ]
            assert mean(mine) == pytest.approx(results[f"amb_bias_score_{category},none"], abs=1e-9), category
        assert {key for groups in one.groups for key in groups["stereotyped"]} == {"old", "muslim", "black"}
        assert len(set(one.clusters)) == 36
        assert not one.capability
        assert not any("is not one number" in note for note in one.notes)


def test_groups_labels_and_pairs_of_the_other_tasks(audit):
    found = {one.task: one for one in read_audit([audit]).samples if one.model == "base"}
    crows, wino, toxigen = found["crows_pairs_english"], found["winogender_all"], found["toxigen"]
    assert {tuple(g["bias_type"]) for g in crows.groups} == {("gender",), ("age",)}
    assert crows.direction["pct_stereotype"] is False
    assert set(crows.answers.labels) == {None}  # the likelier sentence is right or wrong of nothing
    assert len(set(wino.clusters)) == 6
    assert len(set(wino.answers.twins)) == 12
    assert set(wino.answers.labels) == {"0", "1"}
    assert {name for g in toxigen.groups for name in g["target_group"]} == {"asian", "black/african-american folks"}
    assert (toxigen.answers.classes, toxigen.answers.positive) == (("No", "Yes"), "Yes")
    assert [one for one in found if found[one].capability] == ["hellaswag"]


def test_one_table_holds_ours_theirs_and_capability(audit, monkeypatch):
    rows = build_rows(read_audit([audit]), resamples=200).rows
    groups = {(r.task, r.metric, r.attribute) for r in rows if r.kind == "group" and r.low is not None}
    for cell in (
        ("bbq", "amb_bias_score", "category"),
        ("crows_pairs_english", "pct_stereotype", "bias_type"),
        ("winogender_all", "accuracy", "gender"),
        ("toxigen", "tpr", "target_group"),
        ("lorafair_honest_sample", "honest_continuation", "identity"),
    ):
        assert cell in groups
    assert ("crows_pairs_english", "accuracy") not in {(r.task, r.metric) for r in rows}
    claimed = [c.verdict for r in rows for c in r.comparisons if r.kind == "group" and r.task == "bbq"]
    assert claimed
    assert set(claimed) - {"no claim"}
    assert {r.task for r in rows if r.capability} == {"hellaswag"}
    shown = CliRunner().invoke(cli, ["leaderboard", str(audit), "--format", "md", "--resamples", "200"])
    assert shown.exit_code == 0, shown.output
    assert "hellaswag — capability" in shown.output
    assert "bbq: its groups are read by the registry's mapping bbq" in shown.output.replace("\\_", "_")


def test_plain_lm_eval_logs_are_mapped_too(audit, tmp_path):
    """The samples of plain lm_eval are the same lines without our part of the results file."""
    (path,) = (audit / "base").glob("results_*.json")
    results = json.loads(path.read_text(encoding="utf-8"))
    del results["lorafair"]
    results["config"] |= {"model": "hf", "model_args": "pretrained=some/base"}
    folder = tmp_path / "some__base"
    folder.mkdir()
    (folder / path.name).write_text(json.dumps(results), encoding="utf-8")
    for samples in path.parent.glob("samples_*.jsonl"):
        (folder / samples.name).write_bytes(samples.read_bytes())
    found = {one.task: one for one in read_audit([tmp_path], {"some__base": "plain"}).samples}
    assert found["bbq"].groups[0] == {"category": ["Age"], "stereotyped": ["old"]}
    assert found["winogender_all"].groups[0] == {"gender": ["female"]}


def test_discrim_eval_is_lm_evals_log_odds_by_race_gender_and_age():
    utils = importlib.import_module("lm_eval.tasks.discrim_eval.utils")
    people = itertools.product(("white", "Black"), ("male", "Non-binary"), (20, 50, 90), range(3))
    docs = [
        {"race": r, "gender": g, "age": a, "decision_question_id": t, "filled_template": "?"} for r, g, a, t in people
    ]
    samples = []
    for number, doc in enumerate(docs):
        answers = [(-1.0 - number, False), (-2.0, False), (-1.5, False), (-3.0, False)]
        said = utils.process_results(doc, answers)
        line = json.loads(
            json.dumps({"doc_id": number, "doc": doc, "target": "yes", "metrics": list(said), **said}, default=float)
        )
        samples.append(line)
    mapped = map_samples("discrim_eval_explicit", samples)
    assert mapped.direction == {"favourable": True}
    assert samples[0]["doc"]["groups"] == {"race": ["white"], "gender": ["male"], "age": ["under 40"]}
    assert samples[-1]["doc"]["groups"] == {"race": ["black"], "gender": ["non-binary"], "age": ["60 and over"]}
    assert {s["doc"]["cluster"] for s in samples} == {"0", "1", "2"}
    yes, no = math.exp(-1.0) + math.exp(-2.0), math.exp(-1.5) + math.exp(-3.0)
    assert samples[0]["favourable"] == pytest.approx(math.log(yes / no))
    assert all(s["metrics"] == ["favourable"] and "target" not in s for s in samples)


def test_the_fields_of_the_mappings_are_those_of_the_installed_task_files():
    """`question_index` and `target_group` are columns of the data sets that lm-eval's files do not mention."""
    import ast

    unmentioned = {"question_index", "target_group"}
    for entry in load_registry().entries("group"):
        (folder,) = {path.parent for path in ROOT.rglob("*.yaml") if path.parent.name == entry.name}
        text = " ".join(
            path.read_text(encoding="utf-8") for path in folder.iterdir() if path.suffix in {".py", ".yaml"}
        )
        said = [
            *(entry.fields["attributes"].values()),
            *(entry.fields.get(key, "None") for key in ("cluster", "pair", "twin")),
        ]
        said += [each["value"] for each in (entry.fields.get("values") or {}).values()]
        for tree in map(ast.parse, said):
            names = {n.id for n in ast.walk(tree) if isinstance(n, ast.Name)} - {"sample", "doc", *FUNCTIONS}
            names |= {n.attr for n in ast.walk(tree) if isinstance(n, ast.Attribute)}
            assert {name for name in names if name not in text} <= unmentioned, entry.name


def test_documents_that_carry_groups_are_left_alone_and_missing_fields_are_told():
    own = [{"doc_id": 0, "doc": {"groups": {"a": ["b"]}, "category": "Age"}, "metrics": [], "target": "x"}]
    assert map_samples("bbq", own).notes == []
    assert own[0]["doc"] == {"groups": {"a": ["b"]}, "category": "Age"}
    other = [{"doc_id": 0, "doc": {"text": "x"}, "metrics": ["acc"], "acc": 1.0}]
    assert "found no group in any of its 1 documents" in map_samples("crows_pairs_x", other).notes[0]
    assert map_samples("hellaswag", other).notes == []


def test_a_mapping_of_one_s_own_needs_no_code(tmp_path, monkeypatch):
    monkeypatch.setenv("LORAFAIR_REGISTRY", str(tmp_path))
    mine = {
        "description": "mine",
        "tasks": ["their_*"],
        "attributes": {"who": {"of": "lower(person)", "names": {"f": "women", "m": "men"}}},
        "cluster": "[story, 1]",
        "values": {"long": {"value": "length(story)", "higher_is_better": False}},
    }
    (tmp_path / "registry.yaml").write_text(yaml.safe_dump({"schema": 1, "groups": {"theirs": mine}}), encoding="utf-8")
    samples = [
        {"doc_id": n, "doc": {"person": p, "story": "abc"}, "metrics": ["odd"], "odd": [1]} for n, p in enumerate("FMx")
    ]
    assert map_samples("their_task", samples).direction == {"long": False}
    assert [s["doc"]["groups"]["who"] for s in samples] == [["women"], ["men"], ["x"]]
    assert [(s["doc"]["cluster"], s["long"], s["metrics"]) for s in samples] == [("abc | 1", 3.0, ["long"])] * 3
    assert find_mapping("theirs") is None
    assert "theirs" in CliRunner().invoke(cli, ["plugins", "list", "--kind", "group"]).output
    for wrong, said in (
        ({"attributes": {"who": "os.system('x')"}}, "nothing that an expression can hold"),
        ({"attributes": {"who": {"from": "x"}}}, "Did you mean|unknown key 'from'"),
        ({"values": {"v": {"value": 3}}}, "is an expression, not 3"),
        ({"values": {"v": "x"}}, "is a mapping with `value:`"),
        ({"target": "a:b"}, "nothing of it is code"),
        ({"atributes": {}}, "Did you mean 'attributes'"),
    ):
        text = yaml.safe_dump({"schema": 1, "groups": {"theirs": {"description": "mine"} | wrong}})
        (tmp_path / "registry.yaml").write_text(text, encoding="utf-8")
        with pytest.raises(LorafairError, match=said):
            load_registry()
