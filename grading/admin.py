"""For support: staff look things up, of every school. Nearly nothing can be changed here.

What is frozen or a child's work is read-only, and nothing is deleted: erasing leaves a receipt, and
has a page of its own. Whatever is looked at or changed here is in the audit trail of its school.
"""

from __future__ import annotations

from typing import Any, cast

from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from allauth.usersessions.models import UserSession
from django.contrib import admin
from django.db import transaction
from django.db.models import Model
from django.forms import ModelForm
from django.http import HttpRequest, HttpResponse

from grading import models
from grading.models import AuditEvent, School, User
from grading.services.accounts import take_second_factor
from grading.services.audit import record

admin.site.disable_action("delete_selected")
for model in (EmailAddress, UserSession, Authenticator):  # they show what signs somebody in
    admin.site.unregister(model)

Verb = AuditEvent.Verb
RIGHTS = ("is_active", "is_staff", "is_superuser")


def may_support(request: HttpRequest) -> bool:
    user = request.user
    return isinstance(user, User) and user.is_active and user.is_staff


def may_appoint(request: HttpRequest) -> bool:
    """Make schools, their first administrators, and other staff."""
    return may_support(request) and isinstance(request.user, User) and request.user.is_superuser


class SupportAdmin(admin.ModelAdmin):
    """Every member of staff may look; what may be changed, a subclass says."""

    school_path = "school"  # how a row leads to its school; empty: it is of no school

    def has_module_permission(self, request: HttpRequest) -> bool:
        return may_support(request)

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return may_support(request)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def school_of(self, obj: Model) -> School | None:
        found: Any = obj
        for name in self.school_path.split("__") if self.school_path else ():
            found = getattr(found, name, None)
        return found if isinstance(found, School) else None

    def lookup_allowed(self, lookup: str, value: Any, request: HttpRequest) -> bool:
        """Only the filters shown. Django allows any field of the row in the address of a list: so
        a hash of a password, or a child's name, could be guessed letter by letter, unrecorded."""
        return lookup.split("__")[0] in self.list_filter

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        if request.method == "GET" and may_support(request):
            self._record_view(request, self.get_object(request, object_id))
        return super().change_view(request, object_id, form_url, extra_context)

    def _record_view(self, request: HttpRequest, obj: Any) -> None:
        if obj is not None and isinstance(request.user, User):
            record(request.user, Verb.VIEWED, obj, self.school_of(obj), support=True)


# ------------------------------------------------------------------------ what may be changed
@admin.register(models.School)
class SchoolAdmin(SupportAdmin):
    """Its name. A school is made here, and everything else of it on its own pages."""

    school_path = ""
    list_display = ["name", "code", "is_demo"]
    search_fields = ["name", "code"]
    fields = ["name", "code", "is_demo", "scoring_on", "drafts_on", "training_on", "kept_days"]

    def has_add_permission(self, request: HttpRequest) -> bool:
        return may_appoint(request)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return may_support(request)

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        return ["code", "is_demo", "scoring_on", "drafts_on", "training_on", "kept_days"]

    def school_of(self, obj: Model) -> School | None:
        return obj if isinstance(obj, School) else None

    @transaction.atomic
    def save_model(self, request: HttpRequest, obj: Any, form: ModelForm, change: bool) -> None:
        super().save_model(request, obj, form, change)
        assert isinstance(request.user, User)
        if not change:
            record(request.user, Verb.CREATED, obj, obj, support=True)
        elif form.changed_data:
            record(request.user, Verb.CHANGED, obj, obj, support=True, fields=form.changed_data)


@admin.register(models.User)
class UserAdmin(SupportAdmin):
    """Names, and who may sign in. Only a superuser makes somebody staff, or changes staff."""

    school_path = ""
    list_display = ["email", "name", "is_active", "is_staff"]
    list_filter = ["is_staff", "is_active"]
    search_fields = ["email", "name", "code"]
    fields = ["email", "name", "code", "is_active", "is_staff", "is_superuser", "date_joined"]

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nobody changes their own rights: the last superuser could lock everybody out."""
        if obj is None or not may_support(request):
            return may_support(request)
        return may_appoint(request) or not (obj.is_staff or obj.is_superuser)

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        fixed = ["email", "code", "date_joined"]
        if not may_appoint(request):
            fixed += ["is_staff", "is_superuser"]
        if obj is not None and obj == request.user:
            fixed += RIGHTS
        return fixed

    @transaction.atomic
    def save_model(self, request: HttpRequest, obj: Any, form: ModelForm, change: bool) -> None:
        super().save_model(request, obj, form, change)
        assert isinstance(request.user, User)
        for name in form.changed_data:
            verb = Verb.CHANGED
            if name in RIGHTS:
                verb = Verb.PERMITTED if form.cleaned_data[name] else Verb.FORBIDDEN
            record(request.user, verb, obj, None, support=True, field=name)


@admin.register(models.Membership)
class MembershipAdmin(SupportAdmin):
    """The first administrator of a school; everybody else comes by an invitation."""

    list_display = ["user", "school", "role"]
    list_filter = ["role"]
    search_fields = ["user__email", "school__name"]
    autocomplete_fields = ["user", "school"]

    def has_add_permission(self, request: HttpRequest) -> bool:
        return may_appoint(request)

    @transaction.atomic
    def save_model(self, request: HttpRequest, obj: Any, form: ModelForm, change: bool) -> None:
        super().save_model(request, obj, form, change)
        assert isinstance(request.user, User)
        record(request.user, Verb.PERMITTED, obj.user, obj.school, support=True, role=obj.role)


@admin.register(Authenticator)
class AuthenticatorAdmin(SupportAdmin):
    """For whoever lost the phone and the recovery codes. No secret is shown."""

    school_path = ""
    list_display = ["user", "type", "created_at", "last_used_at"]
    fields = ["user", "type", "created_at", "last_used_at"]

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """As with names: only a superuser takes it from staff."""
        if obj is None or not may_support(request):
            return may_support(request)
        return may_appoint(request) or not (obj.user.is_staff or obj.user.is_superuser)

    def delete_model(self, request: HttpRequest, obj: Authenticator) -> None:
        take_second_factor(obj.user, by=cast(User, request.user))


# ---------------------------------------------------------------------------------- people, classes
@admin.register(models.SchoolYear)
class SchoolYearAdmin(SupportAdmin):
    list_display = ["name", "school", "starts_on", "ends_on", "archived_at"]
    search_fields = ["code"]


@admin.register(models.Classroom)
class ClassroomAdmin(SupportAdmin):
    list_display = ["name", "year", "school"]
    search_fields = ["code"]
    fields = ["school", "code", "name", "grade", "year", "sourced_id"]


@admin.register(models.Student)
class StudentAdmin(SupportAdmin):
    """Found by the code in the address of a page. No list of support has a child's name."""

    list_display = ["code", "school", "grade_band", "left_on"]
    search_fields = ["code"]
    ordering = ["pk"]
    fields = ["school", "code", "display_name", "number", "grade_band", "sourced_id", "left_on"]


@admin.register(models.Assignment)
class AssignmentAdmin(SupportAdmin):
    school_path = "classroom__school"
    list_display = ["title", "classroom", "made_on"]
    search_fields = ["code"]


@admin.register(models.Invitation)
class InvitationAdmin(SupportAdmin):
    list_display = ["code", "school", "role", "invited_by", "expires_at", "accepted_at"]
    fields = ["school", "email", "role", "invited_by", "invited_at", "expires_at", "accepted_by",
              "accepted_at", "revoked_at"]  # fmt: skip


@admin.register(models.RosterImport)
class RosterImportAdmin(SupportAdmin):
    """Of its rows nothing: they are names."""

    list_display = ["code", "school", "kind", "uploaded_by", "uploaded_at", "applied_at"]
    fields = ["school", "year", "kind", "uploaded_by", "uploaded_at", "applied_by", "applied_at",
              "undone_by", "undone_at"]  # fmt: skip


# ------------------------------------------------------------------------------ records and proofs
@admin.register(models.AuditEvent)
class AuditEventAdmin(SupportAdmin):
    list_display = [
        "at", "actor", "verb", "object_kind", "object_code", "school", "ip_address", "position",
    ]  # fmt: skip
    list_filter = ["verb", "object_kind"]
    search_fields = ["object_code"]
    list_select_related = ["actor", "school"]
    ordering = ["-pk"]
    show_full_result_count = False  # it would count every row there is

    def _record_view(self, request: HttpRequest, obj: Any) -> None:
        """Looking at a row of the trail adds none: it names nobody but by code."""


@admin.register(models.AuditAnchor)
class AuditAnchorAdmin(SupportAdmin):
    school_path = ""
    list_display = ["position", "digest", "rows", "at"]


@admin.register(models.Consent)
class ConsentAdmin(SupportAdmin):
    school_path = "student__school"
    list_display = ["pk", "given", "source", "said_on", "recorded_by", "recorded_at"]
    fields = ["given", "source", "said_on", "recorded_by", "recorded_at"]


@admin.register(models.LegalHold)
class LegalHoldAdmin(SupportAdmin):
    list_display = ["code", "school", "placed_by", "placed_at", "lifted_at"]
    fields = ["school", "code", "year", "placed_by", "placed_at", "lifted_by", "lifted_at"]


@admin.register(models.ErasureReceipt)
class ErasureReceiptAdmin(SupportAdmin):
    list_display = ["code", "school", "student_code", "reason", "by", "at"]
    search_fields = ["code", "student_code"]


@admin.register(models.TrainingSet)
class TrainingSetAdmin(SupportAdmin):
    school_path = ""
    list_display = ["code", "rubric_version", "made_by", "made_at"]


@admin.register(models.Release)
class ReleaseAdmin(SupportAdmin):
    school_path = "assignment__classroom__school"
    list_display = ["assignment", "kind", "by", "at"]


@admin.register(models.FamilyLink)
class FamilyLinkAdmin(SupportAdmin):
    """Neither the token's digest nor for whom the link is."""

    school_path = "student__school"
    list_display = ["code", "created_by", "created_at", "expires_at", "revoked_at"]
    fields = ["code", "created_by", "created_at", "expires_at", "revoked_by", "revoked_at"]


@admin.register(models.Appeal)
class AppealAdmin(SupportAdmin):
    school_path = "artwork__assignment__classroom__school"
    list_display = ["code", "asked_at", "asked_by", "closed_at", "closed_by"]
    fields = ["code", "asked_by", "asked_at", "closed_by", "closed_at"]


# ---------------------------------------------------------------------------------- the machinery
@admin.register(models.AdapterVersion)
class AdapterVersionAdmin(SupportAdmin):
    school_path = ""
    list_display = ["__str__", "base", "prompt_profile", "created_at"]


@admin.register(models.Promotion)
class PromotionAdmin(SupportAdmin):
    school_path = ""
    list_display = ["adapter", "at", "by", "why"]


class JobAdmin(SupportAdmin):
    """What a worker did, and why it failed; not the picture."""

    school_path = ""
    list_display = ["__str__", "attempt", "error", "created_at", "finished_at"]
    list_filter = ["status"]
    ordering = ["-pk"]
    fields = ["status", "attempt", "lease_until", "error", "created_at", "started_at",
              "finished_at"]  # fmt: skip


for job in (models.IntakeJob, models.EditJob, models.ScoringJob, models.FeedbackJob,
            models.ReportJob, models.StudentExport):  # fmt: skip
    admin.site.register(job, JobAdmin)
