from __future__ import annotations

import math
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from ml.errors import EngineError
from ml.images import FORMATS
from ml.labels import PICTURE_SUFFIXES, Labels, find_pictures, match_names, read_labels

Write = Callable[[str], Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def to_file(text: str) -> Path:
        path = tmp_path / "labels.csv"
        path.write_bytes(text.encode())
        return path

    return to_file


def levels_of(labels: Labels, slug: str = "realism") -> list[list[float | None]]:
    return [[None if math.isnan(v) else v for v in row] for row in labels.ratings[slug].tolist()]


def test_a_column_per_dimension_is_read(write: Write) -> None:
    labels = read_labels(write("name,realism,line_texture\na.png,1,2\nb.png,5,4.5\n"), None, (1, 5))
    assert labels.names == ("a.png", "b.png")
    assert list(labels.ratings) == ["realism", "line_texture"]
    assert levels_of(labels) == [[1], [5]]
    assert labels.mean("line_texture").tolist() == [2, 4.5]


def test_raters_with_a_column_each_are_kept_apart_in_their_order(write: Write) -> None:
    labels = read_labels(write("name,realism_r10,realism_r2\na,1,2\nb,NA,4\nc,,nan\n"), None, None)
    assert levels_of(labels) == [[2, 1], [4, None], [None, None]]
    assert labels.mean("realism")[:2].tolist() == [1.5, 4]
    assert math.isnan(labels.mean("realism")[2])


def test_raters_with_a_row_each_are_kept_apart(write: Write) -> None:
    text = "name,rater,realism,comment\na,Kim,1,bold\nb,Kim,2,\na,Lou,3,bright\n"
    text += "b,Lou,,\na,Ari,2,bold\n"
    labels = read_labels(write(text), None, (1, 5))
    assert labels.names == ("a", "b")
    assert levels_of(labels) == [[1, 3, 2], [2, None, None]]
    assert labels.columns == {"comment": ("bold\nbright", "")}


def test_the_layout_of_the_rated_drawings_is_read(write: Write) -> None:
    labels = read_labels(
        write(
            "file,child_id,class_id,age,creativity_r1,creativity_r2,flag,note\n"
            "images/G_1.png,7,1,5,0,3,,\n"
            "images/I_1.png,7,1,5,,4,blank_or_unscorable,\n"
        ),
        ["creativity"],
        (0, 4),
    )
    assert levels_of(labels, "creativity") == [[0, 3], [None, 4]]
    assert list(labels.columns) == ["child_id", "class_id", "age", "flag", "note"]
    assert labels.column("child", "Child ID") == ("7", "7")
    assert labels.column("grade") is None


@pytest.mark.parametrize("header", ["name", "File", "FILENAME", "image", " Picture "])
def test_the_column_of_names_may_be_called(header: str, write: Write) -> None:
    assert read_labels(write(f"realism,{header}\n3,a.png\n"), None, None).names == ("a.png",)


@pytest.mark.parametrize(
    "text",
    [
        "\ufeffname,realism\na.png,3.5\n",
        "name;realism\r\na.png;3,5\r\n",
        "name;realism\na.png;3.5\n",
        "name\trealism\na.png\t3,5\n",
        '"name";"realism";"a, b, c, d"\na.png;3.5;x\n',
        "\n\nname,Realism\n\na.png, 3.5 \n,\n",
    ],
)
def test_separators_marks_and_blank_lines_make_no_difference(text: str, write: Write) -> None:
    assert levels_of(read_labels(write(text), None, (1, 5))) == [[3.5]]


def test_headers_may_be_written_as_words(write: Write) -> None:
    labels = read_labels(write("name,Color richness,My Scale\na,3,4\n"), ["my-scale"], None)
    assert levels_of(labels, "my-scale") == [[4]]
    assert labels.column("color_richness") == ("3",)


def test_a_comment_over_several_lines_does_not_shift_the_line_numbers(write: Write) -> None:
    text = 'name,comment,realism\na,"one\ntwo, ""three""",4\nb,,x\n'
    with pytest.raises(EngineError, match="line 4, column realism"):
        read_labels(write(text), None, None)
    with pytest.raises(EngineError, match="line 2, column realism"):
        read_labels(write(text.replace(",4", ",y")), None, None)
    labels = read_labels(write(text.replace(",x", ",2")), None, None)
    assert labels.column("comment") == ('one\ntwo, "three"', "")


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("realism\n3\n", "no column of picture names"),
        ("name,age\na,3\n", "--dimensions"),
        ("name,realism\na,three\n", "line 2, column realism: “three” is not a number"),
        ("name,realism\na,inf\n", "line 2, column realism: “inf” is not a number"),
        ("name,realism\na,1e999\n", "line 2, column realism: “1e999” is not a number"),
        ('name,realism\na,"3,5"\n', "line 2, column realism: “3,5” is not a number"),
        ("name,realism\na,3\nb,0\n", "line 3, column realism: 0 is not between 1 and 5"),
        ("name,realism_r1,realism_r2\na,3,5.1\n", "column realism_r2: 5.1 is not between"),
        ("name,realism\na,3\na,3\n", "line 3: a is already on line 2; several raters need"),
        ("name,rater,realism\na,K,3\na,K,3\n", "line 3: a by rater K is already on line 2."),
        ("name,rater,realism\na,,3\n", "does not say which rater"),
        ("name,rater,realism_r1,realism_r2\na,K,3,3\n", "both a rater column and columns per"),
        ("name,realism,realism_r1\na,3,3\n", "keep one"),
        ("name,realism,Realism\na,3,4\n", "two columns called realism"),
        ("name,realism\n,3\n", "line 2: the picture has no name"),
        ("name,realism\na,3,5\n", "line 2: more cells than"),
        ('name,realism\n"a,3\n', "line 2: "),
        ("name,realism\n", "no rows"),
        (",,\n", "is empty"),
        ("", "is empty"),
    ],
)
def test_what_cannot_be_read_is_said_in_a_sentence(text: str, sentence: str, write: Write) -> None:
    with pytest.raises(EngineError) as raised:
        read_labels(write(text), None, (1, 5))
    assert sentence in str(raised.value)
    assert str(raised.value).endswith(".")


def test_a_file_that_is_no_text_or_not_there_is_said(tmp_path: Path) -> None:
    path = tmp_path / "labels.csv"
    path.write_bytes("name,realism\nä,3\n".encode("latin-1"))
    with pytest.raises(EngineError, match="not UTF-8"):
        read_labels(path, None, None)
    with pytest.raises(EngineError, match="cannot be read"):
        read_labels(tmp_path, None, None)
    with pytest.raises(EngineError, match=r"gone\.csv cannot be read"):
        read_labels(tmp_path / "gone.csv", None, None)


def test_named_dimensions_without_a_column_are_left_out_but_not_all_of_them(write: Write) -> None:
    path = write("name,warmth\na,3\n")
    assert list(read_labels(path, ["joy", "warmth"], None).ratings) == ["warmth"]
    with pytest.raises(EngineError, match="no column of a known dimension"):
        read_labels(path, ["joy"], None)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Pictures below ``class``, and one outside it."""
    for name in ("1/cat.png", "2/cat.png", "1/dog.JPG", "sun.webp", ".hidden/sea.png", "notes.txt"):
        path = tmp_path / "class" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    (tmp_path / "secret.png").touch()
    return tmp_path / "class"


def test_pictures_are_found_by_path_then_base_name_then_stem(folder: Path) -> None:
    names = ["1/cat.png", "dog.JPG", "elsewhere/sun", "2\\cat"]
    found, missing = find_pictures(names, folder)
    assert {name: path.relative_to(folder).as_posix() for name, path in found.items()} == {
        "1/cat.png": "1/cat.png",
        "dog.JPG": "1/dog.JPG",
        "elsewhere/sun": "sun.webp",
        "2\\cat": "2/cat.png",
    }
    assert missing == []


@pytest.mark.parametrize("name", ["cat.png", "cat", "sea.png", "notes", "notes.txt", "cow.png"])
def test_unclear_hidden_and_absent_pictures_are_missing(name: str, folder: Path) -> None:
    assert find_pictures([name], folder) == ({}, [name])


@pytest.mark.parametrize(
    "name", ["../secret.png", "/sun.webp", "1/../sun.webp", "C:\\sun.webp", "..\\class\\sun.webp"]
)
def test_no_name_leads_out_of_the_folder(name: str, folder: Path) -> None:
    assert find_pictures([name], folder) == ({}, [name])
    assert find_pictures([str(folder / "sun.webp")], folder)[0] == {}


def test_two_names_never_share_a_picture(folder: Path) -> None:
    assert find_pictures(["a/sun.png", "b/sun.png"], folder)[0] == {}
    assert match_names(["a/1.png", "1.png"], ["a/1.png", "b/1.png"]) == {"a/1.png": "a/1.png"}
    assert match_names(["a/x.png"], ["a/x.jpg", "b/x.png"]) == {"a/x.png": "a/x.jpg"}
    assert match_names(["x.png", "x.jpg"], ["x.jpg"]) == {"x.jpg": "x.jpg"}


def test_only_the_extension_of_a_picture_is_cut_off() -> None:
    assert match_names(["child.1"], ["child.2", "child.1.png"]) == {"child.1": "child.1.png"}
    assert match_names(["child.1"], ["child.2"]) == {}


def test_a_missing_folder_is_said(tmp_path: Path) -> None:
    with pytest.raises(EngineError, match="no folder"):
        find_pictures(["a.png"], tmp_path / "gone")


def test_the_extensions_are_those_of_the_pictures_that_can_be_read() -> None:
    from PIL import Image

    kinds = {Image.registered_extensions()[suffix] for suffix in PICTURE_SUFFIXES}
    assert kinds == set(FORMATS)


def test_reading_labels_needs_nothing_heavy() -> None:
    code = "import sys, ml.labels; print({'torch', 'scipy', 'PIL'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


def test_missing_raters_do_not_pull_the_mean(write: Write) -> None:
    labels = read_labels(write("name,realism_r1,realism_r2,realism_r3\na,5,,4\n"), None, (1, 5))
    np.testing.assert_array_equal(labels.mean("realism"), [4.5])
