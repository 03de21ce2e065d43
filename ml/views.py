"""Views of pictures on disk: computed once a picture, read by every epoch of every dimension."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from ml.dataset import Dataset, read_variant
from ml.errors import EngineError
from ml.levels import LevelReader

BATCH = 16
LINE = 64  # bytes; rows begin at a multiple, so that they can be read as numbers


class ViewCache:
    """``ml.fitting.Samples`` from files, one for each version of the pictures.

    A file's name is a hash of all that its views depend on, so another base, prompt, picture size
    or picture is another file. It begins with one byte a picture, which is set when the picture's
    row is written: a run that was killed goes on where it was, with any number of processes.
    """

    def __init__(
        self, folder: Path, reader: LevelReader, data: Dataset, variants: Sequence[int]
    ) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._reader, self._data, self._variants = reader, data, variants
        self._count = len(data.names)
        one = reader.views(self._pixels([0], variants[0]))
        self._shape, self._dtype = tuple(one.shape[1:]), one.dtype
        depends = {
            "base": reader.base.profile.sha256,
            "image": repr(reader.image),
            # Of the prompt only what stands before the answer is in an activated view.
            "prompt": repr(reader.prompt) + repr(reader.rubric) if reader.activated else "",
            "dtype": str(self._dtype),
            "shape": self._shape,
            "pictures": data.hashes,
        }
        digest = hashlib.sha256(json.dumps(depends).encode()).hexdigest()[:16]
        self._paths = {variant: folder / f"views-{digest}-{variant}.bin" for variant in variants}
        self._files: dict[int, tuple[Tensor, Tensor]] = {}

    def fill(self, on_rows: Callable[[int], None], rank: int = 0, world: int = 1) -> None:
        """Computes this process's share of what is missing; ``on_rows`` hears of finished rows.

        Raises:
            EngineError: the disk has no room for them.
        """
        self._check_room()
        for variant in self._variants:
            seen, store = self._open(variant)
            share = range(rank, self._count, world)
            missing = [row for row in share if not seen[row]]
            on_rows(len(share) - len(missing))
            for start in range(0, len(missing), BATCH):
                rows = missing[start : start + BATCH]
                store[rows] = self._reader.views(self._pixels(rows, variant)).cpu()
                seen[rows] = 1
                on_rows(len(rows))

    @property
    def size_bytes(self) -> int:
        return len(self._variants) * self._file_bytes

    @property
    def rows(self) -> int:
        return len(self._variants) * self._count

    def views(self, rows: Sequence[int], variants: Sequence[int]) -> Tensor:
        """(B, ...) views of pictures ``rows``, each in its variant."""
        kinds = np.asarray(variants)
        found = torch.empty(len(rows), *self._shape, dtype=self._dtype)
        for variant in set(variants):
            at = np.flatnonzero(kinds == variant).tolist()
            found[at] = self._open(variant)[1][[rows[k] for k in at]]
        return found

    @property
    def _file_bytes(self) -> int:
        return self._flags + self._count * int(np.prod(self._shape)) * self._dtype.itemsize

    @property
    def _flags(self) -> int:
        return -(-self._count // LINE) * LINE

    def _open(self, variant: int) -> tuple[Tensor, Tensor]:
        """(N,) which rows are there, and (N, ...) the rows; both are the file itself."""
        if variant not in self._files:
            path = str(self._paths[variant])
            file = torch.from_file(path, shared=True, size=self._file_bytes, dtype=torch.uint8)
            rows = file[self._flags :].view(self._dtype).view(self._count, *self._shape)
            self._files[variant] = file[: self._count], rows
        return self._files[variant]

    def _check_room(self) -> None:
        """A full disk would end the process without a word, because the files are mapped."""
        there = [path.stat().st_blocks * 512 for path in self._paths.values() if path.exists()]
        lacks = self.size_bytes - sum(there)
        folder = next(iter(self._paths.values())).parent
        if lacks > shutil.disk_usage(folder).free:
            raise EngineError(
                f"What the model sees of the pictures takes {lacks / 2**30:.1f} GiB more in "
                f"{folder}, and the disk has less. Choose another --out, or fewer --px."
            )

    def _pixels(self, rows: Sequence[int], variant: int) -> np.ndarray:
        image = self._reader.image
        return np.stack(
            [np.asarray(read_variant(self._data.paths[row], variant, image)) for row in rows]
        )
