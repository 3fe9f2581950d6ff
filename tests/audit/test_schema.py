"""A recipe's schema: every fault at once with its line, what is meant, and what --set puts over it."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lorafair.audit.schema import read_schema
from lorafair.audit.source import parse_source, set_values
from lorafair.errors import LorafairError

GOOD = """\
bases: models/smollm2-135m
train:
  data: honest_sample_pairs
  method: [lora, full]
  rank: 2
  lr: 1e-4
  by_method: {full: {lr: 1e-5}}
eval: {task: lorafair_honest_sample}
"""


def read(text, *assignments):
    source = parse_source(text, "recipe.yaml")
    set_values(source, assignments)
    return read_schema(source)


def fail(text, *assignments):
    with pytest.raises(LorafairError) as caught:
        read(text, *assignments)
    return str(caught.value)


def test_single_values_are_lists_and_numbers_may_be_written_as_yaml_reads_text():
    recipe = read(GOOD)
    assert recipe.bases == {"smollm2-135m": "models/smollm2-135m"}
    (block,) = recipe.train
    assert (block.rank, block.lr, block.by_method["full"].lr) == ([2], [1e-4], [1e-5])  # YAML 1.1: 1e-4 is a string
    assert recipe.eval[0].task == ["lorafair_honest_sample"]


def test_every_fault_comes_at_once_with_its_line_and_what_was_meant():
    said = fail(
        "bases: 1\ntrain:\n  dta: 1\n  rank: true\n  lr: [x, 2]\n  schedule: round\neval: {tsk: 3}\n"
        "probes: [{nam: x}]\nstatistics: {correction: hlm, margin: -1}\ntrian: 3\n"
    )
    for part in (
        "line 1: bases: ",
        "line 3: unknown key 'dta' in `train.0:`. Did you mean 'data'",
        "line 4: train.0.rank: a number is meant here",
        "line 5: train.0.lr: give a number or auto, not 'x'",
        "line 6: train.0.schedule: ",
        "line 7: unknown key 'tsk' in `eval.0:`. Did you mean 'task'",
        "line 8: `probes.0.name:` is missing",
        "line 9: statistics.correction: give bh or holm",
        "line 9: statistics.margin: ",
        "line 10: unknown key 'trian'. Did you mean 'train'",
    ):
        assert part in said.replace("holm or bh", "bh or holm"), (part, said)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: [", "not YAML"),
        ("- 1", "no mapping"),
        ("bases: x\nbases: y\n", "line 2: 'bases' is given twice"),
        ("bases: x\n", "nothing to do"),
        ("bases: [a/m, b/m]\neval: {task: t}\n", "two bases have one name"),
        ("bases: {'a/b': x}\neval: {task: t}\n", "no usable name"),
        (GOOD.replace("rank: 2", "base: other"), "'other' is none of `bases:`"),
        (GOOD.replace("rank: 2", "max-length: 3\n  max_length: 4"), "given twice, with - and with _"),
        ("a: &a [*a]\n", "an alias holds itself"),
        ("a: &a [x,x,x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a,*a]\n"
         "c: &c [*b,*b,*b,*b,*b,*b,*b,*b,*b,*b]\nd: &d [*c,*c,*c,*c,*c,*c,*c,*c,*c,*c]\ne: [*d,*d,*d,*d,*d]\n",
         "more than 20000 values"),
    ],
)  # fmt: skip
def test_recipes_that_are_none(text, message):
    assert message in fail(text)


def test_the_command_line_wins_over_sections_blocks_and_methods():
    recipe = read(GOOD, "train.lr=[1e-3, 3]", "eval.limit=4", "train.by_method.lora.epochs=2", "bases=m/x")
    (block,) = recipe.train
    assert block.lr == [1e-3, 3.0]
    assert block.by_method["full"].lr is None  # gave way
    assert block.by_method["lora"].epochs == [2.0]
    assert (recipe.eval[0].limit, recipe.bases) == (4.0, {"x": "m/x"})
    two = read(GOOD.replace("eval: {task: lorafair_honest_sample}", "eval: [{task: a}, {task: b}]"), "eval.limit=3")
    assert [block.limit for block in two.eval] == [3.0, 3.0]
    assert "no key=value" in fail(GOOD, "train")
    assert "--set: train.0.rank" in fail(GOOD, "train.rank=x")
    assert "there is no element 3" in fail(GOOD.replace("eval: {", "eval: [{").replace("e}", "e}]"), "eval.3.limit=1")


@settings(max_examples=40)
@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=5),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
        max_leaves=12,
    )
)
def test_no_tree_of_values_ends_in_anything_but_a_recipe_or_one_message(tree):
    import yaml

    text = yaml.safe_dump({"bases": "m", "train": tree, "eval": tree, "statistics": tree})
    said = ""
    try:
        read(text)
    except LorafairError as error:
        said = str(error)
    assert said == "" or said.startswith("The recipe recipe.yaml")
