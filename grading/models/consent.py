"""Whether a student's work may train adapters: what a family said, and when it changed its mind."""

from __future__ import annotations

from django.db import models
from django.db.models import OuterRef, QuerySet, Subquery
from django.utils.timezone import localdate, now
from django.utils.translation import gettext_lazy as _

from grading.models.frozen import FrozenModel
from grading.models.people import Student, User


class Consent(FrozenModel):
    """A yes or a no. The newest row counts; without one the answer is no."""

    class Source(models.TextChoices):
        PAPER = "paper", _("signed form on paper")
        EMAIL = "email", _("message from a parent or guardian")
        SPOKEN = "spoken", _("said in person")
        SCHOOL = "school", _("decided by the school")

    student = models.ForeignKey(Student, models.CASCADE, related_name="consents")
    given = models.BooleanField(_("work may be used for training"))
    source = models.CharField(_("how it was said"), max_length=6, choices=Source.choices)
    said_on = models.DateField(_("date"), default=localdate)  # on the form; not when it was typed
    recorded_by = models.ForeignKey(
        User, models.PROTECT, null=True, related_name="+"
    )  # null: from before this was recorded
    recorded_at = models.DateTimeField(default=now)

    class Meta:
        ordering = ["-pk"]

    def __str__(self) -> str:
        return f"{self.student}: {'yes' if self.given else 'no'}"


def consenting_students() -> QuerySet[Student]:
    """Students whose work may train adapters at this moment: their school and their family say so.

    One that has left the school is asked no more: what was said last stands until it is withdrawn.
    """
    newest = Consent.objects.filter(student=OuterRef("pk")).order_by("-pk").values("given")[:1]
    return (
        Student.objects.filter(school__training_on=True)
        .annotate(newest_consent=Subquery(newest))
        .filter(newest_consent=True)
    )
