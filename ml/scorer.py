"""One loaded base model, one adapter per dimension, every dimension of a picture in one pass.

What makes it fast, all of it exact: the vision tower runs once a picture; all dimensions go through
the language model as one adapter-major batch (``ml.lora_stack``); prompts are tokenized, embedded
and given their positions once; only the last position and only the level rows of the head are
read, in fp32 whatever the model's dtype. ``ml.reference`` is the slow oracle it must equal.
"""

from __future__ import annotations

import math
import os
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from PIL import Image
from torch import Tensor

from ml.bundle import LoadedAdapter, LoadedBase, load_adapter, load_base
from ml.calibration import calibrated, interval
from ml.errors import BundleError, UnreadablePicture
from ml.images import fit_picture, is_blank, load_picture
from ml.interface import PROMPTED, DimensionScore, PictureFailure, PictureScores
from ml.lora_stack import LoraStack
from ml.processing import picture_tensors, prompt_tensors
from ml.profiles import ImageProfile, read_adapter_profile
from ml.prompts import build_prompt
from ml.rubric import Rubric
from ml.score_tokens import expected_score, level_sd, score_token_ids, score_token_mass

# Below this the model did not mean to answer with a level. Low, because RAFT trains the levels
# against each other only and lets their common mass drift.
MIN_SCORE_TOKEN_MASS = 0.10
BLANK_PAGE = "blank page"
NOT_A_LEVEL = "the model did not answer with a level"
OUT_OF_MEMORY = "out of memory"
HEAD_ROWS = 16_384  # vocabulary rows taken to fp32 at a time: 235 MB at the width of the 7B model
DEFAULT_BATCH = {"cuda": 16, "cpu": 4}


@dataclass(frozen=True)
class Prompts:
    """What is the same for every picture. K dimensions, S tokens, H hidden size."""

    embeddings: Tensor  # (K, S, H) model dtype; image places hold the placeholder's embedding
    positions: Tensor  # (3, K, S) int64, mrope positions for time, height, width
    picture_start: tuple[int, ...]  # per dimension, index of its first image token
    last: Tensor  # (K,) int64


@dataclass(frozen=True)
class LevelLogits:
    """B pictures, K dimensions, L levels; fp32 on the CPU."""

    logits: Tensor  # (B, K, L)
    mass: Tensor  # (B, K), in [0, 1]


class TorchScorer:
    """Implements ``ml.interface.Scorer``. Safe to call from several threads, one at a time runs."""

    def __init__(
        self,
        base: LoadedBase,
        adapters: Mapping[str, Path],
        rubric: Rubric,
        batch_size: int | None = None,
    ) -> None:
        self.model = base.profile.name
        self.demo = base.profile.demo
        self.rubric = rubric
        self._base = base
        self._device = base.model.device
        self._batch_size = batch_size or DEFAULT_BATCH.get(self._device.type, 4)
        self._token_ids = torch.tensor(
            score_token_ids(base.processor.tokenizer, rubric.level_numbers), device=self._device
        )
        self._stack = LoraStack(base.model, len(rubric.slugs))
        self._adapters: dict[str, LoadedAdapter] = {}
        self._lock = threading.RLock()
        self.use_adapters(adapters)

    def use_adapters(self, adapters: Mapping[str, Path]) -> None:
        """Changes which adapter scores which dimension, without loading the base again.

        A dimension that is not named is scored by the prompted base. What is loaded already and
        unchanged on disk stays. All or nothing: if one adapter is refused, none changes.

        Raises:
            BundleError: an adapter does not fit (``ml.bundle``), or they need different pictures.
        """
        surplus = adapters.keys() - set(self.rubric.slugs)
        if surplus:
            raise BundleError(f"The rubric has no dimension {', '.join(sorted(surplus))}.")
        with self._lock:
            loaded = {slug: self._load(slug, folder) for slug, folder in adapters.items()}
            image = _common_image(loaded, self._base.profile.image)
            prompts = self._prepare(loaded, image)
            for index, slug in enumerate(self.rubric.slugs):
                if loaded.get(slug) is not self._adapters.get(slug):
                    adapter = loaded.get(slug)
                    self._stack.put(index, adapter.weights if adapter else None)
            self._adapters, self._image, self._prompts = loaded, image, prompts

    def score(self, pictures: Sequence[Path]) -> list[PictureScores | PictureFailure]:
        """Scores in the order of ``pictures``; one bad picture never spoils the others."""
        results: list[PictureScores | PictureFailure] = []
        for start in range(0, len(pictures), self._batch_size):
            # Held for a whole batch, so that scores carry the names of the adapters that gave them.
            with self._lock:
                results += self._score_batch(pictures[start : start + self._batch_size])
        return results

    def level_logits(self, images: Sequence[Image.Image]) -> LevelLogits:
        """The raw answer for decoded pictures, fitted or not, in one batch."""
        with self._lock, torch.inference_mode():
            fitted = [fit_picture(image, self._image) for image in images]
            return self._forward(*picture_tensors(self._base.processor, fitted))

    def _load(self, slug: str, folder: Path) -> LoadedAdapter:
        current = self._adapters.get(slug)
        if current is not None and read_adapter_profile(folder) == current.profile:
            return current
        return load_adapter(folder, self._base, self.rubric, slug)

    @torch.inference_mode()
    def _prepare(self, loaded: Mapping[str, LoadedAdapter], image: ImageProfile) -> Prompts:
        model = self._base.model.model
        profiles = {slug: adapter.profile.prompt for slug, adapter in loaded.items()}
        tokens = prompt_tensors(
            self._base.processor,
            [
                build_prompt(self.rubric, slug, profiles.get(slug, self._base.profile.prompt))
                for slug in self.rubric.slugs
            ],
            image.size_px,
        )
        side = image.size_px // self._base.processor.image_processor.patch_size
        # Positions are computed here and passed on. Left to the model, they would depend on
        # mm_token_type_ids being given and on rope_deltas, which the previous call leaves behind.
        positions, _ = model.get_rope_index(
            tokens.input_ids,
            mm_token_type_ids=tokens.mm_token_type_ids,
            image_grid_thw=torch.tensor([[1, side, side]] * len(self.rubric.slugs)),
            attention_mask=tokens.attention_mask,
        )
        return Prompts(
            embeddings=model.language_model.embed_tokens(tokens.input_ids.to(self._device)),
            positions=positions.to(self._device),
            picture_start=tuple(tokens.mm_token_type_ids.argmax(dim=1).tolist()),
            last=tokens.last.to(self._device),
        )

    def _score_batch(self, pictures: Sequence[Path]) -> list[PictureScores | PictureFailure]:
        results: dict[int, PictureScores | PictureFailure] = {}
        fitted: dict[int, Image.Image] = {}  # only the small versions are kept in memory
        for index, path in enumerate(pictures):
            try:
                image = load_picture(path)
            except UnreadablePicture as error:
                results[index] = PictureFailure(str(error))
                continue
            if is_blank(image):
                results[index] = self._all_abstained(BLANK_PAGE)
            else:
                fitted[index] = fit_picture(image, self._image)
        results.update(zip(fitted, self._score_fitted(list(fitted.values())), strict=True))
        return [results[index] for index in range(len(pictures))]

    def _score_fitted(self, images: Sequence[Image.Image]) -> list[PictureScores]:
        """Halves the batch while memory does not suffice; a single picture then abstains."""
        if not images:
            return []
        try:
            answer = self.level_logits(images)
        except (MemoryError, RuntimeError) as error:
            if not _is_out_of_memory(error):
                raise
        else:
            return [self._picture_scores(answer, row) for row in range(len(images))]
        # Outside the except clause, whose traceback would keep the failed batch's tensors alive.
        if self._device.type == "cuda":
            torch.cuda.empty_cache()
        if len(images) == 1:
            return [self._all_abstained(OUT_OF_MEMORY)]
        half = len(images) // 2
        return self._score_fitted(images[:half]) + self._score_fitted(images[half:])

    def _forward(self, pixel_values: Tensor, grid: Tensor) -> LevelLogits:
        model, prompts = self._base.model, self._prompts
        count, length, width = prompts.embeddings.shape  # K, S, H
        features = model.model.get_image_features(
            pixel_values.to(self._device), grid.to(self._device), return_dict=True
        ).pooler_output
        pictures = torch.stack(tuple(features)).to(prompts.embeddings)  # (B, T, H)
        batch, tokens = pictures.shape[:2]
        rows = prompts.embeddings[:, None].repeat(1, batch, 1, 1)  # (K, B, S, H)
        for index, start in enumerate(prompts.picture_start):
            rows[index, :, start : start + tokens] = pictures
        hidden = model.model.language_model(
            inputs_embeds=rows.view(count * batch, length, width),
            position_ids=prompts.positions.repeat_interleave(batch, dim=1),
            # Padding is on the right and attention is causal, so no real token ever sees it.
            attention_mask=None,
            use_cache=False,
        ).last_hidden_state
        row = torch.arange(count * batch, device=self._device)
        last = hidden[row, prompts.last.repeat_interleave(batch)].float()  # (K * B, H)
        logits = last @ model.lm_head.weight[self._token_ids].float().t()  # (K * B, L)
        mass = score_token_mass(logits, _log_total(last, model.lm_head.weight))
        return LevelLogits(
            logits.view(count, batch, -1).transpose(0, 1).cpu(),
            mass.view(count, batch).t().cpu(),
        )

    def _picture_scores(self, answer: LevelLogits, row: int) -> PictureScores:
        return PictureScores(
            {
                slug: self._dimension_score(slug, answer.logits[row, k], float(answer.mass[row, k]))
                for k, slug in enumerate(self.rubric.slugs)
            }
        )

    def _dimension_score(self, slug: str, logits: Tensor, mass: float) -> DimensionScore:
        said = tuple(logits.tolist())
        name = self._adapter_name(slug)
        if not math.isfinite(mass) or mass < MIN_SCORE_TOKEN_MASS:
            return DimensionScore(None, None, None, said, mass, name, NOT_A_LEVEL)
        rubric = self.rubric
        levels = rubric.first_level, rubric.last_level
        score = float(expected_score(logits, rubric.first_level))
        adapter = self._adapters.get(slug)
        calibration = adapter.profile.calibration if adapter else None
        likely, unsure = None, False
        if calibration:
            sd = float(level_sd(logits, rubric.first_level))
            likely = interval(calibration, score, sd, levels)
            unsure = likely[1] - likely[0] >= calibration.unsure_width
            score = calibrated(calibration, score)
        level = min(max(math.floor(score + 0.5), levels[0]), levels[1])
        return DimensionScore(score, level, likely, said, mass, name, unsure=unsure)

    def _all_abstained(self, reason: str) -> PictureScores:
        return PictureScores(
            {
                slug: DimensionScore(None, None, None, (), None, self._adapter_name(slug), reason)
                for slug in self.rubric.slugs
            }
        )

    def _adapter_name(self, slug: str) -> str:
        adapter = self._adapters.get(slug)
        return adapter.profile.name if adapter else PROMPTED


def load_scorer(
    base: Path,
    adapters: Mapping[str, Path],
    rubric: Rubric,
    device: str = "auto",
    dtype: torch.dtype | None = None,
    batch_size: int | None = None,
) -> TorchScorer:
    """Loads everything a worker needs to score. To be called after the worker has forked.

    Args:
        base: folder of the base model, with its ``profile.json``.
        adapters: adapter folder per dimension slug; a missing one is scored by prompting.
        device: "auto" takes a CUDA device if there is one.
        dtype: None takes bf16 on CUDA and fp32 elsewhere.
        batch_size: pictures per pass; None chooses by device.

    Raises:
        BundleError: something does not fit; the sentence says what.
    """
    torch.set_num_threads(int(os.environ.get("KIDSART_TORCH_THREADS", "2")))
    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    if dtype is None:
        dtype = torch.bfloat16 if device.startswith("cuda") else torch.float32
    loaded = load_base(base, torch.device(device), dtype)
    return TorchScorer(loaded, adapters, rubric, batch_size)


def _common_image(loaded: Mapping[str, LoadedAdapter], fallback: ImageProfile) -> ImageProfile:
    profiles = {adapter.profile.image for adapter in loaded.values()} or {fallback}
    if len(profiles) > 1:
        names = ", ".join(sorted(profile.name for profile in profiles))
        raise BundleError(f"The adapters were trained on pictures prepared differently: {names}.")
    return profiles.pop()


def _log_total(last: Tensor, head: Tensor) -> Tensor:
    """logsumexp over the whole vocabulary in fp32: (N, H), (V, H) to (N,)."""
    parts = [(last @ rows.float().t()).logsumexp(dim=-1) for rows in head.split(HEAD_ROWS)]
    return torch.stack(parts).logsumexp(dim=0)


def _is_out_of_memory(error: BaseException) -> bool:
    """The CPU allocator raises a plain RuntimeError."""
    known = isinstance(error, (torch.OutOfMemoryError, MemoryError))
    return known or "can't allocate memory" in str(error)
