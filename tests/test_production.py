"""A school server does not start where that would be unsafe."""

import json
import os
import subprocess
import sys

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.core.management import call_command

from grading.checks import no_demo_school, refuse_demo_data
from grading.models import School

SAFE = {
    "DJANGO_SETTINGS_MODULE": "kidsart_web.settings_production",
    "KIDSART_SECRET_KEY": "k9!" + "Zq7-" * 15,
    "KIDSART_ALLOWED_HOSTS": "art.school.example",
    "KIDSART_EMAIL_HOST": "mail.school.example",
    "KIDSART_TRUSTED_PROXIES": "1",
}


def start(tmp_path, **env: str) -> subprocess.CompletedProcess[str]:
    """`check --deploy` in a process of its own, with these variables."""
    return subprocess.run(
        [sys.executable, "manage.py", "check", "--deploy", "--fail-level", "WARNING"],
        env={"PATH": os.environ["PATH"], "KIDSART_DATA_DIR": str(tmp_path), **SAFE, **env},
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_well_configured_server_passes_every_deploy_check(tmp_path):
    done = start(tmp_path)
    assert done.returncode == 0, done.stderr
    assert "no issues" in done.stdout


@pytest.mark.parametrize(
    ("env", "sentence"),
    [
        ({"KIDSART_SECRET_KEY": ""}, "Set KIDSART_SECRET_KEY"),
        ({"KIDSART_SECRET_KEY": "short"}, "at least 50 characters"),
        ({"KIDSART_DEBUG": "1"}, "never runs in debug mode"),
        ({"KIDSART_ALLOWED_HOSTS": ""}, "Set KIDSART_ALLOWED_HOSTS"),
        ({"KIDSART_EMAIL_HOST": ""}, "Set KIDSART_EMAIL_HOST"),
        ({"KIDSART_EMAIL_SECURITY": "ssl"}, "one of starttls, tls, none"),
    ],
)
def test_it_refuses_and_says_what_to_do(tmp_path, env, sentence):
    done = start(tmp_path, **env)
    assert done.returncode != 0
    assert sentence in done.stderr


def test_administrators_need_a_second_factor_and_the_cookie_is_bound_to_the_host(tmp_path):
    done = subprocess.run(
        [
            *(sys.executable, "-c"),
            "from kidsart_web.settings_production import *;"
            "print(TWO_FACTOR_FOR_ADMINISTRATORS, SESSION_COOKIE_NAME, SESSION_COOKIE_SECURE)",
        ],
        env={"PATH": os.environ["PATH"], "KIDSART_DATA_DIR": str(tmp_path), **SAFE},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.split() == ["True", "__Host-kidsart_session", "True"]


def test_it_refuses_the_data_folder_of_a_demo(tmp_path):
    (tmp_path / "demo-accounts.json").write_text("[]")
    assert "belongs to the demo school" in start(tmp_path).stderr


def test_it_refuses_a_database_with_the_demo_school(db, settings):
    settings.PRODUCTION = True
    refuse_demo_data()  # an empty database is fine
    School.objects.create(name="Demo", is_demo=True)
    with pytest.raises(ImproperlyConfigured, match="demo school"):
        refuse_demo_data()
    assert [e.id for e in no_demo_school(None)] == ["kidsart.E001"]


def test_the_demo_school_is_never_set_up_on_a_school_server(db, settings):
    settings.PRODUCTION = True
    with pytest.raises(ImproperlyConfigured, match="never set up on a school server"):
        call_command("prepare_demo")


def test_cookies_headers_and_cache_are_those_of_a_school_server(tmp_path):
    asked = [
        "SESSION_COOKIE_NAME", "CSRF_COOKIE_NAME", "SESSION_COOKIE_SECURE", "CSRF_COOKIE_SECURE",
        "LANGUAGE_COOKIE_SECURE", "SESSION_COOKIE_HTTPONLY", "SESSION_COOKIE_SAMESITE",
        "CSRF_COOKIE_SAMESITE", "SECURE_HSTS_SECONDS", "SECURE_SSL_REDIRECT",
    ]  # fmt: skip
    code = (
        "import json, django; django.setup(); from django.conf import settings as s;"
        f"print(json.dumps([*(getattr(s, name) for name in {asked}),"
        "s.CONTENT_SECURITY_POLICY['DIRECTIVES']['upgrade-insecure-requests'],"
        "s.SESSION_COOKIE_PATH, s.SESSION_COOKIE_DOMAIN, s.CSRF_COOKIE_DOMAIN,"
        "s.CACHES['default']['LOCATION']]))"
    )
    env = {"PATH": os.environ["PATH"], "KIDSART_DATA_DIR": str(tmp_path), **SAFE}
    env["KIDSART_BROKER_URL"] = "redis://redis.school.example/0"
    said = subprocess.check_output([sys.executable, "-c", code], env=env, text=True)
    assert json.loads(said) == [
        "__Host-kidsart_session", "__Host-csrftoken", True, True, True, True, "Lax", "Lax",
        31536000, True, True, "/", None, None, "redis://redis.school.example/0",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("env", "sentence"),
    [
        ({"KIDSART_EMAIL_HOST": ""}, "reach nobody"),
        ({"KIDSART_TRUSTED_PROXIES": "0"}, "cannot tell people apart"),
    ],
)
def test_it_warns_of_what_would_not_work(tmp_path, env, sentence):
    done = start(tmp_path, **env)
    assert done.returncode != 0  # with --fail-level WARNING
    assert sentence in done.stderr
