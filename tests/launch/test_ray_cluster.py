"""A whole audit on a two-node Ray cluster of this machine: a worker killed, a node killed, the driver interrupted and
killed; what comes out is what the local launcher makes.  (``make soak``; needs the extra ``ray``.)"""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

pytestmark = [pytest.mark.soak, pytest.mark.timeout(3600)]
COMMAND = Path(sys.executable).parent / "lorafair"
MORE = ["--set", "eval.limit=40", "--set", "eval.gen_kwargs={max_gen_toks: 24}", "--set", "train.epochs=2"]


@pytest.fixture(scope="module")
def environment():
    pytest.importorskip("ray", reason="the extra ray is not installed: pip install 'lorafair[ray]'")
    return os.environ | {"OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1", "RAY_USAGE_STATS_ENABLED": "0"}


@pytest.fixture
def cluster(environment, monkeypatch):
    """A head with one CPU and a second node with one, each with room for any of the tasks."""
    for name in ("OMP_NUM_THREADS", "HF_HUB_OFFLINE", "RAY_USAGE_STATS_ENABLED"):
        monkeypatch.setenv(name, environment[name])
    from ray.cluster_utils import Cluster

    size = {"num_cpus": 1, "memory": 4 * 10**9, "object_store_memory": 100 * 2**20, "include_dashboard": False}
    made = Cluster(initialize_head=True, head_node_args=size)
    del size["include_dashboard"]
    made.second = made.add_node(**size)
    made.wait_for_nodes()
    yield made
    made.shutdown()


def start(recipe, out, environment, *arguments):
    command = [str(COMMAND), "audit", str(recipe), "--out", str(out), *MORE, *arguments]
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def finish(process, code=0):
    said = process.communicate(timeout=1800)[0]
    assert process.returncode == code, said
    return said


def wait_for(process, find):
    """What ``find`` finds first, while the process runs."""
    while process.poll() is None:
        if found := find():
            return found
        time.sleep(0.05)
    pytest.fail(f"it ended before anything could be killed: {process.communicate()[0]}")


def read_lines(path):
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()] if path.exists() else []


def find_worker(out, kind, node=None):
    """(process id, slug) of a task of a kind that runs, on ``node`` where one is given."""
    for path in out.glob(f".launch/notes/{kind}-*.jsonl"):
        for line in read_lines(path):
            if line[0] == "start" and node in (None, line[1]):
                return line[3], path.stem
    return None


def read_rows(out):
    return read_lines(out / "rows.jsonl")


def read_samples(out):
    paths = sorted((out / "results/tiny").glob("*/samples_*.jsonl"))
    return {path.parent.name: [json.loads(line) for line in path.open(encoding="utf-8")] for path in paths}


def read_keys(out):
    return [json.loads(line)["key"] for path in out.glob("results/*/responses/*.jsonl") for line in path.open()]


@pytest.fixture(scope="module")
def local(tiny_recipe, environment, tmp_path_factory):
    """The same audit by the local launcher."""
    out = tmp_path_factory.mktemp("local") / "out"
    finish(start(tiny_recipe, out, environment))
    return out


def hold_equal(out, local):
    for path in sorted(local.glob("runs/*/*/*.safetensors")):
        assert (out / path.relative_to(local)).read_bytes() == path.read_bytes(), path
    assert read_samples(out) == read_samples(local)
    assert read_rows(out) == read_rows(local)
    assert len(read_rows(local)) > 20
    assert sorted(read_keys(out)) == sorted(read_keys(local))


def test_a_worker_and_a_node_are_killed_and_the_rows_are_the_local_launchers(
    cluster, local, tiny_recipe, environment, tmp_path
):
    out = tmp_path / "out"
    options = ["--launcher", "ray", "--ray-address", cluster.address, "--set", "launcher.share=1"]
    process = start(tiny_recipe, out, environment, *options)

    def find_training():
        found = find_worker(out, "train")
        begun = [path.name.removeprefix(".partial-") for path in out.glob("runs/tiny/.partial-*")]
        return found and any(found[1].startswith(f"train-tiny-{run}-") for run in begun) and found

    worker, _ = wait_for(process, find_training)
    os.kill(worker, signal.SIGKILL)

    def find_answering():
        found = find_worker(out, "eval", cluster.second.node_id)
        return found and any((out / ".launch/shards/tiny" / found[1]).glob("responses/*.jsonl")) and found

    _, shard = wait_for(process, find_answering)
    cluster.remove_node(cluster.second, allow_graceful=False)
    said = finish(process)
    assert "it is begun again and goes on where it was" in said
    hold_equal(out, local)
    attempts = read_lines(out / "launch.jsonl")
    ended = {(one["kind"], one["ended"].split(":")[0]) for one in attempts}
    assert ("train", "done") in ended
    assert ("eval", "done") in ended
    assert len([one for one in attempts if one["kind"] == "train" and one["ended"] != "done"]) >= 1
    lost = [one["task"] for one in attempts if one["kind"] == "eval" and one["ended"] != "done"]
    assert len(lost) >= 1
    for name in lost:
        first, *_, last = [one for one in attempts if one["task"] == name]
        assert first["node"] == cluster.second.node_id
        assert last["ended"] == "done"
        assert last["node"] != first["node"]
    assert not (out / ".launch").exists()


def test_an_interrupted_and_a_killed_driver_are_gone_on_with_on_a_cluster_of_this_machine(
    local, tiny_recipe, environment, tmp_path
):
    out = tmp_path / "out"
    process = start(tiny_recipe, out, environment, "--launcher", "ray")
    wait_for(process, lambda: any(out.glob("runs/tiny/lora-r2/provenance.json")))
    process.send_signal(signal.SIGINT)
    said = finish(process, 130)
    assert "the same command goes on from there" in said
    process = start(tiny_recipe, out, environment, "--launcher", "ray")
    wait_for(process, lambda: any(out.glob(".launch/shards/tiny/*/responses/*.jsonl")))
    process.kill()
    process.communicate()
    said = finish(start(tiny_recipe, out, environment, "--launcher", "ray"))
    assert said.count("already trained") == 3
    hold_equal(out, local)
    told = finish(start(tiny_recipe, out, environment))  # the local launcher finds nothing left to do
    assert "0 requests asked" in told
    assert "0 checkpoints probed" in told


def test_what_the_cluster_cannot_hold_is_refused_and_nothing_is_lost(cluster, tiny_recipe, environment, tmp_path):
    options = ["--launcher", "ray", "--ray-address", cluster.address]
    said = finish(start(tiny_recipe, tmp_path / "out", environment, *options, "--set", "launcher.train.cpus=64"), 2)
    assert "a task of train needs 64 CPUs" in said
    assert "Traceback" not in said
    said = finish(
        start(tiny_recipe, tmp_path / "out", environment, "--launcher", "ray", "--ray-address", "127.0.0.1:1"), 2
    )
    assert "nobody listens there" in said
