"""What is added beside a linear layer, where other tests could not tell it from nothing."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from ml.lora_stack import LoraWeights, Update, adapted, stack_adapters

NAME = "model.language_model.layers.0.self_attn.q_proj"


def test_dropout_hides_its_share_of_the_inputs_from_the_adapter_alone() -> None:
    linear = nn.Linear(1, 1)
    nn.init.ones_(linear.weight)
    nn.init.zeros_(linear.bias)
    update = Update(torch.ones(1, 1, 1), torch.ones(1, 1, 1), dropout=0.25)
    torch.manual_seed(0)
    added = adapted(linear, torch.ones(1, 4000, 1), update) - 1
    assert sorted(added.unique().tolist()) == pytest.approx([0, 1 / 0.75])
    assert (added == 0).float().mean() == pytest.approx(0.25, abs=0.03)


def test_an_adapter_is_scaled_in_fp32_whatever_its_file_holds() -> None:
    a, b = torch.randn(2, 4), torch.randn(6, 2).bfloat16()
    weights = LoraWeights({NAME: (a.bfloat16(), b)}, 2, 1 / 3)
    stack = stack_adapters([weights], 1, torch.zeros(1))
    assert stack is not None
    assert torch.equal(stack.layers[0]["self_attn.q_proj"].up[0], (b.float() * (1 / 3)).t())
