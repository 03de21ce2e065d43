from __future__ import annotations

import random
import shutil
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from PIL import Image
from safetensors.torch import load_file, save_file
from torch import Tensor

from ml.calibration import calibrated, interval
from ml.errors import BundleError
from ml.interface import PROMPTED, DimensionScore, PictureFailure, PictureScores
from ml.profiles import ADAPTER_WEIGHTS, Calibration, read_adapter_profile, write_profile
from ml.reference import PeftReferenceScorer
from ml.rubric import KIDSART
from ml.score_tokens import expected_score, level_sd
from ml.scorer import BLANK_PAGE, NOT_A_LEVEL, OUT_OF_MEMORY, LevelLogits, TorchScorer, load_scorer
from tests.ml.tiny_bundle import (
    ADAPTED,
    PROMPTED_DIMENSION,
    Bundle,
    draw,
    write_adapter,
    write_adapter_profile,
)

Draw = Callable[[int], list[Path]]
PICTURES = [draw(0), draw(1, (150, 200)), draw(2, (300, 90)), draw(3, (112, 112))]


@pytest.fixture(scope="module")
def prompted(pristine: Bundle) -> TorchScorer:
    """The base model without any adapter."""
    return load_scorer(pristine.base, {}, KIDSART, device="cpu")


def dimensions_of(result: PictureScores | PictureFailure) -> list[DimensionScore]:
    assert isinstance(result, PictureScores)
    return list(result.dimensions.values())


def logits_of(results: list[PictureScores | PictureFailure]) -> Tensor:
    """(B, K, L)."""
    return torch.tensor([[score.logits for score in dimensions_of(r)] for r in results])


def test_one_stacked_pass_equals_plain_peft_one_adapter_at_a_time(
    pristine: Bundle, scorer: TorchScorer
) -> None:
    reference = PeftReferenceScorer(pristine.base, pristine.adapters, KIDSART)
    difference = scorer.level_logits(PICTURES).logits - reference.level_logits(PICTURES)
    assert difference.abs().max() < 1e-5


def test_pictures_and_adapters_move_the_answer(scorer: TorchScorer, prompted: TorchScorer) -> None:
    """Or the equality above would be one of constants."""
    logits = scorer.level_logits(PICTURES).logits
    assert logits.std(dim=0).amax(dim=-1).min() > 0.02
    moved = (logits - prompted.level_logits(PICTURES).logits).abs().amax(dim=(0, 2))
    for slug, distance in zip(KIDSART.slugs, moved.tolist(), strict=True):
        assert distance < 1e-5 if slug == PROMPTED_DIMENSION else distance > 0.05


def test_bf16_scores_stay_within_two_hundredths_of_plain_peft(pristine: Bundle) -> None:
    stacked = pristine.load(dtype=torch.bfloat16)
    plain = PeftReferenceScorer(
        pristine.base, pristine.adapters, KIDSART, dtype=torch.bfloat16
    ).level_logits(PICTURES)
    difference = expected_score(stacked.level_logits(PICTURES).logits, 1) - expected_score(plain, 1)
    assert difference.abs().max() < 0.02


def test_a_fresh_adapter_equals_the_base_model(bundle: Bundle, prompted: TorchScorer) -> None:
    for slug, folder in bundle.adapters.items():
        path = folder / ADAPTER_WEIGHTS
        save_file(
            {
                key: torch.zeros_like(tensor) if "lora_B" in key else tensor
                for key, tensor in load_file(path).items()
            },
            path,
        )
        write_adapter_profile(bundle.base, folder, slug, read_adapter_profile(folder).rank)
        write_profile(replace(read_adapter_profile(folder), fresh=True), folder)
    difference = (
        bundle.load().level_logits(PICTURES).logits - prompted.level_logits(PICTURES).logits
    )
    assert difference.abs().max() < 1e-5


@pytest.mark.parametrize("batch_size", [1, 2, 3, 7])
def test_a_picture_gets_the_same_score_alone_or_in_any_company(
    batch_size: int, pristine: Bundle, scorer: TorchScorer, drawn: Draw, tmp_path: Path
) -> None:
    paths = drawn(7)
    alone = logits_of([scorer.score([path])[0] for path in paths])
    broken = tmp_path / "broken.jpg"
    broken.write_bytes(b"\xff\xd8\xff broken")
    order = [*range(7)]
    random.Random(batch_size).shuffle(order)
    company = [broken, *(paths[index] for index in order[:3]), broken]
    company += [paths[index] for index in order[3:]]
    results = pristine.load(batch_size=batch_size).score(company)
    assert [isinstance(r, PictureFailure) for r in results] == [p == broken for p in company]
    together = logits_of([r for r in results if isinstance(r, PictureScores)])
    assert (together - alone[order]).abs().max() < 1e-5


def test_an_unreadable_picture_says_why(scorer: TorchScorer, tmp_path: Path) -> None:
    assert scorer.score([tmp_path / "gone.png"]) == [PictureFailure("There is no such file.")]
    assert scorer.score([]) == []


def test_every_dimension_is_answered_in_the_order_of_the_rubric(
    scorer: TorchScorer, drawn: Draw
) -> None:
    (result,) = scorer.score(drawn(1))
    assert isinstance(result, PictureScores)
    assert tuple(result.dimensions) == KIDSART.slugs
    for slug, score in result.dimensions.items():
        assert score.adapter == (f"{slug}-test" if slug in ADAPTED else PROMPTED)
        assert len(score.logits) == 5
        assert score.score_token_mass is not None
        assert 0 <= score.score_token_mass <= 1


def test_a_score_is_the_expectation_and_its_level_the_nearest(
    scorer: TorchScorer, drawn: Draw
) -> None:
    for score in (score for result in scorer.score(drawn(4)) for score in dimensions_of(result)):
        if score.score is not None:
            assert score.score == pytest.approx(
                float(expected_score(torch.tensor(score.logits), 1))
            )
            assert score.level is not None
            assert abs(score.level - score.score) <= 0.5
            assert score.interval is None


def test_a_calibrated_adapter_gives_a_calibrated_score_and_an_interval(
    bundle: Bundle, scorer: TorchScorer, drawn: Draw
) -> None:
    calibration = Calibration(((1.0, 2.0), (5.0, 4.0)), 1.5, 0.2, 0.9, 0.1, 100)
    folder = bundle.adapters["realism"]
    write_profile(replace(read_adapter_profile(folder), calibration=calibration), folder)
    (path,) = drawn(1)
    before, after = (
        dimensions_of(scorer.score([path])[0])[0],
        dimensions_of(bundle.load().score([path])[0])[0],
    )
    assert before.score is not None
    sd = float(level_sd(torch.tensor(before.logits), 1))
    assert after.logits == pytest.approx(before.logits, abs=1e-5)
    assert after.score == pytest.approx(calibrated(calibration, before.score), abs=1e-4)
    assert after.interval == pytest.approx(
        interval(calibration, before.score, sd, (1, 5)), abs=1e-4
    )
    assert after.unsure
    assert not before.unsure


def test_the_mass_is_that_of_a_full_softmax(
    pristine: Bundle, prompted: TorchScorer, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = prompted.level_logits(PICTURES).mass
    monkeypatch.setattr("ml.scorer.HEAD_ROWS", 100)  # in slices, as for a large vocabulary
    assert torch.allclose(prompted.level_logits(PICTURES).mass, whole, atol=1e-6)
    reference = PeftReferenceScorer(pristine.base, {}, KIDSART)
    expected = reference.score_token_mass(PICTURES[:1])
    assert torch.allclose(whole[:1], expected, atol=1e-5)


def test_a_blank_page_abstains_in_every_dimension(scorer: TorchScorer, tmp_path: Path) -> None:
    Image.new("RGB", (300, 200), "white").save(tmp_path / "blank.png")
    (result,) = scorer.score([tmp_path / "blank.png"])
    for score in dimensions_of(result):
        assert score.abstained == BLANK_PAGE
        assert (score.score, score.level, score.interval, score.logits) == (None, None, None, ())


def test_a_model_that_does_not_answer_with_a_level_abstains(
    scorer: TorchScorer, drawn: Draw, monkeypatch: pytest.MonkeyPatch
) -> None:
    def mumble(self: TorchScorer, *inputs: Tensor) -> LevelLogits:
        return LevelLogits(torch.zeros(1, 9, 5), torch.full((1, 9), 0.01))

    monkeypatch.setattr(TorchScorer, "_forward", mumble)
    for score in dimensions_of(scorer.score(drawn(1))[0]):
        assert score.abstained == NOT_A_LEVEL
        assert score.score is None
        assert score.logits == (0, 0, 0, 0, 0)


def limited_memory(monkeypatch: pytest.MonkeyPatch, pictures: int) -> list[int]:
    """Lets passes of more than that many pictures run out of memory; collects the batch sizes."""
    forward, tried = TorchScorer._forward, []

    def limited(self: TorchScorer, pixel_values: Tensor, grid: Tensor) -> LevelLogits:
        tried.append(len(grid))
        if len(grid) > pictures:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return forward(self, pixel_values, grid)

    monkeypatch.setattr(TorchScorer, "_forward", limited)
    return tried


def test_a_batch_that_does_not_fit_is_halved_until_it_does(
    pristine: Bundle, drawn: Draw, monkeypatch: pytest.MonkeyPatch
) -> None:
    scorer = pristine.load(batch_size=5)
    paths = drawn(5)
    expected = logits_of(scorer.score(paths))
    tried = limited_memory(monkeypatch, pictures=2)
    assert (logits_of(scorer.score(paths)) - expected).abs().max() < 1e-5
    assert tried == [5, 2, 3, 1, 2]


def test_a_picture_that_does_not_fit_alone_abstains(
    scorer: TorchScorer, drawn: Draw, monkeypatch: pytest.MonkeyPatch
) -> None:
    limited_memory(monkeypatch, pictures=0)
    for result in scorer.score(drawn(2)):
        assert {score.abstained for score in dimensions_of(result)} == {OUT_OF_MEMORY}


def test_another_error_of_the_model_is_not_taken_for_lack_of_memory(
    scorer: TorchScorer, drawn: Draw, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(self: TorchScorer, *inputs: Tensor) -> LevelLogits:
        raise RuntimeError("mat1 and mat2 shapes cannot be multiplied")

    monkeypatch.setattr(TorchScorer, "_forward", fail)
    with pytest.raises(RuntimeError, match="shapes"):
        scorer.score(drawn(1))


def test_a_promoted_adapter_is_picked_up_without_loading_the_base_again(
    bundle: Bundle, scorer: TorchScorer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    serving = bundle.load()
    # Of a higher rank than any before, in a place that an adapter of lower rank held.
    write_adapter(bundle.base, tmp_path / "better", "realism", rank=16, seed=77)
    monkeypatch.delattr("ml.scorer.load_base")
    promoted = bundle.adapters | {"realism": tmp_path / "better"}
    serving.use_adapters(promoted)
    reference = PeftReferenceScorer(bundle.base, promoted, KIDSART).level_logits(PICTURES)
    after = serving.level_logits(PICTURES).logits
    assert (after - reference).abs().max() < 1e-5
    assert (after - scorer.level_logits(PICTURES).logits)[:, 0].abs().max() > 0.05
    serving.use_adapters(bundle.adapters)  # rolled back
    rolled_back = serving.level_logits(PICTURES).logits
    assert (rolled_back - scorer.level_logits(PICTURES).logits).abs().max() < 1e-5


def test_an_adapter_replaced_in_its_own_folder_is_noticed(bundle: Bundle) -> None:
    serving = bundle.load()
    before = serving.level_logits(PICTURES).logits
    shutil.rmtree(bundle.adapters["realism"])
    write_adapter(bundle.base, bundle.adapters["realism"], "realism", rank=4, seed=78)
    serving.use_adapters(bundle.adapters)
    assert (serving.level_logits(PICTURES).logits - before)[:, 0].abs().max() > 0.05


def test_a_dimension_that_loses_its_adapter_is_prompted(
    bundle: Bundle, prompted: TorchScorer, drawn: Draw
) -> None:
    serving = bundle.load()
    serving.use_adapters({})
    paths = drawn(3)
    results = serving.score(paths)
    assert (logits_of(results) - logits_of(prompted.score(paths))).abs().max() < 1e-5
    assert {score.adapter for score in dimensions_of(results[0])} == {PROMPTED}


def test_a_refused_adapter_changes_nothing(bundle: Bundle, tmp_path: Path) -> None:
    serving = bundle.load()
    before = serving.level_logits(PICTURES).logits
    write_adapter(bundle.base, tmp_path / "better", "realism", seed=79)
    (bundle.adapters["imagination"] / ADAPTER_WEIGHTS).unlink()
    (bundle.adapters["imagination"] / "profile.json").unlink()
    with pytest.raises(BundleError):
        serving.use_adapters(bundle.adapters | {"realism": tmp_path / "better"})
    assert torch.equal(serving.level_logits(PICTURES).logits, before)


def test_a_dimension_the_rubric_does_not_have_is_refused(pristine: Bundle) -> None:
    with pytest.raises(BundleError, match="no dimension glitter"):
        load_scorer(pristine.base, {"glitter": pristine.base}, KIDSART, device="cpu")


def test_threads_do_not_disturb_each_other(scorer: TorchScorer, drawn: Draw) -> None:
    paths = drawn(8)
    expected = logits_of(scorer.score(paths))
    with ThreadPoolExecutor(4) as threads:
        results = list(threads.map(lambda path: scorer.score([path])[0], paths))
    assert (logits_of(results) - expected).abs().max() < 1e-5
