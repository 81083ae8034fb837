"""Django's settings, made from the node configuration; nothing is configured twice."""

import os
from typing import Any

import dj_database_url
from django.templatetags.static import static

from gateway import config as node_config
from gateway import installation

CONFIG = node_config.load()
HOME = CONFIG.home

DEBUG = False
# The key is a secret of the node, made at the first start.
_key_file = CONFIG.secrets_folder / "django"
SECRET_KEY = _key_file.read_text().strip() if _key_file.exists() else os.urandom(32).hex()
ALLOWED_HOSTS = [CONFIG.console.host, *CONFIG.console.allowed_hosts]
CSRF_TRUSTED_ORIGINS = [CONFIG.console.origin]

INSTALLED_APPS = [
    "unfold.apps.BasicAppConfig",
    "unfold.contrib.filters",
    "gateway",
    "webadmin.apps.WebadminConfig",
    "webadmin.apps.ConsoleConfig",  # django.contrib.admin, with the console's own site
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
]
MIDDLEWARE = [
    "webadmin.client_address.ClientAddress",
    "webadmin.mta_sts.PolicyFiles",
    "django.middleware.security.SecurityMiddleware",
    "webadmin.csp.ContentSecurityPolicy",
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
    found: dict[str, Any] = {**dj_database_url.parse(CONFIG.database.url, conn_max_age=60, conn_health_checks=True)}
    if found["ENGINE"].endswith("postgresql"):
        # A host that does not answer at all would keep whoever asks waiting for minutes, each time.
        found["OPTIONS"] = {"connect_timeout": 10} | found.get("OPTIONS", {})
    return found


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
# A wheel brings its static files collected; a checkout has them collected into the state folder.
STATIC_ROOT = installation.COLLECTED or HOME / "static"
LOGIN_URL = "admin:login"
LOGIN_REDIRECT_URL = "admin:index"

SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = CONFIG.console.origin.startswith("https://")
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "SAMEORIGIN"

# Times are shown as they stand in logs.
FORMAT_MODULE_PATH = ["webadmin.formats"]

# A list that is imported stands in a form's box until it is right.
DATA_UPLOAD_MAX_MEMORY_SIZE = 20 * 1024 * 1024

# The console's shell. What stands in the sidebar depends on who is signed in, so the console says it.
UNFOLD = {
    "SITE_TITLE": "Backstop",
    "SITE_HEADER": "Backstop",
    "SITE_SUBHEADER": CONFIG.name,
    "SITE_SYMBOL": "shield",
    "SITE_URL": None,
    "SHOW_HISTORY": False,
    "SHOW_VIEW_ON_SITE": False,
    "SITE_FAVICONS": [
        {"rel": "icon", "type": "image/svg+xml", "href": lambda request: static("webadmin/icon.svg")},  # noqa: ARG005 - as below
    ],
    "STYLES": [lambda request: static("webadmin/console.css")],  # noqa: ARG005 - the shell's signature
    "ENVIRONMENT": "webadmin.navigation.label",
    "COLORS": {
        "primary": {
            "50": "oklch(97% .02 200)",
            "100": "oklch(94% .04 200)",
            "200": "oklch(89% .07 201)",
            "300": "oklch(82% .1 203)",
            "400": "oklch(73% .12 207)",
            "500": "oklch(63% .115 212)",
            "600": "oklch(53% .1 216)",
            "700": "oklch(46% .085 219)",
            "800": "oklch(40% .07 222)",
            "900": "oklch(35% .06 224)",
            "950": "oklch(27% .05 227)",
        }
    },
    "SIDEBAR": {"show_search": False, "show_all_applications": False, "navigation": "webadmin.navigation.sidebar"},
}
