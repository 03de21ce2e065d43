"""What is stored where, about whom, why, for how long, and who sees it: for an impact assessment.

Every model and every file field has an entry, or a test fails. Times come from the settings and
from the school. Names of tables are in it for whoever checks; people read the sentences.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from django.apps import apps
from django.conf import settings
from django.db.models import FileField
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from grading.models import School
from grading.models.reports import KEPT_DAYS as REPORT_KEPT_DAYS
from grading.models.rights import KEPT_DAYS as RECORD_KEPT_DAYS

Kept = Callable[[School | None], str]


# ------------------------------------------------------------------------------------ for how long
def _days(count: int) -> str:
    return ngettext("%(count)d day", "%(count)d days", count) % {"count": count}


def with_the_work(school: School | None) -> str:
    days = School._meta.get_field("kept_days").default if school is None else school.kept_days
    words = _("%(days)s after its school year has ended")
    if school is None:
        words = _("as long after its school year has ended as the school sets; at first %(days)s")
    return words % {"days": _days(days)}


def with_the_student(school: School | None) -> str:
    return _("as long as the student is on record at the school")


def with_the_account(school: School | None) -> str:
    return _("as long as the person has an account")


def with_the_school(school: School | None) -> str:
    return _("as long as the school is on this server")


def with_the_model(school: School | None) -> str:
    return _("as long as any decision refers to it")


def always(school: School | None) -> str:
    return _("always; there is nothing personal in it")


def until_prepared(school: School | None) -> str:
    return _("until the clean copy is made, usually seconds")


def until_done(school: School | None) -> str:
    return _("until it has been done")


def until_confirmed(school: School | None) -> str:
    return _("until the picture is confirmed")


def reports_kept(school: School | None) -> str:
    return _days(REPORT_KEPT_DAYS)


def records_kept(school: School | None) -> str:
    return _days(RECORD_KEPT_DAYS)


def _set_in_settings(name: str) -> Kept:
    """Days in a setting; a server without the setting keeps without an end, and it is said so."""

    def kept(school: School | None) -> str:
        days = getattr(settings, name, None)
        return _days(days) if isinstance(days, int) else _("no end is set on this server")

    return kept


audit_kept = _set_in_settings("AUDIT_KEPT_DAYS")
rosters_kept = _set_in_settings("ROSTER_KEPT_DAYS")


def session_kept(school: School | None) -> str:
    hours = round(settings.SESSION_COOKIE_AGE / 3600)
    return ngettext(
        "%(count)d hour after signing in", "%(count)d hours after signing in", hours
    ) % {"count": hours}


def csrf_kept(school: School | None) -> str:
    return _days(round(settings.CSRF_COOKIE_AGE / 86400))


def until_shown(school: School | None) -> str:
    return _("until the next page has shown it")


def until_browser_closes(school: School | None) -> str:
    return _("until the browser is closed")


def until_cleared(school: School | None) -> str:
    return _("until the person clears what the browser has stored")


def ten_minutes(school: School | None) -> str:
    return _("10 minutes")


def with_the_lockout(school: School | None) -> str:
    return _("a day, or until the person signs in")


def logs_kept(school: School | None) -> str:
    return _("cut when they grow large; otherwise as the server's operator sets")


def operator_decides(school: School | None) -> str:
    return _("as the server's operator sets")


# ------------------------------------------------------------------------------ whose, why, by whom
@dataclass(frozen=True)
class Whose:
    slug: str
    title: Promise


CHILDREN = Whose("children", gettext_lazy("About children"))
STAFF = Whose("staff", gettext_lazy("About teachers, annotators and administrators"))
FAMILIES = Whose("families", gettext_lazy("About families"))
NOBODY = Whose("nobody", gettext_lazy("About nobody"))
EVERYBODY = (CHILDREN, FAMILIES, STAFF, NOBODY)

DATABASE = gettext_lazy("database")
MEDIA = gettext_lazy("folder of files")
BROWSER = gettext_lazy("the person's own browser")
MACHINE = gettext_lazy("the server's own memory and disk")
MAIL = gettext_lazy("mail")

ASSESS = gettext_lazy("to look at the work and to decide about it")
ORGANIZE = gettext_lazy("to know who is in which class, and who teaches it")
SIGN_IN = gettext_lazy("to let the right people in, and nobody else")
PROVE = gettext_lazy("to be able to say later who did what")
SHARE = gettext_lazy("to show families what was released")
LEARN = gettext_lazy("to train adapters, where school and family agreed")
RUN = gettext_lazy("to keep the program running")
RIGHTS = gettext_lazy("to answer what families and the law may ask for")
PRACTICE = gettext_lazy("to practice with examples")

CLASS = gettext_lazy("the teachers of the class, the school's administrators")
CLASS_AND_FAMILY = gettext_lazy(
    "the teachers of the class, the school's administrators, and the family once it is released"
)
WHO_SEES_PICTURES = gettext_lazy(
    "the teachers of the class, the school's administrators, the teacher who takes a second look, "
    "and the family once it is released"
)
SECOND_LOOK = gettext_lazy(
    "the teachers of the class, the school's administrators; of the picture alone, the teacher "
    "who takes the second look"
)
ADMINISTRATORS = gettext_lazy("the school's administrators")
MEMBERS = gettext_lazy("the school's teachers, annotators and administrators")
OWN = gettext_lazy("the person alone")
OWN_AND_ADMINISTRATORS = gettext_lazy("the person, the school's administrators")
ANYBODY = gettext_lazy("anybody; there is nothing personal in it")
OPERATOR = gettext_lazy("whoever looks after the server")


@dataclass(frozen=True)
class Entry:
    key: str  # label of a model, or of a model and its file field; else a name of its own
    what: Promise
    whose: Whose
    why: Promise
    kept: Kept
    seen_by: Promise
    where: Promise = DATABASE

    @property
    def is_row(self) -> bool:
        return "." in self.key


@dataclass(frozen=True)
class Line:
    """An entry as a school reads it."""

    entry: Entry
    kept: str


# ---------------------------------------------------------------------------------- the entries
ENTRIES: tuple[Entry, ...] = (
    Entry(
        "grading.Student",
        gettext_lazy(
            "Display name, perhaps a school number, grade band, the day the child left. No birth "
            "date, no address, no account."
        ),
        CHILDREN,
        ORGANIZE,
        with_the_student,
        CLASS_AND_FAMILY,
    ),
    Entry(
        "grading.Enrollment",
        gettext_lazy("In which classes a child is and was, from which day to which."),
        CHILDREN,
        ORGANIZE,
        with_the_student,
        CLASS,
    ),
    Entry(
        "grading.Artwork",
        gettext_lazy(
            "One uploaded file: a cleaned file name, its size and its hash, whose work it is, who "
            "added it and when."
        ),
        CHILDREN,
        ASSESS,
        with_the_work,
        CLASS,
    ),
    Entry(
        "grading.Artwork.original",
        gettext_lazy(
            "The file as it was uploaded. It may carry a place and a time, so it is thrown away "
            "first."
        ),
        CHILDREN,
        ASSESS,
        until_prepared,
        OPERATOR,
        MEDIA,
    ),
    Entry(
        "grading.Picture",
        gettext_lazy("Size, hash and random names of the clean copies of a picture."),
        CHILDREN,
        ASSESS,
        with_the_work,
        CLASS_AND_FAMILY,
    ),
    Entry(
        "grading.Picture.full",
        gettext_lazy("The clean copy that the model looks at."),
        CHILDREN,
        ASSESS,
        with_the_work,
        WHO_SEES_PICTURES,
        MEDIA,
    ),
    Entry(
        "grading.Picture.display",
        gettext_lazy("The copy that pages and reports show."),
        CHILDREN,
        ASSESS,
        with_the_work,
        WHO_SEES_PICTURES,
        MEDIA,
    ),
    Entry(
        "grading.Picture.thumbnail",
        gettext_lazy("The small copy of the board."),
        CHILDREN,
        ASSESS,
        with_the_work,
        WHO_SEES_PICTURES,
        MEDIA,
    ),
    Entry(
        "grading.IntakeJob",
        gettext_lazy("That a file was to be prepared, and what became of it."),
        CHILDREN,
        RUN,
        with_the_work,
        CLASS,
    ),
    Entry(
        "grading.EditJob",
        gettext_lazy("That a picture was turned, cropped or lit, by whom."),
        CHILDREN,
        ASSESS,
        with_the_work,
        CLASS,
    ),
    Entry(
        "grading.PhotoProposal",
        gettext_lazy("How a photograph could be straightened, and what the teacher said to it."),
        CHILDREN,
        ASSESS,
        with_the_work,
        CLASS,
    ),
    Entry(
        "grading.PhotoProposal.preview",
        gettext_lazy("The photograph as it would look straightened."),
        CHILDREN,
        ASSESS,
        with_the_work,
        CLASS,
        MEDIA,
    ),
    Entry(
        "grading.ScoringJob",
        gettext_lazy(
            "That a picture was to be looked at by the model, by which adapters, and what became "
            "of it."
        ),
        CHILDREN,
        ASSESS,
        with_the_work,
        CLASS,
    ),
    Entry(
        "grading.ScoreSet",
        gettext_lazy("That the model has spoken about a picture, and when."),
        CHILDREN,
        ASSESS,
        with_the_work,
        CLASS,
    ),
    Entry(
        "grading.DimensionScore",
        gettext_lazy(
            "What the model proposed for each dimension, how sure it was, and with which adapter."
        ),
        CHILDREN,
        ASSESS,
        with_the_work,
        CLASS,
    ),
    Entry(
        "grading.FeedbackJob",
        gettext_lazy("That words were to be written, in which tone."),
        CHILDREN,
        ASSESS,
        with_the_work,
        CLASS,
    ),
    Entry(
        "grading.FeedbackDraft",
        gettext_lazy("The words that were proposed, and where they came from."),
        CHILDREN,
        ASSESS,
        with_the_work,
        CLASS,
    ),
    Entry(
        "grading.ReviewDraft",
        gettext_lazy("A teacher's unfinished words about a picture."),
        CHILDREN,
        ASSESS,
        until_confirmed,
        CLASS,
    ),
    Entry(
        "grading.DraftLevel",
        gettext_lazy("A teacher's unfinished levels of a picture."),
        CHILDREN,
        ASSESS,
        until_confirmed,
        CLASS,
    ),
    Entry(
        "grading.Review",
        gettext_lazy("That a named person decided about a picture, with the words for the family."),
        CHILDREN,
        ASSESS,
        with_the_work,
        CLASS_AND_FAMILY,
    ),
    Entry(
        "grading.ReviewWithdrawal",
        gettext_lazy("That somebody took a decision back."),
        CHILDREN,
        PROVE,
        with_the_work,
        CLASS,
    ),
    Entry(
        "grading.Annotation",
        gettext_lazy(
            "The decided levels, one by one, and whether the family had agreed to training at "
            "that moment."
        ),
        CHILDREN,
        ASSESS,
        with_the_work,
        CLASS_AND_FAMILY,
    ),
    Entry(
        "grading.NotAssessed",
        gettext_lazy("Why a dimension was left without a level."),
        CHILDREN,
        ASSESS,
        with_the_work,
        CLASS_AND_FAMILY,
    ),
    Entry(
        "grading.BlindLook",
        gettext_lazy("Levels given before anybody else's were seen."),
        CHILDREN,
        ASSESS,
        with_the_work,
        SECOND_LOOK,
    ),
    Entry(
        "grading.StudentNote",
        gettext_lazy("A teacher's note on the work of a student over time."),
        CHILDREN,
        ASSESS,
        with_the_student,
        CLASS,
    ),
    Entry(
        "grading.ReleasedWork",
        gettext_lazy("Which decision about which picture a family may see."),
        CHILDREN,
        SHARE,
        with_the_work,
        CLASS_AND_FAMILY,
    ),
    Entry(
        "grading.ReportJob",
        gettext_lazy("That a report was asked for, by whom, and of whose work."),
        CHILDREN,
        SHARE,
        with_the_student,
        OWN,
    ),
    Entry(
        "grading.ReportJob.file",
        gettext_lazy("A report as PDF, or several in a ZIP."),
        CHILDREN,
        SHARE,
        reports_kept,
        OWN,
        MEDIA,
    ),
    Entry(
        "grading.StudentExport",
        gettext_lazy("That a copy of everything about a student was asked for, and by whom."),
        CHILDREN,
        RIGHTS,
        with_the_student,
        OWN,
    ),
    Entry(
        "grading.StudentExport.file",
        gettext_lazy("A copy of everything about a student, as a ZIP."),
        CHILDREN,
        RIGHTS,
        records_kept,
        OWN,
        MEDIA,
    ),
    Entry(
        "grading.Consent",
        gettext_lazy(
            "Whether the work may be used for training: yes or no, how and when it was said, who "
            "wrote it down."
        ),
        CHILDREN,
        LEARN,
        with_the_student,
        ADMINISTRATORS,
    ),
    Entry(
        "grading.TrainingItem",
        gettext_lazy(
            "Codes of the decisions that an adapter learned from. They lead nowhere once the work "
            "is erased."
        ),
        CHILDREN,
        LEARN,
        with_the_model,
        OPERATOR,
    ),
    Entry(
        "grading.LegalHold",
        gettext_lazy("That nothing of a student or a year may be erased, why, and who said so."),
        CHILDREN,
        RIGHTS,
        with_the_school,
        ADMINISTRATORS,
    ),
    Entry(
        "grading.Amendment",
        gettext_lazy("Words that a family or the school put beside a record."),
        CHILDREN,
        RIGHTS,
        with_the_student,
        CLASS_AND_FAMILY,
    ),
    Entry(
        "grading.ErasureReceipt",
        gettext_lazy(
            "That a student was erased, and how many rows and files: a code, never a name."
        ),
        CHILDREN,
        RIGHTS,
        with_the_school,
        ADMINISTRATORS,
    ),
    Entry(
        "grading.DoomedFile",
        gettext_lazy("Names of files that are to be deleted."),
        CHILDREN,
        RIGHTS,
        until_done,
        OPERATOR,
    ),
    Entry(
        "grading.RosterImport",
        gettext_lazy(
            "Lists of classes and students as another system gave them, and what taking them over "
            "changed."
        ),
        CHILDREN,
        ORGANIZE,
        rosters_kept,
        ADMINISTRATORS,
    ),
    Entry(
        "grading.FamilyLink",
        gettext_lazy(
            "For whom a link was made, until when it works, and the hash of its address; the "
            "address itself is stored nowhere."
        ),
        FAMILIES,
        SHARE,
        with_the_student,
        CLASS,
    ),
    Entry(
        "grading.FamilyLinkOpening",
        gettext_lazy(
            "When a link was opened, and from which neighborhood of the network; never the whole "
            "address."
        ),
        FAMILIES,
        PROVE,
        with_the_student,
        CLASS,
    ),
    Entry(
        "grading.Appeal",
        gettext_lazy("That somebody asked for another look, what they asked, and the answer."),
        FAMILIES,
        RIGHTS,
        with_the_work,
        SECOND_LOOK,
    ),
    Entry(
        "grading.User",
        gettext_lazy(
            "Name, e-mail address, the hash of a password, and how pages look to this person."
        ),
        STAFF,
        SIGN_IN,
        with_the_account,
        OWN_AND_ADMINISTRATORS,
    ),
    Entry(
        "grading.Membership",
        gettext_lazy("Who has which role at the school."),
        STAFF,
        SIGN_IN,
        with_the_account,
        ADMINISTRATORS,
    ),
    Entry(
        "grading.Invitation",
        gettext_lazy("Which e-mail address was invited, by whom, and what became of it."),
        STAFF,
        SIGN_IN,
        with_the_school,
        ADMINISTRATORS,
    ),
    Entry(
        "grading.Teaching",
        gettext_lazy("Who teaches which class, a substitute until which day."),
        STAFF,
        ORGANIZE,
        with_the_school,
        CLASS,
    ),
    Entry(
        "grading.BankComment",
        gettext_lazy("Words that a teacher keeps for the next time."),
        STAFF,
        ASSESS,
        with_the_account,
        OWN,
    ),
    Entry(
        "grading.ReviewTime",
        gettext_lazy("How many seconds somebody looked at a picture."),
        STAFF,
        PROVE,
        with_the_work,
        CLASS,
    ),
    Entry(
        "grading.ExampleAnswer",
        gettext_lazy("What somebody said of an example picture before seeing the agreed level."),
        STAFF,
        PRACTICE,
        with_the_account,
        OWN,
    ),
    Entry(
        "grading.AuditEvent",
        gettext_lazy("Who did what, when and from where. Children are in it by their codes alone."),
        STAFF,
        PROVE,
        audit_kept,
        ADMINISTRATORS,
    ),
    Entry(
        "grading.Release",
        gettext_lazy("That a class was released or hidden, by whom."),
        STAFF,
        SHARE,
        with_the_school,
        CLASS,
    ),
    Entry(
        "grading.Promotion",
        gettext_lazy("Who put which adapter into use, and why."),
        STAFF,
        PROVE,
        with_the_model,
        MEMBERS,
    ),
    Entry(
        "grading.TrainingSet",
        gettext_lazy("That an adapter was trained, when and by whom."),
        STAFF,
        LEARN,
        with_the_model,
        OPERATOR,
    ),
    Entry(
        "sessions.Session",
        gettext_lazy("That somebody is signed in."),
        STAFF,
        SIGN_IN,
        session_kept,
        OWN,
    ),
    Entry(
        "admin.LogEntry",
        gettext_lazy("What somebody changed in the support pages."),
        STAFF,
        PROVE,
        with_the_account,
        OPERATOR,
    ),
    Entry(
        "account.EmailAddress",
        gettext_lazy("An e-mail address, and whether it was confirmed."),
        STAFF,
        SIGN_IN,
        with_the_account,
        OWN_AND_ADMINISTRATORS,
    ),
    Entry(
        "account.EmailConfirmation",
        gettext_lazy("That an e-mail address is to be confirmed."),
        STAFF,
        SIGN_IN,
        with_the_account,
        OPERATOR,
    ),
    Entry(
        "mfa.Authenticator",
        gettext_lazy("The secret of a second factor, and codes for when it is lost."),
        STAFF,
        SIGN_IN,
        with_the_account,
        OWN,
    ),
    Entry(
        "usersessions.UserSession",
        gettext_lazy("On which devices somebody is signed in, from which address."),
        STAFF,
        SIGN_IN,
        session_kept,
        OWN,
    ),
    Entry(
        "axes.AccessAttempt",
        gettext_lazy(
            "Failed sign-ins: the hash of the e-mail address that was typed, from where, how often."
        ),
        STAFF,
        SIGN_IN,
        with_the_lockout,
        OPERATOR,
    ),
    Entry(
        "axes.AccessAttemptExpiration",
        gettext_lazy("When a lock-out ends."),
        STAFF,
        SIGN_IN,
        with_the_lockout,
        OPERATOR,
    ),
    Entry(
        "axes.AccessFailureLog",
        gettext_lazy("Not used."),
        NOBODY,
        RUN,
        always,
        OPERATOR,
    ),
    Entry(
        "axes.AccessLog",
        gettext_lazy("Not used."),
        NOBODY,
        RUN,
        always,
        OPERATOR,
    ),
    Entry(
        "grading.School",
        gettext_lazy("The name of the school, and its settings."),
        NOBODY,
        ORGANIZE,
        with_the_school,
        MEMBERS,
    ),
    Entry(
        "grading.SchoolYear",
        gettext_lazy("School years, with their first and last day."),
        NOBODY,
        ORGANIZE,
        with_the_school,
        MEMBERS,
    ),
    Entry(
        "grading.Term",
        gettext_lazy("Terms, with their first and last day."),
        NOBODY,
        ORGANIZE,
        with_the_school,
        MEMBERS,
    ),
    Entry(
        "grading.Classroom",
        gettext_lazy("Classes, with their grade and year."),
        NOBODY,
        ORGANIZE,
        with_the_school,
        CLASS,
    ),
    Entry(
        "grading.Assignment",
        gettext_lazy("What a class was asked to do, and when."),
        NOBODY,
        ASSESS,
        with_the_school,
        CLASS_AND_FAMILY,
    ),
    Entry(
        "grading.Rubric",
        gettext_lazy("Rubrics."),
        NOBODY,
        ASSESS,
        always,
        ANYBODY,
    ),
    Entry(
        "grading.RubricVersion",
        gettext_lazy("Versions of rubrics."),
        NOBODY,
        ASSESS,
        always,
        ANYBODY,
    ),
    Entry(
        "grading.RubricDimension",
        gettext_lazy("The dimensions of a rubric, and what each of them means."),
        NOBODY,
        ASSESS,
        always,
        ANYBODY,
    ),
    Entry(
        "grading.LevelWords",
        gettext_lazy("The words of each level."),
        NOBODY,
        ASSESS,
        always,
        ANYBODY,
    ),
    Entry(
        "grading.BaseModel",
        gettext_lazy("Which base models are installed."),
        NOBODY,
        ASSESS,
        always,
        ANYBODY,
    ),
    Entry(
        "grading.AdapterVersion",
        gettext_lazy("Which adapters are installed, and how well each did."),
        NOBODY,
        ASSESS,
        always,
        ANYBODY,
    ),
    Entry(
        "grading.AdapterSet",
        gettext_lazy("Which adapters score together."),
        NOBODY,
        ASSESS,
        always,
        ANYBODY,
    ),
    Entry(
        "grading.ExamplePicture",
        gettext_lazy(
            "Examples to practice with. Those of a school may be children's work that it chose."
        ),
        NOBODY,
        PRACTICE,
        with_the_school,
        MEMBERS,
    ),
    Entry(
        "grading.ExamplePicture.display",
        gettext_lazy("The picture of an example."),
        NOBODY,
        PRACTICE,
        with_the_school,
        MEMBERS,
        MEDIA,
    ),
    Entry(
        "grading.ExampleLevel",
        gettext_lazy("The agreed levels of an example, and why."),
        NOBODY,
        PRACTICE,
        with_the_school,
        MEMBERS,
    ),
    Entry(
        "grading.AuditAnchor",
        gettext_lazy("Where the audit trail begins after old rows were let go."),
        NOBODY,
        PROVE,
        always,
        ADMINISTRATORS,
    ),
    Entry(
        "grading.Heartbeat",
        gettext_lazy("Which worker is alive."),
        NOBODY,
        RUN,
        always,
        OPERATOR,
    ),
    Entry(
        "auth.Group",
        gettext_lazy("Not used."),
        NOBODY,
        RUN,
        always,
        OPERATOR,
    ),
    Entry(
        "auth.Permission",
        gettext_lazy("Not used: who may do what follows from roles and classes."),
        NOBODY,
        RUN,
        always,
        OPERATOR,
    ),
    Entry(
        "contenttypes.ContentType",
        gettext_lazy("Names of the program's own tables."),
        NOBODY,
        RUN,
        always,
        OPERATOR,
    ),
    Entry(
        "broker",
        gettext_lazy("Numbers of jobs that wait. No picture, no name, no level."),
        NOBODY,
        RUN,
        until_done,
        OPERATOR,
        MACHINE,
    ),
    Entry(
        "cache",
        gettext_lazy(
            "How many links that do not exist were opened from a neighborhood of the network."
        ),
        FAMILIES,
        SIGN_IN,
        ten_minutes,
        OPERATOR,
        MACHINE,
    ),
    Entry(
        "logs",
        gettext_lazy(
            "What the program did and what failed: numbers of rows, addresses of pages. The codes "
            "in them name nobody."
        ),
        STAFF,
        RUN,
        logs_kept,
        OPERATOR,
        MACHINE,
    ),
    Entry(
        "temporary files",
        gettext_lazy("An upload on its way, and pictures while a worker has them open."),
        CHILDREN,
        RUN,
        until_done,
        OPERATOR,
        MACHINE,
    ),
    Entry(
        "training folders",
        gettext_lazy(
            "Pictures and levels of one training run, under names made for it alone. Whoever made "
            "the folder deletes it when the run is done."
        ),
        CHILDREN,
        LEARN,
        operator_decides,
        OPERATOR,
        MACHINE,
    ),
    Entry(
        "list of erasures",
        gettext_lazy(
            "Codes of students who were erased, and when: what a restored backup brings back is "
            "erased again by it."
        ),
        CHILDREN,
        RIGHTS,
        operator_decides,
        OPERATOR,
        MACHINE,
    ),
    Entry(
        "model folders",
        gettext_lazy(
            "Weights of base models and adapters. Those trained here learned from work whose "
            "families agreed."
        ),
        NOBODY,
        ASSESS,
        with_the_model,
        OPERATOR,
        MACHINE,
    ),
    Entry(
        "mail",
        gettext_lazy(
            "Invitations and links to set a new password, to grown-ups alone. Nothing about a "
            "child is ever mailed."
        ),
        STAFF,
        SIGN_IN,
        operator_decides,
        OWN,
        MAIL,
    ),
    Entry(
        "backups",
        gettext_lazy(
            "Copies of all of the above, if the operator makes them. What is erased stays in a "
            "backup until that is overwritten."
        ),
        CHILDREN,
        RUN,
        operator_decides,
        OPERATOR,
        MACHINE,
    ),
    Entry(
        "session cookie",
        gettext_lazy("That this browser is signed in."),
        STAFF,
        SIGN_IN,
        session_kept,
        OWN,
        BROWSER,
    ),
    Entry(
        "form cookie",
        gettext_lazy("A random number that shows that a form comes from this site."),
        NOBODY,
        SIGN_IN,
        csrf_kept,
        OWN,
        BROWSER,
    ),
    Entry(
        "language cookie",
        gettext_lazy("The language that was chosen."),
        NOBODY,
        RUN,
        until_browser_closes,
        OWN,
        BROWSER,
    ),
    Entry(
        "page memory",
        gettext_lazy(
            "Whether the keys of a page are off, and when the last picture was confirmed."
        ),
        NOBODY,
        RUN,
        until_cleared,
        OWN,
        BROWSER,
    ),
    Entry(
        "message cookie",
        gettext_lazy(
            "The sentence that the next page begins with, which may name a child whose picture was "
            "just confirmed or moved."
        ),
        CHILDREN,
        RUN,
        until_shown,
        OWN,
        BROWSER,
    ),
)


def known_rows() -> Iterator[str]:
    """Labels of everything that has to have an entry: models that are installed, file fields."""
    for model in apps.get_models():
        yield model._meta.label
        for field in model._meta.get_fields():
            if isinstance(field, FileField):
                yield f"{model._meta.label}.{field.name}"


def entries() -> list[Entry]:
    """Those of this server: parts of the program that are not installed store nothing."""
    installed = set(known_rows())
    return [entry for entry in ENTRIES if not entry.is_row or entry.key in installed]


@dataclass(frozen=True)
class Section:
    whose: Whose
    lines: tuple[Line, ...]

    @property
    def alike(self) -> list[list[Line]]:
        """Lines together that are stored for the same reason and time, and seen by the same."""
        found: dict[tuple[str, ...], list[Line]] = {}
        for line in self.lines:
            entry = line.entry
            same = (str(entry.why), line.kept, str(entry.seen_by), str(entry.where))
            found.setdefault(same, []).append(line)
        return list(found.values())


def data_map(school: School | None = None) -> list[Section]:
    """Of this school; without one, of any: then the times a school sets are said as such."""
    found = entries()
    return [
        Section(
            whose,
            tuple(Line(entry, entry.kept(school)) for entry in found if entry.whose == whose),
        )
        for whose in EVERYBODY
    ]
