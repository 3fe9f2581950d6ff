"""Whether the engine's log-probabilities show the checkpoint that it claims to serve: numbers in, a finding out.

Two rules, both on the same few prompts.  *Effect*: the checkpoint changes the log-probabilities of the base by at least
ten times the engine's own repeat noise.  *Parity*: they are those of transformers + PEFT.  In float32 that means equal
within 1e-3 nats per prompt.  In a narrower type two things are asked, each against what rounding itself costs
(transformers in that type against transformers in float32, root mean square over prompts, of the base; where that is
not enough, of the checkpoint itself): the engine is at most
three times as far from float32, and no part of the checkpoint's effect is missing (the slope of the deviation on the
effect is zero within six standard errors and a tenth).  Under normal rounding errors a right engine fails either with a
probability of about 5 in 100,000 per checkpoint.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

REFERENCE = "hf"
NOISE_FACTOR = 10.0
SMALLEST_EFFECT = 1e-5
TOLERANCE = 1e-3
ROUNDING_FACTOR = 3.0
MISSING_SHARE = 0.1
MISSING_ERRORS = 6.0
Fault = Literal["effect", "parity", "return"]


@dataclass(frozen=True)
class Finding:
    """What the verification of one checkpoint found.  All numbers in nats per prompt but ``missing``, a share.

    ``fault`` is None where everything holds; else which rule failed: ``effect``, ``parity``, or ``return`` where the
    engine does not come back to the base.
    """

    label: str
    engine: str
    dtype: str
    fault: Fault | None
    effect: float | None = None
    noise: float | None = None
    deviation: float | None = None
    tolerance: float | None = None
    missing: float | None = None

    @property
    def text(self) -> str:
        """One line for a table."""
        found = [] if self.effect is None else [f"changes log-probabilities by {self.effect:.2g} nats"]
        if self.deviation is not None:
            found.append(f"within {self.deviation:.2g} of transformers + PEFT ({self.dtype})")
        elif self.engine == REFERENCE:
            found.append(f"transformers + PEFT itself ({self.dtype})")
        else:
            found.append("parity not checked")
        return ", ".join(found)

    def record(self) -> dict[str, Any]:
        """The finding as JSON values."""
        return asdict(self)


def judge_effect(
    answers: Sequence[float], base: Sequence[float], repeated: Sequence[float]
) -> tuple[bool, float, float]:
    """Whether a checkpoint changes the base's log-probabilities, by how much, and the engine's repeat noise.

    Args:
        answers: the checkpoint's log-probabilities, n prompts, nats.
        base: the base's; ``repeated`` the base's again, from the same engine.

    Returns:
        (holds, root mean square change, root mean square noise).
    """
    effect, noise = root_mean_square(answers, base), root_mean_square(repeated, base)
    return max(NOISE_FACTOR * noise, SMALLEST_EFFECT) <= effect < float("inf"), effect, noise


def judge_parity(
    answers: Sequence[float],
    exact: Sequence[float],
    cost: float | None,
    exact_base: Sequence[float] | None,
) -> tuple[bool, float, float, float | None]:
    """Whether log-probabilities are those of transformers + PEFT.

    Args:
        answers: the engine's, n prompts, nats.
        exact: the reference's in float32.
        cost: what rounding to the engine's type costs the reference (root mean square, nats); None for float32.
        exact_base: the reference's for the base in float32; None for the base itself.

    Returns:
        (holds, deviation, tolerance, share of the effect that is missing or None).  The deviation is the largest
        over the prompts in float32, the root mean square in a narrower type.
    """
    if cost is None:
        deviation = max(abs(a - e) for a, e in zip(answers, exact, strict=True))
        return deviation <= TOLERANCE, deviation, TOLERANCE, None
    deviation = root_mean_square(answers, exact)
    tolerance = max(ROUNDING_FACTOR * cost, TOLERANCE)
    if exact_base is None:
        return deviation <= tolerance, deviation, tolerance, None
    effect = [e - b for e, b in zip(exact, exact_base, strict=True)]
    size = sum(d * d for d in effect)
    if size == 0:
        return deviation <= tolerance, deviation, tolerance, None
    missing = -sum((a - e) * d for a, e, d in zip(answers, exact, effect, strict=True)) / size
    allowed = MISSING_SHARE + MISSING_ERRORS * cost / size**0.5
    return deviation <= tolerance and abs(missing) <= allowed, deviation, tolerance, missing


def root_mean_square(left: Sequence[float], right: Sequence[float]) -> float:
    """Root mean square difference of two lists of n numbers; infinite where one of them is not finite."""
    total = sum((a - b) ** 2 for a, b in zip(left, right, strict=True))
    return float((total / len(left)) ** 0.5) if total == total else float("inf")
