"""The result of ``ml.evaluate`` for people: a table of text, and figures as PNG.

matplotlib is imported where figures are drawn: it takes a second, and the table needs none of it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ml.errors import EngineError
from ml.labels import Floats
from ml.metrics import Levels, round_half_up

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

NAMES_SHOWN = 8  # of missing pictures, in the table; --json lists all
Place = tuple[str | int, ...]

# A figure stands beside what it is to be compared with: heading, and where it is in the result.
AGREEMENT: Sequence[tuple[str, Place]] = (
    ("Spearman", ("spearman",)),
    ("low", ("ci", "spearman", 0)),
    ("high", ("ci", "spearman", 1)),
    ("people", ("human", "spearman")),
    ("Pearson", ("pearson",)),
    ("Kappa", ("qwk",)),
    ("mode", ("baseline", "mode", "qwk")),
    ("people", ("human", "qwk")),
)
ERRORS: Sequence[tuple[str, Place]] = (
    ("Right", ("accuracy",)),
    ("mode", ("baseline", "mode", "accuracy")),
    ("people", ("human", "accuracy")),
    ("MAE", ("mae",)),
    ("mode", ("baseline", "mode", "mae")),
    ("mean", ("baseline", "mean", "mae")),
    ("MSE", ("mse",)),
    ("mode", ("baseline", "mode", "mse")),
    ("mean", ("baseline", "mean", "mse")),
    ("Bias", ("bias",)),
    ("Inside", ("coverage",)),
)
LEGEND = """\
low, high   95 % bootstrap interval over pictures
mode, mean  a predictor that looks at no picture and says the most frequent level, the mean label
people      two raters with each other, on the same pictures
Right       share of pictures with the level of the label; Inside: share of labels in the interval
"""


def evaluation_table(result: Mapping[str, Any]) -> str:
    """The result of ``evaluate`` for people: baselines beside each figure, and what is missing."""
    dimensions = result["dimensions"]
    blocks = ["\n".join(_block(dimensions, columns)) for columns in (AGREEMENT, ERRORS)]
    return "\n\n".join([*blocks, LEGEND + _reasons(dimensions) + _gaps_in_words(result["missing"])])


def _block(dimensions: Mapping[str, Any], columns: Sequence[tuple[str, Place]]) -> list[str]:
    def line(title: str, n: object, cells: Iterable[str]) -> str:
        return f"{title:<21}{n:>5}" + "".join(f"{cell:>{width}}" for cell in cells)

    width = 9 if columns is AGREEMENT else 7
    lines = [line("", "n", [heading for heading, _ in columns])]
    for slug, figures in dimensions.items():
        lines.append(line(slug, figures["n"], [_digits(_at(figures, path)) for _, path in columns]))
    if len(dimensions) > 1:
        # The mean of interval ends is not the end of an interval.
        known = [[] if path[0] == "ci" else _known(dimensions, *path) for _, path in columns]
        means = [_digits(float(np.mean(values))) if values else "" for values in known]
        lines.append(line("mean over dimensions", "", means))
        lines.append(line("  of how many", "", [str(len(values) or "") for values in known]))
    return lines


def _digits(value: float | None) -> str:
    return "-" if value is None else f"{value:z.2f}"


def _reasons(dimensions: Mapping[str, Any]) -> str:
    slugs: dict[tuple[str, str], list[str]] = {}  # (figures, reason) -> dimensions
    for slug, figures in dimensions.items():
        by_reason: dict[str, list[str]] = {}
        for name, reason in figures["reasons"].items():
            by_reason.setdefault(reason, []).append(name)
        for reason, names in by_reason.items():
            slugs.setdefault((", ".join(names), reason), []).append(slug)
    lines = [f"  {names}: {reason} ({', '.join(of)})\n" for (names, reason), of in slugs.items()]
    return "".join(["\nNo figure:\n", *lines]) if lines else ""


def _gaps_in_words(missing: Sequence[Mapping[str, str | None]]) -> str:
    names: dict[tuple[str | None, ...], list[str]] = {}
    for gap in missing:
        key = (gap["side"], gap["dimension"], gap["reason"])
        names.setdefault(key, []).append(str(gap["name"]))
    lines = []
    for (side, slug, reason), of in names.items():
        more = f" and {len(of) - NAMES_SHOWN} more" if len(of) > NAMES_SHOWN else ""
        shown = ", ".join(of[:NAMES_SHOWN]) + more
        what = f"{side} of {slug}" if slug else side
        lines.append(f"  {what}: {reason} ({len(of)}): {shown}\n")
    return "".join(["\nNot compared:\n", *lines]) if lines else ""


def _known(dimensions: Mapping[str, Any], *path: str | int) -> list[float]:
    values = [_at(figures, path) for figures in dimensions.values()]
    return [value for value in values if value is not None]


def _at(figures: Any, path: Sequence[str | int]) -> Any:
    for key in path:
        figures = None if figures is None else figures[key]
    return figures


# Okabe and Ito's colors, which color-blind people can tell apart; shapes differ as well.
MODEL, LABEL, PEOPLE, PLAIN = "#0072B2", "#E69F00", "#D55E00", "#5F6672"
STYLE = {
    "font.size": 11,
    "axes.titlesize": 12,
    "axes.titlelocation": "left",
    "axes.titleweight": "bold",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": PLAIN,
    "axes.axisbelow": True,
    "legend.frameon": False,
    "figure.constrained_layout.use": True,
}
OVERVIEW: Sequence[tuple[str, str, Place | None, str]] = (
    ("spearman", "Spearman with the labels", None, ""),
    ("accuracy", "Share of right levels", ("baseline", "mode", "accuracy"), "most frequent level"),
    ("mse", "Mean squared error", ("baseline", "mean", "mse"), "mean label"),
)


def write_plots(
    result: Mapping[str, Any],
    predictions: Mapping[str, Floats],
    labels: Mapping[str, Floats],
    levels: Levels,
    folder: Path,
) -> None:
    """Writes ``overview.png`` and one PNG per dimension with anything to compare.

    Args:
        predictions, labels: per dimension (N,), as given to ``evaluate``, raters averaged.

    Raises:
        EngineError: the folder cannot be written.
    """
    import matplotlib as mpl  # noqa: PLC0415

    compared = {slug: figures for slug, figures in result["dimensions"].items() if figures["n"]}
    with mpl.rc_context(STYLE):
        drawn = {
            slug: _draw_dimension(slug, figures, predictions[slug], labels[slug], levels)
            for slug, figures in compared.items()
        }
        if compared:
            drawn["overview"] = _draw_overview(compared)
        try:
            folder.mkdir(parents=True, exist_ok=True)
            for name, figure in drawn.items():
                figure.savefig(folder / (re.sub(r"[^\w-]+", "_", name) + ".png"), dpi=130)
        except OSError:
            raise EngineError(f"The figures cannot be written to {folder}.") from None


def _draw_dimension(
    slug: str, figures: Mapping[str, Any], prediction: Floats, label: Floats, levels: Levels
) -> Figure:
    from matplotlib.figure import Figure  # noqa: PLC0415

    known = ~np.isnan(prediction) & ~np.isnan(label)
    x, y = label[known], prediction[known]
    figure = Figure(figsize=(13, 4.4))
    figure.suptitle(f"{slug}, {len(x)} pictures", x=0.01, ha="left", fontsize=14, weight="bold")
    against, errors, used = figure.subplots(1, 3, width_ratios=(1.1, 1, 1))
    ticks = range(levels[0], levels[1] + 1)

    # Whole levels would lie on top of each other; fractional predictions stay where they are.
    jitter = np.random.default_rng(0).uniform(-0.16, 0.16, (2, len(x)))
    jitter[1] *= (y == np.round(y)).all()
    against.plot(levels, levels, color=PLAIN, linewidth=1.2, linestyle="--", label="the same")
    faint = float(np.clip(60 / len(x), 0.15, 0.6))
    against.scatter(x + jitter[0], y + jitter[1], s=22, color=MODEL, alpha=faint, linewidths=0)
    against.set(xlabel="label", ylabel="prediction", xticks=ticks, yticks=ticks)
    rho = _digits(figures["spearman"])
    against.set_title(f"Prediction against label, Spearman {rho}", pad=26)
    _legend_above(against)

    furthest = max(1.0, float(np.abs(y - x).max()))
    errors.hist(y - x, bins=np.linspace(-furthest, furthest, 22), color=MODEL, edgecolor="white")
    errors.axvline(0, color=PLAIN, linewidth=1.2, linestyle="--")
    errors.axvline(figures["bias"], color=PEOPLE, linewidth=2, label=f"mean {figures['bias']:+.2f}")
    errors.set(xlabel="prediction less label", ylabel="pictures")
    errors.set_title("Errors", pad=26)
    _legend_above(errors)

    for side, values, color, hatch in (
        (-0.2, x, LABEL, "//"),
        (0.2, y, MODEL, ""),
    ):
        counts = [(round_half_up(values, levels) == level).sum() for level in ticks]
        name = "label" if side < 0 else "prediction"
        places = [level + side for level in ticks]
        used.bar(places, counts, 0.4, color=color, edgecolor="white", hatch=hatch, label=name)
    used.set(xlabel="level", ylabel="pictures", xticks=ticks)
    used.set_title("Levels used", pad=26)
    _legend_above(used)
    return figure


def _draw_overview(dimensions: Mapping[str, Any]) -> Figure:
    from matplotlib.figure import Figure  # noqa: PLC0415

    rows = np.arange(len(dimensions))[::-1]  # the first dimension on top
    figure = Figure(figsize=(13, 1.9 + 0.45 * len(dimensions)))
    panels = figure.subplots(1, len(OVERVIEW), sharey=True)
    for panel, (metric, title, baseline, words) in zip(panels, OVERVIEW, strict=True):
        for row, figures in zip(rows, dimensions.values(), strict=True):
            if (ends := figures["ci"][metric]) is not None:
                panel.plot(ends, [row, row], color=MODEL, linewidth=3, alpha=0.45)
        _points(panel, rows, [f[metric] for f in dimensions.values()], "o", MODEL, "prediction")
        people = [_at(f, ("human", metric)) for f in dimensions.values()] if metric != "mse" else []
        _points(panel, rows, people, "D", PEOPLE, "two people")
        if baseline is None:
            panel.axvline(
                0, color=PLAIN, linewidth=1.2, linestyle="--", label="looks at no picture"
            )
        else:
            plain = [_at(figures, baseline) for figures in dimensions.values()]
            _points(panel, rows, plain, "x", PLAIN, words)
        panel.set_title(title, pad=26)
        panel.set_yticks(rows, list(dimensions))
        panel.set_ylim(-0.6, len(dimensions) - 0.4)
        panel.grid(axis="x", color="#E3E5E8")
        panel.margins(x=0.08)
        _legend_above(panel)
    figure.supxlabel("bars: 95 % bootstrap interval over pictures", fontsize=10, color=PLAIN)
    return figure


def _points(
    panel: Axes,
    rows: Iterable[int],
    values: Iterable[float | None],
    marker: str,
    color: str,
    name: str,
) -> None:
    known = [(value, row) for value, row in zip(values, rows, strict=False) if value is not None]
    if known:
        x, y = zip(*known, strict=True)
        panel.plot(x, y, marker, color=color, markersize=8, markeredgewidth=2, label=name)


def _legend_above(panel: Axes) -> None:
    panel.legend(
        loc="lower left",
        bbox_to_anchor=(-0.02, 1.0),
        ncols=3,
        fontsize=9.5,
        handletextpad=0.3,
        columnspacing=1.0,
        borderaxespad=0.1,
    )
