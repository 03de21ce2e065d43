import hashlib
import io
import json
import random
import struct
import subprocess
import sys
import warnings
from pathlib import Path

import pytest
from PIL import Image, ImageChops, ImageCms, ImageFile

from grading.intake.normalize import NormalizedPicture, NormalizeError, normalize
from tests.intake.intake_files import HEIC, PAPER, RED, drawing, jpeg, png_chunk, png_header, saved

WHITE = (255, 255, 255)


def normalized(content: bytes, out_dir: Path) -> tuple[NormalizedPicture, Image.Image]:
    made = normalize(io.BytesIO(content), out_dir)
    with Image.open(made.normalized) as picture:
        picture.load()
        return made, picture


def refusal(content: bytes, out_dir: Path) -> NormalizeError:
    with pytest.raises(NormalizeError) as caught:
        normalize(io.BytesIO(content), out_dir)
    assert len(str(caught.value.reason)) > 20
    assert not list(out_dir.glob("*")), "a picture that was refused leaves no files"
    return caught.value


def assert_color(picture: Image.Image, at: tuple[int, int], color: tuple[int, ...]) -> None:
    found = picture.getpixel(at)
    assert isinstance(found, tuple)
    assert max(abs(a - b) for a, b in zip(found, color, strict=True)) <= 4, found


def assert_red_then_paper(picture: Image.Image) -> None:
    width, height = picture.size
    assert_color(picture, (width // 4, height // 2), RED)
    assert_color(picture, (width * 3 // 4, height // 2), PAPER)


@pytest.mark.parametrize(
    "content",
    [
        jpeg(),
        jpeg(progressive=True),
        saved(drawing(), "PNG"),
        saved(drawing().quantize(8), "PNG"),
        saved(drawing(), "WEBP", lossless=True),
        saved(drawing(), "AVIF", quality=95),
        saved(drawing(), "TIFF"),
        saved(drawing(), "TIFF", compression="tiff_lzw"),
        saved(drawing().convert("CMYK"), "TIFF"),
        saved(drawing().convert("CMYK"), "JPEG", quality=95),
        HEIC,
    ],
)
def test_the_colors_of_each_kind_of_picture_stay(content: bytes, tmp_path: Path) -> None:
    made, picture = normalized(content, tmp_path)
    assert (picture.mode, picture.format) == ("RGB", "JPEG")
    assert picture.size == (made.width, made.height)
    assert_red_then_paper(picture)


def test_three_sizes_are_made_and_none_is_enlarged(tmp_path: Path) -> None:
    made = normalize(io.BytesIO(jpeg(2600, 1300)), tmp_path)
    sizes = [Image.open(path).size for path in (made.normalized, made.display, made.thumbnail)]
    assert sizes == [(2000, 1000), (1568, 784), (320, 160)]
    made = normalize(io.BytesIO(jpeg(200, 100)), tmp_path)
    sizes = [Image.open(path).size for path in (made.normalized, made.display, made.thumbnail)]
    assert sizes == [(200, 100)] * 3


def test_the_hash_is_that_of_the_file_and_the_same_every_time(tmp_path: Path) -> None:
    first = normalize(io.BytesIO(jpeg()), tmp_path / "one")
    second = normalize(io.BytesIO(jpeg()), tmp_path / "two")
    assert first.sha256 == hashlib.sha256(first.normalized.read_bytes()).hexdigest()
    assert first.sha256 == second.sha256
    assert first.size_bytes == first.normalized.stat().st_size


def test_the_bands_leave_no_seams(tmp_path: Path) -> None:
    # Gentle noise: where the filter overshoots white, Pillow's order of passes would show as well.
    noise = Image.frombytes("L", (2700, 2001), random.Random(1).randbytes(2700 * 2001))
    noise = noise.point([96 + value // 4 for value in range(256)])
    _, picture = normalized(saved(noise, "PNG"), tmp_path)
    whole = noise.resize(picture.size, Image.Resampling.LANCZOS).convert("RGB")
    expected = Image.open(io.BytesIO(saved(whole, "JPEG", quality=90, subsampling=0)))
    difference = ImageChops.difference(picture, expected.convert("RGB"))
    rows = difference.convert("L").resize((1, picture.height), Image.Resampling.BOX)
    assert rows.getextrema() == (0, 0), "no row differs by more than rounding"


@pytest.mark.parametrize("pillow_name", ["JPEG", "PNG", "WEBP", "TIFF"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_every_orientation_comes_out_upright(
    orientation: int, pillow_name: str, tmp_path: Path
) -> None:
    stored_as = {
        1: [], 2: [Image.Transpose.FLIP_LEFT_RIGHT], 3: [Image.Transpose.ROTATE_180],
        4: [Image.Transpose.FLIP_TOP_BOTTOM], 5: [Image.Transpose.TRANSPOSE],
        6: [Image.Transpose.ROTATE_90], 7: [Image.Transpose.TRANSVERSE],
        8: [Image.Transpose.ROTATE_270],
    }  # fmt: skip
    upright = drawing()
    upright.paste((20, 20, 160), (0, 0, 320, 40))  # a blue sky
    stored = upright
    for turn in stored_as[orientation]:
        stored = stored.transpose(turn)
    exif = Image.Exif()
    exif[0x0112] = orientation
    made, picture = normalized(saved(stored, pillow_name, exif=exif), tmp_path)
    assert (made.width, made.height) == (320, 240)
    assert_red_then_paper(picture)
    assert_color(picture, (160, 10), (20, 20, 160))


@pytest.mark.parametrize("orientation", [0, 9])
def test_an_odd_orientation_is_ignored(orientation: int, tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    _, picture = normalized(jpeg(exif=exif), tmp_path)
    assert_red_then_paper(picture)


def test_an_orientation_that_is_text_is_ignored(tmp_path: Path) -> None:
    text = b"<?php phpinfo(); ?>\0"
    entry = struct.pack(">HHII", 0x0112, 2, len(text), 26)
    exif = b"Exif\0\0MM\0*\0\0\0\x08\0\x01" + entry + bytes(4) + text
    content = jpeg(exif=exif)
    assert Image.open(io.BytesIO(content)).getexif()[0x0112] == "<?php phpinfo(); ?>"
    _, picture = normalized(content, tmp_path)
    assert_red_then_paper(picture)


def test_broken_exif_does_not_cost_the_picture(tmp_path: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        _, picture = normalized(jpeg(exif=b"Exif\0\0MM\0*\0\0\0\x08\xff\xff garbage"), tmp_path)
    assert_red_then_paper(picture)


def half_transparent(mode: str) -> Image.Image:
    """The right half hides green under what cannot be seen."""
    picture = drawing().convert("RGBA")
    picture.paste((0, 200, 0, 0), (160, 0, 320, 240))
    return picture.convert(mode)


@pytest.mark.parametrize(
    ("content", "left"),
    [
        (saved(half_transparent("RGBA"), "PNG"), RED),
        (saved(half_transparent("RGBA"), "WEBP", lossless=True, exact=True), RED),
        (saved(half_transparent("RGBA"), "TIFF"), RED),
        (saved(half_transparent("RGBA"), "AVIF", quality=95), RED),
        (saved(half_transparent("RGBA").quantize(8), "PNG"), RED),
        (saved(half_transparent("LA"), "PNG"), (88, 88, 88)),
        (saved(drawing(), "PNG", transparency=PAPER), RED),
        (saved(drawing().convert("L"), "PNG", transparency=239), (88, 88, 88)),
    ],
)
def test_what_is_transparent_becomes_white_paper(
    content: bytes, left: tuple[int, int, int], tmp_path: Path
) -> None:
    _, picture = normalized(content, tmp_path)
    assert_color(picture, (80, 120), left)
    assert_color(picture, (240, 120), WHITE)


def test_half_seen_color_is_mixed_with_white(tmp_path: Path) -> None:
    veil = Image.new("RGBA", (100, 100), (200, 0, 0, 128))
    _, picture = normalized(saved(veil, "PNG"), tmp_path)
    assert_color(picture, (50, 50), (227, 127, 127))


@pytest.mark.parametrize(
    ("pillow_name", "mode"), [("PNG", "I;16"), ("TIFF", "I;16"), ("TIFF", "I;16B")]
)
def test_16_bit_grey_keeps_its_tones(pillow_name: str, mode: str, tmp_path: Path) -> None:
    values = [value * 257 for value in (0, 60, 150, 250)]
    order = ">" if mode == "I;16B" else "<"
    row = b"".join(struct.pack(order + "H", value) * 25 for value in values)
    grey = Image.frombytes(mode, (100, 80), row * 80)
    _, picture = normalized(saved(grey, pillow_name), tmp_path)
    for place, value in enumerate((0, 60, 150, 250)):
        assert_color(picture, (12 + 25 * place, 40), (value, value, value))


def test_lab_becomes_the_same_color_in_srgb(tmp_path: Path) -> None:
    transform = ImageCms.buildTransform(
        ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB"), "RGB", "LAB"
    )
    lab = ImageCms.applyTransform(drawing(), transform)
    assert lab is not None
    _, picture = normalized(saved(lab, "TIFF"), tmp_path)
    assert_red_then_paper(picture)


def profile_with_swapped_primaries() -> bytes:
    """sRGB with the red and blue colorants exchanged: whoever honors it shows blue for red."""
    data = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    for at in range(132, 132 + 12 * struct.unpack_from(">I", data, 128)[0], 12):
        if data[at : at + 4] in (b"rXYZ", b"bXYZ"):
            data[at : at + 1] = b"b" if data[at : at + 1] == b"r" else b"r"
    return bytes(data)


def test_the_picture_s_own_color_profile_is_honored(tmp_path: Path) -> None:
    swapped = jpeg(icc_profile=profile_with_swapped_primaries())
    _, picture = normalized(swapped, tmp_path)
    assert_color(picture, (80, 120), RED[::-1])


@pytest.mark.parametrize("profile", [b"no profile at all", b"\0" * 128])
def test_a_senseless_color_profile_is_passed_over(profile: bytes, tmp_path: Path) -> None:
    _, picture = normalized(saved(drawing(), "PNG", icc_profile=profile), tmp_path)
    assert_red_then_paper(picture)


def test_a_profile_for_another_kind_of_color_is_passed_over(tmp_path: Path) -> None:
    grey_picture = drawing().convert("L")
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    _, picture = normalized(saved(grey_picture, "JPEG", icc_profile=srgb), tmp_path)
    assert_color(picture, (80, 120), (88, 88, 88))


def segments_of(content: bytes) -> list[int]:
    """The kinds of the segments of a JPEG before its picture data."""
    kinds, at = [], 2
    while content[at + 1] != 0xDA:
        kinds.append(content[at + 1])
        at += 2 + int.from_bytes(content[at + 2 : at + 4], "big")
    return kinds


def private_pictures() -> list[bytes]:
    exif = Image.Exif()
    exif[0x010E] = "secret"
    exif.get_ifd(0x8825)[1] = "N"
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    plain = {"exif": exif, "icc_profile": srgb}
    return [
        jpeg(comment=b"secret", xmp=b"<x>secret</x>", dpi=(72, 72), **plain),
        saved(drawing(), "PNG", **plain),
        saved(drawing(), "WEBP", xmp=b"<x>secret</x>", **plain),
        saved(drawing(), "AVIF", xmp=b"<x>secret</x>", **plain),
        saved(drawing(), "TIFF", **plain),
        HEIC,
    ]


@pytest.mark.parametrize("content", private_pictures())
def test_nothing_but_the_picture_is_kept(content: bytes, tmp_path: Path) -> None:
    assert b"secret" in content
    made = normalize(io.BytesIO(content), tmp_path)
    for path in (made.normalized, made.display, made.thumbnail):
        kept = path.read_bytes()
        assert b"secret" not in kept
        jfif_tables_and_frame = {0xE0, 0xDB, 0xC0, 0xC4}
        assert set(segments_of(kept)) <= jfif_tables_and_frame


@pytest.mark.parametrize(
    "content",
    [
        jpeg(640, 480)[:3000],
        saved(Image.effect_noise((200, 200), 80), "PNG")[:20_000],
        saved(Image.effect_noise((200, 200), 80), "WEBP")[:5000],
        saved(Image.effect_noise((200, 200), 80), "AVIF")[:5000],
        HEIC[:700],
    ],
)
def test_a_file_that_was_cut_off_is_called_so(content: bytes, tmp_path: Path) -> None:
    refused = refusal(content, tmp_path)
    assert refused.code == "cut_off"
    assert "ends too early" in str(refused.reason)


def test_a_broken_png_never_becomes_black_rows(tmp_path: Path) -> None:
    whole = saved(Image.effect_noise((300, 300), 80), "PNG")
    at = len(whole) // 2
    broken = whole[:at] + bytes(200) + whole[at + 200 :]
    refusal(broken, tmp_path)
    twice = Image.open(io.BytesIO(broken))
    with pytest.raises((OSError, SyntaxError)):
        twice.load()
    assert ImageFile.LOAD_TRUNCATED_IMAGES is False


def test_a_picture_that_claims_too_many_pixels_is_refused_undecoded(tmp_path: Path) -> None:
    assert refusal(png_header(30_000, 30_000), tmp_path).code == "too_many_pixels"


def test_text_and_postscript_never_reach_a_decoder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_opening(*args: object, **options: object) -> None:
        raise AssertionError("must not be opened")

    monkeypatch.setattr(Image, "open", no_opening)
    postscript = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 100 100\n"
    assert refusal(postscript, tmp_path).code == "eps"
    assert refusal(b"GIF89a" + bytes(99), tmp_path).code == "gif"
    assert refusal(b"Dear class", tmp_path).code == "text"


def test_of_a_moving_picture_the_first_image_is_taken(tmp_path: Path) -> None:
    moving = saved(
        drawing(), "WEBP", save_all=True, append_images=[drawing().rotate(180)], lossless=True
    )
    _, picture = normalized(moving, tmp_path)
    assert_red_then_paper(picture)


def test_measurements_are_no_picture(tmp_path: Path) -> None:
    heights = Image.new("F", (100, 100), 0.5)
    assert "measurements" in str(refusal(saved(heights, "TIFF"), tmp_path).reason)


def test_the_files_appear_whole_and_nothing_is_left_beside_them(tmp_path: Path) -> None:
    normalize(io.BytesIO(jpeg()), tmp_path)
    before = (tmp_path / "normalized.jpg").stat().st_ino
    normalize(io.BytesIO(jpeg()), tmp_path)
    assert (tmp_path / "normalized.jpg").stat().st_ino != before, "renamed, not written over"
    names = sorted(path.name for path in tmp_path.iterdir())
    assert names == ["display.jpg", "normalized.jpg", "thumbnail.jpg"]


def test_a_full_disk_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_space(file_number: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", no_space)
    with pytest.raises(OSError, match="No space"):
        normalize(io.BytesIO(jpeg()), tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_path_is_read_as_well_as_an_open_file(tmp_path: Path) -> None:
    (tmp_path / "in.jpg").write_bytes(jpeg())
    assert normalize(tmp_path / "in.jpg", tmp_path / "out").width == 320


MEASURE = """
import json, sys
from pathlib import Path
from django.conf import settings
settings.configure(USE_I18N=False)
from grading.intake.normalize import normalize
from PIL import Image
Image.init()
made = normalize(Path(sys.argv[1]), Path(sys.argv[2]))
status = dict(line.split(":") for line in Path("/proc/self/status").read_text().splitlines())
print(json.dumps([made.width, int(status["VmHWM"].split()[0]) / 1024]))
"""


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="measured by Linux's /proc")
@pytest.mark.parametrize("size", [(4032, 3024), (8064, 6048)])
def test_a_phone_photo_takes_less_than_100_megabytes(size: tuple[int, int], tmp_path: Path) -> None:
    photo = Image.merge("RGB", [Image.effect_noise((504, 378), 60)] * 3).resize(size)
    (tmp_path / "photo.jpg").write_bytes(saved(photo, "JPEG", quality=92))
    # In a process of its own, by its own high-water mark: ru_maxrss is inherited from this one.
    run = subprocess.run(
        [sys.executable, "-c", MEASURE, str(tmp_path / "photo.jpg"), str(tmp_path)],
        capture_output=True, check=True, text=True, cwd=Path(__file__).parents[2],
    )  # fmt: skip
    width, peak_mb = json.loads(run.stdout)
    assert width == 2000
    assert peak_mb < 100


def test_a_late_chunk_of_text_is_not_kept(tmp_path: Path) -> None:
    content = saved(drawing(), "PNG")
    end = content.index(b"IEND") - 4
    noted = content[:end] + png_chunk(b"tEXt", b"Comment\0secret") + content[end:]
    made = normalize(io.BytesIO(noted), tmp_path)
    assert b"secret" not in made.normalized.read_bytes()
