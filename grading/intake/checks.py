"""What the web request may do with an uploaded file: look at its first bytes, never decode it."""

import hashlib
import struct
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import BinaryIO

import pi_heif
from django.utils.functional import Promise
from django.utils.text import format_lazy
from django.utils.translation import gettext_lazy as _
from PIL import Image

from grading.intake.names import safe_name

pi_heif.register_heif_opener()

Sentence = str | Promise

MB = 1024 * 1024
_CHUNK_BYTES = MB
_HEAD_BYTES = 4096


@dataclass(frozen=True)
class PictureFormat:
    pillow_name: str
    extension: str
    content_type: str
    # WebP, HEIC and AVIF decoders want the whole file in memory before they tell its size.
    reads_whole_file: bool = False


JPEG = PictureFormat("JPEG", ".jpg", "image/jpeg")
PNG = PictureFormat("PNG", ".png", "image/png")
TIFF = PictureFormat("TIFF", ".tif", "image/tiff")
WEBP = PictureFormat("WEBP", ".webp", "image/webp", reads_whole_file=True)
HEIC = PictureFormat("HEIF", ".heic", "image/heic", reads_whole_file=True)
AVIF = PictureFormat("AVIF", ".avif", "image/avif", reads_whole_file=True)


@dataclass(frozen=True)
class Limits:
    """Sizes beyond which a file is refused.

    HEIC, WebP and AVIF hold two or three copies of the picture while they decode, so they get
    fewer pixels; 50 million still lets the largest phone photos (48 million) pass as HEIC.
    """

    max_bytes: int = 50 * MB
    max_bytes_read_whole: int = 25 * MB
    max_pixels: int = 80_000_000
    max_pixels_by_format: Mapping[str, int] = field(
        default_factory=lambda: MappingProxyType(
            {"HEIF": 50_000_000, "WEBP": 25_000_000, "AVIF": 25_000_000}
        )
    )
    min_side: int = 64
    max_aspect: float = 8.0
    # A picture's header with its color profile and preview is well under a megabyte.
    max_header_bytes: int = 8 * MB

    max_archive_bytes: int = 1024 * MB
    max_members: int = 500
    max_inflated_bytes: int = 1024 * MB
    max_inflation_ratio: int = 200
    max_directory_bytes: int = MB

    def pixels_for(self, picture_format: PictureFormat) -> int:
        return self.max_pixels_by_format.get(picture_format.pillow_name, self.max_pixels)


DEFAULT_LIMITS = Limits()


@dataclass(frozen=True)
class UploadFacts:
    """What is known of a file that may be stored. Width and height are those of the stored rows:
    a photo taken upright may still be turned when it is normalized."""

    name: str
    format: PictureFormat
    size_bytes: int
    width: int
    height: int
    content_sha256: str
    notice: Sentence | None = None


class RefusedUpload(Exception):
    """The file is not taken. `reason` is a sentence for a teacher, `code` is for the program."""

    def __init__(self, reason: Sentence, code: str) -> None:
        super().__init__(code)
        self.reason = reason
        self.code = code


class HeaderTooLong(Exception):
    """More bytes were asked for than a header may have."""


class BudgetedReader:
    """A file that lets a parser read only so many bytes, so that a hostile header stays cheap.

    Pillow keeps every JPEG segment and zipfile its whole directory in memory before either can be
    asked how large it is.
    """

    def __init__(self, file: BinaryIO, budget_bytes: int) -> None:
        self._file = file
        self._left: int | None = budget_bytes

    def read(self, size: int | None = -1, /) -> bytes:
        if self._left is None:
            return self._file.read(-1 if size is None else size)
        if size is None or size < 0 or size > self._left:
            size = self._left + 1
        data = self._file.read(size)
        if len(data) > self._left:
            raise HeaderTooLong
        self._left -= len(data)
        return data

    def lift(self) -> None:
        """The header is read: from here on any amount may be."""
        self._left = None

    def seek(self, offset: int, whence: int = 0, /) -> int:
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        return self._file.tell()

    def seekable(self) -> bool:
        return True


def check_upload(
    file: BinaryIO, name: str, size_bytes: int, limits: Limits = DEFAULT_LIMITS
) -> UploadFacts:
    """Look at size, type, header and content hash; raise RefusedUpload with a teacher's sentence.

    Reads the file once for the hash and rewinds it. `size_bytes` is the size the client claims;
    the bytes that are really there are counted as well.
    """
    file.seek(0)
    head = file.read(_HEAD_BYTES)
    if not head:
        raise RefusedUpload(_("This file is empty. Copy it again and upload it again."), "empty")
    if size_bytes > limits.max_bytes:
        raise _too_large(size_bytes, limits.max_bytes)
    picture_format = require_picture(head)
    content_sha256, size_bytes = _hash_and_count(file, limits)
    if picture_format.reads_whole_file and size_bytes > limits.max_bytes_read_whole:
        raise _too_large(size_bytes, limits.max_bytes_read_whole)
    width, height, notice = _read_header(file, picture_format, limits)
    file.seek(0)
    return UploadFacts(
        safe_name(name), picture_format, size_bytes, width, height, content_sha256, notice
    )


def require_picture(head: bytes) -> PictureFormat:
    """The format that a file's first bytes tell; RefusedUpload names what else it seems to be."""
    picture_format = picture_format_of(head)
    if picture_format is None:
        raise _not_a_picture(head)
    return picture_format


def picture_format_of(head: bytes) -> PictureFormat | None:
    if head.startswith(b"\xff\xd8\xff"):
        return JPEG
    if head.startswith(b"\x89PNG\r\n\x1a\n"):
        return PNG
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return WEBP
    # Camera raw files wear a TIFF header with a mark of their own behind it.
    if head[:4] in (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+") and head[8:10] != b"CR":
        return TIFF
    if head[4:8] == b"ftyp":
        return _format_of_brands(_brands(head))
    return None


def looks_like_zip(head: bytes) -> bool:
    return head[:4] in (b"PK\x03\x04", b"PK\x05\x06")


def _require_size(width: int, height: int, picture_format: PictureFormat, limits: Limits) -> None:
    if width * height > limits.pixels_for(picture_format):
        raise too_many_pixels()
    if max(width, height) > limits.max_aspect * min(width, height):
        raise RefusedUpload(
            format_lazy(
                _(
                    "This picture is a very thin strip ({width} × {height} pixels). "
                    "Take a photo of the whole artwork and upload that."
                ),
                width=width,
                height=height,
            ),
            "too_narrow",
        )
    if min(width, height) < limits.min_side:
        raise RefusedUpload(
            format_lazy(
                _(
                    "This picture is too small to score ({width} × {height} pixels). "
                    "Upload the original photo, at least {side} pixels on each side."
                ),
                width=width,
                height=height,
                side=limits.min_side,
            ),
            "too_small",
        )


def unreadable(
    file: BinaryIO, picture_format: PictureFormat | None, error: Exception
) -> RefusedUpload:
    """The sentence for a picture that a decoder gave up on."""
    if picture_format is None:
        return RefusedUpload(_UNKNOWN, "unknown")
    if _is_cut_off(file, picture_format, error):
        return RefusedUpload(
            _(
                "The file ends too early; it was probably cut off while it was copied. "
                "Copy it again and upload it again."
            ),
            "cut_off",
        )
    return RefusedUpload(
        format_lazy(
            _(
                "This looks like a {kind} picture, but it is damaged. "
                "Open it in a picture program, save it as a new JPEG or PNG, and upload that."
            ),
            kind=picture_format.extension[1:].upper(),
        ),
        "unreadable",
    )


def _is_cut_off(file: BinaryIO, picture_format: PictureFormat, error: Exception) -> bool:
    if isinstance(error, EOFError) or "truncated" in str(error).lower():
        return True
    size_bytes = file.seek(0, 2)
    if picture_format in (HEIC, AVIF):
        return _boxes_end(file, size_bytes) > size_bytes
    if picture_format is WEBP:
        file.seek(4)
        return int.from_bytes(file.read(4), "little") + 8 > size_bytes
    if picture_format is PNG:
        file.seek(max(0, size_bytes - 64))
        return b"IEND" not in file.read()
    return False


def _boxes_end(file: BinaryIO, size_bytes: int) -> int:
    """Where the boxes of a HEIC or AVIF file say that it ends."""
    at = 0
    for _box in range(64):
        file.seek(at)
        header = file.read(16)
        if len(header) < 8:
            return size_bytes if not header else size_bytes + 1
        length = int.from_bytes(header[:4], "big")
        if length == 1:
            length = int.from_bytes(header[8:], "big")
        if length < 8:
            return size_bytes
        at += length
        if at > size_bytes:
            return at
    return at


def _hash_and_count(file: BinaryIO, limits: Limits) -> tuple[str, int]:
    digest = hashlib.sha256()
    count = 0
    file.seek(0)
    while chunk := file.read(_CHUNK_BYTES):
        count += len(chunk)
        if count > limits.max_bytes:
            raise _too_large(count, limits.max_bytes)
        digest.update(chunk)
    return digest.hexdigest(), count


def _read_header(
    file: BinaryIO, picture_format: PictureFormat, limits: Limits
) -> tuple[int, int, Sentence | None]:
    whole = picture_format.reads_whole_file
    budget = limits.max_bytes_read_whole if whole else limits.max_header_bytes
    file.seek(0)
    reader = BudgetedReader(file, budget)
    try:
        with Image.open(reader, formats=[picture_format.pillow_name]) as picture:  # type: ignore[arg-type]
            width, height = picture.size
            _require_size(width, height, picture_format, limits)
            notice = _look_at_further_pictures(picture, picture_format)
    except RefusedUpload:
        raise
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise too_many_pixels() from error
    # Decoders of odd files raise nearly anything: struct.error, KeyError, MemoryError.
    except Exception as error:
        raise unreadable(file, picture_format, error) from error
    return width, height, notice


def _look_at_further_pictures(
    picture: Image.Image, picture_format: PictureFormat
) -> Sentence | None:
    """A scanner's TIFF with many pages is many children's work: refuse it rather than lose all but
    the first. The frames of a moving picture are one work. Further pictures in a phone's JPEG or
    HEIC (depth, brightness) are no pictures for people. Never counts by walking the frames."""
    if picture_format is TIFF:
        _require_one_page(picture)
        return None
    if picture_format in (PNG, WEBP, AVIF) and getattr(picture, "n_frames", 1) > 1:
        return _("This is a moving picture. Only its first image is used.")
    return None


_TIFF_SUBFILE_TYPE = 254
_TIFF_SUB_IFDS = 330
_TIFF_DNG_VERSION = 50706
_REDUCED_COPY = 1


def _require_one_page(picture: Image.Image) -> None:
    tags = getattr(picture, "tag_v2", {})
    # The first image of a raw camera file is only a thumbnail of the photo.
    preview_first = bool(_subfile_type(tags) & _REDUCED_COPY)
    if _TIFF_DNG_VERSION in tags or (preview_first and _TIFF_SUB_IFDS in tags):
        raise _raw_photo()
    try:
        picture.seek(1)
    except EOFError:
        return
    if not _subfile_type(getattr(picture, "tag_v2", {})) & _REDUCED_COPY:
        raise RefusedUpload(
            _(
                "This TIFF holds several pages. Save each page as a picture of its own "
                "and upload those."
            ),
            "several_pages",
        )


def _subfile_type(tags: Mapping[int, object]) -> int:
    value = tags.get(_TIFF_SUBFILE_TYPE, 0)
    return value if isinstance(value, int) else 0


def _brands(head: bytes) -> set[bytes]:
    end = min(struct.unpack(">I", head[:4])[0], len(head), 256)
    return {head[8:12]} | {head[at : at + 4] for at in range(16, end - 3, 4)}


def _format_of_brands(brands: set[bytes]) -> PictureFormat | None:
    if brands & {b"avif", b"avis"}:
        return AVIF
    heic_brands = {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs"}
    if brands & (heic_brands | {b"mif1", b"msf1"}):
        return HEIC
    return None


def _too_large(size_bytes: int, limit_bytes: int) -> RefusedUpload:
    return RefusedUpload(
        format_lazy(
            _(
                "This picture is too large ({size} MB; at most {limit} MB). "
                "Save it smaller, or as a JPEG, and upload that."
            ),
            size=-(-size_bytes // MB),
            limit=limit_bytes // MB,
        ),
        "too_large",
    )


def too_many_pixels() -> RefusedUpload:
    return RefusedUpload(
        _(
            "This picture has far more pixels than a photo needs. "
            "Save it smaller (about 4000 pixels on the long side) and upload that."
        ),
        "too_many_pixels",
    )


def _raw_photo() -> RefusedUpload:
    return RefusedUpload(
        _("This is a camera's raw file. Export the photo as JPEG and upload that."), "raw_photo"
    )


def _save_as(kind: str) -> Sentence:
    return format_lazy(
        _(
            "Files of the type {kind} cannot be read here. Open this one in a picture program, "
            "save it as JPEG or PNG, and upload that."
        ),
        kind=kind,
    )


_PDF = _("This is a PDF, not a picture. Save the page as JPEG or PNG and upload that.")
_OFFICE = _(
    "This is an office document, not a picture. Save the picture in it as JPEG or PNG "
    "and upload that."
)
_ZIP = _("This is a ZIP file, not a picture. Unpack it and upload the pictures in it.")
_PACKED = _("This is a packed file. Unpack it and upload the pictures in it.")
_VIDEO = _("This is a video, not a picture. Upload a photo of the artwork.")
_AUDIO = _("This is a sound recording, not a picture. Upload a photo of the artwork.")
_WEB_PAGE = _("This is a web page, not a picture. Save the picture itself and upload that.")
_TEXT = _("This is a text file, not a picture. Check that you chose the right file.")
_UNKNOWN = _(
    "This is not a picture that can be read here. Use JPEG, PNG, WebP, HEIC, AVIF or TIFF files."
)

# Marks at the start of a file, longest first where one begins like another.
_MARKS: tuple[tuple[bytes, str, Sentence], ...] = (
    (b"GIF8", "gif", _save_as("GIF")),
    (b"BM", "bmp", _save_as("BMP")),
    (b"8BPS", "psd", _save_as("Photoshop")),
    (b"\0\0\1\0", "ico", _save_as("ICO")),
    (b"\0\0\2\0", "ico", _save_as("ICO")),
    (b"icns", "icns", _save_as("ICNS")),
    (b"\0\0\0\x0cjP  ", "jpeg2000", _save_as("JPEG 2000")),
    (b"\xff\x4f\xff\x51", "jpeg2000", _save_as("JPEG 2000")),
    (b"\0\0\0\x0cJXL ", "jpeg_xl", _save_as("JPEG XL")),
    (b"\xff\x0a", "jpeg_xl", _save_as("JPEG XL")),
    (b"%!PS", "eps", _save_as("EPS")),
    (b"\xc5\xd0\xd3\xc6", "eps", _save_as("EPS")),
    (b"PK\x03\x04", "zip", _ZIP),
    (b"PK\x05\x06", "zip", _ZIP),
    (b"Rar!", "packed", _PACKED),
    (b"7z\xbc\xaf\x27\x1c", "packed", _PACKED),
    (b"\x1f\x8b", "packed", _PACKED),
    (b"BZh", "packed", _PACKED),
    (b"\xfd7zXZ", "packed", _PACKED),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "office", _OFFICE),
    (b"{\\rtf", "office", _OFFICE),
    (b"\x1a\x45\xdf\xa3", "video", _VIDEO),
    (b"\0\0\1\xba", "video", _VIDEO),
    (b"\0\0\1\xb3", "video", _VIDEO),
    (b"FLV", "video", _VIDEO),
    (b"ID3", "audio", _AUDIO),
    (b"OggS", "audio", _AUDIO),
    (b"fLaC", "audio", _AUDIO),
)


def _not_a_picture(head: bytes) -> RefusedUpload:
    if head[:4] in (b"II*\0", b"IIRO", b"IIU\0") or head.startswith(b"FUJIFILM"):
        return _raw_photo()
    if b"%PDF-" in head[:1024]:
        return RefusedUpload(_PDF, "pdf")
    for mark, code, sentence in _MARKS:
        if head.startswith(mark):
            return RefusedUpload(sentence, code)
    if head[:4] == b"RIFF":
        return _sound_or_video(is_sound=head[8:12] == b"WAVE")
    if head[4:8] == b"ftyp":
        return _not_a_picture_box(head[8:12])
    return _text_or_unknown(head)


def _not_a_picture_box(brand: bytes) -> RefusedUpload:
    if brand == b"crx ":
        return _raw_photo()
    return _sound_or_video(is_sound=brand.startswith((b"M4A", b"M4B")))


def _sound_or_video(*, is_sound: bool) -> RefusedUpload:
    return RefusedUpload(_AUDIO, "audio") if is_sound else RefusedUpload(_VIDEO, "video")


def _text_or_unknown(head: bytes) -> RefusedUpload:
    start = head.lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if b"<svg" in start:
        return RefusedUpload(_save_as("SVG"), "svg")
    if start.startswith((b"<!doctype html", b"<html")):
        return RefusedUpload(_WEB_PAGE, "web_page")
    if _is_text(head):
        return RefusedUpload(_TEXT, "text")
    return RefusedUpload(_UNKNOWN, "unknown")


def _is_text(head: bytes) -> bool:
    if head.startswith((b"\xff\xfe", b"\xfe\xff")):
        return True
    if any(byte < 32 and byte not in b"\t\n\r\f\x1b" for byte in head):
        return False
    try:
        # The 4096th byte may be the first half of a letter.
        head[: max(1, len(head) - 3)].decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True
