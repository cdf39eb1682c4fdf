from django.apps import AppConfig


class FootprintsConfig(AppConfig):
    name = "footprints"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self):
        from .fetching import checks  # noqa: F401  registers itself
