from __future__ import annotations

import io
from collections.abc import Iterator

import pytest
from PIL import Image

from ml.drawing import CAUSES, render
from tests.running_school import RunningSchool, Visitor


@pytest.fixture
def school(tmp_path_factory) -> Iterator[RunningSchool]:
    with RunningSchool(tmp_path_factory.mktemp("school")) as running:
        yield running


@pytest.fixture
def teacher(school) -> Visitor:
    return Visitor(school)


@pytest.fixture
def board_path(school) -> str:
    """The page of the assignment that is left for the newcomer."""
    return school.empty_board()


def drawings(count: int, size_px: int = 336) -> list[tuple[str, str, bytes]]:
    """Form files of different drawings, named so that they match nobody."""
    files = []
    for n in range(count):
        buffer = io.BytesIO()
        render([(n * 7 % 10) / 10] * len(CAUSES), seed=n, size_px=size_px).save(buffer, "JPEG")
        files.append(("pictures", f"IMG_{n:04}.jpg", buffer.getvalue()))
    return files


def large_photo(seed: int) -> bytes:
    """Several megabytes of noise: a file that takes a while to send and to decode."""
    noise = Image.effect_noise((3000, 2400), 90 + seed).convert("RGB")
    buffer = io.BytesIO()
    noise.save(buffer, "JPEG", quality=92)
    return buffer.getvalue()
