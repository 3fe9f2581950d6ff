"""Probes of classifiers: states of the base's own body and of classifiers, and probes that need a language model."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from lorafair.cli.main import cli
from lorafair.plugins.probes.kl import kl
from lorafair.plugins.probes.likelihood import likelihood
from lorafair.plugins.probes.logit_lens import logit_lens
from lorafair.plugins.probes.representation import representation
from lorafair.plugins.probes.teacher_forced import teacher_forced

from lorafair.checkpoint import read_base, read_checkpoints
from lorafair.engines.contract import EngineSettings
from lorafair.engines.head import HeadEngine
from lorafair.engines.hf_state import count_layers, read_states
from lorafair.errors import LorafairError
from lorafair.responses.request import Request

LABELS = ["no", "yes"]
JOBS = ["nurse", "teacher", "pilot", "baker", "writer", "farmer"]
DOCUMENTS = [
    {"id": f"{job}-{who}", "text": f"The {who} works as a {job}", "groups": {"gender": [who]}, "cluster": job}
    for job in JOBS
    for who in ("woman", "man")
]


def open_engine(classifiers, folder, kind):
    """An engine with an adapter called ``two`` and a full model called ``full``; and their base."""
    base = classifiers.make_base(kind)
    made = [classifiers.make(base, folder / "two", LABELS, seed=1)]
    made.append(classifiers.make(base, folder / "full", LABELS, "full", seed=4))
    found = read_base(str(base))
    checkpoints = read_checkpoints([str(each) for each in made], found)
    return HeadEngine(found, checkpoints, EngineSettings(dtype="float32", device="cpu", batch_size=3)), base


def answer(engine, label):
    asked = [
        Request(hashlib.sha256(name.encode()).hexdigest(), label, "loglikelihood", (DOCUMENTS[0]["text"], name))
        for name in LABELS
    ]
    return sorted((request.key, answer) for request, answer in engine.ask(asked))


def plain_states(base, folder, rows):
    """(layers, texts, width): the mean state of each text, one at a time, by transformers and PEFT alone."""
    from peft import PeftModel
    from transformers import AutoModel, AutoModelForSequenceClassification

    if folder is None:
        model = AutoModel.from_pretrained(base)
    elif (folder / "config.json").exists():
        model = AutoModelForSequenceClassification.from_pretrained(folder)
    else:
        model = PeftModel.from_pretrained(
            AutoModelForSequenceClassification.from_pretrained(base, num_labels=2), folder
        )
    with torch.no_grad():
        said = [model.eval()(input_ids=torch.tensor([row]), output_hidden_states=True).hidden_states for row in rows]
    return np.stack([[layer[0].mean(0).numpy() for layer in text] for text in said], axis=1)


@pytest.mark.parametrize("kind", ["bert", "llama"])
def test_bodies_and_classifiers_have_the_states_of_a_plain_load(classifiers, tmp_path, kind):
    engine, base = open_engine(classifiers, tmp_path, kind)
    rows = [list(engine.base_tokenizer(each["text"])["input_ids"]) for each in DOCUMENTS]
    before = {label: answer(engine, label) for label in ("two", "full")}
    for label in (None, "two", None, "full", None):
        lent = engine.lend_body() if label is None else engine.lend(engine.checkpoints[label])
        with lent as model:
            layers = list(range(count_layers(model) + 1))
            found = read_states(model, rows, "mean", layers, 5)
            assert label is not None or not any(bool(weight.any()) for weight in head_weights(model))
        expected = plain_states(base, label and tmp_path / label, rows)
        np.testing.assert_allclose(found, expected, atol=2e-5)
    assert {label: answer(engine, label) for label in ("two", "full")} == before
    settings = {"permutations": 19, "folds": 3}
    for label in ("base", "two"):
        said = list(representation(engine, engine.checkpoints[label], DOCUMENTS, **settings))
        assert len([each for each in said if "id" in each]) == len(DOCUMENTS)
        measures = {each.get("measure") for each in said} - {None}
        assert ("representation_accuracy_minus_base" in measures) == (label == "two")


def head_weights(model):
    return [weight for name, weight in model.named_parameters() if name.startswith(("classifier", "score"))]


@pytest.mark.parametrize("probe", [kl, logit_lens, likelihood, teacher_forced])
def test_probes_of_language_models_refuse_classifiers(classifiers, tmp_path, probe):
    engine, _ = open_engine(classifiers, tmp_path, "bert")
    documents = [{**each, "completion": " now"} for each in DOCUMENTS]
    for label in ("base", "two"):
        with pytest.raises(LorafairError, match=rf"probe {probe.__name__} asks for the next token.*membership_loss"):
            list(probe(engine, engine.checkpoints[label], documents))


def test_without_a_head_there_is_no_body_and_images_have_no_texts(classifiers, tmp_path):
    base = classifiers.make_base("bert")
    alone = HeadEngine(read_base(str(base)), [], EngineSettings(dtype="float32", device="cpu"))
    with pytest.raises(LorafairError, match="No checkpoint here has a head: use --engine hf"):
        alone.lend_body()
    engine, _ = open_engine(classifiers, tmp_path, "vit")
    with pytest.raises(
        LorafairError, match="Read are states of texts, and the classifiers beside two are about images"
    ):
        list(representation(engine, engine.checkpoints["two"], DOCUMENTS, folds=3, permutations=19))


def test_the_command_leaves_one_message_for_each(classifiers, tmp_path):
    base = classifiers.make_base("bert")
    folder = classifiers.make(base, tmp_path / "two", LABELS, seed=1)
    data = tmp_path / "texts.jsonl"
    data.write_text('{"id": "1", "text": "The woman works as a"}\n', encoding="utf-8")
    command = ["probe", "kl", "--base", base, "--checkpoint", folder, "--data", data, "--out", tmp_path / "o"]
    done = CliRunner().invoke(cli, [str(part) for part in [*command, "--engine", "head"]])
    assert done.exit_code == 1
    assert "  - two: The probe kl asks for the next token" in done.output
    done = CliRunner().invoke(cli, [str(part) for part in command])  # the hf engine
    assert done.exit_code != 0
    assert "two classify" in done.output
    assert "Traceback" not in done.output
