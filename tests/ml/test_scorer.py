from __future__ import annotations

import random
import shutil
import threading
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
from ml.passes import Question
from ml.profiles import ADAPTER_WEIGHTS, Calibration, read_adapter_profile, write_profile
from ml.prompts import ACTIVATED_PROMPT, TEXT_FIRST_PROMPT, PromptProfile
from ml.reference import PeftReferenceScorer
from ml.rubric import KIDSART
from ml.score_tokens import expected_score, level_sd
from ml.scorer import (
    BLANK_PAGE,
    NOT_A_LEVEL,
    OUT_OF_MEMORY,
    TorchScorer,
    _by_length,
    load_scorer,
)
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


@pytest.mark.parametrize("prompt", [TEXT_FIRST_PROMPT, ACTIVATED_PROMPT], ids=lambda p: p.layout)
def test_every_layout_equals_plain_peft(
    prompt: PromptProfile, pristine: Bundle, prompted: TorchScorer, tmp_path: Path
) -> None:
    """Three adapters of that layout, the other dimensions prompted; PEFT's own activated LoRA."""
    adapters = pristine.with_prompt(prompt, tmp_path)
    reference = PeftReferenceScorer(pristine.base, adapters, KIDSART).level_logits(PICTURES)
    ours = load_scorer(pristine.base, adapters, KIDSART, "cpu").level_logits(PICTURES).logits
    assert (ours - reference).abs().max() < 1e-5
    moved = (ours - prompted.level_logits(PICTURES).logits).abs().amax(dim=(0, 2))
    assert moved[:3].min() > 0.02
    assert moved[3:].max() < 1e-5


def test_layouts_can_be_mixed(pristine: Bundle, scorer: TorchScorer, tmp_path: Path) -> None:
    activated = pristine.with_prompt(ACTIVATED_PROMPT, tmp_path)
    mixed = load_scorer(pristine.base, pristine.adapters | activated, KIDSART, "cpu")
    logits = mixed.level_logits(PICTURES).logits
    alone = load_scorer(pristine.base, activated, KIDSART, "cpu").level_logits(PICTURES).logits
    assert (logits[:, :3] - alone[:, :3]).abs().max() < 1e-5
    assert (logits - scorer.level_logits(PICTURES).logits)[:, 3:].abs().max() < 1e-5


def test_an_activated_adapter_leaves_the_words_before_the_answer_alone(
    pristine: Bundle, tmp_path: Path
) -> None:
    """Or the keys and values that all dimensions share would not be the same."""
    adapters = pristine.with_prompt(ACTIVATED_PROMPT, tmp_path)
    with_adapters = load_scorer(pristine.base, adapters, KIDSART, "cpu")
    (group, *_) = with_adapters._groups
    pictures = with_adapters._tower(with_adapters._blank_patches(1))
    begun = group.run.begin(pictures)
    again = load_scorer(pristine.base, dict([adapters.popitem()]), KIDSART, "cpu")
    (other,) = [g for g in again._groups if isinstance(g.run, type(group.run))]
    for one, two in zip(begun, other.run.begin(pictures), strict=True):
        assert torch.equal(one[0], two[0])
        assert torch.equal(one[1], two[1])


@pytest.mark.parametrize("prompt", [TEXT_FIRST_PROMPT, ACTIVATED_PROMPT], ids=lambda p: p.layout)
def test_every_layout_scores_a_picture_alike_alone_and_in_a_batch(
    prompt: PromptProfile, pristine: Bundle, tmp_path: Path
) -> None:
    scorer = load_scorer(pristine.base, pristine.with_prompt(prompt, tmp_path), KIDSART, "cpu")
    together = scorer.level_logits(PICTURES).logits
    alone = torch.cat([scorer.level_logits([picture]).logits for picture in PICTURES])
    assert (together - alone).abs().max() < 1e-5


def test_without_a_compiler_the_scorer_goes_on_and_says_so(
    pristine: Bundle,
    scorer: TorchScorer,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    def no_compiler(function: object, **options: object) -> object:
        def fail(*inputs: object) -> object:
            raise RuntimeError("no working C++ compiler")

        return fail

    monkeypatch.setattr(torch, "compile", no_compiler)
    plain = pristine.load(compiled=True)
    assert "no working C++ compiler" in caplog.text
    assert torch.equal(plain.level_logits(PICTURES).logits, scorer.level_logits(PICTURES).logits)


def test_a_compiled_pass_is_filled_up_to_a_power_of_two(
    pristine: Bundle, scorer: TorchScorer, monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes: list[int] = []

    def compile_nothing(function: Callable[[Tensor], object], **options: object) -> object:
        def run(patches: Tensor) -> object:
            sizes.append(len(patches) // 64)
            return function(patches)

        return run

    monkeypatch.setattr(torch, "compile", compile_nothing)
    compiled = pristine.load(compiled=True)
    for count in (1, 3, 4):
        ours = compiled.level_logits(PICTURES[:count]).logits
        assert (ours - scorer.level_logits(PICTURES[:count]).logits).abs().max() < 1e-5
    assert sizes == [1, 1, 4, 4]  # the first is the trial


def test_four_bits_without_a_gpu_are_refused(pristine: Bundle) -> None:
    with pytest.raises(BundleError, match="NVIDIA GPU"):
        load_scorer(pristine.base, {}, KIDSART, "cpu", four_bit=True)


def test_short_questions_are_asked_apart_where_that_spares_padding() -> None:
    def question(words: int) -> Question:
        return Question(torch.zeros(3), torch.zeros(words), torch.zeros(3, 1), 16)

    alike = {place: question(20) for place in range(4)}
    assert _by_length(alike) == [(0, 1, 2, 3)]
    assert _by_length(alike | {1: question(60)}) == [(0, 2, 3), (1,)]


def test_the_next_pictures_are_read_while_these_are_scored(
    pristine: Bundle, drawn: Draw, monkeypatch: pytest.MonkeyPatch
) -> None:
    scorer = pristine.load(batch_size=1)
    first_is_scored, second_is_read = threading.Event(), threading.Event()
    decode, answer = scorer._decode, scorer._answer

    def reading(pictures: list[Path]) -> object:
        made = decode(pictures)
        if pictures[0] == paths[1]:
            second_is_read.set()
        return made

    def scoring(patches: Tensor) -> tuple[Tensor, Tensor]:
        if not first_is_scored.is_set():
            assert second_is_read.wait(20)
            first_is_scored.set()
        return answer(patches)

    paths = drawn(2)
    monkeypatch.setattr(scorer, "_decode", reading)
    monkeypatch.setattr(scorer, "_answer", scoring)
    assert len(scorer.score(paths)) == 2


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
    def mumble(patches: Tensor) -> tuple[Tensor, Tensor]:
        return torch.zeros(1, 9, 5), torch.full((1, 9), 0.01)

    monkeypatch.setattr(scorer, "_answer", mumble)
    for score in dimensions_of(scorer.score(drawn(1))[0]):
        assert score.abstained == NOT_A_LEVEL
        assert score.score is None
        assert score.logits == (0, 0, 0, 0, 0)


def limited_memory(
    scorer: TorchScorer, monkeypatch: pytest.MonkeyPatch, pictures: int
) -> list[int]:
    """Lets passes of more than that many pictures run out of memory; collects the batch sizes."""
    tried: list[int] = []

    def limited(patches: Tensor) -> tuple[Tensor, Tensor]:
        tried.append(len(patches) // 64)  # patches of a picture of 112 px
        if tried[-1] > pictures:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return scorer._forward(patches)

    monkeypatch.setattr(scorer, "_answer", limited)
    return tried


def test_a_batch_that_does_not_fit_is_halved_until_it_does(
    pristine: Bundle, drawn: Draw, monkeypatch: pytest.MonkeyPatch
) -> None:
    scorer = pristine.load(batch_size=5)
    paths = drawn(5)
    expected = logits_of(scorer.score(paths))
    tried = limited_memory(scorer, monkeypatch, pictures=2)
    assert (logits_of(scorer.score(paths)) - expected).abs().max() < 1e-5
    assert tried == [5, 2, 1, 2]
    scorer.score(paths)  # and the next one is not tried whole again
    assert max(tried[4:]) == 2


def test_a_picture_that_does_not_fit_alone_abstains(
    scorer: TorchScorer, drawn: Draw, monkeypatch: pytest.MonkeyPatch
) -> None:
    limited_memory(scorer, monkeypatch, pictures=0)
    for result in scorer.score(drawn(2)):
        assert {score.abstained for score in dimensions_of(result)} == {OUT_OF_MEMORY}


@pytest.mark.parametrize(
    "words",
    [
        "MPS backend out of memory (MPS allocated: 17.2 GB)",
        "CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`",
        "[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes",
    ],
)
def test_every_device_s_lack_of_memory_is_known_by_its_words(
    words: str, scorer: TorchScorer, drawn: Draw, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(patches: Tensor) -> tuple[Tensor, Tensor]:
        raise RuntimeError(words)

    monkeypatch.setattr(scorer, "_answer", fail)
    for score in dimensions_of(scorer.score(drawn(1))[0]):
        assert score.abstained == OUT_OF_MEMORY


def test_another_error_of_the_model_is_not_taken_for_lack_of_memory(
    scorer: TorchScorer, drawn: Draw, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(patches: Tensor) -> tuple[Tensor, Tensor]:
        raise RuntimeError("mat1 and mat2 shapes cannot be multiplied")

    monkeypatch.setattr(scorer, "_answer", fail)
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
