"""Level logits of dimensions from views of pictures that are computed once: what training reads.

A *view* is all of a picture that no adapter touches, so that it is computed once and kept on disk:
with ordinary adapters the tokens of the vision tower, with activated ones the keys and values of
everything before the answer. The rest of the way is the one that serves (``ml.passes``).
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from ml.bundle import LoadedBase
from ml.decoder import Cache, Decoder, causal_mask
from ml.lora_stack import LoraStack, LoraWeights, stack_adapters
from ml.passes import ActivatedPass, OrdinaryPass, ask, invocation_tokens
from ml.processing import END_OF_TURN, patches_of
from ml.profiles import ImageProfile
from ml.prompts import PromptProfile, build_prompt
from ml.rubric import Rubric
from ml.score_tokens import score_token_ids
from ml.vision import Tower

IGNORED = -100  # padding of comments
COMMENT_TOKENS = 256


class LevelReader:
    """One base model asked about the dimensions of one rubric."""

    def __init__(
        self,
        base: LoadedBase,
        rubric: Rubric,
        prompt: PromptProfile,
        image: ImageProfile,
        checkpointing: bool = False,
    ) -> None:
        self.base, self.rubric, self.prompt, self.image = base, rubric, prompt, image
        model = base.model
        self.device = model.device
        self.activated = prompt.layout == "activated"
        self.decoder = Decoder(model.model.language_model, checkpointing)
        self.tower = Tower(model.model.visual, image.size_px)
        ids = score_token_ids(base.processor.tokenizer, rubric.level_numbers)
        self.head = model.lm_head.weight[torch.tensor(ids)].detach().float()  # (L, H)
        self.questions = [
            ask(base.processor, model.model, build_prompt(rubric, slug, prompt), image.size_px)
            for slug in rubric.slugs
        ]
        self.passes: list[OrdinaryPass | ActivatedPass]
        if self.activated:
            invocation = invocation_tokens(base.processor)
            self.passes = [ActivatedPass(self.decoder, [q], invocation) for q in self.questions]
        else:
            self.passes = [OrdinaryPass(self.decoder, [q]) for q in self.questions]

    @torch.no_grad()
    def views(self, pixels: object) -> Tensor:
        """(B, side, side, 3) uint8 as ``fit_picture`` gives to views (B, ...) in the model's dtype.

        Ordinary: (B, T, H). Activated: (B, layers, 2, key-value heads, tokens, D).
        """
        patches = patches_of(pixels, self.base.processor).to(self.device)  # type: ignore[arg-type]
        tokens = self.tower(patches)
        if not self.activated:
            return tokens
        shared = self.passes[0]
        assert isinstance(shared, ActivatedPass)
        cache = shared.begin(tokens)
        return torch.stack([torch.stack(layer, 1) for layer in cache], 1)

    def states(self, views: Tensor, place: int, lora: LoraStack | None) -> Tensor:
        """Last hidden states (B, H) for the dimension at ``place`` of the rubric."""
        run = self.passes[place]
        views = views.to(self.device)
        if isinstance(run, ActivatedPass):
            cache: Cache = [(layer[:, 0], layer[:, 1]) for layer in views.unbind(1)]
            return run.finish(cache, lora)[0]
        return run(views, lora)[0]

    def logits(self, views: Tensor, place: int, lora: LoraStack | None) -> Tensor:
        """(B, L) fp32, lowest level first."""
        return F.linear(self.states(views, place, lora).float(), self.head)

    def comment_loss(
        self,
        views: Tensor,
        place: int,
        levels: Sequence[int],
        comments: Sequence[str],
        lora: LoraStack | None,
    ) -> Tensor:
        """Cross-entropy of what teachers wrote, as it would follow the level they gave.

        An auxiliary target: the reason for a level, in words, leads to the same places in a
        picture. The level itself is learned by RAFT alone. Of a comment at most COMMENT_TOKENS
        count.
        """
        tokenizer = self.base.processor.tokenizer
        texts = [
            f"{level}\n{words}{END_OF_TURN}" for level, words in zip(levels, comments, strict=True)
        ]
        rows = [
            torch.tensor(tokenizer.encode(text, add_special_tokens=False)[:COMMENT_TOKENS])
            for text in texts
        ]
        ids = pad_sequence(rows, True, IGNORED).to(self.device)  # (B, C), the level first
        run, model = self.passes[place], self.base.model
        views, batch = views.to(self.device), len(views)
        begun = self.questions[place].positions
        if isinstance(run, ActivatedPass):
            past = run.past([(layer[:, 0], layer[:, 1]) for layer in views.unbind(1)])
            x = run.answers.expand(batch, -1, -1)
        else:
            past = run.prefix_of(lora)
            x = torch.cat([views, run.after.expand(batch, -1, -1).to(views)], 1)
        old = begun.shape[1] - x.shape[1]
        written = model.model.language_model.embed_tokens(ids[:, :-1].clamp(min=0))
        x = torch.cat([x, written.to(x)], 1)  # (B, S, H)
        new = begun.max() + 1 + torch.arange(ids.shape[1] - 1)
        positions = torch.cat([begun[:, old:], new.expand(3, -1)], 1)[:, None].to(self.device)
        mask = causal_mask(x.shape[1], [old], self.device)
        states = self.decoder(x, self.decoder.rotary(positions), mask, lora, past).states
        told = model.lm_head(states[:, 1 - ids.shape[1] :]).float()  # (B, C - 1, vocabulary)
        return F.cross_entropy(told.flatten(0, 1), ids[:, 1:].flatten(), ignore_index=IGNORED)

    def stack(self, weights: LoraWeights | None, dropout: float = 0.0) -> LoraStack | None:
        """One adapter as the decoder takes it."""
        like = self.decoder.model.norm.weight
        return stack_adapters([weights], len(self.decoder.model.layers), like, dropout)
