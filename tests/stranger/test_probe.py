"""Probes: the built-in one against plain transformers, a stranger's through the same door, resumed, faults by name."""

from __future__ import annotations

import json
import math

import pytest
from click.testing import CliRunner
from lorafair.cli.main import cli

from lorafair.errors import LorafairError
from lorafair.probing import ProbePlan, run_probe

POINTS = "[lorafair.probes]\nentropy = acme_probe:entropy\n"
PROBE = """
import torch

def entropy(engine, checkpoint, documents, scale=1.0):
    for document in documents:
        document["text"] += "!"
        ids = torch.tensor([engine.tok_encode(document["text"][:-1])])
        with engine.lend(checkpoint) as model, torch.no_grad():
            logs = model(ids).logits[0, -1].log_softmax(-1)
        yield {"id": document["id"], "entropy": -scale * (logs.exp() * logs).sum(), "luck": torch.rand(1)[0]}
"""
TEXTS = ["The woman works as a doctor.", "My neighbour", "a"]


@pytest.fixture
def data(tmp_path):
    """Three texts, two of them with groups."""
    rows = [{"text": text, "groups": {"gender": ["female"]} if i < 1 else {}} for i, text in enumerate(TEXTS)]
    path = tmp_path / "texts.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return str(path)


def run(name, base, checkpoints, out, **changes):
    said: list[str] = []
    plan = ProbePlan(str(base), tuple(map(str, checkpoints)), (), out, "hf", probe=name, dtype="float32", **changes)
    return run_probe(plan, said.append), said


def read(path):
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def next_logs(base, adapter, texts):
    """Per text the log-probabilities of every next token, from transformers and PEFT alone: (ids, (n, vocabulary))."""
    import torch
    from peft import PeftModel
    from transformers import AutoModelForCausalLM, AutoTokenizer

    model = AutoModelForCausalLM.from_pretrained(base)
    model = PeftModel.from_pretrained(model, adapter) if adapter else model
    tokenizer = AutoTokenizer.from_pretrained(base)
    for text in texts:
        ids = tokenizer(text)["input_ids"]
        with torch.no_grad():
            yield ids, model(torch.tensor([[tokenizer.bos_token_id, *ids]])).logits[0].log_softmax(-1), model


def test_likelihood_is_the_sum_of_the_tokens_log_probabilities(tiny_base, tiny_adapters, tiny_full, data, tmp_path):
    out = tmp_path / "out"
    outcome, _ = run("likelihood", tiny_base, [tiny_adapters[0], tiny_full], out, data=data)
    assert list(outcome.files) == ["base", "tiny-r2", "tiny-full"]
    for label, model, adapter in (
        ("base", tiny_base, None),
        ("tiny-r2", tiny_base, tiny_adapters[0]),
        ("tiny-full", tiny_full, None),
    ):
        records = read(outcome.files[label])
        for record, (ids, logs, _) in zip(records, next_logs(model, adapter, TEXTS), strict=True):
            nats = sum(float(logs[place, token]) for place, token in enumerate(ids))
            assert record["values"]["nats"] == pytest.approx(nats, abs=1e-4)
            assert record["values"]["tokens"] == len(ids)
            assert record["values"]["nats_per_token"] == pytest.approx(nats / len(ids), abs=1e-4)
    assert [record["groups"] for record in records] == [{"gender": ["female"]}, {}, {}]
    assert (records[0]["probe"], records[0]["model"], records[0]["id"]) == ("likelihood", "tiny-full", "1")


def test_a_stranger_s_probe_sees_the_model_and_only_what_changed_is_asked_again(
    stranger, tiny_base, tiny_adapters, data, tmp_path
):
    stranger.install(POINTS, {"acme_probe.py": PROBE})
    out = tmp_path / "out"
    first, _ = run("entropy", tiny_base, tiny_adapters[:1], out, data=data)
    assert (first.asked, first.failed) == (2, {})
    for label, adapter in (("base", None), ("tiny-r2", tiny_adapters[0])):
        found = [record["values"]["entropy"] for record in read(first.files[label])]
        for value, (ids, _, model) in zip(found, next_logs(tiny_base, adapter, TEXTS), strict=True):
            import torch

            with torch.no_grad():
                logs = model(torch.tensor([ids])).logits[0, -1].log_softmax(-1)
            assert value == pytest.approx(-float((logs.exp() * logs).sum()), abs=1e-5)
            assert 0 < value < math.log(600)
    before = {label: path.read_bytes() for label, path in first.files.items()}
    told = json.loads((out / "base" / "probe_entropy.provenance.json").read_text(encoding="utf-8"))
    assert told["settings"]["inputs"]["probe"]["origin"] == "acme-fair"
    assert told["settings"]["inputs"]["probe"]["version"] == "2.0"

    more, _ = run("entropy", tiny_base, tiny_adapters, out, data=data)
    assert more.asked == 1
    assert {label: more.files[label].read_bytes() for label in before} == before
    more.files["tiny-r2"].write_text("{", encoding="utf-8")  # a torn file is made again, and is the same again
    again, _ = run("entropy", tiny_base, tiny_adapters, out, data=data)
    assert again.asked == 1
    assert {label: again.files[label].read_bytes() for label in before} == before
    scaled, _ = run("entropy", tiny_base, tiny_adapters, out, data=data, settings={"scale": 2.0})
    assert scaled.asked == 3
    (stranger.folder / "acme_probe.py").write_text(PROBE.replace("logs = ", "logs = 1 * "), encoding="utf-8")
    stranger.forget()
    rewritten, _ = run("entropy", tiny_base, tiny_adapters, out, data=data)
    assert rewritten.asked == 3


def test_the_documents_of_a_task_come_with_their_groups(stranger, tiny_base, tmp_path):
    stranger.install(POINTS, {"acme_probe.py": PROBE})
    command = ["probe", "entropy", "--base", str(tiny_base), "--task", "lorafair_honest_sample", "--limit", "5"]
    done = CliRunner().invoke(cli, [*command, "--out", str(tmp_path / "out")])
    assert done.exit_code == 0, done.output
    assert "1 checkpoints probed, 0 were probed already" in done.output
    records = read(tmp_path / "out" / "base" / "probe_entropy.jsonl")
    assert len(records) == 5
    assert all(record["groups"]["identity"] for record in records)
    again = CliRunner().invoke(cli, [*command, "--out", str(tmp_path / "out")])
    assert "0 checkpoints probed, 1 were probed already" in again.output


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            ("ids = ", "ids = 0 / (checkpoint.label != 'tiny-r2') or "),
            r"failed on tiny-r2: ZeroDivisionError.*acme_probe",
        ),
        (('yield {"id"', 'yield {"id": "9", "not"'), r"record 1 is about a document '9'"),
        (("yield {", "yield lambda: {"), "record 1 is no mapping with names, but function"),
        (('"luck": torch', '"luck": object(), "more": torch'), "a value is object, which JSON does not know"),
    ],
)
def test_what_a_probe_does_wrong_is_told_by_name_and_the_others_go_on(
    stranger, tiny_base, tiny_adapters, data, tmp_path, change, message
):
    stranger.install(POINTS, {"acme_probe.py": PROBE.replace(*change)})
    outcome, _ = run("entropy", tiny_base, tiny_adapters[:1], tmp_path / "out", data=data)
    with pytest.raises(LorafairError, match=message):
        raise LorafairError(outcome.failed["tiny-r2"])
    assert "'entropy' (acme_probe:entropy, from acme-fair 2.0)" in outcome.failed["tiny-r2"]
    if "ZeroDivision" in message:
        assert list(outcome.files) == ["base"]


BAD = """
import os, torch

def entropy(engine, checkpoint, documents):
    print("42", flush=True)
    os.environ["ACME_MARK"] = "1"
    torch.set_default_dtype(torch.float64)
    if checkpoint.label == "base":
        with engine.lend(checkpoint) as model, torch.no_grad():
            next(model.parameters()).data.mul_(0.5)
    if checkpoint.label == "tiny-r2":
        raise SystemExit(0)
    with engine.lend(checkpoint) as model, torch.no_grad():
        total = float(sum(value.double().abs().sum() for name, value in model.named_parameters() if "lora" not in name))
    return [{"id": document["id"], "total": total} for document in documents]
"""


def test_what_a_probe_changes_reaches_nobody_else(stranger, tiny_base, tiny_adapters, data, tmp_path, capsys):
    import os

    import torch

    stranger.install(POINTS, {"acme_probe.py": BAD})
    outcome, said = run("entropy", tiny_base, tiny_adapters, tmp_path / "out", data=data)
    assert set(outcome.failed) == {"base", "tiny-r2"}
    assert "changed the weights of the model that it was lent for base" in outcome.failed["base"]
    assert "SystemExit" in outcome.failed["tiny-r2"]
    from transformers import AutoModelForCausalLM

    with torch.no_grad():  # the engine was started again: nobody answers with the halved weights
        fresh = AutoModelForCausalLM.from_pretrained(tiny_base).parameters()
        expected = float(sum(value.double().abs().sum() for value in fresh))
    assert read(outcome.files["tiny-r4"])[0]["values"]["total"] == pytest.approx(expected, rel=1e-9)
    assert torch.get_default_dtype() == torch.float32
    assert "ACME_MARK" not in os.environ
    assert "42" not in capsys.readouterr().out
    assert any("changed environment variables (ACME_MARK), torch's default type" in line for line in said)


def test_every_fault_before_the_start_comes_at_once(tmp_path, stranger):
    stranger.install(POINTS, {"acme_probe.py": PROBE})
    with pytest.raises(LorafairError) as caught:
        run(
            "entropy", tmp_path / "nothing", [], tmp_path / "out", data="honest_smaple", settings={"scael": 1}, limit=-1
        )
    for part in ("unexpected keyword argument 'scael'", "no such folder", "--limit -1"):
        assert part in str(caught.value)
    with pytest.raises(LorafairError, match="Did you mean 'honest_sample"):
        run("entropy", tmp_path / "nothing", [], tmp_path / "out", data="honest_smaple")
    with pytest.raises(LorafairError, match="no probe named 'entrpy'. Did you mean 'entropy'"):
        run("entrpy", tmp_path / "nothing", [], tmp_path / "out", data="honest_sample_pairs")
    assert not (tmp_path / "out").exists()
