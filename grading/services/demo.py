"""The demo school: believable people, a year of assignments, and pictures of our own drawing.

The pictures go the way a teacher's pictures go: uploaded, prepared and scored by the workers.
"""

from __future__ import annotations

import io
import json
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

import numpy as np
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.db import transaction
from django.utils.crypto import get_random_string
from django.utils.timezone import localdate
from PIL import Image

from grading.models import (
    Artwork,
    Assignment,
    Classroom,
    Consent,
    Enrollment,
    GradeBand,
    Membership,
    Role,
    RubricVersion,
    School,
    SchoolYear,
    ScoreSet,
    Student,
    User,
)
from grading.services.annotations import (
    CannotConfirm,
    confirm_review,
    finish_blind_look,
    is_hidden,
    newest_proposal,
    set_level,
)
from grading.services.artworks import AlreadyUploaded, accept_upload
from grading.services.consent import record_consent
from grading.services.training import install_bundle
from ml.drawing import CAUSES, draw

DRAWING_PX = 800
ACCOUNTS = (
    (Role.TEACHER, "Ms. Okafor", "teacher@kidsart.example"),
    (Role.ADMINISTRATOR, "Mr. Lindqvist", "administrator@kidsart.example"),
    (Role.ANNOTATOR, "Dr. Reyes", "annotator@kidsart.example"),
)
CLASSES = {
    ("Grade 4 Kingfisher", 4): (
        "Amara B., Ben T., Chloé D., Dev P., Elif K., Femi A., Grace L., Hana S., Ivo M., Jun W., "
        "Kofi N., Lena R., Mateo G., Nadia H., Oluwaseun O., Priya V., Quinn F., Rosa C., "
        "Søren J., Tariq Z., Uma I., Viktor E., Wren Y., Ximena L."
    ),
    ("Grade 2 Wren", 2): (
        "Aaliyah M., Bao L., Camila R., Dmitri S., Esme W., Farid K., Giulia P., Hugo B., Inés A., "
        "Jamal T., Kaia N., Leilani F., Malik D., Noor E., Owen C., Paloma V., Rafael O., "
        "Saoirse G., Tenzin J., Ulrike H., Valentina Q., Wyatt U., Yuki I., Zara N."
    ),
}


@dataclass(frozen=True)
class DemoTask:
    title: str
    subject: str  # a theme of ml.drawing
    task: str
    medium: str
    days_ago: int
    confirmed: bool  # the demo teacher has been through it already
    only_grade: int | None = None


TASKS = (
    DemoTask("My family", "my family", "Draw the people you live with.", "Crayon", 300, True),
    DemoTask("At night", "night sky", "What is awake?", "Poster paint", 245, True, 4),
    DemoTask("Under water", "under water", "What lives down there?", "Poster paint", 190, True),
    DemoTask("Castles", "a castle", "Build one on paper.", "Pen", 80, True, 4),
    DemoTask("Our street in spring", "our street", "Draw what you pass.", "Crayon", 12, False),
    DemoTask("A machine that helps", "a machine", "Invent a machine for home.", "Pen", 0, False, 4),
)
EMPTY = TASKS[-1]  # left for the newcomer to fill by hand


@transaction.atomic
def prepare_school() -> School:
    """The rows of the demo school; what is there already stays as it is."""
    if settings.PRODUCTION:
        raise ImproperlyConfigured("The demo school is never set up on a school server.")
    school, _new = School.objects.get_or_create(
        name="Riverside Elementary", is_demo=True, defaults={"drafts_on": True}
    )
    teacher = _account(school, *ACCOUNTS[0])
    administrator, _annotator = (_account(school, *account) for account in ACCOUNTS[1:])
    version = RubricVersion.objects.newest("kidsart")
    today = localdate()
    year = _school_year(school, today)
    for (name, grade), students in CLASSES.items():
        classroom, new = Classroom.objects.get_or_create(
            school=school, year=year, name=name, defaults={"grade": grade}
        )
        if not new:
            continue
        classroom.teachers.add(teacher)
        for number, student_name in enumerate(students.split(", "), start=1):
            student = Student.objects.create(
                school=school,
                display_name=student_name,
                number=f"{grade}{number:02d}",
                grade_band=GradeBand.of_grade(grade),
            )
            Enrollment.objects.create(classroom=classroom, student=student)
            if number % 3:  # some forms have come back, signed
                yes = number % 5 != 1
                record_consent(student, yes, Consent.Source.PAPER, today, administrator)
        for task in TASKS:
            if task.only_grade not in (None, classroom.grade):
                continue
            Assignment.objects.create(
                classroom=classroom,
                rubric_version=version,
                title=task.title,
                task=task.task,
                medium=task.medium,
                made_on=today - timedelta(days=task.days_ago),
            )
    install_bundle(settings.DEMO_MODEL_DIR, version, by=None, why="comes with the program")
    return school


def _school_year(school: School, day: date) -> SchoolYear:
    """A year in two terms that holds every task; the one of the first day stays."""
    if found := school.years.filter(classrooms__isnull=False).first():
        return found
    starts_on, ends_on = day - timedelta(days=310), day + timedelta(days=54)
    name = str(starts_on.year)
    if ends_on.year != starts_on.year:
        name += f"/{ends_on.year % 100:02d}"
    year, new = SchoolYear.objects.get_or_create(
        school=school, name=name, defaults={"starts_on": starts_on, "ends_on": ends_on}
    )
    if new:
        middle = starts_on + timedelta(days=170)
        year.terms.create(name="First term", starts_on=starts_on, ends_on=middle)
        year.terms.create(name="Second term", starts_on=middle + timedelta(days=1), ends_on=ends_on)
    return year


def _account(school: School, role: str, name: str, email: str) -> User:
    user, _new = User.objects.get_or_create(email=email, defaults={"name": name})
    Membership.objects.get_or_create(user=user, school=school, role=role)
    if role == Role.ADMINISTRATOR and not user.is_staff:
        user.is_staff = user.is_superuser = True
        user.save()
    return user


def demo_accounts(path: Path) -> list[dict[str, str]]:
    """The sign-ins, from their file; made new, with new passwords, where it is missing."""
    if path.exists():
        accounts: list[dict[str, str]] = json.loads(path.read_text())
        return accounts
    accounts = []
    for role, _name, email in ACCOUNTS:
        password = get_random_string(12, "abcdefghjkmnpqrstuvwxyz23456789")
        user = User.objects.get(email=email)
        user.set_password(password)
        user.save()
        accounts.append({"role": str(role), "email": email, "password": password})
    aside = path.with_suffix(".new")
    aside.unlink(missing_ok=True)
    with os.fdopen(os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        json.dump(accounts, file, indent=1)
    aside.rename(path)
    return accounts


# ---------------------------------------------------------------------------------------- pictures
MEDIA = {"Crayon": "crayon", "Poster paint": "paint", "Pen": "pen"}  # as ml.drawing calls them


def drawing(student: Student, task: DemoTask) -> Image.Image:
    """The picture this student made for this assignment: the same one whenever it is asked for."""
    seed = [ord(c) for c in f"{student.display_name}/{task.title}"]
    rng = np.random.default_rng(seed)
    hand = np.random.default_rng(seed[: len(student.display_name)]).beta(2, 2, len(CAUSES))
    causes = 0.5 * hand + 0.5 * rng.beta(1.4, 1.2, len(CAUSES))
    # A class drawn at random from the scale's corners looks like nobody's: keep most pages tidy.
    for slug, least in (("picture_organization", 0.35), ("color_contrast", 0.4)):
        k = CAUSES.index(slug)
        causes[k] = least + (1 - least) * causes[k]
    seed_of_page = int(rng.integers(2**31))
    return draw(seed_of_page, task.subject, list(causes), DRAWING_PX, MEDIA[task.medium])


def as_jpeg(image: Image.Image) -> io.BytesIO:
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=92)
    buffer.seek(0)
    return buffer


def file_name(student: Student) -> str:
    return student.display_name.replace(".", "").replace(" ", "_").lower() + ".jpg"


def missing_pictures(school: School) -> Iterator[tuple[Assignment, Student, DemoTask]]:
    """What is still to be drawn, the newest work first: that is where the newcomer looks."""
    by_title = {task.title: task for task in TASKS if task is not EMPTY}
    assignments = Assignment.objects.filter(classroom__school=school, title__in=by_title)
    for assignment in assignments.order_by("-made_on", "classroom__pk").select_related("classroom"):
        drawn = set(assignment.artworks.values_list("student", flat=True))
        for student in assignment.classroom.students_now().order_by("display_name"):
            if student.pk not in drawn:
                yield assignment, student, by_title[assignment.title]


def draw_pictures(school: School) -> int:
    """Draw and upload every missing picture as the demo teacher; returns how many."""
    teacher = User.objects.get(email=ACCOUNTS[0][2])
    count = 0
    for assignment, student, task in missing_pictures(school):
        content = as_jpeg(drawing(student, task))
        try:
            accept_upload(
                assignment,
                content,
                file_name(student),
                content.getbuffer().nbytes,
                teacher,
                student,
            )
        except AlreadyUploaded:
            continue
        count += 1
    return count


def draw_folder(school: School, folder: Path) -> None:
    """The class set for the empty assignment; a few come as a camera names them."""
    folder.mkdir(parents=True, exist_ok=True)
    classroom = Classroom.objects.get(school=school, grade=4)
    for n, student in enumerate(classroom.students_now().order_by("display_name")):
        path = folder / (f"IMG_{3104 + 7 * n}.jpg" if n % 8 == 5 else file_name(student))
        if not path.exists():
            aside = path.with_suffix(".part")
            aside.write_bytes(as_jpeg(drawing(student, EMPTY)).read())
            aside.rename(path)


def confirm_earlier_work(school: School, patience_s: float = 1800) -> None:
    """Go through the earlier assignments as the demo teacher would, once they are scored."""
    teacher = User.objects.get(email=ACCOUNTS[0][2])
    titles = [task.title for task in TASKS if task.confirmed]
    open_ones = Artwork.objects.kept().filter(
        assignment__classroom__school=school, assignment__title__in=titles, reviews=None
    )
    deadline = time.monotonic() + patience_s
    while open_ones.exists() and time.monotonic() < deadline:
        for artwork in open_ones.filter(pk__in=ScoreSet.objects.values("picture__artwork")):
            _look_at(artwork, teacher)
        time.sleep(2)


def _look_at(artwork: Artwork, teacher: User) -> None:
    """Mostly agree; now and then choose the level beside the proposed one."""
    rng = np.random.default_rng(artwork.pk)
    levels = newest_proposal(artwork).levels
    version = artwork.assignment.rubric_version
    hidden = is_hidden(artwork)
    for dimension in version.dimensions.all():
        level = levels.get(dimension.pk, version.levels[len(version.levels) // 2])
        differs = dimension.pk not in levels or rng.random() < 0.12
        if differs:
            level += int(rng.choice([-1, 1]))
        if differs or hidden:
            level = int(np.clip(level, version.first_level, version.last_level))
            set_level(artwork, dimension, level, teacher)
    try:
        if hidden:
            finish_blind_look(artwork, teacher)
        confirm_review(artwork, teacher)
    except CannotConfirm:
        return  # scored again in this moment: the next round takes it
