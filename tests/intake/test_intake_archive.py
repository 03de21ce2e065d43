import io
import stat
import struct
import zipfile

import pytest

from grading.intake.archive import ArchiveMember, RefusedMember, is_archive, open_archive
from grading.intake.checks import MB, Limits, RefusedUpload
from tests.intake.intake_files import HEIC, drawing, jpeg, saved, zip_of

SMALL = Limits(max_bytes=MB, max_inflated_bytes=3 * MB, max_members=5)


def names_and_codes(file: io.BytesIO, limits: Limits = SMALL) -> list[tuple[str, str]]:
    return [
        (member.name, member.code if isinstance(member, RefusedMember) else "ok")
        for member in open_archive(file, limits)
    ]


def refusal(file: io.BytesIO, limits: Limits = SMALL) -> RefusedUpload:
    with pytest.raises(RefusedUpload) as caught:
        open_archive(file, limits)
    assert len(str(caught.value.reason)) > 20
    return caught.value


def test_each_picture_comes_out_whole() -> None:
    content = {"3B/Amara B.jpg": jpeg(), "3B/Ben T.heic": HEIC}
    for member in open_archive(zip_of(content)):
        assert isinstance(member, ArchiveMember)
        assert member.file.read() == content["3B/" + member.name]
        assert member.facts.name == member.name


def test_one_bad_member_does_not_stop_the_others() -> None:
    file = zip_of({"a.jpg": jpeg(), "notes.txt": b"Bring glue.", "b.png": saved(drawing(), "PNG")})
    assert names_and_codes(file) == [("a.jpg", "ok"), ("notes.txt", "text"), ("b.png", "ok")]


def test_what_computers_add_by_themselves_is_passed_over() -> None:
    clutter = {
        "art/": b"",
        "__MACOSX/art/._a.jpg": b"\0\5\x16\7",
        "art/._a.jpg": b"\0\5\x16\7",
        "art/.DS_Store": b"x",
        "art/Thumbs.db": b"x",
        "desktop.ini": b"x",
    }
    assert names_and_codes(zip_of({**clutter, "art/a.jpg": jpeg()})) == [("a.jpg", "ok")]
    assert refusal(zip_of(clutter)).code == "archive_empty"


@pytest.mark.parametrize(
    "name",
    ["../../evil.jpg", "/etc/evil.jpg", "C:\\evil.jpg", "art/../../evil.jpg", "..\\evil.jpg"],
)
def test_a_path_that_leaves_the_zip_is_refused(name: str) -> None:
    file = zip_of({name: jpeg(), "b.jpg": jpeg()})
    assert names_and_codes(file) == [("evil.jpg", "unsafe_path"), ("b.jpg", "ok")]


def test_a_folder_written_with_backslashes_is_fine() -> None:
    assert names_and_codes(zip_of({"3B\\a.jpg": jpeg()})) == [("a.jpg", "ok")]


def test_a_link_is_refused() -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        link = zipfile.ZipInfo("a.jpg")
        link.external_attr = (stat.S_IFLNK | 0o777) << 16
        archive.writestr(link, "/etc/passwd")
    assert names_and_codes(buffer) == [("a.jpg", "link")]


def test_a_member_with_a_password_is_refused() -> None:
    content = bytearray(zip_of({"a.jpg": jpeg()}).getvalue())
    for mark, flags_at in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        content[content.index(mark) + flags_at] |= 1
    assert names_and_codes(io.BytesIO(bytes(content))) == [("a.jpg", "encrypted")]


def test_a_zip_inside_the_zip_is_refused() -> None:
    inner = zip_of({"a.jpg": jpeg()}).getvalue()
    assert names_and_codes(zip_of({"more.zip": inner})) == [("more.zip", "nested_archive")]


def test_a_member_that_grows_and_grows_is_stopped() -> None:
    bomb = jpeg() + bytes(40 * MB)
    limits = Limits(max_inflated_bytes=60 * MB)
    file = zip_of({"bomb.jpg": bomb, "a.jpg": jpeg()})
    assert names_and_codes(file, limits) == [("bomb.jpg", "bomb"), ("a.jpg", "ok")]


def test_a_member_over_the_limit_of_a_picture_is_refused_by_what_it_really_holds() -> None:
    content = zip_of({"a.jpg": jpeg() + bytes(2 * MB), "b.jpg": jpeg()}).getvalue()
    assert names_and_codes(io.BytesIO(content)) == [("a.jpg", "too_large"), ("b.jpg", "ok")]
    lying = content.replace(struct.pack("<I", len(jpeg()) + 2 * MB), struct.pack("<I", 100))
    assert names_and_codes(io.BytesIO(lying))[1:] == [("b.jpg", "ok")]
    assert names_and_codes(io.BytesIO(lying))[0][1] in ("too_large", "member_broken")


def test_what_all_members_unpack_to_is_counted_together() -> None:
    members = {f"{n}.jpg": jpeg() + bytes(900_000) for n in range(5)}
    codes = [code for _, code in names_and_codes(zip_of(members))]
    assert codes == ["ok", "ok", "ok", "archive_too_large", "archive_too_large"]


def test_too_many_members_are_refused_at_once() -> None:
    file = zip_of({f"{n}.jpg": jpeg() for n in range(6)})
    refused = refusal(file)
    assert refused.code == "archive_too_many"
    assert "at most 5" in str(refused.reason)


def test_a_directory_of_a_million_names_is_not_read() -> None:
    file = zip_of({f"{n}.jpg": b"" for n in range(3000)}, zipfile.ZIP_STORED)
    limits = Limits(max_members=10_000, max_directory_bytes=100_000)
    assert refusal(file, limits).code == "archive_too_many"


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_a_name_that_comes_twice_is_taken_once() -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("a.jpg", jpeg())
        archive.writestr("a.jpg", jpeg(400))
        archive.writestr("other/a.jpg", jpeg(500))
    codes = [code for _, code in names_and_codes(buffer)]
    assert codes == ["ok", "duplicate_name", "ok"]


@pytest.mark.parametrize("flag", [0x800, 0])
def test_a_name_in_utf_8_is_read_with_and_without_its_mark(flag: int) -> None:
    content = bytearray(zip_of({"Chloé 🎨.jpg": jpeg()}).getvalue())
    for mark, flags_at in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        struct.pack_into("<H", content, content.index(mark) + flags_at, flag)
    assert names_and_codes(io.BytesIO(bytes(content))) == [("Chloé 🎨.jpg", "ok")]


def test_a_name_in_the_old_code_page_is_read() -> None:
    content = zip_of({"Chlo#.jpg": jpeg()}).getvalue().replace(b"Chlo#", b"Chlo\x82")
    assert names_and_codes(io.BytesIO(content)) == [("Chloé.jpg", "ok")]


def test_a_damaged_member_is_refused_alone() -> None:
    file = zip_of({"a.jpg": jpeg(), "b.jpg": jpeg(400)}, zipfile.ZIP_STORED)
    content = bytearray(file.getvalue())
    content[content.index(b"\xff\xd8\xff") + 200] ^= 0xFF
    assert names_and_codes(io.BytesIO(bytes(content))) == [
        ("a.jpg", "member_broken"),
        ("b.jpg", "ok"),
    ]


def test_an_unusual_packing_is_refused() -> None:
    assert names_and_codes(zip_of({"a.jpg": jpeg()}, zipfile.ZIP_LZMA)) == [("a.jpg", "packing")]


def test_a_broken_zip_gets_one_message() -> None:
    content = zip_of({"a.jpg": jpeg()}).getvalue()
    assert refusal(io.BytesIO(content[: len(content) // 2])).code == "archive_broken"
    assert refusal(io.BytesIO(b"PK\x03\x04 but nothing else")).code == "archive_broken"


def test_an_office_document_is_called_so() -> None:
    file = zip_of({"[Content_Types].xml": b"<x/>", "word/media/image1.jpg": jpeg()})
    assert refusal(file).code == "office"


def test_a_zip_larger_than_allowed_is_refused_unread() -> None:
    assert refusal(zip_of({"a.jpg": jpeg()}), Limits(max_archive_bytes=100)).code == (
        "archive_too_large"
    )


def test_a_zip_is_known_by_its_content() -> None:
    assert is_archive(zip_of({"a.jpg": jpeg()}))
    assert not is_archive(io.BytesIO(jpeg()))
