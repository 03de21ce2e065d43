"""Files as teachers (and others) send them, made on the spot."""

import base64
import io
import struct
import zipfile
import zlib

from PIL import Image, ImageDraw

RED = (200, 40, 40)
PAPER = (240, 240, 230)

# 96 x 72, the left half red, with a note in its EXIF. Pillow cannot write HEIC, so it is kept here.
HEIC = base64.b64decode(
    "AAAAHGZ0eXBoZWljAAAAAG1pZjFoZWljbWlhZgAAAZdtZXRhAAAAAAAAACFoZGxyAAAAAAAAAABwaWN0AAAAAAAAAA"
    "AAAAAAAAAAADRpbG9jAAAAAERAAAIAAQAAAAABuwABAAAAAAAAAQUAAgAAAAACwAABAAAAAAAAADwAAAA4aWluZgAA"
    "AAAAAgAAABVpbmZlAgAAAAABAABodmMxAAAAABVpbmZlAgAAAQACAABFeGlmAAAAAA5waXRtAAAAAAABAAAA1mlwcn"
    "AAAAC3aXBjbwAAAHhodmNDAQNwAAAAkAAAAAAAHvAA/P34+AAADwNgAAEAGEABDAH//wNwAAADAJAAAAMAAAMAHroC"
    "QGEAAQArQgEBA3AAAAMAkAAAAwAAAwAeoDCBJZbqSSmubgIaDAgAAAMAyAAAAwAIQGIAAQAHRAHBcrAiQAAAABNjb2"
    "xybmNseAABAA0ABoAAAAAUaXNwZQAAAAAAAABgAAAASAAAABBwaXhpAAAAAAMICAgAAAAXaXBtYQAAAAAAAAABAAEE"
    "gQIDBAAAABppcmVmAAAAAAAAAA5jZHNjAAIAAQABAAABSW1kYXQAAAEBKAGvCeDjg5y6r//+NJ///f0HkP2CY6SCUn"
    "n7XPOd6rR//LcBrFk/yU5Biqdacl3UUpJ5zipAki1ZXaKT6gXuWzfy+27QBkwBDgm4dHKQjey15HY1w8n4AA+IAR5T"
    "IyFIZQXNN1+1MAHNO5MQ9FNf2nyb/vLGWGdKT2O0k5rRu3Hzn9PPYUTqaVPvuqgd5D8WcQfq0QJ+b8tw9bHk/gw19U"
    "F2vbec9A1qhVao25PvtmJSXP7x8v5vj6km5fzfJ1/Taurdu7PKMQ6/PStpsPyCEYAAyvdWzcX/oJNEJ+Ljj0QcLpFI"
    "HoInIldi0NHaolG82x9/ZXnOH9V/MP83gJIAA1IAAAAGRXhpZgAATU0AKgAAAAgAAgEOAAIAAAAMAAAAJgESAAMAAA"
    "ABAAEAAAAAAABzZWNyZXQgbm90ZQA="
)


def drawing(width: int = 320, height: int = 240) -> Image.Image:
    """Red on the left, paper on the right, so that a turn and a wrong color show."""
    picture = Image.new("RGB", (width, height), PAPER)
    ImageDraw.Draw(picture).rectangle((0, 0, width // 2 - 1, height - 1), fill=RED)
    return picture


def saved(picture: Image.Image, pillow_name: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, pillow_name, **options)
    return buffer.getvalue()


def jpeg(width: int = 320, height: int = 240, **options: object) -> bytes:
    return saved(drawing(width, height), "JPEG", quality=95, **options)


def png_header(width: int, height: int) -> bytes:
    """The first bytes of a PNG that claims any size, and a line of nothing."""
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + png_chunk(b"IHDR", header) + png_chunk(b"IDAT", b"x" * 64)


def png_chunk(kind: bytes, data: bytes) -> bytes:
    checksum = zlib.crc32(kind + data)
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", checksum)


def zip_of(members: dict[str, bytes], packing: int = zipfile.ZIP_DEFLATED) -> io.BytesIO:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", packing) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    buffer.seek(0)
    return buffer
