"""A student with at least one row of every kind that can lead to one, made as people make them."""

from __future__ import annotations

import uuid
from collections.abc import Callable

from django.core.files.base import ContentFile
from django.utils.timezone import localdate, now

from grading import tasks
from grading.models import (
    AdapterVersion,
    Artwork,
    Assignment,
    EditJob,
    FeedbackDraft,
    FeedbackJob,
    IntakeJob,
    PhotoProposal,
    Picture,
    ReportJob,
    ReviewTime,
    ScoreSet,
    Student,
    User,
)
from grading.services.annotations import confirm_review, set_level, withdraw_review
from grading.services.appeals import ask_again, record_look
from grading.services.consent import record_consent
from grading.services.families import create_link
from grading.services.portfolio import add_note
from grading.services.releases import release_class
from grading.services.rights import add_amendment, lift_hold, place_hold, request_export
from grading.services.training import freeze_training_set, record_learned_from
from tests.conftest import jpeg


def live_a_year(
    student: Student,
    make_scored: Callable[..., ScoreSet],
    teacher: User,
    colleague: User,
    administrator: User,
) -> None:
    score_set = make_scored(student, "teal")
    artwork = score_set.picture.artwork
    assignment, rubric_version = artwork.assignment, artwork.assignment.rubric_version
    realism, *_others, last = rubric_version.dimensions.select_related("version")
    job = FeedbackJob.objects.create(score_set=score_set)
    job = FeedbackJob.objects.claim(job.pk)
    job.succeed()
    FeedbackDraft.objects.create(
        score_set=score_set, job=job, origin="written", strength="Bold.", next_step="More."
    )
    PhotoProposal.objects.create(
        picture=score_set.picture, edit={"turn": 1}, sure=True, reason="sheet",
        preview=ContentFile(jpeg(), name="preview.jpg"),
    )  # fmt: skip
    edit = EditJob.objects.create(picture=score_set.picture, edit={}, asked_by=teacher)
    EditJob.objects.claim(edit.pk).succeed(
        width=320, height=240, sha256="e" * 64,
        **{n: ContentFile(jpeg("gold"), f"{n}.jpg") for n in ("full", "display", "thumbnail")},
    )  # fmt: skip
    Picture.objects.filter(edit_job=None).update(in_use_since=now())  # back to the untouched
    set_level(artwork, last, None, teacher, "Amara B. left early")
    review = confirm_review(artwork, teacher)
    withdraw_review(review, teacher)
    set_level(artwork, realism, 2, teacher)
    review = confirm_review(artwork, teacher)
    release_class(assignment, teacher)
    link, _token = create_link(student, teacher, days=30, code=uuid.uuid4(), note="Mother")
    link.openings.create(network="203.0.113.0/24")
    appeal = ask_again(artwork, review, "Please look at the sky", family_link=link)
    levels = dict.fromkeys(rubric_version.dimensions.all(), 4)
    record_look(appeal, colleague, levels, "Amara B. draws")
    set_level(artwork, realism, 3, teacher)  # a draft that is not confirmed
    ReviewTime.objects.create(artwork=artwork, user=teacher, seconds=40)
    add_note(student, "Amara B. loves ink", teacher)
    record_consent(student, True, "paper", localdate(), administrator)
    add_amendment(student, "It was drawn at home", "mother", administrator, uuid.uuid4())
    lift_hold(place_hold(student, "a case", administrator, uuid.uuid4()), administrator)
    export = request_export(student, administrator, with_names=True)
    tasks.export_student(export.pk)
    for about in ({"student": student}, {"assignment": assignment}):
        report = ReportJob.objects.create(asked_by=teacher, language="en", **about)
        ReportJob.objects.claim(report.pk).succeed(ContentFile(b"%PDF"))
    make_artwork_waiting(student, assignment, teacher)
    student.school.training_on = True
    student.school.save()
    record_learned_from(
        AdapterVersion.objects.all()[:1], freeze_training_set(rubric_version, administrator)
    )


def make_artwork_waiting(student: Student, assignment: Assignment, by: User) -> Artwork:
    """Uploaded, and not prepared yet."""
    artwork = Artwork.objects.create(
        assignment=assignment, student=student, original_name="amara_b.jpg",
        original=ContentFile(jpeg("red"), name="x"), media_type="image/jpeg", size_bytes=9,
        content_sha256="a" * 64, uploaded_by=by,
    )  # fmt: skip
    IntakeJob.objects.create(artwork=artwork)
    return artwork
