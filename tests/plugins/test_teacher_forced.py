"""The probe teacher_forced against plain transformers and PEFT, one text at a time."""

from __future__ import annotations

import json

import pytest

from lorafair.errors import LorafairError
from lorafair.probing import ProbePlan, run_probe

TASK = "lorafair_winomt_tr_en_sample"


def run(base, checkpoints, out, **changes):
    asked = {"tasks": (), "probe": "teacher_forced", "dtype": "float32"} | changes
    plan = ProbePlan(base=str(base), checkpoints=tuple(map(str, checkpoints)), out=out, engine="hf", **asked)
    return run_probe(plan, lambda line: None)


def read(path):
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def guess_alone(base, adapter, prompt, completion):
    """(text of the argmax tokens, share that is right) from transformers alone."""
    import torch
    from peft import PeftModel
    from transformers import AutoModelForCausalLM, AutoTokenizer

    model = AutoModelForCausalLM.from_pretrained(base)
    model = PeftModel.from_pretrained(model, adapter) if adapter else model
    tokenizer = AutoTokenizer.from_pretrained(base)
    head, own = tokenizer(prompt)["input_ids"], tokenizer(completion, add_special_tokens=False)["input_ids"]
    own = [*own, tokenizer.eos_token_id]
    with torch.no_grad():
        best = model(torch.tensor([[*head, *own]])).logits[0].argmax(-1).tolist()
    said = best[len(head) - 1 : -1]
    right = sum(a == b for a, b in zip(said, own, strict=True)) / len(own)
    return tokenizer.decode(said, skip_special_tokens=True).strip(), right


def test_it_is_the_argmax_at_each_position_for_base_and_adapter_whatever_the_batch(tiny_base, tiny_adapters, tmp_path):
    from sacrebleu import corpus_bleu

    outcome = run(tiny_base, tiny_adapters[:1], tmp_path, tasks=(TASK,), limit=5, batch_size=3)
    from lorafair.data.pronoun import swap_all
    from lorafair.data.winomt_tr import winomt_documents

    documents = winomt_documents("winomt_tr_sample")[0][:5]
    for label, adapter in (("base", None), ("tiny-r2", tiny_adapters[0])):
        *records, whole = read(outcome.files[label])
        texts = []
        for record, document in zip(records, documents, strict=True):
            text, right = guess_alone(tiny_base, adapter, document["text"], document["completion"])
            assert record["values"]["text"] == text
            assert record["values"]["right"] == pytest.approx(right)
            assert (record["id"], record["groups"]) == (document["id"], document["groups"])
            texts.append(text.lower())
        references = [
            [r.lower() for r in column] for column in zip(*(swap_all(d["english"]) for d in documents), strict=True)
        ]
        assert whole["id"] is None
        assert whole["values"]["bleu_teacher_forced"] == pytest.approx(corpus_bleu(texts, references).score)
        assert whole["values"]["documents"] == 5


def test_training_pairs_will_do_and_a_document_without_completion_is_named(tiny_base, tmp_path):
    outcome = run(tiny_base, [], tmp_path / "a", data="winomt_tr_sample", limit=2)
    assert len(read(outcome.files["base"])) == 3
    outcome = run(tiny_base, [], tmp_path / "b", tasks=("lorafair_honest_sample",), limit=2)
    assert "completion" in outcome.failed["base"]


def test_what_does_not_fit_into_the_model_is_refused(tiny_base, tmp_path):
    path = tmp_path / "long.jsonl"
    path.write_text(json.dumps({"prompt": "a " * 400, "completion": "b"}) + "\n", encoding="utf-8")
    outcome = run(tiny_base, [], tmp_path / "out", data=str(path))
    assert "does not fit" in outcome.failed["base"]


def test_engines_that_lend_no_model_say_so():
    from lorafair.plugins.probes.teacher_forced import teacher_forced

    from lorafair.engines.contract import Engine

    class Other(Engine):
        name = "other"

        def __init__(self):
            self._rank = self._world_size = 0

        def encode_pair(self, context, continuation):
            return [1], [2]

        eot_token_id = 0
        ask = with_neighbours = None

    with pytest.raises(LorafairError, match="lends no model"):
        teacher_forced(Other(), None, [{"id": "1", "text": "a", "completion": " b"}])
