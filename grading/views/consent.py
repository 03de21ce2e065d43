"""What the families of a class said about training use, as forms come back in a pile."""

from __future__ import annotations

from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import ngettext
from django.views.decorators.http import require_http_methods

from grading.forms.rights import ClassConsentForm
from grading.models import Classroom
from grading.services.audit import record_view
from grading.services.consent import record_consents, roll_of
from grading.views.requests import SignedInRequest


@login_required
@require_http_methods(["GET", "POST"])
def class_consents(request: SignedInRequest, code: UUID) -> HttpResponse:
    classrooms = Classroom.objects.administered_by(request.user).select_related("school", "year")
    classroom = get_object_or_404(classrooms, code=code)
    form = ClassConsentForm(request.POST or None, students=classroom.students_now())
    if request.method == "POST" and form.is_valid():
        said = form.cleaned_data
        count = record_consents(
            said["students"], form.is_yes, said["source"], said["said_on"], request.user
        )
        message = ngettext("%(n)d answer is recorded.", "%(n)d answers are recorded.", count)
        messages.success(request, message % {"n": count})
        return redirect("grading:class-consents", classroom.code)
    record_view(request.user, classroom, classroom.school, consents=True)
    context = {
        "school": classroom.school,
        "classroom": classroom,
        "roll": roll_of(classroom),
        "checked": set(request.POST.getlist("students")),
        "form": form,
    }
    status = 422 if request.method == "POST" else 200
    return render(request, "grading/class_consents.html", context, status=status)
