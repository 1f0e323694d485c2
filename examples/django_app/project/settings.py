"""Settings; what differs from one place to the next comes from the environment."""

import os
import secrets
from pathlib import Path

BASE_DIR = Path(__file__).parents[1]

SECRET_KEY = os.environ.get("SECRET_KEY") or secrets.token_urlsafe(50)  # until the server ends
ALLOWED_HOSTS = os.environ.get("ALLOWED_HOSTS", "localhost,127.0.0.1").split(",")

INSTALLED_APPS = ["chat"]
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
]
ROOT_URLCONF = "project.urls"
WSGI_APPLICATION = "project.wsgi.application"
ASGI_APPLICATION = "project.asgi.application"
SESSION_ENGINE = "django.contrib.sessions.backends.signed_cookies"
DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": os.environ.get("CHAT_DATABASE") or BASE_DIR / "shop.db",
        # SQLite has one writer at a time: let the others wait for their turn, instead of failing
        # half way through a transaction. PostgreSQL needs no such options.
        "OPTIONS": {
            "transaction_mode": "IMMEDIATE",
            "timeout": 20,
            "init_command": "PRAGMA journal_mode = WAL",
        },
    }
}
HAS_WORKER = "CHAT_REDIS_URL" in os.environ  # a Celery worker goes on with runs, see chat/worker.py
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
