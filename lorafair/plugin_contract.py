"""What a plugin of each kind is: how LoRAFair calls it and what it has to give back.

`lorafair plugins check` compares every plugin with this, and the documentation is held to it.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from lorafair.method_option import GIVEN
from lorafair.plan import DEFAULTS

HYPER = tuple(key for key in DEFAULTS if key != "dtype")
"""Settings of a run that a trainer may take; ``dtype`` is the base's affair."""


@dataclass(frozen=True)
class Contract:
    """How a plugin of one kind is called: ``positional`` arguments in order, then ``keywords`` by their names.

    ``given_if_wanted`` names keywords that are handed only to those that have a parameter for them (or ``**settings``),
    ``beside`` which of these are handed only beside another; ``methods`` what a class has to have.
    ``returns`` is one clause, ``fields`` the marks that the registry or the target may carry.
    """

    kind: str
    writes: str
    returns: str
    positional: tuple[str, ...] = ()
    keywords: tuple[str, ...] = ()
    given_if_wanted: tuple[str, ...] = ()
    beside: tuple[tuple[str, str], ...] = ()
    methods: tuple[str, ...] = ()
    fields: tuple[str, ...] = ()

    @property
    def call(self) -> str:
        """The call as text, optional keywords in brackets: ``method(*, [seed], [rank], [alpha], [target_modules])``."""
        named = [*self.keywords, *(f"[{name}]" for name in self.given_if_wanted)]
        return f"{self.kind}({', '.join([*self.positional, *(['*', *named] if named else [])])})"


CONTRACTS: dict[str, Contract] = {
    contract.kind: contract
    for contract in (
        Contract("task", "a package or folder with lm-eval YAML that says `task: <name>`", "documents with `groups`"),
        Contract(
            "dataset",
            "a declaration, and a function where rows to train on have to be made",
            'rows {"prompt": str, "completion": str}, or with `labels:` {"text" or "image": str, "label": str}; each '
            'may have "groups": {attribute: [names]}, "cluster": str and "id": str',
            given_if_wanted=("dataset",),
            fields=("labels",),
        ),
        Contract(
            "scorer",
            "a function of a batch of completions",
            "one finite number per text, in their order; None or NaN where a text cannot be scored",
            ("texts",),
            given_if_wanted=("device", "batch"),
            fields=("higher_is_better", "version"),
        ),
        Contract(
            "metric",
            "a function of a table of documents and (B, n) weights",
            "{`overall`, `group:<attribute>=<name>`, `gap`: array of shape (B,)}, NaN where nothing can be estimated; "
            "`overall` or `gap` may be left out",
            ("table", "weights"),
            fields=("higher_is_better", "row_additive", "mean_of_y", "version", "needs"),
        ),
        Contract(
            "method",
            "a function from a run's settings to a PEFT config",
            "a peft.PeftConfig, or None to train every weight",
            given_if_wanted=GIVEN,
        ),
        Contract(
            "trainer",
            "a function that trains one model",
            "the pathlib.Path of a checkpoint folder below `out`",
            ("base", "data", "method", "out"),
            given_if_wanted=(
                "seed",
                "label",
                "save_steps",
                "lr",
                *HYPER,
                "gradient_checkpointing",
                "micro_batch",
                "objective",
                "validation",
            ),
            fields=("data",),
        ),
        Contract(
            "objective",
            "a function that weighs the losses of a batch by the groups of its examples",
            "a function `weigh(losses, groups, labels)` that gives a scalar; `state_dict` and `load_state_dict` where "
            "it has to remember something",
            ("groups", "counts"),
            given_if_wanted=("members", "labels"),
        ),
        Contract(
            "probe",
            "a function that asks an engine what lm-eval's requests cannot",
            "an iterable of records (dictionaries)",
            ("engine", "checkpoint", "documents"),
        ),
        Contract(
            "engine",
            "a sub-class of lorafair.engines.contract.Engine",
            "an lm-eval LM that serves several checkpoints",
            ("base", "checkpoints", "settings"),
            methods=("refuse", "wants_own", "identify", "with_neighbours", "ask", "warm", "start", "close"),
        ),
        Contract(
            "model",
            "a declaration, and a function that makes a Hugging Face folder of a file",
            "facts for the provenance (a dictionary)",
            ("source", "folder"),
        ),
        Contract(
            "group",
            "a declaration: what in the documents of somebody else's lm-eval task is a group, a cluster, a number",
            "nothing: a mapping is read, not called",
        ),
    )
}
"""The contract of each kind (design: a function with a known signature and a name; no base class but an engine's)."""


def find_mismatches(contract: Contract, target: Any) -> list[str]:
    """Why ``target`` cannot be called as its contract says, one clause each; empty where it can."""
    if not callable(target):
        return [f"is {describe_value(target)}, not something that can be called"]
    if contract.kind == "engine" and not inspect.isclass(target):
        return [f"is {describe_value(target)}, not a class"]
    faults = [f"has no method {name}" for name in contract.methods if not callable(getattr(target, name, None))]
    if inspect.isabstract(target):
        faults.append(f"leaves {', '.join(sorted(target.__abstractmethods__))} unwritten")
    try:
        signature = inspect.signature(target)
    except (TypeError, ValueError):  # some functions written in C have none
        return faults
    return [*faults, *_compare(contract, signature)]


def _compare(contract: Contract, signature: inspect.Signature) -> list[str]:
    parameters = list(signature.parameters.values())
    places = [p for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    takes_any = any(p.kind is p.VAR_POSITIONAL for p in parameters)
    takes_all = any(p.kind is p.VAR_KEYWORD for p in parameters)
    faults = []
    if len(places) < len(contract.positional) and not takes_any:
        missing = contract.positional[len(places) :]
        faults.append(f"has no place for {', '.join(missing)}: it is called as {contract.call}")
    named = {p.name for p in parameters if p.kind in (p.KEYWORD_ONLY, p.POSITIONAL_OR_KEYWORD)}
    named -= {p.name for p in places[: len(contract.positional)]}
    lacking = [name for name in contract.keywords if name not in named and not takes_all]
    if lacking:
        faults.append(f"has no parameter {', '.join(lacking)}: add it, or **settings for what it does not use")
    handed = {*contract.keywords, *list_wanted(contract, named)}
    needy = [
        p.name
        for p in parameters
        if p.default is p.empty
        and p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD)
        and p not in places[: len(contract.positional)]
        and (p.name not in handed or p.kind is p.POSITIONAL_ONLY)
    ]
    if needy:
        faults.append(f"needs {', '.join(needy)}, which nobody hands it: give it a default")
    return faults


def list_wanted(contract: Contract, named: Iterable[str]) -> list[str]:
    """The optional keywords that may be handed to a plugin with parameters ``named``."""
    needs = dict(contract.beside)
    return [key for key in contract.given_if_wanted if key not in needs or needs[key] in named]


def fill_call(contract: Contract, target: Callable[..., Any], offered: Mapping[str, Any]) -> dict[str, Any]:
    """The keywords of a call with ``offered`` values, as LoRAFair makes it: see :class:`Contract`."""
    parameters = inspect.signature(target).parameters
    takes_all = any(p.kind is p.VAR_KEYWORD for p in parameters.values())
    wanted = [key for key in list_wanted(contract, parameters) if takes_all or key in parameters]
    return {key: offered[key] for key in (*contract.keywords, *wanted) if key in offered}


def describe_value(value: Any) -> str:
    """A value in a few words for a message: its type and the start of what it looks like, on one line."""
    text = " ".join(repr(value).split())
    return f"{type(value).__name__} {text[:60] + '…' if len(text) > 60 else text}"
