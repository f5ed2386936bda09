"""Settings of the Django process, read from the environment once.

`FANAL_HOME` is the data folder; `DATABASE_URL` names the database of this process's own role. Nothing
below `config` reads this module: `wiring.py` hands values down.
"""

import os
import secrets
from pathlib import Path

from fanal.config.environment import database_settings, read_environment
from fanal.config.logs import SPARING
from fanal.config.sign_in import sign_in_settings
from fanal.web.posted import MOST_FIELDS, MOST_READ

ENV = read_environment(os.environ)

BASE_DIR = Path(__file__).resolve().parents[1]
FANAL_HOME = ENV.home
FANAL_VAULT = ENV.vault
FANAL_DEMO = ENV.demo
FANAL_PUBLIC_NODE = ENV.public_node
FANAL_SIGNS = ENV.database_role == "worker"
FANAL_PROXY_HOPS = ENV.proxy_hops
FANAL_KEEP_REPORTER_ADDRESS = ENV.keep_address
FANAL_STEP_UP_MINUTES = ENV.step_up_minutes
FANAL_BACKLOG_LIMIT = ENV.backlog_limit
FANAL_DISK_RESERVE_MB = ENV.disk_reserve_mb
FANAL_MAX_FILE_MB = ENV.max_file_mb

SECRET_KEY = ENV.secret_key or secrets.token_urlsafe(48)
DEBUG = False
ALLOWED_HOSTS = ENV.hosts
ROOT_URLCONF = "fanal.config.urls_public" if FANAL_PUBLIC_NODE else "fanal.config.urls"
WSGI_APPLICATION = "fanal.config.wsgi.application"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.humanize",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "allauth.socialaccount",
    "allauth.socialaccount.providers.openid_connect",
    "axes",
    "procrastinate.contrib.django",
    "fanal.ledger",
    "fanal.vault",
    "fanal.accounts",
    "fanal.intake",
    "fanal.harmonise",
    "fanal.analyse",
    "fanal.exchange",
    "fanal.crosscheck",
    "fanal.deconfliction",
    "fanal.orient",
    "fanal.casework",
    "fanal.measures",
    "fanal.judicial",
    "fanal.distribution",
    "fanal.statistics",
    "fanal.web",
    "fanal.config",
]

MIDDLEWARE = [
    "fanal.config.middleware.probes_by_any_name",
    "fanal.config.proxy.client_address",
    "fanal.config.middleware.whole_body",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "fanal.config.middleware.request_clock",
    "fanal.config.middleware.agreed",
    "fanal.config.middleware.bounded_rows",
    "csp.middleware.CSPMiddleware",
    "fanal.web.directions.directions_written_out",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "axes.middleware.AxesMiddleware",
    "fanal.web.account.middleware.RouteGuard",
    "fanal.web.reading.ReadingJournal",
]

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": sorted(BASE_DIR.glob("web/**/templates")),
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "django.template.context_processors.i18n",
            ],
            "builtins": [
                "django.templatetags.i18n",
                "django.templatetags.static",
                "fanal.web.components.tags",
                "fanal.web.components.glossary",
                "fanal.web.components.public_info",
                "fanal.web.components.warnings",
            ],
            "libraries": {
                "alarms": "fanal.web.desk.queue.alarms",
                "answers": "fanal.web.desk.report.answers",
                "undo": "fanal.web.desk.queue.undo",
            },
        },
    },
]

DATABASES = {"default": database_settings(ENV)}

AUTH_USER_MODEL = "accounts.User"
AUTHENTICATION_BACKENDS = [
    "axes.backends.AxesStandaloneBackend",
    "allauth.account.auth_backends.AuthenticationBackend",
]
globals().update(sign_in_settings(ENV))

LOGGING = SPARING

LANGUAGE_CODE = "fr"
LANGUAGES = [("fr", "Français"), ("en", "English")]
LOCALE_PATHS = sorted(str(path) for path in BASE_DIR.glob("web/**/locale"))
USE_I18N = True
USE_TZ = True
TIME_ZONE = "Europe/Paris"

# No file may reach the disk in clear; the partners' API has its own handler.
FILE_UPLOAD_HANDLERS = ["fanal.web.forms.HeldInMemory"]
# Far above the limit of any form, so that the form's own page can reject a long text and give it back.
DATA_UPLOAD_MAX_MEMORY_SIZE = MOST_READ
DATA_UPLOAD_MAX_NUMBER_FIELDS = MOST_FIELDS
CSRF_FAILURE_VIEW = "fanal.web.failures.foreign_form"

STATIC_URL = "/static/"
STATIC_ROOT = BASE_DIR / "web" / "staticfiles"
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.InMemoryStorage"},
    "staticfiles": {"BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"},
}
