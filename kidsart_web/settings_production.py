"""Settings of a school server: as on the laptop, but it refuses to start where that is unsafe."""

import os

from django.core.exceptions import ImproperlyConfigured

from kidsart_web.settings import *  # noqa: F403
from kidsart_web.settings import CELERY_BROKER_URL, CONTENT_SECURITY_POLICY, DEMO_ACCOUNTS_FILE

PRODUCTION = True
DEBUG = False
if os.environ.get("KIDSART_DEBUG"):
    raise ImproperlyConfigured(
        "KIDSART_DEBUG is set. A school server never runs in debug mode: unset it."
    )

SECRET_KEY = os.environ.get("KIDSART_SECRET_KEY", "")
if len(SECRET_KEY) < 50:
    raise ImproperlyConfigured(
        "Set KIDSART_SECRET_KEY to a random text of at least 50 characters, for example from "
        "python3 -c 'import secrets; print(secrets.token_urlsafe(50))'."
    )
if DEMO_ACCOUNTS_FILE.exists():
    raise ImproperlyConfigured(
        f"{DEMO_ACCOUNTS_FILE} belongs to the demo school, whose passwords lie in a file. "
        "Give the school server a data folder of its own (KIDSART_DATA_DIR)."
    )
ALLOWED_HOSTS = os.environ.get("KIDSART_ALLOWED_HOSTS", "").replace(",", " ").split()
if not ALLOWED_HOSTS:
    raise ImproperlyConfigured("Set KIDSART_ALLOWED_HOSTS to the address of this site.")

SECURE_SSL_REDIRECT = True
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
SECURE_HSTS_SECONDS = 60 * 60 * 24 * 365
SECURE_HSTS_INCLUDE_SUBDOMAINS = True
SECURE_HSTS_PRELOAD = True
SESSION_COOKIE_SECURE = True
SESSION_COOKIE_NAME = "__Host-kidsart_session"  # no other host of the domain can plant one
CSRF_COOKIE_SECURE = True
TWO_FACTOR_FOR_ADMINISTRATORS = True
LANGUAGE_COOKIE_SECURE = True
# A browser takes a cookie of such a name from this very host alone, and over HTTPS alone.
CSRF_COOKIE_NAME = "__Host-csrftoken"
CONTENT_SECURITY_POLICY["DIRECTIVES"]["upgrade-insecure-requests"] = True

# Shared by all web processes. The broker's server can hold these few numbers, too. Where it is
# away nothing is counted, and nothing else happens.
CACHE_URL = os.environ.get("KIDSART_CACHE_URL") or CELERY_BROKER_URL
CACHES = {
    "default": {
        "BACKEND": "kidsart_web.caches.RedisThatMayBeAway",
        "LOCATION": CACHE_URL.replace("redis+socket://", "unix://"),
        "KEY_PREFIX": "kidsart",
        "OPTIONS": {
            "serializer": "kidsart_web.caches.JSONSerializer",
            "socket_connect_timeout": 1,
            "socket_timeout": 1,
        },
    }
}
