"""An audit as tasks: which there are, what each needs, what it waits for; and what a user is told about all that."""

from pathlib import Path

import pytest
from click.testing import CliRunner
from lorafair.cli.main import cli

from lorafair.audit.estimate import estimate_memory, read_shape
from lorafair.audit.facts import Facts, collect_facts
from lorafair.audit.schema import read_schema
from lorafair.audit.source import parse_source, set_values
from lorafair.audit.sweep import plan_sweeps
from lorafair.errors import LorafairError
from lorafair.launch.cluster import choose_node, read_address
from lorafair.launch.need import Need, Node, find_unmet
from lorafair.launch.run import Launch
from lorafair.launch.task import plan_tasks, share_out

TEXT = """
bases: {one: m/one, two: m/two}
train:
  data: honest_sample_pairs
  rank: [2, 4]
  seed: [1, 2]
  by_method:
    lora: {lr: auto}
    full: {lr: 1e-3}
eval: {task: lorafair_honest_sample}
probes:
  - {name: kl, task: lorafair_honest_sample}
  - {name: membership_loss, data: honest_sample_pairs}
  - {name: kl, task: lorafair_honest_sample, settings: {texts: greedy}}
launcher: {share: 2, train: {cpus: 2, memory: 8GB}, eval: {gpus: 0.5}}
"""
STEPS = ("train", "eval", "probe")


def plan(*assignments, text=TEXT, steps=STEPS, facts=None):
    source = parse_source(text, "r")
    set_values(source, assignments)
    recipe = read_schema(source)
    sweeps = plan_sweeps(recipe, Path("out"))
    return plan_tasks(recipe, sweeps, facts or Facts(), Path("out"), steps)


def test_every_run_is_trained_once_asked_once_and_probed_once_by_each_probe():
    tasks = plan()
    assert len({task.name for task in tasks}) == len({task.slug for task in tasks}) == len(tasks)
    runs = {f"lora-r{rank}-seed{seed}" for rank in (2, 4) for seed in (1, 2)} | {"full-seed1", "full-seed2"}
    for base in ("one", "two"):
        mine = [task for task in tasks if task.base == base]
        trained = [task for task in mine if task.kind == "train"]
        # Seeds of a cell share the trials that choose their rate, and so one process; other runs have their own.
        assert sorted(len(task.runs) for task in trained) == [1, 1, 2, 2]
        assert sorted(label for task in trained for label in task.labels) == sorted(runs)
        for asked in ([t for t in mine if t.kind == "eval"], [t for t in mine if " 0 kl " in t.name]):
            known = [label for task in trained for label in task.labels]
            assert [label for task in asked for label in task.labels if label != "base"] == known
            assert [task.labels[0] == "base" for task in asked] == [True, False, False]
        (whole,) = [task for task in mine if "membership_loss" in task.name]
        assert set(whole.labels) == runs | {"base"}
        for task in mine:
            before = {each.name for each in trained} if task.kind != "train" else set()
            later = {name.replace("probe 2", "probe 0") for name in [task.name] if " 2 kl " in name}
            assert task.after == before | later  # two probes of one name write one file
        stores = {p.out for task in mine if task.kind == "eval" for p in task.plans}
        assert len(stores) == 3  # no two shards ever write to one store
        assert {p.shard.answered for t in mine if t.kind == "eval" for p in t.plans} == {
            Path(f"out/results/{base}/responses")
        }


def test_what_compares_all_checkpoints_is_one_task_per_base():
    tasks = plan("eval.until_decided=honest_continuation", steps=("eval",))
    assert [(task.base, len(task.labels), task.after) for task in tasks] == [("one", 7, set()), ("two", 7, set())]


@pytest.mark.parametrize("size", [None, 1, 2, 3, 7])
def test_shares_hold_every_checkpoint_once_and_the_base_first(size):
    for count in range(15):
        shares = share_out([f"c{n}=runs/x{n}" for n in range(count)], size)
        assert [label for share in shares for label in share] == ["base", *(f"c{n}" for n in range(count))]
        sizes = [len(share) - (share[0] == "base") for share in shares]
        assert max(sizes) <= (size or count)
        assert min(sizes) > 0 or sizes == [0]


def test_needs_are_the_plans_own_estimates_under_what_the_recipe_gives(tiny_base, tmp_path):
    text = TEXT.replace("{one: m/one, two: m/two}", f"{{one: {tiny_base}}}").replace("launcher:", "launcher_:")
    text = text[: text.index("launcher_:")]
    source = parse_source(text, "r")
    recipe = read_schema(source)
    sweeps = plan_sweeps(recipe, tmp_path)
    facts = collect_facts(recipe, sweeps)
    tasks = plan_tasks(recipe, sweeps, facts, tmp_path, STEPS)
    (full,) = [task for task in tasks if task.runs == ("full-seed1",)]
    sweep = next(sweep for sweep in sweeps if "full" in sweep.plan.methods)
    length = facts.data["one"]["honest_sample_pairs"].longest
    shape = read_shape(facts.bases["one"])
    assert full.need == Need(1.0, None, int(estimate_memory(shape, sweep.runs[0], length, last=True)))
    cell = next(task for task in tasks if len(task.runs) == 2)
    trials = next(sweep for sweep in sweeps if cell.runs[0] in [run.name for run in sweep.runs])
    assert cell.need.memory == int(estimate_memory(shape, trials.runs[0], length, last=False))  # the base stays clean
    given_, asked = plan(facts=facts)[0].need, next(task for task in plan(facts=facts) if task.kind == "eval").need
    assert (given_.cpus, given_.memory, asked.gpus) == (2, 8e9, 0.5)
    assert asked.memory > 8 * shape.parameters


def test_what_no_node_has_is_said_before_anything_begins_and_gpus_are_taken_where_they_are():
    small, large = Node("a", "small", 2, 0, 4e9), Node("b", "large", 16, 2, 64e9)
    assert Need().settle([small]).gpus == 0
    assert Need().settle([small, large]).gpus == 1
    assert Need(gpus=0.0).settle([large]).gpus == 0
    needs = [("train", Need(2, 0, int(8e9))), ("train", Need(2, 0, int(8e9))), ("eval", Need(1, 0, int(1e9)))]
    assert find_unmet(needs, [small, large]) == []
    (said,) = find_unmet(needs, [small])
    assert "train needs 2 CPUs, 0 GPUs, 8.0 GB" in said
    assert "small (2 CPUs, 0 GPUs, 4.0 GB)" in said
    assert "launcher.train.memory" in said
    assert choose_node([small, large], needs[2][1], ["b"]) is small
    assert choose_node([small, large], needs[0][1], ["b"]) is None  # only the one it failed on could hold it
    assert choose_node([small], needs[2][1], ["gone"]) is None  # the cluster itself leaves out what is gone


@pytest.mark.parametrize(
    ("launcher", "parts"),
    [
        ("{train: {cpus: 1.5, memory: 8 GBB, gpu: 1}, share: 0}", [
            "launcher.train.cpus: give a share below 1, or a whole number",
            "launcher.train.memory: give an amount of memory as 8GB",
            "unknown key 'gpu' in `launcher.train:`. Did you mean 'gpus'",
            "launcher.share: ",
        ]),
        ("{eval: {cpus: 0, gpus: true}, retries: -1}", ["launcher.eval.cpus: ", "launcher.eval.gpus: a number", "launcher.retries: "]),
    ],
)  # fmt: skip
def test_faults_of_the_section_come_at_once(launcher, parts):
    with pytest.raises(LorafairError) as caught:
        plan(text=TEXT[: TEXT.index("launcher:")] + f"launcher: {launcher}")
    for part in parts:
        assert part in str(caught.value)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["local", "auto"], "--ray-address is about --launcher ray"),
        (["ray", "ray://head:10001"], "Ray Client (ray://) is not supported"),
        (["ray", "head"], "give auto (the cluster that runs on this machine) or host:port"),
        (["ray", "head:70000"], "host:port"),
        (["ray", None], "pip install 'lorafair[ray]'"),
    ],
)
def test_what_cannot_be_launched_is_said_before_anything_is_read(arguments, message, monkeypatch):
    monkeypatch.setattr("lorafair.launch.run.is_ray_here", lambda: False)
    launcher, address = arguments
    more = ["--ray-address", address] if address else []
    result = CliRunner().invoke(cli, ["audit", "no-such-recipe", "--launcher", launcher, *more])
    assert result.exit_code == 2
    assert message in result.output
    assert "no-such-recipe" not in result.output
    assert Launch.choose("ray", "[::1]:6379", needed=False) == Launch("[::1]:6379")
    assert read_address("[::1]:6379") == ("::1", 6379)


def test_the_plan_says_what_tasks_need_without_a_cluster(tiny_recipe, monkeypatch, tmp_path):
    monkeypatch.setattr("lorafair.launch.run.is_ray_here", lambda: False)
    asked = ["audit", str(tiny_recipe), "--out", str(tmp_path / "out"), "--dry-run", "--launcher", "ray"]
    result = CliRunner().invoke(cli, [*asked, "--set", "launcher.share=1", "--set", "launcher.probe.gpus=1"])
    assert result.exit_code == 0, result.output
    assert "Launcher ray: 9 tasks" in result.output  # 3 trainings, 3 shards and 3 of the probe
    assert "1 CPU, 1 GPU, " in result.output
    assert "pip install 'lorafair[ray]'" in result.output
    assert not (tmp_path / "out").exists()
