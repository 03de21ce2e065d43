"""Settings of a laptop: the demo school, and development. A school server uses settings_production.

Everything that differs between machines comes from the environment; every variable is listed in
docs/settings.md and starts with KIDSART_, but for the usual DATABASE_URL.
"""

import os
from pathlib import Path

import dj_database_url
from celery.schedules import crontab
from csp.constants import NONE, SELF

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
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "django_htmx",
    "csp",
    "grading",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
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
]

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

AUTHENTICATION_BACKENDS = ["grading.backends.MemberBackend"]
AUTH_USER_MODEL = "grading.User"
LOGIN_URL = "sign-in"
LOGIN_REDIRECT_URL = "grading:home"
LOGOUT_REDIRECT_URL = "sign-in"
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {
        "NAME": "django.contrib.auth.password_validation.MinimumLengthValidator",
        "OPTIONS": {"min_length": 10},
    },
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.NumericPasswordValidator"},
]
SESSION_COOKIE_AGE = 60 * 60 * 12
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_NAME = "kidsart_session"
CSRF_COOKIE_SAMESITE = "Lax"

LANGUAGE_CODE = "en"
LANGUAGES = [("en", "English"), ("de", "Deutsch")]
TIME_ZONE = os.environ.get("KIDSART_TIME_ZONE", "UTC")
USE_I18N = True
USE_TZ = True
LOCALE_PATHS = [BASE_DIR / "grading" / "locale"]

STATIC_URL = "static/"
STATIC_ROOT = DATA_DIR / "static"
STATICFILES_DIRS = [BASE_DIR / "static"]
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
FILE_UPLOAD_MAX_MEMORY_SIZE = 2 * 1024 * 1024

AUDIT_KEPT_DAYS = int(os.environ.get("KIDSART_AUDIT_KEPT_DAYS", 730))

X_FRAME_OPTIONS = "DENY"
SECURE_REFERRER_POLICY = "same-origin"
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [NONE],
        "script-src": [SELF],
        "style-src": [SELF],
        "img-src": [SELF, "blob:", "data:"],
        "font-src": [SELF],
        "connect-src": [SELF],
        "manifest-src": [SELF],
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
    "formatters": {"line": {"format": "%(asctime)s %(levelname)s %(name)s %(message)s"}},
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["console"], "level": "INFO"},
    "loggers": {name: {"level": "WARNING"} for name in ("weasyprint", "fontTools")},
}
