"""A school in which every word that somebody can type is an attack."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.apps import apps
from django.db import connection, models

from tests.test_permissions import NAMES
from tests.test_permissions import url_of as url_of  # the fixture: every URL of Alice's class

# Columns that the program fills in by itself.
TECHNICAL = {
    "password", "path", "sha256", "digest", "content_sha256", "picture_sha256", "token_sha256",
    "slug", "dimension_slug", "language", "media_type", "queue", "worker", "prompt_profile",
    "image_profile", "object_kind", "network", "year",
}  # fmt: skip


def written_columns() -> list[tuple[str, str]]:
    """(table, column) of every text, in every model: where people type, and where files have
    names. A model that is new is in it on the day it is added."""
    return [
        (model._meta.db_table, field.column)
        for model in apps.get_app_config("grading").get_models()
        for field in model._meta.concrete_fields
        if isinstance(field, models.CharField | models.TextField)
        and not isinstance(field, models.FileField)
        and not (field.choices or field.unique or field.name in TECHNICAL)
    ]


@pytest.fixture
def write_everywhere(url_of) -> Callable[[str], None]:
    """Past every form and every frozen row: what lies there already must be harmless, too."""

    def write(text: str) -> None:
        with connection.cursor() as cursor:
            for table, column in written_columns():
                # Where the model spoke there is no reason for its silence: the database says so.
                some = f"\"{column}\" <> ''" if column == "abstained" else "1 = 1"
                cursor.execute(
                    f'UPDATE "{table}" SET "{column}" = %s WHERE "{column}" IS NOT NULL AND {some}',
                    [text],
                )

    return write


@pytest.fixture
def pages_of(url_of, client, request) -> Callable[[], dict[str, str]]:
    """Every page that somebody of the school can open, with what it answers."""

    def read() -> dict[str, str]:
        found: dict[str, str] = {}
        for role in ("alice", "administrator", "colleague"):
            client.force_login(request.getfixturevalue(role))
            for name in every_url():
                response = client.get(url_of(name), follow=False)
                is_page = response["Content-Type"].startswith("text/html")
                if response.status_code < 400 and is_page:
                    found.setdefault(f"{name} as {role}", response.content.decode())
        return found

    return read


def every_url() -> list[str]:
    return [name for name in NAMES if not name.startswith("admin:")]
