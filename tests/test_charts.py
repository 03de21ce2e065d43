"""The radar shows what is there, leaves gaps where nothing is, and says the same in a table."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET

import pytest
from django.template.loader import render_to_string
from django.utils.translation import override

from grading.charts import (
    LABEL_GAP,
    RADIUS,
    Axis,
    Layer,
    level_shares,
    mini_radar,
    radar,
    wrap_label,
)
from ml.rubric import KIDSART

NINE = [Axis(d.name, d.slug) for d in KIDSART.dimensions]
MODEL = [2.1, 3.7, 4.4, 4.3, 3.8, 3.2, 2.4, 3.4, 3.9]
RANGES = [(value - 0.5, value + 0.5) for value in MODEL]


def drawn(radar_context: object) -> ET.Element:
    return ET.fromstring(render_to_string("grading/_radar.html", {"radar": radar_context}))


def points(path: str) -> list[tuple[float, float]]:
    numbers = [float(n) for n in re.findall(r"-?\d+(?:\.\d+)?", path)]
    return list(zip(numbers[::2], numbers[1::2], strict=True))


@pytest.mark.parametrize("axes", range(3, 13))
@pytest.mark.parametrize("levels", range(3, 8))
def test_any_number_of_axes_and_levels_is_drawn_as_well_formed_markup(
    axes: int, levels: int
) -> None:
    names = [Axis(f"Dimension {i}", f"d{i}") for i in range(axes)]
    context = radar(names, [Layer("mine", [1] * axes)], 1, levels)
    figure = drawn(context)
    assert len(figure.findall(".//polygon")) == levels
    assert len(figure.findall(".//tbody/tr")) == axes
    assert context.layers[0].markers.count("Z") == axes


def test_the_levels_lie_on_their_rings_and_the_first_is_no_point() -> None:
    context = radar(NINE, [Layer("mine", [1, *[5] * 8])], 1, 5)
    top, *others = points(context.layers[0].line)
    assert top == (0.0, -round(RADIUS / 5, 1))
    assert all(abs((x * x + y * y) ** 0.5 - RADIUS) < 0.2 for x, y in others)


def test_a_scale_that_begins_at_zero_has_a_ring_for_zero() -> None:
    context = radar(NINE, [Layer("mine", [0] * 9)], 0, 3)
    assert points(context.layers[0].line)[0] == (0.0, -RADIUS / 4)


def test_a_missing_value_leaves_a_gap_and_is_never_a_zero() -> None:
    values: list[float | None] = [*MODEL]
    values[3] = None
    context = radar(NINE, [Layer("model", values)], 1, 5)
    line = context.layers[0].line
    assert line.count("M") == 1
    assert not line.endswith("Z")
    assert len(points(line)) == 8
    assert all((x * x + y * y) ** 0.5 >= RADIUS / 5 - 0.1 for x, y in points(line))
    assert context.rows[3].cells == ("no value",)


def test_two_gaps_make_two_lines_and_a_lone_value_keeps_its_marker() -> None:
    values: list[float | None] = [2, None, 3, None, 4, 4, 4, 4, None]
    context = radar(NINE, [Layer("mine", values)], 1, 5)
    assert context.layers[0].line.count("M") == 1  # 4 4 4 4; the lone 2 and 3 have no neighbor
    assert context.layers[0].markers.count("Z") == 6


def test_a_layer_without_any_value_is_in_the_legend_but_draws_nothing() -> None:
    context = radar(NINE, [Layer("model", [None] * 9, [None] * 9)], 1, 5)
    assert context.layers[0].line == context.layers[0].band == context.layers[0].markers == ""
    item = drawn(context).find(".//li")
    assert item is not None
    assert "".join(item.itertext()).strip() == "Model, with its likely range"


def test_the_range_is_a_ring_around_the_values_and_stays_on_the_scale() -> None:
    context = radar(NINE, [Layer("model", MODEL, [(0.2, 9.0)] * 9)], 1, 5)
    outer, inner = context.layers[0].band.removesuffix("Z").split("Z")
    assert {round((x * x + y * y) ** 0.5) for x, y in points(outer)} == {round(RADIUS)}
    assert {round((x * x + y * y) ** 0.5) for x, y in points(inner)} == {round(RADIUS / 5)}


def test_the_range_has_a_gap_where_the_model_was_not_calibrated() -> None:
    ranges: list[tuple[float, float] | None] = [*RANGES]
    ranges[0] = ranges[5] = None
    context = radar(NINE, [Layer("model", MODEL, ranges)], 1, 5)
    assert context.layers[0].band.count("M") == 2
    assert len(points(context.layers[0].band)) == 2 * 7


def test_a_model_that_is_not_calibrated_is_not_said_to_have_a_range() -> None:
    context = radar(NINE, [Layer("model", MODEL)], 1, 5)
    assert context.columns == ("Model",)


def test_the_persons_layer_lies_on_top_and_the_legend_keeps_the_order() -> None:
    layers = [Layer("mine", [3] * 9), Layer("model", MODEL, RANGES), Layer("average", [2] * 9)]
    context = radar(NINE, layers, 1, 5)
    assert [layer.kind for layer in context.layers] == ["average", "model", "mine"]
    assert [layer.kind for layer in context.legend] == ["mine", "model", "average"]


def test_layers_differ_in_more_than_color() -> None:
    kinds = ("mine", "model", "average", "then")
    context = radar(NINE, [Layer(kind, [3] * 9) for kind in kinds], 1, 5)
    markers = {layer.kind: layer.key_marker for layer in context.legend}
    assert len({markers["mine"], markers["model"], markers["average"]}) == 3


def test_the_table_twin_holds_every_value_and_range() -> None:
    context = radar(NINE, [Layer("mine", [2] * 9), Layer("model", MODEL, RANGES)], 1, 5)
    cells = [cell.text for cell in drawn(context).findall(".//tbody/tr")[0]]
    assert cells == ["Realism", "2", "2.1 (1.6 to 2.6)"]


def test_numbers_follow_the_language_but_the_geometry_does_not() -> None:
    with override("de"):
        context = radar(NINE, [Layer("model", MODEL)], 1, 5)
    assert context.rows[0].cells == ("2,1",)
    assert context.layers[0].line == radar(NINE, [Layer("model", MODEL)], 1, 5).layers[0].line


def test_the_picture_has_a_name_and_two_radars_share_no_id() -> None:
    ids = []
    for ident in ("now", "then"):
        context = radar(NINE, [Layer("mine", [3] * 9)], 1, 5, title="Amara", ident=ident)
        svg = drawn(context).find("svg")
        assert svg is not None
        assert svg.get("role") == "img"
        named_by = [svg.find("title"), svg.find("desc")]
        assert svg.get("aria-labelledby", "").split() == [e.get("id") for e in named_by]
        ids += [e.get("id") for e in named_by]
    assert len(set(ids)) == 4


def test_nothing_in_the_markup_needs_inline_styles() -> None:
    context = radar(NINE, [Layer("model", MODEL, RANGES)], 1, 5)
    assert "style=" not in render_to_string("grading/_radar.html", {"radar": context})
    assert "style=" not in mini_radar(MODEL, 1, 5)


def test_labels_are_escaped() -> None:
    axes = [Axis("<script>", "a"), *NINE[1:]]
    markup = render_to_string(
        "grading/_radar.html", {"radar": radar(axes, [Layer("mine", [3] * 9, name="<b>")], 1, 5)}
    )
    assert "<script>" not in markup
    assert "<b>" not in markup


@pytest.mark.parametrize(
    ("label", "lines"),
    [
        ("Realism", ("Realism",)),
        ("Picture organization", ("Picture", "organization")),
        ("Use of the whole page", ("Use of the", "whole page")),
        ("Donaudampfschifffahrtsgesellschaft", ("Donaudampfschifff…",)),
        ("色彩的丰富程度与层次感以及变化", ("色彩的丰富程度与…",)),
    ],
)
def test_labels_are_wrapped_on_two_even_lines_and_shortened(
    label: str, lines: tuple[str, ...]
) -> None:
    assert wrap_label(label) == lines


def test_every_label_lies_inside_the_picture_and_outside_the_rings() -> None:
    context = radar(NINE, [Layer("mine", [3] * 9)], 1, 5)
    left, top, width, height = map(float, context.grid.view_box.split())
    for label in context.grid.labels:
        longest = max(len(line) for line, _y in label.lines) * 5.8  # as measured in the browser
        x = float(label.x)
        span = {"start": (x, x + longest), "end": (x - longest, x)}.get(
            label.anchor, (x - longest / 2, x + longest / 2)
        )
        assert left <= span[0] <= span[1] <= left + width
        for _line, y in label.lines:
            assert top <= float(y) - 9
            assert float(y) + 3 <= top + height
        nearest_x = min(map(abs, span)) if span[0] * span[1] > 0 else 0.0
        nearest_y = min(abs(float(y) - 4) for _line, y in label.lines)
        assert (nearest_x**2 + nearest_y**2) ** 0.5 > RADIUS + LABEL_GAP / 3


def test_too_few_axes_or_a_layer_of_another_length_is_refused() -> None:
    with pytest.raises(ValueError, match="three axes"):
        radar(NINE[:2], [], 1, 5)
    with pytest.raises(ValueError, match="each axis"):
        radar(NINE, [Layer("mine", [3] * 8)], 1, 5)
    with pytest.raises(ValueError, match="each axis"):
        radar(NINE, [Layer("model", MODEL, RANGES[:8])], 1, 5)


def test_the_mini_radar_is_hidden_from_screen_readers_and_has_no_shape_without_scores() -> None:
    svg = ET.fromstring(mini_radar([None] * 9, 1, 5))
    assert svg.get("aria-hidden") == "true"
    grid, shape = svg.findall("path")
    assert grid.get("d")
    assert shape.get("d") == ""
    assert ET.fromstring(mini_radar(MODEL, 1, 5)).findall("path")[1].get("d", "").count("L") == 8


def test_a_range_fills_the_boxes_of_the_levels_it_covers() -> None:
    assert level_shares((1.6, 3.2), 1, 5) == (0, 4, 3, 0, 0)
    assert level_shares((2.45, 2.55), 1, 5) == (0, 1, 1, 0, 0)
    assert level_shares((4.9, 5.4), 1, 5) == (0, 0, 0, 0, 2)
    assert level_shares(None, 0, 3) == (0, 0, 0, 0)
