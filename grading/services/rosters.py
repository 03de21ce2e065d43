"""Lists of students from another system: kept as little as possible, applied, and undone.

A file is read in the request that brings it and never stored. What it says stays with the page
(signed) until somebody has said what the columns are; from then on only those are kept, with names
shortened. Applying and undoing are one transaction each.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

from django.conf import settings
from django.core import signing
from django.db import IntegrityError, models, transaction
from django.utils.timezone import localdate, now
from django.utils.translation import gettext_lazy as _

from grading.intake.checks import RefusedUpload
from grading.intake.display_names import Place, Style, minimised, places_of
from grading.intake.names import safe_name
from grading.intake.oneroster import OneRoster, is_oneroster, read_oneroster
from grading.intake.rosters import Entry, Line, Table, guess, read_table, without
from grading.models import (
    Artwork,
    AuditEvent,
    Classroom,
    Enrollment,
    LegalHold,
    Role,
    RosterImport,
    School,
    SchoolYear,
    Student,
    Teaching,
    User,
)
from grading.services.audit import record
from grading.services.roster_plan import ClassPlan, Plan, StudentPlan, plan_of

SALT = "roster"
PAGE_AGE_S = 12 * 3600
PAGE_BYTES = 1_000_000  # a form may bring DATA_UPLOAD_MAX_MEMORY_SIZE, a little more
BATCH = 500


class ChangedMeanwhile(Exception):
    """The school is no longer as it was when the plan was shown."""


class NotPossible(Exception):
    """Applied or undone before, forgotten, or of an archived year."""


# ----------------------------------------------------------------------- a file, before it is kept
@dataclass(frozen=True)
class Upload:
    """What a file said, while somebody looks at it. ``table`` or ``entries``, by its kind."""

    file_name: str
    kind: str
    table: Table | None = None
    private: tuple[str, ...] = ()  # names of the columns that were left out at once
    entries: tuple[Entry, ...] = ()
    schools: tuple[tuple[str, str], ...] = ()  # id and name
    is_delta: bool = False


def read_upload(content: bytes, name: str, school: School) -> Upload:
    """Raises RefusedUpload. Columns with birth dates, addresses and the like end here."""
    if is_oneroster(content):
        found = read_oneroster(content, localdate())
        entries = tuple(_with_members(found, school))
        schools = tuple(sorted(found.schools.items(), key=lambda item: item[1]))
        return Upload(
            safe_name(name), RosterImport.Kind.ONEROSTER,
            entries=entries, schools=schools, is_delta=found.is_delta,
        )  # fmt: skip
    table = read_table(content)
    said = guess(table)
    names = table.lines[said.header].cells if said.header >= 0 else []
    left_out = tuple(names[k] for k in said.private if k < len(names) and names[k])
    kept = without(table, said.private)
    if said.header >= 0:
        kept.lines[said.header] = Line(table.lines[said.header].number, names)
    return Upload(safe_name(name), RosterImport.Kind.CSV, table=kept, private=left_out)


def _with_members(found: OneRoster, school: School) -> Iterable[Entry]:
    """A teacher's e-mail address becomes the code of the member who has it, or is forgotten."""
    teachers = User.objects.filter(memberships__school=school, memberships__role=Role.TEACHER)
    codes = {user.email: str(user.code) for user in teachers}
    for entry in found.entries:
        if not entry.teacher:
            yield entry
        else:
            yield replace(entry, teacher=codes.get(found.emails[entry.sourced_id], "?"))


def packed(upload: Upload, school: School) -> str:
    """The upload as text for a hidden field, signed: the page holds it, and the server nothing."""
    said = {
        "file_name": upload.file_name,
        "kind": upload.kind,
        "table": upload.table and [[line.number, line.cells] for line in upload.table.lines],
        "private": upload.private,
        "entries": [
            {name: value for name, value in vars(e).items() if value not in ("", None, False)}
            for e in upload.entries
        ],
        "schools": upload.schools,
        "is_delta": upload.is_delta,
    }
    text = signing.dumps(said, salt=f"{SALT} {school.code}", compress=True)
    if len(text) > PAGE_BYTES:
        raise RefusedUpload(
            _(
                "There is too much in this file. Delete the columns that are not needed, or split "
                "it into several."
            ),
            "too_large",
        )
    return text


def unpacked(text: str, school: School) -> Upload:
    """Raises RefusedUpload where the text is not one of ours, or of yesterday."""
    try:
        said = signing.loads(text, salt=f"{SALT} {school.code}", max_age=PAGE_AGE_S)
    except signing.BadSignature as error:
        raise RefusedUpload(
            _("This page was open for too long. Choose the file once more."), "too_old"
        ) from error
    table = said["table"] and Table([Line(number, cells) for number, cells in said["table"]])
    return Upload(
        said["file_name"], said["kind"], table or None, tuple(said["private"]),
        tuple(Entry(**entry) for entry in said["entries"]),
        tuple((key, name) for key, name in said["schools"]), said["is_delta"],
    )  # fmt: skip


@transaction.atomic
def keep_list(
    upload: Upload,
    entries: Sequence[Entry],
    year: SchoolYear,
    actor: User,
    *,
    style: Style,
    removes: bool,
    header: Sequence[str] = (),
    mapping: Mapping[str, int] | None = None,
) -> RosterImport:
    """Keep the rows with shortened names. Nothing of the school changes yet."""
    entries = [_of_year(entry, year) for entry in entries]
    removes = removes and not upload.is_delta
    rows = minimised(entries, style, _others(entries, year, removes))
    return RosterImport.objects.create(
        school=year.school,
        year=year,
        kind=upload.kind,
        file_name=upload.file_name,
        header=list(header),
        mapping={**(mapping or {}), "delta": upload.is_delta, "style": style.value},
        removes_missing=removes,
        rows=[row.to_json() for row in rows],
        uploaded_by=actor,
    )


def _of_year(entry: Entry, year: SchoolYear) -> Entry:
    if entry.ends and entry.ends < year.starts_on.isoformat() and not entry.problem:
        return replace(entry, problem="other_year")
    return entry


def _others(
    entries: Sequence[Entry], year: SchoolYear, removes: bool
) -> Mapping[Place, Collection[str]]:
    """By class, what those are called who are in it, stay in it, and cannot be in this list."""
    if removes:
        return {}
    numbers = {entry.number for entry in entries if entry.number}
    ids = {entry.sourced_id for entry in entries if entry.sourced_id}
    found: dict[Place, set[str]] = defaultdict(set)
    current = Enrollment.objects.current().filter(classroom__year=year)
    for class_name, class_id, name, number, sourced_id in current.values_list(
        "classroom__name",
        "classroom__sourced_id",
        "student__display_name",
        "student__number",
        "student__sourced_id",
    ):
        listed = number in numbers or sourced_id in ids
        other_number = numbers and number
        other_id = ids and sourced_id
        if not listed and (other_number or other_id):
            for place in places_of(class_name, class_id):
                found[place].add(name)
    return dict(found)


# ----------------------------------------------------------------------------------------- apply
def kept_until(roster: RosterImport) -> datetime:
    return roster.uploaded_at + timedelta(days=settings.ROSTER_KEPT_DAYS)


def apply_roster(roster: RosterImport, actor: User, seen: str) -> Plan:
    """Carry out what ``seen`` is the mark of. Raises ChangedMeanwhile or NotPossible."""
    try:
        with transaction.atomic():
            School.objects.select_for_update().get(pk=roster.school_id)
            roster = _locked(roster)
            if roster.applied_at or not roster.rows or roster.year.archived_at:
                raise NotPossible
            plan = plan_of(roster, locked=True)
            if plan.mark != seen:
                raise ChangedMeanwhile
            if plan.is_empty:
                raise NotPossible
            roster.plan = {"counts": plan.counts, **_Writer(roster, actor).write(plan)}
            roster.applied_by, roster.applied_at = actor, now()
            roster.save(update_fields=["plan", "applied_by", "applied_at"])
            record(actor, AuditEvent.Verb.IMPORTED, roster, roster.school, **plan.counts)
    except IntegrityError as error:  # somebody enrolled or named the same at this moment
        raise ChangedMeanwhile from error
    return plan


def _locked(roster: RosterImport) -> RosterImport:
    rosters = RosterImport.objects.select_for_update(of=("self",))
    return rosters.select_related("school", "year").get(pk=roster.pk)


class _Writer:
    """Writes a plan, in a few queries a thousand children; returns how to take it back."""

    def __init__(self, roster: RosterImport, actor: User) -> None:
        self.roster, self.actor, self.today = roster, actor, localdate()
        self.classrooms: dict[ClassPlan, Classroom] = {}

    def write(self, plan: Plan) -> dict[str, Any]:
        classes = self._classes(plan)
        students = self._students(plan.students)
        return {
            **classes,
            "added": [str(s.code) for s, p in students if p.student is None],
            "changed": [
                {"code": str(s.code), "before": _plain(p.before), "after": _plain(p.after)}
                for s, p in students
                if p.student and p.after
            ],
            **self._enrollments(students),
            "teachings": self._teachings(plan),
            "problems": [
                {"line": p.line, "file": p.file, "name": p.name, "code": p.code,
                 "other_line": p.other_line}
                for p in plan.problems
            ],
            "not_invited": plan.not_invited,
        }  # fmt: skip

    def _classes(self, plan: Plan) -> dict[str, Any]:
        new = [
            Classroom(
                school=self.roster.school, year=self.roster.year, name=c.name, grade=c.grade,
                sourced_id=c.sourced_id,
            )
            for c in plan.new_classes
        ]  # fmt: skip
        changed = []
        for one in plan.changed_classes:
            assert one.classroom
            for name, value in one.after.items():
                setattr(one.classroom, name, value)
            changed.append(one.classroom)
        renamed = [
            c.classroom.pk for c in plan.changed_classes if c.classroom and "name" in c.after
        ]
        for pk in renamed:  # two may swap their names
            Classroom.objects.filter(pk=pk).update(name=f"… {pk}")
        Classroom.objects.bulk_update(changed, ["name", "grade", "sourced_id"])
        Classroom.objects.bulk_create(new)
        self.classrooms = dict(zip(plan.new_classes, new, strict=True))
        return {
            "classes_added": [str(c.code) for c in new],
            "classes_changed": [
                {"code": str(c.classroom.code), "before": c.before, "after": c.after}
                for c in plan.changed_classes
                if c.classroom
            ],
        }

    def _students(self, plans: Sequence[StudentPlan]) -> list[tuple[Student, StudentPlan]]:
        new, changed, found = [], [], []
        fields: set[str] = set()
        for plan in plans:
            student = plan.student or Student(school=self.roster.school)
            for name, value in plan.after.items():
                setattr(student, name, value)
            if plan.student is None:
                new.append(student)
            elif plan.after:
                changed.append(student)
                fields |= plan.after.keys()
            found.append((student, plan))
        Student.objects.bulk_create(new, batch_size=BATCH)
        if changed:
            Student.objects.bulk_update(changed, sorted(fields), batch_size=BATCH)
        return found

    def _enrollments(self, students: Sequence[tuple[Student, StudentPlan]]) -> dict[str, Any]:
        """A child that comes back gets its old row again, as long as it is not on the list."""
        pairs = [(s, self._classroom(c)) for s, plan in students for c in plan.joins]
        old = {
            (e.student_id, e.classroom_id): e
            for e in Enrollment.objects.filter(classroom__in={c.pk for _s, c in pairs})
        }
        new = [
            Enrollment(student=s, classroom=c, since=self.today)
            for s, c in pairs
            if (s.pk, c.pk) not in old
        ]
        changed: list[tuple[Student, Classroom, Enrollment, date | None]] = []
        for s, c in pairs:
            if (s.pk, c.pk) in old:
                changed.append((s, c, old[s.pk, c.pk], None))
        current = {
            (e.student_id, e.classroom_id): e
            for e in Enrollment.objects.current().filter(
                classroom__in={c.pk for _s, plan in students for c in plan.leaves}
            )
        }
        for s, plan in students:
            changed += [(s, c, current[s.pk, c.pk], self.today) for c in plan.leaves]
        told = []
        for s, c, enrollment, left_on in changed:
            told.append(
                {"student": str(s.code), "classroom": str(c.code),
                 "before": _day(enrollment.left_on), "after": _day(left_on)}
            )  # fmt: skip
            enrollment.left_on = left_on
        Enrollment.objects.bulk_create(new, batch_size=BATCH)
        Enrollment.objects.bulk_update(
            [e for _s, _c, e, _day in changed], ["left_on"], batch_size=BATCH
        )
        return {
            "enrolled": [[str(e.student.code), str(e.classroom.code)] for e in new],
            "enrollments_changed": told,
        }

    def _classroom(self, plan: ClassPlan) -> Classroom:
        return plan.classroom or self.classrooms[plan]

    def _teachings(self, plan: Plan) -> list[str]:
        made = []
        for user, place in plan.teachings:
            teaching = Teaching.objects.create(user=user, classroom=self._classroom(place))
            _record_teaching(self.actor, AuditEvent.Verb.PERMITTED, teaching, self.roster)
            made.append(str(teaching.code))
        return made


def _record_teaching(
    actor: User, verb: AuditEvent.Verb, teaching: Teaching, roster: RosterImport
) -> None:
    record(
        actor, verb, teaching, roster.school, person=str(teaching.user.code),
        classroom=str(teaching.classroom.code), roster=str(roster.code),
    )  # fmt: skip


def _plain(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: _day(v) if isinstance(v, date) else v for name, v in values.items()}


def _day(value: date | None) -> str | None:
    return value.isoformat() if value else None


# ------------------------------------------------------------------------------------------ undo
@dataclass
class Undone:
    """What could not be taken back, because something hangs on it or somebody changed it since."""

    students_kept: int = 0
    classes_kept: int = 0
    changed_since: int = 0


def can_undo(roster: RosterImport) -> bool:
    return bool(
        roster.applied_at and not roster.undone_at and roster.plan and not roster.year.archived_at
    )


@transaction.atomic
def undo_roster(roster: RosterImport, actor: User) -> Undone:
    """Put back what applying changed, and nothing that somebody changed after it."""
    School.objects.select_for_update().get(pk=roster.school_id)
    roster = _locked(roster)
    if not can_undo(roster):
        raise NotPossible
    done = _Eraser(roster, actor).undo()
    roster.undone_by, roster.undone_at = actor, now()
    roster.save(update_fields=["undone_by", "undone_at"])
    record(actor, AuditEvent.Verb.RESTORED, roster, roster.school, **asdict(done))
    return done


class _Eraser:
    def __init__(self, roster: RosterImport, actor: User) -> None:
        self.roster, self.actor, self.plan = roster, actor, roster.plan
        self.done, self.today = Undone(), localdate()
        self.is_held = LegalHold.objects.standing().filter(year=roster.year).exists()
        mine = Student.objects.select_for_update().filter(school=roster.school)
        self.students = {str(student.code): student for student in mine}
        classrooms = Classroom.objects.select_for_update().filter(
            school=roster.school, year=roster.year
        )
        self.classrooms = {str(classroom.code): classroom for classroom in classrooms}
        self.enrollments = {
            (e.student_id, e.classroom_id): e
            for e in Enrollment.objects.filter(classroom__in=self.classrooms.values())
        }

    def undo(self) -> Undone:
        for teaching in Teaching.objects.filter(
            code__in=[UUID(code) for code in self.plan["teachings"]], until=None
        ).select_related("user", "classroom"):
            _record_teaching(self.actor, AuditEvent.Verb.FORBIDDEN, teaching, self.roster)
            teaching.delete()
        self._put_back_enrollments()
        self._take_back_added()
        self._restore(Student, self.students, self.plan["changed"])
        self._remove_classes()
        self._restore(Classroom, self.classrooms, self.plan["classes_changed"])
        return self.done

    def _put_back_enrollments(self) -> None:
        changed = []
        for said in self.plan["enrollments_changed"]:
            found = self._enrollment(said["student"], said["classroom"])
            if found is None or _day(found.left_on) != said["after"]:
                self.done.changed_since += 1
                continue
            found.left_on = date.fromisoformat(said["before"]) if said["before"] else None
            changed.append(found)
        Enrollment.objects.bulk_update(changed, ["left_on"], batch_size=BATCH)

    def _enrollment(self, student: str, classroom: str) -> Enrollment | None:
        one, other = self.students.get(student), self.classrooms.get(classroom)
        return self.enrollments.get((one.pk, other.pk)) if one and other else None

    def _take_back_added(self) -> None:
        """An added child goes, unless something hangs on it: then it only leaves the class.

        So it is with a child that was here already and has work in the class it came to.
        """
        made = [e for pair in self.plan["enrolled"] if (e := self._enrollment(*pair))]
        added = [s for code in self.plan["added"] if (s := self.students.get(code))]
        kept = _hanging(Student, [s.pk for s in added], besides={Enrollment: {e.pk for e in made}})
        if self.is_held:
            kept = {s.pk for s in added}
        work = set(
            Artwork.objects.filter(
                assignment__classroom__in=self.classrooms.values(), student__isnull=False
            ).values_list("student", "assignment__classroom")
        )
        stay = [
            e for e in made
            if self.is_held or e.student_id in kept or (e.student_id, e.classroom_id) in work
        ]  # fmt: skip
        for enrollment in stay:
            enrollment.left_on = enrollment.left_on or self.today
        Enrollment.objects.bulk_update(stay, ["left_on"], batch_size=BATCH)
        still = {e.pk for e in stay}
        _delete(Enrollment, [e.pk for e in made if e.pk not in still])
        _delete(Student, [s.pk for s in added if s.pk not in kept])
        self.done.students_kept = len(kept)

    def _remove_classes(self) -> None:
        added = [c for code in self.plan["classes_added"] if (c := self.classrooms.get(code))]
        kept = _hanging(Classroom, [c.pk for c in added])
        self.done.classes_kept = len(kept)
        gone = [c for c in added if c.pk not in kept]
        _delete(Classroom, [c.pk for c in gone])
        for classroom in gone:
            del self.classrooms[str(classroom.code)]

    def _restore(
        self, model: type[Student | Classroom], rows: Mapping[str, Any], changes: list[Any]
    ) -> None:
        changed, fields = [], set()
        renamed = self._names_to_restore(changes) if model is Classroom else set()
        for said in changes:
            row = rows.get(said["code"])
            if row is None:
                self.done.changed_since += 1
                continue
            for name, before in said["before"].items():
                value = getattr(row, name)
                is_name_taken = (
                    model is Classroom and name == "name" and said["code"] not in renamed
                )
                value = _day(value) if isinstance(value, date) else value
                if value != said["after"][name] or is_name_taken:
                    self.done.changed_since += 1
                    continue
                is_day = isinstance(model._meta.get_field(name), models.DateField)
                setattr(row, name, date.fromisoformat(before) if is_day and before else before)
                fields.add(name)
            changed.append(row)
        if model is Classroom and "name" in fields:
            for row in changed:
                Classroom.objects.filter(pk=row.pk).update(name=f"… {row.pk}")
        if fields:
            model.objects.bulk_update(changed, sorted(fields), batch_size=BATCH)

    def _names_to_restore(self, changes: list[Any]) -> set[str]:
        """Codes of classes that get back a name which no other one keeps or has by now."""
        wanted = {
            said["code"]: said["before"]["name"]
            for said in changes
            if "name" in said["before"]
            and (row := self.classrooms.get(said["code"]))
            and row.name == said["after"]["name"]
        }
        while True:
            kept = {c.name for code, c in self.classrooms.items() if code not in wanted}
            free = {code: name for code, name in wanted.items() if name not in kept}
            if free == wanted:
                return set(free)
            wanted = free


def _hanging(
    model: type[models.Model],
    pks: Sequence[int],
    besides: Mapping[type[models.Model], Collection[int]] | None = None,
) -> set[int]:
    """Those of the rows that another row points to, whatever it is, ``besides`` these."""
    found: set[int] = set()
    for relation in model._meta.get_fields(include_hidden=True):
        if not isinstance(relation, models.ManyToOneRel):
            continue
        other, name = relation.related_model, relation.field.name
        known = (besides or {}).get(other, ())
        for start in range(0, len(pks), BATCH):
            pointing = other._default_manager.filter(**{f"{name}__in": pks[start : start + BATCH]})
            found.update(k for pk, k in pointing.values_list("pk", name) if pk not in known)
    return found


def _delete(model: type[models.Model], pks: Sequence[int]) -> None:
    for start in range(0, len(pks), BATCH):
        model._default_manager.filter(pk__in=pks[start : start + BATCH]).delete()


def discard_roster(roster: RosterImport, actor: User) -> None:
    """Forget a list that was not applied."""
    with transaction.atomic():
        roster = _locked(roster)
        if roster.applied_at:
            raise NotPossible
        record(actor, AuditEvent.Verb.REMOVED, roster, roster.school)
        roster.delete()


def forget_child(student: Student) -> int:
    """Take a child out of what lists of its school said and did. Returns how many held something.

    For erasing somebody: undoing such a list afterwards does nothing to the child.
    """
    count = 0
    code = str(student.code)
    with_something = RosterImport.objects.filter(school=student.school_id).exclude(rows=[], plan={})
    for roster in with_something.select_for_update():
        changed = [c for c in roster.plan.get("changed", []) if c["code"] == code]
        values = [value for c in changed for value in (c["before"], c["after"])]
        names = {student.display_name, *(v["display_name"] for v in values if "display_name" in v)}
        ids = {student.number, student.sourced_id, *(v.get("number", "") for v in values)} - {""}

        def is_theirs(
            row: Mapping[str, Any], names: Collection[str] = names, ids: Collection[str] = ids
        ) -> bool:
            return (
                row.get("name") in names or row.get("number") in ids or row.get("sourced_id") in ids
            )

        rows = [row for row in roster.rows if not is_theirs(row)]
        plan = dict(roster.plan)
        for name in ("added", "changed", "enrolled", "enrollments_changed"):
            if name in plan:
                plan[name] = [one for one in plan[name] if code not in str(one)]
        if "problems" in plan:
            plan["problems"] = [one for one in plan["problems"] if not is_theirs(one)]
        if (rows, plan) != (roster.rows, roster.plan):
            roster.rows, roster.plan = rows, plan
            roster.save(update_fields=["rows", "plan"])
            count += 1
    return count
