from django.apps import AppConfig


class FootprintsConfig(AppConfig):
    name = "footprints"
    default_auto_field = "django.db.models.BigAutoField"
