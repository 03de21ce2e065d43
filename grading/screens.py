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
        ("home", "earlier-years", "classroom", "new-assignment"),
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
    Screen("school", _("School"), _("Years, classes and students"),
           ("school", "school-classes", "new-year", "edit-year", "archive-year", "new-class",
            "edit-class", "add-teacher", "promote-classes", "school-students", "new-students",
            "edit-student", "put-student", "leave-school")),
    Screen("rosters", _("Rosters"), _("Lists of students from another system"),
           ("rosters", "roster-columns", "roster")),
    Screen("privacy", _("Privacy"), _("Consent, a copy, a correction, erasing"),
           ("school-privacy", "student-privacy", "class-consents", "retention", "holds", "receipts",
            "receipt", "erase", "student-record", "consent", "amend", "hold-student")),
    Screen("data", _("Data and AI"), _("What is stored, and for an impact assessment"),
           ("school-data", "assessment-notes")),
    Screen("settings", _("School settings"), _("What an administrator decides"),
           ("school-settings",)),
    Screen("people", _("People"), _("Who is let in, and as what"), ("people", "person")),
    Screen("account", _("Your account"), _("Password, second factor, sessions"), ()),
    Screen("audit", _("Audit trail"), _("Who did what, and when"), ("audit",)),
    Screen("models", _("Models"), _("What scores, and since when"), ("models",)),
    Screen("keys", _("Keys"), _("Everything by keyboard")),
)  # fmt: skip
BY_SLUG = {screen.slug: screen for screen in SCREENS}
BY_URL = {f"grading:{name}": screen for screen in SCREENS for name in screen.urls} | {
    "account_change_password": BY_SLUG["account"],
    "mfa_index": BY_SLUG["account"],
    "mfa_activate_totp": BY_SLUG["account"],
    "usersessions_list": BY_SLUG["account"],
}

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
    Section(_("People"), "people", ("people", "invite", "invite-again", "person")),
    Section(
        _("Classes"), "school-classes",
        ("school-classes", "new-year", "edit-year", "archive-year", "new-class", "edit-class",
         "add-teacher", "promote-classes"),
    ),
    Section(
        _("Students"), "school-students",
        ("school-students", "new-students", "edit-student", "put-student", "leave-school"),
    ),
    Section(_("Rosters"), "rosters", ("rosters", "roster-columns", "roster")),
    Section(
        _("Privacy"), "school-privacy",
        ("school-privacy", "student-privacy", "consent", "amend", "hold-student", "erase",
         "student-record", "class-consents", "retention", "holds", "receipts", "receipt"),
    ),
    Section(_("Data and AI"), "school-data", ("school-data", "assessment-notes")),
    Section(_("Audit trail"), "audit", ("audit",)),
    Section(_("Settings"), "school-settings", ("school-settings",)),
)  # fmt: skip
SCHOOL_PAGES = {f"grading:{name}" for section in SCHOOL_SECTIONS for name in section.pages}
