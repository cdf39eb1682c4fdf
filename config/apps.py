from django.apps import AppConfig

from . import celery  # noqa: F401 - so that a task called from a page knows its broker


class ConfigConfig(AppConfig):
    """An app only so that Django finds the `up` command, and Celery its settings."""

    name = "config"
