"""An evaluation in shards is the evaluation: the same answers under the same keys, the same samples, nothing twice."""

import json
from dataclasses import replace

import pytest

from lorafair.evaluation import EvaluationPlan, evaluate
from lorafair.launch.shard import Shard, find_shards, take_leftovers, take_shard
from lorafair.responses.store import ResponseStore, StoreBusyError


def read_answers(out):
    lines = [line for path in sorted((out / "responses").glob("*.jsonl")) for line in path.open(encoding="utf-8")]
    records = [json.loads(line) for line in lines]
    found = {record["key"]: record["answer"] for record in records}
    assert len(found) == len(records)
    return found


def read_samples(out):
    found = {}
    for path in sorted(out.glob("*/samples_*.jsonl")):
        rows = [json.loads(line) for line in path.open(encoding="utf-8")]
        found[path.parent.name, path.name.rpartition("_")[0].rpartition("_")[0]] = rows
    return found


@pytest.fixture(scope="module")
def whole(tiny_base, tiny_adapters, tmp_path_factory):
    plan = EvaluationPlan(
        str(tiny_base), tuple(map(str, tiny_adapters)), ("lorafair_honest_sample",), tmp_path_factory.mktemp("whole"),
        "hf", limit=6, gen_kwargs={"max_gen_toks": 4},
    )  # fmt: skip
    return plan, evaluate(plan, print)


def test_shards_give_the_answers_and_samples_of_the_whole(whole, tmp_path):
    plan, done = whole
    labels = [spec.rpartition("/")[2] for spec in plan.checkpoints]
    results, asked = tmp_path / "results" / "one", 0
    for number, share in enumerate((("base", labels[0]), (labels[1],))):
        out = find_shards(tmp_path) / "one" / str(number)
        found = evaluate(replace(plan, out=out, shard=Shard(share, results / "responses")), print)
        assert set(found.results) == set(share)
        asked += found.asked
        assert take_shard(out, results, whole=True) > 0
        assert not out.exists()
    assert asked == done.asked
    assert read_answers(results) == read_answers(plan.out)
    assert read_samples(results) == read_samples(plan.out)
    again = evaluate(replace(plan, out=results), print)
    assert (again.asked, again.stored) == (0, done.asked)  # the local launcher goes on from there
    out = find_shards(tmp_path) / "one" / "again"
    found = evaluate(replace(plan, out=out, shard=Shard((labels[1],), results / "responses")), print)
    assert found.asked == 0
    assert take_shard(out, results, whole=True) == 0
    assert len(list((results / labels[1]).glob("results_*.json"))) == 1  # older files of the same tasks go


def test_what_an_interrupted_shard_answered_is_kept_but_for_a_torn_line(whole, tmp_path):
    plan, _ = whole
    left = find_shards(tmp_path) / "one" / "left"
    (left / "responses").mkdir(parents=True)
    source = next((plan.out / "responses").glob("*.jsonl"))
    lines = source.read_text("utf-8").splitlines(keepends=True)
    (left / "responses" / source.name).write_text("".join(lines[:5]) + lines[5][:20], "utf-8")
    said = []
    with ResponseStore(left / "responses"), pytest.raises(StoreBusyError):
        take_leftovers(tmp_path, said.append, patience=0.0)
    take_leftovers(tmp_path, said.append, patience=0.0)
    assert said == ["5 answers of an interrupted shard of one were kept"]
    results = tmp_path / "results" / "one"
    assert set(read_answers(results)) == {json.loads(line)["key"] for line in lines[:5]}
    assert not left.exists()
    with ResponseStore(tmp_path / "own", also=results / "responses") as store:
        assert store.knows(source.stem)
        assert len(store.read(source.stem)) == 5
        assert store.damaged == 0
    assert not list((tmp_path / "own").glob("*.jsonl"))
