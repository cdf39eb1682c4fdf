"""The addresses of the register."""

from django.urls import path

from .views import (
    days,
    feeds,
    lead_providers,
    moving,
    organisation,
    organisations,
    proposals,
    recording,
    releases,
    reorganisations,
    reports,
    search,
    shapes,
    walking,
)

app_name = "footprints"

urlpatterns = [
    path("search/", search.Search.as_view(), name="search"),
    path("register/", organisations.OrganisationList.as_view(), name="organisations"),
    path(
        "register/lead-providers/",
        lead_providers.LeadProviderList.as_view(),
        name="lead_providers",
    ),
    path("register/releases/", releases.ReleaseList.as_view(), name="releases"),
    path("register/releases/<int:pk>/", releases.ReleaseDetail.as_view(), name="release"),
    path("register/releases/<int:pk>/findings/", releases.FindingList.as_view(), name="findings"),
    path(
        "register/releases/<int:pk>/facts/<str:model>/",
        releases.FactList.as_view(),
        name="release_facts",
    ),
    path("register/releases/<int:pk>/undo/", releases.UndoRelease.as_view(), name="undo_release"),
    path("register/reports/", reports.ReportList.as_view(), name="reports"),
    path("register/reports/new/", reports.NewReport.as_view(), name="new_report"),
    path("register/reports/<int:pk>/", reports.ReportDetail.as_view(), name="report"),
    path("register/reports/<int:pk>/file/", reports.ReportFile.as_view(), name="report_file"),
    path("register/reports/<int:pk>/apply/", reports.apply_report, name="apply_report"),
    path("register/reports/<int:pk>/stop/", reports.stop_report, name="stop_report"),
    path("register/reports/<int:pk>/discard/", reports.discard, name="discard_report"),
    path("register/reports/<int:pk>/again/", reports.read_again, name="read_report_again"),
    path("register/proposals/", proposals.ProposalList.as_view(), name="proposals"),
    path("register/proposals/<int:pk>/", proposals.ProposalDetail.as_view(), name="proposal"),
    path("register/proposals/<int:pk>/accept/", proposals.accept_proposal, name="accept_proposal"),
    path(
        "register/proposals/<int:pk>/dismiss/", proposals.dismiss_proposal, name="dismiss_proposal"
    ),
    path("register/feeds/", feeds.FeedList.as_view(), name="feeds"),
    path("register/feeds/<str:name>/fetch/", feeds.fetch_now, name="fetch_feed"),
    path("register/days/", days.DaysPage.as_view(), name="days"),
    path("register/walk/", walking.WalkPage.as_view(), name="walk"),
    path("register/shapes/<slug:kind>.json", shapes.kind_shapes, name="shapes"),
    path("register/<str:code>/", organisation.OrganisationDetail.as_view(), name="organisation"),
    path("reorganisations/", reorganisations.ReorganisationList.as_view(), name="reorganisations"),
    path("reorganisations/new/", recording.RecordEvent.as_view(), name="record_event"),
    path("reorganisations/board/", moving.Board.as_view(), name="board"),
    path("reorganisations/<slug:slug>/move/", moving.MoveEvent.as_view(), name="move_event"),
    path("reorganisations/<slug:slug>/day/", moving.MoveDate.as_view(), name="move_date"),
    path(
        "reorganisations/<slug:slug>/",
        reorganisations.ReorganisationDetail.as_view(),
        name="reorganisation",
    ),
]
