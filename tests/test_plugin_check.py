"""`lorafair plugins check` and `show`: planted offenders of every kind are told by file and line, honest ones pass."""

import inspect
import os
import re
import socket
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from lorafair.cli.main import cli

from lorafair.plugin_check import check_plugins
from lorafair.plugin_contract import CONTRACTS, find_mismatches
from lorafair.plugin_trial import make_table
from lorafair.registry import KINDS, load_registry, load_target

MODULE = "offender_module"
GOOD = {
    "scorer": "def good(texts):\n    return [len(text) / 100 for text in texts]\ngood.higher_is_better = True\n",
    "metric": (
        "import numpy as np\n"
        "def good(table, weights, **settings):\n"
        "    with np.errstate(invalid='ignore', divide='ignore'):\n"
        "        means = {f'group:group={n}': (weights @ (table.y * table.groups['group'][:, k]))"
        " / (weights @ table.groups['group'][:, k]) for k, n in enumerate(table.names['group'])}\n"
        "    gap = means['group:group=a'] - means['group:group=b']\n"
        "    return {'overall': weights @ table.y / weights.sum(axis=1), 'gap': gap} | means\n"
        "good.row_additive = True\n"
    ),
    "method": "def good(rank, alpha, target_modules, **_):\n    return None\n",
    "dataset": "def good():\n    return [{'prompt': 'a', 'completion': 'b'}]\n",
    "trainer": "def good(base, data, method, out, *, lr, **settings):\n    return out\n",
    "objective": "def good(groups, counts):\n    return lambda losses, groups, labels: losses.mean()\n",
    "probe": "def good(engine, checkpoint, documents):\n    return []\n",
}
OFFENDERS = [
    ("scorer", "return [0.0]", "gave 1 scores for 3 texts"),
    ("scorer", "return 0.5", "gave float 0.5, not a sequence"),
    ("scorer", "return ['high' for _ in texts]", "gave str 'high' where a number was expected"),
    ("scorer", "return [float('inf') for _ in texts]", "gave float inf where a number was expected"),
    ("scorer", "return range(len(texts))", "scores a text by its place or its neighbours"),
    ("scorer", "print('hello'); return [0.0] * len(texts)", "printed 'hello\\\\n' to standard output"),
    ("scorer", "raise KeyError('no\\nsuch key')", r"raised KeyError: .* \(at offender_module.py:2\)"),
    ("scorer", "import sys; sys.exit(3)", "raised SystemExit: 3"),
    ("scorer", "import time; time.sleep(30)", "took longer than 0.5 s"),
    ("metric", "return weights @ table.y", "gave ndarray .*, not a dictionary of arrays"),
    ("metric", "return {'group:group=a': weights.sum(axis=1)}", "gives neither `overall` nor `gap`"),
    ("metric", "return {'overall': weights @ table.y, 'men': weights @ table.y}", "gives a key 'men'"),
    ("metric", "return {'overall': table.y.mean()}", r"gives an array of shape \(\) for overall, not \(3,\)"),
    ("metric", "return {'overall': weights @ table.y / 0.0}", "gives an infinite overall"),
    ("metric", "return {'overall': weights @ table.y}", "gave nothing for group:group=a, group:group=b"),
    (
        "metric",
        "v = weights @ (table.y * table.groups['group'][:, 0])\n"
        "    return {key: v for key in ('overall', 'gap', 'group:group=a', 'group:group=b')}",
        "gives 0 for a group without weight",
    ),
    (
        "metric",
        "v = weights.max(axis=1)\n    n = v * float('nan')\n"
        "    return {'overall': v, 'gap': n, 'group:group=a': n, 'group:group=b': n}\nbad.row_additive = True",
        "says row_additive, but overall changes",
    ),
    ("metric", "return {'overall': weights @ table.y}\nbad.row_additive = 1", "`row_additive` is a bool, not 1"),
    ("method", "return {'r': 8}", "gave dict {'r': 8}, neither a peft.PeftConfig nor None"),
    ("objective", "return counts", "gave ndarray .*, not a function of .losses, groups, labels."),
    ("objective", "return lambda losses: losses.mean()", "gave a function that does not take"),
    ("objective", "return lambda losses, *_: losses", "not a scalar tensor"),
    ("objective", "return lambda losses, *_: losses.mean().detach()", "gave a loss without a gradient"),
    (
        "objective",
        "return lambda losses, inside, _: losses[inside[:, 0]].mean()",
        "gave a loss of nan for a batch of 4",
    ),
    ("dataset", "return [{'prompt': 'a'}]", "line 1: no column completion"),
    ("dataset", "return 3", "raised TypeError"),
]
PARAMETERS = {
    "scorer": "texts",
    "metric": "table, weights",
    "method": "rank, alpha, **_",
    "dataset": "",
    "objective": "groups, counts",
}
SIGNATURES = [
    ("scorer", "()", "has no place for texts: it is called as scorer"),
    ("scorer", "(texts, model)", "needs model, which nobody hands it"),
    ("metric", "(table)", "has no place for weights"),
    ("method", "(rank, **settings)", None),
    ("method", "(rank, seed, target_modules)", None),
    ("method", "()", None),
    ("method", "(alpha)", None),
    ("method", "(strength, **settings)", "needs strength, which nobody hands it"),
    ("trainer", "(base, data, method, out)", None),
    ("trainer", "(base, data, method, out, *, lr, label, schedule)", None),
    ("trainer", "(base, data, method, out, *, dtype)", "needs dtype, which nobody hands it"),
    ("trainer", "(base, data, **settings)", "has no place for method, out"),
    ("probe", "(engine, *args)", None),
    ("engine", "(base, checkpoints, settings)", "not a class"),
]


@pytest.fixture
def project(tmp_path, monkeypatch) -> Path:
    """A working folder whose registry can be written by :func:`plant`."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.delenv("LORAFAIR_REGISTRY", raising=False)
    yield tmp_path
    sys.modules.pop(MODULE, None)


def plant(project: Path, code: str, **kinds: str) -> None:
    """The module with ``code``, and a registry that names one attribute of it per kind."""
    (project / f"{MODULE}.py").write_text(code, encoding="utf-8")
    lines = [f"{kind}s:\n  {name}: {{target: '{MODULE}:{name}', description: x}}\n" for kind, name in kinds.items()]
    (project / "registry.yaml").write_text("schema: 1\n" + "".join(lines), encoding="utf-8")
    sys.modules.pop(MODULE, None)


def check(*args: str, code: int):
    done = CliRunner().invoke(cli, ["plugins", "check", *args])
    assert done.exit_code == code, done.output
    return done.output


def test_built_ins_pass_and_what_lacks_data_is_not_checked(monkeypatch, tmp_path):
    monkeypatch.setenv("LORAFAIR_DATA", str(tmp_path))
    monkeypatch.delenv("LORAFAIR_DETOXIFY_CHECKPOINT", raising=False)
    before = socket.socket.connect, socket.getaddrinfo, os.environ.get("HF_DATASETS_OFFLINE")
    registry = load_registry()
    entries = [entry for kind in KINDS for entry in registry.entries(kind) if entry.origin == "lorafair"]
    found = {(one.entry.kind, one.entry.name): one for one in check_plugins(entries)}
    assert {key: one.faults for key, one in found.items() if one.faults} == {}
    skipped = {key for key, one in found.items() if one.state == "not checked"}
    real = {entry.name for entry in registry.entries("dataset") if not entry.fields.get("sample")}
    lacking = {("dataset", entry.name) for entry in registry.entries("dataset") if entry.target and entry.name in real}
    lacking |= {("task", each.name) for each in registry.entries("task") if real & set(each.fields.get("datasets", ()))}
    assert lacking | {("scorer", "hurtlex"), ("scorer", "detoxify")} == skipped
    assert ("task", "lorafair_honest") in skipped
    assert "hurtlex_EN.tsv" in found["scorer", "hurtlex"].skipped
    assert found["method", "lora"].place.startswith("trainers/method.py:")
    assert found["task", "lorafair_honest_sample"].place.endswith("lorafair_honest_sample.yaml:2")
    assert (socket.socket.connect, socket.getaddrinfo, os.environ.get("HF_DATASETS_OFFLINE")) == before


@pytest.mark.parametrize("kind", GOOD)
def test_honest_plugin_passes(project, kind):
    plant(project, GOOD[kind], **{kind: "good"})
    untried = kind in ("trainer", "probe")
    expected = "0 ok, 0 not checked, 0 with faults; 1 untried." if untried else "1 ok, 0 not checked, 0 with faults."
    assert expected in check("good", code=0)


@pytest.mark.parametrize(("kind", "body", "expected"), OFFENDERS)
def test_offender_is_told_with_file_and_line(project, kind, body, expected):
    plant(project, f"def bad({PARAMETERS[kind]}):\n    {body}\n", **{kind: "bad"})
    limit = ("--time-limit", "0.5") if "sleep" in body else ()
    assert re.search(rf"{MODULE}.py:1: .*{expected}", check("bad", *limit, code=1))


@pytest.mark.parametrize(("kind", "signature", "expected"), SIGNATURES)
def test_signatures_are_held_to_how_the_code_calls_them(kind, signature, expected):
    scope: dict = {}
    exec(f"def plugin{signature}: return None", scope)
    faults = find_mismatches(CONTRACTS[kind], scope["plugin"])
    assert (faults == []) if expected is None else any(expected in fault for fault in faults), faults


def test_contracts_hold_for_every_built_in_and_cover_every_kind():
    assert set(CONTRACTS) == set(KINDS)
    trainer = inspect.signature(load_target(load_registry().get("trainer", "sft")))
    contract = CONTRACTS["trainer"]
    trainer.bind(*contract.positional, **dict.fromkeys(contract.given_if_wanted))
    assert CONTRACTS["method"].call == "method(*, [rank], [alpha], [target_modules], [seed], [steps], [modules])"


def test_all_faults_come_at_once_and_one_offender_does_not_hide_another(project):
    code = "def bad(texts):\n    raise ValueError\ndef worse(table, weights):\n    return 1\n" + GOOD["method"]
    plant(project, code, scorer="bad", metric="worse", method="good", trainer="missing")
    output = check("--origin", "local registry", code=1)
    assert "1 ok, 0 not checked, 3 with faults" in output
    assert f"{MODULE}.py:1: raised ValueError" in output
    assert f"{MODULE}.py:3: gave int 1, not a dictionary" in output
    assert re.search(r"registry.yaml:\d+: The trainer 'missing' .*AttributeError", output)


def test_network_is_not_opened_and_a_plugin_that_wants_it_is_not_called_faulty(project):
    code = (
        "def bad(texts):\n    import urllib.request\n    urllib.request.urlopen('http://198.51.100.1/')\n"
        "def named(texts):\n    import socket\n    socket.create_connection(('example.org', 80))\n"
    )
    plant(project, code, scorer="bad")
    (project / "registry.yaml").write_text(
        f"schema: 1\nscorers:\n  bad: {{target: '{MODULE}:bad', description: x}}\n"
        f"  named: {{target: '{MODULE}:named', description: x}}\n",
        encoding="utf-8",
    )
    start = time.monotonic()
    output = check("--origin", "local registry", code=0)
    assert time.monotonic() - start < 10
    assert "0 ok, 2 not checked" in output
    assert "it wants the network (198.51.100.1)" in output
    assert "it wants the network (example.org)" in output


def test_strict_ends_with_1_where_something_was_not_checked(project):
    code = (
        "import socket\n"
        "def bad(texts):\n    socket.socket().connect_ex(('198.51.100.1', 80))\n    return [0.0] * len(texts)\n"
        "def sender(texts):\n    s = socket.socket(type=socket.SOCK_DGRAM)\n"
        "    s.sendto(b'x', ('198.51.100.1', 9))\n    return [0.0] * len(texts)\n"
    )
    plant(project, code, scorer="bad")
    assert "0 ok, 1 not checked" in check("bad", code=0)
    check("bad", "--strict", code=1)
    plant(project, code, scorer="sender")
    assert "it wants the network (198.51.100.1)" in check("sender", "--strict", code=1)


ENDINGS = {
    "leaver": ("import os; os._exit(0)", "ended the process that tried it .exit code 0."),
    "crasher": ("import os, signal; os.kill(os.getpid(), signal.SIGSEGV)", "ended the process that tried it .SIGSEGV."),
    "stayer": (
        "import time\n    while True:\n        try:\n            time.sleep(9)\n"
        "        except TimeoutError:\n            pass",
        "took longer than 0.5 s and was killed",
    ),
    "writer": ("import os; os.write(1, b'hello'); return [0.0] * len(texts)", "printed '(hello)+' to standard output"),
}


def test_plugin_that_ends_or_holds_its_process_is_told_and_the_others_are_checked(project):
    code = GOOD["scorer"].replace("def good(texts):", "def good(texts):\n    assert os.getcwd() == HERE")
    code = f"import os\nHERE = {str(project)!r}\n{code}"
    code += "".join(f"def {name}(texts):\n    {body}\n" for name, (body, _) in ENDINGS.items())
    code += "def mover(texts):\n    os.chdir('/')\n    return [0.0] * len(texts)\n"
    plant(project, code, scorer="good")
    names = ["mover", *ENDINGS, "good"]
    lines = [f"  {name}: {{target: '{MODULE}:{name}', description: x}}\n" for name in names]
    (project / "registry.yaml").write_text("schema: 1\nscorers:\n" + "".join(lines), encoding="utf-8")
    output = check(*names, "--time-limit", "0.5", code=1)
    assert "2 ok, 0 not checked, 4 with faults." in output
    for _, expected in ENDINGS.values():
        assert re.search(rf"{MODULE}.py:\d+: {expected}", output), output
    assert "note: changed the working folder" in output
    assert MODULE not in sys.modules


def make_distribution(folder: Path, name: str, points: str, requires: str = "") -> None:
    info = folder / f"{name.replace('-', '_')}-2.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 2.0\n{requires}", encoding="utf-8")
    (info / "entry_points.txt").write_text(points, encoding="utf-8")


def test_import_error_names_kind_name_target_and_distribution_unless_an_extra_brings_it(project):
    (project / "acme_module.py").write_text("import acme_heavy_thing\ndef score(texts): ...\n", encoding="utf-8")
    env = os.environ | {"PYTHONPATH": str(project)}
    make_distribution(project, "acme-fair", "[lorafair.scorers]\nacme = acme_module:score\n")
    command = [sys.executable, "-m", "lorafair", "plugins", "check", "acme"]
    done = subprocess.run(command, capture_output=True, encoding="utf-8", env=env)
    assert done.returncode == 1, done.stdout + done.stderr
    for expected in ("The scorer 'acme' (acme_module:score, from the distribution acme-fair 2.0)", "acme_heavy_thing"):
        assert expected in done.stdout
    metadata = project / "acme_fair-2.0.dist-info" / "METADATA"
    metadata.write_text(
        metadata.read_text(encoding="utf-8") + "Requires-Dist: Acme.Heavy.Thing>=1; extra == 'gpu'\n", encoding="utf-8"
    )
    done = subprocess.run(command, capture_output=True, encoding="utf-8", env=env)
    assert done.returncode == 0
    assert "it needs an optional extra: pip install 'acme-fair[gpu]'" in done.stdout


def test_class_that_is_no_engine(project):
    names = CONTRACTS["engine"].methods
    code = "class bad:\n    def __init__(self, base, checkpoints, settings): ...\n"
    plant(project, code + "".join(f"    def {name}(self): ...\n" for name in names), engine="bad")
    assert f"{MODULE}.py:1: is not a sub-class of lorafair.engines.contract.Engine" in check("bad", code=1)
    plant(project, "class bad:\n    def __init__(self, base): ...\n", engine="bad")
    output = check("bad", code=1)
    assert all(f"has no method {name}" in output for name in names)
    assert "has no place for checkpoints, settings" in output


def test_yaml_that_lm_eval_skips_in_silence_is_a_fault(project):
    tasks = project / "tasks"
    tasks.mkdir()
    (project / "registry.yaml").write_text(
        "schema: 1\ntasks:\n  mine: {target: ./tasks, description: x}\n  lost: {target: ./tasks, description: x}\n",
        encoding="utf-8",
    )
    good = "task: mine\ncustom_dataset: !function hooks.load\noutput_type: generate_until\ntest_split: test\n"
    (tasks / "mine.yaml").write_text(good + 'doc_to_text: "{{text}}"\ndoc_to_target: ""\n', encoding="utf-8")
    (tasks / "hooks.py").write_text(
        "from datasets import Dataset\n"
        "def load(**_):\n    return {'test': Dataset.from_list([{'text': 'a', 'groups': 'women'}])}\n",
        encoding="utf-8",
    )
    (tasks / "broken.yaml").write_text("task: broken\ntag: [a\nx: 1\n", encoding="utf-8")
    (tasks / "hook.yaml").write_text("task: hook\n\nprocess_docs: !function hooks.nothing\n", encoding="utf-8")
    (tasks / "ours.yaml").write_text("task: lorafair_honest\noutput_type: generate_until\n", encoding="utf-8")
    output = check("mine", "lost", code=1)
    assert "tasks/mine.yaml:1: has a YAML that cannot be read, tasks/broken.yaml:3:" in output
    assert re.search(r"does not load, tasks/hook.yaml:3: AttributeError: .*'nothing'", output)
    assert "defines the task 'lorafair_honest' of lorafair a second time, tasks/ours.yaml:1" in output
    assert "The task 'lost' has no YAML" in output
    for name in ("broken", "hook", "ours"):
        (tasks / f"{name}.yaml").unlink()
    assert "has a document whose groups are 'women', not {attribute: [names]}" in check("mine", code=1)


def test_trial_table_is_what_metrics_get():
    """12 documents, both groups and every column filled, so that a metric cannot fail for want of one."""
    table = make_table()
    assert (len(table.y), table.clusters) == (12, 6)
    assert np.array_equal(table.groups["group"].sum(axis=0), [6, 6])
    assert all(len(column) == 12 for column in (table.score, table.prob, table.answer))
    merged = table.merge()
    assert len(merged.y) == 8  # or row_additive would be claimed for nothing
    assert merged.count.sum() == 12
    asked = make_table(["y", "twin", "group stereotype=pro", "group stereotype=anti"])
    assert asked.names["stereotype"] == ("pro", "anti")
    assert (asked.groups["stereotype"].sum(axis=1) == 1).all()
    pairs = [asked.groups["group"][asked.cluster == k] for k in range(6)]
    assert all((pair.sum(axis=0) == 1).all() for pair in pairs)  # twins: one of each group


def test_show_tells_all_of_a_plugin_and_strips_control_characters(project):
    code = 'def good(texts, *, device="cpu"):\n    """First.\n\n    Second \x1b[31m line.\n    """\n'
    plant(project, code + "good.higher_is_better = False\n", scorer="good")
    done = CliRunner().invoke(cli, ["plugins", "show", "good"])
    assert done.exit_code == 0
    for expected in (
        "local registry",
        f"{MODULE}:good",
        f"{MODULE}.py:1",
        "lower is better",
        "good(texts, *, device='cpu')",
        "    Second  [31m line.",
    ):
        assert expected in done.output, done.output


def test_show_of_a_broken_plugin_tells_what_is_known_and_ends_with_1(project):
    plant(project, "import acme_missing\n", scorer="good")
    done = CliRunner().invoke(cli, ["plugins", "show", "good"])
    assert done.exit_code == 1
    assert f"target:          {MODULE}:good" in done.output
    assert "ModuleNotFoundError" in done.output


def test_unknown_name_gets_a_suggestion():
    for command in ("show", "check"):
        done = CliRunner().invoke(cli, ["plugins", command, "hurtlx"])
        assert (done.exit_code, "Did you mean 'hurtlex'" in done.output) == (2, True)


def test_listing_two_hundred_plugins_imports_none_of_them(project):
    (project / "acme_loud.py").write_text("raise SystemExit('imported')\n", encoding="utf-8")
    for number in range(200):
        point = f"[lorafair.scorers]\nacme_{number} = acme_loud:score\n"
        make_distribution(project, f"acme-{number}", point)
    code = (
        "import sys\nfrom lorafair.cli.main import cli\n"
        "cli(['plugins', 'list', '--kind', 'scorer'], standalone_mode=False)\n"
        "print(sorted({m.partition('.')[0] for m in sys.modules} & {'acme_loud', 'torch', 'pydantic', 'numpy'}))"
    )
    env = os.environ | {"PYTHONPATH": str(project)}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, encoding="utf-8", env=env, check=True)
    assert done.stdout.count("acme_") == 200
    assert done.stdout.splitlines()[-1] == "[]"
