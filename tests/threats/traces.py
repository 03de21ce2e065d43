"""Finds what a picture file says besides its pixels."""

from __future__ import annotations

import io
import re
import zlib

from PIL import Image

SECRET = "Amara-52.5200N-13.4050E"
MARKS = (b"Exif\0", b"http://ns.adobe.com", b"xmpmeta", b"ICC_PROFILE", b"acsp", b"Photoshop 3.0")


def traces_in(content: bytes) -> list[str]:
    """In the bytes, in packed parts of them, and in what Pillow reads out of them."""
    spelled = [SECRET.encode(), SECRET.encode("utf-16-le"), SECRET.encode("utf-16-be")]
    found = [m.decode("latin-1") for m in (*spelled, *MARKS) if m in content]
    for start in (match.start() for match in re.finditer(rb"x[\x01\x5e\x9c\xda]", content)):
        try:
            unpacked = zlib.decompressobj().decompress(content[start:], 1 << 20)
        except zlib.error:
            continue
        found += ["packed" for mark in spelled if mark in unpacked]
    if content.startswith(b"\xff\xd8"):
        with Image.open(io.BytesIO(content)) as picture:
            said = set(picture.info) - {"jfif", "jfif_version", "jfif_unit", "jfif_density"}
            found += sorted(said) + [str(tag) for tag in picture.getexif()]
    return found
