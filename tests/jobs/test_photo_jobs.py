"""What the io worker finds in a photograph, and what it makes of a teacher's wish."""

import io

import pytest
from django.core.files.base import ContentFile
from PIL import Image

from grading import tasks
from grading.intake.edits import Edit
from grading.models import EditJob, PhotoProposal, Picture, ScoringJob
from grading.services.photos import change_picture
from ml.drawing import draw
from tests.intake.photographs import DAYLIGHT, photographed

CAUSES = [0.6, 0.4, 0.6, 0.3, 0.5, 0.3, 0.5, 0.4, 0.3]


@pytest.fixture
def photo():
    """A drawing on an oak desk, seen at an angle."""
    drawing = draw(7, "house", CAUSES, 600)
    return photographed(drawing, 3, desk="oak", light=DAYLIGHT, size=(1000, 750))


@pytest.fixture
def prepare(make_artwork):
    """An upload of exactly this picture, prepared."""

    def upload(image: Image.Image):
        artwork = make_artwork()
        buffer = io.BytesIO()
        image.save(buffer, "JPEG", quality=92)
        artwork.original.storage.delete(artwork.original.name)
        artwork.original.save("x", ContentFile(buffer.getvalue()))
        tasks.prepare_picture(artwork.intake_jobs.get().pk)
        return artwork

    return upload


def test_a_photograph_comes_with_a_proposal_and_stays_as_it_is(prepare, photo, installed):
    artwork = prepare(photo.picture)
    picture = artwork.pictures.get()
    assert (picture.width, picture.height) == (1000, 750)
    proposal = picture.proposal
    assert proposal.sure
    assert proposal.answer == ""
    found = Edit.from_json(proposal.edit).corners
    for (x, y), (there_x, there_y) in zip(found, photo.corners, strict=True):
        assert abs(x - there_x) < 0.01
        assert abs(y - there_y) < 0.01
    with Image.open(proposal.preview) as preview:
        assert abs(preview.width / preview.height - 1) < 0.05  # the drawing is square


def test_a_scan_comes_without_one_and_that_is_no_error(prepare, installed, caplog):
    prepare(draw(7, "house", CAUSES, 600))
    assert not caplog.records
    assert Picture.objects.count() == 1
    assert not PhotoProposal.objects.exists()


def test_a_picture_is_prepared_also_where_nothing_can_be_proposed(
    prepare, photo, installed, monkeypatch
):
    def broken(picture):
        raise RuntimeError

    monkeypatch.setattr("grading.intake.cleanup.propose_edit", broken)
    artwork = prepare(photo.picture)
    assert artwork.pictures.count() == 1
    assert artwork.intake_jobs.get().status == "succeeded"
    assert not PhotoProposal.objects.exists()


@pytest.fixture
def wish(make_picture, alice):
    """A prepared picture, and an edit of it that a teacher has asked for."""

    def ask(edit: Edit) -> EditJob:
        picture = make_picture()
        assert change_picture(picture.artwork, edit, alice) is None
        return EditJob.objects.get(picture=picture)

    return ask


def test_an_edit_makes_another_picture_which_is_scored_anew(
    wish, rung, django_capture_on_commit_callbacks
):
    job = wish(Edit(turn=1))
    with django_capture_on_commit_callbacks(execute=True):
        tasks.edit_picture(job.pk)
    untouched, turned = job.picture.artwork.pictures.order_by("pk")
    assert (untouched.width, untouched.height) == (320, 240)
    assert (turned.width, turned.height) == (240, 320)
    assert job.picture.artwork.pictures.last() == turned
    assert turned.edit == Edit(turn=1).to_json()
    assert rung[-1] == ("grading.tasks.score_pictures", ScoringJob.objects.get(picture=turned).pk)


def test_every_version_file_is_turned(wish):
    job = wish(Edit(turn=1))
    tasks.edit_picture(job.pk)
    turned = job.picture.artwork.pictures.last()
    for file in (turned.full, turned.display, turned.thumbnail):
        with Image.open(file) as image:
            assert image.height > image.width


def test_an_edit_delivered_twice_makes_one_picture(wish):
    job = wish(Edit(turn=2))
    tasks.edit_picture(job.pk)
    tasks.edit_picture(job.pk)
    assert job.picture.artwork.pictures.count() == 2


def test_an_edit_that_fails_says_so_and_leaves_the_picture(wish):
    job = wish(Edit(turn=1))
    job.picture.full.storage.delete(job.picture.full.name)
    with pytest.raises(FileNotFoundError):
        tasks.edit_picture(job.pk)
    job.refresh_from_db()
    assert job.error == "This change did not work. The picture is as it was."
    assert job.picture.artwork.pictures.get() == job.picture


def test_a_newer_wish_wins_over_one_that_a_worker_is_at(wish, alice, monkeypatch):
    job = wish(Edit(turn=1))
    artwork = job.picture.artwork
    make = tasks.write_versions

    def slowly(edited, folder):
        change_picture(artwork, Edit(turn=2), alice)
        return make(edited, folder)

    monkeypatch.setattr(tasks, "write_versions", slowly)
    tasks.edit_picture(job.pk)
    monkeypatch.undo()
    assert artwork.pictures.count() == 1  # what the first wish made is not recorded
    tasks.edit_picture(EditJob.objects.waiting().get().pk)
    assert artwork.pictures.last().edit["turn"] == 2
