"""What holds for every page: the policy in its headers, one way in, one address for health."""

import json
import os
import subprocess
import sys
from urllib.parse import parse_qs, urlsplit

import pytest
from celery import current_app
from django.contrib.staticfiles import finders
from django.core.cache import cache
from django.urls import reverse

from config.embedded import BASE_DIR

WRONG = {"login": "nobody", "password": "wrong"}


def directives(response):
    """The content-security policy of a response, as a dict of directive to sources."""
    parts = response["Content-Security-Policy"].split(";")
    return {name: sources for name, *sources in (part.split() for part in parts)}


def test_a_page_runs_nothing_and_styles_nothing_that_we_do_not_serve(client, db):
    policy = directives(client.get(reverse("account_login")))

    assert policy == {
        "default-src": ["'self'"],
        "script-src": ["'self'"],
        "style-src": ["'self'"],
        "img-src": ["'self'", "data:"],
        "object-src": ["'none'"],
        "base-uri": ["'none'"],
        "form-action": ["'self'"],
        "frame-ancestors": ["'none'"],
    }


def test_a_page_is_not_framed_not_sniffed_and_names_no_page_to_other_sites(client, db):
    page = client.get(reverse("account_login"))

    assert page["X-Frame-Options"] == "DENY"
    assert page["X-Content-Type-Options"] == "nosniff"
    assert page["Referrer-Policy"] == "same-origin"


def test_the_way_in_is_where_people_would_type_it():
    assert reverse("account_login") == "/sign-in/"
    assert reverse("account_logout") == "/sign-out/"


def test_the_admin_has_no_door_of_its_own(client, db):
    answer = client.get("/admin/", follow=True)

    assert answer.redirect_chain[-1][0].startswith("/sign-in/?next=")


def test_a_person_signs_in_by_name_or_by_address(client, django_user_model, db):
    cache.clear()
    person = django_user_model.objects.create_user(
        "robin", email="robin@example.com", password="a good long password"
    )

    for login in ("robin", "robin@example.com"):
        answer = client.post("/sign-in/", {"login": login, "password": "a good long password"})
        assert (answer.status_code, answer.url) == (302, "/")
        assert client.session["_auth_user_id"] == str(person.pk)
        client.logout()


def test_nobody_signs_up(client, django_user_model, db):
    page = client.get("/sign-up/")
    client.post(
        "/sign-up/",
        {
            "username": "eve",
            "email": "eve@example.com",
            "password1": "x9!kfkfkf",
            "password2": "x",
        },
    )

    assert page.status_code == 200
    assert b"password1" not in page.content
    assert not django_user_model.objects.exists()


def test_guessing_at_a_password_is_stopped_even_for_the_right_one(client, django_user_model, db):
    cache.clear()
    django_user_model.objects.create_user("robin", password="a good long password")

    for _ in range(5):
        client.post("/sign-in/", WRONG | {"login": "robin"})
    right = client.post("/sign-in/", {"login": "robin", "password": "a good long password"})

    assert right.status_code == 200
    assert "_auth_user_id" not in client.session


def test_health_is_well_when_the_database_and_the_broker_answer(client, db, broker):
    answer = client.get("/healthz")

    assert answer.status_code == 200
    assert (answer.json()["database"], answer.json()["broker"]) == ("ok", "ok")


def test_health_names_a_broker_that_does_not_answer(client, db, monkeypatch):
    monkeypatch.setattr(current_app.conf, "broker_write_url", "redis://127.0.0.1:1/0")

    answer = client.get("/healthz")

    assert answer.status_code == 503
    assert (answer.json()["database"], answer.json()["broker"]) == ("ok", "OperationalError")


def test_health_answers_in_seconds_when_nothing_else_does():
    ask = (
        "from django.test import Client; answer = Client().get('/healthz', headers={'host': "
        "'localhost'}); print(answer.status_code, answer.content.decode())"
    )

    done = subprocess.run(
        [sys.executable, "-c", f"import django; django.setup(); {ask}"],
        cwd=BASE_DIR,
        env=os.environ
        | {
            "DJANGO_SETTINGS_MODULE": "config.settings",
            "DATABASE_URL": "postgresql://nobody@127.0.0.1:1/nothing",
            "CELERY_BROKER_URL": "redis://127.0.0.1:1/0",
        },
        capture_output=True,
        text=True,
        timeout=20,
    )

    status, body = done.stdout.strip().split(" ", 1)
    assert status == "503"
    assert json.loads(body) == {
        "database": "OperationalError",
        "broker": "OperationalError",
        "jobs": {},
    }


@pytest.mark.parametrize(
    "name", ["bootstrap/css/bootstrap.min.css", "bootstrap/js/bootstrap.bundle.min.js"]
)
def test_a_named_file_of_a_front_end_library_is_served(client, name):
    answer = client.get(f"/static/vendor/{name}")

    assert answer.status_code == 200
    assert b"The Bootstrap Authors" in b"".join(answer.streaming_content)[:200]


def test_no_other_file_of_a_front_end_library_is_served(client, db):
    assert finders.find("vendor/bootstrap/css/bootstrap.css") is None
    assert client.get("/static/vendor/bootstrap/css/bootstrap.css").status_code == 404
    assert client.get("/static/vendor/../package.json").status_code == 404


@pytest.mark.parametrize(
    ("referrer", "page"),
    [
        ("http://testserver/?weight=3", "/?weight=3"),
        ("http://testserver/due/", "/due/"),
        ("https://example.org/due/", "/"),
        ("//example.org/", "/"),
        ("http://testserver/sign-in/?next=/", "/"),
        ("", "/"),
    ],
)
def test_a_deed_of_who_was_signed_out_leads_back_to_its_page(client, db, referrer, page):
    answer = client.post("/inbox/many/deal/", {"row": "1"}, headers={"referer": referrer})

    assert answer.status_code == 302
    assert parse_qs(urlsplit(answer.url).query) == {"next": [page]}
    assert "You were signed out: nothing was done." in client.get(answer.url).content.decode()


def test_a_page_that_asks_to_sign_in_is_come_back_to(client, db):
    assert client.get("/due/?show=asleep").url == "/sign-in/?next=/due/%3Fshow%3Dasleep"


def test_the_address_of_a_deed_says_that_it_is_no_page(client, django_user_model, db):
    client.force_login(django_user_model.objects.create_user("robin"))

    page = client.get("/inbox/many/deal/")

    assert (page.status_code, page["Allow"]) == (405, "POST")
    assert "Nothing was done" in page.content.decode()
    assert '<a href="/">Home</a>' in page.content.decode()
