"""What a camera writes into a file says where a child was, and when. None of it is kept."""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from PIL import ExifTags, Image, ImageCms, PngImagePlugin

from grading import tasks
from grading.intake.edits import Edit
from grading.models import EditJob, IntakeJob, Picture, ReportJob
from grading.services.annotations import confirm_review, set_level
from grading.services.artworks import Outcome, accept_files
from tests.intake.photographs import photographed
from tests.threats.traces import SECRET, traces_in

PNG_TEXTS = ("Comment", "Author", "XML:com.adobe.xmp", "Raw profile type exif")
XMP = f'<x:xmpmeta xmlns:x="adobe:ns:meta/"><a>{SECRET}</a></x:xmpmeta>'.encode()


def exif() -> Image.Exif:
    made = Image.Exif()
    for tag in ("ImageDescription", "Artist", "Copyright", "Make", "Software", "XPComment"):
        made[ExifTags.Base[tag]] = SECRET
    gps = made.get_ifd(ExifTags.IFD.GPSInfo)
    gps.update({1: "N", 2: (52.0, 31.0, 12.0), 3: "E", 4: (13.0, 24.0, 18.0), 27: SECRET.encode()})
    made.get_ifd(ExifTags.IFD.Exif).update({0x9286: SECRET.encode(), 0x9003: "2026:03:04 05:06:07"})
    return made


def profile() -> bytes:
    """A color profile that carries a name of its own."""
    made = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    return bytes(made) + SECRET.encode()


def photo() -> Image.Image:
    """A sheet on a desk: there is something to straighten, hence a preview."""
    sheet = Image.effect_noise((640, 480), 60).convert("RGB")
    return photographed(sheet, seed=7).picture.resize((1600, 1200))


def full_of_traces(kind: str) -> bytes:
    buffer = io.BytesIO()
    common = {"exif": exif(), "icc_profile": profile()}
    if kind == "JPEG":
        photo().save(buffer, kind, comment=SECRET.encode(), xmp=XMP, quality=90, **common)
    elif kind == "PNG":
        text = PngImagePlugin.PngInfo()
        for key in PNG_TEXTS:
            text.add_text(key, SECRET)
            text.add_itxt(f"i{key}", SECRET)
            text.add_text(f"z{key}", SECRET, zip=True)
        photo().save(buffer, kind, pnginfo=text, **common)
    elif kind == "WEBP":
        photo().save(buffer, kind, xmp=XMP, quality=90, **common)
    else:
        tags = {270: SECRET, 315: SECRET, 700: XMP, 33432: SECRET, 65000: SECRET}
        photo().save(buffer, kind, tiffinfo=tags, icc_profile=profile())
    # What follows the end of the picture, as some phones append a film.
    return buffer.getvalue() + (SECRET.encode() if kind != "TIFF" else b"")


@pytest.fixture(params=["JPEG", "PNG", "WEBP", "TIFF"])
def picture(request, assignment, student, alice, installed) -> Picture:
    content = full_of_traces(request.param)
    assert traces_in(content)
    file = SimpleUploadedFile(f"amara b.{request.param.lower()}", content)
    [outcome] = accept_files(assignment, [file], alice)
    assert outcome.outcome == Outcome.ACCEPTED, outcome.message
    tasks.prepare_picture(IntakeJob.objects.get().pk)
    return Picture.objects.get()


@pytest.fixture
def stored(media: Path) -> Callable[[], dict[str, bytes]]:
    def read() -> dict[str, bytes]:
        return {str(p.relative_to(media)): p.read_bytes() for p in media.rglob("*") if p.is_file()}

    return read


def test_no_stored_file_holds_a_trace_of_it(picture, stored):
    files = stored()
    assert len(files) >= 3
    assert {name: traces_in(content) for name, content in files.items() if traces_in(content)} == {}
    assert not [name for name in files if name.startswith("originals/")]


def test_the_preview_of_a_straightened_photo_holds_none_either(picture, stored):
    previews = [content for name, content in stored().items() if "preview" in name]
    assert len(previews) == 1, "there is a sheet to straighten"
    assert traces_in(previews[0]) == []


def test_an_edited_picture_holds_none_either(picture, alice, stored):
    job = EditJob.objects.create(picture=picture, edit=Edit(turn=1).to_json(), asked_by=alice)
    tasks.edit_picture(job.pk)
    files = stored()
    assert len(files) >= 6
    assert all(traces_in(content) == [] for content in files.values())


def test_a_report_holds_none_either(picture, alice, student, assignment):
    artwork = picture.artwork
    for dimension in assignment.rubric_version.dimensions.all():
        set_level(artwork, dimension, 3, alice)
    confirm_review(artwork, alice)
    job = ReportJob.objects.create(student=student, asked_by=alice, language="en")
    tasks.make_report(job.pk)
    job.refresh_from_db()
    content = job.file.read()
    assert content.startswith(b"%PDF")
    assert traces_in(content) == []


def test_the_name_of_a_stored_file_tells_nothing(picture, stored):
    for name in stored():
        assert re.fullmatch(
            r"pictures/[0-9a-f]{2}/[0-9a-f]{32}/(full|display|thumbnail|normalized|preview)\w*\.jpg",
            name,
        ), name
