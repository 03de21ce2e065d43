"""For administrators' support. What is frozen can be looked at, not changed."""

from __future__ import annotations

from typing import Any, cast

from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from allauth.usersessions.models import UserSession
from django.contrib import admin
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest

from grading import models
from grading.services.accounts import take_second_factor

for model in (EmailAddress, UserSession, Authenticator):  # they show what signs somebody in
    admin.site.unregister(model)


class ReadOnlyAdmin(admin.ModelAdmin):
    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(models.School, models.SchoolYear, models.Student, models.Assignment)
class PlainAdmin(admin.ModelAdmin):
    search_fields = ["pk"]


@admin.register(models.Membership)
class MembershipAdmin(admin.ModelAdmin):
    list_display = ["user", "school", "role"]


class TeachingInline(admin.TabularInline):
    model = models.Teaching
    extra = 0


class EnrollmentInline(admin.TabularInline):
    model = models.Enrollment
    extra = 0


@admin.register(models.Classroom)
class ClassroomAdmin(admin.ModelAdmin):
    list_display = ["name", "year", "school"]
    inlines = [TeachingInline, EnrollmentInline]


@admin.register(models.User)
class UserAdmin(admin.ModelAdmin):
    list_display = ["email", "name", "is_active"]
    fields = ["email", "name", "is_active", "is_staff"]


@admin.register(models.AdapterVersion)
class AdapterVersionAdmin(ReadOnlyAdmin):
    list_display = ["__str__", "base", "prompt_profile", "created_at"]


@admin.register(models.Promotion)
class PromotionAdmin(ReadOnlyAdmin):
    list_display = ["adapter", "at", "by", "why"]


@admin.register(models.AuditEvent)
class AuditEventAdmin(ReadOnlyAdmin):
    list_display = ["at", "actor", "verb", "object_kind", "object_code", "ip_address"]
    list_filter = ["verb", "object_kind"]


@admin.register(models.Release)
class ReleaseAdmin(ReadOnlyAdmin):
    list_display = ["assignment", "kind", "by", "at"]


@admin.register(models.FamilyLink)
class FamilyLinkAdmin(ReadOnlyAdmin):
    list_display = ["student", "created_by", "created_at", "expires_at", "revoked_at"]
    fields = ["student", "note", "created_by", "created_at", "expires_at", "revoked_at"]


@admin.register(models.Appeal)
class AppealAdmin(ReadOnlyAdmin):
    list_display = ["artwork", "asked_at", "asked_by", "closed_at", "closed_by"]


@admin.register(models.ReportJob)
class ReportJobAdmin(ReadOnlyAdmin):
    list_display = ["__str__", "asked_by", "error", "finished_at", "expires_at"]
    list_filter = ["status"]


@admin.register(models.FeedbackJob)
class FeedbackJobAdmin(ReadOnlyAdmin):
    list_display = ["__str__", "score_set", "error", "finished_at"]
    list_filter = ["status"]


@admin.register(Authenticator)
class AuthenticatorAdmin(ReadOnlyAdmin):
    """For whoever lost the phone and the recovery codes. No secret is shown."""

    list_display = ["user", "type", "created_at", "last_used_at"]
    fields = ["user", "type", "created_at", "last_used_at"]

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return admin.ModelAdmin.has_delete_permission(self, request, obj)

    def delete_model(self, request: HttpRequest, obj: Authenticator) -> None:
        take_second_factor(obj.user, by=cast(models.User, request.user))

    @transaction.atomic
    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Authenticator]) -> None:
        for factor in queryset.select_related("user"):
            take_second_factor(factor.user, by=cast(models.User, request.user))
