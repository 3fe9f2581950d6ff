"""Methods: what is trained. Each maps the settings of one run to a PEFT config, or to None for every weight.

A method takes those of these settings that it names: ``rank``, ``alpha``, ``target_modules``, ``seed``, ``steps`` (of
the optimizer, in all), ``modules`` (paths of the base's linear layers in the model's order, the head left out), and
options of its own, which ``--method-option NAME=VALUE`` sets.
"""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from typing import Any, Literal

from lorafair.errors import LorafairError, did_you_mean, raise_faults
from lorafair.method_option import GIVEN

Targets = str | list[str]
CAUSAL = "CAUSAL_LM"


def full() -> None:
    """Full fine-tuning: no PEFT config, every weight is trained."""
    return None


def head() -> Any:
    """The head alone, the base as it is ("rank 0" in Ding et al. 2024): a linear probe of the base's features.

    Returns:
        peft.LoraConfig of rank 0 on no module: PEFT's form of a checkpoint that holds a saved head and nothing else.
    """
    from peft import LoraConfig
    from peft.utils.constants import DUMMY_TARGET_MODULES

    return LoraConfig(r=0, lora_alpha=1, target_modules=DUMMY_TARGET_MODULES, bias="none", task_type=CAUSAL)


def lora(rank: int, alpha: float, target_modules: Targets, dropout: float = 0.0) -> Any:
    """Low-rank adaptation (Hu et al. 2021, arXiv 2106.09685): W + (alpha / rank) B A, with B = 0 at the start.

    Args:
        rank: rows of A, at least 1.
        alpha: numerator of the scaling.
        target_modules: ``"all-linear"`` (every linear layer but the head, as PEFT resolves it) or module names.
        dropout: share of the inputs of A that are zeroed in training.

    Returns:
        peft.LoraConfig for a causal language model, no biases.
    """
    return _make_lora(rank, alpha, target_modules, dropout)


def rslora(rank: int, alpha: float, target_modules: Targets, dropout: float = 0.0) -> Any:
    """Rank-stabilised LoRA (Kalajdzievski 2023, arXiv 2312.03732): the scaling is alpha / sqrt(rank)."""
    return _make_lora(rank, alpha, target_modules, dropout, use_rslora=True)


def dora(rank: int, alpha: float, target_modules: Targets, dropout: float = 0.0) -> Any:
    """Weight-decomposed LoRA (Liu et al. 2024, arXiv 2402.09353): a trained length per output, LoRA for directions."""
    return _make_lora(rank, alpha, target_modules, dropout, use_dora=True)


def pissa(rank: int, alpha: float, target_modules: Targets, dropout: float = 0.0) -> Any:
    """LoRA that starts as the principal part of W by SVD (Meng, Wang, Zhang 2024, arXiv 2404.02948).

    Its start changes the base's weights, so the checkpoint holds the difference from the start, an ordinary LoRA
    adapter of twice the rank (PEFT's conversion); that needs alpha / rank to be the same at both ends.
    """
    return _make_lora(rank, alpha, target_modules, dropout, init_lora_weights="pissa")


def olora(rank: int, alpha: float, target_modules: Targets, dropout: float = 0.0) -> Any:
    """LoRA that starts from the QR decomposition of W (Büyükakyüz 2024, arXiv 2406.01775); written as ``pissa`` is."""
    return _make_lora(rank, alpha, target_modules, dropout, init_lora_weights="olora")


def adalora(
    rank: int,
    alpha: float,
    target_modules: Targets,
    steps: int,
    start: float = 1.5,
    warm: float = 0.2,
    settled: float = 0.3,
) -> Any:
    """Adaptive budget (Zhang et al. 2023, arXiv 2303.10512): singular values fade until ``rank`` is the mean rank.

    Args:
        rank: mean rank per module that is left at the end.
        steps: optimizer steps of the run.
        start: rank at the start, as a multiple of ``rank`` (rounded up).
        warm, settled: shares of the steps before ranks begin to fall and after they have fallen.

    Raises:
        LorafairError: for a run of fewer than 4 steps, too short for the three phases.
    """
    from math import ceil

    from peft import AdaLoraConfig

    if steps < 4 or not (min(warm, settled) >= 0 and warm + settled < 1 and start >= 1):
        raise LorafairError(
            f"adalora needs at least 4 steps (this run has {steps}), start of at least 1, and warm + settled below 1. "
            "Train longer (--epochs), or take --method lora."
        )
    return AdaLoraConfig(
        init_r=ceil(start * rank),
        target_r=rank,
        lora_alpha=alpha,
        target_modules=target_modules,
        total_step=steps,
        tinit=int(warm * steps),
        tfinal=int(settled * steps),
        deltaT=1,
        task_type=CAUSAL,
    )


def vera(rank: int, target_modules: Targets, seed: int) -> Any:
    """Vector-based random matrix adaptation (Kopiczko et al. 2023, arXiv 2310.11454): trained scalings of frozen ones.

    The random matrices are drawn from the run's seed and saved with the adapter.
    """
    from peft import VeraConfig

    return VeraConfig(
        r=rank, target_modules=target_modules, projection_prng_key=seed, save_projection=True, task_type=CAUSAL
    )


def ia3(target_modules: Targets) -> Any:
    """Trained scalings of keys, values and feed-forward activations (Liu et al. 2022, arXiv 2205.05638).

    ``all-linear`` stands for the modules that PEFT knows for the base's architecture.
    """
    from peft import IA3Config

    if target_modules == "all-linear":
        return IA3Config(task_type=CAUSAL)
    return IA3Config(target_modules=target_modules, feedforward_modules=[], task_type=CAUSAL)


def prompt_tuning(tokens: int = 20) -> Any:
    """Trained input embeddings before the text (Lester, Al-Rfou, Constant 2021, arXiv 2104.08691)."""
    from peft import PromptTuningConfig

    return PromptTuningConfig(num_virtual_tokens=tokens, task_type=CAUSAL)


def prefix_tuning(tokens: int = 20) -> Any:
    """Trained keys and values before the text in every layer (Li and Liang 2021, arXiv 2101.00190)."""
    from peft import PrefixTuningConfig

    return PrefixTuningConfig(num_virtual_tokens=tokens, task_type=CAUSAL)


def fractional(
    alpha: float,
    seed: int,
    modules: Sequence[str],
    fraction: float = 0.5,
    place: Literal["front", "back", "random"] = "front",
) -> Any:
    """Rank 1 on a share of the linear layers (Ding et al. 2024, arXiv 2405.17512: "fractional rank").

    Args:
        fraction: share of the layers, above 0 and at most 1; the count is rounded, at least one.
        place: the first layers of the model, the last, or drawn by the run's seed.

    Raises:
        LorafairError: for another fraction or place.
    """
    import numpy as np

    faults = [] if 0 < fraction <= 1 else [f"fraction is {fraction}; it must be above 0 and at most 1."]
    if place not in ("front", "back", "random"):
        faults.append(f"place is {place!r}, not front, back or random.")
    raise_faults("--method-option of fractional", faults)
    count = max(1, round(fraction * len(modules)))
    chosen = {
        "front": lambda: modules[:count],
        "back": lambda: modules[-count:],
        "random": lambda: [modules[i] for i in np.random.default_rng(seed).choice(len(modules), count, replace=False)],
    }[place]()
    return lora(1, alpha, sorted(chosen))


def peft(config: str = "LoraConfig", target_modules: Targets | None = None, **options: Any) -> Any:
    """Any other method of PEFT by the name of its config class, with the class's own settings as options.

    ``--method peft --method-option config=LoHaConfig --method-option r=4``; the run's target modules are used where
    the class has some.

    Raises:
        LorafairError: for a name that is no PEFT config, or options that it does not take.
    """
    import peft as library

    known = {name for name, kind in vars(library).items() if _is_config(kind, library.PeftConfig)}
    if config not in known:
        raise LorafairError(f"{config!r} is no PEFT config.{did_you_mean(config, known)}")
    kind = getattr(library, config)
    taken = inspect.signature(kind).parameters
    options = {key: value for key, value in options.items() if key not in GIVEN}
    if "target_modules" in taken:
        options["target_modules"] = target_modules
    unknown = sorted(set(options) - set(taken))
    raise_faults(f"--method-option of {config}", [f"no {key!r}.{did_you_mean(key, taken)}" for key in unknown])
    try:
        return kind(**({"task_type": CAUSAL} | options))
    except (TypeError, ValueError) as error:
        raise LorafairError(f"{config} refuses its options: {error}") from error


def _make_lora(rank: int, alpha: float, target_modules: Targets, dropout: float, **changes: Any) -> Any:
    from peft import LoraConfig

    return LoraConfig(
        r=rank,
        lora_alpha=alpha,
        target_modules=target_modules,
        lora_dropout=dropout,
        bias="none",
        task_type=CAUSAL,
        **changes,
    )


def _is_config(kind: Any, parent: type) -> bool:
    return isinstance(kind, type) and issubclass(kind, parent) and kind is not parent
