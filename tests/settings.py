"""The settings of the tests: the project's own, with what a test run needs said first."""

import os
import tempfile
from pathlib import Path

BASE_DIR = Path(__file__).resolve().parent.parent

# A state directory of their own: with durability off it is fast, and no place for anybody's data.
os.environ.setdefault("LOCAL_STATE_DIR", str(BASE_DIR / ".local" / "tests"))
os.environ.setdefault("LOCAL_PG_DURABLE", "0")
# Two runs at once in one checkout have databases of their own; xdist's workers inherit the name.
os.environ.setdefault("TEST_RUN", str(os.getpid()))
os.environ["SECRET_KEY"] = "only the tests sign with this key, which is long enough to please"
os.environ["BASE_URL"] = "http://localhost:8000"
# What a developer has set for ./run must not reach the tests: no letter leaves the house.
for name in (
    "DEBUG",
    "EMAIL_HOST",
    "PGBOUNCER",
    "EMBEDDED_SERVICES_HELD",
    "LOG_FORMAT",
    "WEBHOOKS_MAY_REACH",
    "WEBHOOKS_ALLOW_HTTP",
):
    os.environ.pop(name, None)

from config.settings import *  # noqa: E402, F403

DATABASES["default"]["TEST"] = {"NAME": f"test_waymark_{os.environ['TEST_RUN']}"}  # noqa: F405

# Pages are served from the sources, without a collectstatic before every run.
STORAGES["staticfiles"] = {  # noqa: F405
    "BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"
}
WHITENOISE_AUTOREFRESH = True
WHITENOISE_USE_FINDERS = True

# Reports that a test receives are gone when the tests are over.
_received = tempfile.TemporaryDirectory(prefix="waymark-reports-")
STORAGES["reports"]["OPTIONS"]["location"] = _received.name  # noqa: F405

# One round instead of a million: a sign-in costs no test half a second.
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]

# A task runs where it is called; tests/config and tests/browser have the ones that need a real
# worker, which listens to what its own process of this run says.
CELERY_TASK_ALWAYS_EAGER = True
CELERY_TASK_EAGER_PROPAGATES = True
CELERY_BROKER_TRANSPORT_OPTIONS = {
    **globals().get("CELERY_BROKER_TRANSPORT_OPTIONS", {}),
    "global_keyprefix": "-".join(
        ["test", os.environ["TEST_RUN"], os.environ.get("PYTEST_XDIST_WORKER", "main"), ""]
    ),
}
