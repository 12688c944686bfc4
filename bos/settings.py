"""All settings. Each is read from the environment and refuses nonsense; see docs/settings.md."""

from __future__ import annotations

import hashlib
import re
import sysconfig
from datetime import timedelta
from math import inf
from pathlib import Path
from typing import Any

from django.core.exceptions import ImproperlyConfigured
from environs import Env, ValidationError, validate

env = Env()
BASE_DIR = Path(__file__).resolve().parent.parent


def _above_0(value: float) -> None:
    if not 0 < value < inf:  # nor is `nan`
        raise ValidationError("a number above 0 is needed")


def whole(name: str, default: int) -> int:
    """A whole number above 0."""
    number: int = env.int(name, default, validate=_above_0)
    return number


def decimal(name: str, default: float) -> float:
    """A number above 0."""
    number: float = env.float(name, default, validate=_above_0)
    return number


DEBUG = env.bool("DEBUG", False)
SECRET_KEY = env.str("SECRET_KEY", "")
SHORTEST_KEY = 50
if not SECRET_KEY and DEBUG:
    SECRET_KEY = "development-only-and-known-to-everybody-0123456789"
elif len(SECRET_KEY) < SHORTEST_KEY and not DEBUG:
    raise ImproperlyConfigured(
        f"SECRET_KEY is {'too short' if SECRET_KEY else 'not set'} and DEBUG is off: everybody "
        f"could guess the key that tokens are signed with. Set SECRET_KEY to at least "
        f"{SHORTEST_KEY} random characters; for development on this machine, set DEBUG=on."
    )
# Keys from before the last rotation: they sign nothing more, and what they have signed holds.
SECRET_KEY_FALLBACKS: list[str] = list(filter(None, env.list("SECRET_KEY_FALLBACKS", [])))
ALLOWED_HOSTS = env.list("ALLOWED_HOSTS", ["127.0.0.1", "localhost", "[::1]"] if DEBUG else [])

# ------------------------------------------------------------------ applications

INSTALLED_APPS = [
    "sync",
    "bos",
    "kpis",
    "collaboration",
    "unfold",
    "unfold.contrib.filters",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "allauth.account",
    "allauth.mfa",
    "allauth.socialaccount",
    "allauth.socialaccount.providers.openid_connect",
    "drf_spectacular_sidecar",
    "channels",
    "django_q",
    "simple_history",
    "rest_framework",
    "drf_spectacular",
]
MIDDLEWARE = [
    "bos.web.middleware.log_middleware",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    # A list of the admin is 440 kB of markup, 18 on the wire. Its random padding is against BREACH.
    "django.middleware.gzip.GZipMiddleware",
    "bos.web.middleware.no_store_middleware",
    "csp.middleware.CSPMiddleware",
    "bos.web.middleware.admin_csp_middleware",
    "bos.web.middleware.admin_query_middleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "bos.identity.sessions.session_middleware",
    "bos.auth.devices.device_middleware",
    "bos.web.middleware.actor_middleware",
    "bos.adminsite.zone.zone_middleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "allauth.account.middleware.AccountMiddleware",
]
ROOT_URLCONF = "bos.urls"
ASGI_APPLICATION = "bos.asgi.application"
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
            ]
        },
    }
]

# ------------------------------------------------------------------ database

_ENGINES = {
    "django.db.backends.sqlite3": "sync.db.sqlite3",
    "django.db.backends.postgresql": "sync.db.postgresql",
}


def _time_outs(patience: float) -> dict[str, Any]:
    """Return options that end a statement, lock, transaction or connection that waits too long.

    patience: seconds after which one of two who does not answer is taken for gone, by the other.
    """
    seconds, milliseconds = max(1, int(patience / 3)), int(patience * 1000)
    keepalives = {"idle": seconds, "interval": seconds, "count": 2}
    return {
        "connect_timeout": 3 if patience >= 3 else 2,  # less than 2 is taken for 2
        "patience": patience,
        # The server gone: a broken network, a machine that is no more.
        "tcp_user_timeout": milliseconds,
        **{f"keepalives_{name}": value for name, value in keepalives.items()},
        "session": {
            "statement_timeout": "30s",
            "lock_timeout": "5s",
            # We gone, or stopped, with locks that everybody else waits for.
            "idle_in_transaction_session_timeout": f"{milliseconds}ms",
            "tcp_user_timeout": f"{milliseconds}ms",
            **{f"tcp_keepalives_{name}": str(value) for name, value in keepalives.items()},
        },
    }


def _database() -> dict[str, Any]:
    database: dict[str, Any] = env.dj_db_url(
        "DATABASE_URL", f"sqlite:///{BASE_DIR / 'bos.sqlite3'}"
    )
    engine = database["ENGINE"]
    if engine not in _ENGINES:
        raise ImproperlyConfigured("DATABASE_URL: sqlite:///path or postgres://... is supported")
    database["ENGINE"] = _ENGINES[engine]
    options = database.setdefault("OPTIONS", {})
    if engine.endswith("sqlite3"):
        # The defaults lose updates (a reader turns writer too late) and block readers.
        options |= {
            "transaction_mode": "IMMEDIATE",
            # Server and worker share the file: waiting is better than failing.
            "timeout": 10,
            "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;",
        }
        database["CONN_MAX_AGE"] = None
    else:
        options |= _time_outs(decimal("BOS_DATABASE_PATIENCE", 10))
        database["CONN_MAX_AGE"] = 60
        database["CONN_HEALTH_CHECKS"] = True
    return database


DATABASES = {"default": _database()}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# ------------------------------------------------------------------ Redis

REDIS_URLS: tuple[str, ...] = tuple(filter(None, map(str.strip, env.list("REDIS_URL", []))))
if not all(url.startswith(("redis://", "rediss://")) for url in REDIS_URLS):
    raise ImproperlyConfigured("REDIS_URL: redis://host:port/number is supported, or rediss://...")
CHANNEL_LAYERS: dict[str, Any] = {
    # The pub/sub layer: the core layer forgets its members for good when Redis restarts.
    "default": {
        "BACKEND": "channels_redis.pubsub.RedisPubSubChannelLayer",
        "CONFIG": {"hosts": list(REDIS_URLS), "prefix": "bos"},
    }
    if REDIS_URLS
    else {"BACKEND": "channels.layers.InMemoryChannelLayer", "CONFIG": {"capacity": 10_000}}
}

# ------------------------------------------------------------------ the real-time kernel

SYNC: dict[str, Any] = {
    "authenticator": "bos.auth.tokens.authenticator",
    "redis_urls": REDIS_URLS,
    "redis_prefix": "bos",
    "environment_prefix": "BOS_",
    "allowed_origins": tuple(filter(None, map(str.strip, env.list("BOS_ALLOWED_ORIGINS", [])))),
    "auth_timeout": env.float("BOS_AUTH_TIMEOUT", 10),
    "reauth_grace": env.float("BOS_REAUTH_GRACE", 60),
    "heartbeat_interval": env.float("BOS_HEARTBEAT_INTERVAL", 30),
    "heartbeat_timeout": env.float("BOS_HEARTBEAT_TIMEOUT", 10),
    "idle_timeout": env.float("BOS_IDLE_TIMEOUT", 300),
    "max_message_bytes": env.int("BOS_MAX_MESSAGE_BYTES", 2**20),
    "max_unauthenticated_bytes": env.int("BOS_MAX_UNAUTHENTICATED_BYTES", 2**14),
    "max_message_items": env.int("BOS_MAX_MESSAGE_ITEMS", 10_000),
    "max_connections_per_user": env.int("BOS_MAX_CONNECTIONS_PER_USER", 10),
    "unauthenticated_per_address": env.int("BOS_UNAUTHENTICATED_PER_ADDRESS", 50),
    "unauthenticated_per_process": env.int("BOS_UNAUTHENTICATED_PER_PROCESS", 1000),
    "handshakes_per_second": env.float("BOS_HANDSHAKES_PER_SECOND", 50),
    "frames_per_second": env.float("BOS_FRAMES_PER_SECOND", 200),
    "bytes_per_minute": env.int("BOS_BYTES_PER_MINUTE", 8 * 2**20),
    "messages_per_minute": env.int("BOS_MESSAGES_PER_MINUTE", 100),
    "user_messages_per_minute": env.int("BOS_USER_MESSAGES_PER_MINUTE", 300),
    "user_work_per_minute": env.int("BOS_USER_WORK_PER_MINUTE", 15_000),
    "organization_work_per_minute": env.int("BOS_ORGANIZATION_WORK_PER_MINUTE", 120_000),
    "send_queue_bytes": env.int("BOS_SEND_QUEUE_BYTES", 2**20),
    "send_loop": env.bool("BOS_SEND_LOOP", True),
    "idempotency_seconds": env.float("BOS_IDEMPOTENCY_SECONDS", 600),
    "history_days": env.float("BOS_HISTORY_DAYS", 7),
    "request_timeout": env.float("BOS_REQUEST_TIMEOUT", 10),
    "max_header_bytes": env.int("BOS_MAX_HEADER_BYTES", 2**16),
    "max_body_bytes": env.int("BOS_MAX_BODY_BYTES", 10 * 2**20),
}

# ------------------------------------------------------------------ background work

JOB_MEMORY_MB = whole("BOS_JOB_MEMORY_MB", 1024)
"""Memory (MB) of a worker's process besides what it starts with; a job that needs more fails."""
_JOB_TIMEOUT = whole("BOS_JOB_TIMEOUT", 120)
Q_CLUSTER: dict[str, Any] = {
    "name": "bos",
    "label": "Background work",
    # A table of the same database: a job is enqueued in the transaction of what it is about.
    "orm": "default",
    "broker_class": "bos.jobs.queue.Broker",
    "workers": whole("BOS_WORKERS", 1),
    "poll": 0.2,
    "timeout": _JOB_TIMEOUT,
    # Only then is a job given to somebody else: its worker is dead.
    "retry": _JOB_TIMEOUT + 5,
    # bos.jobs.queue counts them, from when a job is begun: django-q's count misses those that are
    # killed.
    "max_attempts": 0,
    "catch_up": False,
    "save_limit": 500,
    "recycle": 500,
    "max_rss": JOB_MEMORY_MB * 1024,
}

IMPORT_MEMORY_MB = whole("BOS_IMPORT_MEMORY_MB", 384)
IMPORT_SECONDS = whole("BOS_IMPORT_SECONDS", 30)
"""Limits of reading a file, in a process of its own."""

USER_WAITING_JOBS = whole("BOS_USER_WAITING_JOBS", 20)
ORGANIZATION_WAITING_JOBS = whole("BOS_ORGANIZATION_WAITING_JOBS", 500)
"""Reports, predictions and imports that wait to be made, of those that people have asked for."""

# ------------------------------------------------------------------ presence in sessions

CURSOR_RATE = decimal("BOS_CURSOR_RATE", 10)
RECONNECT_GRACE = decimal("BOS_RECONNECT_GRACE", 60)
PRESENCE_LEASE = decimal("BOS_PRESENCE_LEASE", 15)
"""How long a participant counts as connected without hearing from their process."""
PARTICIPANT_IDLE = decimal("BOS_PARTICIPANT_IDLE", 60)
EMPTY_SESSION_TIMEOUT = decimal("BOS_EMPTY_SESSION_TIMEOUT", 300)

# ------------------------------------------------------------------ how much there may be

USER_SESSIONS = whole("BOS_USER_SESSIONS", 20)
ORGANIZATION_SESSIONS = whole("BOS_ORGANIZATION_SESSIONS", 500)
USER_INVITATIONS = whole("BOS_USER_INVITATIONS", 500)
ORGANIZATION_INVITATIONS = whole("BOS_ORGANIZATION_INVITATIONS", 10_000)
SESSION_NOTES = whole("BOS_SESSION_NOTES", 5_000)
SESSION_NOTE_BYTES = whole("BOS_SESSION_NOTE_BYTES", 20 * 2**20)
THING_NOTES = whole("BOS_THING_NOTES", 5_000)
THING_NOTE_BYTES = whole("BOS_THING_NOTE_BYTES", 20 * 2**20)
ORGANIZATION_NOTE_BYTES = whole("BOS_ORGANIZATION_NOTE_BYTES", 2**30)
USER_NOTIFICATIONS = whole("BOS_USER_NOTIFICATIONS", 1_000)

SESSION_DAYS = decimal("BOS_SESSION_DAYS", 365)
READ_NOTIFICATION_DAYS = decimal("BOS_READ_NOTIFICATION_DAYS", 30)
NOTIFICATION_DAYS = decimal("BOS_NOTIFICATION_DAYS", 180)
HISTORY_VALUES = whole("BOS_HISTORY_VALUES", 50_000)
KPI_HISTORY_VALUES = whole("BOS_KPI_HISTORY_VALUES", 2_000)
INGEST_BYTES = whole("BOS_INGEST_BYTES", 2 * 2**20)
"""Of a request that brings values; 10,000 with their times have 1.1 MB."""
INGEST_VALUES_PER_MINUTE = whole("BOS_INGEST_VALUES_PER_MINUTE", 600_000)
"""Of an organization, over all processes."""
OUTBOUND_INSIDE = env.bool("BOS_OUTBOUND_INSIDE", False)
"""Whether webhooks, connectors and messages may go to addresses inside the server's network."""
CONNECTOR_FILES = env.str("BOS_CONNECTOR_FILES", "")
"""Where the SQLite files lie that connectors may read: in it a directory for each organization, by
its id. Without it there are none."""
WEBHOOK_TIMEOUT = decimal("BOS_WEBHOOK_TIMEOUT", 10)
"""Patience with the receiver of a webhook; six times that with a worker that is gone."""
REPORT_DAYS = decimal("BOS_REPORT_DAYS", 7)
"""How long the link of a report opens."""

# ------------------------------------------------------------------ messages that leave the socket

PUBLIC_URL = env.str(
    "BOS_PUBLIC_URL", f"http://127.0.0.1:{env.int('PORT', 8000)}" if DEBUG else ""
).rstrip("/")
"""Where people open the page: what links in mails begin with."""
if PUBLIC_URL and not re.fullmatch(r"https?://[^\s/?#@]+", PUBLIC_URL):
    raise ImproperlyConfigured("BOS_PUBLIC_URL: https://board.example, without a path")
MAIL_FROM = env.str("BOS_MAIL_FROM", "BOS <bos@localhost>" if DEBUG else "")
"""The sender of mails: `BOS <bos@board.example>`, or the address alone."""
if MAIL_FROM and not re.fullmatch(r"[^\r\n@]*[^\s@<>]+@[^\s@<>]+>?", MAIL_FROM):
    raise ImproperlyConfigured("BOS_MAIL_FROM: bos@board.example, or BOS <bos@board.example>")


def _mail() -> dict[str, Any]:
    """Where mails go; `dummy:` nowhere, and `console:` to the log."""
    told: dict[str, Any] = env.dj_email_url("EMAIL_URL", "console:" if DEBUG else "dummy:")
    if "EMAIL_BACKEND" not in told or (told["EMAIL_HOST"] is None and _is_smtp(told)):
        raise ImproperlyConfigured(
            "EMAIL_URL: submission://user:password@host:587 (STARTTLS), "
            "smtp://user:password@host:465?ssl=true, or smtp://host:25 is supported"
        )
    if _is_smtp(told):
        # Says when a mail is handed over: see bos.outside.sending.
        told["EMAIL_BACKEND"] = "bos.outside.smtp.EmailBackend"
        for name, value in (("BOS_PUBLIC_URL", PUBLIC_URL), ("BOS_MAIL_FROM", MAIL_FROM)):
            if not value:
                raise ImproperlyConfigured(f"EMAIL_URL is set, and {name} is not: mails need it")
    return told


def _is_smtp(told: dict[str, Any]) -> bool:
    return str(told.get("EMAIL_BACKEND")).endswith("smtp.EmailBackend")


_MAIL = _mail()
EMAIL_BACKEND: str = _MAIL["EMAIL_BACKEND"]
EMAIL_HOST: str = _MAIL["EMAIL_HOST"] or ""
EMAIL_PORT: int = _MAIL["EMAIL_PORT"] or 25
EMAIL_HOST_USER: str = _MAIL["EMAIL_HOST_USER"] or ""
EMAIL_HOST_PASSWORD: str = _MAIL["EMAIL_HOST_PASSWORD"] or ""
EMAIL_USE_TLS: bool = _MAIL["EMAIL_USE_TLS"]
EMAIL_USE_SSL: bool = _MAIL["EMAIL_USE_SSL"]
EMAIL_FILE_PATH: str = _MAIL["EMAIL_FILE_PATH"]
EMAIL_TIMEOUT: int = _MAIL["EMAIL_TIMEOUT"] or 10
"""Patience (seconds) with each step of a conversation with the mail server."""
EMAIL_ANSWER_TIMEOUT = max(30, EMAIL_TIMEOUT)
"""The same with its answer to a whole mail, which it may look into first."""
DEFAULT_FROM_EMAIL = SERVER_EMAIL = MAIL_FROM or "bos@localhost"
MAIL_IS_ON = not EMAIL_BACKEND.endswith("dummy.EmailBackend")

INVITATIONS_PER_MINUTE = whole("BOS_INVITATIONS_PER_MINUTE", 60)
"""Of an organization: mail servers refuse who sends hundreds at once."""
PASSWORD_RESET_TIMEOUT = 3600
"""Seconds that a one-time link lives from when its mail is made."""

VAPID_PRIVATE_KEY = env.str("BOS_VAPID_PRIVATE_KEY", "")
"""Signs web pushes: 32 bytes in base64url, as `manage.py vapid_keys` makes them; empty: none."""
if VAPID_PRIVATE_KEY and not re.fullmatch(r"[\w-]{43}", VAPID_PRIVATE_KEY, re.ASCII):
    raise ImproperlyConfigured("BOS_VAPID_PRIVATE_KEY: make one by `manage.py vapid_keys`")

RECEIVER_MESSAGES_PER_HOUR = whole("BOS_RECEIVER_MESSAGES_PER_HOUR", 60)
"""Messages to a person by one medium, or to a channel; what is beyond becomes one."""
ORGANIZATION_MESSAGES_PER_HOUR = whole("BOS_ORGANIZATION_MESSAGES_PER_HOUR", 2_000)
DELIVERY_DAYS = decimal("BOS_DELIVERY_DAYS", 90)
"""How long is kept what has become of a message that has left."""

# ------------------------------------------------------------------ people and tokens

AUTH_USER_MODEL = "bos.User"
AUTHENTICATION_BACKENDS = ["bos.auth.throttle.ThrottledBackend"]
SILENCED_SYSTEM_CHECKS = ["auth.W004"]  # an email is unique within its organization
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator"},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
# Not SECRET_KEY itself: a signature made for another purpose is never a token. The newest first.
TOKEN_KEYS = [
    hashlib.sha256(b"bos token\0" + key.encode()).hexdigest()
    for key in (SECRET_KEY, *SECRET_KEY_FALLBACKS)
]
SIMPLE_JWT: dict[str, Any] = {
    "ACCESS_TOKEN_LIFETIME": timedelta(seconds=decimal("BOS_ACCESS_TOKEN_SECONDS", 3600)),
    "REFRESH_TOKEN_LIFETIME": timedelta(seconds=decimal("BOS_REFRESH_TOKEN_SECONDS", 604_800)),
    # bos.auth.token_keys signs and reads; these are for what else of simplejwt reads a token.
    "SIGNING_KEY": TOKEN_KEYS[0],
    "AUDIENCE": "bos",
    "ISSUER": "bos",
    "UPDATE_LAST_LOGIN": False,
}
SIGN_IN_SECONDS = decimal("BOS_SIGN_IN_SECONDS", 2_592_000)
"""After so long somebody signs in anew, however often the tokens were refreshed."""
REFRESH_GRACE = env.float("BOS_REFRESH_GRACE", 10, validate=validate.Range(min=0))
"""A refresh token that was used within so many seconds is refused, and no theft yet."""
HASHES_AT_ONCE = whole("BOS_HASHES_AT_ONCE", 2)
"""Passwords that a process looks at at the same time."""

# ------------------------------------------------------------------ signing in on a page

LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "/"
ACCOUNT_ADAPTER = "bos.identity.adapters.AccountAdapter"
ACCOUNT_FORMS = {"reauthenticate": "bos.identity.forms.PasswordAgainForm"}
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "password1*"]
ACCOUNT_USER_MODEL_USERNAME_FIELD = None
# An email is an organization's word for its user: there is nothing that allauth would verify.
ACCOUNT_EMAIL_VERIFICATION = "none"
# bos.auth.throttle and bos.identity.second_factor limit, over all processes.
ACCOUNT_RATE_LIMITS = MFA_RATE_LIMITS = False
MFA_ADAPTER = "bos.identity.adapters.FactorAdapter"
MFA_FORMS = {
    "authenticate": "bos.identity.forms.CodeForm",
    "reauthenticate": "bos.identity.forms.CodeAgainForm",
    "add_webauthn": "bos.identity.forms.AddPasskeyForm",
    "authenticate_webauthn": "bos.identity.forms.PasskeyForm",
    "login_webauthn": "bos.identity.forms.PasskeyAloneForm",
    "edit_webauthn": "bos.identity.forms.RenamePasskeyForm",
    "reauthenticate_webauthn": "bos.identity.forms.PasskeyAgainForm",
}
MFA_SUPPORTED_TYPES = ["totp", "webauthn", "recovery_codes"]
MFA_PASSKEY_LOGIN_ENABLED = True
MFA_RECOVERY_CODES_SHOW_ONCE = True
MFA_TOTP_ISSUER = "BOS"
# A clock may be half a minute wrong, and typing takes a while.
MFA_TOTP_TOLERANCE = 1
MFA_WEBAUTHN_ALLOW_INSECURE_ORIGIN = DEBUG
SOCIALACCOUNT_ADAPTER = "bos.identity.oidc.ProviderAdapter"
# The way to a provider is a link. After a form the browser would look at `form-action`, which names
# this host alone.
SOCIALACCOUNT_LOGIN_ON_GET = True
REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": ["bos.auth.bearer.BearerAuthentication"],
    "DEFAULT_PERMISSION_CLASSES": [
        "rest_framework.permissions.IsAuthenticated",
        "bos.api.scopes.ScopePermission",
    ],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["bos.web.parsers.SafeJSONParser"],
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "EXCEPTION_HANDLER": "bos.auth.views.exception_handler",
    # There is one form of an answer: `?format=x` would be a 404 that says nothing.
    "URL_FORMAT_OVERRIDE": None,
}
SPECTACULAR_SETTINGS = {
    "OAS_VERSION": "3.1.0",  # whose schemas are JSON Schema, as those of our structs are
    # Several bodies have it, and another thing has a `kind`, too.
    "ENUM_NAME_OVERRIDES": {"AlertRuleKind": "kpis.models.RuleKind"},
    "POSTPROCESSING_HOOKS": [
        "drf_spectacular.hooks.postprocess_schema_enums",
        "bos.api.shapes.add_shapes",
        "bos.web.schema.complete",
    ],
}

# ------------------------------------------------------------------ HTTP

# One lock lets one of them work at a time, and the event loop waits for its turn among them: beside
# 200 page loads a PING's p99 is 40 ms with four, 220 ms with eight, which serve a sixth more.
HTTP_CONCURRENCY = whole("BOS_HTTP_CONCURRENCY", 4)
"""HTTP requests that a process works at: as many threads, and database connections."""
# At some 300 pages a second, those who wait behind them are served within a second.
HTTP_WAITING = whole("BOS_HTTP_WAITING", 32 * HTTP_CONCURRENCY)
"""HTTP requests that wait for one of these threads; one more is refused."""
METRICS_TOKEN = env.str("BOS_METRICS_TOKEN", "")
"""Opens `/metrics`; without one there is no such page."""
SHORTEST_METRICS_TOKEN = 20
if METRICS_TOKEN and len(METRICS_TOKEN) < SHORTEST_METRICS_TOKEN:
    raise ImproperlyConfigured(
        f"BOS_METRICS_TOKEN is too short: set it to at least {SHORTEST_METRICS_TOKEN} random "
        "characters, or not at all, and then there is no /metrics."
    )
STATIC_URL = "/static/"
STATIC_ROOT = BASE_DIR / "staticfiles"
# The package is no app, and to import it is to import what makes pages of Markdown.
STATICFILES_DIRS = [
    ("vendor/asyncapi-viewer", Path(sysconfig.get_path("purelib"), "asyncapi_viewer", "static"))
]
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    # collectstatic writes each file compressed as well.
    "staticfiles": {"BACKEND": "whitenoise.storage.CompressedStaticFilesStorage"},
}
WHITENOISE_USE_FINDERS = WHITENOISE_AUTOREFRESH = DEBUG
# What is named by its content never changes: browsers need not ask for it again.
WHITENOISE_IMMUTABLE_FILE_TEST = r"/bos/workspace/[\w-]+-[A-Z0-9]{8}\.(?:js|css)$"
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": ["'self'"],
        "img-src": ["'self'", "data:"],
        "media-src": ["'self'", "data:"],
        "object-src": ["'none'"],
        "base-uri": ["'none'"],
        "form-action": ["'self'"],
        "frame-ancestors": ["'none'"],
    }
}
ADMIN_CSP = {
    # What unfold needs, under /admin/ alone: Alpine compiles its attributes, colours are inline.
    "script-src": ["'self'", "'unsafe-eval'"],
    "style-src": ["'self'", "'unsafe-inline'"],
}
X_FRAME_OPTIONS = "DENY"
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
SESSION_COOKIE_HTTPONLY = True
# A link in a mail or a chat opens for a user who is signed in: no GET changes anything, and a POST
# of another site brings neither cookie. If the token's cookie were Strict, such a link would get a
# new token, and forms that are open in other tabs would be refused.
SESSION_COOKIE_SAMESITE = CSRF_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = not DEBUG
DEVICE_COOKIE_NAME = "bos_device" if DEBUG else "__Host-bos_device"
if not DEBUG:
    # Browsers take a cookie of this name from this very host over TLS only, and from no other one
    # of its domain.
    SESSION_COOKIE_NAME, CSRF_COOKIE_NAME = "__Host-sessionid", "__Host-csrftoken"
# Not the pages of apps: Django would trust every page of a host that is named like theirs.
CSRF_TRUSTED_ORIGINS = [
    origin for origin in SYNC["allowed_origins"] if origin.lower().startswith(("http:", "https:"))
]
SECURE_PROXY_SSL_HEADER = None if DEBUG else ("HTTP_X_FORWARDED_PROTO", "https")
SECURE_HSTS_SECONDS = 0 if DEBUG else 31_536_000

# ------------------------------------------------------------------ the admin

UNFOLD = {
    "SITE_TITLE": "BOS",
    "SITE_HEADER": "BOS",
    "SITE_SUBHEADER": "Business Operating System",
    "SITE_SYMBOL": "monitoring",
    "SITE_FAVICONS": [
        {"rel": "icon", "type": "image/svg+xml", "href": "bos.adminsite.navigation.icon"},
    ],
    "SHOW_VIEW_ON_SITE": False,
    # The page's own blue, in the steps that unfold wants.
    "COLORS": {
        "primary": {
            "50": "#eff4ff",
            "100": "#dbe6ff",
            "200": "#bfd2ff",
            "300": "#a3bfff",
            "400": "#86abff",
            "500": "#5683ea",
            "600": "#2f5fd0",
            "700": "#284fb0",
            "800": "#26458f",
            "900": "#243d72",
            "950": "#172646",
        }
    },
    "STYLES": ["bos.adminsite.navigation.style"],
    "SCRIPTS": ["bos.adminsite.zone.zone_script"],
    "GLOBAL_CALLBACK": "bos.adminsite.zone.zone_context",
    "DASHBOARD_CALLBACK": "bos.adminsite.front.front_page",
    "SIDEBAR": {"navigation": "bos.adminsite.navigation.navigation"},
    "TABS": "bos.adminsite.navigation.tabs",
}

LANGUAGE_CODE = "en"
TIME_ZONE = "UTC"
FORMAT_MODULE_PATH = ["bos.formats"]
USE_TZ = True

# ------------------------------------------------------------------ logging

LOG_LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")
_LOG_FORMAT = env.str("BOS_LOG_FORMAT", "text", validate=validate.OneOf(["text", "json"]))
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "text": {"()": "bos.web.logs.FieldFormatter"},
        "json": {"()": "bos.web.logs.json_formatter"},
    },
    "filters": {
        "about": {"()": "bos.web.logs.AboutFilter"},
        "away": {"()": "bos.web.logs.AwayFilter"},
        "brief": {"()": "bos.web.logs.BriefFilter"},
    },
    "handlers": {
        "console": {
            "class": "logging.StreamHandler",
            "formatter": _LOG_FORMAT,
            "filters": ["about", "away"],
        },
        "nowhere": {"class": "logging.NullHandler"},
        "brief": {
            "class": "logging.StreamHandler",
            "formatter": _LOG_FORMAT,
            "filters": ["about", "brief"],
        },
    },
    # Whatever else speaks does so in the same form.
    "root": {"handlers": ["console"], "level": "WARNING"},
    "loggers": {
        "bos": {
            "handlers": ["console"],
            "level": env.str("LOG_LEVEL", "INFO", validate=validate.OneOf(LOG_LEVELS)),
            "propagate": False,
        },
        # While Redis is away it logs a traceback every other second.
        "channels_redis": {"handlers": ["brief"], "level": "WARNING", "propagate": False},
        # Of an answer that is none it logs a traceback, with an address that may be a secret.
        "urllib3": {"level": "ERROR"},
        "django-q": {"handlers": ["console"], "level": "WARNING", "propagate": False},
        "django": {"handlers": ["console"], "level": "WARNING", "propagate": False},
        # Its words may hold tokens of addresses: bos.outside.chat reads them, and keeps the status.
        "apprise": {"handlers": ["nowhere"], "level": "WARNING", "propagate": False},
        # Not every 401 and 404: they are the client's, and it has been told.
        "django.request": {"level": "ERROR"},
        # A line each, without a traceback: anybody may send a foreign Host, as often as they like.
        "django.security": {"handlers": ["brief"], "level": "WARNING", "propagate": False},
    },
}
