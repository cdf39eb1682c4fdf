"""Every address: signing in, the admin, then the three floors, the highest first."""

from allauth.account import views as sign_in
from allauth.account.decorators import secure_admin_login
from django.contrib import admin
from django.urls import include, path, re_path

from . import views
from .health import healthz, healthz_jobs

# The admin has no door of its own: one sign-in, with its rate limits, for every page.
admin.site.login = secure_admin_login(admin.site.login)

# allauth knows its pages by these names. Those it has for signing up lead to "closed".
account_pages = [
    path("sign-in/", sign_in.login, name="account_login"),
    path("sign-in/again/", sign_in.reauthenticate, name="account_reauthenticate"),
    path("sign-in/inactive/", sign_in.account_inactive, name="account_inactive"),
    path("sign-out/", sign_in.logout, name="account_logout"),
    path("sign-up/", sign_in.signup, name="account_signup"),
    path("password/", sign_in.password_change, name="account_change_password"),
    path("password/set/", sign_in.password_set, name="account_set_password"),
    path("password/forgotten/", sign_in.password_reset, name="account_reset_password"),
    path(
        "password/forgotten/sent/",
        sign_in.password_reset_done,
        name="account_reset_password_done",
    ),
    re_path(
        r"^password/new/(?P<uidb36>[0-9A-Za-z]+)-(?P<key>.+)/$",
        sign_in.password_reset_from_key,
        name="account_reset_password_from_key",
    ),
    path(
        "password/new/done/",
        sign_in.password_reset_from_key_done,
        name="account_reset_password_from_key_done",
    ),
]

clock_pages = [
    path("", views.ScheduleList.as_view(), name="schedules"),
    path("health/", views.HealthPage.as_view(), name="health"),
    path("runs/", views.RunList.as_view(), name="runs"),
    path("runs/<int:pk>/stop/", views.stop_run, name="stop_run"),
    path("jobs/", views.LongJobList.as_view(), name="jobs"),
    path("jobs/<slug:kind>/<int:pk>/stop/", views.job_deed, {"what": "stop"}, name="stop_job"),
    path("jobs/<slug:kind>/<int:pk>/again/", views.job_deed, {"what": "again"}, name="again"),
    path("<int:pk>/", views.SchedulePage.as_view(), name="schedule"),
    path("<int:pk>/run/", views.run_now, name="run_now"),
    path("<int:pk>/as-installed/", views.as_installed, name="as_installed"),
]

urlpatterns = [
    path("healthz", healthz, name="healthz"),
    path("healthz/jobs", healthz_jobs, name="healthz_jobs"),
    path("admin/", admin.site.urls),
    path("clock/", include((clock_pages, "clock"))),
    *account_pages,
    path("", include("accounts.urls")),
    path("", include("stakeholders.urls")),
    path("", include("footprints.urls")),
]
