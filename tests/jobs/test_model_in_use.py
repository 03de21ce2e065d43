"""The real demo model behind the tasks: from a file to nine scores, and to a new adapter."""

from __future__ import annotations

import dataclasses
import io
import shutil

import pytest
from django.conf import settings
from django.core.files.base import ContentFile

from grading import tasks
from grading.models import AdapterVersion, IntakeJob, ScoringJob
from grading.services.adapters import install_adapter
from grading.services.scoring import request_scoring
from grading.services.training import install_bundle, promote_adapter
from ml.drawing import CAUSES, render
from ml.errors import BundleError
from ml.profiles import ADAPTER_WEIGHTS, read_adapter_profile, sha256_of_file, write_profile


@pytest.fixture
def demo_model(rubric_version) -> list[AdapterVersion]:
    return install_bundle(settings.DEMO_MODEL_DIR, rubric_version, by=None, why="test")


@pytest.fixture
def picture(demo_model, make_artwork):
    buffer = io.BytesIO()
    render([0.6] * len(CAUSES), seed=1, size_px=448).save(buffer, "JPEG")
    artwork = make_artwork()
    artwork.original.save("x", ContentFile(buffer.getvalue()))
    tasks.prepare_picture(artwork.intake_jobs.get().pk)
    return artwork.pictures.get()


def newest_scores(picture) -> dict[str, tuple[float, str]]:
    job = picture.scoring_jobs.last()
    tasks.score_pictures(job.pk)
    job.refresh_from_db()
    assert job.status == ScoringJob.Status.SUCCEEDED, job.error
    return {s.dimension.slug: (s.expected, str(s.adapter)) for s in job.score_set.scores.all()}


def test_a_picture_gets_nine_scores_that_say_where_they_come_from(picture):
    scores = newest_scores(picture)
    assert list(scores) == list(CAUSES)
    assert all(1 <= expected <= 5 for expected, _adapter in scores.values())
    assert scores["line_texture"][1] == "Line texture 1"


def test_the_model_is_loaded_once_a_process(picture, monkeypatch):
    newest_scores(picture)
    import ml.scorer

    def load_again(*args, **kwargs):
        raise AssertionError("loaded a second time")

    monkeypatch.setattr(ml.scorer, "load_scorer", load_again)
    request_scoring(picture)
    assert len(newest_scores(picture)) == 9


def test_a_promoted_adapter_is_picked_up_without_a_restart(
    picture, demo_model, rubric_version, alice, tmp_path
):
    before = newest_scores(picture)
    loaded = list(tasks._loaded.values())
    realism = next(a for a in demo_model if a.dimension.slug == "realism")
    other = _changed_copy(realism, tmp_path / "realism")
    new = install_adapter(other, demo_model[0].base, rubric_version)
    promote_adapter(new, alice, "better on the gold set")
    request_scoring(picture)
    after = newest_scores(picture)
    assert list(tasks._loaded.values()) == loaded  # the same process, the same base model
    assert after["realism"][1] == "Realism 2"
    assert after["realism"][0] != pytest.approx(before["realism"][0], abs=1e-3)
    assert {k: v for k, v in after.items() if k != "realism"} == {
        k: (pytest.approx(v[0], abs=1e-5), v[1]) for k, v in before.items() if k != "realism"
    }


def test_an_installed_bundle_scores_what_waits_already(make_picture, rubric_version):
    waiting = make_picture().scoring_jobs.get()
    adapters = install_bundle(settings.DEMO_MODEL_DIR, rubric_version, by=None, why="test")
    waiting.refresh_from_db()
    assert set(waiting.adapter_set.adapters.all()) == set(adapters)


def test_an_adapter_of_another_base_is_refused_with_a_sentence(
    demo_model, rubric_version, tmp_path
):
    folder = _changed_copy(demo_model[0], tmp_path / "x", base_sha256="f" * 64)
    with pytest.raises(BundleError, match="was trained on"):
        install_adapter(folder, demo_model[0].base, rubric_version)


def test_installing_the_same_bundle_twice_changes_nothing(demo_model, rubric_version):
    again = install_bundle(settings.DEMO_MODEL_DIR, rubric_version, by=None, why="test")
    assert {a.pk for a in again} == {a.pk for a in demo_model}
    assert all(a.promotions.count() == 1 for a in again)


def test_a_truncated_upload_fails_for_itself_alone(demo_model, make_artwork):
    artwork = make_artwork()
    with artwork.original.open("rb") as file:
        half = file.read()[:1500]
    artwork.original.save("x", ContentFile(half))
    tasks.prepare_picture(artwork.intake_jobs.get().pk)
    job = artwork.intake_jobs.get()
    assert job.status == IntakeJob.Status.FAILED
    assert "cut off" in job.error


def _changed_copy(adapter: AdapterVersion, folder, **changes):
    """The adapter with other weights, as a training run would leave it."""
    from safetensors.torch import load_file, save_file

    shutil.copytree(adapter.folder, folder)
    weights = load_file(folder / ADAPTER_WEIGHTS)
    save_file(
        {k: v * (-1.0 if "lora_B" in k else 1.0) for k, v in weights.items()},
        folder / ADAPTER_WEIGHTS,
        metadata={"format": "pt"},
    )
    profile = dataclasses.replace(
        read_adapter_profile(folder),
        weights_sha256=sha256_of_file(folder / ADAPTER_WEIGHTS),
        **changes,
    )
    write_profile(profile, folder)
    return folder
