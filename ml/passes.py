"""From pictures to the last hidden state of each question, with as little work as is exact.

A question is [words before] [picture] [words after], and the next token is the level. What can be
shared depends on where adapters act:

* ``OrdinaryPass``: adapters act everywhere, so every dimension has its own pass over the picture.
  The words before the picture are the same for all pictures: their keys and values are kept.
* ``ActivatedPass`` (arXiv 2504.12397): adapters act on the answer's beginning only. All that comes
  before it is one text for all dimensions, computed once a picture with the base weights; only the
  few tokens of each answer's beginning are computed for each dimension.

Training uses the same classes, with its one adapter as a ``LoraStack`` of one.

Letters: B pictures, T tokens a picture, K dimensions, H hidden size.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence
from transformers import Qwen2_5_VLModel

from ml.decoder import Cache, Decoder, Rotary, causal_mask, forest_mask
from ml.errors import BundleError
from ml.lora_stack import LoraStack
from ml.processing import ImageOnlyProcessor
from ml.prompts import ANSWER_BEGINS, IMAGE_TOKEN


@dataclass(frozen=True)
class Question:
    """The tokens of one prompt around one picture."""

    before: Tensor  # (P,) int64
    after: Tensor  # (A,) int64, A > 0
    positions: Tensor  # (3, P + T + A) int64: time, height, width
    picture_tokens: int  # T


def ask(
    processor: ImageOnlyProcessor, model: Qwen2_5_VLModel, prompt: str, size_px: int
) -> Question:
    """Tokens and mrope positions of ``prompt`` with one picture of ``size_px`` square."""
    images = processor.image_processor
    side = size_px // images.patch_size
    count = (side // images.merge_size) ** 2
    text = prompt.replace(IMAGE_TOKEN, IMAGE_TOKEN * count)
    ids = torch.tensor(processor.tokenizer.encode(text, add_special_tokens=False))
    is_picture = ids == processor.image_token_id
    start = int(is_picture.int().argmax())
    if int(is_picture.sum()) != count or not bool(is_picture[start : start + count].all()):
        raise BundleError("A prompt must hold exactly one picture.")
    # Positions are computed here and passed on. Left to the model, they would depend on
    # mm_token_type_ids being given and on rope_deltas, which the previous call leaves behind.
    positions, _ = model.get_rope_index(
        ids[None],
        mm_token_type_ids=is_picture[None].long(),
        image_grid_thw=torch.tensor([[1, side, side]]),
        attention_mask=torch.ones_like(ids)[None],
    )
    return Question(ids[:start], ids[start + count :], positions[:, 0], count)


class OrdinaryPass:
    """K questions whose adapters act on every token."""

    def __init__(self, decoder: Decoder, questions: Sequence[Question]) -> None:
        self.decoder = decoder
        model = decoder.model
        device = model.norm.weight.device
        before = [q.before for q in questions]
        after = [q.after for q in questions]
        self.prefix_lengths = [len(ids) for ids in before]
        picture = questions[0].picture_tokens
        self.before = model.embed_tokens(pad_sequence(before, True).to(device))  # (K, P, H)
        self.after = model.embed_tokens(pad_sequence(after, True).to(device))  # (K, A, H)
        starts = [q.positions[:, : len(q.before)] for q in questions]
        rests = [q.positions[:, len(q.before) :] for q in questions]
        self.before_rotary = decoder.rotary(_padded(starts).to(device))
        self.rest_rotary = decoder.rotary(_padded(rests).to(device))  # (K, 1, T + A, D)
        self.read = torch.tensor([picture + len(ids) - 1 for ids in after], device=device)
        new = picture + self.after.shape[1]
        self.mask = causal_mask(new, self.prefix_lengths, device)  # (K, 1, T + A, P + T + A)
        self.prefix: Cache | None = None

    def keep_prefix(self, lora: LoraStack | None) -> None:
        """Computes the words before the picture once; to be called again for other adapters."""
        self.prefix = None
        self.prefix = self.prefix_of(lora)

    def __call__(self, pictures: Tensor, lora: LoraStack | None) -> Tensor:
        """(B, T, H) tokens of pictures to (K, B, H) last hidden states."""
        batch, count = len(pictures), len(self.after)
        x = torch.cat(
            [
                pictures.expand(count, -1, -1, -1),
                self.after[:, None].expand(-1, batch, -1, -1).to(pictures),
            ],
            dim=2,
        )  # (K, B, T + A, H)
        same = len(set(self.prefix_lengths)) == 1
        decoded = self.decoder(
            x.flatten(0, 1),
            _repeated(self.rest_rotary, batch),
            self.mask[:1] if same else self.mask.repeat_interleave(batch, dim=0),
            lora,
            self.prefix_of(lora),
            read=self.read.repeat_interleave(batch),
        )
        return decoded.states.unflatten(0, (count, batch))

    def prefix_of(self, lora: LoraStack | None) -> Cache:
        """Keys and values of the words before the picture: the kept ones, if they are kept."""
        if self.prefix is not None:
            return self.prefix
        mask = causal_mask(self.before.shape[1], device=self.before.device)
        # Padding is on the right and attention is causal: no real token sees it.
        return self.decoder(self.before, self.before_rotary, mask, lora).cache


class ActivatedPass:
    """K questions that begin alike and whose adapters act from ANSWER_BEGINS on."""

    def __init__(
        self, decoder: Decoder, questions: Sequence[Question], invocation: Sequence[int]
    ) -> None:
        """``invocation``: the tokens of ANSWER_BEGINS, which every adapter must name as its own.

        Raises:
            BundleError: the questions differ before their answers, or one has no such beginning.
                PEFT would score with the base model then, without an error.
        """
        self.decoder = decoder
        model = decoder.model
        device = model.norm.weight.device
        splits = [_last_of(q.after, invocation) for q in questions]
        first, split = questions[0], splits[0]
        for question, at in zip(questions, splits, strict=True):
            alike = at == split and torch.equal(question.before, first.before)
            if not alike or not torch.equal(question.after[:at], first.after[:split]):
                raise BundleError("Activated adapters must share all words before the answer.")
        self.picture_tokens = first.picture_tokens
        start, end = len(first.before), len(first.before) + first.picture_tokens + split
        answers = [q.after[split:] for q in questions]
        before = model.embed_tokens(first.before.to(device))[None]  # (1, P, H)
        self.between = model.embed_tokens(first.after[:split].to(device))[None]
        self.answers = model.embed_tokens(pad_sequence(answers, True).to(device))  # (K, A, H)
        self.shared_rotary = decoder.rotary(first.positions[:, None, start:end].to(device))
        self.answer_rotary = decoder.rotary(
            _padded([q.positions[:, end:] for q in questions]).to(device)
        )
        self.words = decoder(
            before,
            decoder.rotary(first.positions[:, None, :start].to(device)),
            causal_mask(start, device=device),
        ).cache
        self.read = torch.tensor([len(ids) - 1 for ids in answers], device=device)
        self.shared_mask = causal_mask(end - start, [start], device)
        self.answer_mask = forest_mask(len(questions), self.answers.shape[1], end, device)

    def begin(self, pictures: Tensor) -> Cache:
        """(B, T, H) to keys and values of everything before the answers, by the base weights."""
        x = torch.cat([pictures, self.between.expand(len(pictures), -1, -1).to(pictures)], dim=1)
        return self.decoder(x, self.shared_rotary, self.shared_mask, past=self.words).cache

    def finish(self, shared: Cache, lora: LoraStack | None) -> Tensor:
        """What ``begin`` gave to (K, B, H) last hidden states."""
        batch, count = len(shared[0][0]), len(self.answers)
        decoded = self.decoder(
            self.answers.repeat_interleave(batch, dim=0),
            _repeated(self.answer_rotary, batch),
            self.answer_mask,
            lora,
            self.past(shared),
            read=self.read.repeat_interleave(batch),
            blocks=count,
        )
        return decoded.states.unflatten(0, (count, batch))

    def past(self, shared: Cache) -> Cache:
        """Keys and values of the words before the picture, then what ``begin`` gave."""
        count = len(shared[0][0])
        return [
            (
                torch.cat([words[0].expand(count, -1, -1, -1), new[0]], dim=2),
                torch.cat([words[1].expand(count, -1, -1, -1), new[1]], dim=2),
            )
            for words, new in zip(self.words, shared, strict=True)
        ]

    def __call__(self, pictures: Tensor, lora: LoraStack | None) -> Tensor:
        """(B, T, H) tokens of pictures to (K, B, H) last hidden states."""
        return self.finish(self.begin(pictures), lora)


def invocation_tokens(processor: ImageOnlyProcessor) -> list[int]:
    """The tokens of ANSWER_BEGINS, as PEFT's ``alora_invocation_tokens``."""
    ids: list[int] = processor.tokenizer.encode(ANSWER_BEGINS, add_special_tokens=False)
    return ids


def _last_of(ids: Tensor, wanted: Sequence[int]) -> int:
    """Where ``wanted`` stands for the last time in ``ids``: the place PEFT looks for."""
    size = len(wanted)
    for at in range(len(ids) - size, -1, -1):
        if ids[at : at + size].tolist() == list(wanted):
            return at
    raise BundleError("The prompt of an activated adapter lacks the words its adapter begins at.")


def _padded(positions: Sequence[Tensor]) -> Tensor:
    """K times (3, S) to (3, K, longest S)."""
    return pad_sequence([p.t() for p in positions], True).permute(2, 0, 1)


def _repeated(rotary: Rotary, batch: int) -> Rotary:
    """For adapter-major rows: each of K to ``batch`` neighbors."""
    cos, sin = rotary
    return cos.repeat_interleave(batch, dim=0), sin.repeat_interleave(batch, dim=0)
