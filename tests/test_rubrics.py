"""The rubric of the database and the rubric of the engine are one."""

import pytest
from django.db import IntegrityError, transaction

from grading.models import Rubric, RubricVersion
from ml.rubric import KIDSART, Dimension
from ml.rubric import Rubric as MlRubric


def test_the_seeded_rubric_is_the_one_the_adapters_were_trained_with(rubric_version):
    """Changed words in ml.rubric need a migration that adds a rubric version."""
    assert rubric_version.as_ml_rubric() == KIDSART


def test_the_nine_dimensions_keep_their_order():
    assert KIDSART.slugs == (
        "realism",
        "deformation",
        "imagination",
        "color_richness",
        "color_contrast",
        "line_combination",
        "line_texture",
        "picture_organization",
        "transformation",
    )


@pytest.mark.parametrize(("first", "last"), [(1, 2), (1, 8), (3, 10)])
def test_a_scale_has_three_to_seven_levels(db, first, last):
    rubric = Rubric.objects.create(slug="own", name="Own")
    with pytest.raises(IntegrityError), transaction.atomic():
        RubricVersion.objects.create(rubric=rubric, number=1, first_level=first, last_level=last)


def test_levels_may_start_at_zero():
    own = MlRubric("own", "Own", (Dimension("a", "A", "", "", tuple("vwxyz")),), first_level=0)
    assert own.level_numbers == (0, 1, 2, 3, 4)


def test_dimensions_of_one_rubric_share_their_scale():
    with pytest.raises(ValueError, match="same number of levels"):
        MlRubric(
            "own",
            "Own",
            (
                Dimension("a", "A", "", "", ("x", "y", "z")),
                Dimension("b", "B", "", "", ("w", "x", "y", "z")),
            ),
        )
