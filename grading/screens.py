"""Which help and which first-run guide belongs to which page.

The words are in templates/grading/help/ and templates/grading/guide/, one file a screen.
"""

from __future__ import annotations

from dataclasses import dataclass

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _


@dataclass(frozen=True)
class Screen:
    slug: str
    title: Promise
    about: Promise
    urls: tuple[str, ...] = ()  # names of the pages whose help this is

    @property
    def help_template(self) -> str:
        return f"grading/help/{self.slug}.html"


SCREENS: tuple[Screen, ...] = (
    Screen(
        "classes", _("Classes"), _("Where everything starts"),
        ("home", "classroom", "new-assignment"),
    ),
    Screen("board", _("Assignment board"), _("A class set, from photos to levels"),
           ("board", "upload", "accept")),
    Screen("photos", _("Photos"), _("Straight, and without the color of the light"),
           ("photos", "photo")),
    Screen("matching", _("Matching"), _("Whose picture is this?"), ("match",)),
    Screen("review", _("Review"), _("Look, correct, confirm"), ("review",)),
    Screen("scores", _("What the levels mean"), _("And where the model is weak")),
    Screen("contact-sheet", _("Contact sheet"), _("One dimension across the class"), ("sheet",)),
    Screen("feedback", _("Feedback"), _("A strength and a next step"), ("comments",)),
    Screen("release", _("Release"), _("What families may see, and when"), ("release",)),
    Screen("families", _("Families"), _("Links to released work"), ("family-links",)),
    Screen("second-look", _("A second look"), _("Fresh eyes on a decision"),
           ("open-appeal", "appeal", "appeal-look")),
    Screen("portfolio", _("Portfolio"), _("One student over time"), ("student",)),
    Screen("class-view", _("Class overview"), _("How levels spread, and what it costs"),
           ("class-view",)),
    Screen("reports", _("Reports and exports"), _("On paper, and in a spreadsheet"),
           ("report-class", "report-student", "report", "export", "export-class",
            "export-student")),
    Screen("practice", _("Practice"), _("Compare your eye with the rubric"),
           ("practice", "practice-example")),
    Screen("settings", _("School settings"), _("What an administrator decides"),
           ("school-settings",)),
    Screen("audit", _("Audit trail"), _("Who did what, and when"), ("audit",)),
    Screen("models", _("Models"), _("What scores, and since when"), ("models",)),
    Screen("keys", _("Keys"), _("Everything by keyboard")),
)  # fmt: skip
BY_SLUG = {screen.slug: screen for screen in SCREENS}
BY_URL = {f"grading:{name}": screen for screen in SCREENS for name in screen.urls}

GUIDES: dict[str, str] = {  # page -> guide, shown until the person puts it away
    "grading:home": "home",
    "grading:board": "board",
    "grading:review": "review",
    "grading:class-view": "class-view",
}


@dataclass(frozen=True)
class Section:
    """One of the sections of a school's administration."""

    label: Promise
    url: str  # name of its first page, which takes the school's code
    pages: tuple[str, ...]  # names of all its pages


SCHOOL_SECTIONS: tuple[Section, ...] = (
    Section(_("Overview"), "school", ("school",)),
    Section(_("Audit trail"), "audit", ("audit",)),
    Section(_("Settings"), "school-settings", ("school-settings",)),
)
