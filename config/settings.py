"""Django's settings: the environment (`config/env.py`) mapped to names, group by group. No rule lives here."""

from datetime import timedelta
from importlib.util import find_spec

from config import connections, env, keys, openapi, services

ENV = env.load()
URLS = services.urls(ENV)

# --- Django ---------------------------------------------------------------------------------------------------------

BASE_DIR = env.ROOT
SECRET_KEY = ENV.web.secret_key or keys.secret_key(ENV.data)
DEBUG = ENV.web.debug
ALLOWED_HOSTS = list(ENV.web.allowed_hosts)
PUBLIC_URL = ENV.web.public_url
ROOT_URLCONF = "config.urls"
ASGI_APPLICATION = "config.asgi.application"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
USE_TZ = True
TIME_ZONE = "UTC"
LANGUAGE_CODE = "en"
USE_I18N = False  # One language: no catalogue is searched on each request.
APPEND_SLASH = False  # Every path answers with and without one (api/routes.py); a redirect would lose a POST's body.

OURS = [name for name in ("web", "reports", "media_pipeline", "accounts", "api", "jobs") if find_spec(name)]
INSTALLED_APPS = [
    *OURS,
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "rest_framework",
    "knox",
    "axes",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "django_celery_beat",
    "django_prometheus",
]

MIDDLEWARE = [
    "api.middleware.RequestContext",  # first: what another one refuses bears the request's id as well
    "django_prometheus.middleware.PrometheusBeforeMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "axes.middleware.AxesMiddleware",
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
            ],
        },
    },
]

# --- Folders --------------------------------------------------------------------------------------------------------

OFFSTAGE_DATA = ENV.data
MEDIA_FOLDER = ENV.data / "media"
UPLOAD_FOLDER = ENV.data / "uploads"
MAILBOX_FOLDER = ENV.data / "mailbox"
MAILBOX_EMBEDDED = ENV.services.mail_server is None

STATIC_URL = "/static/"
STATIC_ROOT = ENV.data / "static"
WHITENOISE_USE_FINDERS = True  # `make run` serves the packages' own files; no collectstatic before the first page.
STORAGES = {
    "default": connections.storage(ENV),
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
}

# --- Database and cache ---------------------------------------------------------------------------------------------

DATABASES = {"default": connections.database(ENV)}
CACHES = {"default": connections.cache(ENV)}
CACHE_URL = URLS.cache
BROKER_URL = URLS.broker

# --- People: passwords, sessions, tokens -----------------------------------------------------------------------------

AUTH_USER_MODEL = "accounts.User"
AUTHENTICATION_BACKENDS = [
    "axes.backends.AxesStandaloneBackend",  # first: it refuses who is locked out
    "django.contrib.auth.backends.ModelBackend",
]
PASSWORD_HASHERS = [
    "django.contrib.auth.hashers.Argon2PasswordHasher",
    "django.contrib.auth.hashers.PBKDF2PasswordHasher",  # reads what an older installation may have stored
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator"},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.NumericPasswordValidator"},
]
TOKEN_DAYS = 30
VERIFY_TOKEN_DAYS = 3
LOGIN_MAX_FAILURES = ENV.web.login_max_failures
LOGIN_LOCK_MINUTES = 15
REST_KNOX = {
    "AUTH_HEADER_PREFIX": "Bearer",
    "TOKEN_TTL": timedelta(days=TOKEN_DAYS),
    "TOKEN_LIMIT_PER_USER": None,  # each browser and script has its own; they end by time or by logging out
}
AXES_FAILURE_LIMIT = LOGIN_MAX_FAILURES
AXES_COOLOFF_TIME = timedelta(minutes=LOGIN_LOCK_MINUTES)
AXES_RESET_ON_SUCCESS = True
# By name and address together: by name alone anybody could lock anybody out.
AXES_LOCKOUT_PARAMETERS = [["username", "ip_address"]]
AXES_ENABLE_ACCESS_FAILURE_LOG = False
AXES_DISABLE_ACCESS_LOG = True  # an address per login is personal data that nothing here needs
AXES_VERBOSE = False

# --- Browsers --------------------------------------------------------------------------------------------------------

HTTPS = PUBLIC_URL.startswith("https://")
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
CSRF_COOKIE_SAMESITE = "Lax"
# Secure only where the site is served over https: Safari drops such cookies on plain http://localhost.
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = HTTPS
SESSION_COOKIE_NAME = "__Host-session" if HTTPS else "offstage_session"
CSRF_TRUSTED_ORIGINS = list(ENV.web.trusted_origins)
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if ENV.web.behind_https_proxy else None
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
SECURE_CROSS_ORIGIN_OPENER_POLICY = "same-origin"
SECURE_HSTS_SECONDS = int(timedelta(days=365).total_seconds()) if HTTPS else 0
X_FRAME_OPTIONS = "DENY"
LOGIN_URL = "/login"
LOGIN_REDIRECT_URL = "/"

# --- API -------------------------------------------------------------------------------------------------------------

NUM_PROXIES = ENV.web.proxies
THROTTLES = dict(ENV.web.throttles)
REST_FRAMEWORK = {
    # Tokens first: the first one decides whether a stranger gets 401 with WWW-Authenticate, or 403.
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "knox.auth.TokenAuthentication",
        "rest_framework.authentication.SessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["rest_framework.parsers.JSONParser"],
    "DEFAULT_PAGINATION_CLASS": "api.pagination.NewestFirst",
    "DEFAULT_SCHEMA_CLASS": "api.schema.OffstageSchema",
    "EXCEPTION_HANDLER": "api.answers.exception_handler",
    "NUM_PROXIES": NUM_PROXIES,
    "TEST_REQUEST_DEFAULT_FORMAT": "json",
}
SPECTACULAR_SETTINGS = openapi.SPECTACULAR_SETTINGS

# --- Jobs ------------------------------------------------------------------------------------------------------------

CELERY_APP = "config.celery"
JOB_RETRY_BASE_SECONDS = ENV.jobs.retry_base_seconds
JOB_MAX_ATTEMPTS = ENV.jobs.max_attempts
JOB_LEASE_SECONDS = ENV.jobs.lease_seconds
JOB_POLL_SECONDS = ENV.jobs.poll_seconds
JOB_REPUBLISH_SECONDS = ENV.jobs.republish_seconds
JOB_RETENTION_DAYS = ENV.jobs.retention_days
JOB_MAX_IN_FLIGHT = 1000  # published and not yet claimed, per queue: what one flood may put before a younger job
JOB_RATE_LIMITS = {"email": ENV.mail.rate}

# --- Mail ------------------------------------------------------------------------------------------------------------

EMAIL_HOST = URLS.email.host
EMAIL_PORT = URLS.email.port
EMAIL_HOST_USER = URLS.email.user
EMAIL_HOST_PASSWORD = URLS.email.password
EMAIL_USE_TLS = URLS.email.starttls
EMAIL_USE_SSL = URLS.email.tls
EMAIL_TIMEOUT = 10  # seconds without an answer; the job is retried, so a hanging server must not hold a worker
DEFAULT_FROM_EMAIL = SERVER_EMAIL = ENV.mail.sender

# --- Video -----------------------------------------------------------------------------------------------------------

VIDEO_MAX_BYTES = ENV.video.max_bytes
VIDEO_MAX_SECONDS = ENV.video.max_seconds
VIDEO_MAX_PIXELS = ENV.video.max_pixels
VIDEO_CHUNK_SECONDS = ENV.video.chunk_seconds
WHISPER_MODEL = ENV.video.whisper_model

# --- Logs ------------------------------------------------------------------------------------------------------------

LOGGING_CONFIG = "config.logs.configure"
LOGGING = {"level": ENV.logs.level, "format": ENV.logs.format}
