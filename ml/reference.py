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
from transformers import Qwen2_5_VLForConditionalGeneration

from ml.images import fit_picture
from ml.processing import load_processor
from ml.profiles import read_adapter_profile, read_base_profile
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
        self._rubric = rubric
        self._base = read_base_profile(base)
        self._profiles = {slug: read_adapter_profile(path) for slug, path in adapters.items()}
        self._processor = load_processor(base)
        self._token_ids = list(score_token_ids(self._processor.tokenizer, rubric.level_numbers))
        model = Qwen2_5_VLForConditionalGeneration.from_pretrained(base, dtype=dtype).to(device)
        if fp32_head:
            model.lm_head = deepcopy(model.lm_head).float()
            model.lm_head.register_forward_pre_hook(lambda _, inputs: (inputs[0].float(),))
        for slug, path in adapters.items():
            if isinstance(model, PeftModel):
                model.load_adapter(str(path), adapter_name=slug)
            else:
                model = PeftModel.from_pretrained(model, str(path), adapter_name=slug)
        self._model = model.eval()

    def level_logits(self, images: Sequence[Image.Image]) -> Tensor:
        """Logits of the level tokens, (B, K, L) fp32 on the CPU."""
        return self._last_logits(images)[..., self._token_ids]

    def score_token_mass(self, images: Sequence[Image.Image]) -> Tensor:
        """Share of the level tokens in the softmax over the whole vocabulary, (B, K)."""
        return self._last_logits(images).softmax(dim=-1)[..., self._token_ids].sum(dim=-1)

    @torch.inference_mode()
    def _last_logits(self, images: Sequence[Image.Image]) -> Tensor:
        """(B, K, vocabulary) fp32 on the CPU."""
        rows = [[self._one(image, slug) for slug in self._rubric.slugs] for image in images]
        return torch.stack([torch.stack(row) for row in rows])

    def _one(self, image: Image.Image, slug: str) -> Tensor:
        profile = self._profiles.get(slug)
        shape = profile or next(iter(self._profiles.values()), self._base)
        inputs = self._processor(
            images=[fit_picture(image, shape.image)],
            text=[build_prompt(self._rubric, slug, (profile or self._base).prompt)],
            do_resize=False,
            return_tensors="pt",
        ).to(self._model.device)
        adapted = isinstance(self._model, PeftModel)
        if adapted and profile:
            self._model.set_adapter(slug)
        switch = self._model.disable_adapter() if adapted and not profile else nullcontext()
        with switch:
            return self._model(**inputs).logits[0, -1].float().cpu()
