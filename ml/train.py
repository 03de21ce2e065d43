"""RAFT training of adapters: squared error of the expected level, through the level tokens.

Source: regression-aware fine-tuning (Lukasik et al., ICLR 2025) as used by KidsArtBench
(arXiv 2512.12503). Unlike its published code, the loss uses the same restricted softmax, in fp32,
that scores; an unlabeled picture has no place in a training set; and the vision tower, which no
adapter touches, runs once a picture instead of once a step.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from peft import LoraConfig, PeftModel, get_peft_model
from torch import Tensor
from transformers import Qwen2_5_VLForConditionalGeneration

from ml.processing import PromptTensors
from ml.score_tokens import expected_score


@dataclass(frozen=True)
class Recipe:
    """How one adapter is trained. Rank, alpha and targets are those of KidsArtBench.

    The published learning rate (1e-5) and dropout (.05) are for a 7B model; a caller with a large
    base passes its own.
    """

    rank: int = 8
    alpha: int = 16
    dropout: float = 0.0
    targets: tuple[str, ...] = ("q_proj", "k_proj", "v_proj", "o_proj")
    learning_rate: float = 5e-3
    warm_up: float = 0.1  # share of the steps
    batch_size: int = 48
    epochs: int = 1
    # RAFT alone fixes only the mean over levels; a little cross-entropy keeps the spread honest.
    spread_weight: float = 0.2
    seed: int = 0


class LevelReader:
    """From the tower's view of pictures and a prompt to the logits of the levels.

    The model may carry an adapter: whichever is active takes part, with gradients.
    """

    def __init__(
        self,
        model: Qwen2_5_VLForConditionalGeneration,
        prompts: PromptTensors,
        grid: Tensor,  # (1, 3) image_grid_thw of one picture; all have the same size
        level_ids: Sequence[int],
    ) -> None:
        self.model, self.prompts = model, prompts
        self.level_ids = torch.tensor(level_ids)
        count = len(prompts.input_ids)
        # mm_token_type_ids must be passed: without them positions are silently one-dimensional.
        self.positions, _ = model.model.get_rope_index(
            prompts.input_ids,
            mm_token_type_ids=prompts.mm_token_type_ids,
            image_grid_thw=grid.repeat(count, 1),
            attention_mask=prompts.attention_mask,
        )  # (3, K, S)
        self.start = prompts.mm_token_type_ids.argmax(1)  # (K,) first image token

    def hidden(self, features: Tensor, rows: Tensor) -> Tensor:
        """(B, tokens, H) features and (B,) prompt rows to the last hidden state (B, H)."""
        language = self.model.model.language_model
        length = int(self.prompts.last[rows].max()) + 1
        embedded = language.embed_tokens(self.prompts.input_ids[rows, :length])  # (B, S, H)
        where = self.start[rows][:, None] + torch.arange(features.shape[1])  # (B, tokens)
        where = where[..., None].expand(-1, -1, features.shape[2])
        states = language(
            inputs_embeds=embedded.scatter(1, where, features.to(embedded.dtype)),
            position_ids=self.positions[:, rows, :length],
            use_cache=False,
        ).last_hidden_state  # (B, S, H); padding is on the right, after all that is read
        return states[torch.arange(len(rows)), self.prompts.last[rows]]

    def level_logits(self, features: Tensor, rows: Tensor) -> Tensor:
        """(B, L), lowest level first."""
        return F.linear(self.hidden(features, rows), self.model.lm_head.weight[self.level_ids])


def raft_loss(
    level_logits: Tensor, levels: Tensor, first_level: int, spread_weight: float
) -> Tensor:
    """Mean over the batch of (expected level - level)^2, plus a weighted soft cross-entropy.

    Args:
        level_logits: (B, L).
        levels: (B,) whole or fractional levels (the mean of several raters, say).
    """
    error = (expected_score(level_logits, first_level) - levels).square().mean()
    soft = soft_levels(levels, first_level, level_logits.shape[-1], 0.5)
    return error + spread_weight * F.cross_entropy(level_logits.float(), soft)


def soft_levels(levels: Tensor, first_level: int, count: int, spread: float) -> Tensor:
    """(B,) levels as (B, count) probabilities: a bell around each level."""
    steps = torch.arange(first_level, first_level + count)
    return torch.softmax(-((steps - levels[:, None].float()) ** 2) / (2 * spread**2), -1)


def add_adapter(
    model: Qwen2_5_VLForConditionalGeneration | PeftModel, name: str, recipe: Recipe
) -> PeftModel:
    """A new adapter that changes nothing yet, active and the only thing that can learn."""
    torch.manual_seed(recipe.seed)
    config = LoraConfig(
        r=recipe.rank,
        lora_alpha=recipe.alpha,
        lora_dropout=recipe.dropout,
        target_modules=list(recipe.targets),
        task_type="CAUSAL_LM",
    )
    if isinstance(model, PeftModel):
        model.add_adapter(name, config)
        model.set_adapter(name)
        return model
    return get_peft_model(model, config, adapter_name=name)


def fit_adapter(
    model: PeftModel,
    reader: LevelReader,
    row: int,
    features: Tensor,
    levels: Tensor,
    first_level: int,
    recipe: Recipe,
) -> list[float]:
    """Trains the active adapter for prompt ``row``; returns the loss of each step.

    Args:
        features: (N, tokens, H), the tower's view of each picture.
        levels: (N,) without gaps.
    """
    chosen = [p for p in model.parameters() if p.requires_grad]
    size = min(recipe.batch_size, len(levels))
    steps = recipe.epochs * (len(levels) // size)
    optimizer = torch.optim.AdamW(chosen, lr=recipe.learning_rate, weight_decay=0.0)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, recipe.learning_rate, total_steps=steps, pct_start=recipe.warm_up
    )
    chance = torch.Generator().manual_seed(recipe.seed)
    rows = torch.full((size,), row)
    losses = []
    model.train()
    for batch in _shuffled(len(levels), size, recipe.epochs, chance):
        logits = reader.level_logits(features[batch], rows)
        loss = raft_loss(logits, levels[batch], first_level, recipe.spread_weight)
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(chosen, 1.0)
        optimizer.step()
        schedule.step()
        losses.append(float(loss.detach()))
    model.eval()
    return losses


def read_levels(reader: LevelReader, row: int, features: Tensor, size: int = 100) -> Tensor:
    """Level logits (N, L) of all pictures for one prompt, without gradients."""
    with torch.inference_mode():
        parts = [
            reader.level_logits(part, torch.full((len(part),), row))
            for part in features.split(size)
        ]
    return torch.cat(parts).clone()  # a clone can be used outside inference mode


def _shuffled(count: int, size: int, epochs: int, chance: torch.Generator) -> Iterator[Tensor]:
    for _ in range(epochs):
        order = torch.randperm(count, generator=chance)
        yield from order[: count // size * size].view(-1, size)
