"""Keys: every occurrence its own, nothing shared between checkpoints, seeds only where something is drawn."""

from __future__ import annotations

from lm_eval.api.instance import Instance

from lorafair.responses.request import plan_requests

IDENTITY = {"base": "b", "checkpoint": "c", "engine": "hf", "version": "1", "dtype": "float32"}


def instance(doc=0, idx=0, text="The woman is", kind="generate_until", **settings):
    arguments = (text, {"do_sample": True, **settings}) if kind == "generate_until" else (text, " kind")
    return Instance(kind, {}, arguments, idx, ("task", doc, 1))


def keys(instances, identity=IDENTITY, label="c", seed=1):
    return [r.key for r in plan_requests(instances, label, identity, {"task": "1.0"}, seed)]


def test_repeats_of_one_instance_and_equal_texts_of_two_documents_are_all_different():
    one = instance()
    found = keys([one, one, one, instance(doc=1), instance(idx=1)])
    assert len(set(found)) == 5


def test_keys_do_not_depend_on_order_or_neighbours():
    a, b = instance(doc=1), instance(doc=2)
    assert keys([a, b]) == list(reversed(keys([b, a])))
    assert keys([a, b])[1] == keys([b])[0]


def test_another_checkpoint_engine_or_dtype_is_another_key():
    one = [instance()]
    for change in ({"checkpoint": "d"}, {"engine": "vllm"}, {"dtype": "bfloat16"}, {"version": "2"}):
        assert keys(one) != keys(one, IDENTITY | change)
    assert keys(one) == keys(one, label="another name for the same content")


def test_the_seed_counts_only_where_something_is_drawn():
    assert keys([instance()], seed=1) != keys([instance()], seed=2)
    assert keys([instance(do_sample=False)], seed=1) == keys([instance(do_sample=False)], seed=2)
    assert keys([instance(kind="loglikelihood")], seed=1) == keys([instance(kind="loglikelihood")], seed=2)


def test_texts_that_are_kept_give_the_same_keys_to_every_checkpoint():
    same = instance()
    instances = [same, same, instance(idx=1), instance()]
    texts = {}
    for identity in ({"checkpoint": "x"}, {"checkpoint": "y"}):
        for _ in range(2):
            kept = plan_requests(instances, "m", identity, {"task": "1.0"}, 7, texts)
            assert kept == plan_requests(instances, "m", identity, {"task": "1.0"}, 7)
    assert len(texts) == 3
