"""The slow oracle: plain PEFT, one adapter at a time, one picture at a time, a full forward pass.

Shares with ``ml.scorer`` only what must be shared (prompt, resize, level tokens). Tests compare the
two; the benchmark uses it as the published procedure.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from copy import deepcopy
from pathlib import Path

import torch
from peft import PeftModel
from PIL import Image
from torch import Tensor
from transformers import BatchFeature, Qwen2_5_VLForConditionalGeneration

from ml.images import fit_picture
from ml.processing import ImageOnlyProcessor, load_processor
from ml.profiles import AdapterProfile, BaseProfile, read_adapter_profile, read_base_profile
from ml.prompts import build_prompt
from ml.rubric import Rubric
from ml.score_tokens import score_token_ids


class PeftReferenceScorer:
    """Answers what the adapters say, by the most literal path through transformers and PEFT."""

    def __init__(
        self,
        base: Path,
        adapters: Mapping[str, Path],
        rubric: Rubric,
        device: str = "cpu",
        dtype: torch.dtype = torch.float32,
        fp32_head: bool = True,
    ) -> None:
        """``fp32_head=False`` leaves the head in ``dtype``, as published; bf16 then rounds logits
        near 10 to sixteenths.
        """
        model = Qwen2_5_VLForConditionalGeneration.from_pretrained(base, dtype=dtype).to(device)
        profile = read_base_profile(base)
        self._set_up(model, load_processor(base), profile, adapters, rubric, fp32_head)

    @classmethod
    def around(
        cls,
        model: Qwen2_5_VLForConditionalGeneration,
        processor: ImageOnlyProcessor,
        profile: BaseProfile,
        adapters: Mapping[str, Path],
        rubric: Rubric,
        fp32_head: bool = True,
    ) -> PeftReferenceScorer:
        """Around a model in memory, which keeps its layers; only the weights are shared."""
        made = cls.__new__(cls)
        tensors = [*model.parameters(), *model.buffers()]
        copy = deepcopy(model, {id(tensor): tensor for tensor in tensors})
        made._set_up(copy, processor, profile, adapters, rubric, fp32_head)
        return made

    def _set_up(
        self,
        model: Qwen2_5_VLForConditionalGeneration,
        processor: ImageOnlyProcessor,
        profile: BaseProfile,
        adapters: Mapping[str, Path],
        rubric: Rubric,
        fp32_head: bool,
    ) -> None:
        self._rubric, self._processor, self._base = rubric, processor, profile
        self._profiles = {slug: read_adapter_profile(path) for slug, path in adapters.items()}
        self._token_ids = list(score_token_ids(processor.tokenizer, rubric.level_numbers))
        if fp32_head:
            model.lm_head = deepcopy(model.lm_head).float()
            model.lm_head.register_forward_pre_hook(lambda _, inputs: (inputs[0].float(),))
        for slug, path in adapters.items():
            if isinstance(model, PeftModel):
                model.load_adapter(str(path), adapter_name=slug)
            else:
                model = PeftModel.from_pretrained(model, str(path), adapter_name=slug)
        self.model = model.eval()

    def level_logits(self, images: Sequence[Image.Image]) -> Tensor:
        """Logits of the level tokens, (B, K, L) fp32 on the CPU."""
        return self._last_logits(images)[..., self._token_ids]

    def score_token_mass(self, images: Sequence[Image.Image]) -> Tensor:
        """Share of the level tokens in the softmax over the whole vocabulary, (B, K)."""
        return self._last_logits(images).softmax(dim=-1)[..., self._token_ids].sum(dim=-1)

    @torch.inference_mode()
    def mixed_level_logits(self, images: Sequence[Image.Image]) -> Tensor:
        """The same by PEFT's mixed batch: all dimensions of a picture in one call, (B, K, L).

        The picture is given once for each dimension, and each time seen by the tower anew. A
        dimension without an adapter is PEFT's ``__base__``.
        """
        names = [slug if slug in self._profiles else "__base__" for slug in self._rubric.slugs]
        rows = []
        for image in images:
            inputs = self._inputs(image, self._rubric.slugs, padding_side="left")
            answer = self.model(**inputs, adapter_names=names, logits_to_keep=1)
            rows.append(answer.logits[:, -1, self._token_ids].float().cpu())
        return torch.stack(rows)

    @torch.inference_mode()
    def _last_logits(self, images: Sequence[Image.Image]) -> Tensor:
        """(B, K, vocabulary) fp32 on the CPU."""
        rows = [[self._one(image, slug) for slug in self._rubric.slugs] for image in images]
        return torch.stack([torch.stack(row) for row in rows])

    def _one(self, image: Image.Image, slug: str) -> Tensor:
        inputs = self._inputs(image, [slug])
        adapted = isinstance(self.model, PeftModel)
        if adapted and slug in self._profiles:
            self.model.set_adapter(slug)
        without = adapted and slug not in self._profiles
        with self.model.disable_adapter() if without else nullcontext():
            return self.model(**inputs).logits[0, -1].float().cpu()

    def _inputs(
        self, image: Image.Image, slugs: Sequence[str], padding_side: str = "right"
    ) -> BatchFeature:
        shape: AdapterProfile | BaseProfile = next(iter(self._profiles.values()), self._base)
        prompts = [self._profiles.get(slug, self._base).prompt for slug in slugs]
        return self._processor(
            images=[fit_picture(image, shape.image)] * len(slugs),
            text=[
                build_prompt(self._rubric, slug, prompt)
                for slug, prompt in zip(slugs, prompts, strict=True)
            ],
            do_resize=False,
            padding=True,
            padding_side=padding_side,
            return_tensors="pt",
        ).to(self.model.device)
