"""`manage.py import_adapters`: taken over, installed and put into use, or nothing has changed."""

from __future__ import annotations

import io
import json
import shutil
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from grading.management.commands import import_adapters
from grading.models import AdapterSet, AdapterVersion, AuditEvent, BaseModel, Promotion
from grading.services.adapters import install_base
from ml.errors import BundleError
from ml.rubric import KIDSART
from tests.ml.conftest import pristine  # noqa: F401  # a tiny base model with eight adapters
from tests.ml.tiny_bundle import Bundle


@pytest.fixture
def published(pristine: Bundle, tmp_path: Path, settings) -> Path:  # noqa: F811
    """A folder in the published layout, for a base model that is installed but scores nothing."""
    settings.DATA_DIR = tmp_path / "data"
    folder = tmp_path / "published"
    for slug in ("realism", "imagination"):
        shutil.copytree(pristine.adapters[slug], folder / f"dimension_{slug}" / "best_model")
    profile = {
        "format": 1,
        "name": "published",
        "base": {"name": "tiny"},
        "prompt": {"name": "published", "texts": {slug: f"{slug}?" for slug in KIDSART.slugs}},
        "image": {"name": "letterbox-84", "size_px": 84},
        "metrics": {"realism": {"spearman": 0.6, "n": 157}},
    }
    (folder / "profile.json").write_text(json.dumps(profile))
    return folder


@pytest.fixture
def base(pristine: Bundle, db) -> BaseModel:  # noqa: F811
    return install_base(pristine.base)


@pytest.fixture
def same_process(monkeypatch) -> None:
    """The engine without a process of its own, which would load torch once more."""
    from ml import importing

    def run(command: str, *words: str) -> str:
        try:
            importing.main(words)
        except BundleError as error:
            raise CommandError(str(error)) from error
        return ""

    monkeypatch.setattr(import_adapters, "run_engine", run)


def take_over(folder: Path, **options) -> str:
    out = io.StringIO()
    call_command("import_adapters", folder, profile=folder / "profile.json", stdout=out, **options)
    return out.getvalue()


def test_the_adapters_are_in_use_and_the_audit_trail_says_by_whom_and_why(
    published, base, rubric_version, administrator
):
    said = take_over(published, why="the published ones", by=administrator.email)
    in_use = AdapterSet.objects.in_use(rubric_version)
    assert {a.dimension.slug for a in in_use.adapters.all()} == {"realism", "imagination"}
    assert in_use.base == base
    events = AuditEvent.objects.filter(verb="promoted")
    assert [(e.actor, e.detail) for e in events] == [
        (administrator, {"why": "the published ones"})
    ] * 2
    assert "Realism 1 of tiny is in use now" in said
    assert "line_texture" in said
    assert "the base model will be prompted" in said


@pytest.mark.usefixtures("same_process")
class TestInOneProcess:
    def test_what_is_installed_lies_in_the_data_folder_with_its_profiles(
        self, published, base, settings
    ):
        take_over(published)
        realism = AdapterVersion.objects.get(dimension__slug="realism")
        assert realism.folder.is_relative_to(settings.DATA_DIR / "models")
        assert (realism.prompt_profile, realism.image_profile) == ("published", "letterbox-84")
        assert realism.metrics == {"spearman": 0.6, "n": 157}
        assert realism.promotions.get().why == "imported by an administrator"

    def test_twice_is_once(self, published, base):
        take_over(published)
        said = take_over(published)
        assert AdapterVersion.objects.count() == Promotion.objects.count() == 2
        assert "Realism 1 of tiny was in use already" in said

    def test_after_a_rollback_it_puts_them_into_use_again(self, published, base, rubric_version):
        take_over(published)
        imported = AdapterVersion.objects.get(dimension__slug="realism")
        other = AdapterVersion.objects.create(
            base=base, dimension=imported.dimension, number=2, path="nowhere", sha256="2" * 64
        )
        Promotion.objects.create(adapter=other, why="another one")
        take_over(published)
        assert imported in AdapterSet.objects.in_use(rubric_version).adapters.all()

    def test_waiting_pictures_are_scored_with_them(self, published, make_picture, base):
        """The demo adapters of another base model are in use until then."""
        job = make_picture().scoring_jobs.get()
        take_over(published, base=base.folder)
        job.refresh_from_db()
        assert job.adapter_set.base == base
        assert job.adapter_set.adapters.count() == 2

    def test_corrected_words_are_another_version(self, published, base):
        take_over(published)
        path = published / "profile.json"
        path.write_text(path.read_text().replace("realism?", "How real?"))
        take_over(published)
        versions = AdapterVersion.objects.filter(dimension__slug="realism").order_by("number")
        assert [v.number for v in versions] == [1, 2]
        assert "How real?" in (versions[1].folder / "profile.json").read_text()
        assert "How real?" not in (versions[0].folder / "profile.json").read_text()

    def test_a_refusal_changes_nothing(self, published, base):
        weights = published / "dimension_realism" / "best_model" / "adapter_model.safetensors"
        weights.rename(weights.with_name("adapter_model.bin"))
        with pytest.raises(CommandError, match="pickle"):
            take_over(published)
        assert not AdapterVersion.objects.exists()
        assert not AuditEvent.objects.exists()

    def test_without_a_base_model_it_says_so(self, published, db):
        with pytest.raises(CommandError, match="No base model is in use yet"):
            take_over(published)

    def test_a_stranger_cannot_be_the_one_who_decided(self, published, base):
        with pytest.raises(CommandError, match="Nobody here has"):
            take_over(published, by="nobody@example.org")

    def test_an_unknown_rubric_is_said(self, published, base):
        with pytest.raises(CommandError, match="no rubric 'clay'"):
            take_over(published, rubric="clay")

    def test_a_missing_profile_is_said(self, published, base):
        (published / "profile.json").unlink()
        with pytest.raises(CommandError, match="cannot be read"):
            take_over(published)


def test_the_sentence_of_the_engine_is_passed_on(published, base):
    (published / "dimension_realism").rename(published / "dimension_charm")
    with pytest.raises(CommandError) as refusal:
        take_over(published)
    assert str(refusal.value).endswith("adapters for charm, which rubric 'kidsart' lacks.")
    assert "Traceback" not in str(refusal.value)
