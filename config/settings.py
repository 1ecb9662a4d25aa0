"""Django's settings: the environment (`config/env.py`) mapped to names, group by group. No rule lives here."""

from datetime import timedelta

import django_stubs_ext

from config import connections, env, keys, openapi, services

django_stubs_ext.monkeypatch()  # Django's own classes take type parameters: admin.ModelAdmin[Job]

ENV = env.load()
URLS = services.urls(ENV)

# --- Django

BASE_DIR = env.ROOT
SECRET_KEY = ENV.web.secret_key or keys.secret_key(ENV.data)
SECRET_KEY_FALLBACKS = list(ENV.web.secret_key_fallbacks)  # read what the present key no longer writes
DEBUG = ENV.web.debug
ALLOWED_HOSTS = list(ENV.web.allowed_hosts)
PUBLIC_URL = ENV.web.public_url
WEB_PORT = ENV.ports.web
ROOT_URLCONF = "config.urls"
ASGI_APPLICATION = "config.asgi.application"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
USE_TZ = True
TIME_ZONE = "UTC"
LANGUAGE_CODE = "en"
USE_I18N = False  # One language: no catalogue is searched on each request.
# Every path answers with and without one (api/routes.py); a redirect would lose a POST's body.
APPEND_SLASH = False

INSTALLED_APPS = [
    "web",
    "reports",
    "media_pipeline",
    "accounts",
    "api",
    "celery_ledger",
    "accounts.staff.admin_app.StaffAdminConfig",  # Django's admin
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "rest_framework",
    "knox",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "django_celery_beat",
    "django_prometheus",
]

MIDDLEWARE = [
    "api.middleware.RequestContext",  # first: what an inner one refuses bears the request's id as well
    "django_prometheus.middleware.PrometheusBeforeMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "web.headers.PageHeaders",
    "config.static_files.StaticFiles",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_prometheus.middleware.PrometheusAfterMiddleware",
]

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "web.context.navigation",
            ],
        },
    },
]

# --- Folders

OFFSTAGE_DATA = ENV.data
MEDIA_FOLDER = ENV.data / "media"
UPLOAD_FOLDER = ENV.data / "uploads"
MAILBOX_FOLDER = ENV.data / "mailbox"
MAILBOX_EMBEDDED = ENV.services.mail_server is None

STATIC_URL = "/static/"
STATIC_ROOT = ENV.data / "static"
WHITENOISE_ALLOW_ALL_ORIGINS = False  # no other site reads them by script
WHITENOISE_USE_FINDERS = True  # `make run` serves the packages' own files, without a collectstatic before
STORAGES = {
    "default": connections.storage(ENV),
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
}
STORAGE_CACHE_HOURS = ENV.services.storage_cache_hours

# --- Database and cache

DATABASES = {"default": connections.database(ENV)}
CACHES = {"default": connections.cache(ENV)}
CACHE_URL = URLS.cache
BROKER_URL = URLS.broker

# --- People: passwords, sessions, tokens

AUTH_USER_MODEL = "accounts.User"
AUTHENTICATION_BACKENDS = ["accounts.backends.LockingBackend"]  # refuses after LOGIN_MAX_FAILURES
SILENCED_SYSTEM_CHECKS = [
    "auth.W004",  # addresses are unique by a constraint on lower(email), which this check does not read
    "security.W021",  # to be on the browsers' preload list is for whoever has the domain to decide
]
PASSWORD_HASHERS = [
    "accounts.password_checks.hashers.Argon2PasswordHasher",
    "accounts.password_checks.hashers.PBKDF2PasswordHasher",  # reads what an older installation may have stored
]
PASSWORD_MIN_CHARACTERS = 12
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {
        "NAME": "django.contrib.auth.password_validation.MinimumLengthValidator",
        "OPTIONS": {"min_length": PASSWORD_MIN_CHARACTERS},
    },
    {"NAME": "accounts.password_checks.password_validators.KnownPasswordValidator"},
    {"NAME": "accounts.password_checks.password_validators.OwnWordsValidator"},
    {"NAME": "django.contrib.auth.password_validation.NumericPasswordValidator"},
    {"NAME": "accounts.password_checks.password_length.MaximumLengthValidator"},
]
TOKEN_DAYS = ENV.web.token_days
TOKEN_IDLE_DAYS = ENV.web.token_idle_days
STAFF_TWO_FACTOR_REQUIRED = ENV.web.staff_two_factor_required
VERIFY_TOKEN_DAYS = 3
ANONYMOUS_BODY_MAX_BYTES = ENV.requests.anonymous_body_max_bytes
BODY_MIN_BYTES_PER_SECOND = ENV.requests.body_min_bytes_per_second
PASSWORD_RESET_TIMEOUT = int(timedelta(hours=1).total_seconds())
DATA_UPLOAD_MAX_MEMORY_SIZE = ENV.web.body_max_bytes
LOGIN_MAX_FAILURES = ENV.web.login_max_failures
LOGIN_LOCK_MINUTES = 15
LOGIN_MAX_FAILURES_PER_ACCOUNT = ENV.web.login_max_failures_per_account
LOGIN_ACCOUNT_LOCK_MINUTES = 60
KNOWN_CLIENT_DAYS = 90
PASSWORD_HASHES_AT_ONCE = ENV.web.password_hashes_at_once
PASSWORD_HASH_WAIT_SECONDS = ENV.web.password_hash_wait_seconds
KNOX_TOKEN_MODEL = "knox.AuthToken"  # noqa: S105 (the default model; migrations of ours refer to it by this name)
REST_KNOX = {
    "AUTH_HEADER_PREFIX": "Bearer",
    "TOKEN_TTL": timedelta(days=TOKEN_DAYS),
    "TOKEN_LIMIT_PER_USER": None,  # each browser and script has its own; they end by time or by logging out
}
ACCOUNT_ERASERS = {
    "files": "media_pipeline.removal.erase:erase_files",
    "assets": "media_pipeline.removal.erase:erase_assets",
}
ACCOUNT_EXPORTERS = ["media_pipeline.removal.export:export_films"]
VAPID_PRIVATE_KEY = ENV.push.private_key or keys.vapid_key(ENV.data)
PUSH_PRIVATE_ORIGINS = ENV.push.private_origins
WEBHOOKS_PER_USER = ENV.webhooks.per_user
WEBHOOK_ANSWER_SECONDS = ENV.webhooks.answer_seconds
WEBHOOK_PRIVATE_ORIGINS = ENV.webhooks.private_origins

# --- Browsers

HTTPS = PUBLIC_URL.startswith("https://")
SESSION_ENGINE = "accounts.logins.sessions"
SESSION_IDLE_MINUTES = ENV.web.session_idle_minutes
SESSION_MAX_HOURS = ENV.web.session_max_hours
# The cookie lives as long as a session may; the row in the database ends it earlier.
SESSION_COOKIE_AGE = SESSION_MAX_HOURS * 3600
EVENT_STREAMS_PER_USER = ENV.web.event_streams_per_user
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
CSRF_COOKIE_SAMESITE = "Lax"
# Secure only where the site is served over https: Safari drops such cookies on plain http://localhost.
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = HTTPS
SESSION_COOKIE_NAME = "__Host-session" if HTTPS else "offstage_session"
CSRF_COOKIE_NAME = "__Host-csrf" if HTTPS else "csrftoken"  # no other subdomain can set it
CSRF_TRUSTED_ORIGINS = list(ENV.web.trusted_origins)
CORS_ALLOWED_ORIGINS = ENV.web.cors_allowed_origins
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if ENV.web.behind_https_proxy else None
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
SECURE_CROSS_ORIGIN_OPENER_POLICY = "same-origin"
SECURE_HSTS_SECONDS = int(timedelta(days=365).total_seconds()) if HTTPS else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = ENV.web.hsts_subdomains
# Only behind a proxy that says how a request came in: without it each request would be redirected to itself.
SECURE_SSL_REDIRECT = HTTPS and ENV.web.behind_https_proxy
SECURE_REDIRECT_EXEMPT = [r"^healthz/?$", r"^readyz/?$"]  # supervisors ask without the proxy
X_FRAME_OPTIONS = "DENY"
LOGIN_URL = "/login"
LOGIN_REDIRECT_URL = "/videos"
# Shown on the first page, to who sits at this machine.
FLOWER_URL = f"http://127.0.0.1:{ENV.ports.flower}"
METRICS_URL = f"http://127.0.0.1:{ENV.ports.exporter}/metrics"

# --- API

NUM_PROXIES = ENV.web.proxies
THROTTLES = dict(ENV.web.throttles)
REST_FRAMEWORK = {
    # Tokens first: the first one decides whether a stranger gets 401 with WWW-Authenticate, or 403.
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "accounts.logins.bearer.BearerAuthentication",
        "rest_framework.authentication.SessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["api.parsers.Json"],
    "DEFAULT_CONTENT_NEGOTIATION_CLASS": "api.negotiation.Lenient",
    "DEFAULT_PAGINATION_CLASS": "api.pagination.NewestFirst",
    "DEFAULT_SCHEMA_CLASS": "api.schema.OffstageSchema",
    "DEFAULT_METADATA_CLASS": "api.metadata.NoMetadata",
    "EXCEPTION_HANDLER": "api.answers.exception_handler",
    "NUM_PROXIES": NUM_PROXIES,
    "TEST_REQUEST_DEFAULT_FORMAT": "json",
}
SPECTACULAR_SETTINGS = openapi.SPECTACULAR_SETTINGS

# --- Jobs

CELERY_APP = "config.celery"
WORKER_STOP_SECONDS = ENV.jobs.stop_seconds
JOB_RETRY_BASE_SECONDS = ENV.jobs.retry_base_seconds
JOB_RETRY_MAX_SECONDS = ENV.jobs.retry_max_seconds
JOB_MAX_ATTEMPTS = ENV.jobs.max_attempts
JOB_ERROR_MAX_CHARS = ENV.jobs.error_max_chars
JOB_LEASE_SECONDS = ENV.jobs.lease_seconds
JOB_POLL_SECONDS = ENV.jobs.poll_seconds
JOB_REPUBLISH_SECONDS = ENV.jobs.republish_seconds
JOB_STRANDED_SECONDS = ENV.jobs.stranded_seconds
JOB_MAX_IN_FLIGHT = ENV.jobs.max_in_flight
JOB_SHARE_IN_FLIGHT = ENV.jobs.share_in_flight
JOB_RETENTION_DAYS = ENV.jobs.retention_days
JOB_RATE_LIMITS = {"email": ENV.mail.rate}
FAULT_POINT = ENV.fault_point

# --- Mail

EMAIL_HOST = URLS.email.host
EMAIL_PORT = URLS.email.port
EMAIL_HOST_USER = URLS.email.user
EMAIL_HOST_PASSWORD = URLS.email.password
EMAIL_USE_TLS = URLS.email.starttls
EMAIL_USE_SSL = URLS.email.tls
EMAIL_TIMEOUT = 10  # seconds without an answer: the job is retried, so a server that hangs holds up no worker
DEFAULT_FROM_EMAIL = SERVER_EMAIL = ENV.mail.sender

# --- Video

VIDEO_MAX_BYTES = ENV.video.max_bytes
VIDEO_MAX_SECONDS = ENV.video.max_seconds
VIDEO_MAX_PIXELS = ENV.video.max_pixels
VIDEO_MAX_PACKETS = ENV.video.max_packets
VIDEO_MAX_FRAMES = ENV.video.max_frames
VIDEO_FREE_PIXELS = ENV.video.free_pixels
VIDEO_PIXELS_PER_BYTE = ENV.video.pixels_per_byte
VIDEO_MAX_AUDIO_TRACKS = ENV.video.max_audio_tracks
VIDEO_PROGRAM_MEMORY_BYTES = ENV.video.program_memory_bytes
VIDEO_PROGRAM_FILE_BYTES = ENV.video.program_file_bytes
VIDEO_TEXT_MAX_BYTES = ENV.video.text_max_bytes
VIDEO_TEXT_TRACKS = ENV.video.text_tracks
VIDEO_SUBTITLES_MAX_BYTES = ENV.video.subtitles_max_bytes
VIDEO_CHUNK_SECONDS = ENV.video.chunk_seconds
VIDEO_LARGEST_RUNG = ENV.video.largest_rung
WHISPER_MODEL = ENV.video.whisper_model

# --- Quotas of one user; None is no limit

VIDEOS_UNFINISHED_PER_USER = ENV.quotas.unfinished
VIDEOS_PER_USER = ENV.quotas.videos
VIDEO_BYTES_PER_USER = ENV.quotas.bytes

# --- Resumable uploads

UPLOAD_EXPIRE_HOURS = ENV.uploads.expire_hours
UPLOAD_MAX_OPEN = ENV.uploads.max_open
UPLOADS_AT_ONCE = ENV.uploads.at_once
UPLOAD_SILENCE_SECONDS = ENV.uploads.silence_seconds

# --- Logs

LOGGING_CONFIG = "config.logs.configure"
LOGGING = {"level": ENV.logs.level, "format": ENV.logs.format}
