"""Splits that repeat, children that stay in one part, versions that cannot change a level."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from ml.dataset import (
    MIRRORED,
    PLAIN,
    TONED,
    Dataset,
    read_dataset,
    read_variant,
    split_dataset,
    splits,
    variants_of,
)
from ml.errors import EngineError
from ml.images import fit_picture, load_picture
from ml.profiles import sha256_of_file
from ml.rubric import KIDSART
from tests.ml.tiny_bundle import IMAGE, draw


def made_up(count: int = 200, grades: int = 4) -> Dataset:
    """Two pictures by each child, grades in turn."""
    names = tuple(f"{n}.png" for n in range(count))
    return Dataset(
        rubric=KIDSART,
        names=names,
        paths=tuple(map(Path, names)),
        hashes=names,
        ratings={"realism": np.full((count, 1), 3.0)},
        children=tuple(str(n // 2) for n in range(count)),
        grades=tuple(str(n // 2 % grades) for n in range(count)),
        comments={},
        skipped=(),
    )


def test_a_split_repeats_with_its_seed_and_changes_with_it() -> None:
    assert splits(made_up(), 3) == splits(made_up(), 3)
    assert splits(made_up(), 3) != splits(made_up(), 4)


def test_every_picture_is_in_one_part_and_no_child_in_two() -> None:
    data = made_up()
    parts = split_dataset(data, 0)
    assert sorted(row for part in parts for row in part) == list(range(200))
    assert data.children is not None
    children = [{data.children[row] for row in part} for part in parts]
    assert not children[0] & children[1] | children[0] & children[2] | children[1] & children[2]


def test_parts_have_their_share_of_every_grade() -> None:
    data = made_up(400)
    assert data.grades is not None
    for part, share in zip(split_dataset(data, 1), (0.7, 0.15, 0.15), strict=True):
        assert len(part) / 400 == pytest.approx(share, abs=0.02)
        for grade in "0123":
            count = sum(data.grades[row] == grade for row in part)
            assert count / 100 == pytest.approx(share, abs=0.06)


def test_pictures_without_a_child_are_not_taken_for_one_child_s() -> None:
    data = replace(made_up(), children=("",) * 200)
    assert [len(part) for part in split_dataset(data, 0)] == pytest.approx([140, 30, 30], abs=4)


def test_copies_of_one_file_stay_together_where_no_child_is_known() -> None:
    data = made_up()
    copied = replace(data, children=None, hashes=tuple(str(n % 50) for n in range(200)))
    parts = split_dataset(copied, 0)
    files = [{copied.hashes[row] for row in part} for part in parts]
    assert not files[0] & files[1] | files[0] & files[2] | files[1] & files[2]


def test_a_child_that_is_called_like_a_row_is_not_taken_for_it() -> None:
    data = replace(made_up(20), children=("", "", *("0",) * 18), hashes=("a",) * 20)
    with pytest.raises(EngineError, match="by 2 children"):
        split_dataset(data, 0)


@pytest.mark.parametrize(("count", "folds"), [(4, 0), (4, 3)])
def test_too_few_children_for_parts_of_their_own_are_an_error(count: int, folds: int) -> None:
    with pytest.raises(EngineError, match="too few"):
        splits(made_up(count), 0, folds)


def test_with_folds_every_picture_is_reported_once_and_never_learned_from_then() -> None:
    folds = splits(made_up(), 0, folds=5)
    assert sorted(row for fold in folds for row in fold.test) == list(range(200))
    for fold in folds:
        assert not set(fold.test) & {*fold.train, *fold.validation}
        assert not set(fold.validation) & set(fold.train)
        assert len(fold.train) + len(fold.validation) + len(fold.test) == 200


def write_set(folder: Path, rows: str, pictures: int = 3) -> tuple[Path, Path]:
    (folder / "images").mkdir()
    for n in range(pictures):
        draw(n).save(folder / "images" / f"{n}.png")
    (folder / "labels.csv").write_text(rows)
    return folder / "labels.csv", folder / "images"


def test_a_missing_level_leaves_a_picture_out_of_that_dimension_only(tmp_path: Path) -> None:
    files = write_set(
        tmp_path,
        "name,child_id,grade,realism,imagination,comment\n"
        "0.png,a,1,2,,good\n1.png,a,1,,4,\n2.png,b,2,5,1,more\n",
    )
    data = read_dataset(*files, KIDSART, ["realism", "imagination"])
    assert data.labeled("realism", range(3)) == [0, 2]
    assert data.labeled("imagination", range(3)) == [1, 2]
    assert data.children == ("a", "a", "b")
    assert data.comments == {"": ("good", "", "more")}


def test_the_level_of_several_raters_is_their_mean(tmp_path: Path) -> None:
    files = write_set(tmp_path, "name,realism_r1,realism_r2\n0.png,2,3\n1.png,,5\n2.png,4,4\n")
    data = read_dataset(*files, KIDSART, ["realism"])
    assert data.levels("realism").tolist() == [2.5, 5.0, 4.0]


def test_a_picture_that_cannot_be_used_is_named_with_the_reason(tmp_path: Path) -> None:
    labels, images = write_set(tmp_path, "name,realism\n0.png,2\n1.png,3\ngone.png,4\n")
    (images / "1.png").write_bytes(b"not a picture")
    data = read_dataset(labels, images, KIDSART, ["realism"])
    assert data.names == ("0.png",)
    assert dict(data.skipped).keys() == {"1.png", "gone.png"}


def test_what_was_said_of_a_picture_stays_with_it_when_another_is_left_out(tmp_path: Path) -> None:
    files = write_set(
        tmp_path,
        "name,child,grade,realism,comment_realism\n"
        "gone.png,a,1,1,first\n0.png,b,2,2,second\n1.png,c,3,3,\n2.png,d,4,4,last\n",
    )
    data = read_dataset(*files, KIDSART, ["realism"])
    assert data.names == ("0.png", "1.png", "2.png")
    assert data.levels("realism").tolist() == [2, 3, 4]
    assert data.children == ("b", "c", "d")
    assert data.grades == ("2", "3", "4")
    assert data.comments == {"realism": ("second", "", "last")}
    assert data.hashes == tuple(sha256_of_file(path) for path in data.paths)


def test_no_usable_picture_at_all_is_an_error(tmp_path: Path) -> None:
    labels, images = write_set(tmp_path, "name,realism\ngone.png,2\n")
    with pytest.raises(EngineError, match="usable"):
        read_dataset(labels, images, KIDSART, ["realism"])


def test_color_and_light_dimensions_are_never_shown_in_another_light() -> None:
    for slug in ("realism", "color_richness", "color_contrast"):
        assert TONED not in variants_of(slug, KIDSART)
    assert TONED in variants_of("line_texture", KIDSART)
    own = replace(KIDSART, slug="own")  # who knows what its line texture is
    assert TONED not in variants_of("line_texture", own)


def test_variants_repeat_and_do_what_they_say(tmp_path: Path) -> None:
    path = tmp_path / "picture.png"
    draw(5).save(path)
    plain, mirrored, toned = (
        np.asarray(read_variant(path, variant, IMAGE)) for variant in (PLAIN, MIRRORED, TONED)
    )
    assert np.array_equal(plain, np.asarray(fit_picture(load_picture(path), IMAGE)))
    assert np.array_equal(mirrored, plain[:, ::-1])
    assert np.array_equal(toned, np.asarray(read_variant(path, TONED, IMAGE)))
    difference = np.abs(toned.astype(int) - plain)
    assert 0 < difference.mean() < 30
