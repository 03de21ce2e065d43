"""What adapters may learn from is settled at the moment of the run, and frozen."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from django.utils.timezone import localdate, now

from grading.models import (
    AdapterVersion,
    Annotation,
    Artwork,
    AuditEvent,
    FrozenError,
    Review,
    Student,
    TrainingSet,
)
from grading.services.annotations import confirm_review, set_level, withdraw_review
from grading.services.appeals import ask_again, record_look
from grading.services.artworks import match_artwork
from grading.services.consent import record_consent
from grading.services.rights import erase_student
from grading.services.training import (
    NothingToLearnFrom,
    adapters_that_saw,
    freeze_training_set,
    pseudonym,
    record_learned_from,
)
from ml.dataset import read_dataset
from ml.rubric import KIDSART


@pytest.fixture
def learning(school, student, administrator, decide) -> Review:
    """The school and Amara's family say yes, and one work is decided."""
    school.training_on = True
    school.save()
    record_consent(student, True, "paper", localdate(), administrator)
    return decide(student, 4, realism=2)


def levels_in(training_set: TrainingSet) -> list[int]:
    return [item.annotation.level for item in training_set.items.all()]


def test_what_may_be_used_is_frozen_with_codes(learning, rubric_version, administrator, student):
    training_set = freeze_training_set(rubric_version, administrator)
    assert sorted(levels_in(training_set)) == [2, *[4] * 8]
    assert {i.student_code for i in training_set.items.all()} == {student.code}
    assert {i.artwork_code for i in training_set.items.all()} == {learning.artwork.code}
    (event,) = AuditEvent.objects.filter(object_kind="trainingset")
    assert event.detail == {"what": "training", "items": 9}
    with pytest.raises(FrozenError):
        training_set.save()


def withdrawn_consent(review, school, administrator):
    record_consent(review.artwork.student, False, "email", localdate(), administrator)


def school_says_no(review, school, administrator):
    type(school).objects.update(training_on=False)


def removed_work(review, school, administrator):
    Artwork.objects.update(removed_at=now())


def withdrawn_review(review, school, administrator):
    withdraw_review(review, review.reviewer)


def another_childs_work(review, school, administrator):
    Artwork.objects.update(student=Student.objects.get(display_name="Ben T."))


def nobodys_work(review, school, administrator):
    Artwork.objects.update(student=None)


@pytest.mark.parametrize(
    "change",
    [withdrawn_consent, school_says_no, removed_work, withdrawn_review, another_childs_work,
     nobodys_work],
)  # fmt: skip
def test_at_the_moment_of_the_run(learning, school, administrator, rubric_version, change):
    freeze_training_set(rubric_version, administrator)  # a moment before it could be used
    change(learning, school, administrator)
    with pytest.raises(NothingToLearnFrom):
        freeze_training_set(rubric_version, administrator)
    assert TrainingSet.objects.count() == 1


def test_a_set_made_before_the_withdrawal_stays_as_it_was(learning, rubric_version, administrator):
    training_set = freeze_training_set(rubric_version, administrator)
    record_consent(learning.artwork.student, False, "email", localdate(), administrator)
    assert training_set.items.count() == 9


def test_a_yes_given_later_counts_for_earlier_decisions(
    school, student, administrator, decide, rubric_version
):
    decide(student)
    assert not Annotation.objects.filter(training_consent=True).exists()
    school.training_on = True
    school.save()
    record_consent(student, True, "paper", localdate(), administrator)
    assert freeze_training_set(rubric_version, None).items.count() == 9


def test_of_two_decisions_about_a_work_the_newest_counts(learning, rubric_version, alice):
    realism = rubric_version.dimensions.select_related("version").get(slug="realism")
    set_level(learning.artwork, realism, 5, alice)
    confirm_review(learning.artwork, alice)
    assert sorted(levels_in(freeze_training_set(rubric_version, None))) == [*[4] * 8, 5]


def test_the_blind_look_of_another_person_counts_beside(learning, rubric_version, alice, colleague):
    appeal = ask_again(learning.artwork, learning, "Is it?", by=alice)
    record_look(appeal, colleague, dict.fromkeys(rubric_version.dimensions.all(), 1))
    training_set = freeze_training_set(rubric_version, None)
    assert training_set.items.count() == 18


def test_an_annotation_of_another_rubric_is_in_no_set_of_this_one(learning, school):
    other = school.rubric_set.create(slug="ours", name="Ours").versions.create(number=1)
    with pytest.raises(NothingToLearnFrom):
        freeze_training_set(other, None)


# ------------------------------------------------------------------------------------ who saw what
def test_adapters_that_saw_a_student_are_known_also_when_the_student_is_gone(
    learning, rubric_version, installed, student, administrator
):
    assert not adapters_that_saw(student).exists()
    training_set = freeze_training_set(rubric_version, administrator)
    for _time in range(2):
        record_learned_from(installed[:2], training_set)
    assert list(adapters_that_saw(student)) == installed[:2]
    assert not adapters_that_saw(Student.objects.get(display_name="Ben T.")).exists()
    receipt = erase_student(student, administrator)
    assert list(adapters_that_saw(student)) == installed[:2]
    assert len(receipt.adapters) == 2


def test_adapters_that_saw_a_work_while_it_was_matched_to_another_child_are_known(
    learning, rubric_version, installed, administrator
):
    training_set = freeze_training_set(rubric_version, administrator)
    record_learned_from(installed[:2], training_set)
    ben = Student.objects.get(display_name="Ben T.")
    match_artwork(learning.artwork, ben, administrator)
    assert list(adapters_that_saw(ben)) == installed[:2]
    assert len(erase_student(ben, administrator).adapters) == 2


# ------------------------------------------------------------------------------------- the command
def test_the_command_writes_what_the_engine_reads(learning, tmp_path, student, alice):
    out = tmp_path / "set"
    call_command("make_training_set", "--out", str(out), "--by", "alice@example.org")
    data = read_dataset(out / "labels.csv", out / "pictures", KIDSART, KIDSART.slugs)
    assert len(data.names) == 1 and not data.skipped
    assert data.levels("realism").tolist() == [2.0]
    training_set = TrainingSet.objects.get()
    assert training_set.made_by == alice
    assert data.children == (pseudonym(training_set, student.code),)
    assert data.grades == ("3",)


def test_nobodys_name_number_or_code_leaves_with_it(learning, tmp_path, student, alice, school):
    Student.objects.filter(pk=student.pk).update(number="S-4711")
    call_command("make_training_set", "--out", str(tmp_path / "set"))
    text = "".join(
        f"{path.name} {path.read_text()}"
        for path in (tmp_path / "set").rglob("*")
        if path.suffix in (".csv", ".json")
    ) + " ".join(path.name for path in (tmp_path / "set").rglob("*"))
    for secret in ("Amara", "Alice", "S-4711", str(student.code), student.code.hex, school.name,
                   learning.picture.code.hex):  # fmt: skip
        assert secret not in text


def test_two_people_are_two_raters(learning, rubric_version, alice, colleague, tmp_path):
    appeal = ask_again(learning.artwork, learning, "Is it?", by=alice)
    record_look(appeal, colleague, {rubric_version.dimensions.get(slug="realism"): 4})
    call_command("make_training_set", "--out", str(tmp_path / "set"))
    data = read_dataset(
        tmp_path / "set" / "labels.csv", tmp_path / "set" / "pictures", KIDSART, KIDSART.slugs
    )
    assert data.levels("realism").tolist() == [3.0]


def test_in_another_set_everybody_has_another_name(learning, rubric_version, student):
    one, two = (freeze_training_set(rubric_version, None) for _time in range(2))
    assert pseudonym(one, student.code) != pseudonym(two, student.code)


def test_the_command_says_what_is_wrong(db, tmp_path, learning):
    for words, why in (
        (["--rubric", "nothing", "--out", str(tmp_path / "x")], "no rubric"),
        (["--out", str(tmp_path)], "there already"),
        (["--out", str(tmp_path / "x"), "--by", "nobody@example.org"], "Nobody here"),
    ):
        with pytest.raises(CommandError, match=why):
            call_command("make_training_set", *words)
    Artwork.objects.update(student=None)
    with pytest.raises(CommandError, match="Nothing may be learned from"):
        call_command("make_training_set", "--out", str(tmp_path / "x"))
    assert not (tmp_path / "x").exists()
    assert not TrainingSet.objects.exists()


def test_a_model_is_installed_with_the_set_it_was_trained_from(
    learning, rubric_version, settings, student
):
    training_set = freeze_training_set(rubric_version, None)
    call_command("install_model", str(settings.DEMO_MODEL_DIR), "--training-set",
                 str(training_set.code))  # fmt: skip
    assert adapters_that_saw(student).count() == 9


def test_an_unknown_training_set_installs_nothing(db, settings):
    before = AdapterVersion.objects.count()
    with pytest.raises(CommandError, match="no training set"):
        call_command("install_model", str(settings.DEMO_MODEL_DIR), "--training-set",
                     "00000000-0000-0000-0000-000000000001")  # fmt: skip
    assert AdapterVersion.objects.count() == before


def test_the_labels_are_a_table_by_person_and_picture(learning, tmp_path):
    call_command("make_training_set", "--out", str(tmp_path / "set"))
    with (Path(tmp_path) / "set" / "labels.csv").open(newline="") as file:
        (row,) = csv.DictReader(file)
    assert row["grade"] == "3" and row["imagination"] == "4" and row["name"].endswith(".jpg")
