"""Settings of a laptop: the demo school, and development. A school server uses settings_production.

Everything that differs between machines comes from the environment; every variable is listed in
docs/settings.md and starts with KIDSART_, but for the usual DATABASE_URL.
"""

import os
from datetime import timedelta
from pathlib import Path
from typing import Any

import dj_database_url
from celery.schedules import crontab
from csp.constants import NONE, SELF
from django.core.exceptions import ImproperlyConfigured

BASE_DIR = Path(__file__).resolve().parent.parent
DATA_DIR = Path(os.environ.get("KIDSART_DATA_DIR") or BASE_DIR / "var").resolve()
DATA_DIR.mkdir(parents=True, exist_ok=True)

PRODUCTION = False
DEBUG = os.environ.get("KIDSART_DEBUG") == "1"
SECRET_KEY = os.environ.get("KIDSART_SECRET_KEY") or "only-for-this-laptop-" + "x" * 40
ALLOWED_HOSTS = [
    "localhost",
    "127.0.0.1",
    "[::1]",
    *os.environ.get("KIDSART_ALLOWED_HOSTS", os.environ.get("HOST", "")).replace(",", " ").split(),
]
CSRF_TRUSTED_ORIGINS = os.environ.get("KIDSART_TRUSTED_ORIGINS", "").replace(",", " ").split()
ADMIN_ENABLED = True

INSTALLED_APPS = [
    "kidsart_web.apps.SupportConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "django_htmx",
    "csp",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "allauth.usersessions",
    "grading",
    "axes",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "grading.guards.add_headers",
    "csp.middleware.CSPMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "grading.middleware.remember_client_address",
    "grading.guards.refuse_large_bodies",  # before anything reads the body, after who it is
    "grading.guards.SayTooMany",
    "grading.archived.RefuseChangesInArchivedYears",
    "allauth.account.middleware.AccountMiddleware",
    "grading.second_factor.SecondFactorMiddleware",
    "axes.middleware.AxesMiddleware",  # the last: it answers for whoever is locked out
]
# How many proxies stand in front; each adds what it sees to X-Forwarded-For. 0: none, and the
# header is not looked at.
TRUSTED_PROXIES = int(os.environ.get("KIDSART_TRUSTED_PROXIES", 0))

ROOT_URLCONF = "kidsart_web.urls"
WSGI_APPLICATION = "kidsart_web.wsgi.application"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "grading.context.page",
            ],
        },
    }
]

# IMMEDIATE: six writers made 511 "database is locked" errors in 900 deferred transactions, and none
# in 900 immediate ones. WAL lets the pages be read while the workers write.
SQLITE_OPTIONS = {
    "transaction_mode": "IMMEDIATE",
    "timeout": 20,
    "init_command": "PRAGMA journal_mode=WAL",
}
DATABASES = {
    "default": dj_database_url.config(
        default=f"sqlite:///{DATA_DIR / 'db.sqlite3'}", conn_max_age=600, conn_health_checks=True
    )
}
if DATABASES["default"]["ENGINE"] == "django.db.backends.sqlite3":
    DATABASES["default"]["OPTIONS"] = SQLITE_OPTIONS
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# ------------------------------------------------------------------------------------ accounts
# What allauth and axes do, and what is ours: docs/decisions/0015-accounts.md
AUTHENTICATION_BACKENDS = ["axes.backends.AxesStandaloneBackend", "grading.backends.MemberBackend"]
AUTH_USER_MODEL = "grading.User"
LOGIN_URL = "sign-in"
LOGIN_REDIRECT_URL = "grading:home"
LOGOUT_REDIRECT_URL = "sign-in"
AUTH_PASSWORD_VALIDATORS = [
    {
        "NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator",
        "OPTIONS": {"user_attributes": ["email", "name"]},
    },
    {
        "NAME": "django.contrib.auth.password_validation.MinimumLengthValidator",
        "OPTIONS": {"min_length": 12},
    },
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.NumericPasswordValidator"},
]
PASSWORD_RESET_TIMEOUT = 60 * 60 * 2
SESSION_COOKIE_AGE = 60 * 60 * 12  # at most; it ends with the browser
SESSION_EXPIRE_AT_BROWSER_CLOSE = True
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_NAME = "kidsart_session"
CSRF_COOKIE_SAMESITE = "Lax"
LANGUAGE_COOKIE_SAMESITE = "Lax"
LANGUAGE_COOKIE_HTTPONLY = True

TWO_FACTOR_FOR_ADMINISTRATORS = False  # True on a school server

ACCOUNT_ADAPTER = "grading.accounts.AccountAdapter"
ACCOUNT_EMAIL_VERIFICATION = "none"  # an invitation proves the address
ACCOUNT_FORMS = {
    "login": "grading.forms.accounts.SignInForm",
    "reset_password": "grading.forms.accounts.ForgottenForm",
    "user_token": "grading.forms.accounts.ResetLinkForm",
    "reset_password_from_key": "grading.forms.accounts.NewPasswordForm",
    "change_password": "grading.forms.accounts.ChangePasswordForm",
    "reauthenticate": "grading.forms.accounts.PasswordAgainForm",
}
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_PASSWORD_RESET_TOKEN_GENERATOR = "django.contrib.auth.tokens.PasswordResetTokenGenerator"  # noqa: S105
ACCOUNT_RATE_LIMITS = {  # counted by each web process for itself
    "login": "60/m/ip",  # everybody at one school at a quarter to eight
    "login_failed": "5/15m/key",  # wrong codes of a second factor; axes counts wrong passwords
    "reset_password": "30/h/ip,5/h/key",
}
ACCOUNT_REAUTHENTICATION_METHODS = {"password", "mfa"}
ACCOUNT_SESSION_REMEMBER = False
ACCOUNT_SIGNUP_FIELDS = ["email*", "password1*"]
ACCOUNT_USER_MODEL_USERNAME_FIELD = None

MFA_ADAPTER = "grading.accounts.SecondFactorAdapter"
MFA_FORMS = {
    "authenticate": "grading.forms.accounts.CodeForm",
    "reauthenticate": "grading.forms.accounts.CodeAgainForm",
    "activate_totp": "grading.forms.accounts.FirstCodeForm",
}
MFA_SUPPORTED_TYPES = ["totp", "recovery_codes"]
MFA_TOTP_ISSUER = "KidsArt"
MFA_TOTP_TOLERANCE = 1  # a code may be typed as it runs out

USERSESSIONS_ADAPTER = "grading.accounts.SessionsAdapter"

AXES_FAILURE_LIMIT = 5
AXES_LOCKOUT_PARAMETERS = [["username", "ip_address"]]  # nobody can lock a colleague out
AXES_COOLOFF_TIME = timedelta(minutes=15)
AXES_RESET_COOL_OFF_ON_FAILURE_DURING_LOCKOUT = False
AXES_RESET_ON_SUCCESS = True
AXES_CLIENT_IP_CALLABLE = "grading.accounts.network_of_request"
AXES_USERNAME_CALLABLE = "grading.accounts.key_of_credentials"
AXES_LOCKOUT_CALLABLE = "grading.views.accounts.locked_out"
AXES_DISABLE_ACCESS_LOG = True  # the audit trail tells of sign-ins
AXES_ENABLE_ADMIN = False
AXES_VERBOSE = False

EMAIL_HOST = os.environ.get("KIDSART_EMAIL_HOST", "")
EMAIL_PORT = int(os.environ.get("KIDSART_EMAIL_PORT", 587))
EMAIL_HOST_USER = os.environ.get("KIDSART_EMAIL_USER", "")
EMAIL_HOST_PASSWORD = os.environ.get("KIDSART_EMAIL_PASSWORD", "")
EMAIL_SECURITY = os.environ.get("KIDSART_EMAIL_SECURITY", "starttls")
if EMAIL_SECURITY not in ("starttls", "tls", "none"):
    raise ImproperlyConfigured("KIDSART_EMAIL_SECURITY is one of starttls, tls, none.")
EMAIL_USE_TLS = EMAIL_SECURITY == "starttls"
EMAIL_USE_SSL = EMAIL_SECURITY == "tls"
EMAIL_TIMEOUT = 10
EMAIL_FILE_PATH = DATA_DIR / "mail"  # where letters lie while there is no server for them
EMAIL_BACKEND = f"django.core.mail.backends.{'smtp' if EMAIL_HOST else 'filebased'}.EmailBackend"
DEFAULT_FROM_EMAIL = os.environ.get("KIDSART_EMAIL_FROM", "KidsArt <kidsart@localhost>")

LANGUAGE_CODE = "en"
LANGUAGES = [("en", "English"), ("de", "Deutsch")]
TIME_ZONE = os.environ.get("KIDSART_TIME_ZONE", "UTC")
USE_I18N = True
USE_TZ = True
LOCALE_PATHS = [BASE_DIR / "grading" / "locale"]

STATIC_URL = "static/"
STATIC_ROOT = DATA_DIR / "static"
STATICFILES_DIRS = [BASE_DIR / "static"]
# Codes of who was erased, one a line. Copied with the backups, never restored from an older one.
ERASURES_FILE = Path(os.environ.get("KIDSART_ERASURES_FILE") or DATA_DIR / "erasures.jsonl")
MEDIA_ROOT = DATA_DIR / "media"  # never served by URL: grading.views.artworks checks access first
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"},
}
FILE_UPLOAD_PERMISSIONS = 0o640
ACCEL_REDIRECT_PREFIX = os.environ.get("KIDSART_ACCEL_REDIRECT_PREFIX", "")

# One picture file; a ZIP of a class set may be larger. Django keeps larger bodies on disk.
UPLOAD_MAX_PICTURE_BYTES = 50 * 1024 * 1024
UPLOAD_MAX_ARCHIVE_BYTES = 1024 * 1024 * 1024
UPLOAD_MAX_PIXELS = 80_000_000
SCHOOL_QUOTA_BYTES = int(os.environ.get("KIDSART_SCHOOL_QUOTA_BYTES", 50 * 1024**3))
DATA_UPLOAD_MAX_NUMBER_FILES = 600
DATA_UPLOAD_MAX_NUMBER_FIELDS = 2000  # two a photograph on the page of a very large class set
DATA_UPLOAD_MAX_MEMORY_SIZE = 1024 * 1024  # of all fields but files
FILE_UPLOAD_MAX_MEMORY_SIZE = 2 * 1024 * 1024
# How large a whole body may be, by the name of its page; refused before it is read. With a little
# room for what surrounds the files.
BODY_MAX_BYTES_ANONYMOUS = 256 * 1024
BODY_MAX_BYTES_SIGNED_IN = 10 * 1024 * 1024  # a roster of thousands
BODY_MAX_BYTES = {
    "grading:upload": UPLOAD_MAX_ARCHIVE_BYTES + BODY_MAX_BYTES_ANONYMOUS,
    "grading:replace": UPLOAD_MAX_PICTURE_BYTES + BODY_MAX_BYTES_ANONYMOUS,
}
# A file that never became a picture (it was damaged, or removed at once) is not kept for long. One
# that did is gone at once.
ORIGINAL_KEPT_HOURS = int(os.environ.get("KIDSART_ORIGINAL_KEPT_HOURS", 72))

# What one person does within an hour. Ten classes of 30 are 300 pictures, 300 links and 60 files.
UPLOADS_AN_HOUR = int(os.environ.get("KIDSART_UPLOADS_AN_HOUR", 2000))
EXPORTS_AN_HOUR = int(os.environ.get("KIDSART_EXPORTS_AN_HOUR", 600))
REPORTS_AN_HOUR = int(os.environ.get("KIDSART_REPORTS_AN_HOUR", 600))
FAMILY_LINKS_AN_HOUR = int(os.environ.get("KIDSART_FAMILY_LINKS_AN_HOUR", 600))

# Counts who guesses. Each process for itself here; a school server shares it (settings_production).
CACHES: dict[str, dict[str, Any]] = {
    "default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}
}

ROSTER_KEPT_DAYS = 30  # what an uploaded list said, and with it the way to undo it

AUDIT_KEPT_DAYS = int(os.environ.get("KIDSART_AUDIT_KEPT_DAYS", 730))

X_FRAME_OPTIONS = "DENY"
SECURE_REFERRER_POLICY = "same-origin"
CONTENT_SECURITY_POLICY: dict[str, dict[str, Any]] = {
    "DIRECTIVES": {
        "default-src": [NONE],
        "script-src": [SELF],
        "style-src": [SELF],
        "img-src": [SELF],
        "font-src": [SELF],
        "connect-src": [SELF],
        "manifest-src": [SELF],
        "object-src": [NONE],
        "frame-src": [NONE],
        "form-action": [SELF],
        "frame-ancestors": [NONE],
        "base-uri": [NONE],
    }
}

# ---------------------------------------------------------------------------------------- jobs
# The database is the queue of record; the broker carries ids. The values of the Redis transport
# were measured to lose nothing and recover fast; see docs/decisions/0003-jobs.md.
CELERY_BROKER_URL = os.environ.get("KIDSART_BROKER_URL", "redis://127.0.0.1:6379/0")
CELERY_BROKER_TRANSPORT_OPTIONS = {
    "visibility_timeout": 900,
    "unacked_restore_interval": 10,
    "unacked_restore_throttle": 1,
    "socket_connect_timeout": 2,
}
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_CONNECTION_MAX_RETRIES = None
CELERY_TASK_PUBLISH_RETRY_POLICY = {"max_retries": 1, "interval_start": 0.1}
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = True
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_CANCEL_LONG_RUNNING_TASKS_ON_CONNECTION_LOSS = False
CELERY_ACCEPT_CONTENT = ["json"]
CELERY_TASK_DEFAULT_QUEUE = "io"
CELERY_TASK_ROUTES = {
    "grading.tasks.score_pictures": {"queue": "gpu"},
    "grading.tasks.write_feedback": {"queue": "gpu"},
}
CELERY_TIMEZONE = "UTC"
CELERY_BEAT_SCHEDULE = {
    "sweep": {
        "task": "grading.tasks.sweep",
        "schedule": 10.0,
        "options": {"expires": 30},  # a pile of old sweeps after an outage helps nobody
    },
    "forget-originals": {
        "task": "grading.tasks.forget_originals",
        "schedule": 3600.0,
        "options": {"expires": 3600},
    },
    "retention": {
        "task": "grading.tasks.apply_retention",
        "schedule": crontab(hour=2, minute=40),
        "options": {"expires": 6 * 60 * 60},
    },
    "forget-sign-ins": {
        "task": "grading.tasks.forget_sign_ins",
        "schedule": crontab(hour=2, minute=0),
    },
    "keep-audit": {"task": "grading.tasks.keep_audit", "schedule": crontab(hour=2, minute=20)},
}

JOB_LEASE_S = float(os.environ.get("KIDSART_JOB_LEASE_S", 60))  # renewed every third of it
JOB_MAX_ATTEMPTS = 5
SCORING_BATCH = int(os.environ.get("KIDSART_SCORING_BATCH", 8))
FEEDBACK_BATCH = int(os.environ.get("KIDSART_FEEDBACK_BATCH", 32))  # about a class
SCORING_DEVICE = os.environ.get("KIDSART_DEVICE", "auto")
SCORING_COMPILED = os.environ.get("KIDSART_COMPILE") == "1"
SCORING_FOUR_BIT = os.environ.get("KIDSART_FOUR_BIT") == "1"
HEARTBEAT_S = float(os.environ.get("KIDSART_HEARTBEAT_S", 5))
DEMO_MODEL_DIR = BASE_DIR / "ml" / "demo_model"
DEMO_ACCOUNTS_FILE = DATA_DIR / "demo-accounts.json"

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "line": {
            "()": "kidsart_web.logs.OneLine",
            "format": "%(asctime)s %(levelname)s %(name)s %(message)s",
        }
    },
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["console"], "level": "INFO"},
    "loggers": {name: {"level": "WARNING"} for name in ("weasyprint", "fontTools", "axes")},
}
