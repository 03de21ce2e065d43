"""What a large model learns from the world, the demo model learns here from drawn pages.

First the vision tower learns to see what the generator drew (hues, edges, kinds of mark, and the
nine causes), then the language part learns to answer a rubric prompt with a level. It answers all
nine with one generic impression: telling them apart is the adapters' work. The causes supervise
the tower and the hidden state, so the demo model shows how the software works and proves nothing
about Qwen2.5-VL or about children's drawings; see docs/decisions/0005-demo-model.md.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import partial

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from transformers import Qwen2_5_VLForConditionalGeneration

from ml.decoder import Decoder
from ml.demo.targets import Targets, mirrored
from ml.fitting import soft_levels
from ml.passes import OrdinaryPass, Question
from ml.processing import ImageOnlyProcessor, patches_of
from ml.rubric import KIDSART
from ml.score_tokens import score_token_ids
from ml.vision import Tower

Log = Callable[[str], None]


@torch.no_grad()
def prepare_tower(
    model: Qwen2_5_VLForConditionalGeneration, processor: ImageOnlyProcessor, pixels: np.ndarray
) -> None:
    """A start from which a few hundred steps get far.

    The patch embedding starts as the whitened principal components of patches, so that fine
    strokes weigh as much as the color of the paper; linear layers start at the scale of their
    width, the usual .02 being far too small for so narrow a tower.
    """
    tower = model.model.visual
    for layer in tower.modules():
        if isinstance(layer, nn.Linear):
            nn.init.normal_(layer.weight, std=layer.in_features**-0.5)
    patches = patches_of(pixels[:300], processor)
    centered = patches - patches.mean(0)
    values, vectors = torch.linalg.eigh(centered.T @ centered / len(centered))
    kernel = tower.patch_embed.proj.weight
    keep = kernel.shape[0]
    components = vectors[:, -keep:] / values[-keep:].sqrt()  # (1176, H), unit spread each
    kernel.copy_(components.T.reshape(kernel.shape))


def teach_tower(
    model: Qwen2_5_VLForConditionalGeneration,
    processor: ImageOnlyProcessor,
    pixels: np.ndarray,
    targets: Targets,
    steps: int,
    seed: int,
    log: Log,
    batch_size: int = 40,
    learning_rate: float = 2.5e-3,
) -> None:
    """Per token: hues, edges, kinds of mark. From the mean token: the causes, twice."""
    torch.manual_seed(seed)
    width = model.config.vision_config.out_hidden_size
    whole = targets.whole.shape[1]
    per_token = nn.Linear(width, targets.patches.shape[-1])
    linear = nn.Linear(width, whole)
    deep = nn.Sequential(nn.Linear(width, 128), nn.SiLU(), nn.Linear(128, 9))
    heads = nn.ModuleList([per_token, linear, deep])
    learned = [*model.model.visual.parameters(), *heads.parameters()]
    optimizer = torch.optim.AdamW(learned, lr=learning_rate, weight_decay=0.02, betas=(0.9, 0.98))
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, partial(_warm_then_cosine, steps))
    chance = np.random.default_rng(seed)
    recent: list[float] = []
    see = Tower(model.model.visual, pixels.shape[1])
    model.train()
    for step in range(steps):
        batch = chance.integers(0, len(pixels), batch_size)
        pages, patches = pixels[batch], targets.patches[batch]
        if step % 2:  # a mirrored page has the same causes
            pages, patches = np.ascontiguousarray(pages[:, :, ::-1]), mirrored(patches)
        tokens = see(patches_of(pages, processor))
        mean, causes = tokens.mean(1), targets.whole[batch]
        loss = (
            F.mse_loss(per_token(tokens), patches.flatten(1, 2))
            + F.mse_loss(linear(mean), causes)
            + F.mse_loss(deep(mean), causes[:, :9])
        )
        _step(loss, optimizer, learned)
        schedule.step()
        recent = [*recent[-49:], float(loss.detach())]
        if step % 50 == 49:
            log(f"tower step {step + 1} of {steps}: loss {np.mean(recent):.3f}")


def teach_language(
    model: Qwen2_5_VLForConditionalGeneration,
    processor: ImageOnlyProcessor,
    questions: Sequence[Question],
    features: Tensor,
    targets: Targets,
    steps: int,
    seed: int,
    log: Log,
    batch_size: int = 64,
    learning_rate: float = 2e-3,
    knowledge_weight: float = 1.5,
) -> None:
    """Every rubric prompt is answered by a level: one generic impression, full vocabulary.

    A linear head on the last hidden state must also tell the causes: without it the language part
    was seen to ignore the picture, and adapters of rank 8 had nothing to bring out.
    """
    torch.manual_seed(seed)
    model.model.visual.requires_grad_(False)
    decoder = Decoder(model.model.language_model)
    knows = nn.Linear(features.shape[-1], targets.whole.shape[1])
    learned = [p for p in model.parameters() if p.requires_grad] + list(knows.parameters())
    optimizer = torch.optim.AdamW(learned, lr=learning_rate, weight_decay=0.01, betas=(0.9, 0.98))
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, learning_rate, total_steps=steps, pct_start=0.1
    )
    ids = torch.tensor(score_token_ids(processor.tokenizer, KIDSART.level_numbers))
    recent: list[float] = []
    model.train()
    for step in range(steps):
        batch = torch.randint(0, len(features), (batch_size,))
        asked = torch.randint(0, len(questions), (batch_size,))
        order = asked.argsort()
        batch, asked = batch[order], asked[order]
        hidden = torch.cat(
            [
                # Made anew for each step, since the words it keeps are learned, too.
                OrdinaryPass(decoder, [questions[k]])(features[batch[asked == k]], None)[0]
                for k in asked.unique().tolist()
            ]
        )  # (B, H)
        logits = F.linear(hidden, model.lm_head.weight)  # (B, vocabulary)
        wanted = soft_levels(targets.impression[batch], 1, len(ids), 0.7)
        answer = -(wanted * logits.log_softmax(-1)[:, ids]).sum(-1).mean()
        knowledge = F.mse_loss(knows(hidden), targets.whole[batch])
        _step(answer + knowledge_weight * knowledge, optimizer, learned)
        schedule.step()
        recent = [*recent[-29:], float(answer.detach()) + float(knowledge.detach())]
        if step % 30 == 29:
            log(f"language step {step + 1} of {steps}: loss {np.mean(recent):.3f}")
    model.eval()


def _warm_then_cosine(steps: int, step: int) -> float:
    warm = max(1, min(40, steps // 10))
    return min(1.0, (step + 1) / warm) * max(0.01, 0.5 * (1 + math.cos(math.pi * step / steps)))


def _step(loss: Tensor, optimizer: torch.optim.Optimizer, learned: list[nn.Parameter]) -> None:
    optimizer.zero_grad()
    loss.backward()
    torch.nn.utils.clip_grad_norm_(learned, 1.0)
    optimizer.step()
