"""Views of pictures on disk: computed once a picture, read by every epoch of every dimension."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from ml.dataset import Dataset, read_variant
from ml.levels import LevelReader

BATCH = 16


class ViewCache:
    """``ml.fitting.Samples`` from a file of fixed-size rows, variant by variant.

    The file's name is a hash of all that the views depend on, so another base, prompt, picture
    size or picture is another file. Several processes may each compute their share.
    """

    def __init__(
        self, folder: Path, reader: LevelReader, data: Dataset, variants: Sequence[int]
    ) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._reader, self._data = reader, data
        self._slot = {variant: slot for slot, variant in enumerate(variants)}
        self._count = len(data.names)
        one = reader.views(self._pixels([(0, variants[0])]))
        self._shape, self._dtype = tuple(one.shape[1:]), one.dtype
        depends = {
            "base": reader.base.profile.sha256,
            "image": repr(reader.image),
            # Of the prompt only what stands before the answer is in an activated view.
            "prompt": repr(reader.prompt) + repr(reader.rubric) if reader.activated else "",
            "dtype": str(self._dtype),
            "shape": self._shape,
            "pictures": data.hashes,
            "variants": list(variants),
        }
        digest = hashlib.sha256(json.dumps(depends).encode()).hexdigest()[:16]
        self._path = folder / f"views-{digest}.bin"
        self._rows = self._count * len(variants)
        self._file: Tensor | None = None

    def fill(self, on_rows: Callable[[int], None], rank: int = 0, world: int = 1) -> None:
        """Computes this process's share of what is missing; ``on_rows`` hears of finished rows."""
        share = list(range(self._rows))[rank::world]
        done_file = self._path.with_suffix(f".done-{rank}-of-{world}")
        done = int(done_file.read_text()) if done_file.exists() and self._path.exists() else 0
        store = self._open()
        on_rows(min(done, len(share)))
        for start in range(done, len(share), BATCH):
            rows = share[start : start + BATCH]
            slots = list(self._slot)
            pixels = self._pixels([(r % self._count, slots[r // self._count]) for r in rows])
            store[rows] = self._reader.views(pixels).cpu()
            done_file.write_text(str(start + len(rows)))
            on_rows(len(rows))

    @property
    def size_bytes(self) -> int:
        return self._rows * int(np.prod(self._shape)) * self._dtype.itemsize

    @property
    def rows(self) -> int:
        return self._rows

    def views(self, rows: Sequence[int], variants: Sequence[int]) -> Tensor:
        """(B, ...) views of pictures ``rows``, each in its variant."""
        places = [
            self._slot[variant] * self._count + row
            for row, variant in zip(rows, variants, strict=True)
        ]
        return self._open()[places]

    def _open(self) -> Tensor:
        if self._file is None:
            size = self._rows * int(np.prod(self._shape))
            flat = torch.from_file(str(self._path), shared=True, size=size, dtype=self._dtype)
            self._file = flat.view(self._rows, *self._shape)
        return self._file

    def _pixels(self, wanted: Sequence[tuple[int, int]]) -> np.ndarray:
        return np.stack(
            [
                np.asarray(read_variant(self._data.paths[row], variant, self._reader.image))
                for row, variant in wanted
            ]
        )
