"""What can be read of a group from a model's states: everything where texts name it, nothing where a coin chose it."""

from __future__ import annotations

import json
import random

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from lorafair.cli.main import cli
from lorafair.plugins.probes.representation import representation
from safetensors.torch import load_file, save_file

from lorafair.checkpoint import read_base, read_checkpoints
from lorafair.engines.contract import EngineSettings
from lorafair.engines.hf import HfEngine
from lorafair.engines.hf_state import count_layers, read_states
from lorafair.errors import LorafairError

JOBS = [
    "nurse",
    "teacher",
    "pilot",
    "baker",
    "writer",
    "farmer",
    "judge",
    "doctor",
    "painter",
    "singer",
    "cook",
    "guard",
]


def documents():
    """Twelve templates with a man and a woman in each, and two coins: one a text, one a template."""
    draw, rows = random.Random(0), []
    for i, job in enumerate(JOBS):
        coin, person = draw.randint(0, 1), i % 2
        for k, name in enumerate(("woman", "man")):
            groups = {"gender": [name], "coin": [("heads", "tails")[k ^ coin]], "side": [("left", "right")[person]]}
            rows.append({"id": f"{i}-{k}", "text": f"The {name} works as a {job}", "groups": groups, "cluster": str(i)})
    return rows


@pytest.fixture(scope="module")
def engine(tiny_base, tiny_full, adapter_maker, tmp_path_factory):
    idle = adapter_maker(tiny_base, tmp_path_factory.mktemp("idle") / "idle")
    weights = load_file(idle / "adapter_model.safetensors")
    weights = {k: v * 0 if "lora_B" in k else v for k, v in weights.items()}
    save_file(weights, idle / "adapter_model.safetensors", metadata={"format": "pt"})
    base = read_base(str(tiny_base))
    found = read_checkpoints([f"idle={idle}", f"full={tiny_full}"], base)
    served = HfEngine(base, found, EngineSettings(dtype="float32", device="cpu"))
    yield served
    served.close()


def ask(engine, label, rows=None, **settings):
    given = {"permutations": 19, "folds": 4} | settings
    return list(representation(engine, engine.checkpoints[label], rows or documents(), **given))


def pick(records, measure):
    found = {each["layer"]: each for each in records if each.get("measure") == measure}
    if found:
        mean = found.pop(None)["estimate"]
        assert measure == "representation_readable" or mean == pytest.approx(
            np.mean([each["estimate"] for each in found.values()])
        )
    return found


def test_states_are_the_models_own_one_text_at_a_time(engine):
    rows = [engine.tok_encode(each["text"]) for each in documents()[:7]]
    with engine.lend(engine.base) as model, torch.no_grad():
        layers = list(range(count_layers(model) + 1))
        for place in ("mean", "last"):
            found = read_states(model, rows, place, layers, 4)
            assert found.shape == (3, 7, 32)
            for i, row in enumerate(rows):
                states = [each[0] for each in model(torch.tensor([row]), output_hidden_states=True).hidden_states]
                expected = torch.stack([each.mean(0) if place == "mean" else each[-1] for each in states])
                np.testing.assert_allclose(found[:, i], expected, atol=1e-5)


def test_what_texts_say_is_read_wholly_and_what_a_coin_says_not(engine):
    said = ask(engine, "base", attribute="gender")
    accuracy, readable = pick(said, "representation_accuracy"), pick(said, "representation_readable")
    assert list(accuracy) == [0, 1, 2]
    assert [accuracy[layer]["estimate"] for layer in (0, 1, 2)] == [1.0, 1.0, 1.0]
    assert all(each["estimate"] == pytest.approx(1) and each["p_max"] == 1 / 20 for each in readable.values())
    assert accuracy[0]["recall"] == {"man": 1.0, "woman": 1.0}
    for attribute in ("coin", "side"):
        said = ask(engine, "base", attribute=attribute)
        assert min(each["p_max"] for each in pick(said, "representation_readable").values()) > 0.05
        for each in pick(said, "representation_accuracy").values():
            assert each["low"] < each["chance"]
    (first, *rest) = [each for each in said if "id" in each]
    assert (first["id"], len(first["predicted"]), len(rest)) == ("0-0", 3, 23)


def test_an_adapter_that_does_nothing_changes_nothing(engine):
    said = pick(ask(engine, "idle", attribute="coin"), "representation_accuracy_minus_base")
    assert [(each["estimate"], each["low"], each["high"]) for each in said.values()] == [(0, 0, 0)] * 3
    said = pick(ask(engine, "full", attribute="coin"), "representation_accuracy_minus_base")
    assert all(each["low"] <= each["estimate"] <= each["high"] for each in said.values())
    assert any(each["estimate"] for each in said.values())
    assert "Bonferroni over 3 layers" in said[0]["method"]
    assert not pick(ask(engine, "base", attribute="coin"), "representation_accuracy_minus_base")


def test_several_attributes_come_from_one_pass_and_are_what_each_is_alone(engine, monkeypatch):
    import lorafair.probe_state as module

    passes = []
    monkeypatch.setattr(module, "read_states", lambda *given: passes.append(1) or read_states(*given))
    together = ask(engine, "idle", attribute=["gender", "coin"])
    assert len(passes) == 2  # the checkpoint's and the base's
    for name in ("gender", "coin"):
        assert [each for each in together if each["attribute"] == name] == ask(engine, "idle", attribute=name)
    with pytest.raises(LorafairError, match=r"(?s)no attribute 'age'.*no attribute 'sex'"):
        ask(engine, "base", attribute=["age", "gender", "sex"])


def test_layers_can_be_left_out_and_small_groups_are_counted(engine):
    rows = [*documents(), {"id": "x", "text": "They work", "groups": {"gender": ["none"]}, "cluster": "x"}]
    said = pick(ask(engine, "base", rows, attribute="gender", every=2, states="last"), "representation_accuracy")
    assert list(said) == [0, 2]
    assert {(each["n"], each["left_out"], each["clusters"]) for each in said.values()} == {(24, 1, 12)}


def test_what_cannot_be_read_is_told(engine):
    for settings, said in [
        ({}, "attribute=NAME"),
        ({"attribute": "age"}, "no attribute 'age'"),
        ({"attribute": "coin", "folds": 13}, "Fewer than two groups"),
        ({"attribute": "coin", "states": "first", "permutations": 3}, "(?s)not mean or last.*permutations is 3"),
    ]:
        with pytest.raises(LorafairError, match=said):
            ask(engine, "base", **settings)
    plain = [{**each, "groups": {}} for each in documents()]
    with pytest.raises(LorafairError, match="No document has groups"):
        ask(engine, "base", plain)
    for text, said in [(None, "needs a `text`"), ("word " * 400, "reads at once")]:
        rows = documents()
        rows[3]["text"] = text
        with pytest.raises(LorafairError, match=said):
            ask(engine, "base", rows, attribute="gender")


def test_it_runs_from_the_command_line(tiny_base, tmp_path):
    data = tmp_path / "d.jsonl"
    data.write_text("".join(json.dumps(each) + "\n" for each in documents()), encoding="utf-8")
    command = ["probe", "representation", "--base", str(tiny_base), "--data", str(data), "--out", str(tmp_path / "o")]
    settings = ["--settings", "attribute=gender,permutations=19,folds=4", "--device", "cpu"]
    result = CliRunner().invoke(cli, [*command, *settings])
    assert result.exit_code == 0, result.output
    assert len((tmp_path / "o" / "base" / "probe_representation.jsonl").read_text().splitlines()) == 2 * 4 + 24
