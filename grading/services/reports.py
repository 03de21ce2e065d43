"""Reports about decided work: what is in one, and asking a worker for the PDF."""

from __future__ import annotations

from django.conf import settings
from django.db import transaction
from django.utils.translation import get_language

from grading import tasks
from grading.models import Artwork, ReportJob, School, Student, User


def years_of(student: Student, user: User) -> list[str]:
    """School years with work of the student that the user may see, the newest first."""
    years = Artwork.objects.for_user(user).filter(student=student).order_by()
    found = years.values_list("assignment__classroom__year__name", flat=True).distinct()
    return sorted(found, reverse=True)


@transaction.atomic
def request_report(job: ReportJob) -> ReportJob:
    """Ask for a PDF; the same one asked for twice is made once."""
    job.language = get_language() or settings.LANGUAGE_CODE
    same = ReportJob.objects.open().filter(
        asked_by=job.asked_by,
        student=job.student,
        assignment=job.assignment,
        year=job.year,
        only_released=job.only_released,
        paper=job.paper,
        form=job.form,
        language=job.language,
    )
    if existing := same.first():
        return existing
    job.save()
    tasks.send_on_commit(tasks.make_report, job.pk)
    return job


def school_of(job: ReportJob) -> School:
    if job.student:
        return job.student.school
    assert job.assignment is not None
    return job.assignment.classroom.school
