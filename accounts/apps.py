from django.apps import AppConfig


class AccountsConfig(AppConfig):
    name = "accounts"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self):
        from footprints import panels

        from .models import AccountLead, Watch
        from .views import (
            flags,
            saved_views,
            scenarios,
            sheets,
            taking_along,
            timetable,
            watches,
        )

        # The register's event page shows what the event does to the reader's plans, and does not
        # know of them.
        panels.register("reorganisation", flags.event_panel)
        panels.register("reorganisation", scenarios.event_panel)
        panels.register("board", scenarios.board_lines)
        panels.register("reorganisation", taking_along.event_panel)
        panels.register("reorganisation", timetable.tasks_panel)
        lead = AccountLead._meta.get_field("organisation")
        panels.register("organisation", sheets.leads_panel, key=lead)
        watch = Watch._meta.get_field("organisation")
        panels.register(
            "organisation deeds",
            watches.organisation_deed,
            key=watch,
            otherwise=watches.unwatched_deed,
        )
        panels.register("reorganisation deeds", watches.event_deed)
        panels.register("plan deeds", watches.plan_deed)
        panels.register("person deeds", watches.person_deed)
        panels.register("search deeds", watches.search_deed)
        panels.register("list", saved_views.list_panel)
