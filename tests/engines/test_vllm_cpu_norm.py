"""RMS norms by vLLM's compiled kernel against the definition in float64, and what the kernel cannot read."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
import torch

from lorafair.engines.vllm_cpu_norm import normalise

EPSILON = 1e-5


@pytest.fixture(scope="module", autouse=True)
def kernel():
    platforms = pytest.importorskip("vllm.platforms")
    if not platforms.current_platform.is_cpu():
        pytest.skip("vLLM for a GPU has its own norms")
    platforms.current_platform.import_kernels()


def make_layer(width, dtype, native):
    weight = (1 + 0.2 * torch.randn(width)).to(dtype)
    return SimpleNamespace(
        weight=SimpleNamespace(data=weight),
        has_weight=True,
        variance_size_override=None,
        variance_epsilon=EPSILON,
        forward_native=native,
    )


def define(x, weight):
    x = x.double()
    return weight.double() * x / (x.pow(2).mean(-1, keepdim=True) + EPSILON).sqrt()


def refuse(*_):
    raise AssertionError("the kernel was not used")


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float32, 2e-6), (torch.bfloat16, 2**-8)])
@pytest.mark.parametrize("shape", [(1, 32), (7, 576), (3, 5, 64), (130, 2048)])
def test_the_kernel_is_the_definition_rounded_once(shape, dtype, tolerance):
    torch.manual_seed(shape[-1])
    layer = make_layer(shape[-1], dtype, refuse)
    x, residual = (3 * torch.randn(shape)).to(dtype), torch.randn(shape).to(dtype)
    exact = define(x, layer.weight.data)
    assert ((normalise(layer, x).double() - exact).abs() <= tolerance * exact.abs() + 1e-6).all()
    total = x.double() + residual.double()
    out, added = normalise(layer, x.clone(), residual.clone())
    assert ((added.double() - total).abs() <= tolerance * total.abs() + 1e-6).all()
    exact = define(total, layer.weight.data)
    assert ((out.double() - exact).abs() <= 2 * tolerance * exact.abs() + 1e-6).all()


@pytest.mark.parametrize("why", ["width", "type", "override", "layout", "weightless"])
def test_what_the_kernel_cannot_read_goes_to_the_layer_itself(why):
    layer = make_layer(33 if why == "width" else 64, torch.float32, lambda x, residual: "native")
    x = torch.randn(4, layer.weight.data.shape[0])
    if why == "type":
        x = x.to(torch.bfloat16)
    if why == "override":
        layer.variance_size_override = 8
    if why == "layout":
        x = torch.randn(64, 4).t()
    if why == "weightless":
        layer.has_weight = False
    assert normalise(layer, x) == "native"
