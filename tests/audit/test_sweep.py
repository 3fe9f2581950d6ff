"""A recipe's training spelled out: methods × ranks × seeds × axes × bases, and every label once."""

from pathlib import Path

import pytest

from lorafair.audit.schema import read_schema
from lorafair.audit.source import parse_source
from lorafair.audit.sweep import plan_sweeps
from lorafair.errors import LorafairError


def spell(train, bases="{a: m/a, b: m/b}"):
    recipe = read_schema(parse_source(f"bases: {bases}\ntrain: {train}\n", "r"))
    return plan_sweeps(recipe, Path("out"))


def test_axes_bases_and_seeds_are_a_product_with_full_fine_tuning_apart():
    sweeps = spell(
        "{data: honest_sample_pairs, rank: [2, 8], seed: [1, 2], epochs: [1, 2], alpha: 16,"
        " by_method: {lora: {lr: [1e-4, 1e-3]}, full: {lr: 1e-5}}}"
    )
    runs = {(s.base, s.label(r)): (r.settings["lr"], r.settings["epochs"], r.seed) for s in sweeps for r in s.runs}
    assert len(runs) == 2 * (2 * 2 * 2 * 2 + 2 * 2)
    assert runs["a", "lora-r8-seed2-lr0.001-ep2"] == (1e-3, 2.0, 2)
    assert runs["b", "full-seed1-ep1"] == (1e-5, 1.0, 1)
    folders = [path for s in sweeps for path in s.checkpoints().values()]
    assert len(set(folders)) == len(folders)
    assert Path("out/runs/a/lr0.001-ep2/lora-r8-seed2") in folders
    assert {s.plan.alpha for s in sweeps} == {16.0}


def test_objectives_and_a_chosen_rate_are_axes_too():
    sweeps = spell("{data: honest_sample_pairs, method: lora, rank: 2, objective: [mean, group_dro], lr: [auto, 1e-4],"
                   " search: {grid: [1e-4, 1e-3]}}", bases="m/a")  # fmt: skip
    found = {
        s.label(s.runs[0]): (s.runs[0].settings["lr"], s.plan.objective, tuple(s.plan.search.grid)) for s in sweeps
    }
    assert found == {
        "lora-r2-mean-lrauto": ("auto", "mean", (1e-4, 1e-3)),
        "lora-r2-group_dro-lrauto": ("auto", "group_dro", (1e-4, 1e-3)),
        "lora-r2-mean-lr0.0001": (1e-4, "mean", ()),
        "lora-r2-group_dro-lr0.0001": (1e-4, "group_dro", ()),
    }


def test_a_block_may_be_about_some_of_the_bases_only():
    sweeps = spell("[{data: honest_sample_pairs, method: full, base: b}]")
    assert [(s.base, s.plan.base, [r.name for r in s.runs]) for s in sweeps] == [("b", "m/b", ["full"])]


def test_compositions_are_an_axis_named_by_number():
    sweeps = spell("{data: honest_sample_pairs, method: full, composition: [{women: 0.5, men: 0.5}, {women: 0.9, men: 0.1}]}",
                   bases="m/a")  # fmt: skip
    assert [s.variant for s in sweeps] == ["mix1", "mix2"]
    assert sweeps[1].plan.composition == {"women": 0.9, "men": 0.1}


@pytest.mark.parametrize(
    ("train", "message"),
    [
        ("{data: d, method: lroa}", "Did you mean 'lora'"),
        ("{data: d, rank: 2}", "No method"),
        ("{data: d, method: lora}", "'lora' needs a rank"),
        ("{data: d, method: full, by_method: {lora: {rank: 2}}}", "'lora' is none of its methods"),
        ("[{data: d, method: full}, {data: e, method: full}]", "two runs on a are called full"),
        ("{data: d, method: full, trainer: sftt, lr: 0}", "lr is 0"),
    ],
)
def test_what_cannot_be_planned_is_said(train, message):
    with pytest.raises(LorafairError) as caught:
        spell(train)
    assert message in str(caught.value)
