from django.apps import AppConfig


class ConfigConfig(AppConfig):
    """An app only so that Django finds the `up` command here."""

    name = "config"
