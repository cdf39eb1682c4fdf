"""Every setting, fed by the environment alone. `.env.example` lists the variables.

A variable that is missing stops the start and says what to do. `./run` supplies what a trial on
one machine needs.
"""

import os
from datetime import timedelta
from ipaddress import ip_network
from pathlib import Path
from urllib.parse import urlsplit

import dj_database_url
from csp.constants import NONE, SELF
from django.core.exceptions import ImproperlyConfigured

from . import embedded

BASE_DIR = Path(__file__).resolve().parent.parent


def required(name, hint):
    """The variable's value. Raises ImproperlyConfigured, with the hint, if it is missing."""
    value = os.environ.get(name, "")
    if not value:
        raise ImproperlyConfigured(
            f"{name} is not set. {hint}\n"
            "For a trial on this machine use ./run, or ./run CMD for manage.py CMD: "
            "it sets what is needed. .env.example lists every variable."
        )
    return value


def flag(name, default=False):
    """Whether the variable is switched on: 1, true, yes or on. Anything else is off."""
    value = os.environ.get(name, "")
    return value.lower() in {"1", "true", "yes", "on"} if value else default


# --- Who and where ------------------------------------------------------------------------------

SECRET_KEY = required(
    "SECRET_KEY", "Set it to 50 or more random characters, and keep it: sessions depend on it."
)
# A new key with the old one here lets people stay signed in while it is changed.
SECRET_KEY_FALLBACKS = os.environ.get("SECRET_KEY_FALLBACKS", "").split()
DEBUG = flag("DEBUG")

# The address people use. Letters link to it, and it says whether we are behind TLS.
BASE_URL = required("BASE_URL", "Set it to the address people use: https://waymark.example.com")
BASE_URL = BASE_URL.rstrip("/")
_base = urlsplit(BASE_URL)
if _base.scheme not in {"http", "https"} or not _base.hostname:
    raise ImproperlyConfigured(f"BASE_URL is {BASE_URL!r}: it must be http(s)://host[:port].")

_LOOPBACK = ["localhost", "127.0.0.1", "[::1]"]
# Nobody but this machine sees it: no TLS is asked for, and the demo's known passwords do no harm.
IS_TRIAL = _base.scheme == "http" and _base.hostname in {"localhost", "127.0.0.1", "::1"}
ALLOWED_HOSTS = [
    _base.hostname,
    *os.environ.get("ALLOWED_HOSTS", "").replace(",", " ").split(),
    *(_LOOPBACK if IS_TRIAL else []),
]
CSRF_TRUSTED_ORIGINS = [BASE_URL]

# --- What it is made of -------------------------------------------------------------------------

INSTALLED_APPS = [
    "config",
    "accounts",
    "stakeholders",
    "footprints",
    "django_tables2",
    "django_filters",
    "django_htmx",
    "allauth",
    "allauth.account",
    "django_celery_beat",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "whitenoise.runserver_nostatic",  # before staticfiles: runserver serves as production does
    "django.contrib.staticfiles",
    "django.contrib.postgres",
    "django.contrib.humanize",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "csp.middleware.CSPMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "config.sign_in.DeedsMiddleware",
    "footprints.as_at.AsAtMiddleware",
]

ROOT_URLCONF = "config.urls"
WSGI_APPLICATION = "config.wsgi.application"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

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
                "accounts.context.alerts",
                "accounts.demo.logins",
                "config.context.clock",
            ],
        },
    },
]
FORM_RENDERER = "django.forms.renderers.TemplatesSetting"  # so that templates/ may restyle forms
INSTALLED_APPS.append("django.forms")

# --- Data ---------------------------------------------------------------------------------------

_database_url = os.environ.get("DATABASE_URL") or embedded.database_url()
DATABASES = {
    "default": dj_database_url.parse(
        _database_url,
        # A web process has one thread, so this is one connection a process.
        conn_max_age=60,
        conn_health_checks=True,
        # PgBouncer in transaction mode may give each statement another connection.
        disable_server_side_cursors=flag("PGBOUNCER"),
    )
}

# Rate limits must count across processes, and signing in should not need the broker.
CACHES = {
    "default": {
        "BACKEND": "django.core.cache.backends.db.DatabaseCache",
        "LOCATION": "django_cache",
    }
}

# --- Work in the background ---------------------------------------------------------------------

CELERY_BROKER_URL = os.environ.get("CELERY_BROKER_URL") or embedded.broker_url()
if CELERY_BROKER_URL.startswith("redis"):
    # A delivery that nobody acknowledged (its worker was killed) is given to another worker after
    # visibility_timeout; the other two look for such deliveries every 10 s instead of every 100.
    # So no task may run, nor be put off, for longer than the hour.
    CELERY_BROKER_TRANSPORT_OPTIONS = {
        "visibility_timeout": 3600,
        "unacked_restore_interval": 10,
        "unacked_restore_throttle": 1,
        "socket_connect_timeout": 5,
    }
CELERY_TASK_TIME_LIMIT = 3300
CELERY_TASK_SOFT_TIME_LIMIT = 3240
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = True
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_TASK_IGNORE_RESULT = True  # what a task did is in the rows it wrote
# A page that starts a task must not hang while the broker is away.
CELERY_TASK_PUBLISH_RETRY_POLICY = {"max_retries": 2, "interval_start": 0.1, "interval_step": 0.2}

# The clock. A tick that found no worker within its minute is dropped: the next one does its work.
# Administrators may change when each runs; a changed one does not follow what is said here.
CELERY_BEAT_SCHEDULER = "config.clock:Clock"
CELERY_BEAT_SCHEDULE = {
    name: {"task": f"{app}.tasks.{name}", "schedule": 60, "options": {"expire_seconds": 55}}
    for app, names in {
        "accounts": (
            "raise_flags",
            "apply_due",
            "activate_due",
            "resume_jobs",
            "resume_suggestions",
            "send_digests",
            "remind",
            "tell_webhooks",
            "send_webhooks",
        ),
        "footprints": ("look_in_folder", "resume_reports", "fetch_due_feeds"),
    }.items()
    for name in names
}
# News reaches people within a minute: looking for it costs milliseconds.
CELERY_BEAT_SCHEDULE["raise_flags"] |= {"schedule": 15, "options": {"expire_seconds": 14}}
CELERY_BEAT_SCHEDULE["raise_overdue"] = {
    "task": "accounts.tasks.raise_overdue",
    "schedule": timedelta(hours=1),
    "options": {"expire_seconds": 3600},
}
CELERY_BEAT_SCHEDULE["tidy_runs"] = {
    "task": "config.tasks.tidy_runs",
    "schedule": timedelta(hours=1),
    "options": {"expire_seconds": 3600},
}

# --- Decisions ----------------------------------------------------------------------------------

# Whoever prepares a decision sheet does not approve it. 0 where one person does all the planning.
FOUR_EYES = flag("FOUR_EYES", default=True)

# --- Language, days and numbers -----------------------------------------------------------------

LANGUAGE_CODE = "en-gb"
TIME_ZONE = CELERY_TIMEZONE = "Europe/London"
USE_TZ = True
USE_I18N = True
FORMAT_MODULE_PATH = ["config.formats"]

# --- Signing in ---------------------------------------------------------------------------------

AUTH_USER_MODEL = "accounts.User"
AUTHENTICATION_BACKENDS = [
    "django.contrib.auth.backends.ModelBackend",
    "allauth.account.auth_backends.AuthenticationBackend",
    "accounts.roles.Stewardship",  # what a role may do; it signs nobody in
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in (
        "UserAttributeSimilarityValidator",
        "MinimumLengthValidator",
        "CommonPasswordValidator",
        "NumericPasswordValidator",
    )
]
LOGIN_URL = "account_login"
DEMO_LOGINS_SHOWN = flag("WAYMARK_DEMO")  # up sets it for a trial: the sign-in page lists them
LOGIN_REDIRECT_URL = "/"
ACCOUNT_LOGOUT_REDIRECT_URL = "account_login"
ACCOUNT_ADAPTER = "config.sign_in.ClosedSignUp"
ACCOUNT_LOGIN_METHODS = {"username", "email"}
ACCOUNT_EMAIL_VERIFICATION = "none"  # addresses are entered by an administrator
ACCOUNT_PREVENT_ENUMERATION = True
ACCOUNT_SESSION_REMEMBER = False
ACCOUNT_EMAIL_SUBJECT_PREFIX = ""

# --- Post ---------------------------------------------------------------------------------------

DEFAULT_FROM_EMAIL = SERVER_EMAIL = os.environ.get(
    "DEFAULT_FROM_EMAIL", f"Waymark <waymark@{_base.hostname}>"
)
EMAIL_DOMAIN = _base.hostname  # message ids end in it
EMAIL_HOST = os.environ.get("EMAIL_HOST", "")
if EMAIL_HOST:
    EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    EMAIL_PORT = int(os.environ.get("EMAIL_PORT", "587"))
    EMAIL_HOST_USER = os.environ.get("EMAIL_HOST_USER", "")
    EMAIL_HOST_PASSWORD = os.environ.get("EMAIL_HOST_PASSWORD", "")
    EMAIL_USE_SSL = flag("EMAIL_USE_SSL", default=EMAIL_PORT == 465)
    EMAIL_USE_TLS = flag("EMAIL_USE_TLS", default=EMAIL_PORT == 587)
    EMAIL_TIMEOUT = 30
else:
    # Without a post office letters are kept, and shown in the product.
    EMAIL_BACKEND = "accounts.outbox.OutboxBackend"

# --- Files the browser fetches ------------------------------------------------------------------

STATIC_URL = "static/"
STATIC_ROOT = Path(os.environ.get("STATIC_ROOT") or BASE_DIR / "static-root")
STATICFILES_DIRS = [path for path in [BASE_DIR / "static"] if path.is_dir()]
STATICFILES_FINDERS = [
    "django.contrib.staticfiles.finders.FileSystemFinder",
    "django.contrib.staticfiles.finders.AppDirectoriesFinder",
    "config.front_end.NamedFilesFinder",
]
# Address under /static/vendor/: file under node_modules/. Only these leave the house.
FRONT_END_FILES = {
    f"vendor/{name}": BASE_DIR / "node_modules" / name.replace("bootstrap/", "bootstrap/dist/", 1)
    for name in (
        "bootstrap/css/bootstrap.min.css",
        "bootstrap/css/bootstrap.min.css.map",
        "bootstrap/js/bootstrap.bundle.min.js",
        "bootstrap/js/bootstrap.bundle.min.js.map",
        "bootstrap-icons/bootstrap-icons.svg",
        "topojson-client/dist/topojson-client.min.js",
    )
}
REPORTS_DIR = Path(os.environ.get("REPORTS_DIR") or embedded.STATE_DIR / "reports")
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "config.front_end.HashedFiles"},
    # Reports as received. Web and worker processes on several machines must share it.
    "reports": {
        "BACKEND": "django.core.files.storage.FileSystemStorage",
        "OPTIONS": {"location": REPORTS_DIR},
    },
}

# --- What may be sent ---------------------------------------------------------------------------

# An alignment of up to 10 MB is pasted into a form, which says so itself where it is larger.
DATA_UPLOAD_MAX_MEMORY_SIZE = 25 * 2**20
# A file that is larger than any report is not even kept while it comes in.
FILE_UPLOAD_HANDLERS = [
    "footprints.uploads.BoundedUpload",
    "django.core.files.uploadhandler.MemoryFileUploadHandler",
    "django.core.files.uploadhandler.TemporaryFileUploadHandler",
]

# --- Reports of the NHS -------------------------------------------------------------------------

# A folder of which every file is received; none: not set. Workers on several machines share it.
REPORTS_FOLDER = os.environ.get("REPORTS_FOLDER", "")

# A report that came by itself is applied by itself within these; beyond, a steward is asked.
REPORT_LIMITS = {
    # part of its lines that could not be read or placed
    "unplaced": float(os.environ.get("REPORT_MAX_UNPLACED", "0.02")),
    # anomalies it shows
    "anomalies": int(os.environ.get("REPORT_MAX_ANOMALIES", "100")),
    # facts it changes or ends, as a part of its lines
    "changed": float(os.environ.get("REPORT_MAX_CHANGED", "0.05")),
}

# --- Reports fetched by HTTP --------------------------------------------------------------------

# Nothing is fetched unless the operator says what: a trial phones nobody.
REPORT_FEEDS = os.environ.get("REPORT_FEEDS", "").split()
ODS_EXPORT_URL = (
    os.environ.get("ODS_EXPORT_URL") or "https://www.odsdatasearchandexport.nhs.uk/api/getReport"
)
ODS_API_URL = os.environ.get("ODS_API_URL") or "https://directory.spineservices.nhs.uk/ORD/2-0-0"
REPORTS_FETCHED_EVERY = timedelta(hours=float(os.environ.get("REPORTS_FETCHED_EVERY") or 24))
# Who asks, so that the people who run the server know whom to write to.
FETCHING_AGENT = f"Waymark ({os.environ.get('REPORTS_CONTACT') or BASE_URL})"
# Files that are still being fetched. Where machines share it, one goes on where another stopped.
FETCHING_DIR = Path(os.environ.get("FETCHING_DIR") or REPORTS_DIR / "fetching")
# What differs from footprints.fetching.manners.Manners, which says what each means.
FETCHING = {}

# --- Webhooks -----------------------------------------------------------------------------------

# What of the inside a webhook may speak to, too: networks, addresses, names of hosts.
WEBHOOKS_MAY_REACH = os.environ.get("WEBHOOKS_MAY_REACH", "").replace(",", " ").split()
for _entry in WEBHOOKS_MAY_REACH:
    if "/" in _entry or ":" in _entry:  # no name has these: a slip would allow nothing, unsaid
        try:
            ip_network(_entry, strict=False)
        except ValueError as _error:
            raise ImproperlyConfigured(
                f"WEBHOOKS_MAY_REACH names {_entry!r}, which is no network: write 10.1.0.0/16, "
                "10.1.2.3, fd12::/16 or the name of a host, without https:// and without a port."
            ) from _error
# By http, without TLS, where both ends are on one network that nobody else listens to.
WEBHOOKS_ALLOW_HTTP = flag("WEBHOOKS_ALLOW_HTTP")

# --- Safety -------------------------------------------------------------------------------------

CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [SELF],
        "script-src": [SELF],
        "style-src": [SELF],
        "img-src": [SELF, "data:"],  # Bootstrap draws its arrows and ticks as data: pictures
        "object-src": [NONE],
        "base-uri": [NONE],
        "form-action": [SELF],
        "frame-ancestors": [NONE],
    }
}
X_FRAME_OPTIONS = "DENY"
SECURE_REFERRER_POLICY = "same-origin"
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_CROSS_ORIGIN_OPENER_POLICY = "same-origin"
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = CSRF_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_AGE = 12 * 60 * 60
SESSION_SAVE_EVERY_REQUEST = False
# Two instances on one host (two checkouts on localhost) must not sign each other out.
SESSION_COOKIE_NAME = f"waymark_session_{_base.port}" if _base.port else "waymark_session"

if not IS_TRIAL:
    SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = True
    SECURE_SSL_REDIRECT = True
    SECURE_REDIRECT_EXEMPT = [r"^healthz(/jobs)?$"]  # a load balancer asks without TLS
    SECURE_HSTS_SECONDS = 365 * 24 * 60 * 60
    SECURE_HSTS_INCLUDE_SUBDOMAINS = True
    # TLS ends at a proxy, which must set this header itself and not pass on a visitor's.
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    # Proxies that add to X-Forwarded-For, so that rate limits count visitors and not the proxy.
    ALLAUTH_TRUSTED_PROXY_COUNT = int(os.environ.get("PROXY_COUNT", "1"))
# Preloading speaks for a whole registered domain, which is not ours to promise.
SILENCED_SYSTEM_CHECKS = ["security.W021"]

# --- Logs ---------------------------------------------------------------------------------------

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "plain": {"format": "%(asctime)s %(levelname)s %(name)s: %(message)s"},
        "json": {"()": "config.logs.JSONFormatter"},
    },
    "handlers": {
        "stderr": {
            "class": "logging.StreamHandler",
            "formatter": "json" if os.environ.get("LOG_FORMAT") == "json" else "plain",
        }
    },
    "root": {"handlers": ["stderr"], "level": os.environ.get("LOG_LEVEL", "INFO").upper()},
    # Django's own handlers would say everything twice, and mail errors to nobody.
    "loggers": {
        "django": {"handlers": [], "propagate": True},
        "django.server": {"handlers": [], "propagate": True},
    },
}
