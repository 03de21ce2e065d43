"""Schools and the people in them. Who may see what starts here, in ``for_user``."""

from __future__ import annotations

import secrets
import uuid
from typing import Self

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.contrib.auth.models import PermissionsMixin
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import Q
from django.utils.timezone import now
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

    objects = SchoolQuerySet.as_manager()

    def __str__(self) -> str:
        return self.name


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


def visible_classrooms(user: User, prefix: str = "") -> Q:
    """The rule of who sees a classroom, for any model that leads to one by ``prefix``.

    Its own teachers while they teach at that school, and the school's administrators.
    Written as subqueries: joins on both conditions would return rows twice.
    """
    taught = Classroom.teachers.through.objects.filter(
        user=user,
        classroom__school__memberships__user=user,
        classroom__school__memberships__role=Role.TEACHER,
    )
    administered = Membership.objects.filter(user=user, role=Role.ADMINISTRATOR)
    return Q(**{f"{prefix}pk__in": taught.values("classroom")}) | Q(
        **{f"{prefix}school__in": administered.values("school")}
    )


class ClassroomQuerySet(models.QuerySet):
    def for_user(self, user: User) -> Self:
        return self.filter(visible_classrooms(user))


class Classroom(models.Model):
    code = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    school = models.ForeignKey(School, models.CASCADE, related_name="classrooms")
    name = models.CharField(_("name"), max_length=80)
    grade = models.PositiveSmallIntegerField(_("grade"), null=True, blank=True)
    year = models.CharField(_("school year"), max_length=9)  # 2026/27
    teachers = models.ManyToManyField(User, related_name="classrooms", blank=True)
    students: models.ManyToManyField = models.ManyToManyField(
        "Student", through="Enrollment", related_name="classrooms"
    )

    objects = ClassroomQuerySet.as_manager()

    class Meta:
        ordering = ["-year", "name"]

    def __str__(self) -> str:
        return self.name


class StudentQuerySet(models.QuerySet):
    def for_user(self, user: User) -> Self:
        """Students of the classrooms the user may see, and of an administrator's school."""
        enrolled = Enrollment.objects.filter(visible_classrooms(user, "classroom__"))
        administered = Membership.objects.filter(user=user, role=Role.ADMINISTRATOR)
        return self.filter(
            Q(pk__in=enrolled.values("student")) | Q(school__in=administered.values("school"))
        )


class Student(models.Model):
    """A child, known by as little as the work needs: a display name, perhaps a school number."""

    code = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    school = models.ForeignKey(School, models.CASCADE, related_name="students")
    display_name = models.CharField(_("name"), max_length=60)
    number = models.CharField(_("school number"), max_length=20, blank=True)
    training_consent = models.BooleanField(_("work may be used for training"), default=False)

    objects = StudentQuerySet.as_manager()

    class Meta:
        ordering = ["display_name"]

    def __str__(self) -> str:
        return self.display_name


class Enrollment(models.Model):
    classroom = models.ForeignKey(Classroom, models.CASCADE, related_name="enrollments")
    student = models.ForeignKey(Student, models.CASCADE, related_name="enrollments")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["classroom", "student"], name="enrolled_once")
        ]

    def __str__(self) -> str:
        return f"{self.student} in {self.classroom}"
