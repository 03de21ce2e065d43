"""Many LoRA adapters beside one base model, in one pass.

Rows of a batch are adapter-major: all pictures of adapter 0, then all of adapter 1, and so on.
Each adapted linear layer adds to every block of rows the update of its own adapter with two
batched products. The adapters lie outside the model, which stays as it was loaded.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

LAYER = re.compile(
    r"model\.language_model\.layers\.(?P<index>\d+)\.(?P<linear>self_attn\.[qkvo]_proj"
    r"|mlp\.(gate|up|down)_proj)"
)


class Update(NamedTuple):
    """K adapters of one linear layer."""

    down: Tensor  # (K, in, R)
    up: Tensor  # (K, R, out), scaled already
    dropout: float = 0.0  # share of the inputs hidden from the adapter, in training


@dataclass(frozen=True)
class LoraWeights:
    """One adapter as PEFT stores it: per linear layer A (rank, in) and B (out, rank)."""

    layers: Mapping[str, tuple[Tensor, Tensor]]
    rank: int
    scale: float  # alpha / rank


@dataclass(frozen=True)
class LoraStack:
    """K adapters, by layer of the decoder and name of the linear layer in it."""

    layers: tuple[dict[str, Update], ...]


def stack_adapters(
    adapters: Sequence[LoraWeights | None], depth: int, like: Tensor, dropout: float = 0.0
) -> LoraStack | None:
    """Lays adapters side by side for a decoder of ``depth`` layers, in dtype and place of ``like``.

    An adapter that is None, or leaves a layer alone, has zeros there: the base model itself.
    Ranks may differ. None if there is no adapter at all. Differentiable: training stacks its one
    adapter anew for each step, so that it learns through the code that serves.
    """
    layers: list[dict[str, Update]] = [{} for _ in range(depth)]
    names = {name for adapter in adapters if adapter for name in adapter.layers}
    for name in sorted(names):
        match = LAYER.fullmatch(name)
        assert match is not None, name  # ml.bundle lets no other layer through
        pairs = [_pair(adapter, name) for adapter in adapters]
        a_shape, b_shape = next((a.shape, b.shape) for a, b in filter(None, pairs))
        rank = max(a.shape[0] for a, _ in filter(None, pairs))
        downs, ups = [], []
        for pair in pairs:
            a, b = pair or (like.new_zeros(0, a_shape[1]), like.new_zeros(b_shape[0], 0))
            missing = rank - a.shape[0]
            downs.append(F.pad(a, (0, 0, 0, missing)).t().to(like))
            ups.append(F.pad(b, (0, missing)).t().to(like))
        update = Update(torch.stack(downs), torch.stack(ups), dropout)
        layers[int(match["index"])][match["linear"]] = update
    return LoraStack(tuple(layers)) if names else None


def adapted(linear: nn.Module, x: Tensor, update: Update | None) -> Tensor:
    """linear(x) + B_k A_k x for the k-th of K equal blocks of rows, (K * B, S, in)."""
    y: Tensor = linear(x)
    if update is None:
        return y
    count = len(update.down)
    rows = F.dropout(x.reshape(count, -1, x.shape[-1]), update.dropout)  # (K, B * S, in)
    base = y.reshape(count, -1, y.shape[-1])
    return torch.baddbmm(base, rows @ update.down, update.up).view(y.shape)


def _pair(adapter: LoraWeights | None, name: str) -> tuple[Tensor, Tensor] | None:
    if adapter is None or name not in adapter.layers:
        return None
    a, b = adapter.layers[name]
    # Scaled in fp32, then cast: the adapter takes the base's dtype once, not twice.
    return a.float(), b.float() * adapter.scale
