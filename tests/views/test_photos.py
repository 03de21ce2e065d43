from __future__ import annotations

import re

import pytest
from django.core.files.base import ContentFile
from django.urls import reverse
from django.utils.timezone import now

from grading.forms.photos import CORNERS
from grading.intake.edits import Edit
from grading.models import AuditEvent, EditJob, PhotoProposal, Picture
from grading.services.artworks import remove_artwork
from grading.services.board import State, board_of
from grading.services.photos import (
    answer_proposal,
    change_picture,
    edit_in_use,
    open_proposals,
    turn_picture,
    undo_proposals,
)
from tests.conftest import jpeg

CROP = Edit(corners=((0.1, 0.1), (0.9, 0.12), (0.88, 0.9), (0.12, 0.88)), gains=(0.9, 1.0, 1.2))


@pytest.fixture
def score_set(make_scored, student):
    return make_scored(student)


@pytest.fixture
def picture(score_set) -> Picture:
    return score_set.picture


@pytest.fixture
def artwork(picture):
    return picture.artwork


@pytest.fixture
def proposal(picture) -> PhotoProposal:
    return propose(picture)


def propose(picture: Picture, sure: bool = True) -> PhotoProposal:
    preview = ContentFile(jpeg(), name="preview.jpg")
    return PhotoProposal.objects.create(
        picture=picture, edit=CROP.to_json(), sure=sure, reason="sheet", preview=preview
    )


@pytest.fixture
def signed_in(client, alice):
    client.force_login(alice)
    return client


def carry_out(picture: Picture) -> Picture:
    """What the worker does with the waiting change of this picture."""
    job = EditJob.objects.claim(EditJob.objects.waiting().get(picture=picture).pk)
    files = {
        name: ContentFile(jpeg("red"), name=f"{name}.jpg")
        for name in ("full", "display", "thumbnail")
    }
    return job.succeed(width=320, height=240, sha256="e" * 64, **files)


def state_of(artwork) -> State:
    return board_of(artwork.assignment).tiles[0].state


def test_a_change_makes_another_picture_from_the_untouched_one(artwork, picture, alice, rung):
    assert change_picture(artwork, CROP, alice) is None
    assert state_of(artwork) == State.PREPARING
    cropped = carry_out(picture)
    assert artwork.pictures.last() == cropped
    assert (cropped.untouched, edit_in_use(artwork)) == (picture, CROP)
    assert state_of(artwork) == State.WAITING  # nobody has scored it
    change_picture(artwork, Edit(turn=1), alice)
    assert EditJob.objects.waiting().get().picture == picture
    assert AuditEvent.objects.filter(verb="edited", object_code=artwork.code).count() == 2


def test_going_back_takes_the_untouched_picture_with_its_scores(artwork, picture, score_set, alice):
    change_picture(artwork, CROP, alice)
    cropped = carry_out(picture)
    assert change_picture(artwork, Edit(), alice) == picture
    assert artwork.pictures.last() == picture
    assert state_of(artwork) == State.PROPOSED
    assert change_picture(artwork, CROP, alice) == cropped  # not made a second time
    assert EditJob.objects.count() == 1


def test_four_turns_are_none(artwork, picture, alice):
    for turned in (1, 2, 3):
        assert turn_picture(artwork, alice) is None
        assert edit_in_use(artwork).turn == turned - 1
        assert Edit.from_json(EditJob.objects.waiting().get().edit).turn == turned
        carry_out(picture)
    assert turn_picture(artwork, alice) == picture


def test_keys_pressed_faster_than_the_worker_add_up(artwork, picture, alice):
    turn_picture(artwork, alice)
    turn_picture(artwork, alice)
    assert [Edit.from_json(job.edit).turn for job in EditJob.objects.waiting()] == [2]
    running = EditJob.objects.claim(EditJob.objects.get().pk)
    turn_picture(artwork, alice)
    assert running.succeed(width=1, height=1, sha256="0", full="", display="", thumbnail="") is None
    assert Edit.from_json(EditJob.objects.waiting().get().edit).turn == 3


def test_a_turn_keeps_the_crop(artwork, picture, alice):
    change_picture(artwork, CROP, alice)
    carry_out(picture)
    turn_picture(artwork, alice)
    wished = Edit.from_json(EditJob.objects.waiting().get().edit)
    assert (wished.corners, wished.gains, wished.turn) == (CROP.corners, CROP.gains, 1)


def test_a_proposal_is_taken_or_left_and_asked_once(artwork, picture, proposal, alice):
    assert list(open_proposals(artwork.assignment)) == [proposal]
    answer_proposal(proposal, True, alice)
    assert not open_proposals(artwork.assignment)
    assert Edit.from_json(EditJob.objects.get().edit) == CROP
    proposal.refresh_from_db()
    assert (proposal.answer, proposal.answered_by) == ("taken", alice)


def test_leaving_a_proposal_changes_no_picture(artwork, picture, proposal, alice):
    answer_proposal(proposal, False, alice)
    assert not open_proposals(artwork.assignment)
    assert artwork.pictures.last() == picture
    assert not EditJob.objects.exists()


def test_a_proposal_that_was_taken_and_left_again_at_once_is_not_carried_out(
    artwork, picture, proposal, alice
):
    answer_proposal(proposal, True, alice)
    answer_proposal(proposal, False, alice)
    assert not EditJob.objects.open()


def test_a_picture_that_somebody_changed_is_not_asked_about(artwork, picture, proposal, alice):
    change_picture(artwork, Edit(turn=1), alice)
    carry_out(picture)
    assert not open_proposals(artwork.assignment)


def test_a_removed_picture_is_not_asked_about(artwork, proposal, alice):
    remove_artwork(artwork, alice)
    assert not open_proposals(artwork.assignment)


def test_a_whole_class_can_go_back(artwork, picture, proposal, make_scored, alice):
    other = make_scored(None, "red").picture
    left = propose(other)
    answer_proposal(proposal, True, alice)
    carry_out(picture)
    answer_proposal(left, False, alice)
    assert undo_proposals(artwork.assignment, alice) == 1
    assert artwork.pictures.last() == picture
    assert undo_proposals(artwork.assignment, alice) == 0


def corners_form(*points: tuple[float, float]) -> dict[str, str]:
    """Four corners in percent, as the page sends them."""
    return {
        f"{name}_{axis}": str(share)
        for name, point in zip(CORNERS, points, strict=True)
        for axis, share in zip("xy", point, strict=True)
    }


class TestPages:
    def test_one_key_turns_the_picture(self, signed_in, artwork):
        page = signed_in.get(reverse("grading:review", args=[artwork.code])).content.decode()
        turn = reverse("grading:turn", args=[artwork.code])
        assert f'formaction="{turn}"' in page
        signed_in.post(turn)
        assert EditJob.objects.waiting().count() == 1

    def test_the_review_page_offers_what_is_proposed(self, signed_in, artwork, proposal):
        address = reverse("grading:review", args=[artwork.code])
        assert "can be straightened" in signed_in.get(address).content.decode()
        answer = reverse("grading:photo-answer", args=[artwork.code])
        signed_in.post(answer, {"take": "0"})
        assert "can be straightened" not in signed_in.get(address).content.decode()
        assert not EditJob.objects.exists()
        signed_in.post(answer, {"take": "1"})  # changed one's mind
        assert EditJob.objects.count() == 1

    @pytest.mark.parametrize("proposed", [True, False])
    def test_the_same_key_goes_back_to_the_uploaded_picture(
        self, signed_in, artwork, picture, alice, proposed
    ):
        if proposed:
            answer_proposal(propose(picture), True, alice)
        else:
            change_picture(artwork, CROP, alice)
        carry_out(picture)
        page = signed_in.get(reverse("grading:review", args=[artwork.code])).content.decode()
        assert re.search(r'id="take-photo">\s*As uploaded', page)
        signed_in.post(reverse("grading:photo-answer", args=[artwork.code]), {"take": "0"})
        assert artwork.pictures.last() == picture
        page = signed_in.get(reverse("grading:review", args=[artwork.code])).content.decode()
        assert 'id="take-photo"' not in page

    def test_of_a_replaced_picture_the_newer_proposal_counts(
        self, signed_in, artwork, picture, proposal, make_scored
    ):
        newer = make_scored(None, "red").picture
        Picture.objects.filter(pk=newer.pk).update(artwork=artwork, in_use_since=now())
        propose(newer)
        signed_in.post(reverse("grading:photo-answer", args=[artwork.code]), {"take": "1"})
        assert EditJob.objects.get().picture == newer

    def test_a_change_that_did_not_work_is_said(self, signed_in, artwork, picture, alice):
        change_picture(artwork, CROP, alice)
        EditJob.objects.claim(EditJob.objects.get().pk).fail("This change did not work.")
        page = signed_in.get(reverse("grading:review", args=[artwork.code])).content.decode()
        assert "This change did not work." in page
        assert state_of(artwork) == State.PROPOSED
        change_picture(artwork, Edit(), alice)
        page = signed_in.get(reverse("grading:review", args=[artwork.code])).content.decode()
        assert "This change did not work." not in page

    def test_a_wish_that_was_taken_back_is_no_failure(self, signed_in, artwork, picture, alice):
        change_picture(artwork, CROP, alice)
        EditJob.objects.claim(EditJob.objects.get().pk)
        change_picture(artwork, Edit(), alice)
        assert EditJob.objects.get().error == ""
        page = signed_in.get(reverse("grading:review", args=[artwork.code])).content.decode()
        assert 'banner--danger"><p></p>' not in page

    def test_corners_that_were_moved_are_what_is_cut(self, signed_in, artwork, proposal):
        data = corners_form((5, 6), (95, 5), (94.5, 96), (4, 93))
        url = reverse("grading:photo", args=[artwork.code])
        assert (
            signed_in.post(url, data | {"crop": "1", "light": "1", "turn": "2"}).status_code == 302
        )
        edit = Edit.from_json(EditJob.objects.get().edit)
        assert edit.corners == ((0.05, 0.06), (0.95, 0.05), (0.945, 0.96), (0.04, 0.93))
        assert (edit.gains, edit.turn) == (CROP.gains, 2)

    @pytest.mark.parametrize(
        ("bad", "sentence"),
        [
            ({"top_left_x": "99"}, "dent or a crossing"),
            ({"top_left_x": ""}, "two numbers"),
            ({"top_left_x": "101"}, "two numbers"),
            ({"top_left_x": "left"}, "two numbers"),
        ],
    )
    def test_corners_that_make_no_sheet_are_said_and_kept(self, bad, sentence, signed_in, artwork):
        data = corners_form((5, 5), (95, 5), (95, 95), (5, 95))
        url = reverse("grading:photo", args=[artwork.code])
        answer = signed_in.post(url, data | {"crop": "1"} | bad)
        assert answer.status_code == 422
        assert sentence in answer.content.decode()
        assert (
            'name="bottom_right_y" type="text" inputmode="decimal" value="95"'
            in answer.content.decode()
        )
        assert not EditJob.objects.exists()

    def test_a_class_is_answered_at_once(self, signed_in, artwork, picture, proposal, make_scored):
        doubtful = propose(make_scored(None, "red").picture, sure=False)
        url = reverse("grading:photos", args=[artwork.assignment.code])
        page = signed_in.get(url).content.decode()
        assert page.count(" checked") == 1  # the sure one
        later = propose(make_scored(None, "gold").picture)  # nobody has seen it
        shown = re.findall(r'name="shown" value="([^"]+)"', page)
        signed_in.post(url, {"take": [str(picture.code)], "shown": shown})
        for each, answer in ((proposal, "taken"), (doubtful, "left"), (later, "")):
            each.refresh_from_db()
            assert each.answer == answer
        assert "1 photo of this class was straightened." in signed_in.get(url).content.decode()
        signed_in.post(url, {"undo": "1"})
        proposal.refresh_from_db()
        assert proposal.answer == "left"

    def test_the_preview_is_for_those_who_may_see_the_picture(
        self, client, signed_in, picture, proposal, bob
    ):
        url = reverse("grading:preview", args=[picture.code])
        assert signed_in.get(url).status_code == 200
        client.force_login(bob)
        assert client.get(url).status_code == 404

    def test_a_preview_that_is_gone_is_not_found(self, signed_in, picture, proposal):
        proposal.preview.delete(save=False)
        assert signed_in.get(reverse("grading:preview", args=[picture.code])).status_code == 404
