"""School years, terms, classes, and who teaches them: what an administrator sets up.

What two people could do at once is checked once more under a lock on the school, and by the
database: the same thing made twice is refused in words.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from django.db import IntegrityError, transaction
from django.db.models import Count, Exists, OuterRef, Prefetch, Q, QuerySet
from django.utils.timezone import localdate, now
from django.utils.translation import gettext as _

from grading.models import (
    Appeal,
    Artwork,
    Assignment,
    AuditEvent,
    Classroom,
    Enrollment,
    GradeBand,
    LegalHold,
    Membership,
    Review,
    Role,
    School,
    SchoolYear,
    Student,
    Teaching,
    Term,
    User,
)
from grading.services.audit import record

HIGHEST_GRADE = 13
SOON_DAYS = 7  # a substitute whose last day is within this time is shown to the administrator


class CannotSave(Exception):
    """Why, in words for the page. ``field`` is the name of the field it is about, if any."""

    def __init__(self, words: str, field: str | None = None) -> None:
        self.field = field
        super().__init__(words)


def lock(school: School) -> None:
    """Whoever sets up the same school waits until this transaction is through."""
    School.objects.select_for_update().get(pk=school.pk)


# ------------------------------------------------------------------------------- years and terms
@dataclass(frozen=True)
class TermDates:
    """What the page says of one term; ``term`` is None for a new one."""

    term: Term | None
    name: str
    starts_on: date
    ends_on: date


@transaction.atomic
def save_year(year: SchoolYear, terms: Sequence[TermDates], by: User) -> SchoolYear:
    """Make a year or change it, and let ``terms`` be all its terms.

    Raises:
        CannotSave: it overlaps another year, a term overlaps another or lies outside the year, or
            a name is there already. Nothing is changed.
    """
    lock(year.school)
    _refuse_overlapping_year(year)
    _refuse_wrong_terms(year, terms)
    new = year.pk is None
    before = None if new else SchoolYear.objects.get(pk=year.pk)
    try:
        with transaction.atomic():
            year.save()
    except IntegrityError:
        raise CannotSave(_("There is a school year of this name already."), "name") from None
    changed = [] if before is None else _differing(before, year, ("name", "starts_on", "ends_on"))
    terms_changed = _save_terms(year, terms)
    if new:
        record(by, AuditEvent.Verb.CREATED, year, year.school, terms=len(terms))
    elif changed or terms_changed:
        record(
            by, AuditEvent.Verb.CHANGED, year, year.school,
            fields=changed + (["terms"] if terms_changed else []),
        )  # fmt: skip
    return year


def _refuse_overlapping_year(year: SchoolYear) -> None:
    others = SchoolYear.objects.filter(school=year.school_id).exclude(pk=year.pk)
    if others.filter(name=year.name).exists():
        raise CannotSave(_("There is a school year of this name already."), "name")
    other = others.filter(starts_on__lte=year.ends_on, ends_on__gte=year.starts_on).first()
    if other:
        raise CannotSave(
            _("These dates overlap the school year %(name)s.") % {"name": other.name}, "starts_on"
        )


def _refuse_wrong_terms(year: SchoolYear, terms: Sequence[TermDates]) -> None:
    ordered = sorted(terms, key=lambda term: term.starts_on)
    for term in ordered:
        if term.ends_on <= term.starts_on:
            raise CannotSave(_("%(term)s ends before it starts.") % {"term": term.name})
        if term.starts_on < year.starts_on or term.ends_on > year.ends_on:
            raise CannotSave(_("%(term)s is not inside the school year.") % {"term": term.name})
    for first, second in zip(ordered, ordered[1:], strict=False):
        if second.starts_on <= first.ends_on:
            raise CannotSave(
                _("%(first)s and %(second)s overlap.")
                % {"first": first.name, "second": second.name}
            )
    names = [term.name.casefold() for term in terms]
    if len(set(names)) < len(names):
        raise CannotSave(_("Two terms have the same name."))


def _save_terms(year: SchoolYear, terms: Sequence[TermDates]) -> bool:
    """Whether anything changed. Names may be swapped, so old rows step aside first."""
    said = {(t.term.pk if t.term else None, t.name, t.starts_on, t.ends_on) for t in terms}
    if said == set(year.terms.values_list("pk", "name", "starts_on", "ends_on")):
        return False
    year.terms.exclude(pk__in=[t.term.pk for t in terms if t.term]).delete()
    for row in year.terms.all():
        Term.objects.filter(pk=row.pk).update(name=f"~{row.pk}")
    for said_term in terms:
        term = said_term.term or Term(year=year)
        term.name = said_term.name
        term.starts_on, term.ends_on = said_term.starts_on, said_term.ends_on
        term.save()
    return True


def _differing(before: object, after: object, names: Iterable[str]) -> list[str]:
    return [name for name in names if getattr(before, name) != getattr(after, name)]


@transaction.atomic
def archive_year(year: SchoolYear, by: User) -> bool:
    """Take a year off the lists; nothing in it changes from then on. False if it is archived."""
    if not SchoolYear.objects.open().filter(pk=year.pk).update(archived_at=now()):
        return False
    record(by, AuditEvent.Verb.ARCHIVED, year, year.school)
    return True


@transaction.atomic
def open_year(year: SchoolYear, by: User) -> bool:
    """Take archiving back; False if the year is open."""
    if not SchoolYear.objects.filter(pk=year.pk).exclude(archived_at=None).update(archived_at=None):
        return False
    record(by, AuditEvent.Verb.RESTORED, year, year.school)
    return True


@dataclass(frozen=True)
class Unfinished:
    """What archiving a year would leave as it is."""

    undecided: int  # pictures that nobody has confirmed
    appeals: int

    def __bool__(self) -> bool:
        return bool(self.undecided or self.appeals)


def unfinished_in(year: SchoolYear) -> Unfinished:
    standing = Review.objects.standing().filter(artwork=OuterRef("pk"))
    artworks = Artwork.objects.kept().filter(assignment__classroom__year=year)
    appeals = Appeal.objects.open().filter(artwork__in=artworks)
    return Unfinished(artworks.exclude(Exists(standing)).count(), appeals.count())


def years_of(school: School) -> QuerySet[SchoolYear]:
    return school.years.annotate(classes=Count("classrooms", distinct=True)).prefetch_related(
        "terms"
    )


def current_term(year: SchoolYear | None, day: date) -> Term | None:
    if year is None:
        return None
    return year.terms.filter(starts_on__lte=day, ends_on__gte=day).first()


def by_term(year: SchoolYear, assignments: Sequence[Assignment]) -> dict[int, Term]:
    """The term of each assignment that falls into one, by primary key."""
    terms = list(year.terms.all())
    found = {}
    for assignment in assignments:
        for term in terms:
            if term.starts_on <= assignment.made_on <= term.ends_on:
                found[assignment.pk] = term
    return found


# --------------------------------------------------------------------------------------- classes
@transaction.atomic
def save_class(classroom: Classroom, by: User) -> Classroom:
    """Make a class or change it.

    Raises:
        CannotSave: its year has a class of this name, or was archived meanwhile; or the class would
            leave a year that is held.
    """
    lock(classroom.school)
    refuse_archived(classroom.year)
    new = classroom.pk is None
    before = None if new else Classroom.objects.select_related("year").get(pk=classroom.pk)
    if before and before.year_id != classroom.year_id:
        _refuse_held(before.year)
    try:
        with transaction.atomic():
            classroom.save()
    except IntegrityError:
        raise CannotSave(_class_is_there(classroom), "name") from None
    if before is None:
        record(by, AuditEvent.Verb.CREATED, classroom, classroom.school)
    elif changed := _differing(before, classroom, ("name", "grade", "year_id")):
        record(by, AuditEvent.Verb.CHANGED, classroom, classroom.school, fields=changed)
    return classroom


def _class_is_there(classroom: Classroom) -> str:
    return _("There is a class “%(name)s” in %(year)s already.") % {
        "name": classroom.name,
        "year": classroom.year,
    }


def refuse_archived(year: SchoolYear) -> None:
    """Raises CannotSave where somebody has archived the year since the page was made."""
    if SchoolYear.objects.filter(pk=year.pk).exclude(archived_at=None).exists():
        raise CannotSave(_("The school year %(name)s is archived.") % {"name": year.name})


def _refuse_held(year: SchoolYear) -> None:
    """A class takes its work along, out of what the hold keeps and into another time."""
    list(SchoolYear.objects.select_for_update().filter(pk=year.pk))
    if LegalHold.objects.standing().filter(year=year).exists():
        raise CannotSave(
            _("A hold stands on the school year %(name)s: the class stays in it.")
            % {"name": year.name},
            "year",
        )


@dataclass(frozen=True)
class Promotion:
    """A class as it goes on in another year."""

    classroom: Classroom
    name: str
    grade: int | None


def promoted(classroom: Classroom) -> Promotion:
    """A proposal: one grade up, and so the number in its name. The highest grade stays.

    >>> promoted(Classroom(name="3B", grade=3))
    Promotion(classroom=<Classroom: 3B>, name='4B', grade=4)
    """
    if classroom.grade is None or classroom.grade >= HIGHEST_GRADE:
        return Promotion(classroom, classroom.name, classroom.grade)
    up = classroom.grade + 1
    number = rf"(?<!\d){classroom.grade}(?!\d)"
    name = re.sub(number, str(up), classroom.name, count=1)
    longest = Classroom._meta.get_field("name").max_length
    return Promotion(classroom, name[:longest], up)


@transaction.atomic
def promote_classes(
    promotions: Sequence[Promotion],
    year: SchoolYear,
    by: User,
    *,
    with_students: bool,
    with_teachers: bool,
) -> list[Classroom]:
    """Copy classes into ``year``. The old ones stay as they are, with their work and their lists.

    Raises:
        CannotSave: a class of that name is there. Nothing is copied.
    """
    lock(year.school)
    refuse_archived(year)
    return [_promote(p, year, by, with_students, with_teachers) for p in promotions]


def _promote(
    promotion: Promotion, year: SchoolYear, by: User, with_students: bool, with_teachers: bool
) -> Classroom:
    old = promotion.classroom
    new = Classroom(school=year.school, year=year, name=promotion.name, grade=promotion.grade)
    save_class(new, by)
    if with_students:
        students = list(old.students_now().here())
        since = max(localdate(), year.starts_on)
        Enrollment.objects.bulk_create(
            Enrollment(classroom=new, student=student, since=since) for student in students
        )
        if band := GradeBand.of_grade(promotion.grade):
            Student.objects.filter(pk__in=[s.pk for s in students]).update(grade_band=band)
        record(
            by, AuditEvent.Verb.CHANGED, new, year.school,
            enrolled=[str(student.code) for student in students],
        )  # fmt: skip
    if with_teachers:
        for teaching in old.teachings.in_force().filter(until=None):
            let_teach(new, teaching.user, None, by)
    return new


def classes_of(school: School, year: SchoolYear | None) -> QuerySet[Classroom]:
    """With the number of students on the list today, and who teaches."""
    on_the_list = Count("enrollments", filter=Q(enrollments__left_on=None))
    classes = school.classrooms.filter(year=year).select_related("year")
    return classes.annotate(student_count=on_the_list).prefetch_related(teachings_in_force())


def teachings_in_force(to: str = "teachings_now") -> Prefetch:
    """For ``prefetch_related`` of classrooms: who teaches them today, by name."""
    rows = Teaching.objects.in_force().select_related("user").order_by("user__name", "pk")
    return Prefetch("teachings", queryset=rows, to_attr=to)


# -------------------------------------------------------------------------------------- teachers
def teachers_of(school: School) -> QuerySet[User]:
    """Everybody with the role of a teacher there."""
    members = Membership.objects.filter(school=school, role=Role.TEACHER)
    return User.objects.filter(pk__in=members.values("user"), is_active=True).order_by("name", "pk")


@transaction.atomic
def let_teach(classroom: Classroom, user: User, until: date | None, by: User) -> Teaching:
    """Let somebody teach a class, as a substitute up to and including a last day.

    Who teaches it already gets the new last day, or none.
    """
    row, new = Teaching.objects.select_for_update().get_or_create(
        classroom=classroom, user=user, defaults={"until": until}
    )
    if not new:
        if row.until == until:
            return row
        row.until = until
        row.save(update_fields=["until"])
    record(
        by, AuditEvent.Verb.PERMITTED, classroom, classroom.school,
        user=str(user.code), until=until.isoformat() if until else None,
    )  # fmt: skip
    return row


@transaction.atomic
def stop_teaching(teaching: Teaching, by: User) -> bool:
    """False if the person did not teach the class any more."""
    gone, _rows = Teaching.objects.filter(pk=teaching.pk).delete()
    if not gone:
        return False
    classroom = teaching.classroom
    record(by, AuditEvent.Verb.FORBIDDEN, classroom, classroom.school, user=str(teaching.user.code))
    return True


# -------------------------------------------------------------------------------------- overview
@dataclass(frozen=True)
class Overview:
    """What an administrator has to know of the school today."""

    year: SchoolYear | None
    term: Term | None
    has_years: bool
    classes: int
    students: int
    people: int
    without_teacher: list[Classroom]
    in_no_class: int
    ending: list[Teaching]
    to_archive: list[SchoolYear]

    @property
    def waits(self) -> bool:
        return bool(self.without_teacher or self.in_no_class or self.ending or self.to_archive)


def overview_of(school: School) -> Overview:
    today = localdate()
    year = school.years.current(today).first()
    open_classes = school.classrooms.open().filter(year__ends_on__gte=today)
    taught = Teaching.objects.in_force().filter(classroom=OuterRef("pk"))
    ending = Teaching.objects.in_force().filter(
        classroom__school=school,
        classroom__year__archived_at=None,
        until__lt=today + timedelta(days=SOON_DAYS),
    )
    return Overview(
        year=year,
        term=current_term(year, today),
        has_years=school.years.open().exists(),
        classes=open_classes.count(),
        students=school.students.here().count(),
        people=school.memberships.values("user").distinct().count(),
        without_teacher=list(open_classes.filter(~Exists(taught)).select_related("year")),
        in_no_class=school.students.here().in_no_class().count(),
        ending=list(ending.select_related("user", "classroom").order_by("until", "pk")),
        to_archive=list(school.years.could_be_archived(today)),
    )
