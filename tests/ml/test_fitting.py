"""RAFT training of one adapter on a tiny random model, through the code that serves."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from peft import PeftModel
from safetensors.torch import save_file
from torch import Tensor
from transformers import Qwen2_5_VLForConditionalGeneration

from ml.bundle import load_base
from ml.errors import EngineError
from ml.fitting import (
    Learner,
    Recipe,
    Task,
    adapted_linears,
    fit_adapter,
    raft_loss,
    read_logits,
    soft_levels,
)
from ml.images import fit_picture
from ml.levels import LevelReader
from ml.lora_stack import LoraWeights
from ml.profiles import Calibration, read_adapter_profile
from ml.prompts import ACTIVATED_PROMPT, RUBRIC_PROMPT, PromptProfile, build_prompt
from ml.reference import PeftReferenceScorer
from ml.rubric import KIDSART
from ml.saving import save_adapter
from ml.scorer import load_scorer
from tests.ml.tiny_bundle import IMAGE, Bundle, draw

QUICK = Recipe(learning_rate=0.02, batch_size=8, epochs=4, dropout=0.0)
LAYOUTS = [RUBRIC_PROMPT, ACTIVATED_PROMPT]


class InMemory:
    """Samples of N pictures, plain and mirrored."""

    def __init__(self, reader: LevelReader, count: int) -> None:
        pages = np.stack([np.asarray(fit_picture(draw(seed), IMAGE)) for seed in range(count)])
        both = [reader.views(pages), reader.views(np.ascontiguousarray(pages[:, :, ::-1]))]
        self.all = torch.stack(both)  # (2, N, ...)
        # How much red there is: something that a picture of the random model does show.
        share = pages[..., 0].mean((1, 2)) - pages[..., 2].mean((1, 2))
        self.levels = np.digitize(share, np.quantile(share, [0.2, 0.4, 0.6, 0.8])) + 1.0

    def views(self, rows: Sequence[int], variants: Sequence[int]) -> Tensor:
        return self.all[list(variants), list(rows)]


@pytest.fixture(scope="module", params=LAYOUTS, ids=lambda prompt: prompt.layout)
def reader(request: pytest.FixtureRequest, pristine: Bundle) -> LevelReader:
    return reader_of(pristine, request.param)


def reader_of(bundle: Bundle, prompt: PromptProfile) -> LevelReader:
    base = load_base(bundle.base, torch.device("cpu"), torch.float32)
    return LevelReader(base, KIDSART, prompt, IMAGE)


@pytest.fixture(scope="module")
def samples(reader: LevelReader) -> InMemory:
    return InMemory(reader, 48)


def task(samples: InMemory, place: int = 0, **changes: object) -> Task:
    parts = {"train": range(32), "validation": range(32, 48), "variants": (0, 1)}
    return Task(KIDSART.slugs[place], place, samples.levels, **(parts | changes))  # type: ignore[arg-type]


def tensors(weights: LoraWeights) -> list[Tensor]:
    return [t.detach() for pair in weights.layers.values() for t in pair]


def test_training_lowers_the_loss_and_leaves_the_base_alone(
    reader: LevelReader, samples: InMemory
) -> None:
    before = {name: p.clone() for name, p in reader.base.model.named_parameters()}
    _, progress = fit_adapter(reader, samples, [task(samples)], QUICK)
    assert min(progress.losses[1:]) < progress.losses[0]
    after = dict(reader.base.model.named_parameters())
    assert all(torch.equal(after[name], weight) for name, weight in before.items())


def test_an_adapter_that_has_learned_nothing_equals_the_base(
    reader: LevelReader, samples: InMemory
) -> None:
    fresh = Learner(adapted_linears(reader, QUICK), QUICK, 0, reader.device).weights()
    with_it = read_logits(reader, samples, 2, fresh, range(8))
    assert torch.allclose(with_it, read_logits(reader, samples, 2, None, range(8)), atol=1e-6)


def test_training_twice_gives_the_same_adapter(reader: LevelReader, samples: InMemory) -> None:
    recipe = Recipe(learning_rate=0.02, batch_size=8, epochs=2, dropout=0.1)
    twice = [tensors(fit_adapter(reader, samples, [task(samples)], recipe)[0]) for _ in range(2)]
    assert all(torch.equal(a, b) for a, b in zip(*twice, strict=True))


def test_a_dimension_is_trained_alike_whatever_was_trained_before(
    reader: LevelReader, samples: InMemory
) -> None:
    """So several processes may share the dimensions out without changing a figure."""
    recipe = Recipe(learning_rate=0.02, batch_size=8, epochs=1, dropout=0.1)
    first = tensors(fit_adapter(reader, samples, [task(samples, 4)], recipe)[0])
    fit_adapter(reader, samples, [task(samples, 5)], recipe)
    again = tensors(fit_adapter(reader, samples, [task(samples, 4)], recipe)[0])
    assert all(torch.equal(a, b) for a, b in zip(first, again, strict=True))


@pytest.mark.parametrize("killed_at", [3, 5, 9])
def test_a_killed_run_goes_on_to_the_same_weights(
    killed_at: int, reader: LevelReader, samples: InMemory, tmp_path: Path
) -> None:
    recipe = Recipe(learning_rate=0.02, batch_size=8, epochs=3, dropout=0.1)
    whole, progress = fit_adapter(reader, samples, [task(samples)], recipe)

    def kill(step: int, steps: int, loss: float) -> None:
        if step == killed_at:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fit_adapter(reader, samples, [task(samples)], recipe, tmp_path, kill)
    steps: list[int] = []
    resumed, progress_resumed = fit_adapter(
        reader, samples, [task(samples)], recipe, tmp_path, lambda step, *_: steps.append(step)
    )
    assert steps[0] == killed_at - (killed_at - 1) % 4  # from the last finished epoch of 4 steps
    assert progress_resumed == progress
    pairs = zip(tensors(whole), tensors(resumed), strict=True)
    assert all(torch.equal(a, b) for a, b in pairs)


def validated_as(
    told: Sequence[float | None], monkeypatch: pytest.MonkeyPatch
) -> list[list[Tensor]]:
    """Lets the epochs' validation give these figures; collects the weights of each epoch."""
    figures, kept = iter(told), []

    def scores(
        reader: object, samples: object, task: Task, weights: LoraWeights, rows: Sequence[int]
    ) -> np.ndarray:
        kept.append([t.clone() for t in tensors(weights)])
        return np.zeros(len(rows))

    monkeypatch.setattr("ml.fitting.read_scores", scores)
    monkeypatch.setattr("ml.fitting.spearman", lambda *_: SimpleNamespace(value=next(figures)))
    return kept


def same(weights: LoraWeights, kept: list[Tensor]) -> bool:
    return all(torch.equal(a, b) for a, b in zip(tensors(weights), kept, strict=True))


def test_the_best_epoch_is_kept_and_training_stops_after_patience(
    reader: LevelReader, samples: InMemory, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = validated_as([0.3, 0.5, 0.5, 0.45, 0.9], monkeypatch)  # as good is not better
    recipe = Recipe(learning_rate=0.02, batch_size=16, epochs=9, patience=1, dropout=0.0)
    weights, progress = fit_adapter(reader, samples, [task(samples)], recipe)
    assert (progress.epoch, progress.best_epoch, progress.best) == (4, 2, 0.5)
    assert same(weights, kept[1])
    assert not same(weights, kept[3])


def test_without_a_validation_figure_the_last_epoch_is_kept(
    reader: LevelReader, samples: InMemory, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = validated_as([None] * 3, monkeypatch)
    recipe = Recipe(learning_rate=0.02, batch_size=16, epochs=3, patience=0, dropout=0.0)
    weights, progress = fit_adapter(reader, samples, [task(samples)], recipe)
    assert (progress.epoch, progress.best_epoch) == (3, 3)
    assert same(weights, kept[2])


def test_a_resumed_run_remembers_an_epoch_that_was_better_than_the_last(
    reader: LevelReader, samples: InMemory, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = validated_as([0.5, 0.3, 0.2], monkeypatch)

    def kill(step: int, steps: int, loss: float) -> None:
        if step == 5:  # the first of the third epoch
            raise KeyboardInterrupt

    recipe = Recipe(learning_rate=0.02, batch_size=16, epochs=3)
    with pytest.raises(KeyboardInterrupt):
        fit_adapter(reader, samples, [task(samples)], recipe, tmp_path, kill)
    weights, _ = fit_adapter(reader, samples, [task(samples)], recipe, tmp_path)
    assert same(weights, kept[0])


def test_a_kill_while_a_checkpoint_is_written_leaves_the_one_before(
    reader: LevelReader, samples: InMemory, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe = Recipe(learning_rate=0.02, batch_size=16, epochs=2)
    written: list[Path] = []

    def tear(tensors: dict[str, Tensor], path: Path, metadata: dict[str, str]) -> None:
        written.append(path)
        if len(written) == 2:
            path.write_bytes(b"half")
            raise KeyboardInterrupt
        save_file(tensors, path, metadata=metadata)

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr("ml.fitting.save_file", tear)
        fit_adapter(reader, samples, [task(samples)], recipe, tmp_path)
    steps: list[int] = []
    fit_adapter(
        reader, samples, [task(samples)], recipe, tmp_path, lambda step, *_: steps.append(step)
    )
    assert steps == [3, 4]


class Watched(InMemory):
    """Remembers which pictures were asked for, and in which version."""

    def __init__(self, samples: InMemory) -> None:
        self.all, self.levels = samples.all, samples.levels
        self.asked: list[tuple[int, int]] = []

    def views(self, rows: Sequence[int], variants: Sequence[int]) -> Tensor:
        self.asked += zip(rows, variants, strict=True)
        return super().views(rows, variants)


def test_pictures_without_a_level_are_never_read(reader: LevelReader, samples: InMemory) -> None:
    watched = Watched(samples)
    part = task(watched, train=range(0, 32, 2), validation=range(32, 40))
    fit_adapter(reader, watched, [part], Recipe(learning_rate=0.01, epochs=1))
    assert {row for row, _ in watched.asked} == {*range(0, 32, 2), *range(32, 40)}


@pytest.mark.parametrize("augment", [True, False])
def test_every_epoch_reads_each_picture_once_in_an_order_of_its_own(
    augment: bool, reader: LevelReader, samples: InMemory
) -> None:
    watched = Watched(samples)
    recipe = Recipe(learning_rate=0.01, epochs=2, augment=augment)
    fit_adapter(reader, watched, [task(watched, validation=())], recipe)
    epochs = [watched.asked[:32], watched.asked[32:]]
    orders = [[row for row, _ in epoch] for epoch in epochs]
    assert [sorted(order) for order in orders] == [[*range(32)]] * 2
    assert orders[0] != orders[1]
    assert [*range(32)] not in orders
    for epoch in epochs:
        assert {variant for _, variant in epoch} == ({0, 1} if augment else {0})


def test_dimensions_learned_together_take_turns(reader: LevelReader, samples: InMemory) -> None:
    watched = Watched(samples)
    parts = [
        task(watched, 0, train=range(16), validation=()),
        task(watched, 3, train=range(16, 32), validation=()),
    ]
    fit_adapter(reader, watched, parts, Recipe(learning_rate=0.01, batch_size=2, epochs=1))
    turns = [row >= 16 for row, _ in watched.asked]
    assert turns not in (sorted(turns), sorted(turns, reverse=True))


class WatchedAdam(torch.optim.AdamW):
    """Remembers the rate and the length of the gradient at each step."""

    seen: list[tuple[float, float]] = []

    def step(self, closure: None = None) -> None:  # type: ignore[override]
        (group,) = self.param_groups
        length = torch.stack([p.grad.norm() for p in group["params"]]).norm()
        self.seen.append((group["lr"], float(length)))
        super().step()


def test_the_rate_rises_in_a_line_and_falls_in_half_a_cosine_and_gradients_are_clipped(
    reader: LevelReader, samples: InMemory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(WatchedAdam, "seen", seen := [])
    monkeypatch.setattr("torch.optim.AdamW", WatchedAdam)
    recipe = Recipe(learning_rate=0.02, batch_size=4, epochs=1, warm_up=0.5, spread_weight=1000)
    fit_adapter(reader, samples, [task(samples)], recipe)
    shares = [0.25, 0.5, 0.75, 1, 1, 0.5 + 0.125**0.5, 0.5, 0.5 - 0.125**0.5]
    assert [rate / 0.02 for rate, _ in seen] == pytest.approx(shares)
    assert all(length == pytest.approx(1, abs=1e-4) for _, length in seen)


def test_no_weight_decays(reader: LevelReader, samples: InMemory) -> None:
    """While B is zero, A has no gradient: the first step leaves it where it began."""
    recipe = Recipe(learning_rate=0.02, batch_size=32, epochs=1)
    part = task(samples, validation=())
    weights, progress = fit_adapter(reader, samples, [part], recipe)
    assert progress.step == 1
    assert all(b.abs().max() > 0 for _, b in weights.layers.values())
    with_more, _ = fit_adapter(reader, samples, [part], replace(recipe, learning_rate=0.2))
    for one, other in zip(weights.layers.values(), with_more.layers.values(), strict=True):
        assert torch.equal(one[0], other[0])


def test_an_adapter_begins_as_peft_s_and_another_seed_begins_elsewhere() -> None:
    linears = {"wide": (4, 400), "narrow": (4, 16)}
    one, other = (Learner(linears, QUICK, seed, torch.device("cpu")) for seed in (0, 1))
    for name, (_, width) in linears.items():
        edge = width**-0.5
        assert 0.9 * edge < one.a[name].abs().max() <= edge
        assert not one.b[name].any()
        assert not torch.equal(one.a[name], other.a[name])


def test_dropout_acts_in_training_alone(reader: LevelReader, samples: InMemory) -> None:
    weights, _ = fit_adapter(reader, samples, [task(samples)], QUICK)
    views = samples.views(range(4), [0] * 4)
    plain = reader.logits(views, 0, reader.stack(weights))
    assert torch.equal(plain, reader.logits(views, 0, reader.stack(weights)))
    assert (plain - reader.logits(views, 0, reader.stack(weights, 0.5))).abs().max() > 0.01


def test_less_memory_changes_no_loss(pristine: Bundle) -> None:
    base = load_base(pristine.base, torch.device("cpu"), torch.float32)
    losses = []
    for checkpointing in (False, True):
        reader = LevelReader(base, KIDSART, RUBRIC_PROMPT, IMAGE, checkpointing)
        assert reader.decoder.checkpointing == checkpointing
        samples = InMemory(reader, 16)
        part = task(samples, train=range(16), validation=())
        losses.append(fit_adapter(reader, samples, [part], QUICK)[1].losses)
    assert losses[0] == pytest.approx(losses[1], abs=1e-5)


def test_many_pictures_are_read_in_parts_without_losing_one(
    reader: LevelReader, samples: InMemory
) -> None:
    some = read_logits(reader, samples, 0, None, range(48))
    twice = read_logits(reader, samples, 0, None, [*range(48)] * 2)
    assert twice.shape == (96, 5)
    assert torch.allclose(twice, torch.cat([some, some]), atol=1e-5)


def test_logits_are_in_fp32_whatever_the_base_is(pristine: Bundle) -> None:
    base = load_base(pristine.base, torch.device("cpu"), torch.bfloat16)
    reader = LevelReader(base, KIDSART, RUBRIC_PROMPT, IMAGE)
    views = reader.views(np.asarray(fit_picture(draw(0), IMAGE))[None])
    logits, states = reader.logits(views, 0, None), reader.states(views, 0, None)
    assert views.dtype == states.dtype == torch.bfloat16
    assert torch.equal(logits, states.float() @ reader.head.t())


WORDS = ("many colors", "", "few colors and a long line", "  ")


def test_the_loss_of_comments_is_that_of_transformers(reader: LevelReader) -> None:
    tokenizer = reader.base.processor.tokenizer
    pages = [fit_picture(draw(seed), IMAGE) for seed in range(2)]
    views = reader.views(np.stack([np.asarray(page) for page in pages]))
    words = [WORDS[0], WORDS[2]]
    ours = reader.comment_loss(views, 3, [4, 2], words, None)
    losses, count = 0.0, 0
    for page, level, comment in zip(pages, (4, 2), words, strict=True):
        written = f"{level}\n{comment}<|im_end|>"
        inputs = reader.base.processor(
            images=[page],
            text=[build_prompt(KIDSART, KIDSART.slugs[3], reader.prompt) + written],
            do_resize=False,
            return_tensors="pt",
        )
        logits = reader.base.model(**inputs).logits[0].log_softmax(-1)
        ids = tokenizer.encode(written, add_special_tokens=False)
        for place, token in zip(range(-len(ids), -1), ids[1:], strict=True):
            losses -= float(logits[place, token])
            count += 1
    assert float(ours) == pytest.approx(losses / count, abs=1e-4)


def test_of_a_very_long_comment_the_beginning_counts(
    reader: LevelReader, samples: InMemory
) -> None:
    views = samples.views([0], [0])
    long = "bold lines " * 600
    loss = reader.comment_loss(views, 0, [3], [long], None)
    assert torch.equal(loss, reader.comment_loss(views, 0, [3], [long + "and a red sun"], None))
    short = reader.comment_loss(views, 0, [3], ["bold lines"], None)
    other = reader.comment_loss(views, 0, [3], ["bold lines and a red sun"], None)
    assert not torch.equal(short, other)


def test_comments_are_learned_where_there_are_any(reader: LevelReader, samples: InMemory) -> None:
    comments = tuple(WORDS[n % 4] for n in range(48))
    recipe = Recipe(learning_rate=0.02, batch_size=8, epochs=3, dropout=0.0, comment_weight=0.5)
    part = task(samples, comments=comments)
    weights, _ = fit_adapter(reader, samples, [part], recipe)
    views = samples.views([0, 2], [0, 0])
    words = [WORDS[0], WORDS[2]]

    def loss(which: LoraWeights | None) -> float:
        with torch.no_grad():
            return float(reader.comment_loss(views, 0, [4, 2], words, reader.stack(which)))

    assert loss(weights) < loss(None) - 0.05
    without, _ = fit_adapter(reader, samples, [task(samples)], recipe)
    assert loss(without) > loss(weights) + 0.05


def test_a_comment_follows_its_level_to_the_nearest_whole_and_weighs_as_told(
    reader: LevelReader, samples: InMemory, monkeypatch: pytest.MonkeyPatch
) -> None:
    heard: list[tuple[int, str]] = []

    def loss(views: Tensor, place: int, levels: list[int], words: list[str], lora: object) -> float:
        assert len(views) == len(levels)
        heard.extend(zip(levels, words, strict=True))
        return 100.0

    monkeypatch.setattr(reader, "comment_loss", loss)
    recipe = Recipe(learning_rate=0.02, batch_size=4, epochs=1, dropout=0.0, comment_weight=0.25)
    part = task(samples, train=range(4), validation=(), comments=WORDS, variants=(0,))
    part = replace(part, levels=np.array([2.5, 4.0, 1.4, 5.0]))
    _, progress = fit_adapter(reader, samples, [part], recipe)
    assert sorted(heard) == [(1, WORDS[2]), (3, WORDS[0])]
    _, without = fit_adapter(reader, samples, [part], replace(recipe, comment_weight=0.0))
    assert progress.losses[0] - without.losses[0] == pytest.approx(25, abs=1e-3)


def test_gradients_are_those_of_peft(pristine: Bundle) -> None:
    reader = reader_of(pristine, RUBRIC_PROMPT)
    folder, place = pristine.adapters["imagination"], KIDSART.slugs.index("imagination")
    model = PeftModel.from_pretrained(
        Qwen2_5_VLForConditionalGeneration.from_pretrained(pristine.base),
        str(folder),
        is_trainable=True,
    ).eval()
    page = fit_picture(draw(3), IMAGE)
    inputs = reader.base.processor(
        images=[page],
        text=[build_prompt(KIDSART, "imagination")],
        do_resize=False,
        return_tensors="pt",
    )
    ids = [int(reader.base.processor.tokenizer.convert_tokens_to_ids(d)) for d in "12345"]
    raft_loss(model(**inputs).logits[:, -1, ids], torch.tensor([4.0]), 1, 0.2).backward()
    learner = Learner(
        adapted_linears(reader, Recipe()),
        Recipe(rank=read_adapter_profile(folder).rank),
        0,
        reader.device,
    )
    theirs = dict(model.named_parameters())
    with torch.no_grad():
        for name in learner.a:
            key = f"base_model.model.{name}.lora_%s.default.weight"
            learner.a[name].copy_(theirs[key % "A"])
            learner.b[name].copy_(theirs[key % "B"])
    logits = reader.logits(
        reader.views(np.asarray(page)[None]), place, reader.stack(learner.weights())
    )
    raft_loss(logits, torch.tensor([4.0]), 1, 0.2).backward()
    for name in learner.a:
        key = f"base_model.model.{name}.lora_%s.default.weight"
        for half, ours in (("A", learner.a[name]), ("B", learner.b[name])):
            assert ours.grad is not None
            assert ours.grad.abs().max() > 0
            assert torch.allclose(ours.grad, theirs[key % half].grad, atol=1e-5, rtol=1e-3)


@pytest.mark.parametrize("prompt", LAYOUTS, ids=lambda prompt: prompt.layout)
@pytest.mark.parametrize(
    "targets", [("q_proj", "v_proj"), ("o_proj", "gate_proj", "up_proj", "down_proj")]
)
def test_a_saved_adapter_is_peft_s_own_and_scores_as_it_did_in_training(
    targets: tuple[str, ...], prompt: PromptProfile, pristine: Bundle, tmp_path: Path
) -> None:
    reader = reader_of(pristine, prompt)
    samples = InMemory(reader, 24)
    recipe = Recipe(learning_rate=0.02, epochs=2, targets=targets, rank=4)
    part = task(samples, 1, train=range(16), validation=range(16, 24))
    weights, _ = fit_adapter(reader, samples, [part], recipe)
    assert all(b.abs().max() > 0 for _, b in weights.layers.values())  # every target has learned
    folder = tmp_path / "deformation"
    calibration = Calibration(((1.0, 2.0), (5.0, 4.0)), 1.5, 0.2, 0.9, 0.1, 100)
    for _ in range(2):  # the second replaces the first
        save_adapter(folder, "mine", "deformation", weights, recipe, reader, calibration, {"n": 3})
    assert all(path.stat().st_mode & 0o044 for path in folder.iterdir())
    assert read_adapter_profile(folder).metrics == {"n": 3}
    assert read_adapter_profile(folder).calibration == calibration
    pictures = [draw(seed) for seed in range(3)]
    trained = read_logits(reader, samples, 1, weights, range(3))
    served = load_scorer(pristine.base, {"deformation": folder}, KIDSART, "cpu")
    assert (served.level_logits(pictures).logits[:, 1] - trained).abs().max() < 1e-5
    peft = PeftReferenceScorer(pristine.base, {"deformation": folder}, KIDSART)
    assert (peft.level_logits(pictures)[:, 1] - trained).abs().max() < 1e-5
    base = read_logits(reader, samples, 1, None, range(3))
    assert (trained - base).abs().max() > 0.01


def test_one_adapter_can_learn_several_dimensions(reader: LevelReader, samples: InMemory) -> None:
    tasks = [task(samples, place) for place in (0, 3)]
    steps: list[tuple[int, int]] = []
    fit_adapter(
        reader, samples, tasks, Recipe(learning_rate=0.02, batch_size=8, epochs=2),
        on_step=lambda step, most, loss: steps.append((step, most)),
    )  # fmt: skip
    assert steps[-1] == (16, 16)  # 4 batches of each, twice


def test_the_loss_is_zero_in_its_squared_part_when_the_expectation_is_right() -> None:
    even = torch.zeros(2, 5)  # every level as likely: expectation 3
    assert float(raft_loss(even, torch.tensor([3.0, 3.0]), 1, 0.0)) == pytest.approx(0, abs=1e-9)
    assert float(raft_loss(even, torch.tensor([5.0, 5.0]), 1, 0.0)) == pytest.approx(4)


def test_the_cross_entropy_term_weighs_as_much_as_it_is_told() -> None:
    logits, levels = torch.tensor([[0.0, 1.0, 3.0, 1.0, 0.0]]), torch.tensor([2.0])
    plain = float(raft_loss(logits, levels, 1, 0.0))
    assert float(raft_loss(logits, levels, 1, 0.4)) - plain == pytest.approx(
        2 * (float(raft_loss(logits, levels, 1, 0.2)) - plain)
    )


def test_a_scale_that_starts_at_zero_is_trained_on_its_own_levels() -> None:
    even = torch.zeros(1, 4)  # levels 0..3: expectation 1.5
    assert float(raft_loss(even, torch.tensor([1.5]), 0, 0.0)) == pytest.approx(0, abs=1e-9)
    logits, levels = torch.tensor([[0.0, 3.0, 1.0, -1.0]]), torch.tensor([2.0])
    from_zero, from_one = raft_loss(logits, levels, 0, 0.5), raft_loss(logits, levels + 1, 1, 0.5)
    assert float(from_zero) == pytest.approx(float(from_one))


def test_a_level_is_spread_over_its_neighbors_as_a_bell_of_half_a_level() -> None:
    bell = torch.tensor([1.0, 0, 1, 4, 9]).mul(-2).exp()  # exp(-d^2 / (2 * 0.5^2)) around level 2
    bell = bell / bell.sum()
    assert torch.allclose(soft_levels(torch.tensor([2.0]), 1, 5, 0.5)[0], bell)
    logits = torch.tensor([[0.0, 1.0, 3.0, 1.0, 0.0]])
    term = raft_loss(logits, torch.tensor([2.0]), 1, 1.0) - raft_loss(
        logits, torch.tensor([2.0]), 1, 0.0
    )
    assert float(term) == pytest.approx(float(-(bell * logits[0].log_softmax(-1)).sum()))


@pytest.mark.parametrize(
    "wrong",
    [
        *({name: 0} for name in ("rank", "alpha", "batch_size", "epochs", "learning_rate")),
        *({"patience": -1}, {"dropout": 1.0}, {"dropout": -0.1}, {"warm_up": 2.0}),
        {"targets": ()},
    ],
)
def test_an_impossible_recipe_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(EngineError):
        Recipe(**wrong)  # type: ignore[arg-type]
