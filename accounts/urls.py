"""The addresses of our side."""

from django.urls import path

from .views import (
    flags,
    home,
    letters,
    plans,
    scenarios,
    sheets,
    taking_along,
    teams,
    timetable,
)

app_name = "accounts"

urlpatterns = [
    path("", home.Home.as_view(), name="home"),
    path("alerts/", flags.FlagList.as_view(), name="flags"),
    path("alerts/posts/", flags.PostFlagList.as_view(), name="post_flags"),
    path("alerts/posts/resolve/", flags.resolve_posts, name="resolve_posts"),
    path("alerts/<int:pk>/", flags.FlagPage.as_view(), name="flag"),
    path("alerts/<int:pk>/resolve/", flags.resolve_flag, name="resolve_flag"),
    path("alerts/<int:pk>/sheet/", sheets.SheetPage.as_view(), name="sheet"),
    path("alerts/<int:pk>/sheet/many/", sheets.decide_many, name="decide_many"),
    path("alerts/<int:pk>/sheet/days/", sheets.set_days, name="set_sheet_days"),
    path("alerts/<int:pk>/sheet/prepare/", sheets.prepare, name="prepare_sheet"),
    path("alerts/<int:pk>/sheet/approve/", sheets.approve, name="approve_sheet"),
    path("alerts/<int:pk>/sheet/take-back/", sheets.take_back, name="take_back_sheet"),
    path("alerts/<int:pk>/sheet/apply/", sheets.apply_now, name="apply_sheet"),
    path("alerts/<int:pk>/sheet/undo/", sheets.undo, name="undo_sheet"),
    path("alerts/<int:pk>/sheet/<str:code>/<slug:role>/", sheets.decide, name="decide"),
    path("alerts/<int:pk>/sheet/<str:code>/<slug:role>/talk/", sheets.talk, name="talk"),
    path("letters/", letters.Outbox.as_view(), name="outbox"),
    path("letters/<int:pk>/", letters.LetterPage.as_view(), name="letter"),
    path("take-along/<slug:slug>/", taking_along.TakeAlong.as_view(), name="take_along"),
    path("take-along/<slug:slug>/crosswalk.csv", taking_along.crosswalk_file, name="crosswalk"),
    path("take-along/<slug:slug>/brief.pdf", taking_along.brief_file, name="brief"),
    path("ledger/", taking_along.LedgerPage.as_view(), name="ledger"),
    path("ledger/ledger.csv", taking_along.ledger_file, name="ledger_file"),
    path("scenarios/", scenarios.ScenarioList.as_view(), name="scenarios"),
    path("scenarios/new/", scenarios.make_scenario, name="make_scenario"),
    path("scenarios/<int:pk>/", scenarios.ScenarioPage.as_view(), name="scenario"),
    path("scenarios/<int:pk>/refresh/", scenarios.refresh_scenario, name="refresh_scenario"),
    path("plans/", plans.PlanList.as_view(), name="plans"),
    path("plans/new/", plans.make_plan, name="make_plan"),
    path("plans/import/", plans.BringIn.as_view(), name="alignment"),
    path("plans/<int:plan_pk>/", plans.PlanPage.as_view(), name="plan"),
    path("plans/<int:pk>/rename/", plans.rename_plan, name="rename_plan"),
    path("plans/<int:pk>/state/", plans.set_state, name="set_plan_state"),
    path("plans/<int:pk>/assign/", plans.assign, name="assign"),
    path("plans/<int:pk>/free/", plans.free, name="free"),
    path("plans/<int:pk>/territories/add/", plans.add_territory, name="add_territory"),
    path(
        "plans/<int:plan_pk>/territories/<int:pk>/",
        plans.TerritoryPage.as_view(),
        name="territory",
    ),
    path(
        "plans/<int:plan>/territories/<int:pk>/rename/",
        plans.rename_territory,
        name="rename_territory",
    ),
    path(
        "plans/<int:plan>/territories/<int:pk>/remove/",
        plans.remove_territory,
        name="remove_territory",
    ),
    path(
        "plans/<int:plan>/territories/<int:pk>/roster/", plans.put_on_roster, name="put_on_roster"
    ),
    path("plans/<int:plan>/territories/<int:pk>/vacant/", plans.leave_vacant, name="leave_vacant"),
    path("teams/", teams.TeamList.as_view(), name="teams"),
    path("teams/new/", teams.make_team, name="make_team"),
    path("teams/<int:pk>/", teams.team, name="team"),
    path("teams/data/new/", teams.data_supplier, name="make_data_supplier"),
    path("teams/data/<int:pk>/", teams.data_supplier, name="data_supplier"),
    path("tasks/<slug:slug>/<slug:milestone>/", timetable.task, name="task"),
    path("calendar/", timetable.calendar, name="calendar"),
    path("calendar/<slug:secret>.ics", timetable.calendar_feed, name="calendar_feed"),
]
