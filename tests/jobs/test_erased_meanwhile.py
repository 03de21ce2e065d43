"""A worker that is at a picture while its student is erased brings nothing back."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest
from django.core.files.storage import default_storage
from django.db import IntegrityError

from grading import tasks
from grading.models import (
    EditJob,
    FeedbackDraft,
    FeedbackJob,
    IntakeJob,
    Picture,
    ReportJob,
    ScoreSet,
    ScoringJob,
    Student,
    StudentExport,
)
from grading.services.rights import erase_student, request_export
from tests.conftest import scores_of


@pytest.fixture
def erase(student, administrator, django_capture_on_commit_callbacks):
    def now() -> None:
        if Student.objects.filter(pk=student.pk).exists():
            with django_capture_on_commit_callbacks(execute=True):
                erase_student(student, administrator)

    return now


@pytest.fixture
def nothing_left(media: Path, student):
    def check() -> None:
        assert [p for p in media.rglob("*") if p.is_file()] == []
        for model in (IntakeJob, EditJob, Picture, ScoringJob, ScoreSet, FeedbackJob):
            assert not model.objects.exists()

    return check


def erasing_after(real, erase):
    """``real``, after which the student is erased."""

    def call(*args, **kwargs):
        result = real(*args, **kwargs)
        erase()
        return result

    return call


def test_while_a_picture_is_prepared(make_artwork, student, erase, nothing_left, monkeypatch):
    job = make_artwork(student).intake_jobs.get()
    monkeypatch.setattr(tasks, "normalize", erasing_after(tasks.normalize, erase))
    tasks.prepare_picture(job.pk)
    nothing_left()


def test_before_a_picture_is_read(make_artwork, student, erase, nothing_left, monkeypatch):
    job = make_artwork(student).intake_jobs.get()
    real = tasks.lease_kept
    monkeypatch.setattr(tasks, "lease_kept", lambda jobs: erase() or real(jobs))
    tasks.prepare_picture(job.pk)
    nothing_left()


def test_while_a_picture_is_edited(make_picture, student, alice, erase, nothing_left, monkeypatch):
    picture = make_picture(student)
    job = EditJob.objects.create(picture=picture, edit={"turn": 1}, asked_by=alice)
    monkeypatch.setattr(tasks, "write_versions", erasing_after(tasks.write_versions, erase))
    tasks.edit_picture(job.pk)
    nothing_left()


class Scorer:
    def __init__(self, rubric_version, erase) -> None:
        self.rubric_version, self.erase, self.seen = rubric_version, erase, 0

    def score(self, paths):
        self.seen = len(paths)
        self.erase()
        return [scores_of(self.rubric_version) for _path in paths]


def test_while_pictures_are_scored_those_of_others_are_scored(
    make_picture, student, rubric_version, erase, monkeypatch
):
    other = make_picture(Student.objects.get(display_name="Ben T."), "navy")
    job = make_picture(student).scoring_jobs.get()
    scorer = Scorer(rubric_version, erase)
    monkeypatch.setattr(tasks, "_scorer", lambda *args: scorer)
    tasks.score_pictures(job.pk)
    assert scorer.seen == 2
    assert [s.picture for s in ScoreSet.objects.all()] == [other]


def test_erased_between_the_claim_and_the_model_others_are_scored(
    make_picture, student, rubric_version, erase, monkeypatch
):
    other = make_picture(Student.objects.get(display_name="Ben T."), "navy")
    job = make_picture(student).scoring_jobs.get()
    real = tasks._with_pictures
    monkeypatch.setattr(tasks, "_with_pictures", lambda jobs: erase() or real(jobs))
    scorer = Scorer(rubric_version, lambda: None)
    monkeypatch.setattr(tasks, "_scorer", lambda *args: scorer)
    tasks.score_pictures(job.pk)
    assert scorer.seen == 1
    assert [s.picture for s in ScoreSet.objects.all()] == [other]


def test_while_words_are_written(make_scored, student, erase, nothing_left, monkeypatch):
    job = FeedbackJob.objects.create(score_set=make_scored(student))

    class Writer:
        def write(self, requests):
            erase()
            words = SimpleNamespace(strength="Bold.", next_step="More.")
            return [
                SimpleNamespace(origin="written", feedback=words, seed=1, reason="")
                for _request in requests
            ]

    monkeypatch.setattr(tasks, "_writer", lambda adapter_set: Writer())
    tasks.write_feedback(job.pk)
    assert not FeedbackDraft.objects.exists()
    nothing_left()


def test_a_model_that_stops_then_has_nothing_to_tell(
    make_picture, student, erase, nothing_left, monkeypatch
):
    job = make_picture(student).scoring_jobs.get()

    def stops(*_args):
        erase()
        raise RuntimeError("no file")

    monkeypatch.setattr(tasks, "_scorer", stops)
    tasks.score_pictures(job.pk)  # raises nothing
    nothing_left()


def test_while_a_report_is_made(decide, student, alice, erase, nothing_left, monkeypatch):
    decide(student)
    job = ReportJob.objects.create(student=student, asked_by=alice, language="en")
    monkeypatch.setattr(tasks, "works_of", erasing_after(tasks.works_of, erase))
    tasks.make_report(job.pk)
    assert not ReportJob.objects.exists()
    nothing_left()


def test_while_a_report_of_the_class_is_made(
    decide, student, alice, erase, nothing_left, monkeypatch
):
    assignment = decide(student).artwork.assignment
    job = ReportJob.objects.create(assignment=assignment, asked_by=alice, language="en")
    monkeypatch.setattr(tasks, "works_of", erasing_after(tasks.works_of, erase))
    tasks.make_report(job.pk)
    job.refresh_from_db()
    assert job.status == ReportJob.Status.FAILED and not job.file
    nothing_left()


def test_while_the_copy_is_made(decide, student, administrator, erase, nothing_left, monkeypatch):
    decide(student)
    export = request_export(student, administrator, with_names=True)
    from grading import record_zip

    monkeypatch.setattr(record_zip, "write_record", erasing_after(record_zip.write_record, erase))
    tasks.export_student(export.pk)
    assert not StudentExport.objects.exists()
    nothing_left()


def test_files_whose_rows_cannot_be_kept_are_removed(make_artwork, student, media, monkeypatch):
    job = make_artwork(student).intake_jobs.get()

    def refused(*_args):
        raise IntegrityError("the artwork is gone")

    monkeypatch.setattr(type(ScoringJob.objects), "request", refused)
    with pytest.raises(IntegrityError):
        tasks.prepare_picture(job.pk)
    assert not Picture.objects.exists()
    assert not [p for p in (media / "pictures").rglob("*") if p.is_file()]
    assert default_storage.exists(job.artwork.original.name)


def test_the_sweep_deletes_copies_that_have_run_out(student, administrator, monkeypatch, media):
    export = request_export(student, administrator, with_names=True)
    tasks.export_student(export.pk)
    StudentExport.objects.update(expires_at="2020-01-01T00:00Z")
    monkeypatch.setattr(tasks, "_messages_in", lambda queue: 1)
    tasks.sweep()
    export.refresh_from_db()
    assert not export.file and not [p for p in media.rglob("*") if p.is_file()]
