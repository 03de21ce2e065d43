"""Style sheets and templates: legible in both themes, and nothing that a strict CSP stops."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
TOKENS = (ROOT / "static/css/tokens.css").read_text()
TEMPLATES = sorted((ROOT / "templates").rglob("*.html"))

TEXT_PAIRS = [  # WCAG 2.2 AA: 4.5 to 1
    *((ink, ground) for ink in ("ink", "ink-soft", "accent-ink", "model-ink", "danger-ink")
      for ground in ("paper", "surface")),
    ("ink-soft", "paper-deep"), ("ink", "paper-deep"), ("ink-soft", "accent-soft"),
    ("ink", "accent-soft"), ("ink", "check-soft"), ("ink", "danger-soft"), ("ink", "done-soft"),
    ("on-accent", "accent"), ("on-accent", "accent-strong"), ("accent-ink", "accent-soft"),
    ("model-ink", "model-soft"), ("model-ink", "accent-soft"), ("check-ink", "check-soft"),
    ("done-ink", "done-soft"), ("danger-ink", "danger-soft"), ("danger-ink", "surface"),
    ("paper", "ink"),
]  # fmt: skip
SHAPE_PAIRS = [  # lines and outlines that carry meaning: 3 to 1
    (shape, ground)
    for shape in ("edge", "accent-ink", "model", "check", "danger", "ink-soft")
    for ground in ("paper", "surface")
]


def themes() -> dict[str, dict[str, str]]:
    blocks = re.findall(r":root[^{]*\{([^}]*)\}", TOKENS)
    light, dark_by_system, dark_by_choice = (
        dict(re.findall(r"--([\w-]+):\s*(#[0-9a-f]{6})\b", block)) for block in blocks
    )
    assert dark_by_system == dark_by_choice
    return {"light": light, "dark": {**light, **dark_by_choice}}


def luminance(color: str) -> float:
    channels = [int(color[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    darker, lighter = sorted((luminance(one), luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_text_and_outlines_stand_out_enough_in_both_themes(theme: str) -> None:
    colors = themes()[theme]
    faint = {
        (front, ground): round(contrast(colors[front], colors[ground]), 2)
        for pairs, least in ((TEXT_PAIRS, 4.5), (SHAPE_PAIRS, 3.0))
        for front, ground in pairs
        if contrast(colors[front], colors[ground]) < least
    }
    assert faint == {}


def test_only_the_tokens_and_paper_name_a_color() -> None:
    for sheet in (ROOT / "static/css").glob("*.css"):
        if sheet.name not in ("tokens.css", "print.css", "paper.css"):
            assert re.findall(r"#[0-9a-fA-F]{3,8}\b", sheet.read_text()) == [], sheet.name


def test_every_custom_property_in_use_is_defined() -> None:
    sheets = "".join(sheet.read_text() for sheet in (ROOT / "static/css").glob("*.css"))
    defined = set(re.findall(r"(--[\w-]+)\s*:", sheets))
    assert set(re.findall(r"var\((--[\w-]+)", sheets)) <= defined


@pytest.mark.parametrize("template", TEMPLATES, ids=lambda path: path.name)
def test_no_template_has_inline_styles_scripts_or_handlers(template: Path) -> None:
    markup = template.read_text()
    assert not re.search(r"\sstyle=|<style|\son\w+=|hx-on|javascript:", markup)
    assert not re.search(r"<script(?![^>]*\ssrc=)", markup)
