"""A small file that grows without end is refused early, cheaply, and in plain words."""

from __future__ import annotations

import io
import time
import tracemalloc
import zipfile
import zlib

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from grading import tasks
from grading.models import IntakeJob
from grading.services.artworks import FileOutcome, Outcome, accept_files
from tests.conftest import jpeg
from tests.intake.intake_files import drawing, png_chunk, png_header, saved

MB = 1024 * 1024


def zeros(megabytes: int) -> bytes:
    packer = zlib.compressobj(9)
    return b"".join(packer.compress(b"\0" * MB) for _n in range(megabytes)) + packer.flush()


def png_with(chunk: bytes) -> bytes:
    made = saved(drawing(), "PNG")
    end = made.index(b"IDAT") - 4
    return made[:end] + chunk + made[end:]


def zip_bomb() -> bytes:
    buffer = io.BytesIO()
    with (
        zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive,
        archive.open("bomb.jpg", "w", force_zip64=True) as member,
    ):
        member.write(jpeg())
        for _n in range(200):
            member.write(b"\0" * MB)
    return buffer.getvalue()


def nested() -> bytes:
    inner = io.BytesIO()
    with zipfile.ZipFile(inner, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.jpg", b"\0" * 10 * MB)
    outer = io.BytesIO()
    with zipfile.ZipFile(outer, "w") as archive:
        archive.writestr("inner.zip", inner.getvalue())
    return outer.getvalue()


BOMBS = {
    "a PNG that claims a hundred thousand pixels a side": lambda: png_header(100_000, 100_000),
    "packed text": lambda: png_with(png_chunk(b"zTXt", b"Comment\0\0" + zeros(300))),
    "packed international text": lambda: png_with(
        png_chunk(b"iTXt", b"Comment\0\1\0\0\0" + zeros(300))
    ),
    "a packed color profile": lambda: png_with(png_chunk(b"iCCP", b"sRGB\0\0" + zeros(300))),
    "a ZIP whose picture grows": zip_bomb,
    "a ZIP in a ZIP": nested,
}


def sent(alice, assignment, content: bytes) -> tuple[list[FileOutcome], float, int]:
    file = SimpleUploadedFile("bomb", content)
    tracemalloc.start()
    began = time.monotonic()
    outcomes = accept_files(assignment, [file], alice)
    for job in IntakeJob.objects.all():
        tasks.prepare_picture(job.pk)
    seconds = time.monotonic() - began
    _now, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return outcomes, seconds, peak


@pytest.mark.parametrize("kind", BOMBS)
def test_it_costs_little_time_and_memory(alice, assignment, installed, kind):
    content = BOMBS[kind]()
    assert len(content) < 2 * MB
    outcomes, seconds, peak = sent(alice, assignment, content)
    assert peak < 150 * MB, f"{peak / MB:.0f} MB"
    assert seconds < 20
    for outcome in outcomes:
        assert outcome.message.endswith((".", "student")) or outcome.outcome == Outcome.ACCEPTED


@pytest.mark.parametrize("kind", [kind for kind in BOMBS if "packed" not in kind])
def test_what_grows_without_end_is_refused(alice, assignment, kind):
    outcomes, _seconds, _peak = sent(alice, assignment, BOMBS[kind]())
    assert [o.outcome for o in outcomes] == [Outcome.REFUSED]


def test_of_a_zip_with_a_bomb_the_other_pictures_are_taken(alice, assignment):
    buffer = io.BytesIO(zip_bomb())
    with zipfile.ZipFile(buffer, "a") as archive:
        archive.writestr("good.jpg", jpeg("gold"))
    outcomes, _seconds, _peak = sent(alice, assignment, buffer.getvalue())
    assert [o.outcome for o in outcomes] == [Outcome.REFUSED, Outcome.ACCEPTED]
