from django.apps import AppConfig


class AccountsConfig(AppConfig):
    name = "accounts"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self):
        from footprints import panels

        from .views.flags import event_panel
        from .views.sheets import leads_panel

        # The register's event page shows what the event does to the reader's plans, and does not
        # know of them.
        panels.register("reorganisation", event_panel)
        panels.register("organisation", leads_panel)
