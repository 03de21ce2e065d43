"""The language model of Qwen2.5-VL, reduced to what scoring needs. Training and serving share it.

transformers' own forward pass cannot give each block of rows its own adapter, cannot start behind
keys and values that several prompts share, and computes every position of the last layer. This
one does, on the very modules of the loaded model: nothing is copied and nothing is changed, so the
model can still write sentences, without any adapter. Tests hold it to transformers and PEFT.

Letters: N rows of a batch, S tokens, H hidden size, D size of a head, P tokens of a prefix,
K adapters. Rows are adapter-major: all pictures of adapter 0, then all of adapter 1, and so on.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.utils.checkpoint import checkpoint
from transformers import Qwen2_5_VLTextModel
from transformers.models.qwen2_5_vl.modeling_qwen2_5_vl import rotate_half

from ml.lora_stack import LoraStack, Update, adapted

Rotary = tuple[Tensor, Tensor]  # cosines and sines, each (N, 1, S, D)
LayerCache = tuple[Tensor, Tensor]  # keys and values, each (N, key-value heads, P, D)
Cache = list[LayerCache]  # one for each layer


@dataclass(frozen=True)
class Decoded:
    states: Tensor  # (N, S, H) after the last norm, or (N, H) if ``read`` was given
    cache: Cache  # keys and values of the new tokens alone


class Decoder:
    """A pass over the layers of ``model``. Differentiable with respect to adapters and inputs."""

    def __init__(self, model: Qwen2_5_VLTextModel, checkpointing: bool = False) -> None:
        """``checkpointing`` computes each layer twice in training and keeps its inputs only."""
        self.model = model
        self.checkpointing = checkpointing
        self.heads = model.config.num_attention_heads
        self.groups = self.heads // model.config.num_key_value_heads
        self.head_size = model.config.hidden_size // self.heads

    def rotary(self, positions: Tensor) -> Rotary:
        """(3, N, S) mrope positions (time, height, width) to rotations in the model's dtype."""
        cos, sin = self.model.rotary_emb(self.model.norm.weight, positions)
        return cos[:, None], sin[:, None]

    def __call__(
        self,
        x: Tensor,
        rotary: Rotary,
        mask: Tensor,
        lora: LoraStack | None = None,
        past: Cache | None = None,
        read: Tensor | None = None,
        blocks: int = 1,
    ) -> Decoded:
        """One pass.

        Args:
            x: (N, S, H) embeddings of the new tokens.
            rotary: of the new tokens; first dimension N or 1.
            mask: bool, True where a new token may look: (1 or N, 1, S, P + S). With ``blocks``
                (1, 1, blocks * S, P + blocks * S), see ``forest_mask``.
            lora: adapters for equal blocks of rows; None is the plain base model.
            past: keys and values of tokens before these. Their first dimension is N, or 1 for
                all rows alike, or a divisor of N, each then serving N / it neighboring rows.
            read: (N,) the one position of each row that is wanted; spares the last layer the rest.
            blocks: B * blocks rows of which row b, B + b, 2 B + b, ... continue the same ``past``
                of B rows. Keys and values of the past are then read once, not copied ``blocks``
                times.
        """
        cache: Cache = []
        last = len(self.model.layers) - 1
        for index, layer in enumerate(self.model.layers):
            arguments = (
                layer,
                x,
                rotary,
                mask,
                lora.layers[index] if lora else {},
                past[index] if past else None,
                read if index == last else None,
                blocks,
            )
            if self.checkpointing and torch.is_grad_enabled():
                x, keys, values = checkpoint(self._layer, *arguments, use_reentrant=False)
            else:
                x, keys, values = self._layer(*arguments)
            cache.append((keys, values))
        x = self.model.norm(x)
        return Decoded(x[:, 0] if read is not None else x, cache)

    def _layer(
        self,
        layer: Any,  # Qwen2_5_VLDecoderLayer
        x: Tensor,
        rotary: Rotary,
        mask: Tensor,
        lora: Mapping[str, Update],
        past: LayerCache | None,
        read: Tensor | None,
        blocks: int,
    ) -> tuple[Tensor, Tensor, Tensor]:
        attention = layer.self_attn
        h = layer.input_layernorm(x)
        keys = self._heads(adapted(attention.k_proj, h, lora.get("self_attn.k_proj")))
        values = self._heads(adapted(attention.v_proj, h, lora.get("self_attn.v_proj")))
        keys = _rotated(keys, rotary)
        if read is not None:  # from here on one position a row
            row = torch.arange(len(x), device=x.device)
            x, h = x[row, read][:, None], h[row, read][:, None]  # (N, 1, H)
            rotary = _at(rotary, read)
            mask = _rows_at(mask, read, keys.shape[2], blocks)
        queries = self._heads(adapted(attention.q_proj, h, lora.get("self_attn.q_proj")))
        seen = self._attend(_rotated(queries, rotary), keys, values, mask, past, blocks)
        x = x + adapted(attention.o_proj, seen, lora.get("self_attn.o_proj"))
        return x + _mlp(layer.mlp, layer.post_attention_layernorm(x), lora), keys, values

    def _heads(self, x: Tensor) -> Tensor:
        """(N, S, heads * D) to (N, heads, S, D)."""
        return x.unflatten(-1, (-1, self.head_size)).transpose(1, 2)

    def _attend(
        self,
        queries: Tensor,  # (N, heads, S, D)
        keys: Tensor,  # (N, key-value heads, S, D)
        values: Tensor,
        mask: Tensor,
        past: LayerCache | None,
        blocks: int,
    ) -> Tensor:
        """To (N, S, heads * D)."""
        rows, _, length, _ = queries.shape
        if blocks > 1:
            queries, keys, values = (_side_by_side(t, blocks) for t in (queries, keys, values))
        if past is not None:
            keys, values = (
                torch.cat([_spread(old, len(new)), new], dim=2)
                for old, new in zip(past, (keys, values), strict=True)
            )
        # Queries that share a key-value head are laid in one sequence: no head is copied.
        together = queries.unflatten(1, (-1, self.groups)).flatten(2, 3)
        seen = F.scaled_dot_product_attention(
            together, keys, values, attn_mask=mask.repeat(1, 1, self.groups, 1)
        )
        seen = seen.unflatten(2, (self.groups, -1)).flatten(1, 2)  # (N, heads, S, D)
        if blocks > 1:
            seen = seen.unflatten(2, (blocks, -1)).permute(2, 0, 1, 3, 4).flatten(0, 1)
        return seen.transpose(1, 2).reshape(rows, length, -1)


def causal_mask(
    new: int, prefix: Sequence[int] = (0,), device: torch.device | None = None
) -> Tensor:
    """(len(prefix), 1, new, P + new): each new token sees its prefix, itself and what lies between.

    Prefixes shorter than the longest, P, are padded on the right; nobody looks at the padding.
    """
    lengths = torch.tensor(prefix)[:, None]  # (N, 1)
    before = torch.arange(max(prefix)) < lengths  # (N, P)
    among = torch.ones(new, new, dtype=torch.bool).tril()
    mask = torch.cat(
        [before[:, None].expand(-1, new, -1), among.expand(len(prefix), -1, -1)], dim=2
    )
    return mask[:, None].to(device)


def forest_mask(blocks: int, new: int, prefix: int, device: torch.device | None = None) -> Tensor:
    """(1, 1, blocks * new, prefix + blocks * new): each ending sees the beginning and itself."""
    among = torch.block_diag(*[torch.ones(new, new).tril()] * blocks).bool()
    before = torch.ones(blocks * new, prefix, dtype=torch.bool)
    return torch.cat([before, among], dim=1)[None, None].to(device)


def _mlp(mlp: Any, h: Tensor, lora: Mapping[str, Update]) -> Tensor:
    gate = mlp.act_fn(adapted(mlp.gate_proj, h, lora.get("mlp.gate_proj")))
    up = adapted(mlp.up_proj, h, lora.get("mlp.up_proj"))
    return adapted(mlp.down_proj, gate * up, lora.get("mlp.down_proj"))


def _rotated(x: Tensor, rotary: Rotary) -> Tensor:
    cos, sin = rotary
    return x * cos + rotate_half(x) * sin


def _at(rotary: Rotary, read: Tensor) -> Rotary:
    """Rotations of one position a row: (N, 1, 1, D)."""
    row = torch.arange(len(read), device=read.device)
    cos, sin = (part.expand(len(read), -1, -1, -1)[row, 0, read][:, None, None] for part in rotary)
    return cos, sin


def _rows_at(mask: Tensor, read: Tensor, length: int, blocks: int) -> Tensor:
    """The lines of a mask that belong to one position a row."""
    row = torch.arange(len(read), device=read.device)
    if blocks == 1:
        return mask.expand(len(read), -1, -1, -1)[row, 0, read][:, None, None]  # (N, 1, 1, P + S)
    # Row block * B + b reads line block * S + read of the one mask that all pictures share.
    count = len(read) // blocks
    lines = mask[0, 0, (row // count) * length + read]  # (N, P + blocks * S)
    return lines.unflatten(0, (blocks, count)).transpose(0, 1)[:, None]  # (B, 1, blocks, ...)


def _side_by_side(x: Tensor, blocks: int) -> Tensor:
    """(blocks * B, heads, S, D) to (B, heads, blocks * S, D)."""
    return x.unflatten(0, (blocks, -1)).permute(1, 2, 0, 3, 4).flatten(2, 3)


def _spread(past: Tensor, rows: int) -> Tensor:
    if len(past) == rows:
        return past
    return (
        past.expand(rows, -1, -1, -1)
        if len(past) == 1
        else past.repeat_interleave(rows // len(past), dim=0)
    )
