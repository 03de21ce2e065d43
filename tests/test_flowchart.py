"""The drawing of where a picture goes."""

from __future__ import annotations

from xml.etree import ElementTree

from django.template.loader import render_to_string

from grading.flowchart import Step, flow

STEPS = [
    Step("person", "Somebody adds it", "In a browser.", stores=False),
    Step("machine", "Bildverarbeitungsgeschwindigkeitsmessung im Klassenraum", "word " * 60),
    Step("off", "A < B & C", ""),
    Step("person", "Somebody looks", "Elsewhere.", stores=False),
]


def test_it_is_well_formed_whatever_the_words():
    markup = render_to_string(
        "grading/_data_flow.html", {"flow": flow(STEPS, "Store", range(1, 3))}
    )
    ElementTree.fromstring(markup)


def test_boxes_do_not_touch_and_lie_in_the_picture():
    drawn = flow(STEPS, "Store", range(1, 3))
    spans = [(float(b.y), float(b.y) + float(b.height)) for b in drawn.boxes]
    assert all(end < start for (_, end), (start, _) in zip(spans, spans[1:], strict=False))
    assert spans[-1][1] <= drawn.height


def test_only_what_is_inside_and_is_stored_leads_to_the_store():
    drawn = flow(STEPS, "Store", range(1, 3))
    assert [bool(box.to_store) for box in drawn.boxes] == [False, True, True, False]
    assert [bool(box.arrow) for box in drawn.boxes] == [True, True, True, False]
    top, height = float(drawn.frame[1]), float(drawn.frame[3])
    inside = [top < float(b.y) and float(b.y) + float(b.height) < top + height for b in drawn.boxes]
    assert inside == [False, True, True, False]
