"""A rubric is rows: an assignment points at a version, and everything after it follows."""

from __future__ import annotations

from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext

from grading.models.people import School
from ml import rubric as ml_rubric


class Rubric(models.Model):
    slug = models.SlugField(max_length=40)
    name = models.CharField(max_length=80)
    school = models.ForeignKey(School, models.CASCADE, null=True, blank=True)  # null: for everyone

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["school", "slug"], name="rubric_slug_once_a_school"),
            models.UniqueConstraint(
                fields=["slug"], condition=Q(school=None), name="rubric_slug_once_for_everyone"
            ),
        ]

    def __str__(self) -> str:
        return self.shown_name

    @property
    def shown_name(self) -> str:
        """In the language of the page if it is the program's, else as the school wrote it."""
        return gettext(self.name) if self.school_id is None else self.name


class RubricVersionManager(models.Manager["RubricVersion"]):
    def newest(self, slug: str) -> RubricVersion:
        return self.filter(rubric__slug=slug, rubric__school=None).latest("number")


class RubricVersion(models.Model):
    """Never edited once in use: other words or levels are another version."""

    rubric = models.ForeignKey(Rubric, models.PROTECT, related_name="versions")
    number = models.PositiveSmallIntegerField()
    first_level = models.PositiveSmallIntegerField(default=1)
    last_level = models.PositiveSmallIntegerField(default=5)

    objects = RubricVersionManager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["rubric", "number"], name="rubric_version_once"),
            models.CheckConstraint(
                condition=Q(last_level__gte=F("first_level") + 2, last_level__lte=9)
                & Q(last_level__lte=F("first_level") + 6),
                name="three_to_seven_levels",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.rubric} {self.number}"

    @property
    def levels(self) -> range:
        return range(self.first_level, self.last_level + 1)

    def as_ml_rubric(self) -> ml_rubric.Rubric:
        """The same rubric as the engine knows it."""
        dimensions = self.dimensions.prefetch_related("level_words")
        return ml_rubric.Rubric(
            slug=self.rubric.slug,
            name=self.rubric.name,
            first_level=self.first_level,
            dimensions=tuple(
                ml_rubric.Dimension(
                    slug=d.slug,
                    name=d.name,
                    group=d.group,
                    definition=d.definition,
                    levels=tuple(w.words for w in d.level_words.all()),
                )
                for d in dimensions
            ),
        )


class RubricDimension(models.Model):
    """Shown in the language of the page if the program brought it, else as the school wrote it.

    What leaves as data (exports, adapters, the engine) keeps the slug and the stored words.
    """

    version = models.ForeignKey(RubricVersion, models.PROTECT, related_name="dimensions")
    position = models.PositiveSmallIntegerField()
    slug = models.SlugField(max_length=40)
    name = models.CharField(max_length=60)
    group = models.CharField(max_length=60, blank=True)
    definition = models.TextField()
    built_in = models.BooleanField(default=False)  # its words are those of ml.rubric

    class Meta:
        ordering = ["position"]
        constraints = [
            models.UniqueConstraint(fields=["version", "slug"], name="dimension_slug_once"),
            models.UniqueConstraint(fields=["version", "position"], name="dimension_place_once"),
        ]

    def __str__(self) -> str:
        return self.shown_name

    @property
    def shown_name(self) -> str:
        return self.shown(self.name)

    @property
    def shown_definition(self) -> str:
        return self.shown(self.definition)

    def shown(self, words: str) -> str:
        return gettext(words) if self.built_in else words


class LevelWords(models.Model):
    dimension = models.ForeignKey(RubricDimension, models.PROTECT, related_name="level_words")
    level = models.PositiveSmallIntegerField()
    words = models.CharField(max_length=240)

    class Meta:
        ordering = ["level"]
        constraints = [
            models.UniqueConstraint(fields=["dimension", "level"], name="words_once_a_level")
        ]

    def __str__(self) -> str:
        return f"{self.level}: {self.shown_words}"

    @property
    def shown_words(self) -> str:
        """Costs no query where the dimension is loaded or the words were prefetched with it."""
        return self.dimension.shown(self.words)
