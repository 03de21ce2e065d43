import io
import tempfile
import warnings
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from grading.intake.archive import open_archive
from grading.intake.checks import RefusedUpload, check_upload
from grading.intake.normalize import NormalizeError, normalize
from tests.intake.intake_files import HEIC, drawing, jpeg, saved, zip_of

SMALL = drawing(96, 72)
WHOLE_FILES = [
    jpeg(96, 72),
    jpeg(96, 72, progressive=True),
    saved(SMALL, "PNG"),
    saved(SMALL.quantize(8), "PNG"),
    saved(SMALL.convert("RGBA"), "WEBP"),
    saved(SMALL, "AVIF"),
    saved(SMALL, "TIFF", compression="tiff_lzw"),
    saved(SMALL, "TIFF"),
    HEIC,
]
WHOLE_ZIP = zip_of({"a.jpg": jpeg(96, 72), "b/c.png": saved(SMALL, "PNG")}).getvalue()


@st.composite
def damaged(draw: st.DrawFn, files: list[bytes]) -> bytes:
    """A good file with bytes changed (most often in its header), a piece or its end missing."""
    content = bytearray(draw(st.sampled_from(files)))
    places = st.one_of(st.integers(0, 200), st.integers(0, len(content) - 1))
    for place in draw(st.lists(places, max_size=8)):
        content[place % len(content)] = draw(st.integers(0, 255))
    cut = draw(st.integers(0, len(content)))
    return bytes(content[:cut] + content[cut + draw(st.sampled_from([0, 0, 1, 40, 10**6])) :])


few = settings(
    max_examples=250, deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize=True
)


@few
@given(damaged(WHOLE_FILES))
def test_no_damage_escapes_as_another_error(content: bytes) -> None:
    with warnings.catch_warnings(), tempfile.TemporaryDirectory() as folder:
        warnings.simplefilter("ignore")
        try:
            check_upload(io.BytesIO(content), "a.jpg", len(content))
        except RefusedUpload as refused:
            assert str(refused.reason)
        try:
            normalize(io.BytesIO(content), Path(folder))
        except NormalizeError as error:
            assert str(error.reason)


@few
@given(damaged([WHOLE_ZIP]))
def test_no_damage_to_a_zip_escapes_as_another_error(content: bytes) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            for member in open_archive(io.BytesIO(content)):
                assert member.name
        except RefusedUpload as refused:
            assert str(refused.reason)
