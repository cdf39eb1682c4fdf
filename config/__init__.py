"""Wiring: settings, addresses, servers, the clock. Nobody imports it."""

from .celery import app as celery_app

__all__ = ["celery_app"]
