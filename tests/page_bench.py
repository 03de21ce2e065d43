"""How fast the pages of a class are, in a small school and in a large one: `make bench-pages`.

Server time of a signed-in request through all middleware, with Django's test client; a database of
its own in a temporary folder. The same class of 35 is measured alone, and again among 20,000
pictures. Prints a table and writes var/bench/pages.json.
"""

from __future__ import annotations

import json
import os
import statistics
import sys
import tempfile
import time
from datetime import date
from pathlib import Path
from typing import Any

CLASSES, ASSIGNMENTS, PUPILS = 40, 20, 25  # 20,000 pictures of 1,000 students
OWN = 35
ROUNDS = 40
ROOT = Path(__file__).resolve().parent.parent


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        os.environ["KIDSART_DATA_DIR"] = folder
        os.environ.setdefault("DJANGO_SETTINGS_MODULE", "kidsart_web.settings")
        import django

        django.setup()
        from django.core.management import call_command

        call_command("migrate", verbosity=0)
        call_command("collectstatic", interactive=False, verbosity=0)
        built = Builder()
        own = built.classroom("Measured", OWN, assignments=3)
        small = measure(built, own)
        start = time.perf_counter()
        for number in range(CLASSES):
            built.classroom(f"Class {number}", PUPILS, ASSIGNMENTS)
        sys.stdout.write(
            f"built {built.pictures} pictures in {time.perf_counter() - start:.0f} s\n"
        )
        large = measure(built, own)
        report(small, large, built.pictures)


class Builder:
    """A school whose pictures are all scored; two of three are confirmed."""

    def __init__(self) -> None:
        from grading.models import (
            AdapterSet,
            AdapterVersion,
            BaseModel,
            Membership,
            Promotion,
            RubricVersion,
            School,
            User,
        )

        self.pictures = 0
        self.school = School.objects.create(name="Large school", blind_percent=0, drafts_on=True)
        self.year = self.school.years.create(
            name="2026/27", starts_on=date(2026, 8, 1), ends_on=date(2027, 7, 31)
        )
        self.teacher = User.objects.create_user("t@example.org", "x", name="T")
        Membership.objects.create(user=self.teacher, school=self.school, role="teacher")
        self.version = RubricVersion.objects.newest("kidsart")
        self.dimensions = list(self.version.dimensions.all())
        base = BaseModel.objects.create(name="b", path="nowhere", sha256="0" * 64, is_demo=True)
        self.adapters = [
            AdapterVersion.objects.create(
                base=base, dimension=d, number=1, path="nowhere", sha256=f"{d.position:064}",
                metrics={"spearman": 0.8},
            )
            for d in self.dimensions
        ]  # fmt: skip
        for adapter in self.adapters:
            Promotion.objects.create(adapter=adapter, why="measured")
        found = AdapterSet.objects.in_use(self.version)
        assert found
        self.adapter_set = found

    def classroom(self, name: str, pupils: int, assignments: int) -> Any:
        """Returns the newest assignment of the class."""
        from django.db import transaction
        from django.utils.timezone import localdate

        from grading.models import Assignment, Classroom, Enrollment, Student

        with transaction.atomic():
            room = Classroom.objects.create(school=self.school, name=name, grade=4, year=self.year)
            room.teachers.add(self.teacher)
            students = Student.objects.bulk_create(
                Student(school=self.school, display_name=f"{name} {n:02d}") for n in range(pupils)
            )
            Enrollment.objects.bulk_create(
                Enrollment(classroom=room, student=student) for student in students
            )
            for number in range(assignments):
                assignment = Assignment.objects.create(
                    classroom=room, rubric_version=self.version, title=f"Task {number}",
                    made_on=localdate(),
                )  # fmt: skip
                self._class_set(assignment, students)
        return assignment

    def _class_set(self, assignment: Any, students: list[Any]) -> None:
        from django.utils.timezone import now

        from grading.models import (
            Annotation,
            Artwork,
            DimensionScore,
            FeedbackDraft,
            IntakeJob,
            Picture,
            Review,
            ScoreSet,
            ScoringJob,
        )

        moment = now()
        done = {"status": "succeeded", "attempt": 1, "started_at": moment, "finished_at": moment}
        artworks = Artwork.objects.bulk_create(
            Artwork(
                assignment=assignment, student=student, original_name="p.jpg", size_bytes=1,
                media_type="image/jpeg", content_sha256=f"{self.pictures + n:064}",
                uploaded_by=self.teacher,
            )
            for n, student in enumerate(students)
        )  # fmt: skip
        self.pictures += len(artworks)
        intake = IntakeJob.objects.bulk_create(IntakeJob(artwork=a, **done) for a in artworks)
        pictures = Picture.objects.bulk_create(
            Picture(
                artwork=a, job=job, full="f.jpg", display="d.jpg", thumbnail="t.jpg", width=4,
                height=3, sha256="0" * 64,
            )
            for a, job in zip(artworks, intake, strict=True)
        )  # fmt: skip
        jobs = ScoringJob.objects.bulk_create(
            ScoringJob(picture=p, adapter_set=self.adapter_set, **done) for p in pictures
        )
        sets = ScoreSet.objects.bulk_create(ScoreSet(job=j, picture=j.picture) for j in jobs)
        scale = {"first_level": 1, "last_level": 5}
        DimensionScore.objects.bulk_create(
            DimensionScore(
                score_set=s, dimension=d, adapter=a, expected=3.2, level=3, interval_low=2.4,
                interval_high=4.0, logits=[0, 0, 1, 0, 0], score_token_mass=0.9, **scale,
            )
            for s in sets
            for d, a in zip(self.dimensions, self.adapters, strict=True)
        )  # fmt: skip
        FeedbackDraft.objects.bulk_create(
            FeedbackDraft(score_set=s, origin="composed", strength="Bold.", next_step="Try dots.")
            for s in sets
        )
        triples = list(zip(artworks, pictures, sets, strict=True))
        confirmed = [triple for n, triple in enumerate(triples) if n % 3]
        reviews = Review.objects.bulk_create(
            Review(artwork=a, picture=p, score_set=s, reviewer=self.teacher)
            for a, p, s in confirmed
        )
        Annotation.objects.bulk_create(
            Annotation(
                review=r, picture=r.picture, picture_sha256="0" * 64, dimension=d,
                annotator=self.teacher, level=3, origin="accepted", training_consent=False, **scale,
            )
            for r in reviews
            for d in self.dimensions
        )  # fmt: skip


def measure(built: Builder, assignment: Any) -> dict[str, dict[str, float]]:
    """Median milliseconds and number of queries of each page."""
    from django.db import connection
    from django.test import Client
    from django.urls import reverse

    client = Client(SERVER_NAME="localhost")
    client.force_login(built.teacher)
    drafts = assignment.artworks.filter(reviews=None)
    artwork = drafts[1]
    pages = {
        "board": reverse("grading:board", args=[assignment.code]),
        "review": reverse("grading:review", args=[artwork.code]),
        "contact sheet": reverse("grading:sheet", args=[assignment.code]),
        "classes": reverse("grading:home"),
    }
    level = reverse("grading:level", args=[artwork.code, "realism"])
    asks = {name: (lambda url=url: client.get(url)) for name, url in pages.items()}
    turns = iter(range(10**6))
    asks["level saved"] = lambda: client.post(
        level, {"level": 1 + next(turns) % 5}, headers={"HX-Request": "true"}
    )
    figures: dict[str, dict[str, float]] = {}
    for name, ask in asks.items():
        answer = ask()
        assert answer.status_code == 200, (name, answer.status_code, answer.get("Location"))
        queries: list[str] = []
        with connection.execute_wrapper(noting(queries)):
            ask()
        times = []
        for _round in range(ROUNDS):
            start = time.perf_counter()
            ask()
            times.append(1000 * (time.perf_counter() - start))
        figures[name] = {
            "ms": statistics.median(times),
            "ms_p95": statistics.quantiles(times, n=20)[-1],
            "queries": len(queries),
        }
    return figures


def noting(queries: list[str]) -> Any:
    """A wrapper that keeps what is asked of the database."""

    def execute(run: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        queries.append(sql)
        return run(sql, params, many, context)

    return execute


def report(small: dict, large: dict, pictures: int) -> None:
    sys.stdout.write(f"{'page':<16}{'queries':>8}{'ms':>8}{'p95':>8}   among {pictures} pictures: "
                     f"{'queries':>8}{'ms':>8}{'p95':>8}{'ratio':>8}\n")  # fmt: skip
    for name, few in small.items():
        many = large[name]
        sys.stdout.write(
            f"{name:<16}{few['queries']:>8}{few['ms']:>8.1f}{few['ms_p95']:>8.1f}"
            f"{many['queries']:>{30 + len(str(pictures))}}{many['ms']:>8.1f}{many['ms_p95']:>8.1f}"
            f"{many['ms'] / few['ms']:>8.2f}\n"
        )
    out = ROOT / "var" / "bench" / "pages.json"
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(json.dumps({"small": small, "large": large, "pictures": pictures}, indent=1))


if __name__ == "__main__":
    main()
