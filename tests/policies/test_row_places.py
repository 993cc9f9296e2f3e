"""A row of a matrix product has the same bits in every place: what the independence of batches and workers rests on."""

import fdp_policies  # noqa: F401, before the first product: the library reads its mode once
import pytest
import torch
from torch.nn import functional


@pytest.mark.parametrize("rows", [2, 3, 4, 7, 8, 16, 32])
@pytest.mark.parametrize(("inputs", "outputs"), [(7, 128), (128, 7), (128, 128), (64, 256)])
def test_a_row_of_a_product_is_the_same_in_every_place(rows, inputs, outputs):
    generator = torch.Generator().manual_seed(0)
    values, weight, bias = (
        torch.randn(shape, generator=generator) for shape in [(rows, inputs), (outputs, inputs), (outputs,)]
    )
    product = functional.linear(values, weight, bias)
    for shift in range(1, rows):
        turned = functional.linear(values.roll(shift, 0), weight, bias)
        assert torch.equal(turned, product.roll(shift, 0))
