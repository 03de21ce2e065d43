"""Lists of students from another system: choose a file, say what it holds, look, apply, undo."""

from __future__ import annotations

from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from grading.forms.rosters import (
    OneRosterForm,
    RosterFileForm,
    RosterForm,
    TableForm,
)
from grading.intake.checks import RefusedUpload
from grading.intake.display_names import Style
from grading.intake.rosters import MAX_BYTES, guess
from grading.models import AuditEvent, Classroom, RosterImport, School
from grading.services.audit import record
from grading.services.roster_plan import Problem, plan_of
from grading.services.rosters import (
    ChangedMeanwhile,
    NotPossible,
    Undone,
    Upload,
    apply_roster,
    can_undo,
    discard_roster,
    keep_list,
    kept_until,
    packed,
    read_upload,
    undo_roster,
    unpacked,
)
from grading.views.requests import SignedInRequest
from grading.views.schools import administered_school

ROWS_SHOWN = 200  # of each kind of change; counts say how many there are
PROBLEMS_SHOWN = 500


@login_required
@never_cache
@require_http_methods(["GET", "POST"])
def rosters(request: SignedInRequest, code: UUID) -> HttpResponse:
    """A file that was chosen is answered with the next page: nothing of it is stored to lead to."""
    school = administered_school(request, code)
    form = (
        RosterFileForm(request.POST, request.FILES)
        if request.method == "POST"
        else (RosterFileForm())
    )
    if form.is_valid():
        file = form.cleaned_data["file"]
        try:
            upload = read_upload(file.read(MAX_BYTES + 1), file.name, school)
            return _columns_page(request, school, _form(school, upload), packed(upload, school))
        except RefusedUpload as refused:
            form.add_error("file", str(refused.reason))
    lists = RosterImport.objects.filter(school=school).select_related(
        "year", "uploaded_by", "applied_by"
    )
    context = {
        "school": school,
        "form": form,
        "lists": lists.defer("rows", "plan")[:50],
        "has_year": school.years.filter(archived_at=None).exists(),
    }
    return render(request, "grading/rosters.html", context, status=422 if form.errors else 200)


@login_required
@never_cache
@require_http_methods(["GET", "POST"])
def roster_columns(request: SignedInRequest, code: UUID) -> HttpResponse:
    """Keep the list, once it is said what its columns are."""
    school = administered_school(request, code)
    text = request.POST.get("packed", "")
    if not text:
        return redirect("grading:rosters", school.code)
    try:
        upload = unpacked(text, school)
    except RefusedUpload as refused:
        messages.error(request, str(refused.reason))
        return redirect("grading:rosters", school.code)
    if "again" in request.POST:
        return _columns_page(request, school, _form(school, upload, header=_header(request)), text)
    form = _form(school, upload, request.POST, header=_header(request))
    if not form.is_valid():
        return _columns_page(request, school, form, text, 422)
    header, mapping = form.kept_mapping()
    roster = keep_list(
        upload, form.entries(), form.cleaned_data["year"], request.user,
        style=Style(form.cleaned_data["style"]), removes=form.removes_missing,
        header=header, mapping=mapping,
    )  # fmt: skip
    return redirect("grading:roster", roster.code)


def _header(request: SignedInRequest) -> int | None:
    said = request.POST.get("header", "")
    return int(said) if said in {str(n) for n in range(-1, 10)} else None


def _form(
    school: School, upload: Upload, data: object = None, header: int | None = None
) -> OneRosterForm | TableForm:
    if upload.table is None:
        return OneRosterForm(data, school=school, upload=upload)
    if header is not None:
        header = min(header, len(upload.table.lines) - 1)
    return TableForm(data, school=school, upload=upload, said=guess(upload.table, header))


def _columns_page(
    request: SignedInRequest, school: School, form: RosterForm, text: str, status: int = 200
) -> HttpResponse:
    context = {
        "school": school,
        "form": form,
        "upload": form.upload,
        "packed": text,
        "class_names": Classroom.objects.filter(school=school)
        .open()
        .values_list("name", flat=True),
    }
    if isinstance(form, TableForm):
        context["columns"] = form.columns_shown()
        context["rows"] = form.rows_shown()
        context["row_count"] = len(form.table.lines)
    else:
        context["entries"] = form.upload.entries[:5]
        context["row_count"] = len(form.upload.entries)
    return render(request, "grading/roster_columns.html", context, status=status)


# ---------------------------------------------------------------------------------------- one list
def _roster(request: SignedInRequest, code: UUID) -> RosterImport:
    mine = RosterImport.objects.for_user(request.user)
    return get_object_or_404(mine.select_related("school", "year"), code=code)


@login_required
@never_cache
@require_GET
def roster(request: SignedInRequest, code: UUID) -> HttpResponse:
    """Before it is applied, what it would do; after, what it did, and the way back."""
    roster = _roster(request, code)
    record(request.user, AuditEvent.Verb.VIEWED, roster, roster.school)
    return _page(request, roster)


def _page(
    request: SignedInRequest, roster: RosterImport, problem: str = "", status: int = 200
) -> HttpResponse:
    context = {
        "school": roster.school,
        "roster": roster,
        "kept_until": kept_until(roster),
        "can_undo": can_undo(roster),
        "problem": problem,
        "shown": ROWS_SHOWN,
    }
    if not roster.applied_at and roster.rows:
        plan = plan_of(roster)
        context["plan"] = plan
        context["problems"] = plan.problems[:PROBLEMS_SHOWN]
        context["counts"] = plan.counts
        context["not_invited"] = plan.not_invited
    elif roster.plan:
        said = roster.plan["problems"]
        context["problems"] = [Problem(**one) for one in said[:PROBLEMS_SHOWN]]
        context["counts"] = roster.plan["counts"]
        context["not_invited"] = roster.plan["not_invited"]
    return render(request, "grading/roster.html", context, status=status)


@login_required
@never_cache
@require_POST
def apply(request: SignedInRequest, code: UUID) -> HttpResponse:
    roster = _roster(request, code)
    if roster.applied_at:  # pressed twice: it is done
        return redirect("grading:roster", code)
    try:
        apply_roster(roster, request.user, request.POST.get("seen", ""))
    except ChangedMeanwhile:
        words = _("The school has changed meanwhile, so nothing was applied. Look once more.")
        return _page(request, roster, words, 409)
    except NotPossible:
        roster.refresh_from_db()
        if not roster.applied_at:
            messages.error(request, _("This list cannot be applied any more."))
        return redirect("grading:roster", code)
    messages.success(request, _("Applied. If it is not what you meant, undo it here."))
    return redirect("grading:roster", code)


@login_required
@require_POST
def undo(request: SignedInRequest, code: UUID) -> HttpResponse:
    roster = _roster(request, code)
    if roster.undone_at:  # pressed twice
        return redirect("grading:roster", code)
    try:
        done = undo_roster(roster, request.user)
    except NotPossible:
        messages.error(request, _("This list cannot be undone."))
    else:
        messages.success(request, _in_words(done))
    return redirect("grading:roster", code)


def _in_words(done: Undone) -> str:
    said = [_("Undone.")]
    if done.students_kept:
        said.append(
            ngettext(
                "%(count)d added student has work or papers here already and only left the class.",
                "%(count)d added students have work or papers here already and only left the "
                "class.",
                done.students_kept,
            )
            % {"count": done.students_kept}
        )
    if done.classes_kept:
        said.append(
            ngettext(
                "%(count)d new class is in use and stays.",
                "%(count)d new classes are in use and stay.",
                done.classes_kept,
            )
            % {"count": done.classes_kept}
        )
    if done.changed_since:
        said.append(
            ngettext(
                "%(count)d entry was changed by somebody since and stays as it is.",
                "%(count)d entries were changed by somebody since and stay as they are.",
                done.changed_since,
            )
            % {"count": done.changed_since}
        )
    return " ".join(said)


@login_required
@require_POST
def discard(request: SignedInRequest, code: UUID) -> HttpResponse:
    roster = _roster(request, code)
    try:
        discard_roster(roster, request.user)
    except NotPossible:
        messages.error(request, _("This list was applied. Undo it instead."))
        return redirect("grading:roster", code)
    messages.success(request, _("The list is forgotten. Nothing was changed."))
    return redirect("grading:rosters", roster.school.code)
