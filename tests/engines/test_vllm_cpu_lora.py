"""The dense LoRA products against the definition, row by row; nothing of vLLM is imported."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from lorafair.engines.vllm_cpu_lora import FUSED, _runs, add_linear, expand, shrink


@settings(deadline=None, max_examples=60)
@given(
    index=st.lists(st.integers(-1, 2), min_size=1, max_size=12),
    rank=st.sampled_from([1, 2, 8]),
    four=st.booleans(),
    extra=st.integers(0, 3),
)
def test_shrink_is_scaled_a_per_row(index, rank, four, extra):
    torch.manual_seed(len(index) * 7 + rank)
    n = len(index)
    a = torch.randn(3, 1, rank, 6) if four else torch.randn(3, rank, 6)
    x, out = torch.randn(n, 6), torch.full((n + extra, rank), 7.0)
    shrink(x, a, out, torch.tensor(index + [0] * extra), 0.5)
    for row, number in enumerate(index):
        wanted = torch.zeros(rank) if number < 0 else 0.5 * x[row] @ a.reshape(3, rank, 6)[number].t()
        assert torch.allclose(out[row], wanted, atol=1e-5)
    assert (out[n:] == 7.0).all()


@settings(deadline=None, max_examples=60)
@given(
    index=st.lists(st.integers(-1, 2), min_size=1, max_size=12),
    offset=st.integers(0, 3),
    add=st.booleans(),
    four=st.booleans(),
)
def test_expand_is_b_per_row_in_its_slice_and_leaves_the_rest(index, offset, add, four):
    torch.manual_seed(len(index) * 3 + offset)
    n, rank, size = len(index), 4, 5
    b = torch.randn(3, 1, size, rank) if four else torch.randn(3, size, rank)
    x, before = torch.randn(n, rank), torch.randn(n, size + 4)
    out = before.clone()
    expand(x, b, out, torch.tensor(index), offset, size, add)
    for row, number in enumerate(index):
        wanted = before[row].clone()
        if number >= 0:
            product = x[row] @ b.reshape(3, size, rank)[number].t()
            wanted[offset : offset + size] = product + (wanted[offset : offset + size] if add else 0)
        assert torch.allclose(out[row], wanted, atol=1e-5)


def test_bfloat16_products_are_as_near_to_float64_as_a_plain_product():
    torch.manual_seed(0)
    x, a = torch.randn(64, 576, dtype=torch.bfloat16), torch.randn(1, 8, 576, dtype=torch.bfloat16)
    out = torch.zeros(64, 8)
    shrink(x, a, out, torch.zeros(64, dtype=torch.long), 1.0)
    assert (out.double() - x.double() @ a[0].double().t()).abs().max() == pytest.approx(0, abs=1e-3)


@settings(deadline=None, max_examples=60)
@given(
    index=st.lists(st.integers(-1, 2), min_size=1, max_size=12),
    scale=st.sampled_from([1.0, 0.5]),
    rank=st.sampled_from([1, 4, FUSED // 2]),
)
def test_a_linear_layer_adds_both_products_to_each_of_its_slices(index, scale, rank):
    torch.manual_seed(len(index))
    sizes, n = (5, 2, 3), len(index)
    a = tuple(torch.randn(3, 1, rank, 6) for _ in sizes)
    b = tuple(torch.randn(3, 1, size, rank) for size in sizes)
    x, packed = torch.randn(n, 6), {}
    for _ in range(2):  # the second time by the factors that are kept
        y = torch.randn(n, sum(sizes))
        before = y.clone()
        add_linear(y, x, a, b, scale, sizes, _runs(torch.tensor(index)), packed)
        for row, number in enumerate(index):
            added = [scale * x[row] @ f[number, 0].t() @ s[number, 0].t() for f, s in zip(a, b, strict=True)]
            wanted = before[row] if number < 0 else before[row] + torch.cat(added)
            assert torch.allclose(y[row], wanted, atol=1e-3)
    assert {number for _, number in packed} == set(index) - {-1}
    assert all(len(parts) == (1 if 3 * rank <= FUSED else 3) for _, parts in packed.values())
