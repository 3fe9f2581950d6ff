"""What a probe leaves behind in the command's process is told and put back, and a model that it changed is given up."""

from __future__ import annotations

import contextlib
import os
import random
import sys
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from lorafair.blame import describe_plugin
from lorafair.errors import LorafairError
from lorafair.plugin_state import read_state, tell_changes

if TYPE_CHECKING:
    from lorafair.checkpoint import Checkpoint
    from lorafair.registry import Entry

SEEDS = "random numbers"


class WeightsChanged(LorafairError):
    """A probe changed the weights of a model that it was lent: what the engine says from now on is worth nothing."""


@contextlib.contextmanager
def guard_process(entry: Entry, say: Callable[[str], None]) -> Iterator[None]:
    """Send what a probe prints to standard error, and put back what it changed; changes other than seeds are told.

    Put back: seeds, environment variables, the working folder, torch's default type, gradients, threads and
    deterministic mode.  Logging and warnings are told only.

    Args:
        entry: of the probe that runs inside.
        say: takes one line for the user.
    """
    import numpy
    import torch

    before, modules = read_state(), set(sys.modules)
    seeds = random.getstate(), numpy.random.get_state(), torch.get_rng_state()
    kind, gradients, threads = torch.get_default_dtype(), torch.is_grad_enabled(), torch.get_num_threads()
    exact = torch.are_deterministic_algorithms_enabled()
    try:
        with contextlib.redirect_stdout(sys.stderr):
            yield
    finally:
        changed = tell_changes(before, read_state(), imported=set(sys.modules) != modules)
        random.setstate(seeds[0])
        numpy.random.set_state(seeds[1])
        torch.set_rng_state(seeds[2])
        torch.set_default_dtype(kind)
        torch.set_grad_enabled(gradients)
        torch.set_num_threads(threads)
        torch.use_deterministic_algorithms(exact)
        _restore_environment(before["environment variables"])
        if (folder := before["the working folder"]) and folder != read_state()["the working folder"]:
            os.chdir(folder)
        if told := [each for each in changed if not each.endswith(SEEDS)]:
            say(f"the {describe_plugin(entry)} changed {', '.join(told)}; logging and warnings aside, it is put back")


@contextlib.contextmanager
def guard_weights(entry: Entry, engine: Any) -> Iterator[None]:
    """Compare the weights of each model that ``engine`` lends inside, before and after.

    Raises:
        WeightsChanged: after the ``with`` of the probe; the engine is to be started again.
    """
    lend = engine.lend

    @contextlib.contextmanager
    def lend_watched(checkpoint: Checkpoint) -> Iterator[Any]:
        with lend(checkpoint) as model:
            before = sum_weights(model)
            try:
                yield model
            finally:
                if sum_weights(model) != before:
                    raise WeightsChanged(
                        f"The {describe_plugin(entry)} changed the weights of the model that it was lent for "
                        f"{checkpoint.label}. Its records are not kept; let it work on a copy (copy.deepcopy)."
                    )

    engine.lend = lend_watched
    try:
        yield
    finally:
        del engine.lend


def sum_weights(model: Any) -> dict[str, tuple[Any, ...]]:
    """Per parameter and buffer its type, shape and the sum of its bits read as whole numbers."""
    import torch

    whole = {1: torch.int8, 2: torch.int16, 4: torch.int32, 8: torch.int64}
    return {
        name: (value.dtype, tuple(value.shape), int(value.detach().view(whole[value.element_size()]).sum()))
        for name, value in [*model.named_parameters(), *model.named_buffers()]
    }


def _restore_environment(before: Mapping[str, str]) -> None:
    for name in set(os.environ) - set(before):
        del os.environ[name]
    os.environ.update(before)
