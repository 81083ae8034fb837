"""Django's settings, made from the node configuration; nothing is configured twice."""

import os
from pathlib import Path
from typing import Any

import dj_database_url

from gateway import config as node_config

CONFIG = node_config.load()
BASE_DIR = Path(__file__).resolve().parent.parent
HOME = CONFIG.home

DEBUG = False
# The key is a secret of the node, made at the first start.
_key_file = CONFIG.secrets_folder / "django"
SECRET_KEY = _key_file.read_text().strip() if _key_file.exists() else os.urandom(32).hex()
ALLOWED_HOSTS = list(CONFIG.console.allowed_hosts)
CSRF_TRUSTED_ORIGINS = [CONFIG.console.url]

INSTALLED_APPS = [
    "unfold",
    "unfold.contrib.filters",
    "gateway",
    "webadmin",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
]
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]
ROOT_URLCONF = "gateway.urls"
WSGI_APPLICATION = "gateway.wsgi.application"
TEMPLATES: list[dict[str, Any]] = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]


def _database() -> dict[str, Any]:
    """Give Django's description of the configured database."""
    if CONFIG.database.url == "sqlite":
        # WAL lets the console read while ingest writes; IMMEDIATE avoids the upgrade of a read lock, which can't wait.
        return {
            "ENGINE": "django.db.backends.sqlite3",
            "NAME": HOME / "backstop.sqlite3",
            "OPTIONS": {
                "timeout": 20,
                "transaction_mode": "IMMEDIATE",
                "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; PRAGMA foreign_keys=ON;",
            },
        }
    return dict(dj_database_url.parse(CONFIG.database.url, conn_max_age=60, conn_health_checks=True))


DATABASES = {"default": _database()}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 12}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
PASSWORD_HASHERS = ["django.contrib.auth.hashers.Argon2PasswordHasher"]

USE_TZ = True
TIME_ZONE = "UTC"
LANGUAGE_CODE = "en"
STATIC_URL = "static/"
STATIC_ROOT = HOME / "static"
LOGIN_URL = "admin:login"

SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = CONFIG.console.url.startswith("https://")
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "SAMEORIGIN"
