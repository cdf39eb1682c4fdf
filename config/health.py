"""One address for a load balancer to ask: can this process do its work?"""

from celery import current_app
from django.db import connection
from django.http import JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe


def _database():
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")


def _broker():
    with current_app.connection_for_write(connect_timeout=2) as broker:
        broker.ensure_connection(max_retries=1, interval_start=0, timeout=2)


@never_cache
@require_safe
def healthz(request):
    """Answer 200 when the database and the broker answer, else 503; each by name, and no more."""
    found = {}
    for name, ask in (("database", _database), ("broker", _broker)):
        try:
            ask()
        except Exception as error:  # whatever went wrong, the answer is that it does not answer
            found[name] = type(error).__name__
        else:
            found[name] = "ok"
    return JsonResponse(found, status=200 if set(found.values()) == {"ok"} else 503)
