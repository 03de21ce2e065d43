from __future__ import annotations

import io
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw

from ml.errors import UnreadablePicture
from ml.images import fit_picture, is_blank, load_picture
from ml.profiles import ImageProfile
from tests.ml.tiny_bundle import draw

SQUARE = ImageProfile("square", size_px=112, pad_color=(10, 20, 30))


def png_bytes(image: Image.Image) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return buffer.getvalue()


@pytest.mark.parametrize("kind", ["jpg", "png", "webp", "tiff", "bmp", "gif", "avif"])
def test_pictures_of_many_kinds_are_read_as_rgb(kind: str, tmp_path: Path) -> None:
    path = tmp_path / f"picture.{kind}"
    draw(1).save(path)
    image = load_picture(path)
    assert (image.mode, image.size) == ("RGB", (200, 150))
    difference = np.abs(np.asarray(image, dtype=int) - np.asarray(draw(1), dtype=int))
    assert difference.mean() < 12


def test_a_picture_taken_sideways_is_turned_upright(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # rotate 90 degrees clockwise to show
    draw(1).save(tmp_path / "sideways.jpg", exif=exif)
    assert load_picture(tmp_path / "sideways.jpg").size == (150, 200)


def test_transparency_becomes_white_paper(tmp_path: Path) -> None:
    image = Image.new("RGBA", (40, 40), (0, 0, 0, 0))
    image.putpixel((5, 5), (255, 0, 0, 255))
    image.save(tmp_path / "clear.png")
    read = load_picture(tmp_path / "clear.png")
    assert read.getpixel((0, 0)) == (255, 255, 255)
    assert read.getpixel((5, 5)) == (255, 0, 0)


def test_sixteen_bit_grey_keeps_its_tones(tmp_path: Path) -> None:
    tones = np.linspace(0, 65535, 64, dtype=np.uint16).reshape(1, 64).repeat(64, axis=0)
    Image.fromarray(tones).save(tmp_path / "deep.png")
    row = np.asarray(load_picture(tmp_path / "deep.png"))[0, :, 0]
    assert row.tolist() == (tones[0] // 257).tolist()


@pytest.mark.parametrize("share", [0.3, 0.6, 0.95])
@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
def test_a_truncated_picture_is_refused_every_time(share: float, kind: str, tmp_path: Path) -> None:
    buffer = io.BytesIO()
    draw(1, (400, 300)).save(buffer, kind)
    path = tmp_path / "cut"
    path.write_bytes(buffer.getvalue()[: int(len(buffer.getvalue()) * share)])
    for _ in range(2):
        with pytest.raises(UnreadablePicture, match="damaged or incomplete"):
            load_picture(path)


def test_a_png_with_a_spoiled_byte_is_refused(tmp_path: Path) -> None:
    data = bytearray(png_bytes(draw(1)))
    data[data.index(b"IDAT") + 40] ^= 0xFF
    (tmp_path / "spoiled.png").write_bytes(data)
    with pytest.raises(UnreadablePicture):
        load_picture(tmp_path / "spoiled.png")


def test_a_picture_of_too_many_pixels_is_refused_before_it_is_decoded(tmp_path: Path) -> None:
    header = (20_000).to_bytes(4) * 2 + bytes([8, 2, 0, 0, 0])
    chunk = b"IHDR" + header
    data = b"\x89PNG\r\n\x1a\n" + len(header).to_bytes(4) + chunk + zlib.crc32(chunk).to_bytes(4)
    data += (0).to_bytes(4) + b"IDAT" + zlib.crc32(b"IDAT").to_bytes(4)
    (tmp_path / "bomb.png").write_bytes(data)
    with pytest.raises(UnreadablePicture, match="too many pixels"):
        load_picture(tmp_path / "bomb.png")


@pytest.mark.parametrize("size", [(1, 1), (20_000, 4), (2000, 20)])
def test_a_speck_or_a_strip_is_refused(size: tuple[int, int], tmp_path: Path) -> None:
    Image.new("RGB", size).save(tmp_path / "odd.png")
    with pytest.raises(UnreadablePicture, match="small|strip"):
        load_picture(tmp_path / "odd.png")


@pytest.mark.parametrize("content", [b"", b"not a picture", b"%PDF-1.7", b"<svg/>"])
def test_what_is_no_picture_is_refused(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "picture.jpg").write_bytes(content)
    with pytest.raises(UnreadablePicture, match="not a picture"):
        load_picture(tmp_path / "picture.jpg")


def test_a_missing_file_is_said_to_be_missing(tmp_path: Path) -> None:
    with pytest.raises(UnreadablePicture, match="no such file"):
        load_picture(tmp_path / "nowhere.png")


def test_the_whole_picture_is_fitted_in_the_middle_of_the_square() -> None:
    image = Image.new("RGB", (200, 100), "red")
    fitted = np.asarray(fit_picture(image, SQUARE))
    assert fitted.shape == (112, 112, 3)
    assert (fitted[28:84] == (255, 0, 0)).all()
    assert (fitted[:28] == (10, 20, 30)).all()
    assert (fitted[84:] == (10, 20, 30)).all()


@pytest.mark.parametrize(("fit", "lines"), [("letterbox", 76), ("letterbox_floor", 75)])
def test_the_shorter_side_is_rounded_as_the_profile_says(fit: str, lines: int) -> None:
    """112 * 135 / 200 is 75.6."""
    profile = ImageProfile("square", size_px=112, pad_color=(10, 20, 30), fit=fit)  # type: ignore[arg-type]
    page = np.asarray(fit_picture(Image.new("RGB", (200, 135), "white"), profile))
    assert int((page[:, 56] == 255).all(axis=1).sum()) == lines


def test_fitting_a_fitted_picture_changes_nothing() -> None:
    once = fit_picture(draw(1), SQUARE)
    assert fit_picture(once, SQUARE).tobytes() == once.tobytes()


def test_an_empty_page_is_blank_however_it_is_lit() -> None:
    ramp = np.linspace(150, 240, 600)[None, :, None].repeat(400, 0).repeat(3, 2)
    grain = np.random.default_rng(0).normal(0, 4, ramp.shape)
    photographed = Image.fromarray((ramp + grain).clip(0, 255).astype(np.uint8))
    assert is_blank(Image.new("RGB", (900, 600), "white"))
    assert is_blank(photographed)


def test_a_page_with_a_small_figure_in_pencil_is_not_blank() -> None:
    page = Image.new("RGB", (1200, 900), "white")
    pen = ImageDraw.Draw(page)
    pen.ellipse((500, 300, 600, 400), outline=(90, 90, 90), width=4)
    pen.line((550, 400, 550, 550), fill=(90, 90, 90), width=4)
    assert not is_blank(page)


def test_a_drawing_is_not_blank() -> None:
    assert not any(is_blank(draw(seed)) for seed in range(20))
