"""Reading a picture and bringing it to the model's size: the one decoder and the one resize of ml.

Training, serving and the demo use these functions and no others. The web application hands over
pictures it has normalized already; from a shell any photograph or scan may come.
"""

from __future__ import annotations

import io
import math
from pathlib import Path

import numpy as np
import pi_heif
from PIL import Image, ImageCms, ImageFilter, ImageOps

from ml.errors import UnreadablePicture
from ml.profiles import ImageProfile

Image.init()  # all decoders now; Image.open with named formats does not look for them
pi_heif.register_heif_opener()

FORMATS = ("JPEG", "PNG", "WEBP", "TIFF", "BMP", "GIF", "AVIF", "HEIF")
MAX_PIXELS = 80_000_000  # below Pillow's own warning; about 240 MB once decoded
MIN_SIDE_PX = 16
MAX_ASPECT = 20
BLANK_SIDE_PX = 128
BLANK_LEVELS = 10  # of 255: paper grain and JPEG noise stay below, a pencil line is above
BLANK_SHARE = 0.002


def load_picture(path: Path) -> Image.Image:
    """Decodes one picture to upright 8-bit sRGB, transparency flattened on white.

    Raises:
        UnreadablePicture: with a sentence that says why.
    """
    try:
        with Image.open(path, formats=FORMATS) as image:
            _check_size(*image.size)
            # The one load. After a failed one, a damaged PNG answers a second load with half a
            # picture and no error, so nothing may touch the image again.
            image.load()
            return _to_srgb(ImageOps.exif_transpose(image))
    except UnreadablePicture:
        raise
    except PermissionError:
        raise UnreadablePicture("The file may not be read by this program.") from None
    except (FileNotFoundError, IsADirectoryError):
        raise UnreadablePicture("There is no such file.") from None
    except Image.UnidentifiedImageError:
        raise UnreadablePicture("The file is not a picture of a kind that can be read.") from None
    except Image.DecompressionBombError:
        raise UnreadablePicture("The picture has too many pixels.") from None
    except Exception as error:  # decoders of damaged files raise nearly everything
        raise UnreadablePicture("The picture is damaged or incomplete.") from error


def fit_picture(image: Image.Image, profile: ImageProfile) -> Image.Image:
    """An RGB picture as ``profile.size_px`` square: all of it, proportions kept, centered."""
    side = profile.size_px
    scale = side / max(image.size)
    rounded = math.floor if profile.fit == "letterbox_floor" else round
    width, height = (max(1, rounded(length * scale)) for length in image.size)
    page = Image.new("RGB", (side, side), profile.pad_color)
    scaled = image.resize((width, height), Image.Resampling.BICUBIC)
    page.paste(scaled, ((side - width) // 2, (side - height) // 2))
    return page


def is_blank(image: Image.Image) -> bool:
    """True if hardly anything differs from its surroundings: an empty page, however it is lit."""
    small = image.copy()
    small.thumbnail((BLANK_SIDE_PX, BLANK_SIDE_PX), Image.Resampling.BOX)
    around = small.filter(ImageFilter.GaussianBlur(BLANK_SIDE_PX / 8))
    # (height, width, 3)
    difference = np.abs(np.asarray(small, dtype=np.int16) - np.asarray(around, dtype=np.int16))
    return float((difference.max(axis=2) > BLANK_LEVELS).mean()) < BLANK_SHARE


def _check_size(width: int, height: int) -> None:
    if width * height > MAX_PIXELS:
        raise UnreadablePicture(f"The picture has too many pixels ({width} x {height}).")
    if min(width, height) < MIN_SIDE_PX:
        raise UnreadablePicture(f"The picture is too small ({width} x {height} pixels).")
    if max(width, height) > MAX_ASPECT * min(width, height):
        raise UnreadablePicture(f"The picture is a strip ({width} x {height} pixels).")


def _to_srgb(image: Image.Image) -> Image.Image:
    if image.mode.startswith("I;16"):  # 65535 is white; Pillow's own conversion would clip at 255
        grey = np.asarray(image).astype(np.uint32) // 257
        return Image.fromarray(grey.astype(np.uint8)).convert("RGB")
    if image.mode in ("I", "F"):
        raise UnreadablePicture("The picture stores measurements instead of colors.")
    if image.has_transparency_data:
        layers = image.convert("RGBA")
        paper = Image.new("RGBA", layers.size, "white")
        flat = Image.alpha_composite(paper, layers).convert("RGB")
        return _apply_profile(flat, image.info.get("icc_profile"))
    return _apply_profile(image, image.info.get("icc_profile"))


def _apply_profile(image: Image.Image, icc: bytes | None) -> Image.Image:
    """Converts to sRGB where a readable color profile fits the picture's mode."""
    if icc and image.mode in ("RGB", "CMYK", "L"):
        try:
            source = ImageCms.ImageCmsProfile(io.BytesIO(icc))
            target = ImageCms.createProfile("sRGB")
            converted = ImageCms.profileToProfile(image, source, target, outputMode="RGB")
        except (ImageCms.PyCMSError, OSError, TypeError):
            return image.convert("RGB")  # a broken profile is no reason to refuse the picture
        if converted is not None:
            return converted
    return image.convert("RGB")
