"""What the io worker makes of an uploaded file: one plain sRGB picture in three sizes.

A picture is flattened and shrunk in bands, because Pillow holds four bytes a pixel and a phone
photo would otherwise be in memory two or three times.
"""

import hashlib
import io
import math
import os
import secrets
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import pi_heif
from django.utils.translation import gettext_lazy as _
from PIL import ExifTags, Image, ImageCms

from grading.intake.checks import (
    DEFAULT_LIMITS,
    HEIC,
    JPEG,
    Limits,
    PictureFormat,
    RefusedUpload,
    Sentence,
    require_picture,
    too_many_pixels,
    unreadable,
)

# 12, 16 and 48 megapixel phone photos are decoded by libjpeg at a half or a quarter of their size
# when the target is 2000; at 2048 the most common ones (4032 x 3024) would be decoded in full.
NORMALIZED_SIDE = 2000
DISPLAY_SIDE = 1568
THUMBNAIL_SIDE = 320
_BAND_ROWS = 128
_LANCZOS_SUPPORT = 3

NORMALIZED_NAME = "normalized.jpg"
DISPLAY_NAME = "display.jpg"
THUMBNAIL_NAME = "thumbnail.jpg"


@dataclass(frozen=True)
class NormalizedPicture:
    normalized: Path
    display: Path
    thumbnail: Path
    width: int
    height: int
    sha256: str
    size_bytes: int


class NormalizeError(Exception):
    """The picture cannot be read. `reason` is a sentence for a teacher, `code` for the program."""

    def __init__(self, reason: Sentence, code: str) -> None:
        super().__init__(code)
        self.reason = reason
        self.code = code


def normalize(
    source: Path | BinaryIO, out_dir: Path, limits: Limits = DEFAULT_LIMITS
) -> NormalizedPicture:
    """Decode `source` and write normalized.jpg (at most 2000 px), display.jpg (1568) and
    thumbnail.jpg (320) into `out_dir`: upright, on white, sRGB, without any metadata.

    The same source gives the same bytes. normalized.jpg appears last: where it is, all three are.
    Raises NormalizeError, and OSError only where `out_dir` cannot be written.
    """
    with ExitStack() as stack:
        file = stack.enter_context(source.open("rb")) if isinstance(source, Path) else source
        picture = _read(file, limits)
    return write_versions(picture, out_dir)


def write_versions(picture: Image.Image, out_dir: Path) -> NormalizedPicture:
    """The three files of an RGB picture, of at most NORMALIZED_SIDE, in `out_dir`."""
    display = _fitted(picture, DISPLAY_SIDE)
    thumbnail = _fitted(display, THUMBNAIL_SIDE)
    contents = {
        THUMBNAIL_NAME: _as_jpeg(thumbnail, quality=82, subsampling="4:2:0"),
        DISPLAY_NAME: _as_jpeg(display, quality=88, subsampling="4:4:4"),
        # Crayon strokes are color edges: half the color resolution would blur them.
        NORMALIZED_NAME: _as_jpeg(picture, quality=90, subsampling="4:4:4"),
    }
    _write_together(out_dir, contents)
    return NormalizedPicture(
        normalized=out_dir / NORMALIZED_NAME,
        display=out_dir / DISPLAY_NAME,
        thumbnail=out_dir / THUMBNAIL_NAME,
        width=picture.width,
        height=picture.height,
        sha256=hashlib.sha256(contents[NORMALIZED_NAME]).hexdigest(),
        size_bytes=len(contents[NORMALIZED_NAME]),
    )


def _read(file: BinaryIO, limits: Limits) -> Image.Image:
    """The picture, upright, RGB, at most NORMALIZED_SIDE; NormalizeError and nothing else."""
    file.seek(0)
    picture_format = None
    try:
        picture_format = require_picture(file.read(4096))
        source = _opened(file, picture_format, limits)
        return _upright(_as_srgb(_shrunk(source), source.icc_profile), source.orientation())
    except RefusedUpload as refused:
        raise _as_normalize_error(refused) from refused
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise _as_normalize_error(too_many_pixels()) from error
    # Decoders of odd files raise nearly anything: SyntaxError, struct.error, KeyError, MemoryError.
    # The picture is never touched again after that: the second load() of a broken PNG "succeeds"
    # with black rows.
    except Exception as error:
        raise _as_normalize_error(unreadable(file, picture_format, error)) from error


def _as_normalize_error(refused: RefusedUpload) -> NormalizeError:
    return NormalizeError(refused.reason, refused.code)


@dataclass(frozen=True)
class _Source:
    """A picture whose rows can be had a few at a time."""

    size: tuple[int, int]
    target: tuple[int, int]
    rows: Callable[[int, int], Image.Image]
    icc_profile: bytes | None
    orientation: Callable[[], int]


def _opened(file: BinaryIO, picture_format: PictureFormat, limits: Limits) -> _Source:
    file.seek(0)
    if picture_format is HEIC:
        return _opened_heic(file, limits)
    picture = Image.open(file, formats=[picture_format.pillow_name])
    _require_pixels(picture.size, picture_format, limits)
    target = _box(picture.size, NORMALIZED_SIDE)
    if picture_format is JPEG:
        # libjpeg shrinks while it decodes, but only for a box of the picture's own shape.
        picture.draft(None, target)
    picture.load()
    return _Source(
        size=picture.size,
        # A TIFF is turned upright by load() itself.
        target=_box(picture.size, NORMALIZED_SIDE),
        rows=lambda top, end: picture.crop((0, top, picture.width, end)),
        icc_profile=picture.info.get("icc_profile"),
        orientation=lambda: _orientation(picture),
    )


def _opened_heic(file: BinaryIO, limits: Limits) -> _Source:
    """Rows straight from the decoder's buffer: a Pillow image of all of it would cost 4 bytes a
    pixel more. libheif has turned the picture upright, whatever its EXIF says."""
    heif = pi_heif.open_heif(file, convert_hdr_to_8bit=True, remove_stride=False)
    picture = heif[heif.primary_index]
    _require_pixels(picture.size, HEIC, limits)
    stride = picture.stride  # decodes, after which the size may be another

    def rows(top: int, end: int) -> Image.Image:
        # `picture` owns the buffer: a view that outlives it would read freed memory.
        part = bytes(memoryview(picture.data)[top * stride : end * stride])
        size = (picture.size[0], end - top)
        return Image.frombytes(picture.mode, size, part, "raw", picture.mode, stride)

    return _Source(
        size=picture.size,
        target=_box(picture.size, NORMALIZED_SIDE),
        rows=rows,
        icc_profile=picture.info.get("icc_profile"),
        orientation=lambda: 1,
    )


def _require_pixels(size: tuple[int, int], picture_format: PictureFormat, limits: Limits) -> None:
    if size[0] * size[1] > limits.pixels_for(picture_format):
        raise too_many_pixels()


def _box(size: tuple[int, int], longest_side: int) -> tuple[int, int]:
    width, height = size
    scale = min(1.0, longest_side / max(width, height))
    return max(1, round(width * scale)), max(1, round(height * scale))


def _shrunk(source: _Source) -> Image.Image:
    """Flattened and resized with Lanczos, a band of the result at a time. Each band reads as many
    rows around it as the filter reaches, so that the seams do not show."""
    width, height = source.target
    scale = source.size[1] / height
    reach = _LANCZOS_SUPPORT * scale + 1
    # A new image carries over no comment, EXIF or profile.
    canvas: Image.Image | None = None
    for top in range(0, height, _BAND_ROWS):
        end = min(top + _BAND_ROWS, height)
        first = max(0, math.floor(top * scale - reach))
        last = min(source.size[1], math.ceil(end * scale + reach))
        box = (0.0, top * scale - first, float(source.size[0]), end * scale - first)
        band = _flat(source.rows(first, last))
        if canvas is None:
            canvas = Image.new(band.mode, source.target)
        canvas.paste(band.resize((width, end - top), Image.Resampling.LANCZOS, box), (0, top))
    assert canvas is not None  # a picture has rows
    return canvas


_WITH_ALPHA = ("LA", "La", "PA", "RGBA", "RGBa")


def _flat(band: Image.Image) -> Image.Image:
    """Without transparency, 8 bits a channel: mode L, RGB, CMYK or LAB."""
    if band.mode.startswith("I;16"):
        return _high_bytes(band)
    if band.mode in _WITH_ALPHA or "transparency" in band.info:
        opaque = band.convert("LA") if band.mode == "La" else band
        return _on_white(opaque.convert("RGBA"))
    if band.mode in ("L", "RGB", "CMYK", "LAB"):
        return band
    if band.mode in ("I", "F"):
        raise RefusedUpload(
            _(
                "This file holds measurements rather than colors. "
                "Save the picture as JPEG or PNG and upload that."
            ),
            "unreadable",
        )
    return band.convert("L" if band.mode == "1" else "RGB")


def _on_white(band: Image.Image) -> Image.Image:
    # convert("RGB") would show the color that is hidden under what is transparent.
    white = Image.new("RGBA", band.size, "white")
    return Image.alpha_composite(white, band).convert("RGB")


def _high_bytes(band: Image.Image) -> Image.Image:
    # convert("L") would cut 16-bit grey at 255 and leave the page white.
    pairs = band.tobytes()
    first = 0 if band.mode.endswith("B") else 1
    return Image.frombytes("L", band.size, pairs[first::2])


_SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB"))


def _as_srgb(picture: Image.Image, icc_profile: bytes | None) -> Image.Image:
    """By the picture's own color profile where that fits; else as if it were sRGB."""
    if icc_profile:
        converted = _converted_by(icc_profile, picture)
        if converted is not None:
            return converted
    return picture.convert("RGB")


def _converted_by(icc_profile: bytes, picture: Image.Image) -> Image.Image | None:
    """None where the profile makes no sense, or is for another kind of color."""
    try:
        return ImageCms.profileToProfile(
            picture,
            ImageCms.ImageCmsProfile(io.BytesIO(icc_profile)),
            _SRGB,
            renderingIntent=ImageCms.Intent.RELATIVE_COLORIMETRIC,
            outputMode="RGB",
            flags=ImageCms.Flags.BLACKPOINTCOMPENSATION,
        )
    except (ImageCms.PyCMSError, OSError, ValueError, TypeError):
        return None


_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


def _orientation(picture: Image.Image) -> int:
    try:
        value = picture.getexif().get(ExifTags.Base.Orientation)
    # A picture with broken EXIF is still a picture.
    except Exception:
        return 1
    return value if isinstance(value, int) else 1


def _upright(picture: Image.Image, orientation: int) -> Image.Image:
    turn = _TURNS.get(orientation)
    return picture if turn is None else picture.transpose(turn)


def _fitted(picture: Image.Image, longest_side: int) -> Image.Image:
    size = _box(picture.size, longest_side)
    if size == picture.size:
        return picture
    return picture.resize(size, Image.Resampling.LANCZOS, reducing_gap=2.0)


def _as_jpeg(picture: Image.Image, quality: int, subsampling: str) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG", quality=quality, subsampling=subsampling)
    return buffer.getvalue()


def _write_together(out_dir: Path, contents: Mapping[str, bytes]) -> None:
    """Write aside, then rename, in the order given: a reader never sees half a file."""
    out_dir.mkdir(parents=True, exist_ok=True)
    aside = {name: out_dir / f".{name}.{secrets.token_hex(4)}" for name in contents}
    try:
        for name, content in contents.items():
            with aside[name].open("wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
        for name, path in aside.items():
            path.replace(out_dir / name)
    finally:
        for path in aside.values():
            path.unlink(missing_ok=True)
