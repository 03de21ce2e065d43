import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from grading.intake.names import MAX_NAME_LENGTH, RosterEntry, match_student, safe_name

CLASS_3B = [
    RosterEntry(place, name, place)
    for place, name in enumerate(
        ["Amara B.", "Chloé D.", "Diego García", "Ben K.", "Łukasz W.", "Mia O'Neil", "Ben T.",
         "Zoë-Lou P.", "王 小明", "Sam"],
        start=1,
    )
]  # fmt: skip
AMARA, CHLOE, DIEGO, BEN_K, LUKASZ, MIA, BEN_T, ZOE_LOU, XIAOMING, SAM = range(1, 11)


@pytest.mark.parametrize(
    ("file_name", "student"),
    [
        ("amara b.jpg", AMARA),
        ("Amara_B_spring.HEIC", AMARA),
        ("AmaraB.jpg", AMARA),
        ("spring-2026-amara-b-final.jpeg", AMARA),
        ("B Amara.png", AMARA),
        ("Amara.jpg", AMARA),
        ("by Amara 🎨.jpg", AMARA),
        ("3B/Amara B.jpg", AMARA),
        ("Chloe D.jpg", CHLOE),
        (unicodedata.normalize("NFD", "Chloé D.jpg"), CHLOE),
        ("CHLOÉ D (2).jpg", CHLOE),
        ("Garcia, Diego.jpg", DIEGO),
        ("diegogarcia.jpg", DIEGO),
        ("Diego G tree.jpg", DIEGO),
        ("lukasz w.jpg", LUKASZ),
        ("mia oneil.webp", MIA),
        ("Mia O\u2019Neil.webp", MIA),
        ("zoe lou p.tif", ZOE_LOU),
        ("王小明.jpg", XIAOMING),
        ("sam - Copy.jpg", SAM),
        ("07 Ben T.png", BEN_T),
        ("07 Ben.png", BEN_T),
        ("Ben K tree.jpg", BEN_K),
        ("3B-07.jpg", BEN_T),
        ("3b_07_spring.jpg", BEN_T),
        ("07.jpg", BEN_T),
        ("7.jpg", BEN_T),
        ("07 (1).jpg", BEN_T),
        ("07_spring.jpg", BEN_T),
        ("student 7.jpg", BEN_T),
        ("#7.jpg", BEN_T),
    ],
)
def test_a_name_or_number_in_the_file_name_finds_the_student(file_name: str, student: int) -> None:
    assert match_student(file_name, CLASS_3B) == student


@pytest.mark.parametrize(
    "file_name",
    [
        "Ben.jpg",
        "bent.jpg",
        "Amara K.jpg",
        "Amara B and Chloe D.jpg",
        "IMG_0007.jpg",
        "IMG_7.jpg",
        "DSC00003.JPG",
        "PXL_20261124_101500.jpg",
        "2026-11-07.jpg",
        "3 cats.jpg",
        "Scan 7.jpg",
        "3B-07-11.jpg",
        "12.jpg",
        "02 Ben T.png",
        "samurai.jpg",
        "🎨🎨🎨.jpg",
        ".jpg",
        "",
    ],
)
def test_in_doubt_nobody_is_matched(file_name: str) -> None:
    assert match_student(file_name, CLASS_3B) is None


def test_a_camera_s_counter_is_nobody_s_school_number() -> None:
    roster = [RosterEntry("a", "Amara B.", "2034"), RosterEntry("b", "Ben T.", "S-0112")]
    assert match_student("IMG_2034.jpg", roster) is None
    assert match_student("2034.jpg", roster) == "a"
    assert match_student("s-0112.jpg", roster) == "b"


def test_a_longer_name_wins_over_the_name_inside_it() -> None:
    roster = [RosterEntry("short", "Ann Lee"), RosterEntry("long", "Ann Lee Park")]
    assert match_student("Ann Lee Park.jpg", roster) == "long"
    assert match_student("Ann Lee.jpg", roster) == "short"


def test_an_initial_decides_between_two_of_the_same_name() -> None:
    roster = [RosterEntry("t", "Ben Turner"), RosterEntry("k", "Ben Kim")]
    assert match_student("ben t.jpg", roster) == "t"
    assert match_student("ben tree.jpg", roster) is None


def test_two_students_of_one_name_are_never_told_apart_by_it() -> None:
    roster = [RosterEntry("first", "Ben T."), RosterEntry("second", "Ben T.")]
    assert match_student("Ben T.jpg", roster) is None


def test_a_name_of_300_characters_is_searched_too() -> None:
    assert match_student("tree " * 60 + "Amara B.jpg", CLASS_3B) == AMARA


words = st.text(st.characters(categories=["Lu", "Ll"], max_codepoint=0x24F), min_size=2, max_size=9)


# A busy machine is no failure.
without_hurry = settings(deadline=None)


@without_hurry
@given(st.text(max_size=320))
def test_any_text_gets_an_answer(file_name: str) -> None:
    assert match_student(file_name, CLASS_3B) in {None, *range(1, 11)}


@without_hurry
@given(words, words, st.sampled_from(["", " spring", "_2", " 🎨"]), st.booleans())
def test_a_whole_name_is_found_in_any_case_and_form(
    first: str, last: str, title: str, composed: bool
) -> None:
    roster = [RosterEntry("it", f"{first} {last}"), RosterEntry("other", "Qqqq Xxxxxxxxxxxx")]
    written = unicodedata.normalize("NFC" if composed else "NFD", f"{first}_{last}{title}.jpg")
    assert match_student(written, roster) == "it"


@pytest.mark.parametrize(
    ("name", "safe"),
    [
        ("../../etc/passwd", "passwd"),
        ("C:\\Users\\Ms Lee\\Tree.jpg", "Tree.jpg"),
        ("tree\0.jpg\r\n", "tree.jpg"),
        ("tree\u202egpj.exe", "treegpj.exe"),
        ("\u2066evil\u2069.jpg", "evil.jpg"),
        ("  Chloé   👩‍🎨 🎨.HEIC ", "Chloé 👩‍🎨 🎨.HEIC"),
        ("مها.jpg", "مها.jpg"),
        (unicodedata.normalize("NFD", "Chloé.jpg"), "Chloé.jpg"),
        (".hidden", "hidden"),
        ("..", "picture"),
        ("art/", "picture"),
        ("", "picture"),
        ("\udcff.jpg", "jpg"),
    ],
)
def test_a_name_is_made_safe_to_store_and_show(name: str, safe: str) -> None:
    assert safe_name(name) == safe


def test_a_long_name_keeps_its_extension() -> None:
    shortened = safe_name("🎨" * 300 + ".heic")
    assert len(shortened) == MAX_NAME_LENGTH
    assert shortened.endswith("🎨.heic")


@pytest.mark.parametrize("end", [" tree", "\u200d🎨"])
def test_a_long_name_does_not_end_in_half_a_word_or_emoji(end: str) -> None:
    assert safe_name("x" * (MAX_NAME_LENGTH - 1) + end) == "x" * (MAX_NAME_LENGTH - 1)


any_characters = st.text(st.characters(exclude_categories=[]), max_size=320)


@without_hurry
@given(any_characters)
def test_a_safe_name_is_short_single_and_stays_as_it_is(name: str) -> None:
    safe = safe_name(name)
    assert 0 < len(safe) <= MAX_NAME_LENGTH
    assert not set(safe) & set("/\\\0\n\u202a\u202b\u202d\u202e\u2066\u2067\u2068\u200e\u200f")
    assert all(unicodedata.category(c) not in ("Cc", "Cs", "Zl", "Zp") for c in safe)
    assert safe not in (".", "..")
    assert safe_name(safe) == safe
    safe.encode()
