"""Schools and the people in them. Who may see what starts here, in ``for_user``."""

from __future__ import annotations

import secrets
import uuid
from datetime import date
from typing import Self

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.contrib.auth.models import PermissionsMixin
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import Exists, OuterRef, Q
from django.utils.timezone import localdate, now
from django.utils.translation import gettext_lazy as _


class UserManager(BaseUserManager["User"]):
    def create_user(self, email: str, password: str | None = None, **fields) -> User:
        if not email:
            raise ValueError("a user needs an e-mail address")
        user = self.model(email=email.strip().lower(), **fields)
        user.set_password(password)
        user.save(using=self._db)
        return user

    def create_superuser(self, email: str, password: str | None = None, **fields) -> User:
        return self.create_user(email, password, is_staff=True, is_superuser=True, **fields)

    def get_by_natural_key(self, username: str | None) -> User:
        return self.get(email=(username or "").strip().lower())


class User(AbstractBaseUser, PermissionsMixin):
    """A grown-up who signs in with an e-mail address. Children have no accounts."""

    code = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    email = models.EmailField(_("e-mail address"), unique=True)
    name = models.CharField(_("name"), max_length=80)
    preferences = models.JSONField(default=dict, blank=True)  # how pages look to this person
    is_staff = models.BooleanField(default=False)
    is_active = models.BooleanField(default=True)
    date_joined = models.DateTimeField(default=now)

    objects = UserManager()

    USERNAME_FIELD = "email"
    REQUIRED_FIELDS = ["name"]

    def __str__(self) -> str:
        return self.name or self.email

    def get_full_name(self) -> str:
        return self.name

    def get_short_name(self) -> str:
        return self.name


class Role(models.TextChoices):
    TEACHER = "teacher", _("Teacher")
    ADMINISTRATOR = "administrator", _("Administrator")
    ANNOTATOR = "annotator", _("Annotator")


class SchoolQuerySet(models.QuerySet):
    def for_user(self, user: User) -> Self:
        return self.filter(memberships__user=user).distinct()

    def administered_by(self, user: User) -> Self:
        mine = Membership.objects.filter(user=user, role=Role.ADMINISTRATOR)
        return self.filter(pk__in=mine.values("school"))


KEPT_DAYS_LEAST, KEPT_DAYS_MOST = 30, 3650


def new_seed() -> int:
    return secrets.randbelow(2**31)


class School(models.Model):
    code = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    name = models.CharField(max_length=120)
    is_demo = models.BooleanField(default=False)
    blind_percent = models.PositiveSmallIntegerField(
        _("share of pictures whose scores stay hidden until the teacher's are in, in percent"),
        default=10,
        validators=[MaxValueValidator(100)],
    )
    blind_seed = models.PositiveIntegerField(default=new_seed, editable=False)
    minutes_before = models.DecimalField(
        _("minutes a picture took to assess before"),
        max_digits=4,
        decimal_places=1,
        null=True,
        blank=True,
        validators=[MinValueValidator(0)],
    )
    minutes_measured = models.BooleanField(
        _("these minutes were measured, not estimated"), default=False
    )
    # What the machine may do here. Anything new starts off: a school switches it on.
    scoring_on = models.BooleanField(_("a model proposes levels"), default=True)
    drafts_on = models.BooleanField(_("words of feedback are proposed"), default=False)
    training_on = models.BooleanField(
        _("decisions about consenting students' work may train adapters"), default=False
    )
    kept_days = models.PositiveSmallIntegerField(
        _("days that work is kept after its school year has ended"),
        default=365,
        validators=[MinValueValidator(KEPT_DAYS_LEAST), MaxValueValidator(KEPT_DAYS_MOST)],
    )

    objects = SchoolQuerySet.as_manager()

    def __str__(self) -> str:
        return self.name

    @property
    def proposes_words(self) -> bool:
        """Words are drafted from proposed levels: without those there is nothing to draft from."""
        return self.scoring_on and self.drafts_on


class Membership(models.Model):
    user = models.ForeignKey(User, models.CASCADE, related_name="memberships")
    school = models.ForeignKey(School, models.CASCADE, related_name="memberships")
    role = models.CharField(max_length=13, choices=Role.choices)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["user", "school", "role"], name="one_membership_each")
        ]

    def __str__(self) -> str:
        return f"{self.user} ({self.role}) at {self.school}"


class SchoolYearQuerySet(models.QuerySet):
    def for_user(self, user: User) -> Self:
        """Of the schools that the user administers."""
        return self.filter(school__in=School.objects.administered_by(user))

    def current(self, day: date) -> Self:
        return self.open().filter(starts_on__lte=day, ends_on__gte=day)

    def open(self) -> Self:
        return self.filter(archived_at=None)

    def could_be_archived(self, day: date) -> Self:
        return self.open().filter(ends_on__lt=day)


class SchoolYear(models.Model):
    """A year of one school. An archived one is off the lists, and nothing in it changes."""

    code = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    school = models.ForeignKey(School, models.CASCADE, related_name="years")
    name = models.CharField(_("name"), max_length=9)  # 2026/27
    starts_on = models.DateField(_("first day"))
    ends_on = models.DateField(_("last day"))
    archived_at = models.DateTimeField(null=True, blank=True)

    objects = SchoolYearQuerySet.as_manager()

    class Meta:
        ordering = ["-starts_on", "-pk"]
        constraints = [
            models.UniqueConstraint(fields=["school", "name"], name="one_year_of_a_name"),
            models.CheckConstraint(
                condition=Q(ends_on__gt=models.F("starts_on")), name="a_year_ends_after_it_starts"
            ),
        ]

    def __str__(self) -> str:
        return self.name


class Term(models.Model):
    code = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    year = models.ForeignKey(SchoolYear, models.CASCADE, related_name="terms")
    name = models.CharField(_("name"), max_length=40)
    starts_on = models.DateField(_("first day"))
    ends_on = models.DateField(_("last day"))

    class Meta:
        ordering = ["starts_on", "pk"]
        constraints = [
            models.UniqueConstraint(fields=["year", "name"], name="one_term_of_a_name"),
            models.CheckConstraint(
                condition=Q(ends_on__gt=models.F("starts_on")), name="a_term_ends_after_it_starts"
            ),
        ]

    def __str__(self) -> str:
        return self.name


def visible_classrooms(user: User, prefix: str = "") -> Q:
    """The rule of who sees a classroom, for any model that leads to one by ``prefix``.

    Its own teachers while they teach at that school (a substitute up to the last day agreed), and
    the school's administrators.
    Written as subqueries: joins on both conditions would return rows twice.
    """
    taught = Teaching.objects.in_force().filter(user=user)
    administered = Membership.objects.filter(user=user, role=Role.ADMINISTRATOR)
    return Q(**{f"{prefix}pk__in": taught.values("classroom")}) | Q(
        **{f"{prefix}school__in": administered.values("school")}
    )


class ClassroomQuerySet(models.QuerySet):
    def for_user(self, user: User) -> Self:
        return self.filter(visible_classrooms(user))

    def administered_by(self, user: User) -> Self:
        return self.filter(school__in=School.objects.administered_by(user))

    def open(self) -> Self:
        """Those whose year is not archived."""
        return self.filter(year__archived_at=None)

    def archived(self) -> Self:
        return self.exclude(year__archived_at=None)


class Classroom(models.Model):
    code = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    school = models.ForeignKey(School, models.CASCADE, related_name="classrooms")
    name = models.CharField(_("name"), max_length=80)
    grade = models.PositiveSmallIntegerField(
        _("grade"), null=True, blank=True, validators=[MaxValueValidator(13)]
    )
    year = models.ForeignKey(SchoolYear, models.PROTECT, related_name="classrooms")
    sourced_id = models.CharField(max_length=120, blank=True)  # of the system rosters come from
    teachers: models.ManyToManyField = models.ManyToManyField(
        User, through="Teaching", related_name="classrooms"
    )
    students: models.ManyToManyField = models.ManyToManyField(
        "Student", through="Enrollment", related_name="classrooms"
    )

    objects = ClassroomQuerySet.as_manager()

    class Meta:
        ordering = ["-year__starts_on", "name"]
        constraints = [
            models.UniqueConstraint(fields=["school", "year", "name"], name="one_class_of_a_name")
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def is_archived(self) -> bool:
        return self.year.archived_at is not None

    def students_now(self) -> StudentQuerySet:
        """Who is on its list today. ``students`` also has those who have left it."""
        return Student.objects.filter(
            enrollments__in=Enrollment.objects.current().filter(classroom=self)
        )


class TeachingQuerySet(models.QuerySet):
    def current(self, day: date) -> Self:
        return self.filter(Q(until=None) | Q(until__gte=day))

    def in_force(self) -> Self:
        """Whose last day has not passed, and who still teach at the school of the class."""
        teachers = Membership.objects.filter(
            user=OuterRef("user"), school=OuterRef("classroom__school"), role=Role.TEACHER
        )
        return self.current(localdate()).filter(Exists(teachers))


class Teaching(models.Model):
    """Who teaches a class; a substitute only up to and including a last day."""

    code = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    classroom = models.ForeignKey(Classroom, models.CASCADE, related_name="teachings")
    user = models.ForeignKey(User, models.CASCADE, related_name="teachings")
    until = models.DateField(_("last day"), null=True, blank=True)  # null: not a substitute

    objects = TeachingQuerySet.as_manager()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["classroom", "user"], name="teaches_once")]

    def __str__(self) -> str:
        return f"{self.user} teaches {self.classroom}"


class GradeBand(models.TextChoices):
    """Grades taken together, as finely as comparisons of children's work need them."""

    K_2 = "k-2", _("kindergarten to grade 2")
    G3_5 = "3-5", _("grades 3 to 5")
    G6_8 = "6-8", _("grades 6 to 8")
    G9_13 = "9-13", _("grade 9 and above")

    @classmethod
    def of_grade(cls, grade: int | None) -> str:
        """Blank where no grade is known."""
        if grade is None:
            return ""
        tops = {cls.K_2: 2, cls.G3_5: 5, cls.G6_8: 8}
        return str(next((band for band, top in tops.items() if grade <= top), cls.G9_13))


class StudentQuerySet(models.QuerySet):
    def for_user(self, user: User) -> Self:
        """Students of the classrooms the user may see, and of an administrator's school.

        A student who has left a class stays visible to its teachers, like the work done in it.
        """
        enrolled = Enrollment.objects.filter(visible_classrooms(user, "classroom__"))
        administered = Membership.objects.filter(user=user, role=Role.ADMINISTRATOR)
        return self.filter(
            Q(pk__in=enrolled.values("student")) | Q(school__in=administered.values("school"))
        )

    def administered_by(self, user: User) -> Self:
        return self.filter(school__in=School.objects.administered_by(user))

    def here(self) -> Self:
        """Those who have not left the school."""
        return self.filter(left_on=None)

    def in_no_class(self) -> Self:
        """On the list of no class of a year that is not archived."""
        open_ones = Classroom.objects.open().values("pk")
        placed = Enrollment.objects.current().filter(classroom__in=open_ones)
        return self.exclude(pk__in=placed.values("student"))


class Student(models.Model):
    """A child, known by as little as the work needs: a display name, perhaps a school number."""

    code = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    school = models.ForeignKey(School, models.CASCADE, related_name="students")
    display_name = models.CharField(_("name"), max_length=60)
    number = models.CharField(_("school number"), max_length=20, blank=True)
    grade_band = models.CharField(
        _("grade band"), max_length=4, choices=GradeBand.choices, blank=True
    )
    sourced_id = models.CharField(max_length=120, blank=True)  # of the system rosters come from
    left_on = models.DateField(_("left the school on"), null=True, blank=True)

    objects = StudentQuerySet.as_manager()

    class Meta:
        ordering = ["display_name"]

    def __str__(self) -> str:
        return self.display_name

    @property
    def training_consent(self) -> bool:
        """No, unless somebody recorded a yes and nobody a no after it."""
        newest = self.consents.first()
        return newest is not None and newest.given


class EnrollmentQuerySet(models.QuerySet):
    def current(self) -> Self:
        return self.filter(left_on=None)

    def in_open_years(self) -> Self:
        return self.filter(classroom__year__archived_at=None)


class Enrollment(models.Model):
    """A student is on the list of a class, from one day on, perhaps to another."""

    classroom = models.ForeignKey(Classroom, models.CASCADE, related_name="enrollments")
    student = models.ForeignKey(Student, models.CASCADE, related_name="enrollments")
    since = models.DateField(default=localdate)
    left_on = models.DateField(null=True, blank=True)

    objects = EnrollmentQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["classroom", "student"], name="enrolled_once")
        ]

    def __str__(self) -> str:
        return f"{self.student} in {self.classroom}"
