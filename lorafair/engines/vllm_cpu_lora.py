"""vLLM's LoRA products on CPU as dense matrix products, one per distinct adapter in the batch.

vLLM's own CPU operations gather an adapter's weights once per token, so a batch of log-likelihoods of one adapter
copies the same matrices thousands of times.  Rows of one adapter are multiplied together here, and the slices of a
layer too, by factors put side by side when an adapter comes into the engine's slot.  Applied only on the CPU
platform and only to the vLLM versions that it was tested with; ``LORAFAIR_CPU_LORA=stock`` switches it off.
"""

from __future__ import annotations

from typing import Any

from lorafair.engines.vllm_cpu_patch import may_patch

FUSED = 128
"""Slices of a layer (query, key, value) whose ranks sum up to this share one product; wider ones would waste more."""
Packed = tuple[Any, list[tuple[int, int, int, int, Any]]]
"""First factors of all slices side by side, and (columns of that product from, to, outputs from, to, second factor)."""


def apply_dense_lora() -> bool:
    """Replace the six operations in vLLM's CPU LoRA wrapper; returns whether it was done.

    Must run before the engine is made, in the engine's own process.
    """
    if not may_patch("LORAFAIR_CPU_LORA"):
        return False
    import torch
    from vllm.lora.model_manager import LoRAModelManager
    from vllm.lora.punica_wrapper import punica_cpu

    def per_token(index: Any, lengths: Any) -> Any:
        return torch.repeat_interleave(index, lengths)

    def bgmv_shrink(x: Any, w: Any, y: Any, index: Any, scale: float = 1.0) -> None:
        shrink(x, w, y, index, scale)

    def sgmv_shrink(
        x: Any, w: Any, y: Any, starts: Any, lengths: Any, index: Any, batches: int, longest: int, n: int, scale: float
    ) -> None:
        shrink(x, w, y, per_token(index, lengths), scale)

    def bgmv_expand(x: Any, w: Any, y: Any, index: Any, add_inputs: bool = True) -> None:
        expand(x, w, y, index, 0, y.shape[1], add_inputs)

    def sgmv_expand(
        x: Any,
        w: Any,
        y: Any,
        starts: Any,
        lengths: Any,
        index: Any,
        batches: int,
        longest: int,
        n: int,
        add_inputs: bool = False,
    ) -> None:
        expand(x, w, y, per_token(index, lengths), 0, y.shape[1], add_inputs)

    def bgmv_expand_slice(x: Any, w: Any, y: Any, index: Any, offset: int, size: int, add_inputs: bool = True) -> None:
        expand(x, w, y, index, offset, size, add_inputs)

    def sgmv_expand_slice(
        x: Any,
        w: Any,
        y: Any,
        starts: Any,
        lengths: Any,
        index: Any,
        batches: int,
        longest: int,
        n: int,
        offset: int,
        size: int,
        add_inputs: bool = False,
    ) -> None:
        expand(x, w, y, per_token(index, lengths), offset, size, add_inputs)

    wrapper = punica_cpu.PunicaWrapperCPU
    operations = (bgmv_shrink, sgmv_shrink, bgmv_expand, sgmv_expand, bgmv_expand_slice, sgmv_expand_slice)
    if not all(hasattr(punica_cpu, operation.__name__) for operation in operations):
        return False
    for operation in operations:
        setattr(punica_cpu, operation.__name__, operation)
    update_metadata = wrapper.update_metadata

    def update_and_sort(self: Any, *given: Any, **named: Any) -> None:
        update_metadata(self, *given, **named)
        self.runs = _runs(self.token_lora_indices)

    packed: dict[tuple[int, int], Packed] = {}
    activate = LoRAModelManager.activate_adapter

    def activate_anew(self: Any, lora_id: int) -> Any:
        changed = activate(self, lora_id)
        if changed:
            packed.clear()
        return changed

    def add_lora_linear(
        self: Any, y: Any, x: Any, a: Any, b: Any, scale: float, sizes: Any, *, buffer: Any = None, **named: Any
    ) -> None:
        add_linear(y.view(-1, y.shape[-1]), x.view(-1, x.shape[-1]), a, b, scale, sizes, self.runs, packed)

    LoRAModelManager.activate_adapter = activate_anew
    wrapper.update_metadata = update_and_sort
    wrapper.add_lora_linear = add_lora_linear
    return True


def add_linear(
    y: Any,
    x: Any,
    a: Any,
    b: Any,
    scale: float,
    sizes: Any,
    runs: list[tuple[int, Any]],
    packed: dict[tuple[int, int], Packed],
) -> None:
    """``y[t, slice i] += scale * x[t] @ A_i[adapter of t].T @ B_i[adapter of t].T``, as PEFT multiplies: in x's dtype.

    Shapes: x (n, in), y (n, sum of sizes), ``a[i]`` (adapters, 1, r, in), ``b[i]`` (adapters, 1, sizes[i], r).

    Args:
        runs: (adapter number, its rows), -1 for rows without an adapter; a slice where all rows are one adapter's.
        packed: factors by layer and adapter number, filled here; whoever changes the weights empties it.
    """
    for number, rows in runs:
        if number < 0:
            continue
        key = (a[0].data_ptr(), number)
        if key not in packed:
            packed[key] = pack(a, b, sizes, number)
        first, parts = packed[key]
        whole = isinstance(rows, slice)
        low = (x if whole else x[rows]) @ first
        if scale != 1:
            low *= scale
        for start, stop, left, right, second in parts:
            if whole:
                y[:, left:right].addmm_(low[:, start:stop], second)
            else:
                y[rows, left:right] += low[:, start:stop] @ second


def pack(a: Any, b: Any, sizes: Any, number: int) -> Packed:
    """The factors of one adapter for :func:`add_linear`, transposed; the second ones on one block diagonal if small."""
    import torch

    firsts, seconds = ([_weight(each, number) for each in factors] for factors in (a, b))
    first = torch.cat(firsts).t().contiguous()
    if first.shape[1] <= FUSED:
        second = torch.block_diag(*seconds).to(first.dtype).t().contiguous()  # type: ignore[no-untyped-call]
        return first, [(0, first.shape[1], 0, sum(sizes), second)]
    parts, start, left = [], 0, 0
    for one, other, size in zip(firsts, seconds, sizes, strict=True):
        parts.append((start, start + one.shape[0], left, left + size, other.t().contiguous()))
        start, left = start + one.shape[0], left + size
    return first, parts


def shrink(x: Any, weights: Any, out: Any, index: Any, scale: float) -> None:
    """``out[t, :r] = scale * x[t] @ A[index[t]].T``; zero where ``index[t]`` is -1.

    Shapes: x (n, in), weights (adapters, [1,] r, in), out (>= n, >= r), index (>= n).
    """
    for number, rows in _runs(index[: x.shape[0]]):
        if number < 0:
            out[rows] = 0
            continue
        a = _weight(weights, number)
        out[rows, : a.shape[0]] = scale * (x[rows].to(out.dtype) @ a.to(out.dtype).t())


def expand(x: Any, weights: Any, out: Any, index: Any, offset: int, size: int, add: bool) -> None:
    """``out[t, offset:offset+size] (+)= x[t, :r] @ B[index[t]].T``; rows with index -1 are left as they are.

    Shapes: x (n, >= r), weights (adapters, [1,] size, r), out (>= n, >= offset+size), index (>= n).
    """
    for number, rows in _runs(index[: x.shape[0]]):
        if number < 0:
            continue
        b = _weight(weights, number)
        width = min(size, b.shape[0])
        product = (x[rows][:, : b.shape[1]].to(out.dtype) @ b.to(out.dtype).t())[:, :width]
        if add:
            out[rows, offset : offset + width] += product
        else:
            out[rows, offset : offset + width] = product


def _weight(weights: Any, number: int) -> Any:
    one = weights[number]
    return one.squeeze(0) if one.dim() == 3 else one


def _runs(index: Any) -> list[tuple[int, Any]]:
    """(adapter number, its rows): a slice where all rows are one adapter's, else their positions."""
    numbers = index.unique().tolist()
    if len(numbers) == 1:
        return [(numbers[0], slice(0, index.shape[0]))]
    return [(number, (index == number).nonzero().squeeze(1)) for number in numbers]
