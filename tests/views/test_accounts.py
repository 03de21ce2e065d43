"""Signing in, and keeping others out: passwords, lock-out, second factor, sessions."""

from __future__ import annotations

import re
import time
from datetime import timedelta

import pytest
from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal.auth import TOTP, format_hotp_value, hotp_value
from allauth.usersessions.models import UserSession
from axes.models import AccessAttempt
from django.contrib.sessions.models import Session
from django.core import mail
from django.core.cache import cache
from django.test import Client
from django.urls import reverse
from django.utils.timezone import now

from grading.models import AuditEvent, Membership, Role, School, User
from grading.services.accounts import account_key

SIGN_IN = reverse("sign-in")
PASSWORD = "pass-word-1"
SECRET = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"


@pytest.fixture(autouse=True)
def _cache():
    cache.clear()
    yield
    cache.clear()


def text(response) -> str:
    return " ".join(response.content.decode().split())


def sign_in(client, user="alice", password=PASSWORD, **more):
    email = f"{user}@example.org"
    return client.post(SIGN_IN, {"username": email, "password": password, **more})


def is_signed_in(client) -> bool:
    return client.get(reverse("grading:home")).status_code == 200


def code_of(offset: int = 0) -> str:
    return format_hotp_value(hotp_value(SECRET, int(time.time()) // 30 + offset))


def second_factor(user: User) -> Authenticator:
    return TOTP.activate(user, SECRET).instance


def confirm(client, password=PASSWORD):
    return client.post(reverse("account_reauthenticate"), {"password": password})


class TestSignIn:
    def test_address_and_password_open_the_classes(self, client, alice):
        assert sign_in(client).headers["Location"] == reverse("grading:home")
        assert is_signed_in(client)

    def test_the_address_may_be_typed_in_capitals(self, client, alice):
        sign_in(client, "ALICE")
        assert is_signed_in(client)

    @pytest.mark.parametrize(
        ("user", "password"), [("alice", "wrong"), ("nobody", PASSWORD), ("gone", PASSWORD)]
    )
    def test_every_mistake_gets_the_same_answer(self, client, alice, user, password):
        User.objects.create_user("gone@example.org", PASSWORD, name="Gone", is_active=False)
        response = sign_in(client, user, password)
        assert response.status_code == 200
        page = text(response)
        assert "That e-mail address and password do not belong together." in page
        alike = re.sub(r'value="[^"]*"', "", page)
        assert alike == re.sub(r'value="[^"]*"', "", text(sign_in(client, "other", "other-one")))

    @pytest.mark.parametrize("user", ["alice", "nobody", "gone"])
    def test_a_wrong_password_costs_one_hashing_with_or_without_an_account(
        self, client, alice, user, settings, monkeypatch
    ):
        User.objects.create_user("gone@example.org", PASSWORD, name="Gone", is_active=False)
        from django.contrib.auth.hashers import MD5PasswordHasher

        hashed = []
        encode = MD5PasswordHasher.encode
        monkeypatch.setattr(
            MD5PasswordHasher,
            "encode",
            lambda self, *args: hashed.append(1) or encode(self, *args),
        )
        sign_in(client, user, "wrong")
        assert len(hashed) == 1

    def test_the_session_is_another_one_after_the_sign_in(self, client, alice):
        """Whoever planted a session does not share what is signed in with it."""
        client.cookies["kidsart_session"] = "planted" + "x" * 25
        client.get(SIGN_IN)
        session = client.session
        session["planted"] = True
        session.save()
        before = session.session_key
        client.cookies["kidsart_session"] = before
        sign_in(client)
        assert client.cookies["kidsart_session"].value != before
        assert not Session.objects.filter(session_key=before).exists()

    def test_the_session_ends_with_the_browser_and_after_twelve_hours(self, client, alice):
        sign_in(client)
        cookie = client.cookies["kidsart_session"]
        assert not cookie["max-age"]
        assert cookie["httponly"]
        assert cookie["samesite"] == "Lax"
        assert Session.objects.get().expire_date < now() + timedelta(hours=12, minutes=1)

    def test_one_goes_on_to_where_one_wanted_to_go(self, client, alice):
        assert sign_in(client, next="/practice/")["Location"] == "/practice/"

    @pytest.mark.parametrize(
        "elsewhere",
        ["https://evil.example/", "//evil.example", "/\\evil.example", "javascript:alert(1)",
         "http:evil.example", "https://localhost/", "\thttps://evil.example"],
    )  # fmt: skip
    def test_one_never_goes_on_to_another_site(self, client, alice, elsewhere):
        assert sign_in(client, next=elsewhere)["Location"] == reverse("grading:home")
        client.logout()
        url = f"{SIGN_IN}?next={elsewhere}"
        response = client.post(url, {"username": "alice@example.org", "password": PASSWORD})
        assert response["Location"] == reverse("grading:home")

    def test_the_page_keeps_where_one_wanted_to_go(self, client):
        page = text(client.get(f'{SIGN_IN}?next=/practice/"><script>'))
        assert 'name="next" value="/practice/&quot;&gt;&lt;script&gt;"' in page

    def test_whoever_is_signed_in_is_led_on(self, client, alice):
        client.force_login(alice)
        assert client.get(SIGN_IN)["Location"] == reverse("grading:home")

    def test_nobody_can_sign_up(self, client):
        for path in ("/account/signup/", "/account/login/", "/accounts/signup/"):
            assert client.get(path).status_code == 404

    def test_no_second_list_of_addresses_is_kept(self, client, alice):
        sign_in(client)
        client.post(reverse("account_reset_password"), {"email": alice.email})
        assert not EmailAddress.objects.exists()

    def test_the_trail_tells_of_sign_in_and_sign_out(self, client, alice):
        sign_in(client)
        client.post(reverse("sign-out"))
        signed_in, signed_out = AuditEvent.objects.order_by("pk")
        assert (signed_in.verb, signed_out.verb) == ("signed_in", "signed_out")
        assert {signed_in.actor, signed_out.actor} == {alice}
        assert {signed_in.school, signed_out.school} == {None}
        assert signed_in.ip_address == "127.0.0.1"
        assert signed_in.detail == {"second_factor": False}

    def test_a_failed_sign_in_names_nobody_but_can_be_grouped(self, client, alice):
        sign_in(client, "Alice", "wrong")
        sign_in(client, "alice", "wrong")
        sign_in(client, "nobody", "wrong")
        events = AuditEvent.objects.filter(verb="failed").order_by("pk")
        assert [e.actor for e in events] == [None] * 3
        assert [e.object_code for e in events] == [None] * 3
        first, second, other = (e.detail["account"] for e in events)
        assert first == second == account_key("alice@example.org")
        assert first != other
        assert "alice" not in str(list(events.values())).lower()

    def test_signing_out_needs_a_form(self, client, alice):
        client.force_login(alice)
        assert client.get(reverse("sign-out")).status_code == 405
        assert is_signed_in(client)


class TestLockOut:
    def fail(self, client, user="alice", times=5, **extra):
        for _ in range(times):
            response = client.post(
                SIGN_IN, {"username": f"{user}@example.org", "password": "wrong"}, **extra
            )
        return response

    @pytest.mark.parametrize("user", ["alice", "nobody"])
    def test_the_fifth_wrong_password_locks_with_or_without_an_account(self, client, alice, user):
        assert self.fail(client, user, 4).status_code == 200
        response = self.fail(client, user, 1)
        assert response.status_code == 429
        assert response["Retry-After"] == "900"
        assert "Wait 15 minutes" in text(response)
        assert f"{user}@" not in text(response)

    def test_then_the_right_password_does_not_open_either(self, client, alice):
        self.fail(client)
        assert sign_in(client).status_code == 429
        assert not is_signed_in(client)

    def test_a_colleague_elsewhere_is_not_locked_out(self, client, alice):
        """Whoever fails on purpose locks their own network out, not the person."""
        self.fail(client, REMOTE_ADDR="203.0.113.9")
        sign_in(client)
        assert is_signed_in(client)

    def test_a_colleague_at_the_same_school_is_not_locked_out(self, client, alice, colleague):
        self.fail(client)
        sign_in(client, "carol")
        assert is_signed_in(client)

    def test_another_way_of_writing_the_address_is_the_same_account(self, client, alice):
        self.fail(client, "alice", 3)
        self.fail(client, "ALICE", 1)
        assert self.fail(client, "Alice", 1).status_code == 429

    def test_addresses_of_one_ipv6_network_count_together(self, client, alice):
        self.fail(client, times=4, REMOTE_ADDR="2001:db8:1:2::1")
        assert self.fail(client, times=1, REMOTE_ADDR="2001:db8:1:2:ffff::9").status_code == 429

    def test_after_a_quarter_of_an_hour_it_opens_again(self, client, alice):
        self.fail(client)
        sign_in(client)  # in between, which does not make it longer
        AccessAttempt.objects.update(attempt_time=now() - timedelta(minutes=15, seconds=1))
        sign_in(client)
        assert is_signed_in(client)

    def test_a_right_password_starts_counting_anew(self, client, alice):
        self.fail(client, times=4)
        sign_in(client)
        client.logout()
        assert self.fail(client, times=4).status_code == 200

    def test_a_new_password_ends_the_lock(self, client, alice):
        self.fail(client)
        TestForgotten().reset(client, alice, "seven quiet lanterns")
        sign_in(client, password="seven quiet lanterns")
        assert is_signed_in(client)

    def test_neither_address_nor_password_is_kept_where_it_counts(self, client, alice):
        client.post(SIGN_IN, {"username": "alice@example.org", "password": "my-other-secret"})
        kept = str(AccessAttempt.objects.values().get()).lower()
        assert "alice" not in kept
        assert "my-other-secret" not in kept

    def test_what_is_refused_during_the_lock_does_not_fill_the_trail(self, client, alice):
        self.fail(client, times=5)
        self.fail(client, times=5)
        assert AuditEvent.objects.filter(verb="failed").count() == 5

    def test_the_password_of_a_signed_in_person_cannot_be_guessed_either(self, client, alice):
        sign_in(client)
        for _ in range(4):
            assert confirm(client, "wrong").status_code == 200
        assert confirm(client, "wrong").status_code == 429

    def test_many_accounts_cannot_be_tried_from_one_network(self, client, db):
        for n in range(60):
            sign_in(client, f"teacher{n}", "Spring2027!!")
        response = sign_in(client, "teacher61", "Spring2027!!")
        assert response.status_code == 429
        assert "only so many times in a row" in text(response)


class TestForgotten:
    def ask(self, client, email):
        return client.post(reverse("account_reset_password"), {"email": email}, follow=True)

    def link(self, client, user) -> str:
        self.ask(client, user.email)
        return re.search(r"http://testserver(/\S+)", mail.outbox[-1].body)[1]

    def reset(self, client, user, password):
        page = client.get(self.link(client, user), follow=True)
        url = page.redirect_chain[-1][0]
        return client.post(url, {"password1": password, "password2": password}, follow=True)

    def test_the_link_in_the_letter_makes_a_new_password(self, client, alice):
        page = text(self.reset(client, alice, "seven quiet lanterns"))
        assert "Your password is changed" in page
        alice.refresh_from_db()
        assert alice.check_password("seven quiet lanterns")
        assert AuditEvent.objects.get(verb="changed").detail == {"password": "reset"}

    def test_the_letter_names_the_person_by_code_only(self, client, alice):
        assert str(alice.code) in self.link(client, alice)
        assert "Your password was changed" not in mail.outbox[-1].subject

    def test_the_owner_hears_of_it(self, client, alice, django_capture_on_commit_callbacks):
        with django_capture_on_commit_callbacks(execute=True):
            self.reset(client, alice, "seven quiet lanterns")
        assert mail.outbox[-1].subject == "KidsArt: Your password was changed"

    def test_the_answer_is_the_same_without_an_account_and_a_letter_goes_out_too(
        self, client, alice
    ):
        known, unknown = (text(self.ask(client, f"{n}@example.org")) for n in ("alice", "nobody"))
        assert known == unknown
        assert [letter.to for letter in mail.outbox] == [
            ["alice@example.org"], ["nobody@example.org"],
        ]  # fmt: skip
        assert "/reset/" not in mail.outbox[1].body

    def test_a_closed_account_is_like_none(self, client, alice):
        User.objects.filter(pk=alice.pk).update(is_active=False)
        self.ask(client, alice.email)
        assert "/reset/" not in mail.outbox[0].body

    def test_a_mail_server_that_does_not_answer_tells_nothing_either(
        self, client, alice, monkeypatch
    ):
        def refuse(self, *_, **__):
            raise ConnectionRefusedError

        monkeypatch.setattr("django.core.mail.EmailMessage.send", refuse)
        known, unknown = (text(self.ask(client, f"{n}@example.org")) for n in ("alice", "nobody"))
        assert known == unknown
        assert "Look into your mail" in known

    def test_the_link_works_once(self, client, alice):
        link = self.link(client, alice)
        url = client.get(link, follow=True).redirect_chain[-1][0]
        new = "seven quiet lanterns"
        client.post(url, {"password1": new, "password2": new})
        assert "does not open anything" in text(Client().get(link, follow=True))

    def test_the_link_runs_out(self, client, alice, settings):
        link = self.link(client, alice)
        settings.PASSWORD_RESET_TIMEOUT = -1
        assert "does not open anything" in text(client.get(link, follow=True))

    def test_wrong_links_look_alike_with_and_without_an_account(self, client, alice):
        wrong = "account_reset_password_from_key"
        known = text(client.get(reverse(wrong, args=[alice.code, "abc-123"])))
        nobody = "00000000-0000-4000-8000-000000000000"
        assert known == text(client.get(reverse(wrong, args=[nobody, "abc-123"])))

    def test_the_token_leaves_the_address_of_the_page(self, client, alice):
        link = self.link(client, alice)
        assert client.get(link)["Location"].endswith("/set-password/")

    def test_it_does_not_pass_by_the_second_factor(self, client, alice):
        second_factor(alice)
        self.reset(client, alice, "seven quiet lanterns")
        assert not is_signed_in(client)
        response = sign_in(client, password="seven quiet lanterns")
        assert response["Location"] == reverse("mfa_authenticate")

    @pytest.mark.parametrize(
        "weak", ["short", "alice@example.org", "1234567890123", "password1234"]
    )
    def test_a_weak_password_is_refused(self, client, alice, weak):
        url = client.get(self.link(client, alice), follow=True).redirect_chain[-1][0]
        response = client.post(url, {"password1": weak, "password2": weak})
        assert response.status_code == 200
        assert "errorlist" in text(response)

    def test_nobody_gets_a_pile_of_letters(self, client, alice):
        for _ in range(5):
            self.ask(client, alice.email)
        assert self.ask(client, alice.email).status_code == 429
        assert len(mail.outbox) == 5


class TestChangePassword:
    def change(self, client, old=PASSWORD, new="seven quiet lanterns"):
        form = {"oldpassword": old, "password1": new, "password2": new}
        return client.post(reverse("account_change_password"), form)

    def test_it_ends_the_other_sessions_and_keeps_this_one(
        self, client, alice, django_capture_on_commit_callbacks
    ):
        elsewhere = Client()
        sign_in(elsewhere)
        sign_in(client)
        with django_capture_on_commit_callbacks(execute=True):
            assert self.change(client).status_code == 302
        assert is_signed_in(client)
        assert not is_signed_in(elsewhere)
        assert AuditEvent.objects.get(verb="changed").detail == {"password": "changed"}
        assert mail.outbox[-1].to == [alice.email]

    def test_it_needs_the_old_one(self, client, alice):
        client.force_login(alice)
        assert "This is not your password." in text(self.change(client, old="wrong"))

    def test_twelve_characters_are_the_least(self, client, alice):
        client.force_login(alice)
        assert "at least 12" in text(self.change(client, new="eleven-char"))


class TestSecondFactor:
    def test_it_is_asked_for_after_the_password(self, client, alice):
        second_factor(alice)
        assert sign_in(client)["Location"] == reverse("mfa_authenticate")
        assert not is_signed_in(client)
        client.post(reverse("mfa_authenticate"), {"code": code_of()})
        assert is_signed_in(client)
        assert AuditEvent.objects.get(verb="signed_in").detail == {"second_factor": True}

    def test_one_still_goes_on_to_where_one_wanted_to_go(self, client, alice):
        second_factor(alice)
        sign_in(client, next="/practice/")
        response = client.post(reverse("mfa_authenticate"), {"code": code_of()})
        assert response["Location"] == "/practice/"

    def test_a_code_works_once(self, client, alice):
        second_factor(alice)
        code = code_of()
        sign_in(client)
        client.post(reverse("mfa_authenticate"), {"code": code})
        cache.clear()  # another web process, which has not seen the first
        other = Client()
        sign_in(other)
        response = other.post(reverse("mfa_authenticate"), {"code": code})
        assert "used before" in text(response)
        assert not is_signed_in(other)

    def test_an_older_code_does_not_work_after_a_newer_one(self, client, alice):
        second_factor(alice)
        sign_in(client)
        client.post(reverse("mfa_authenticate"), {"code": code_of()})
        cache.clear()
        other = Client()
        sign_in(other)
        other.post(reverse("mfa_authenticate"), {"code": code_of(-1)})
        assert not is_signed_in(other)

    def test_wrong_codes_are_counted_and_told(self, client, alice):
        second_factor(alice)
        sign_in(client)
        for _ in range(6):
            response = client.post(reverse("mfa_authenticate"), {"code": "000000"})
        assert "too many tries" in text(response)
        client.post(reverse("mfa_authenticate"), {"code": code_of()})
        assert not is_signed_in(client)
        events = AuditEvent.objects.filter(verb="failed")
        assert {(e.actor, e.detail["step"]) for e in events} == {(alice, "code")}

    def activate(self, client):
        confirm(client)
        page = client.get(reverse("mfa_activate_totp"))
        secret = page.context["form"].secret
        code = format_hotp_value(hotp_value(secret, int(time.time()) // 30))
        return client.post(reverse("mfa_activate_totp"), {"code": code}, follow=True)

    def test_setting_it_up_needs_the_password_again(self, client, alice):
        sign_in(client)
        response = client.get(reverse("mfa_activate_totp"))
        assert response["Location"].startswith(reverse("account_reauthenticate"))

    def test_setting_it_up_shows_the_recovery_codes(
        self, client, alice, django_capture_on_commit_callbacks
    ):
        elsewhere = Client()
        sign_in(elsewhere)
        sign_in(client)
        with django_capture_on_commit_callbacks(execute=True):
            page = text(self.activate(client))
        assert len(re.findall(r"<li><code>\d{8}</code>", page)) == 10
        assert is_signed_in(client)
        assert not is_signed_in(elsewhere)  # it has not been asked for the code
        assert AuditEvent.objects.get(verb="permitted").detail == {"second_factor": "on"}
        assert "switched on" in mail.outbox[-1].subject

    def test_a_recovery_code_works_once(self, client, alice):
        sign_in(client)
        page = text(self.activate(client))
        code = re.search(r"<li><code>(\d{8})</code>", page)[1]
        for works in (True, False):
            other = Client()
            sign_in(other)
            other.post(reverse("mfa_authenticate"), {"code": code})
            assert is_signed_in(other) == works

    def test_the_database_alone_does_not_tell_the_secret(self, client, alice):
        kept = str(second_factor(alice).data)
        assert SECRET not in kept

    def test_with_another_secret_key_no_code_fits_and_nothing_breaks(self, client, alice, settings):
        second_factor(alice)
        settings.SECRET_KEY = "another" * 9
        sign_in(client)
        response = client.post(reverse("mfa_authenticate"), {"code": code_of()})
        assert response.status_code == 200
        assert not is_signed_in(client)

    def test_with_the_old_key_among_the_fallbacks_it_goes_on(self, client, alice, settings):
        second_factor(alice)
        settings.SECRET_KEY_FALLBACKS = [settings.SECRET_KEY]
        settings.SECRET_KEY = "another" * 9
        sign_in(client)
        client.post(reverse("mfa_authenticate"), {"code": code_of()})
        assert is_signed_in(client)

    def test_it_can_be_switched_off(self, client, alice):
        sign_in(client)
        self.activate(client)
        client.post(reverse("mfa_deactivate_totp"))
        assert not Authenticator.objects.exists()
        assert AuditEvent.objects.get(verb="forbidden").detail == {"second_factor": "off"}


class TestRequired:
    @pytest.fixture(autouse=True)
    def _required(self, settings):
        settings.TWO_FACTOR_FOR_ADMINISTRATORS = True

    @pytest.fixture
    def staff(self, alice):
        alice.is_staff = alice.is_superuser = True
        alice.save()
        return alice

    @pytest.mark.parametrize("path", ["/", "/practice/", "/schools/", "/help/", "/preferences/"])
    def test_an_administrator_without_one_gets_nowhere(self, client, administrator, path):
        sign_in(client, "adam")
        for method in (client.get, client.post):
            assert method(path)["Location"] == reverse("mfa_activate_totp")

    @pytest.mark.parametrize("path", ["/", "/support/", "/support/grading/user/"])
    def test_nor_does_staff(self, client, staff, path):
        sign_in(client)
        assert client.get(path)["Location"] == reverse("mfa_activate_totp")

    def test_they_can_set_it_up_and_then_everything_opens(self, client, administrator, school):
        sign_in(client, "adam")
        confirm(client)
        page = client.get(reverse("mfa_activate_totp"))
        assert "Administrators need a second factor here." in text(page)
        code = hotp_value(page.context["form"].secret, int(time.time()) // 30)
        client.post(reverse("mfa_activate_totp"), {"code": format_hotp_value(code)})
        assert client.get(reverse("grading:school", args=[school.code])).status_code == 200

    def test_they_can_leave(self, client, administrator):
        sign_in(client, "adam")
        client.post(reverse("sign-out"))
        assert client.get("/")["Location"].startswith(SIGN_IN)

    def test_they_cannot_switch_it_off(self, client, administrator):
        second_factor(administrator)
        sign_in(client, "adam")
        client.post(reverse("mfa_authenticate"), {"code": code_of()})
        confirm(client)
        response = client.post(reverse("mfa_deactivate_totp"))
        assert "Administrators need a second factor here." in text(response)
        assert Authenticator.objects.exists()

    def test_a_teacher_needs_none(self, client, alice):
        sign_in(client)
        assert is_signed_in(client)

    def test_a_teacher_who_is_made_an_administrator_needs_one_from_then_on(self, client, alice):
        sign_in(client)
        school = School.objects.create(name="Hillside")
        Membership.objects.create(user=alice, school=school, role=Role.ADMINISTRATOR)
        assert client.get("/")["Location"] == reverse("mfa_activate_totp")


class TestSupport:
    def test_it_has_no_door_of_its_own(self, client, alice):
        response = client.get("/support/", follow=True)
        assert response.redirect_chain[-1][0] == f"{SIGN_IN}?next=/support/"
        form = {"username": "alice@example.org", "password": PASSWORD}
        assert client.post("/support/login/", form).status_code == 302
        assert not is_signed_in(client)

    def test_staff_come_in_by_the_sign_in_of_all(self, client, alice):
        User.objects.filter(pk=alice.pk).update(is_staff=True, is_superuser=True)
        second_factor(alice)
        response = sign_in(client, next="/support/")
        assert response["Location"] == reverse("mfa_authenticate")
        response = client.post(reverse("mfa_authenticate"), {"code": code_of()})
        assert response["Location"] == "/support/"
        assert client.get("/support/").status_code == 200

    def test_passwords_are_not_changed_there(self, client, alice):
        User.objects.filter(pk=alice.pk).update(is_staff=True, is_superuser=True)
        client.force_login(alice)
        response = client.get("/support/password_change/")
        assert response["Location"] == reverse("account_change_password")

    def test_no_secret_of_anybody_is_shown_there(self, client, alice):
        User.objects.filter(pk=alice.pk).update(is_staff=True, is_superuser=True)
        factor = second_factor(alice)
        client.force_login(alice)
        page = text(client.get("/support/"))
        assert "usersessions" not in page
        assert "/support/account/" not in page
        page = text(client.get(f"/support/mfa/authenticator/{factor.pk}/change/"))
        assert factor.data["secret"] not in page

    def test_a_lost_second_factor_is_taken_away_there(self, client, alice, bob):
        User.objects.filter(pk=alice.pk).update(is_staff=True, is_superuser=True)
        factor = second_factor(bob)
        client.force_login(alice)
        client.post(f"/support/mfa/authenticator/{factor.pk}/delete/", {"post": "yes"})
        assert not Authenticator.objects.exists()
        event = AuditEvent.objects.get(verb="forbidden")
        assert (event.actor, event.object_code) == (alice, bob.code)


class TestSessions:
    def test_the_others_can_be_ended(self, client, alice, bob):
        elsewhere, bobs = Client(), Client()
        sign_in(elsewhere)
        sign_in(bobs, "bob")
        sign_in(client, password=PASSWORD)
        page = text(client.get(reverse("usersessions_list")))
        assert page.count('<th scope="row"') == 2
        client.post(reverse("usersessions_list"))
        assert is_signed_in(client)
        assert not is_signed_in(elsewhere)
        assert is_signed_in(bobs)
        assert UserSession.objects.filter(user=alice).count() == 1
        assert AuditEvent.objects.get(verb="revoked").detail == {"sessions": 1}

    def test_the_list_says_which_program(self, client, alice):
        agent = "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:140.0) Gecko/20100101 Firefox/140.0"
        client.post(
            SIGN_IN,
            {"username": alice.email, "password": PASSWORD},
            headers={"user-agent": agent},
        )
        assert "Firefox, Windows" in text(client.get(reverse("usersessions_list")))


def test_the_menu_leads_to_the_own_account(client, alice):
    client.force_login(alice)
    page = text(client.get("/"))
    for name in ("account_change_password", "mfa_index", "usersessions_list"):
        assert f'href="{reverse(name)}"' in page
