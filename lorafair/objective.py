"""Objectives: how the losses of a batch become the one number that is minimised; made anew for every run's data."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from lorafair.blame import blame_plugin, describe_plugin
from lorafair.data.membership import Membership, read_examples, read_membership
from lorafair.errors import LorafairError, did_you_mean, raise_faults
from lorafair.registry import load_registry, load_target

if TYPE_CHECKING:
    from lorafair.registry import Entry

MOST_SHOWN = 64
"""Numbers of an objective's state that provenance keeps."""


@dataclass(frozen=True)
class Choice:
    """The objective that a run asks for, as its trainer gets it: by name, with its options.

    ``groups`` are the data's, ``attribute=name``, sorted; ``what`` is the data's name.
    """

    name: str
    options: Mapping[str, Any]
    groups: tuple[str, ...]
    what: str

    def start(self, examples: Sequence[Mapping[str, Any]]) -> Objective:
        """The objective for these training examples, nothing remembered yet.

        Args:
            examples: with ``groups``, places in this choice's; ``label``, an int, where there is a classification head.

        Raises:
            LorafairError: as :func:`make_objective`, and for examples without groups where the data have some.
        """
        return make_objective(self.name, self.options, read_examples(examples, self.groups), self.what)


class Objective:
    """One run's objective; see :func:`make_objective`."""

    def __init__(self, entry: Entry, weigh: Any, groups: Sequence[str]) -> None:
        self.entry = entry
        self.groups = tuple(groups)
        self._weigh = weigh

    def __call__(self, losses: Any, groups: Any, labels: Any) -> Any:
        """The loss of a batch.

        Args:
            losses: torch float (batch,), in nats, with their gradients.
            groups: torch bool (batch, G), the columns in the order of ``groups``.
            labels: torch int (batch,) of a classification head, else None.

        Returns:
            a torch scalar.

        Raises:
            LorafairError: what the plugin raises, or that it gives something else.
        """
        import torch

        with blame_plugin(self.entry, "on a batch"):
            loss = self._weigh(losses, groups, labels)
        if not isinstance(loss, torch.Tensor) or loss.dim():
            shown = f"a tensor of shape {tuple(loss.shape)}" if isinstance(loss, torch.Tensor) else repr(loss)
            raise LorafairError(f"The {describe_plugin(self.entry)} gave {shown}, not a scalar tensor.")
        return loss

    def state_dict(self) -> dict[str, Any]:
        """What it has to remember between steps, as tensors by name; empty for one without memory."""
        import torch

        remember = getattr(self._weigh, "state_dict", None)
        with blame_plugin(self.entry, "asked for its state"):
            return {str(key): torch.as_tensor(value) for key, value in (remember() if remember else {}).items()}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from a state that :meth:`state_dict` gave."""
        if state:
            with blame_plugin(self.entry, "given back its state"):
                self._weigh.load_state_dict(dict(state))

    def describe(self) -> dict[str, Any]:
        """For the provenance: what the plugin says of itself, else its state as plain numbers as far as it is small."""
        if callable(tell := getattr(self._weigh, "describe", None)):
            with blame_plugin(self.entry, "asked to describe its state"):
                return dict(tell())
        return {key: value.tolist() for key, value in self.state_dict().items() if value.numel() <= MOST_SHOWN}


def make_objective(name: str, options: Mapping[str, Any], membership: Membership, what: str) -> Objective:
    """An objective for one run.

    Args:
        name: in the registry.
        options: its own (``--objective-option``).
        membership: of the training data.
        what: the data's name, for messages.

    Raises:
        LorafairError: data that the objective cannot work on (no groups, no labels, groups that are too small), or
            options that it refuses.
    """
    entry = load_registry().get("objective", name)
    target = load_target(entry)
    given = {"members": membership.members, "labels": membership.labels}
    parameters = inspect.signature(target).parameters
    takes_all = any(one.kind is one.VAR_KEYWORD for one in parameters.values())
    wanted = {key: value for key, value in given.items() if takes_all or key in parameters}
    with blame_plugin(entry, f"on {what}"):
        try:
            weigh = target(membership.names, membership.count(), **wanted, **options)
        except LorafairError as error:
            raise LorafairError(f"--objective {name} does not fit the data {what}: {error}") from error
    if not callable(weigh):
        raise LorafairError(f"The {describe_plugin(entry)} gave {weigh!r}, not a function of a batch's losses.")
    return Objective(entry, weigh, membership.names)


def choose_objective(settings: Mapping[str, Any], data: Any) -> Choice | None:
    """The objective of a run's settings for these data, tried once; None where there is none.

    Raises:
        LorafairError: as :func:`make_objective`.
    """
    if not settings.get("objective"):
        return None
    membership = read_membership(data.rows, getattr(data, "labels", None))
    choice = Choice(settings["objective"], settings.get("objective_options", {}), membership.names, data.name)
    make_objective(choice.name, choice.options, membership, data.name)
    return choice


def choose_groups(groups: Sequence[str], attribute: str | None = None) -> list[int]:
    """Places of the groups of one attribute, or of all groups.

    Raises:
        LorafairError: data without groups, or an attribute that they do not have.
    """
    if not groups:
        raise LorafairError(
            'its rows name no groups. Add the column "groups" ({"attribute": ["name"]}), or leave out --objective.'
        )
    known = sorted({name.partition("=")[0] for name in groups})
    if attribute is not None and attribute not in known:
        raise LorafairError(f"it has no attribute {attribute!r}.{did_you_mean(attribute, known)}")
    return [place for place, name in enumerate(groups) if attribute in (None, name.partition("=")[0])]


def check_sizes(names: Sequence[str], sizes: Sequence[int], least: int) -> None:
    """Refuse groups whose mean loss says little.

    Raises:
        LorafairError: with every group that has fewer than ``least`` members.
    """
    faults = [
        f"{name} has {size} example{'s' * (size != 1)}: its mean loss is hardly more than noise."
        for name, size in zip(names, sizes, strict=True)
        if size < least
    ]
    mend = "merge or remove them, take one attribute (--objective-option attribute=…), or say"
    raise_faults(f"groups of fewer than {least} examples; {mend} --objective-option least=1", faults)


Weigh = Callable[[Any, Any, Any], Any]
"""(losses (batch,), groups (batch, G) bool, labels (batch,) or None) -> scalar."""
