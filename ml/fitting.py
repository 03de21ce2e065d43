"""RAFT training of one adapter: squared error of the expected level, through the level tokens.

Source: regression-aware fine-tuning (Lukasik et al., ICLR 2025) as used by KidsArtBench
(arXiv 2512.12503). Unlike its published code, the loss uses the same restricted softmax, in fp32,
that scores; an unlabeled picture has no place in a training set; and everything that no adapter
touches is computed once a picture (``ml.levels``) instead of once a step.

Everything random is drawn from (seed, dimension, epoch or step), so a run that was killed goes on
from its checkpoint to the very weights that it would have reached, and dimensions can be shared
out to several processes without changing a figure.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
import torch.nn.functional as F
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from ml.calibration import fit_calibration
from ml.errors import EngineError
from ml.levels import LevelReader
from ml.lora_stack import LoraWeights
from ml.metrics import spearman
from ml.profiles import Calibration
from ml.score_tokens import expected_score, level_sd

READ = 64  # pictures read at a time when nothing is learned
LINEARS = {"q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"}


@dataclass(frozen=True)
class Recipe:
    """How one adapter is trained. Rank, alpha, targets, dropout and rate are KidsArtBench's.

    They are for a 7B model. A base that needs other values names them in its profile
    (``BaseProfile.recipe``), and ``--config`` overrides both.
    """

    rank: int = 8
    alpha: int = 16
    dropout: float = 0.05
    targets: tuple[str, ...] = ("q_proj", "k_proj", "v_proj", "o_proj")
    learning_rate: float = 1e-5
    warm_up: float = 0.1  # share of the steps; the published 100 steps are about that
    batch_size: int = 16
    epochs: int = 10  # at most
    patience: int = 2  # epochs without a better validation Spearman that are borne
    # RAFT alone fixes only the mean over levels; a little cross-entropy keeps the spread honest.
    spread_weight: float = 0.2
    comment_weight: float = 0.0  # of the cross-entropy of a teacher's comment after the level
    augment: bool = True
    gradient_checkpointing: bool = False  # less memory, a third more time
    seed: int = 0

    def __post_init__(self) -> None:
        if min(self.rank, self.alpha, self.batch_size, self.epochs) < 1 or self.patience < 0:
            raise EngineError("Rank, alpha, batch size and epochs must be at least 1.")
        if (
            not 0 <= self.dropout < 1
            or not 0 <= self.warm_up <= 1
            or not 0 < self.learning_rate < math.inf
        ):
            raise EngineError("Dropout and warm-up are shares, and the learning rate is positive.")
        if not self.targets or set(self.targets) - LINEARS:
            raise EngineError(f"The targets of an adapter are among {', '.join(sorted(LINEARS))}.")


@dataclass
class Progress:
    """Where a run stands; with the weights and the optimizer's state, all that a resume needs."""

    epoch: int = 0  # finished epochs
    step: int = 0
    best: float | None = None  # validation Spearman; None while there is none
    best_epoch: int = 0
    waited: int = 0  # epochs since the best
    losses: list[float] = field(default_factory=list)  # mean of each epoch
    validation: list[float | None] = field(default_factory=list)  # Spearman of each epoch


class Samples(Protocol):
    """Views of pictures by row number; ``variants`` of a picture lie side by side."""

    def views(self, rows: Sequence[int], variants: Sequence[int]) -> Tensor: ...


@dataclass(frozen=True)
class Task:
    """What one adapter learns: which pictures, and what people said of them."""

    slug: str
    place: int  # in the rubric
    levels: np.ndarray  # (N,) of all pictures, nan where nobody said anything
    train: Sequence[int]
    validation: Sequence[int]
    variants: Sequence[int] = (0,)  # versions of a picture that cannot change its level
    comments: Sequence[str] = ()  # of all pictures, "" where nobody wrote one


def raft_loss(
    level_logits: Tensor, levels: Tensor, first_level: int, spread_weight: float
) -> Tensor:
    """Mean over the batch of (expected level - level)^2, plus a weighted soft cross-entropy.

    Args:
        level_logits: (B, L).
        levels: (B,) whole or fractional levels (the mean of several raters, say).
    """
    error = (expected_score(level_logits, first_level) - levels).square().mean()
    if not spread_weight:
        return error
    soft = soft_levels(levels, first_level, level_logits.shape[-1], 0.5)
    return error + spread_weight * F.cross_entropy(level_logits.float(), soft)


def soft_levels(levels: Tensor, first_level: int, count: int, spread: float) -> Tensor:
    """(B,) levels as (B, count) probabilities: a bell around each level."""
    steps = torch.arange(first_level, first_level + count, device=levels.device)
    return torch.softmax(-((steps - levels[:, None].float()) ** 2) / (2 * spread**2), -1)


class Learner:
    """The weights of one adapter, in fp32 whatever the base's dtype. Begins as the base itself."""

    def __init__(
        self,
        linears: Mapping[str, tuple[int, int]],
        recipe: Recipe,
        seed: int,
        device: torch.device,
    ) -> None:
        chance = torch.Generator().manual_seed(seed)
        self.recipe = recipe
        self.a: dict[str, nn.Parameter] = {}
        self.b: dict[str, nn.Parameter] = {}
        for name, (out_features, in_features) in sorted(linears.items()):
            # As PEFT begins: A uniform by the width of its input, B zero.
            edge = in_features**-0.5
            a = torch.rand(recipe.rank, in_features, generator=chance) * 2 * edge - edge
            self.a[name] = nn.Parameter(a.to(device))
            self.b[name] = nn.Parameter(torch.zeros(out_features, recipe.rank, device=device))

    def parameters(self) -> list[nn.Parameter]:
        return [*self.a.values(), *self.b.values()]

    def weights(self) -> LoraWeights:
        pairs = {name: (self.a[name], self.b[name]) for name in self.a}
        return LoraWeights(pairs, self.recipe.rank, self.recipe.alpha / self.recipe.rank)

    def state(self) -> dict[str, Tensor]:
        both = {f"a.{n}": p for n, p in self.a.items()} | {f"b.{n}": p for n, p in self.b.items()}
        return {name: p.detach().cpu().clone() for name, p in both.items()}

    @torch.no_grad()
    def load(self, state: Mapping[str, Tensor]) -> None:
        for name, parameter in self.a.items():
            parameter.copy_(state[f"a.{name}"])
            self.b[name].copy_(state[f"b.{name}"])


def adapted_linears(reader: LevelReader, recipe: Recipe) -> dict[str, tuple[int, int]]:
    """The layers of the language model that ``recipe`` names: name to (out, in)."""
    return {
        name: shape
        for name, shape in reader.base.linears.items()
        if name.startswith("model.language_model.") and name.endswith(recipe.targets)
    }


def fit_adapter(
    reader: LevelReader,
    samples: Samples,
    tasks: Sequence[Task],
    recipe: Recipe,
    checkpoint: Path | None = None,
    on_step: Callable[[int, int, float], None] = lambda step, steps, loss: None,
) -> tuple[LoraWeights, Progress]:
    """Trains one adapter, for one dimension or (to compare with) for several at once.

    Stops when the validation Spearman, the mean over ``tasks``, has not risen for
    more than ``recipe.patience`` epochs, and returns the weights of the best epoch.

    Args:
        checkpoint: a folder; what it holds of an earlier, killed run of the same arguments is gone
            on from, and every finished epoch is written to it.
        on_step: called with (step, steps at most, loss).
    """
    learner = Learner(
        adapted_linears(reader, recipe), recipe, _seed(recipe, tasks[0].place), reader.device
    )
    optimizer = torch.optim.AdamW(learner.parameters(), lr=recipe.learning_rate, weight_decay=0.0)
    batches = sum(math.ceil(len(task.train) / recipe.batch_size) for task in tasks)
    steps = batches * recipe.epochs
    progress, best = Progress(), learner.state()
    if checkpoint:
        progress, best = _resume(checkpoint, learner, optimizer, progress, best)
    while progress.epoch < recipe.epochs and progress.waited <= recipe.patience:
        losses = []
        for task, rows, variants in _epoch(tasks, recipe, progress.epoch):
            for group in optimizer.param_groups:
                group["lr"] = recipe.learning_rate * _rate(progress.step, steps, recipe.warm_up)
            torch.manual_seed(_seed(recipe, tasks[0].place, progress.step))  # for dropout
            lora = reader.stack(learner.weights(), recipe.dropout)
            views = samples.views(rows, variants)
            logits = reader.logits(views, task.place, lora)
            levels = torch.tensor(task.levels[rows], dtype=torch.float32, device=logits.device)
            loss = raft_loss(logits, levels, reader.rubric.first_level, recipe.spread_weight)
            if recipe.comment_weight and (written := _written(task, rows)):
                some = [rows.index(row) for row in written]
                numbers = [int(task.levels[row] + 0.5) for row in written]
                words = [task.comments[row] for row in written]
                loss = loss + recipe.comment_weight * reader.comment_loss(
                    views[some], task.place, numbers, words, lora
                )
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(learner.parameters(), 1.0)
            optimizer.step()
            progress.step += 1
            losses.append(float(loss.detach()))
            on_step(progress.step, steps, losses[-1])
        if not math.isfinite(np.mean(losses)):
            raise EngineError(
                f"The training of {tasks[0].slug} diverged; choose a lower learning_rate."
            )
        _validate(reader, samples, tasks, learner, progress, float(np.mean(losses)))
        if progress.waited == 0:
            best = learner.state()
        if checkpoint:
            _save(checkpoint, learner, optimizer, progress, best)
    learner.load(best)
    return learner.weights(), progress


def _epoch(
    tasks: Sequence[Task], recipe: Recipe, epoch: int
) -> list[tuple[Task, list[int], list[int]]]:
    """The batches of one epoch: task, rows, and which version of each picture."""
    chance = np.random.default_rng([recipe.seed, tasks[0].place, epoch])
    batches = []
    for task in tasks:
        rows = chance.permutation(np.asarray(task.train))
        choices = task.variants if recipe.augment else (0,)
        variants = chance.choice(np.asarray(choices), len(rows))
        for start in range(0, len(rows), recipe.batch_size):
            part = slice(start, start + recipe.batch_size)
            batches.append((task, rows[part].tolist(), variants[part].tolist()))
    if len(tasks) > 1:
        batches = [batches[i] for i in chance.permutation(len(batches))]
    return batches


def _written(task: Task, rows: Sequence[int]) -> list[int]:
    """The rows that someone wrote about."""
    return [row for row in rows if task.comments and task.comments[row].strip()]


def _validate(
    reader: LevelReader,
    samples: Samples,
    tasks: Sequence[Task],
    learner: Learner,
    progress: Progress,
    loss: float,
) -> None:
    found = [
        spearman(
            read_scores(reader, samples, task, learner.weights(), task.validation),
            task.levels[list(task.validation)],
        ).value
        for task in tasks
    ]
    known = [value for value in found if value is not None]
    # A dimension that lost its figure is no reason to call the mean of the others better.
    mean = float(np.mean(known)) if len(known) == len(found) else None
    progress.epoch += 1
    progress.losses.append(loss)
    progress.validation.append(mean)
    # Without anything to validate on, the last epoch is as good as any.
    better = progress.best is None or (mean is not None and mean > progress.best)
    if better:
        progress.best = progress.best if mean is None else mean
        progress.best_epoch, progress.waited = progress.epoch, 0
    else:
        progress.waited += 1


def read_logits(
    reader: LevelReader,
    samples: Samples,
    place: int,
    weights: LoraWeights | None,
    rows: Sequence[int],
) -> Tensor:
    """Level logits (len(rows), L), fp32 on the CPU, of untouched pictures; without gradients."""
    parts = []
    with torch.no_grad():
        lora = reader.stack(weights)
        for start in range(0, len(rows), READ):
            part = list(rows[start : start + READ])
            views = samples.views(part, [0] * len(part))
            parts.append(reader.logits(views, place, lora).cpu())
    return torch.cat(parts) if parts else torch.empty(0, len(reader.head))


def read_scores(
    reader: LevelReader,
    samples: Samples,
    task: Task,
    weights: LoraWeights | None,
    rows: Sequence[int],
) -> np.ndarray:
    logits = read_logits(reader, samples, task.place, weights, rows)
    return expected_score(logits, reader.rubric.first_level).numpy().astype(np.float64)


def calibrate(logits: Tensor, levels: np.ndarray, scale: tuple[int, int], seed: int) -> Calibration:
    """``ml.calibration`` of level logits (N, L) by what people said of the same pictures (N,).

    Raises:
        EngineError: they are too few.
    """
    return fit_calibration(
        expected_score(logits, scale[0]).numpy(),
        level_sd(logits, scale[0]).numpy(),
        levels,
        scale,
        seed=seed,
    )


def _rate(step: int, steps: int, warm_up: float) -> float:
    """Share of the learning rate: a line up, then half a cosine down."""
    warm = max(1, round(steps * warm_up))
    if step < warm:
        return (step + 1) / warm
    return 0.5 * (1 + math.cos(math.pi * (step - warm) / max(1, steps - warm)))


def _seed(recipe: Recipe, *parts: int) -> int:
    return int(np.random.SeedSequence([recipe.seed, *parts]).generate_state(1)[0])


def _save(
    folder: Path,
    learner: Learner,
    optimizer: torch.optim.Optimizer,
    progress: Progress,
    best: Mapping[str, Tensor],
) -> None:
    """Aside, then renamed in one step: a kill leaves the old checkpoint or the new one."""
    folder.mkdir(parents=True, exist_ok=True)
    tensors = {f"now.{name}": t for name, t in learner.state().items()}
    tensors |= {f"best.{name}": t for name, t in best.items()}
    for index, state in optimizer.state_dict()["state"].items():
        tensors |= {
            f"optimizer.{index}.{key}": torch.as_tensor(value).cpu().clone()
            for key, value in state.items()
        }
    aside = folder / "checkpoint.tmp"
    save_file(tensors, aside, metadata={"progress": json.dumps(asdict(progress))})
    aside.replace(folder / "checkpoint.safetensors")


def _resume(
    folder: Path,
    learner: Learner,
    optimizer: torch.optim.Optimizer,
    progress: Progress,
    best: dict[str, Tensor],
) -> tuple[Progress, dict[str, Tensor]]:
    path = folder / "checkpoint.safetensors"
    if not path.exists():
        return progress, best
    tensors = load_file(path)
    with path.open("rb") as file:
        header = json.loads(file.read(int.from_bytes(file.read(8), "little")))
    learner.load(_part(tensors, "now."))
    state: dict[int, dict[str, Any]] = {}
    for key, value in _part(tensors, "optimizer.").items():
        index, _, name = key.partition(".")
        state.setdefault(int(index), {})[name] = value
    optimizer.load_state_dict({**optimizer.state_dict(), "state": state})
    return Progress(**json.loads(header["__metadata__"]["progress"])), _part(tensors, "best.")


def _part(tensors: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {k.removeprefix(prefix): v for k, v in tensors.items() if k.startswith(prefix)}
