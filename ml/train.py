"""``python -m ml train``: from a CSV of levels and a folder of pictures to adapters in use.

Reads top to bottom: set up, see every picture once, fit each dimension, calibrate on held-out
levels, report on others, save. A run that was killed goes on with ``--resume``; started by
``accelerate launch``, several processes share out the dimensions, to the same figures.
"""

from __future__ import annotations

import argparse
import csv
import hashlib
import json
import logging
import math
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import torch
from accelerate import PartialState
from numpy.typing import NDArray
from tqdm import tqdm

from ml.arguments import not_negative
from ml.bundle import load_base
from ml.calibration import MIN_SCORES, calibrated, interval
from ml.dataset import PLAIN, Split, read_dataset, splits, variants_of
from ml.errors import EngineError
from ml.evaluate import evaluate
from ml.evaluation_report import evaluation_table
from ml.fitting import Progress, Recipe, Task, calibrate, fit_adapter, read_logits
from ml.importing import read_rubric
from ml.labels import read_labels
from ml.levels import LevelReader
from ml.lora_stack import LoraWeights
from ml.methods import METHODS, Rows, cross_entropy_head, measures_of, ridge
from ml.profiles import Calibration, read_base_profile
from ml.prompts import LEVELS_PROMPT, PROMPT_OF, RUBRIC_PROMPT
from ml.rubric import KIDSART, Rubric
from ml.saving import metrics_of, package_versions, save_adapter
from ml.score_tokens import expected_score, level_sd
from ml.training_card import training_card
from ml.views import ViewCache

log = logging.getLogger(__name__)
Floats = NDArray[np.float64]
FEWEST = 8  # labeled pictures to learn a dimension from
BATCH = 64  # pictures that a method to compare with reads at a time


@dataclass(frozen=True)
class Told:
    """What one method says of the reported pictures, for one dimension; nan where nothing."""

    rows: list[int]
    scores: Floats  # (n,)
    intervals: Floats | None  # (n, 2)


def main(argv: Sequence[str]) -> int:
    """Returns 0, or 1 if no dimension could be trained."""
    arguments = _parser().parse_args(argv)
    # Dimensions do not take equally long: whoever is done waits for the others.
    state = PartialState(cpu=arguments.device == "cpu", timeout=timedelta(days=7))
    logging.basicConfig(level=logging.INFO if state.is_main_process else logging.WARNING,
                        format="%(message)s", stream=sys.stderr)  # fmt: skip
    run = Run(arguments, state)
    results = run.everything()
    state.wait_for_everyone()
    if not state.is_main_process:
        return 0
    run.report(results)
    return 0 if any(method.values() for method in results.values()) else 1


class Run:
    """One run: its data, its base, and the folder it writes."""

    def __init__(self, arguments: argparse.Namespace, state: PartialState) -> None:
        self.arguments, self.state = arguments, state
        self.started = time.time()
        self.out: Path = arguments.out
        if self.out.exists() and not self.out.is_dir():
            raise EngineError(f"{self.out} is a file; --out names a folder.")
        if arguments.folds and arguments.folds < 3:
            raise EngineError("Cross-validation needs at least 3 folds: one of them is stopped by.")
        rubric = read_rubric(arguments.rubric) if arguments.rubric else KIDSART
        self.slugs = _dimensions(rubric, arguments.dimensions, arguments.labels)
        self.data = read_dataset(arguments.labels, arguments.images, rubric, self.slugs)
        if absent := [slug for slug in self.slugs if slug not in self.data.ratings]:
            raise EngineError(f"{arguments.labels.name} has no column for {', '.join(absent)}.")
        self.splits = splits(self.data, arguments.seed, arguments.folds)
        profile = read_base_profile(arguments.base)
        self.recipe = _recipe(arguments, profile.recipe)
        px = arguments.px or profile.image.size_px
        same = px == profile.image.size_px
        self.image = (
            profile.image if same else replace(profile.image, name=f"letterbox-{px}", size_px=px)
        )
        device = torch.device("cpu") if arguments.device == "cpu" else state.device
        dtype = torch.bfloat16 if device.type == "cuda" else torch.float32
        self.settings = self._settings(profile.sha256, device, dtype)
        if state.is_main_process:
            self._claim_folder()
        state.wait_for_everyone()
        self.base = load_base(arguments.base, device, dtype, arguments.four_bit)
        self.rubric = rubric

    def everything(self) -> dict[str, dict[str, Told]]:
        """What each method tells of each dimension, over all folds."""
        if self.state.is_main_process:
            for name, why in self.data.skipped:
                log.warning("left out %s: %s", name, why)
            for slug in self.slugs:
                if not any(self.data.labeled(slug, split.test) for split in self.splits):
                    log.warning("%s: no level among the pictures to report; no figures", slug)
        return {method: self._method(method) for method in self.arguments.methods}

    # ------------------------------------------------------------------------------- methods
    def _method(self, method: str) -> dict[str, Told]:
        log.info("%s: %s", method, METHODS[method])
        if method in ("adapters", "joint"):
            return self._fitted(method)
        if not self.state.is_main_process:  # the others are not worth sharing out
            return {}
        if method == "ridge-measures":
            measures = measures_of(self.data)
            return self._by_rows(lambda place, rows: ridge(measures, rows, self._scale))
        prompt = LEVELS_PROMPT if method == "prompt-levels" else RUBRIC_PROMPT
        reader = LevelReader(self.base, self.rubric, prompt, self.image)
        views = self._views(reader, (PLAIN,), alone=True)
        if method == "ridge-vision":
            pooled = self._pooled(views)
            return self._by_rows(lambda place, rows: ridge(pooled, rows, self._scale))
        if method == "head":
            states = {place: self._states(reader, views, place) for place in self._places()}
            return self._by_rows(
                lambda place, rows: cross_entropy_head(
                    states[place], rows, self.rubric.first_level, len(self.rubric.level_numbers)
                )
            )
        return self._by_rows(
            lambda place, rows: _expectation(reader, views, place, None, rows.test)
        )

    def _by_rows(self, tell: Callable[[int, Rows], Floats]) -> dict[str, Told]:
        told: dict[str, Told] = {}
        for place in self._places():
            slug = self.rubric.slugs[place]
            rows = [Rows.of(self.data, split, slug) for split in self.splits]
            if len(rows[0].train) < FEWEST:
                log.warning("%s: only %d labeled pictures", slug, len(rows[0].train))
                continue
            scores = np.concatenate([tell(place, part) for part in rows])
            told[slug] = Told([row for part in rows for row in part.test], scores, None)
        return told

    def _fitted(self, method: str) -> dict[str, Told]:
        reader = LevelReader(
            self.base,
            self.rubric,
            PROMPT_OF[self.arguments.layout],
            self.image,
            self.recipe.gradient_checkpointing,
        )
        variants = {v for slug in self.slugs for v in variants_of(slug, self.rubric)}
        views = self._views(reader, tuple(sorted(variants)) if self.recipe.augment else (PLAIN,))
        groups = [[place] for place in self._places()]
        if method == "joint":
            groups = [list(self._places())]
        for number, places in enumerate(groups):
            if number % self.state.num_processes == self.state.process_index:
                for fold, split in enumerate(self.splits):
                    self._fit(method, reader, views, places, fold, split)
        self.state.wait_for_everyone()
        return self._collect(method)

    def _fit(
        self,
        method: str,
        reader: LevelReader,
        views: ViewCache,
        places: list[int],
        fold: int,
        split: Split,
    ) -> None:
        """Trains one adapter and stores what it says of the test pictures; nothing if done."""
        tasks = [task for place in places if (task := self._task(place, split))]
        wanted = [task for task in tasks if not self._told_path(method, task.slug, fold).exists()]
        if not wanted:
            return
        title = tasks[0].slug if len(tasks) == 1 else "all dimensions"
        checkpoint = self.out / "checkpoints" / method / f"{title.replace(' ', '_')}-{fold}"
        with tqdm(desc=title, unit="step", disable=None, leave=False) as bar:

            def on_step(step: int, steps: int, loss: float) -> None:
                bar.total, bar.n = steps, step
                bar.set_postfix(loss=f"{loss:.3f}", refresh=False)
                bar.refresh() if step == steps else bar.update(0)

            weights, progress = fit_adapter(reader, views, tasks, self.recipe, checkpoint, on_step)
        best = progress.validation[progress.best_epoch - 1] if progress.best_epoch else None
        log.info(
            "%s: validation Spearman %s after epoch %d of %d",
            title, "none" if best is None else f"{best:.3f}", progress.best_epoch, progress.epoch,
        )  # fmt: skip
        for task in wanted:
            self._finish(method, reader, views, task, fold, split, weights, progress)

    def _finish(
        self,
        method: str,
        reader: LevelReader,
        views: ViewCache,
        task: Task,
        fold: int,
        split: Split,
        weights: LoraWeights,
        progress: Progress,
    ) -> None:
        calibration = self._calibration(reader, views, task, weights)
        rows = list(split.test)
        logits = read_logits(reader, views, task.place, weights, rows)
        raw = expected_score(logits, self.rubric.first_level).tolist()
        scores, ends = raw, None
        if calibration:
            sds = level_sd(logits, self.rubric.first_level).tolist()
            scores = [calibrated(calibration, value) for value in raw]
            pairs = zip(raw, sds, strict=True)
            ends = [interval(calibration, value, sd, self._scale) for value, sd in pairs]
        labels = task.levels[rows]
        metrics = evaluate(
            {task.slug: np.array(scores)}, {task.slug: labels}, self._scale,
            seed=self.arguments.seed,
            intervals={task.slug: np.array(ends)} if ends else None,
        )["dimensions"][task.slug]  # fmt: skip
        if not self.arguments.folds and method == "adapters":
            save_adapter(
                self.out / "adapters" / task.slug,
                f"{self.arguments.name or self.out.resolve().name}-{task.slug}",
                task.slug, weights, self.recipe, reader, calibration,
                {**metrics_of(metrics), "train": len(task.train)},
            )  # fmt: skip
        told = {"rows": rows, "scores": scores, "intervals": ends, "progress": asdict(progress)}
        # Last: its being there means that the dimension is done.
        _write_json(self._told_path(method, task.slug, fold), told)

    def _calibration(
        self, reader: LevelReader, views: ViewCache, task: Task, weights: LoraWeights
    ) -> Calibration | None:
        """On the validation pictures, which no step was taken on; None if they are too few.

        In every fold or in none: a table of calibrated and of raw scores would compare nothing.
        """
        rows = list(task.validation)
        fewest = min(len(self.data.labeled(task.slug, split.validation)) for split in self.splits)
        if fewest < MIN_SCORES:
            log.warning(
                "%s: %d held-out levels are too few to calibrate (%d are needed); its scores have "
                "no range", task.slug, fewest, MIN_SCORES,
            )  # fmt: skip
            return None
        logits = read_logits(reader, views, task.place, weights, rows)
        return calibrate(logits, task.levels[rows], self._scale, self.arguments.seed)

    # --------------------------------------------------------------------------------- parts
    def _task(self, place: int, split: Split) -> Task | None:
        slug = self.rubric.slugs[place]
        rows = Rows.of(self.data, split, slug)
        if len(rows.train) < FEWEST:
            log.warning("%s: %d labeled pictures are too few to train on", slug, len(rows.train))
            return None
        comments = self.data.comments.get(slug) or self.data.comments.get("", ())
        return Task(
            slug,
            place,
            rows.levels,
            rows.train,
            rows.validation,
            variants_of(slug, self.rubric),
            comments,
        )

    def _places(self) -> list[int]:
        return [k for k, slug in enumerate(self.rubric.slugs) if slug in self.slugs]

    @property
    def _scale(self) -> tuple[int, int]:
        return self.rubric.first_level, self.rubric.last_level

    def _views(
        self, reader: LevelReader, variants: tuple[int, ...], alone: bool = False
    ) -> ViewCache:
        """Sees what is not seen yet; together with the other processes, unless ``alone``."""
        cache = ViewCache(self.out / "cache", reader, self.data, variants)
        rank, world = (0, 1) if alone else (self.state.process_index, self.state.num_processes)
        share = -(-cache.rows // world)
        with tqdm(desc="seeing", total=share, unit="picture", disable=None, leave=False) as bar:
            cache.fill(lambda rows: bar.update(rows) and None, rank, world)
        if not alone:
            self.state.wait_for_everyone()
        return cache

    def _pooled(self, views: ViewCache) -> Floats:
        """(N, 2H): mean and spread of each picture's tokens."""
        parts = [
            torch.cat([tokens.mean(1), tokens.std(1)], 1)
            for rows in self._batches()
            for tokens in [views.views(rows, [PLAIN] * len(rows)).float()]
        ]
        return torch.cat(parts).numpy().astype(np.float64)

    def _states(self, reader: LevelReader, views: ViewCache, place: int) -> torch.Tensor:
        with torch.no_grad():
            parts = [
                reader.states(views.views(rows, [PLAIN] * len(rows)), place, None).float().cpu()
                for rows in self._batches()
            ]
        return torch.cat(parts)

    def _batches(self) -> list[list[int]]:
        rows = list(range(len(self.data.names)))
        return [rows[start : start + BATCH] for start in range(0, len(rows), BATCH)]

    def _told_path(self, method: str, slug: str, fold: int) -> Path:
        return self.out / "told" / method / f"{slug}-{fold}.json"

    def _collect(self, method: str) -> dict[str, Told]:
        """Also what other processes, or this run before it was killed, have told."""
        told: dict[str, Told] = {}
        for slug in self.slugs:
            paths = [self._told_path(method, slug, fold) for fold in range(len(self.splits))]
            if not all(path.exists() for path in paths):
                continue
            parts = [json.loads(path.read_text()) for path in paths]
            rows = [row for part in parts for row in part["rows"]]
            scores = np.array([score for part in parts for score in part["scores"]], dtype=float)
            ends = None
            if all(part["intervals"] is not None for part in parts):
                pairs = [pair for part in parts for pair in part["intervals"]]
                ends = np.array(pairs, dtype=float).reshape(-1, 2)
            told[slug] = Told(rows, scores, ends)
        return told

    # ------------------------------------------------------------------------- what is written
    def _settings(
        self, base_sha256: str, device: torch.device, dtype: torch.dtype
    ) -> dict[str, Any]:
        """All that decides the figures; a resume with anything else is refused."""
        a = self.arguments
        return {
            "base": base_sha256,
            "labels": hashlib.sha256(a.labels.read_bytes()).hexdigest(),
            "pictures": hashlib.sha256(" ".join(self.data.hashes).encode()).hexdigest(),
            "rubric": hashlib.sha256(repr(self.data.rubric).encode()).hexdigest(),
            "dimensions": list(self.slugs),
            "layout": a.layout,
            "px": self.image.size_px,
            "folds": a.folds,
            "seed": a.seed,
            "device": device.type,
            "dtype": str(dtype).removeprefix("torch."),
            "four_bit": a.four_bit,
            "recipe": json.loads(json.dumps(asdict(self.recipe))),
        }

    def _claim_folder(self) -> None:
        path = self.out / "run.json"
        if path.exists():
            if not self.arguments.resume:
                raise EngineError(f"{self.out} holds a run already: add --resume, or name another.")
            try:
                before = json.loads(path.read_text())["settings"]
            except (ValueError, KeyError, TypeError):
                raise EngineError(f"{path} is damaged; start again in another folder.") from None
            changed = sorted(k for k in self.settings if before.get(k) != self.settings[k])
            if changed:
                raise EngineError(
                    f"{self.out} holds a run with another {', '.join(changed)}; it cannot go on."
                )
            return
        if self.arguments.resume:
            log.warning("%s holds no run to go on with; starting one", self.out)
        record = {
            "settings": self.settings,
            "versions": package_versions(),
            "processes": self.state.num_processes,
            "split": [asdict(split) for split in self.splits],
            "pictures": list(self.data.names),
            "left_out": [list(pair) for pair in self.data.skipped],
        }
        _write_json(path, record)

    def report(self, results: Mapping[str, Mapping[str, Told]]) -> None:
        """Predictions as CSV, figures as JSON, a card to read, and a table on the screen."""
        figures = {}
        for method, told in results.items():
            if told:
                figures[method] = self._figures(method, told)
        _write_json(self.out / "metrics.json", figures)
        if "adapters" in figures:
            self.write_card(figures["adapters"])
            sys.stdout.write(evaluation_table(figures["adapters"]) + "\n")
        sys.stdout.write(comparison_table(figures))

    def _figures(self, method: str, told: Mapping[str, Told]) -> dict[str, Any]:
        rows = sorted({row for part in told.values() for row in part.rows})
        index = {row: at for at, row in enumerate(rows)}
        scores, ends = {}, {}
        for slug, part in told.items():
            at = [index[row] for row in part.rows]
            scores[slug] = np.full(len(rows), math.nan)
            scores[slug][at] = part.scores
            if part.intervals is not None:
                ends[slug] = np.full((len(rows), 2), math.nan)
                ends[slug][at] = part.intervals
        names = [self.data.names[row] for row in rows]
        folder = self.out / "predictions"
        folder.mkdir(exist_ok=True)
        with (folder / f"{method}.csv").open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            limits = [f"{slug}_{end}" for slug in ends for end in ("low", "high")]
            writer.writerow(["name", *scores, *limits])
            for row, name in enumerate(names):
                cells = [scores[slug][row] for slug in scores]
                cells += [ends[slug][row][side] for slug in ends for side in (0, 1)]
                writer.writerow([name, *("" if math.isnan(c) else f"{c:.6f}" for c in cells)])
        labels = {slug: self.data.ratings[slug][rows] for slug in told}
        return evaluate(
            scores, labels, self._scale, self.arguments.seed, intervals=ends or None, names=names
        )

    def write_card(self, figures: Mapping[str, Any]) -> None:
        card = training_card(
            self.out.resolve().name, self.base.profile, self.settings, figures,
            len(self.data.names), len(self.data.skipped), bool(self.data.children),
            time.time() - self.started,
        )  # fmt: skip
        (self.out / "MODEL_CARD.md").write_text(card, encoding="utf-8")


def comparison_table(figures: Mapping[str, Mapping[str, Any]]) -> str:
    """Macro means over dimensions, a method a line; the dimensions are in metrics.json."""
    names = ("spearman", "qwk", "mae", "mse", "accuracy")
    lines = [f"{'mean over dimensions':<22}" + "".join(f"{name:>10}" for name in names)]
    for method, result in figures.items():
        cells = [result["macro"][name] for name in names]
        texts = ["-" if cell is None else f"{cell:.3f}" for cell in cells]
        lines.append(f"{method:<22}" + "".join(f"{text:>10}" for text in texts))
    return "\n".join(lines) + "\n"


def _write_json(path: Path, value: object) -> None:
    """Aside, then renamed in one step: a kill leaves the old file or the new one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.with_suffix(".tmp")
    aside.write_text(json.dumps(value, indent=1, allow_nan=False) + "\n")
    aside.replace(path)


def _expectation(
    reader: LevelReader, views: ViewCache, place: int, weights: LoraWeights | None, rows: list[int]
) -> Floats:
    logits = read_logits(reader, views, place, weights, rows)
    return expected_score(logits, reader.rubric.first_level).numpy().astype(np.float64)


def _dimensions(rubric: Rubric, wanted: Sequence[str] | None, labels: Path) -> tuple[str, ...]:
    """In the rubric's order; by default those that the labels have."""
    if unknown := [slug for slug in wanted or () if slug not in rubric.slugs]:
        raise EngineError(f"The rubric has no dimension {', '.join(unknown)}.")
    if wanted:
        return tuple(slug for slug in rubric.slugs if slug in wanted)
    if rubric is KIDSART:
        there = read_labels(labels, None, (rubric.first_level, rubric.last_level)).ratings
        return tuple(slug for slug in rubric.slugs if slug in there)
    return rubric.slugs


def _recipe(arguments: argparse.Namespace, of_base: Mapping[str, Any]) -> Recipe:
    """The defaults, then what the base asks for in this layout, then the file, then --seed."""
    chosen: dict[str, Any] = dict(of_base.get(arguments.layout, {}))
    if arguments.config:
        try:
            given = json.loads(arguments.config.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise EngineError(f"{arguments.config} cannot be read: {error}") from None
        if not isinstance(given, dict):
            raise EngineError(f"{arguments.config} is not a JSON object.")
        chosen |= given
    chosen["seed"] = arguments.seed
    kinds = {f.name: f.default for f in fields(Recipe)}
    for key, value in chosen.items():
        if key not in kinds:
            raise EngineError(f"A recipe has no {key!r}; it has {', '.join(kinds)}.")
        if not _same_kind(value, kinds[key]):
            raise EngineError(f"The recipe's {key} cannot be {value!r}.")
    if "targets" in chosen:
        chosen["targets"] = tuple(chosen["targets"])
    return Recipe(**chosen)


def _same_kind(value: object, usual: object) -> bool:
    if isinstance(usual, bool) or isinstance(value, bool):
        return isinstance(usual, bool) and isinstance(value, bool)
    if isinstance(usual, float):
        return isinstance(value, (int, float))
    if isinstance(usual, tuple):
        return isinstance(value, (list, tuple)) and all(isinstance(v, str) for v in value)
    return isinstance(value, type(usual))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m ml train",
        description="Trains one adapter per dimension (RAFT). The CSV has a column 'name' and one "
        "per dimension (several raters: SLUG_r1, SLUG_r2, ...), and may have child_id, grade, and "
        "comment or comment_SLUG. Several GPUs: accelerate launch -m ml train ...",
    )
    parser.add_argument("--labels", type=Path, required=True, metavar="CSV")
    parser.add_argument("--images", type=Path, required=True, metavar="DIR")
    parser.add_argument("--base", type=Path, required=True, help="folder of the base model")
    parser.add_argument("--out", type=Path, required=True, metavar="DIR")
    parser.add_argument("--dimensions", nargs="+", metavar="SLUG")
    parser.add_argument("--layout", choices=tuple(PROMPT_OF), default="activated",
                        help="where adapters act: everywhere, or on the answer only")  # fmt: skip
    parser.add_argument("--config", type=Path, metavar="FILE", help="recipe as JSON")
    parser.add_argument("--seed", type=not_negative, default=0)
    parser.add_argument("--resume", action="store_true", help="go on with the run in --out")
    parser.add_argument("--rubric", type=Path, metavar="FILE", help="a rubric of your own (JSON)")
    parser.add_argument("--methods", nargs="+", choices=tuple(METHODS), default=["adapters"],
                        help="what to compare, on the same split")  # fmt: skip
    parser.add_argument("--folds", type=int, default=0, metavar="K",
                        help="report every picture once, by K-fold cross-validation; writes no "
                        "adapters")  # fmt: skip
    parser.add_argument("--px", type=int, help="picture size, a multiple of 28")
    parser.add_argument("--name", help="of the adapters (default: the name of --out)")
    parser.add_argument("--device", default="auto", choices=("auto", "cpu"))
    parser.add_argument("--four-bit", action="store_true", help="the base in 4 bits (CUDA)")
    return parser
