"""A ZIP of pictures: each member is looked at on its own, and none is written where it says."""

import lzma
import re
import stat
import struct
import tempfile
import unicodedata
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO, cast

from django.utils.text import format_lazy
from django.utils.translation import gettext_lazy as _

from grading.intake.checks import (
    DEFAULT_LIMITS,
    MB,
    BudgetedReader,
    HeaderTooLong,
    Limits,
    RefusedUpload,
    Sentence,
    UploadFacts,
    check_upload,
    looks_like_zip,
    require_picture,
)
from grading.intake.names import safe_name

_CHUNK_BYTES = 256 * 1024
_HELD_IN_MEMORY_BYTES = MB


@dataclass(frozen=True)
class ArchiveMember:
    """A picture out of the ZIP. `file` is closed when the next member is asked for."""

    name: str
    file: BinaryIO
    facts: UploadFacts


@dataclass(frozen=True)
class RefusedMember:
    name: str
    reason: Sentence
    code: str


def is_archive(file: BinaryIO) -> bool:
    file.seek(0)
    head = file.read(4)
    file.seek(0)
    return looks_like_zip(head)


def open_archive(
    file: BinaryIO, limits: Limits = DEFAULT_LIMITS
) -> Iterator[ArchiveMember | RefusedMember]:
    """Yield every picture of the ZIP, and a refusal for every other file in it.

    Raises RefusedUpload at once where the ZIP as a whole cannot be taken. Sizes are counted while
    reading; what the ZIP says about them is not believed.
    """
    if file.seek(0, 2) > limits.max_archive_bytes:
        raise _archive_too_large(limits.max_archive_bytes)
    archive = _opened(file, limits)
    members = [info for info in archive.infolist() if not _is_skipped(info)]
    _require_pictures_only(archive, members, limits)
    return _members(archive, members, limits)


def _opened(file: BinaryIO, limits: Limits) -> zipfile.ZipFile:
    file.seek(0)
    reader = BudgetedReader(file, limits.max_directory_bytes)
    try:
        archive = zipfile.ZipFile(reader)
    except HeaderTooLong as error:
        raise _too_many_members(limits) from error
    except (zipfile.BadZipFile, OSError, ValueError, struct.error, NotImplementedError) as error:
        raise RefusedUpload(
            _("This ZIP file is damaged. Pack it again, or upload the pictures themselves."),
            "archive_broken",
        ) from error
    reader.lift()
    return archive


def _is_skipped(info: zipfile.ZipInfo) -> bool:
    """Folders, and what computers add by themselves."""
    parts = info.filename.replace("\\", "/").split("/")
    last = parts[-1].casefold()
    return (
        not last
        or stat.S_ISDIR(info.external_attr >> 16)
        or "__MACOSX" in parts
        or last.startswith("._")
        or last in (".ds_store", "thumbs.db", "desktop.ini")
    )


def _require_pictures_only(
    archive: zipfile.ZipFile, members: list[zipfile.ZipInfo], limits: Limits
) -> None:
    names = archive.NameToInfo
    # Word, PowerPoint, LibreOffice and Apple's programs write ZIP files too.
    if {"[Content_Types].xml", "mimetype", "Index.zip", "Index/Document.iwa"} & names.keys():
        raise RefusedUpload(
            _(
                "This is an office document, not a ZIP of pictures. Save the pictures in it as "
                "JPEG or PNG and upload those."
            ),
            "office",
        )
    if len(members) > limits.max_members:
        raise _too_many_members(limits)
    if not members:
        raise RefusedUpload(_("There are no pictures in this ZIP file."), "archive_empty")


def _members(
    archive: zipfile.ZipFile, members: list[zipfile.ZipInfo], limits: Limits
) -> Iterator[ArchiveMember | RefusedMember]:
    budget = _Budget(limits)
    seen: set[str] = set()
    for info in members:
        path = readable_path(info)
        name = safe_name(path)
        with tempfile.SpooledTemporaryFile(max_size=_HELD_IN_MEMORY_BYTES) as temporary:
            spool = cast(BinaryIO, temporary)
            try:
                _require_plain_member(info, path, seen)
                size_bytes = _unpack(archive, info, spool, budget)
                facts = check_upload(spool, name, size_bytes, limits)
            except RefusedUpload as refused:
                yield RefusedMember(name, refused.reason, refused.code)
            else:
                yield ArchiveMember(name, spool, facts)


@dataclass
class _Budget:
    """How much this ZIP may still unpack to."""

    limits: Limits
    inflated_bytes: int = 0

    def spend(self, info: zipfile.ZipInfo, chunk_bytes: int, member_bytes: int) -> None:
        self.inflated_bytes += chunk_bytes
        if self.inflated_bytes > self.limits.max_inflated_bytes:
            raise _archive_too_large(self.limits.max_inflated_bytes)
        packed_bytes = max(1, info.compress_size)
        suspicious = member_bytes > 10 * MB
        if suspicious and member_bytes > packed_bytes * self.limits.max_inflation_ratio:
            raise RefusedUpload(
                _(
                    "This file grows far too much when it is unpacked. "
                    "Save the picture as JPEG and upload that."
                ),
                "bomb",
            )
        if member_bytes > self.limits.max_bytes:
            raise _member_too_large(self.limits.max_bytes)


def _unpack(
    archive: zipfile.ZipFile, info: zipfile.ZipInfo, spool: BinaryIO, budget: _Budget
) -> int:
    """Copy one member, as long as it stays within what is allowed and starts like a picture."""
    count = 0
    try:
        with archive.open(info) as member:
            while chunk := member.read(_CHUNK_BYTES):
                if count == 0:
                    _require_picture_not_archive(chunk)
                count += len(chunk)
                budget.spend(info, len(chunk), count)
                spool.write(chunk)
    except RefusedUpload:
        raise
    # zipfile names a wrong password RuntimeError and an unknown packing NotImplementedError.
    except (zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError, OSError, ValueError,
            struct.error, RuntimeError) as error:  # fmt: skip
        raise RefusedUpload(
            _("This file is damaged inside the ZIP. Upload the picture itself."), "member_broken"
        ) from error
    return count


def _require_picture_not_archive(head: bytes) -> None:
    if looks_like_zip(head):
        raise RefusedUpload(
            _("This is a ZIP inside the ZIP. Unpack it and upload the pictures in it."),
            "nested_archive",
        )
    require_picture(head[:4096])


def _require_plain_member(info: zipfile.ZipInfo, path: str, seen: set[str]) -> None:
    kind = stat.S_IFMT(info.external_attr >> 16)
    if kind not in (0, stat.S_IFREG):
        raise RefusedUpload(
            _("This is only a link to a file. Put the picture itself into the ZIP."), "link"
        )
    if info.flag_bits & 1:
        raise RefusedUpload(
            _("This file is locked with a password. Pack the ZIP without one."), "encrypted"
        )
    if leaves_its_folder(path):
        raise RefusedUpload(
            _("This file's name points outside the ZIP. Upload the picture itself."), "unsafe_path"
        )
    # The other packings may ask for gigabytes of memory.
    if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise RefusedUpload(
            _("This file is packed in an unusual way. Upload the picture itself."), "packing"
        )
    key = unicodedata.normalize("NFC", path)
    if key in seen:
        raise RefusedUpload(
            _("This name is in the ZIP twice. Only the first picture with it was taken."),
            "duplicate_name",
        )
    seen.add(key)


def leaves_its_folder(path: str) -> bool:
    return (
        path.startswith("/") or re.match(r"[A-Za-z]:", path) is not None or ".." in path.split("/")
    )


def readable_path(info: zipfile.ZipInfo) -> str:
    """The path with forward slashes. Many programs write UTF-8 without saying so."""
    path = info.filename
    if not info.flag_bits & 0x800:
        try:
            path = path.encode("cp437").decode("utf-8")
        except UnicodeError:
            path = info.filename
    return path.replace("\\", "/")


def _too_many_members(limits: Limits) -> RefusedUpload:
    return RefusedUpload(
        format_lazy(
            _(
                "This ZIP holds too many files. "
                "Split it into several with at most {limit} pictures each."
            ),
            limit=limits.max_members,
        ),
        "archive_too_many",
    )


def _archive_too_large(limit_bytes: int) -> RefusedUpload:
    return RefusedUpload(
        format_lazy(
            _("This ZIP is too large (at most {limit} MB unpacked). Split it into several."),
            limit=limit_bytes // MB,
        ),
        "archive_too_large",
    )


def _member_too_large(limit_bytes: int) -> RefusedUpload:
    return RefusedUpload(
        format_lazy(
            _("This picture is too large (at most {limit} MB). Save it smaller, or as a JPEG."),
            limit=limit_bytes // MB,
        ),
        "too_large",
    )
