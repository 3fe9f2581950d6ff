"""An engine as plain lm_eval makes it: from ``--model_args``, answering for one model at a time."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lorafair.checkpoint import Checkpoint, read_base, read_checkpoint
from lorafair.errors import LorafairError, raise_faults
from lorafair.preparation import base_dtype

if TYPE_CHECKING:
    from lorafair.engines.contract import Engine, EngineSettings

ADAPTERS = ("peft", "lora_local_path", "adapters")
OWN = ("pretrained", *ADAPTERS, "dtype", "device", "seed", "any_base", "trust_remote_code", "batch_size")
"""Arguments that are read here; all others go to the engine as they are."""
_running: list[Engine] = []


def list_adapters(arguments: Mapping[str, Any]) -> list[str]:
    """The adapters' folders: of ``peft``, ``lora_local_path``, and of ``adapters``, a list or ``a:b:c``."""
    several = arguments.get("adapters") or []
    parts = several.split(":") if isinstance(several, str) else [str(each) for each in several]
    named = [str(arguments[key]) for key in ADAPTERS[:2] if arguments.get(key)]
    return list(dict.fromkeys(part for part in [*named, *parts] if part))


def open_plain(engine: type[Engine], arguments: Mapping[str, Any], more: Mapping[str, Any]) -> Engine:
    """The engine of one run of lm_eval, which evaluates one model: the base, or one adapter on it.

    Args:
        engine: its class.
        arguments: ``pretrained`` (the base), ``peft``, ``lora_local_path`` or ``adapters`` (the adapter that answers),
            ``dtype``, ``device``, ``seed`` of sampled answers, ``any_base``, ``trust_remote_code``; others go to the
            engine.
        more: what lm_eval adds: ``batch_size``, ``max_batch_size`` and ``device``.

    Raises:
        LorafairError: as :func:`read_plain`; for several adapters, which are several models.
    """
    adapters = list_adapters(arguments)
    if len(adapters) > 1:
        raise LorafairError(
            f"lm_eval evaluates one model in a run, and adapters= names {len(adapters)}. Write `python -m "
            "lorafair.harness` in place of `lm_eval`, with the same arguments: it evaluates the base and each adapter."
        )
    for running in _running:
        paths = {str(c.path): c.label for c in running.checkpoints.values() if c.kind == "adapter"}
        same = type(running) is engine and running.base.name == arguments.get("pretrained")
        if same and set(adapters) <= set(paths) and running.settings == make_settings(running.base, arguments, more):
            running.active = paths[adapters[0]] if adapters else running.base.label
            return running
    return make_plain(engine, *read_plain(engine, arguments), arguments, more)


@contextmanager
def keep_running(engine: Engine) -> Iterator[None]:
    """Let every :func:`open_plain` inside find this engine instead of starting one; it is closed at the end."""
    _running.append(engine)
    try:
        yield
    finally:
        _running.remove(engine)
        engine.close()


def read_plain(engine: type[Engine], arguments: Mapping[str, Any]) -> tuple[Checkpoint, list[Checkpoint]]:
    """The base and the adapters that arguments of lm_eval name.

    Raises:
        LorafairError: with all faults: a missing base, folders that hold no adapter of it, two of one name, adapters
            that the engine cannot serve rightly.
    """
    if not arguments.get("pretrained"):
        raise LorafairError("There is no base. Give it: --model_args pretrained=MODEL")
    base = read_base(str(arguments["pretrained"]), bool(arguments.get("trust_remote_code", False)))
    paths = [Path(each).expanduser() for each in list_adapters(arguments)]
    found: list[Checkpoint] = []
    faults = [
        f"Several adapters are called {name!r}, and results tell models apart by the folder's name. Rename one."
        for name, times in Counter(path.name for path in paths).items()
        if times > 1
    ]
    faults += [
        f"{path} has the name by which results call the base. Rename the folder."
        for path in paths
        if path.name == base.label
    ]
    for path in paths:
        try:
            checkpoint = read_checkpoint(path, path.name, base, bool(arguments.get("any_base", False)))
            if checkpoint.kind == "full":
                faults.append(f"{path} is a whole model, no adapter. Evaluate it by itself: pretrained={path}")
            elif (why := engine.refuse(base, checkpoint)) is not None:
                faults.append(f"{path} cannot be served by this engine: {why}. Use --model lorafair-hf.")
            found.append(checkpoint)
        except LorafairError as error:
            faults.append(str(error))
    raise_faults("The adapters cannot be evaluated", faults)
    return base, found


def make_plain(
    engine: type[Engine],
    base: Checkpoint,
    checkpoints: list[Checkpoint],
    arguments: Mapping[str, Any],
    more: Mapping[str, Any],
) -> Engine:
    """An engine that serves base and checkpoints under lm_eval's settings; the first checkpoint answers."""
    made = engine(base, checkpoints, make_settings(base, arguments, more))
    if checkpoints:
        made.active = checkpoints[0].label
    return made


def make_settings(base: Checkpoint, arguments: Mapping[str, Any], more: Mapping[str, Any]) -> EngineSettings:
    """The engine's settings that arguments of lm_eval come to.

    lm_eval says ``cuda:0`` wherever the user says nothing, so that is taken as "where there is one".
    """
    from lorafair.engines.contract import EngineSettings

    asked, dtype = more.get("device"), str(arguments.get("dtype") or "auto")
    size = str(arguments.get("batch_size") or more.get("batch_size") or "")
    return EngineSettings(
        dtype=base_dtype(base) if dtype == "auto" else dtype,
        device=arguments.get("device") or (None if asked == "cuda:0" else asked),
        batch_size=int(size) if size.isdecimal() else None,
        seed=int(arguments.get("seed", 1234)),
        trust_remote_code=bool(arguments.get("trust_remote_code", False)),
        extra={key: value for key, value in arguments.items() if key not in OWN and value is not None},
    )
