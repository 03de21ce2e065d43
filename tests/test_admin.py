"""The support pages: staff look, and hardly anything can be changed; all of it is written down."""

from __future__ import annotations

import pytest
from django.contrib import admin
from django.db import models as fields
from django.urls import reverse
from django.utils.timezone import now

from grading import models
from grading.chain import seal_events
from grading.models import AuditEvent, School, User
from grading.services.audit import record
from tests.asking import support_names
from tests.test_permissions import url_of  # noqa: F401  a fixture

CHANGEABLE = {models.School: {"name"}, models.User: {"name", "is_active"}}  # by any staff
REGISTERED = sorted(
    (model for model in admin.site._registry if model._meta.app_label == "grading"),
    key=lambda model: model._meta.model_name,
)


@pytest.fixture
def staff(db) -> User:
    return User.objects.create_user("staff@example.org", "x", name="Stan", is_staff=True)


@pytest.fixture
def boss(db) -> User:
    return User.objects.create_superuser("boss@example.org", "x", name="Sophie")


@pytest.fixture
def support(client, staff):
    client.force_login(staff)
    return client


@pytest.fixture
def superuser(client, boss):
    client.force_login(boss)
    return client


def url(model, page: str, *args) -> str:
    return reverse(f"admin:grading_{model._meta.model_name}_{page}", args=args)


def said(**query) -> list[tuple]:
    events = AuditEvent.objects.filter(**query).order_by("pk")
    return [(e.verb, e.object_kind, e.object_code, e.school, e.detail) for e in events]


class TestLooking:
    def test_staff_see_and_search_every_list_and_none_has_a_childs_name(
        self,
        support,
        url_of,  # noqa: F811
    ):
        for model in REGISTERED:
            for query in ({}, {"q": "5a"}, {"q": "8c6b1a52-0000-4000-8000-000000000000"}):
                response = support.get(url(model, "changelist"), query)
                assert response.status_code == 200, model
                html = response.content.decode()
                assert "Amara" not in html, model
                assert "red.jpg" not in html, model

    def test_a_student_is_found_by_code(self, support, student):
        html = support.get(url(models.Student, "changelist"), {"q": str(student.code)})
        assert f"/{student.pk}/change/" in html.content.decode()

    def test_a_list_answers_no_question_about_what_it_does_not_show(self, support, alice, student):
        for model, query in (
            (User, {"password__startswith": alice.password[:12]}),
            (models.Student, {"display_name__startswith": "A"}),
            (models.Student, {"school__name": "Riverside"}),
        ):
            assert support.get(url(model, "changelist"), query).status_code == 400, query
        assert support.get(url(User, "changelist"), {"is_staff__exact": "1"}).status_code == 200

    def test_looking_at_a_row_is_written_down(self, support, url_of, staff):  # noqa: F811
        for model in REGISTERED:
            obj = model.objects.first()
            if obj is None or model is AuditEvent:
                continue
            before = AuditEvent.objects.count()
            assert support.get(url(model, "change", obj.pk)).status_code == 200, model
            assert AuditEvent.objects.count() == before + 1, model
            event = AuditEvent.objects.latest("pk")
            assert (event.actor, event.verb, event.detail) == (staff, "viewed", {"support": True})

    def test_a_look_at_a_student_is_in_the_trail_of_the_school(self, support, student, school):
        support.get(url(models.Student, "change", student.pk))
        assert said() == [("viewed", "student", student.code, school, {"support": True})]

    def test_secrets_are_on_no_page(self, support, url_of):  # noqa: F811
        link = models.FamilyLink.objects.get()
        html = support.get(url(models.FamilyLink, "change", link.pk)).content.decode()
        assert link.token_sha256 not in html

    def test_a_row_that_is_not_there_leads_back(self, support):
        assert support.get(url(models.Student, "change", 99)).status_code == 302
        assert said() == []

    def test_nobody_else_gets_in(self, client, alice, administrator):
        for user in (alice, administrator):
            client.force_login(user)
            for name, address in support_names():
                if name not in ("login", "logout"):
                    assert client.get(address).status_code in (302, 403), name

    def test_staff_who_are_switched_off_do_not_either(self, support, staff):
        User.objects.filter(pk=staff.pk).update(is_active=False)
        assert support.get(url(models.School, "changelist")).status_code == 302


class TestChanging:
    @pytest.mark.parametrize("who", ["staff", "boss"])
    def test_nothing_is_deleted(self, client, request, who, url_of):  # noqa: F811
        client.force_login(request.getfixturevalue(who))
        for model in REGISTERED:
            count = model.objects.count()
            obj = model.objects.first()
            key = obj.pk if obj else 0
            response = client.post(url(model, "delete", key), {"post": "yes"})
            assert response.status_code in (302, 403), model
            chosen = {"action": "delete_selected", "_selected_action": [key], "post": "yes"}
            client.post(url(model, "changelist"), chosen)
            assert model.objects.count() >= count, model

    @pytest.mark.parametrize("model", REGISTERED, ids=lambda model: model.__name__)
    def test_only_a_few_fields_can_be_changed(self, rf, staff, model):
        request = rf.get("/")
        request.user = staff
        page = admin.site._registry[model]
        assert not page.has_add_permission(request)
        if model not in CHANGEABLE:
            assert not page.has_change_permission(request)
            return
        fixed = set(page.get_readonly_fields(request, model()))
        assert set(page.fields) - fixed == CHANGEABLE[model]

    def test_a_form_made_by_hand_changes_nothing(self, superuser, url_of):  # noqa: F811
        for model in REGISTERED:
            obj = model.objects.first()
            if obj is None or model in CHANGEABLE:
                continue
            before = model.objects.filter(pk=obj.pk).values().get()
            text = [f.name for f in model._meta.fields if isinstance(f, fields.CharField)]
            sent = dict.fromkeys(text, "x")
            assert superuser.post(url(model, "change", obj.pk), sent).status_code == 403, model
            assert model.objects.filter(pk=obj.pk).values().get() == before

    def test_the_name_of_a_school_and_it_is_written_down(self, support, school):
        support.post(url(School, "change", school.pk), {"name": "Lakeside", "training_on": "on"})
        school.refresh_from_db()
        assert (school.name, school.training_on) == ("Lakeside", False)
        detail = {"support": True, "fields": ["name"]}
        assert said(verb="changed") == [("changed", "school", school.code, school, detail)]

    def test_what_is_saved_unchanged_is_no_change(self, support, school):
        support.post(url(School, "change", school.pk), {"name": school.name})
        assert said(verb="changed") == []


class TestRights:
    def save(self, client, user: User, **sent):
        data = {"name": user.name, "is_active": "on", **sent}
        kept = {key: value for key, value in data.items() if value}
        response = client.post(url(User, "change", user.pk), kept)
        user.refresh_from_db()
        return response.status_code

    def test_switching_somebody_off_and_on_again(self, support, alice):
        self.save(support, alice, is_active="")
        assert not alice.is_active
        self.save(support, alice)
        assert alice.is_active
        detail = {"support": True, "field": "is_active"}
        about = ("user", alice.code, None, detail)
        assert said(verb__in=["permitted", "forbidden"]) == [
            ("forbidden", *about), ("permitted", *about),
        ]  # fmt: skip

    def test_somebody_who_is_switched_off_is_out_at_once(self, client, alice, support):
        teacher = type(client)()
        teacher.force_login(alice)
        assert teacher.get("/").status_code == 200
        self.save(support, alice, is_active="")
        assert teacher.get("/").status_code == 302

    def test_staff_make_nobody_staff_not_even_themselves(self, support, staff, alice):
        self.save(support, alice, is_staff="on", is_superuser="on")
        assert not (alice.is_staff or alice.is_superuser)
        assert self.save(support, staff, is_superuser="on") == 403
        assert not staff.is_superuser

    def test_staff_change_no_other_staff(self, support, boss):
        assert self.save(support, boss, is_active="") == 403
        assert boss.is_active

    def test_a_superuser_makes_somebody_staff_and_it_is_written_down(self, superuser, alice, boss):
        self.save(superuser, alice, is_staff="on")
        assert alice.is_staff
        detail = {"support": True, "field": "is_staff"}
        assert said(verb="permitted") == [("permitted", "user", alice.code, None, detail)]
        self.save(superuser, alice)
        assert [row[0] for row in said(verb="forbidden")] == ["forbidden"]

    def test_a_superuser_cannot_lock_themselves_out(self, superuser, boss):
        self.save(superuser, boss, name="Sophia", is_active="", is_staff="", is_superuser="")
        assert (boss.name, boss.is_active, boss.is_superuser) == ("Sophia", True, True)

    def test_the_first_administrator_of_a_new_school(self, superuser, boss, alice):
        superuser.post(url(School, "add"), {"name": "Hillside"})
        school = School.objects.get(name="Hillside")
        sent = {"user": alice.pk, "school": school.pk, "role": "administrator"}
        superuser.post(url(models.Membership, "add"), sent)
        assert school.memberships.get().user == alice
        assert said(verb__in=["created", "permitted"]) == [
            ("created", "school", school.code, school, {"support": True}),
            ("permitted", "user", alice.code, school, {"support": True, "role": "administrator"}),
        ]

    def test_other_staff_make_neither(self, support):
        assert support.post(url(School, "add"), {"name": "Hillside"}).status_code == 403
        assert support.get(url(models.Membership, "add")).status_code == 403

    def test_what_support_did_is_on_the_page_of_the_school(
        self, client, administrator, staff, school, alice
    ):
        record(staff, "forbidden", alice, None, support=True, field="is_active")
        seal_events()
        client.force_login(administrator)
        html = client.get(reverse("grading:audit", args=[school.code])).content.decode()
        assert "Support (" in html
        assert "Stan" in html
        assert "took a right away" in html
        assert str(now().year) in html
