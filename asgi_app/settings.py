"""All settings, read from the environment (and a `.env` file beside manage.py); `.env.example` explains each."""

import logging
import re
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

import structlog
from corsheaders.defaults import default_headers
from django.core.exceptions import ImproperlyConfigured
from environs import Env, validate

BASE_DIR = Path(__file__).resolve().parent.parent

env = Env()
# ENV_FILE lets the tests name another file, so that a developer's own settings do not decide how they end.
env.read_env(env.str("ENV_FILE", str(BASE_DIR / ".env")), recurse=False)

# --- Where and how it runs -----------------------------------------------------------------------------------

DEBUG = env.bool("DEBUG", False)
SECRET_KEY = env.str("SECRET_KEY", "")
SECRET_KEY_FALLBACKS: list[str] = env.list("SECRET_KEY_FALLBACKS", [])
if not SECRET_KEY:
    if not DEBUG:
        raise ImproperlyConfigured(
            "SECRET_KEY is not set. Put a long random string into the environment or into .env, for example the "
            "output of: python3 -c 'import secrets; print(secrets.token_urlsafe(50))'"
        )
    SECRET_KEY = "only-for-debug-never-serves-anyone-else"  # noqa: S105 - refused above outside DEBUG

PORT = env.int("PORT", 8000)
WEB_DOMAIN = env.str("WEB_DOMAIN", f"localhost:{PORT}")
HTTPS = env.bool("HTTPS", WEB_DOMAIN.split(":")[0] not in ("localhost", "127.0.0.1"))
WEB_URL = f"{'https' if HTTPS else 'http'}://{WEB_DOMAIN}"
ALLOWED_HOSTS = env.list("ALLOWED_HOSTS", [WEB_DOMAIN.split(":")[0], "localhost", "127.0.0.1", "[::1]"])
CSRF_TRUSTED_ORIGINS = [WEB_URL]
TRUSTED_PROXIES = env.int("TRUSTED_PROXIES", 0)

CORS_ALLOWED_ORIGINS: list[str] = env.list("CORS_ALLOWED_ORIGINS", [])
CORS_URLS_REGEX = r"^/(api|auth)/.*$"
CORS_ALLOW_HEADERS = [*default_headers, "idempotency-key"]
CORS_EXPOSE_HEADERS = ["Retry-After"]

INSTALLED_APPS = [
    "messaging.admin_app.OperatorsAdminConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "channels",
    "corsheaders",
    "rest_framework",
    "knox",
    "django_otp",
    "django_otp.plugins.otp_totp",
    "django_otp.plugins.otp_static",
    "djoser",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "messaging",
    "webhooks",
    "bots.verses",
    "frontend.pages",
    "asgi_app",
]

MIDDLEWARE = [
    "asgi_app.headers.HeadersMiddleware",
    "asgi_app.address_limit.AddressLimitMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "frontend.pages.policy.PagePolicyMiddleware",
    "corsheaders.middleware.CorsMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "asgi_app.devices.DeviceMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "frontend.pages.errors.ErrorPageMiddleware",
    "frontend.pages.views.terms.TermsMiddleware",
]
CSRF_FAILURE_VIEW = "frontend.pages.errors.csrf_failure"

ROOT_URLCONF = "asgi_app.urls"
ASGI_APPLICATION = "asgi_app.asgi.application"

TEMPLATES = [
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

# --- Where things are kept -----------------------------------------------------------------------------------

VAR_DIR = Path(env.str("VAR_DIR", str(BASE_DIR / "var")))
VAR_DIR.mkdir(parents=True, exist_ok=True)

DATABASES: dict[str, Any] = {
    "default": env.dj_db_url("DATABASE_URL", f"sqlite:///{VAR_DIR / 'parley.sqlite3'}", conn_max_age=600)
}
_database = DATABASES["default"]
_database["CONN_HEALTH_CHECKS"] = True
if _database["ENGINE"] == "django.db.backends.sqlite3":
    # select_for_update() is nothing on SQLite: a write transaction takes the write lock when it begins.
    _database["OPTIONS"] = {
        "transaction_mode": "IMMEDIATE",
        "timeout": 20,
        "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA foreign_keys=ON",
    }
else:
    _database["OPTIONS"] = {
        "connect_timeout": 3,
        "keepalives": 1,
        "keepalives_idle": 10,
        "keepalives_interval": 5,
        "keepalives_count": 3,
        "options": "-c statement_timeout=30s -c lock_timeout=2s -c idle_in_transaction_session_timeout=30s",
    } | _database.get("OPTIONS", {})

DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

REDIS_URL = env.str("REDIS_URL", "")
REDIS_PREFIX = env.str("REDIS_PREFIX", "parley")
# One process with everything in it: without Redis, other processes could not be told of events.
EMBEDDED = not REDIS_URL
# Django's 300 entries would be the counts of the last 300 people: a crowd would free everybody of their limits.
_MEMORY: dict[str, Any] = {
    "BACKEND": "django.core.cache.backends.locmem.LocMemCache",
    "OPTIONS": {"MAX_ENTRIES": 100_000},
}
if REDIS_URL:
    # The time-out must be longer than the health-check interval, or idle sockets die after a few seconds.
    CHANNEL_LAYERS: dict[str, Any] = {
        "default": {
            "BACKEND": "channels_redis.pubsub.RedisPubSubChannelLayer",
            "CONFIG": {
                "hosts": [{"address": REDIS_URL, "socket_timeout": 30, "health_check_interval": 25}],
                "prefix": REDIS_PREFIX,
            },
        }
    }
    CACHES: dict[str, Any] = {
        "default": {
            "BACKEND": "django.core.cache.backends.redis.RedisCache",
            "LOCATION": REDIS_URL,
            "KEY_PREFIX": REDIS_PREFIX,
            "OPTIONS": {"socket_timeout": 1, "socket_connect_timeout": 1},
        },
        "process": _MEMORY | {"LOCATION": "process"},
    }
else:
    CHANNEL_LAYERS = {
        "default": {
            "BACKEND": "channels.layers.InMemoryChannelLayer",
            # A group that expired would leave the process deaf.
            "CONFIG": {"capacity": 1_000_000, "group_expiry": 10 * 365 * 86_400},
        }
    }
    CACHES = {"default": _MEMORY, "process": _MEMORY | {"LOCATION": "process"}}

HTTP_THREADS = env.int("HTTP_THREADS", 8)
LIVE_THREADS = env.int("LIVE_THREADS", 8)
LIVE_PING_S = env.float("LIVE_PING_S", 25.0)
METRICS_TOKEN = env.str("METRICS_TOKEN", "")
WORKER_METRICS_ADDRESS = env.str(
    "WORKER_METRICS_ADDRESS",
    "",
    validate=validate.Regexp(
        r"^$|^[^\s]+:\d{1,5}$", error="WORKER_METRICS_ADDRESS is host:port, e.g. 127.0.0.1:9100."
    ),
)

# --- The community -------------------------------------------------------------------------------------------

EXCLUSIVE_THREADS = env.bool("EXCLUSIVE_THREADS", True)
THREAD_REOPEN_AFTER_S = env.int("THREAD_REOPEN_AFTER_S", 600)
EVENT_RETENTION_DAYS = env.int("EVENT_RETENTION_DAYS", 30)
MAX_TEXT_LENGTH = 8000
POSTS_PER_MINUTE = env.int("POSTS_PER_MINUTE", 120)
REQUESTS_PER_MINUTE = env.int("REQUESTS_PER_MINUTE", 1200)
TOKEN_REQUESTS_PER_MINUTE = env.int("TOKEN_REQUESTS_PER_MINUTE", 600)
ADDRESS_REQUESTS_PER_MINUTE = env.int("ADDRESS_REQUESTS_PER_MINUTE", 6000)
LOGIN_FAILURES_PER_HOUR = env.int("LOGIN_FAILURES_PER_HOUR", 20)
SIGNUPS_PER_MINUTE = env.int("SIGNUPS_PER_MINUTE", 10)
HANDSHAKES_PER_MINUTE = env.int("HANDSHAKES_PER_MINUTE", 600)
SOCKETS_PER_ADDRESS = env.int("SOCKETS_PER_ADDRESS", 500)
SOCKETS_PER_USER = env.int("SOCKETS_PER_USER", 50)

# --- Bots ----------------------------------------------------------------------------------------------------

BOT_MODULES: list[str] = env.list("BOT_MODULES", ["bots.verses.bot"])
# Which bot answers for an account of a platform, where they are not of one name: `telegram/account` → bot.
BOT_ACCOUNTS: dict[str, str] = env.dict("BOT_ACCOUNTS", {})
# What says in words where a location is (`bots/verses/geocoding.py`), and which server the one we bring along asks.
GEOCODER = env.str("GEOCODER", "")
GEOCODER_URL = env.str("GEOCODER_URL", "https://nominatim.openstreetmap.org").rstrip("/")
# How long after somebody's last word a platform lets us write of our own accord.
REPLY_WINDOW_H = {"messenger": 24}
INBOUND_DAYS = env.int("INBOUND_DAYS", 14)
CONTACT_MESSAGES_KEPT = env.int("CONTACT_MESSAGES_KEPT", 5000)
WORKER_THREADS = env.int("WORKER_THREADS", 4)
# What a worker has claimed is another's after that, so a request to a platform must be over in less than half of it.
WORKER_LEASE_S = env.float("WORKER_LEASE_S", 30.0)
PLATFORM_TIMEOUT_S = env.float("PLATFORM_TIMEOUT_S", 10.0)

# --- Bot platforms -------------------------------------------------------------------------------------------


def _accounts(setting: str, names: list[str]) -> list[tuple[str, str]]:
    """The names in a setting, each with what it is in the names of the account's own settings."""
    for name in names:
        if not re.fullmatch(r"[a-z][a-z0-9_]{0,39}", name):
            raise ImproperlyConfigured(
                f"{setting} names {name!r}: an account's name has small letters, digits and _ only."
            )
    return [(name, name.upper()) for name in names]


TELEGRAM_BOTS: dict[str, dict[str, Any]] = {
    name: {
        "token": env.str(f"TELEGRAM_{NAME}_TOKEN", ""),
        "secrets": tuple(env.list(f"TELEGRAM_{NAME}_SECRET", [])),
    }
    for name, NAME in _accounts("TELEGRAM_BOTS", env.list("TELEGRAM_BOTS", []))
}
TELEGRAM_API_URL = env.str("TELEGRAM_API_URL", "https://api.telegram.org").rstrip("/")
TELEGRAM_PER_SECOND = env.float("TELEGRAM_PER_SECOND", 30.0)
MESSENGER_PAGES: dict[str, dict[str, Any]] = {
    name: {
        "page_id": env.str(f"MESSENGER_{NAME}_PAGE_ID", ""),
        "app_secrets": tuple(env.list(f"MESSENGER_{NAME}_APP_SECRET", [])),
        "verify_token": env.str(f"MESSENGER_{NAME}_VERIFY_TOKEN", ""),
        "access_token": env.str(f"MESSENGER_{NAME}_ACCESS_TOKEN", ""),
    }
    for name, NAME in _accounts("MESSENGER_PAGES", env.list("MESSENGER_PAGES", []))
}
MESSENGER_API_URL = env.str("MESSENGER_API_URL", "https://graph.facebook.com").rstrip("/")
MESSENGER_GRAPH_VERSION = env.str("MESSENGER_GRAPH_VERSION", "v25.0")
# Links that lead people to each account, but for their payload; empty where its address is not known.
BOT_LINKS: dict[str, str] = {
    **{
        f"telegram/{name}": f"https://t.me/{username.removeprefix('@')}?start=" if username else ""
        for name, NAME in _accounts("TELEGRAM_BOTS", list(TELEGRAM_BOTS))
        for username in [env.str(f"TELEGRAM_{NAME}_USERNAME", "")]
    },
    **{
        f"messenger/{name}": f"https://m.me/{page['page_id']}?ref=" if page["page_id"] else ""
        for name, page in MESSENGER_PAGES.items()
    },
}
WEBHOOK_MAX_BODY_BYTES = env.int("WEBHOOK_MAX_BODY_BYTES", 256 * 1024)

# --- Accounts ------------------------------------------------------------------------------------------------

AUTH_USER_MODEL = "messaging.User"
AUTHENTICATION_BACKENDS = ["messaging.backends.UsernameOrEmailBackend"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator"},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.NumericPasswordValidator"},
]
SIGN_UP = env.str("SIGN_UP", "open", validate=validate.OneOf(["open", "invitation", "closed"]))
SECOND_FACTOR_REQUIRED = env.bool("SECOND_FACTOR_REQUIRED", False)
OTP_TOTP_ISSUER = "Parley"
LOGIN_URL = "/login/"
LOGIN_REDIRECT_URL = "/"
LOGOUT_REDIRECT_URL = "/"
# Of the pages that mails lead to.
ADDRESS_CONFIRM_PATH = "email/confirm/{token}/"
PASSWORD_RESET_PATH = "password/reset/confirm/{uid}/{token}/"  # noqa: S105 - an address

KNOX_TOKEN_MODEL = "messaging.Token"  # noqa: S105 - a model's name
# Its migrations would make the table of the model that ours replaces, with a foreign key that keeps users from being emptied.
MIGRATION_MODULES = {"knox": None}
REST_KNOX = {"TOKEN_TTL": timedelta(days=env.int("TOKEN_DAYS", 90))}

DJOSER = {
    "TOKEN_MODEL": "messaging.models.Token",
    "HIDE_USERS": True,
    "EMAIL_FRONTEND_DOMAIN": WEB_DOMAIN,
    "EMAIL_FRONTEND_PROTOCOL": "https" if HTTPS else "http",
    "EMAIL_FRONTEND_SITE_NAME": "Parley",
}

EMAIL_CONFIG = env.dj_email_url("EMAIL_URL", "console:")
EMAIL_BACKEND = "messaging.mail.BackgroundBackend"
MAIL_BACKEND = EMAIL_CONFIG["EMAIL_BACKEND"]
EMAIL_HOST = EMAIL_CONFIG.get("EMAIL_HOST", "")
EMAIL_PORT = EMAIL_CONFIG.get("EMAIL_PORT", 25)
EMAIL_HOST_USER = EMAIL_CONFIG.get("EMAIL_HOST_USER", "")
EMAIL_HOST_PASSWORD = EMAIL_CONFIG.get("EMAIL_HOST_PASSWORD", "")
EMAIL_USE_TLS = EMAIL_CONFIG.get("EMAIL_USE_TLS", False)
EMAIL_USE_SSL = EMAIL_CONFIG.get("EMAIL_USE_SSL", False)
DEFAULT_FROM_EMAIL = env.str("DEFAULT_FROM_EMAIL", f"Parley <noreply@{WEB_DOMAIN.split(':')[0]}>")

# --- Safety --------------------------------------------------------------------------------------------------

SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = SECURE_SSL_REDIRECT = HTTPS
SECURE_REDIRECT_EXEMPT = [r"^healthz$", r"^readyz$", r"^metrics$"]
SECURE_HSTS_SECONDS = 31_536_000 if HTTPS else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = HTTPS
# Our server sets the scheme from the proxy's header only when TRUSTED_PROXIES says that there is a proxy.
if TRUSTED_PROXIES:
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = CSRF_COOKIE_SAMESITE = "Lax"
X_FRAME_OPTIONS = "DENY"
MAX_BODY_BYTES = DATA_UPLOAD_MAX_MEMORY_SIZE = env.int("MAX_BODY_BYTES", 1024 * 1024)

# --- REST ----------------------------------------------------------------------------------------------------

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "api.authentication.DeviceTokenAuthentication",
        "api.authentication.PageSessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_PARSER_CLASSES": [
        "api.parsers.StrictJSONParser",
        "api.parsers.BoundedFormParser",
        "rest_framework.parsers.MultiPartParser",
    ],
    "DEFAULT_RENDERER_CLASSES": [
        "api.rendering.AnswerRenderer",
        "rest_framework.renderers.BrowsableAPIRenderer",
    ],
    "DEFAULT_THROTTLE_CLASSES": ["api.throttles.RequestThrottle"],
    "DEFAULT_SCHEMA_CLASS": "api.schema.DoorSchema",
    "EXCEPTION_HANDLER": "api.errors.answer_error",
    "NUM_PROXIES": 0,  # the server has already put the right address into REMOTE_ADDR
    "UNAUTHENTICATED_USER": "django.contrib.auth.models.AnonymousUser",
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Parley",
    "DESCRIPTION": "Feed, rooms and threads over REST. Live events come over /connection/websocket.",
    "VERSION": "1",
    "OAS_VERSION": "3.1.1",
    "SERVE_INCLUDE_SCHEMA": False,
    "SERVE_AUTHENTICATION": [],
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "SCHEMA_PATH_PREFIX": "/(api|auth)/",
    "COMPONENT_SPLIT_PATCH": False,
    "DISABLE_DOCSTRING_DESCRIPTIONS": True,
    "POSTPROCESSING_HOOKS": [],  # pydantic has already named what there is to name
    "APPEND_COMPONENTS": {
        "securitySchemes": {
            "token": {
                "type": "apiKey",
                "in": "header",
                "name": "Authorization",
                "description": "`Token …`, as /auth/token/login/ gives it",
            },
            "session": {
                "type": "apiKey",
                "in": "cookie",
                "name": "sessionid",
                "description": "Our own pages' cookie; what writes also needs the header X-CSRFToken",
            },
        }
    },
    "PATH_CONVERTER_OVERRIDES": {
        "chat_uri": {"type": "string", "pattern": "^[A-Za-z0-9_.-]{1,64}$"},
        "username": {"type": "string", "minLength": 1, "maxLength": 150},
        "device": {"type": "string", "pattern": "^[0-9a-f]{15,16}$"},
        "message_number": {"type": "integer", "minimum": 0, "maximum": 999_999_999_999_999},
    },
}

# --- Static files, language, time ----------------------------------------------------------------------------

STATIC_URL = "/static/"
STATIC_ROOT = VAR_DIR / "static"
STATICFILES_DIRS = [(part, BASE_DIR / "frontend" / "build" / part) for part in ("app", "pages")]
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "servestatic.storage.CompressedManifestStaticFilesStorage"},
}
LANGUAGE_CODE = "en"
TIME_ZONE = "UTC"
USE_TZ = True

# --- Logs: one line each, no query strings, no message texts -------------------------------------------------

LOG_LEVEL = env.str("LOG_LEVEL", "INFO")
LOG_FILE = env.str("LOG_FILE", "")
LOG_FILE_BYTES = 5 * 1024 * 1024
ACCESS_LOG = env.bool("ACCESS_LOG", False)
SENTRY_DSN = env.str("SENTRY_DSN", "")
OTEL_EXPORTER_OTLP_ENDPOINT = env.str("OTEL_EXPORTER_OTLP_ENDPOINT", "")
LOG_FORMAT = env.str("LOG_FORMAT", "console" if sys.stderr.isatty() else "json")
_shared_processors: list[Any] = [
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_logger_name,
    structlog.stdlib.add_log_level,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
    structlog.processors.format_exc_info,
]
_handlers: dict[str, dict[str, Any]] = {"stderr": {"class": "logging.StreamHandler", "formatter": "line"}}
if LOG_FILE:
    Path(LOG_FILE).parent.mkdir(parents=True, exist_ok=True)
    _handlers["file"] = {
        "class": "logging.handlers.RotatingFileHandler",
        "formatter": "json",
        "filename": LOG_FILE,
        "maxBytes": LOG_FILE_BYTES,
        "backupCount": 3,
        "encoding": "utf-8",
    }
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "line": {
            "()": structlog.stdlib.ProcessorFormatter,
            "foreign_pre_chain": [structlog.stdlib.ExtraAdder(allow={"status_code"}), *_shared_processors],
            "processor": (
                structlog.dev.ConsoleRenderer()
                if LOG_FORMAT == "console"
                else structlog.processors.JSONRenderer()
            ),
        },
        "json": {
            "()": structlog.stdlib.ProcessorFormatter,
            "foreign_pre_chain": [structlog.stdlib.ExtraAdder(allow={"status_code"}), *_shared_processors],
            "processor": structlog.processors.JSONRenderer(),
        },
    },
    "handlers": _handlers,
    "root": {"handlers": list(_handlers), "level": LOG_LEVEL},
    "loggers": {
        "django": {"level": LOG_LEVEL},
        "django.server": {"handlers": list(_handlers), "propagate": False},
        "daphne": {"level": "WARNING"},
        "httpx": {"level": "WARNING"},
        # A traceback a second while Redis is down; the hub tells of it in a line.
        "channels_redis": {"level": "CRITICAL"},
    },
}
structlog.configure(
    processors=[*_shared_processors, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
    logger_factory=structlog.stdlib.LoggerFactory(),
    wrapper_class=structlog.stdlib.BoundLogger,
    cache_logger_on_first_use=True,
)
logging.captureWarnings(True)
