"""The vision tower of Qwen2.5-VL for pictures of one size, many at a time.

transformers works out windows and positions in Python for every picture, which on a GPU waits for
the device, and attends to the windows one after another. For a fixed size all of that is known
beforehand: here it is computed once, and windows of one size attend in one call. The modules are
the loaded model's own; tests hold the result to transformers'.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from transformers.models.qwen2_5_vl.modeling_qwen2_5_vl import (
    Qwen2_5_VisionTransformerPretrainedModel,
    get_vision_position_ids,
    get_vision_window_index,
    rotate_half,
)


class Tower:
    """Patches of pictures of ``size_px`` square to the tokens that the language model reads."""

    def __init__(self, visual: Qwen2_5_VisionTransformerPretrainedModel, size_px: int) -> None:
        config = visual.config
        side = size_px // config.patch_size
        grid = torch.tensor([[1, side, side]])
        merge = config.spatial_merge_size
        windows, borders = get_vision_window_index(
            grid,
            spatial_merge_size=merge,
            window_size=config.window_size,
            patch_size=config.patch_size,
        )
        device = visual.patch_embed.proj.weight.device
        # The patches of each merged token, windows side by side.
        patches = windows[:, None] * merge**2 + torch.arange(merge**2)
        self.visual = visual
        self.count = side**2  # N patches a picture
        self.order = patches.flatten().to(device)  # (N,) windows side by side
        self.back = windows.argsort().to(device)  # (N / 4,) merged tokens in reading order
        positions = get_vision_position_ids(grid, merge).to(device)
        cos, sin = visual.rotary_pos_emb(visual.patch_embed.proj.weight, positions)
        self.cos, self.sin = cos[self.order].float(), sin[self.order].float()  # (N, D)
        lengths = borders.unique_consecutive().diff()
        self.windows = len(lengths)
        self.mask: Tensor | None = None
        if len(lengths.unique()) > 1:  # windows at the edge are smaller: attend behind a mask
            blocks = [torch.ones(int(n), int(n)) for n in lengths]
            self.mask = torch.block_diag(*blocks).bool().to(device)

    def __call__(self, patches: Tensor) -> Tensor:
        """(B * N, 1176), in the processor's order, to (B, N / 4, H) in the model's dtype."""
        visual = self.visual
        weight = visual.patch_embed.proj.weight
        # Stride equals size, so the convolution is one product.
        x = F.linear(patches.to(weight.dtype), weight.flatten(1))
        x = x.unflatten(0, (-1, self.count))[:, self.order]  # (B, N, W)
        block: Any
        for index, block in enumerate(visual.blocks):
            whole = index in visual.config.fullatt_block_indexes
            x = x + self._attend(block.attn, block.norm1(x), whole)
            x = x + block.mlp(block.norm2(x))
        merged: Tensor = visual.merger(x.flatten(0, 1))
        return merged.unflatten(0, (len(x), -1))[:, self.back]

    def _attend(self, attention: Any, x: Tensor, whole: bool) -> Tensor:
        batch = len(x)
        qkv = attention.qkv(x).unflatten(-1, (3, attention.num_heads, -1))  # (B, N, 3, heads, D)
        q, k, v = qkv.permute(2, 0, 3, 1, 4).unbind(0)  # (B, heads, N, D)
        q, k = self._rotated(q), self._rotated(k)
        mask = None if whole else self.mask
        apart = not whole and mask is None
        if apart:
            q, k, v = (
                t.unflatten(2, (self.windows, -1)).transpose(1, 2).flatten(0, 1) for t in (q, k, v)
            )
        seen = F.scaled_dot_product_attention(q, k, v, attn_mask=mask, scale=attention.scaling)
        if apart:
            seen = seen.unflatten(0, (batch, self.windows)).transpose(1, 2).flatten(2, 3)
        projected: Tensor = attention.proj(seen.transpose(1, 2).flatten(2))
        return projected

    def _rotated(self, x: Tensor) -> Tensor:
        wide = x.float()
        return (wide * self.cos + rotate_half(wide) * self.sin).to(x.dtype)
