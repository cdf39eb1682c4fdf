"""The addresses of the register."""

from django.urls import path

from .views import lead_providers, organisation, organisations, releases, reorganisations

app_name = "footprints"

urlpatterns = [
    path("register/", organisations.OrganisationList.as_view(), name="organisations"),
    path(
        "register/lead-providers/",
        lead_providers.LeadProviderList.as_view(),
        name="lead_providers",
    ),
    path("register/releases/", releases.ReleaseList.as_view(), name="releases"),
    path("register/releases/<int:pk>/", releases.ReleaseDetail.as_view(), name="release"),
    path("register/releases/<int:pk>/findings/", releases.FindingList.as_view(), name="findings"),
    path("register/releases/<int:pk>/undo/", releases.UndoRelease.as_view(), name="undo_release"),
    path("register/<str:code>/", organisation.OrganisationDetail.as_view(), name="organisation"),
    path("reorganisations/", reorganisations.ReorganisationList.as_view(), name="reorganisations"),
    path(
        "reorganisations/<slug:slug>/",
        reorganisations.ReorganisationDetail.as_view(),
        name="reorganisation",
    ),
]
