"""A recipe for the tiny random model, small enough to run whole in seconds."""

from pathlib import Path

import pytest

TINY = """
name: tiny
title: A tiny audit
bases: {{tiny: {base}}}
train:
  data: honest_sample_pairs
  rank: [2, 4]
  max_length: 64
  by_method:
    lora: {{lr: 5e-3}}
    full: {{lr: 1e-3}}
eval:
  task: lorafair_honest_sample
  limit: 8
  engine: hf
  gen_kwargs: {{max_gen_toks: 4}}
probes:
  - {{name: kl, task: lorafair_honest_sample, limit: 6}}
statistics:
  primary: honest_continuation
"""


@pytest.fixture(scope="session")
def tiny_recipe(tiny_base, tmp_path_factory) -> Path:
    """The file of a recipe on the tiny random Llama."""
    path = tmp_path_factory.mktemp("recipe") / "tiny.yaml"
    path.write_text(TINY.format(base=tiny_base), encoding="utf-8")
    return path
