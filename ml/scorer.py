"""One loaded base model, one adapter per dimension, every dimension of a picture in one go.

What makes it fast, all of it exact: the vision tower runs once a picture (``ml.vision``); all
dimensions go through the language model as one adapter-major batch (``ml.lora_stack``); words that
come before the picture are computed once and for all, and with activated adapters the picture once
for all dimensions (``ml.passes``); only the last position and only the level rows of the head are
read, in fp32 whatever the model's dtype; the next pictures are decoded while these are scored.
``ml.reference`` is the slow oracle it must equal.
"""

from __future__ import annotations

import logging
import math
import os
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import torch
from PIL import Image
from torch import Tensor

from ml.bundle import LoadedAdapter, LoadedBase, load_adapter, load_base, pick_device
from ml.calibration import calibrated, interval
from ml.decoder import Decoder
from ml.errors import BundleError, UnreadablePicture
from ml.images import fit_picture, is_blank, load_picture
from ml.interface import PROMPTED, DimensionScore, PictureFailure, PictureScores
from ml.lora_stack import LoraStack, stack_adapters
from ml.passes import ActivatedPass, OrdinaryPass, Question, ask, invocation_tokens
from ml.processing import picture_patches
from ml.profiles import ImageProfile, read_adapter_profile
from ml.prompts import build_prompt
from ml.rubric import Rubric
from ml.score_tokens import expected_score, level_sd, score_token_ids, score_token_mass
from ml.sentences import marked as _
from ml.vision import Tower

log = logging.getLogger(__name__)

# Below this the model did not mean to answer with a level. Low, because RAFT trains the levels
# against each other only and lets their common mass drift.
MIN_SCORE_TOKEN_MASS = 0.10
BLANK_PAGE = _("blank page")
NOT_A_LEVEL = _("the model did not answer with a level")
OUT_OF_MEMORY = _("out of memory")
HEAD_ROWS = 16_384  # vocabulary rows taken to fp32 at a time: 235 MB at the width of the 7B model
CPU_BATCH = 4  # larger ones are no faster on a processor and take memory
LARGEST_BATCH = 64
MEMORY_SHARE = 0.8  # of the free GPU memory that a batch may take
WORTH_A_SPLIT = 0.03  # share of tokens that asking short questions apart must save


@dataclass(frozen=True)
class Group:
    """Dimensions that are asked in one pass."""

    places: tuple[int, ...]  # of its dimensions in the rubric
    run: OrdinaryPass | ActivatedPass
    lora: LoraStack | None


@dataclass(frozen=True)
class LevelLogits:
    """B pictures, K dimensions, L levels; fp32 on the CPU."""

    logits: Tensor  # (B, K, L)
    mass: Tensor  # (B, K), in [0, 1]


Prepared = Image.Image | PictureFailure | None  # None: a blank page


class TorchScorer:
    """Implements ``ml.interface.Scorer``. Safe to call from several threads, one at a time runs."""

    def __init__(
        self,
        base: LoadedBase,
        adapters: Mapping[str, Path],
        rubric: Rubric,
        batch_size: int | None = None,
        compiled: bool = False,
    ) -> None:
        self.model = base.profile.name
        self.demo = base.profile.demo
        self.rubric = rubric
        self.base = base
        self._device = base.model.device
        self._token_ids = torch.tensor(
            score_token_ids(base.processor.tokenizer, rubric.level_numbers), device=self._device
        )
        self._decoder = Decoder(base.model.model.language_model)
        self._compiled = compiled
        self._adapters: dict[str, LoadedAdapter] = {}
        self._lock = threading.RLock()
        self.use_adapters(adapters)
        self._batch_size = batch_size or self._fitting_batch()

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
            image = _common_image(loaded, self.base.profile.image)
            groups = self._prepare(loaded, image)
            places = torch.tensor([place for group in groups for place in group.places])
            order = places.argsort().to(self._device)  # from groups to the rubric's order
            tower = Tower(self.base.model.model.visual, image.size_px)
            # Nothing below refuses.
            self._adapters, self._image, self._groups = loaded, image, groups
            self._order, self._tower = order, tower
            self._answer: Callable[[Tensor], tuple[Tensor, Tensor]] = self._forward
            if self._compiled:
                self._answer = self._compile()

    def score(self, pictures: Sequence[Path]) -> list[PictureScores | PictureFailure]:
        """Scores in the order of ``pictures``; one bad picture never spoils the others."""
        if not pictures:
            return []
        results: list[PictureScores | PictureFailure] = []
        # Held throughout: pictures are fitted for the adapters that then score them.
        with self._lock, ThreadPoolExecutor(1, "decode") as decoders:
            ahead: Future[list[Prepared]] | None = None
            starts = range(0, len(pictures), self._batch_size)
            batches = [pictures[start : start + self._batch_size] for start in starts]
            for batch, following in zip(batches, [*batches[1:], []], strict=True):
                ready = ahead.result() if ahead else self._decode(batch)
                ahead = decoders.submit(self._decode, following) if following else None
                results += self._score_batch(ready)
        return results

    def level_logits(self, images: Sequence[Image.Image]) -> LevelLogits:
        """The raw answer for decoded pictures, fitted or not, in one batch."""
        with self._lock:
            return self._read([fit_picture(image, self._image) for image in images])

    def states_and_logits(self, images: Sequence[Image.Image]) -> tuple[Tensor, Tensor]:
        """What the head reads (B, K, H), and what it says of levels (B, K, L): for ``ml.atlas``."""
        with self._lock, torch.inference_mode():
            states = self._states(self._patches([fit_picture(i, self._image) for i in images]))
            return states.cpu(), (states @ self._level_rows().t()).cpu()

    def adapter(self, slug: str) -> LoadedAdapter | None:
        return self._adapters.get(slug)

    def _load(self, slug: str, folder: Path) -> LoadedAdapter:
        current = self._adapters.get(slug)
        if current is not None and read_adapter_profile(folder) == current.profile:
            return current
        return load_adapter(folder, self.base, self.rubric, slug)

    @torch.inference_mode()
    def _prepare(self, loaded: Mapping[str, LoadedAdapter], image: ImageProfile) -> list[Group]:
        processor, model = self.base.processor, self.base.model
        asked: dict[str, dict[int, Question]] = {}
        for place, slug in enumerate(self.rubric.slugs):
            profile = loaded[slug].profile.prompt if slug in loaded else self.base.profile.prompt
            text = build_prompt(self.rubric, slug, profile)
            question = ask(processor, model.model, text, image.size_px)
            asked.setdefault(profile.layout, {})[place] = question
        groups = []
        for layout, questions in asked.items():
            parts = [tuple(questions)] if layout == "activated" else _by_length(questions)
            for places in parts:
                some = [questions[place] for place in places]
                adapters = [loaded.get(self.rubric.slugs[place]) for place in places]
                lora = stack_adapters(
                    [adapter.weights if adapter else None for adapter in adapters],
                    len(self._decoder.model.layers),
                    self._decoder.model.norm.weight,
                )
                run: OrdinaryPass | ActivatedPass
                if layout == "activated":
                    run = ActivatedPass(self._decoder, some, invocation_tokens(processor))
                else:
                    run = OrdinaryPass(self._decoder, some)
                    run.keep_prefix(lora)
                groups.append(Group(places, run, lora))
        return groups

    def _decode(self, pictures: Sequence[Path]) -> list[Prepared]:
        """Reads and fits; only the small versions are kept in memory."""
        prepared: list[Prepared] = []
        for path in pictures:
            try:
                image = load_picture(path)
            except UnreadablePicture as error:
                prepared.append(PictureFailure(str(error)))
                continue
            prepared.append(None if is_blank(image) else fit_picture(image, self._image))
        return prepared

    def _score_batch(self, prepared: Sequence[Prepared]) -> list[PictureScores | PictureFailure]:
        images = [picture for picture in prepared if isinstance(picture, Image.Image)]
        scores = iter(self._score_fitted(images))
        return [
            next(scores)
            if isinstance(picture, Image.Image)
            else picture or self._all_abstained(BLANK_PAGE)
            for picture in prepared
        ]

    def _score_fitted(self, images: Sequence[Image.Image]) -> list[PictureScores]:
        """Halves the batch while memory does not suffice; a single picture then abstains."""
        if not images:
            return []
        answer = self._read_if_it_fits(images) if len(images) <= self._batch_size else None
        if answer:
            return [self._picture_scores(answer, row) for row in range(len(images))]
        if len(images) == 1:
            return [self._all_abstained(OUT_OF_MEMORY)]
        half = len(images) // 2
        return self._score_fitted(images[:half]) + self._score_fitted(images[half:])

    def _read_if_it_fits(self, fitted: Sequence[Image.Image]) -> LevelLogits | None:
        """None where memory does not suffice; the next batches are then half as large."""
        try:
            return self._read(fitted)
        except (MemoryError, RuntimeError) as error:
            if not _is_out_of_memory(error):
                raise
        # Outside the except clause, whose traceback would keep the batch's tensors alive.
        if self._device.type == "cuda":
            torch.cuda.empty_cache()
        if len(fitted) > 1:
            self._batch_size = len(fitted) // 2
        return None

    @torch.inference_mode()
    def _read(self, fitted: Sequence[Image.Image]) -> LevelLogits:
        count = len(fitted)
        if self._compiled:  # one program for each power of two
            fitted = [*fitted, *[fitted[0]] * (2 ** math.ceil(math.log2(count)) - count)]
        logits, mass = self._answer(self._patches(fitted))
        # The only copy from the device, and so the only wait for it, in a batch.
        return LevelLogits(logits[:count].cpu(), mass[:count].cpu())

    def _patches(self, fitted: Sequence[Image.Image]) -> Tensor:
        """On the device; outside of what is compiled, because a CUDA graph begins there."""
        patches = picture_patches(self.base.processor, fitted)
        if self._device.type == "cuda":
            patches = patches.pin_memory()  # copied without waiting
        return patches.to(self._device, non_blocking=True)

    def _forward(self, patches: Tensor) -> tuple[Tensor, Tensor]:
        """Patches of B pictures to level logits (B, K, L) and mass (B, K), fp32 on the device."""
        last = self._states(patches)
        logits = last @ self._level_rows().t()  # (B, K, L)
        return logits, score_token_mass(logits, _log_total(last, self.base.model.lm_head.weight))

    def _level_rows(self) -> Tensor:
        """The head's rows of the levels, (L, H) fp32."""
        return self.base.model.lm_head.weight[self._token_ids].float()

    def _states(self, patches: Tensor) -> Tensor:
        """Last hidden states (B, K, H), fp32, in the rubric's order."""
        pictures = self._tower(patches)  # (B, T, H)
        states = torch.cat([group.run(pictures, group.lora) for group in self._groups])
        return states[self._order].transpose(0, 1).float()

    def _compile(self) -> Callable[[Tensor], tuple[Tensor, Tensor]]:
        """The forward pass through torch.compile, with CUDA graphs; plain without a compiler."""
        torch._dynamo.reset()  # programs of the adapters before are of no use
        mode = "reduce-overhead" if self._device.type == "cuda" else None
        compiled = torch.compile(self._forward, dynamic=False, mode=mode)
        try:
            with torch.inference_mode():
                compiled(self._blank_patches(1))
        except Exception as error:  # whatever a missing or broken compiler raises
            log.warning("torch.compile does not work here, going on without: %s", error)
            return self._forward
        return compiled

    def _blank_patches(self, count: int) -> Tensor:
        page = Image.new("RGB", (self._image.size_px, self._image.size_px))
        return self._patches([page] * count)

    def _fitting_batch(self) -> int:
        """Pictures a pass that fit beside the model, measured; halved later if they do not."""
        if self._device.type != "cuda":
            return CPU_BATCH
        with torch.inference_mode():
            torch.cuda.synchronize(self._device)
            before = torch.cuda.memory_allocated(self._device)
            torch.cuda.reset_peak_memory_stats(self._device)
            self._forward(self._blank_patches(2))
            torch.cuda.synchronize(self._device)
        one = (torch.cuda.max_memory_allocated(self._device) - before) / 2
        free, _ = torch.cuda.mem_get_info(self._device)
        return max(1, min(LARGEST_BATCH, int(MEMORY_SHARE * free / max(one, 1))))

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
        if not math.isfinite(mass) or not all(map(math.isfinite, said)):
            return DimensionScore(None, None, None, (), None, name, NOT_A_LEVEL)
        if mass < MIN_SCORE_TOKEN_MASS:
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
    compiled: bool = False,
    four_bit: bool = False,
) -> TorchScorer:
    """Loads everything a worker needs to score. To be called after the worker has forked.

    Args:
        base: folder of the base model, with its ``profile.json``.
        adapters: adapter folder per dimension slug; a missing one is scored by prompting.
        device: as ``ml.bundle.pick_device`` takes it.
        dtype: None takes bf16 on CUDA and fp32 elsewhere.
        batch_size: pictures per pass; None takes what fits into the GPU's memory.
        compiled: through torch.compile, if it works here: minutes at the start, faster after.
        four_bit: the base in 4 bits (NF4, bitsandbytes), for cards of 8 to 12 GB. Scores differ a
            little from those of the whole weights.

    Raises:
        EngineError: there is no such device, or something does not fit; the sentence says what.
    """
    torch.set_num_threads(int(os.environ.get("KIDSART_TORCH_THREADS", "2")))
    chosen = pick_device(device)
    if dtype is None:
        dtype = torch.bfloat16 if chosen.type == "cuda" else torch.float32
    loaded = load_base(base, chosen, dtype, four_bit)
    return TorchScorer(loaded, adapters, rubric, batch_size, compiled)


def _by_length(questions: Mapping[int, Question]) -> list[tuple[int, ...]]:
    """Places in one or two parts: shorter questions apart if that spares enough padding."""

    def tokens(places: Sequence[int]) -> int:
        some = [questions[place] for place in places]
        return len(some) * (some[0].picture_tokens + max(len(q.after) for q in some))

    places = sorted(questions, key=lambda place: len(questions[place].after))
    cuts = [(places[:cut], places[cut:]) for cut in range(1, len(places))]
    best = min(cuts, key=lambda parts: sum(map(tokens, parts)), default=None)
    if best and sum(map(tokens, best)) < (1 - WORTH_A_SPLIT) * tokens(places):
        return [tuple(part) for part in best]
    return [tuple(places)]


def _common_image(loaded: Mapping[str, LoadedAdapter], fallback: ImageProfile) -> ImageProfile:
    profiles = {adapter.profile.image for adapter in loaded.values()} or {fallback}
    if len(profiles) > 1:
        names = ", ".join(sorted(profile.name for profile in profiles))
        raise BundleError(f"The adapters were trained on pictures prepared differently: {names}.")
    return profiles.pop()


def _log_total(last: Tensor, head: Tensor) -> Tensor:
    """logsumexp over the whole vocabulary in fp32: (..., H), (V, H) to (...)."""
    parts = [(last @ rows.float().t()).logsumexp(dim=-1) for rows in head.split(HEAD_ROWS)]
    return torch.stack(parts).logsumexp(dim=0)


def _is_out_of_memory(error: BaseException) -> bool:
    """The CPU allocator, Apple's GPU and cuBLAS raise a plain RuntimeError."""
    known = isinstance(error, (torch.OutOfMemoryError, MemoryError))
    text = str(error).lower()
    words = ("can't allocate memory", "out of memory", "alloc_failed")
    return known or any(part in text for part in words)
