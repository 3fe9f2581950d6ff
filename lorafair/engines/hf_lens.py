"""Where the layers of a model end, and how its own final norm and head turn a hidden state into logits."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from typing import Any

from lorafair.engines.hf_pair import Side, read_logits, take_places
from lorafair.errors import LorafairError

NO_LENS = "The probe logit_lens cannot look into {}: {}. The probe kl compares its answers without looking inside."


@dataclass(frozen=True)
class Lens:
    """A model's layers in their order, and the ``chain`` of modules from the last layer to the logits.

    ``names`` are the chain's: the final norm first, the head last, between them what else the model has there.
    """

    side: Side
    layers: Sequence[Any]
    chain: Sequence[Any]
    names: Sequence[str]
    finish: Callable[[Any], Any]
    adapted: bool

    def read(self, rows: Sequence[Sequence[int]], places: Sequence[range]) -> tuple[list[Any], Any]:
        """Hidden states at ``places``, and the model's own logits there, from one forward pass.

        Returns:
            before the first layer and after each one a tensor of shape (all places, hidden size), in the model's own
            float type; and the logits of :func:`lorafair.engines.hf_pair.read_logits`.
        """
        width = max(map(len, rows))
        states: list[Any] = [None] * (len(self.layers) + 1)

        def keep(number: int, value: Any) -> None:
            states[number] = take_places(value, places, width)

        with self.side.turn(), _watch(self.layers, keep):
            logits = read_logits(self.side.model, rows, places)
        return states, logits

    def project(self, state: Any) -> Any:
        """Logits (n, vocabulary) of hidden states (n, hidden size): through the final norm and the head."""
        with self.side.turn() if self.adapted else nullcontext():
            found = state[None]
            for module in self.chain:
                found = module(found)
        return self.finish(found[0])

    def check(self, state: Any, logits: Any) -> None:
        """Hold the projection of the last layer against the model's own logits.

        Raises:
            LorafairError: where they differ by more than rounding: something else lies between layer and logits.
        """
        import torch

        given = self.project(state[:8]).float()
        own = logits[:8].float()
        allowed = max(1e-4, 8 * torch.finfo(logits.dtype).eps) * float(own.abs().max())
        if own.isfinite().all() and not float((given - own).abs().max()) <= allowed:
            raise LorafairError(
                NO_LENS.format(
                    _name(self.side.model),
                    f"{' and '.join(self.names)} do not give its own logits from what its last layer says, so "
                    "something else lies between",
                )
            )


@dataclass
class _Call:
    name: str
    module: Any
    start: int
    end: int = -1


def find_lens(side: Side, ids: Sequence[int]) -> Lens:
    """Find layers, final norm and head in the order in which a forward pass runs them.

    The head is the model's output embedding; the final norm is the last module before it whose class is called a norm;
    the layers are the longest list of modules that the pass runs through once each.

    Args:
        ids: of a short text.

    Raises:
        LorafairError: for a model in which they cannot be found, saying which.
    """
    base = side.model.get_base_model() if hasattr(side.model, "get_base_model") else side.model
    head = base.get_output_embeddings()
    if head is None:
        raise LorafairError(NO_LENS.format(_name(side.model), "it has no output head"))
    with side.turn():
        calls = _trace(base, lambda: read_logits(side.model, [ids], [range(len(ids) - 1, len(ids))]))
    last = next((call for call in reversed(calls) if call.module is head), None)
    if last is None:
        raise LorafairError(NO_LENS.format(_name(side.model), "its forward pass does not run its output head"))
    before = [call for call in calls if 0 <= call.end < last.start]
    norms = [call for call in before if "norm" in type(call.module).__name__.lower()]
    layers = _find_layers(base, calls)
    if not layers:
        raise LorafairError(NO_LENS.format(_name(side.model), "it has no list of layers that are run once each"))
    norm = max(norms, key=lambda call: call.end, default=None)
    inside = [name for name in layers if norm is not None and f"{norm.name}.".startswith(f"{name}.")]
    if norm is None or inside:
        found = f"its last norm, {norm.name}, is inside a layer" if norm is not None else "it has no norm"
        raise LorafairError(NO_LENS.format(_name(side.model), f"no final norm was found before the head: {found}"))
    between = [call for call in before if call.start > norm.end]
    whole = [call for call in between if not any(o.start < call.start and call.end < o.end for o in between)]
    chain = [norm, *sorted(whole, key=lambda call: call.start), last]
    modules = [call.module for call in chain]
    return Lens(
        side,
        list(layers.values()),
        modules,
        [call.name for call in chain],
        _read_finish(base.config),
        any(_is_adapted(module) for module in modules),
    )


def _trace(model: Any, run: Callable[[], Any]) -> list[_Call]:
    """Every call of a module while ``run`` runs, in the order of their starts; times are counted in starts and ends."""
    calls: list[_Call] = []
    clock = iter(range(1 << 62))
    hooks = []
    open_calls: dict[str, list[_Call]] = {}

    def watch(name: str) -> tuple[Callable[..., None], Callable[..., None]]:
        def enter(module: Any, _: Any) -> None:
            calls.append(_Call(name, module, next(clock)))
            open_calls.setdefault(name, []).append(calls[-1])

        def leave(module: Any, _: Any, __: Any) -> None:
            open_calls[name].pop().end = next(clock)

        return enter, leave

    try:
        for name, module in model.named_modules():
            enter, leave = watch(name)
            hooks += [module.register_forward_pre_hook(enter), module.register_forward_hook(leave)]
        run()
    finally:
        for hook in hooks:
            hook.remove()
    return calls


def _find_layers(model: Any, calls: Sequence[_Call]) -> dict[str, Any]:
    """Name -> module of the longest outermost list of modules that were run once each, one after another."""
    import torch

    run: dict[str, list[_Call]] = {}
    for call in calls:
        run.setdefault(call.name, []).append(call)
    found: dict[str, dict[str, Any]] = {}
    for name, module in model.named_modules():
        if not isinstance(module, torch.nn.ModuleList) or any(name.startswith(f"{outer}.") for outer in found):
            continue
        names = {f"{name}.{place}": each for place, each in module.named_children()}
        once = [run[each][0] for each in names if len(run.get(each, ())) == 1]
        if names and len(once) == len(names) and all(a.end < b.start for a, b in zip(once, once[1:], strict=False)):
            found[name] = names
    return max(found.values(), key=len, default={})


@contextmanager
def _watch(layers: Sequence[Any], keep: Callable[[int, Any], None]) -> Iterator[None]:
    """Hand over what goes into the first layer, as number 0, and what comes out of each one."""

    def enter(_: Any, given: tuple[Any, ...], named: dict[str, Any]) -> None:
        keep(0, given[0] if given else named["hidden_states"])

    def leave(number: int) -> Callable[[Any, Any, Any], None]:
        return lambda _, __, given: keep(number, given[0] if isinstance(given, tuple) else given)

    hooks = [layers[0].register_forward_pre_hook(enter, with_kwargs=True)]
    hooks += [layer.register_forward_hook(leave(number)) for number, layer in enumerate(layers, start=1)]
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()


def _read_finish(config: Any) -> Callable[[Any], Any]:
    """What some models do to logits behind the head: scale them (Granite, Cohere), cap them softly (Gemma 2)."""
    text = config.get_text_config() if hasattr(config, "get_text_config") else config
    times = float(getattr(text, "logit_scale", None) or 1.0) / float(getattr(text, "logits_scaling", None) or 1.0)
    cap = getattr(text, "final_logit_softcapping", None)

    def finish(logits: Any) -> Any:
        logits = logits if times == 1.0 else logits * times
        return logits if cap is None else (logits / cap).tanh() * cap

    return finish


def _is_adapted(module: Any) -> bool:
    from peft.tuners.tuners_utils import BaseTunerLayer

    return any(isinstance(part, BaseTunerLayer) for part in module.modules())


def _name(model: Any) -> str:
    base = model.get_base_model() if hasattr(model, "get_base_model") else model
    return type(base).__name__
