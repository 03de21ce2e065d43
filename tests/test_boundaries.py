"""What the web process may load, and what belongs together."""

import os
import subprocess
import sys

from django.core.management import call_command


def test_the_web_process_never_imports_torch_or_weasyprint():
    """Loading every URL, hence views, services and tasks, must not pull them in."""
    code = (
        "import django, sys; django.setup();"
        "from django.urls import get_resolver; get_resolver().url_patterns;"
        "import grading.tasks, kidsart_web.wsgi;"
        "sys.exit(any(m in sys.modules for m in ('torch', 'transformers', 'peft', 'weasyprint')))"
    )
    env = {**os.environ, "DJANGO_SETTINGS_MODULE": "kidsart_web.settings"}
    assert subprocess.run([sys.executable, "-c", code], env=env, check=False).returncode == 0


def test_models_and_migrations_agree(db):
    call_command("makemigrations", "--check", "--dry-run")
