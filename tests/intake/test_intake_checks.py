import io
import struct
import time
import tracemalloc
import warnings
import zlib

import pytest
from PIL import Image, ImageFile

from grading.intake.checks import MB, Limits, RefusedUpload, UploadFacts, check_upload
from tests.intake.intake_files import HEIC, drawing, jpeg, png_chunk, png_header, saved


def check(content: bytes, name: str = "picture.jpg", **limits: int) -> UploadFacts:
    return check_upload(io.BytesIO(content), name, len(content), Limits(**limits))


def refusal(content: bytes, name: str = "picture.jpg", **limits: int) -> RefusedUpload:
    with pytest.raises(RefusedUpload) as caught:
        check(content, name, **limits)
    assert len(str(caught.value.reason)) > 20
    return caught.value


@pytest.mark.parametrize(
    ("content", "content_type", "size"),
    [
        (jpeg(), "image/jpeg", (320, 240)),
        (saved(drawing(), "PNG"), "image/png", (320, 240)),
        (saved(drawing(), "WEBP"), "image/webp", (320, 240)),
        (saved(drawing(), "AVIF"), "image/avif", (320, 240)),
        (saved(drawing(), "TIFF"), "image/tiff", (320, 240)),
        (saved(drawing(), "TIFF", compression="tiff_lzw"), "image/tiff", (320, 240)),
        (HEIC, "image/heic", (96, 72)),
    ],
)
def test_each_kind_of_picture_is_taken(
    content: bytes, content_type: str, size: tuple[int, int]
) -> None:
    facts = check(content)
    assert (facts.format.content_type, (facts.width, facts.height)) == (content_type, size)
    assert facts.size_bytes == len(content)
    assert facts.notice is None


def test_the_type_is_told_by_content_and_not_by_name() -> None:
    assert check(saved(drawing(), "PNG"), "scan.jpg").format.content_type == "image/png"


def test_the_same_content_has_the_same_hash_under_any_name() -> None:
    first, second = check(jpeg(), "a.jpg"), check(jpeg(), "b.jpg")
    assert first.content_sha256 == second.content_sha256
    assert first.content_sha256 != check(jpeg(400)).content_sha256


def test_the_file_is_rewound_for_whoever_stores_it() -> None:
    file = io.BytesIO(jpeg())
    check_upload(file, "a.jpg", len(jpeg()))
    assert file.tell() == 0


def test_nothing_is_decoded(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_decoding(self: ImageFile.ImageFile) -> None:
        raise AssertionError("a request must not decode")

    monkeypatch.setattr(ImageFile.ImageFile, "load", no_decoding)
    for pillow_name in ("JPEG", "PNG", "WEBP", "AVIF", "TIFF"):
        check(saved(drawing(), pillow_name))
    check(HEIC)


@pytest.mark.parametrize(
    ("content", "code", "says"),
    [
        (b"GIF89a" + bytes(100), "gif", "GIF"),
        (saved(drawing(), "BMP"), "bmp", "BMP"),
        (b"%PDF-1.7\n" + bytes(100), "pdf", "This is a PDF, not a picture"),
        (b"\r\n%PDF-1.4\n", "pdf", "PDF"),
        (b"8BPS\0\1" + bytes(100), "psd", "Photoshop"),
        (b"\0\0\1\0\1\0" + bytes(100), "ico", "ICO"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n", "eps", "EPS"),
        (b'<?xml version="1.0"?>\n<svg onload="x()"/>', "svg", "SVG"),
        (b"<!DOCTYPE html><html></html>", "web_page", "web page"),
        ("Für die Klasse 3b: bitte Bilder abgeben.".encode(), "text", "text file"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(99), "office", "office document"),
        (b"PK\x03\x04" + bytes(99), "zip", "ZIP"),
        (b"Rar!\x1a\x07", "packed", "packed"),
        (b"\0\0\0\x18ftypmp42" + bytes(99), "video", "video"),
        (b"\0\0\0\x14ftypqt  " + bytes(99), "video", "video"),
        (b"RIFF\0\0\0\0AVI LIST", "video", "video"),
        (b"RIFF\0\0\0\0WAVEfmt ", "audio", "sound"),
        (b"\0\0\0\x18ftypcrx " + bytes(99), "raw_photo", "raw"),
        (b"II*\0\x10\0\0\0CR\2\0", "raw_photo", "raw"),
        (bytes(range(256)), "unknown", "Use JPEG, PNG"),
    ],
)
def test_what_is_no_picture_is_called_by_its_name(content: bytes, code: str, says: str) -> None:
    refused = refusal(content)
    assert refused.code == code
    assert says in str(refused.reason)


def test_an_empty_file_is_refused() -> None:
    assert refusal(b"").code == "empty"


def test_a_photo_of_60_megabytes_is_refused_with_both_sizes() -> None:
    reason = str(refusal(jpeg() + bytes(60 * MB)).reason)
    assert "61 MB" in reason
    assert "50 MB" in reason


def test_a_file_larger_than_it_claims_is_refused() -> None:
    content = jpeg() + bytes(2 * MB)
    with pytest.raises(RefusedUpload) as caught:
        check_upload(io.BytesIO(content), "a.jpg", 1000, Limits(max_bytes=MB))
    assert caught.value.code == "too_large"


@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
def test_the_largest_phone_photo_passes_and_a_hundred_million_pixels_do_not() -> None:
    assert check(png_header(8064, 6048)).width == 8064
    assert refusal(png_header(11600, 8700)).code == "too_many_pixels"
    assert refusal(png_header(30000, 30000)).code == "too_many_pixels"
    assert refusal(png_header(2**31 - 1, 2**31 - 1)).code == "too_many_pixels"


def test_a_format_that_decodes_in_several_copies_may_have_fewer_pixels() -> None:
    def webp(width: int, height: int) -> bytes:
        size = (width - 1) | (height - 1) << 14
        data = b"\x2f" + struct.pack("<I", size) + bytes(40)
        body = b"WEBPVP8L" + struct.pack("<I", len(data)) + data + b"\0" * (len(data) % 2)
        return b"RIFF" + struct.pack("<I", len(body)) + body

    assert check(webp(5000, 4000)).width == 5000
    assert refusal(webp(8000, 6000)).code == "too_many_pixels"


def test_a_strip_and_a_dot_are_refused() -> None:
    assert refusal(png_header(20000, 4)).code == "too_narrow"
    assert refusal(png_header(4, 20000)).code == "too_narrow"
    assert refusal(png_header(1, 1)).code == "too_small"
    assert "63 × 200" in str(refusal(png_header(63, 200)).reason)
    assert check(png_header(512, 64)).height == 64


def test_a_moving_picture_is_taken_with_a_notice() -> None:
    frames = [drawing(), drawing().rotate(180)]
    for pillow_name in ("WEBP", "PNG", "AVIF"):
        moving = saved(frames[0], pillow_name, save_all=True, append_images=frames[1:])
        assert "first image" in str(check(moving).notice)


def test_a_scan_of_many_pages_is_refused_so_that_no_page_is_lost() -> None:
    pages = [drawing() for _ in range(3)]
    refused = refusal(saved(pages[0], "TIFF", save_all=True, append_images=pages[1:]))
    assert refused.code == "several_pages"


def tiff_of_pages(count: int) -> bytes:
    entries = ((256, 100), (257, 100), (258, 8), (259, 1), (262, 1), (273, 8), (279, 100))
    page = struct.pack("<H", len(entries))
    page += b"".join(struct.pack("<HHII", tag, 3, 1, value) for tag, value in entries)
    length = len(page) + 4
    following = (8 + length * place for place in range(1, count))
    pages = (page + struct.pack("<I", at) for at in [*following, 0])
    return b"II*\0" + struct.pack("<I", 8) + b"".join(pages)


def test_forty_thousand_pages_are_not_counted() -> None:
    assert check(tiff_of_pages(1)).width == 100
    content = tiff_of_pages(40_000)
    started = time.process_time()
    assert refusal(content).code == "several_pages"
    assert time.process_time() - started < 0.5


def test_a_thumbnail_beside_the_scan_is_no_second_page() -> None:
    thumbnail = drawing(80, 60)
    thumbnail.encoderinfo = {"tiffinfo": {254: 1}}
    both = saved(drawing(), "TIFF", save_all=True, append_images=[thumbnail])
    assert check(both).width == 320


def test_a_raw_photo_in_a_tiff_coat_is_refused() -> None:
    dng = saved(drawing(), "TIFF", tiffinfo={50706: b"\1\4\0\0"})
    assert refusal(dng).code == "raw_photo"


def test_a_file_that_is_cut_off_in_its_header_is_called_so() -> None:
    assert refusal(saved(drawing(), "PNG")[:20]).code == "cut_off"
    assert refusal(HEIC[:200]).code == "cut_off"
    assert "ends too early" in str(refusal(saved(drawing(), "WEBP")[:20]).reason)


def test_text_that_inflates_without_end_is_refused() -> None:
    bomb = png_chunk(b"zTXt", b"note\0\0" + zlib.compress(bytes(50 * MB)))
    content = saved(drawing(), "PNG")
    assert refusal(content[:33] + bomb + content[33:]).code == "unreadable"


def test_a_header_without_end_is_refused_before_it_fills_the_memory() -> None:
    segment = b"\xff\xe1\xff\xfe" + b"Exif\0\0" + bytes(0xFFFE - 8)
    content = b"\xff\xd8" + segment * 600 + jpeg()[2:]
    file = io.BytesIO(content)
    tracemalloc.start()
    try:
        with pytest.raises(RefusedUpload) as caught:
            check_upload(file, "a.jpg", len(content))
        peak_bytes = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert caught.value.code == "unreadable"
    assert peak_bytes < 30 * MB


def test_a_phone_s_second_picture_inside_a_jpeg_is_no_matter() -> None:
    both = saved(drawing(), "MPO", save_all=True, append_images=[drawing(80, 60)])
    facts = check(both)
    assert (facts.width, facts.notice) == (320, None)


def test_the_name_in_the_facts_is_safe_to_show() -> None:
    assert check(jpeg(), "../../etc/\u202egpj.exe").name == "gpj.exe"


def test_a_warning_about_pixels_turned_into_an_error_is_an_answer_too() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        assert refusal(png_header(11000, 9000)).code == "too_many_pixels"
