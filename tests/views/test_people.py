"""The people of a school: who is there, who is invited, and the link that lets somebody in."""

from __future__ import annotations

import re
from datetime import timedelta
from uuid import uuid4

import pytest
from allauth.mfa.totp.internal.auth import TOTP
from django.core import mail
from django.core.cache import cache
from django.test import Client
from django.urls import reverse
from django.utils.timezone import now

from grading.models import AuditEvent, Invitation, Membership, Role, User
from grading.services.invitations import invite

NEW = "new@example.org"
PASSWORD = "seven quiet lanterns"


@pytest.fixture(autouse=True)
def _cache():
    cache.clear()


def text(response) -> str:
    return " ".join(response.content.decode().split())


@pytest.fixture
def boss(client, administrator):
    client.force_login(administrator)
    return client


@pytest.fixture
def people(school) -> str:
    return reverse("grading:people", args=[school.code])


def send(client, school, **form):
    form = {"code": uuid4(), "email": NEW, "role": "teacher"} | form
    return client.post(reverse("grading:invite", args=[school.code]), form)


def link_in(page: str) -> str:
    return re.search(r"http://testserver(/invitations/[\w-]{43}/)", page)[1]


class TestList:
    def test_it_tells_roles_second_factor_and_last_sign_in(self, boss, people, alice, school):
        Membership.objects.create(user=alice, school=school, role=Role.ANNOTATOR)
        TOTP.activate(alice, "JBSWY3DPEHPK3PXP")
        User.objects.filter(pk=alice.pk).update(last_login=now())
        row = text(boss.get(people)).split("Alice</a>")[1].split("</tr>")[0]
        assert row.index("Annotator") < row.index("Teacher")
        assert 'pill--confirmed">on' in row
        assert "never" not in row

    def test_people_of_another_school_are_not_on_it(self, boss, people, bob):
        assert "Bob" not in text(boss.get(people))

    def test_a_name_is_never_markup(self, boss, people, alice):
        User.objects.filter(pk=alice.pk).update(name="<script>alert(1)</script>")
        assert "<script>alert" not in text(boss.get(people))

    def test_it_does_not_ask_more_questions_with_more_people(
        self, boss, people, school, django_assert_num_queries, django_assert_max_num_queries
    ):
        boss.get(people)
        for n in range(20):
            user = User.objects.create_user(f"t{n}@example.org", "x", name=f"T {n}")
            Membership.objects.create(user=user, school=school, role=Role.TEACHER)
        with django_assert_max_num_queries(10):
            boss.get(people)


class TestRoles:
    def url(self, school, user, name="person") -> str:
        return reverse(f"grading:{name}", args=[school.code, user.code])

    def test_they_are_changed_on_the_page_of_the_person(self, boss, school, alice):
        boss.post(self.url(school, alice), {"roles": ["teacher", "administrator"]})
        assert alice.memberships.count() == 2

    @pytest.mark.parametrize("wrong", [[], ["principal"], ["teacher", "x"]])
    def test_none_or_unknown_ones_change_nothing(self, boss, school, alice, wrong):
        assert boss.post(self.url(school, alice), {"roles": wrong}).status_code == 422
        assert alice.memberships.get().role == "teacher"

    def test_somebody_of_another_school_is_not_there(self, boss, school, bob):
        for name in ("person", "remove-person"):
            url = self.url(school, bob, name)
            assert boss.post(url, {"roles": ["teacher"]}).status_code == 404
        assert bob.memberships.count() == 1

    def test_a_removed_teacher_sees_nothing_from_the_next_click_on(
        self, boss, school, classroom, alice
    ):
        teacher = Client()
        teacher.force_login(alice)
        url = reverse("grading:classroom", args=[classroom.code])
        assert teacher.get(url).status_code == 200
        boss.post(self.url(school, alice, "remove-person"))
        assert teacher.get(url).status_code == 404

    def test_the_last_administrator_cannot_go(self, boss, school, administrator):
        url = self.url(school, administrator, "remove-person")
        assert "needs an administrator" in text(boss.post(url, follow=True))
        response = boss.post(self.url(school, administrator), {"roles": ["teacher"]}, follow=True)
        assert "needs an administrator" in text(response)
        assert administrator.memberships.get().role == "administrator"

    @pytest.mark.parametrize("name", ["person", "remove-person"])
    def test_one_of_two_may_and_lands_at_the_start(self, boss, school, alice, administrator, name):
        Membership.objects.create(user=alice, school=school, role=Role.ADMINISTRATOR)
        response = boss.post(self.url(school, administrator, name), {"roles": ["teacher"]})
        assert response["Location"] == reverse("grading:home")
        assert not administrator.memberships.filter(role=Role.ADMINISTRATOR).exists()


class TestInviting:
    def test_the_link_goes_out_by_letter_and_is_shown_once(self, boss, school, people):
        response = send(boss, school)
        link = link_in(text(response))
        assert response["Cache-Control"] == "no-store"
        assert mail.outbox[0].to == [NEW]
        assert link in mail.outbox[0].body
        assert "Riverside" in mail.outbox[0].subject
        page = text(boss.get(people))
        assert link not in page
        assert NEW in page

    def test_a_letter_that_cannot_be_sent_is_told_and_the_link_is_there(
        self, boss, school, monkeypatch
    ):
        def refuse(self, *_, **__):
            raise ConnectionRefusedError

        monkeypatch.setattr("django.core.mail.EmailMessage.send", refuse)
        page = text(send(boss, school))
        assert "could not be sent" in page
        assert link_in(page)

    def test_a_name_of_a_school_makes_no_other_letter(self, boss, school):
        school.name = "River\r\nBcc: all@example.org"
        school.save()
        send(boss, school)
        letter = mail.outbox[0].message()
        assert letter["Bcc"] is None
        assert mail.outbox[0].recipients() == [NEW]

    def test_a_page_sent_twice_sends_one_letter(self, boss, school):
        code = uuid4()
        send(boss, school, code=code)
        send(boss, school, code=code)
        assert len(mail.outbox) == Invitation.objects.count() == 1

    @pytest.mark.parametrize(
        "wrong",
        [{"email": "x"}, {"email": ""}, {"role": "principal"}, {"code": "x"},
         {"email": "a" * 64 + "@" + ("b" * 60 + ".") * 4 + "org"},
         {"email": "a@example.org\nBcc: b@example.org"}, {"email": "alice@example.org"}],
    )  # fmt: skip
    def test_a_wrong_form_invites_nobody_and_keeps_what_was_typed(self, boss, school, alice, wrong):
        assert send(boss, school, **wrong).status_code == 422
        assert not Invitation.objects.exists()
        assert not mail.outbox

    def test_who_is_invited_is_not_invited_twice(self, boss, school):
        send(boss, school)
        response = send(boss, school, email=NEW.upper())
        assert "invited already" in text(response)
        assert len(mail.outbox) == 1

    def test_inviting_does_not_tell_whether_there_is_an_account(self, boss, school, bob):
        pages = [text(send(boss, school, email=e)) for e in (bob.email, "nobody@example.org")]
        assert all("is on its way" in page for page in pages)
        assert "Bob" not in pages[0]

    def test_sending_again_and_taking_back(self, boss, school):
        first = link_in(text(send(boss, school)))
        invitation = Invitation.objects.get()
        again = reverse("grading:invite-again", args=[invitation.code])
        seen = {"seen": invitation.token_sha256[:16]}
        second = link_in(text(boss.post(again, seen)))
        assert second != first
        assert len(mail.outbox) == 2
        assert "changed in the meantime" in text(boss.post(again, seen, follow=True))
        assert Client().get(first).status_code == 404
        assert Client().get(second).status_code == 200
        boss.post(reverse("grading:revoke-invitation", args=[invitation.code]))
        assert Client().get(second).status_code == 404


class TestJoining:
    @pytest.fixture
    def url(self, school, administrator) -> str:
        _invitation, token = invite(
            school, administrator, email=NEW, role=Role.TEACHER, code=uuid4()
        )
        return reverse("grading:invitation", args=[token])

    @pytest.fixture
    def nora(self, db) -> User:
        return User.objects.create_user(NEW, PASSWORD, name="Nora")

    def join(self, client, url, **form):
        form = {"name": "Nora", "password1": PASSWORD, "password2": PASSWORD} | form
        return client.post(url, form)

    def test_a_newcomer_makes_an_account_and_is_in(self, client, url, school):
        assert "Riverside" in text(client.get(url))
        assert self.join(client, url)["Location"] == reverse("grading:home")
        assert "Welcome to Riverside" in text(client.get("/"))
        assert User.objects.get(email=NEW).memberships.get().school == school
        verbs = list(AuditEvent.objects.order_by("pk").values_list("verb", flat=True))
        assert verbs == ["invited", "joined", "signed_in"]

    @pytest.mark.parametrize(
        "wrong",
        [{"name": ""}, {"name": "n" * 81}, {"password2": "other"}, {"password1": ""},
         {"password1": "short", "password2": "short"}, {"password1": NEW, "password2": NEW}],
    )  # fmt: skip
    def test_a_wrong_form_says_so_and_the_link_still_works(self, client, url, wrong):
        assert self.join(client, url, **wrong).status_code == 422
        assert not User.objects.filter(email=NEW).exists()
        assert self.join(client, url).status_code == 302

    def test_whoever_has_an_account_signs_in_and_joins_with_one_click(self, client, url, nora):
        page = text(client.get(url))
        assert "password1" not in page
        sign_in = re.search(r'href="(/sign-in/[^"]+)"', page)[1]
        response = client.post(sign_in, {"username": NEW, "password": PASSWORD})
        assert response["Location"] == url
        assert "You are signed in as Nora" in text(client.get(url))
        client.post(url)
        assert nora.memberships.get().role == "teacher"

    def test_an_account_that_is_there_cannot_be_set_anew(self, client, url, nora):
        self.join(client, url, name="Mallory", password1="eight loud lanterns")
        nora.refresh_from_db()
        assert nora.name == "Nora"
        assert not nora.memberships.exists()

    def test_somebody_else_is_told_so_and_learns_no_address(self, client, url, bob):
        client.force_login(bob)
        for response in (client.get(url), client.post(url)):
            assert response.status_code == 403
            assert NEW not in text(response)
        assert Invitation.objects.get().is_usable

    def test_unknown_used_and_old_links_look_alike(self, client, url, nora):
        client.force_login(nora)
        client.post(url)
        used = text(client.get(url))
        assert "Riverside" not in used
        assert client.get(url).status_code == 404
        assert text(client.get(reverse("grading:invitation", args=["x" * 43]))) == used
        Invitation.objects.update(accepted_at=None, expires_at=now() - timedelta(seconds=1))
        assert text(client.get(url)) == used

    def test_the_address_of_the_page_goes_nowhere(self, client, url):
        response = client.get(url)
        assert response["Referrer-Policy"] == "strict-origin"
        assert response["Cache-Control"] == "no-store"
        wrong = client.get(reverse("grading:invitation", args=["x" * 43]))
        assert wrong["Referrer-Policy"] == "no-referrer"

    def test_the_forms_are_guarded_against_other_sites(self, url):
        strict = Client(enforce_csrf_checks=True)
        assert self.join(strict, url).status_code == 403

    def test_a_second_school_is_a_second_role(self, client, alice, bob, school):
        hillside = bob.memberships.get().school
        bobs_boss = User.objects.create_user("eve@example.org", PASSWORD, name="Eve")
        Membership.objects.create(user=bobs_boss, school=hillside, role=Role.ADMINISTRATOR)
        _, token = invite(
            hillside, bobs_boss, email=alice.email, role=Role.ADMINISTRATOR, code=uuid4()
        )
        client.force_login(alice)
        client.post(reverse("grading:invitation", args=[token]))
        assert client.get(reverse("grading:people", args=[hillside.code])).status_code == 200
        assert client.get(reverse("grading:people", args=[school.code])).status_code == 404

    def test_a_new_administrator_sets_up_the_second_factor_first(
        self, client, school, administrator, settings
    ):
        settings.TWO_FACTOR_FOR_ADMINISTRATORS = True
        _, token = invite(school, administrator, email=NEW, role=Role.ADMINISTRATOR, code=uuid4())
        self.join(client, reverse("grading:invitation", args=[token]))
        assert client.get("/")["Location"] == reverse("mfa_activate_totp")
