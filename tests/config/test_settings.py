"""The settings are fed by the environment alone, and refuse to start half fed."""

import importlib.util
import os
import subprocess
import sys
from datetime import date

import pytest
from django import forms
from django.core.exceptions import ImproperlyConfigured
from django.template import Context, Template

from config.embedded import BASE_DIR

PRODUCTION = {
    "SECRET_KEY": "a key of fifty characters or more, as check --deploy wants it",
    "BASE_URL": "https://waymark.example.com",
    "DATABASE_URL": "postgresql://waymark:secret@db.example.com:5432/waymark",
    "CELERY_BROKER_URL": "redis://broker.example.com:6379/0",
}
OPTIONAL = ("DEBUG", "ALLOWED_HOSTS", "EMAIL_HOST", "EMAIL_PORT", "PROXY_COUNT", "PGBOUNCER")


@pytest.fixture
def settings_of(monkeypatch):
    """A function: the settings module, run anew under production's environment and what is given.

    A variable given as None is not set.
    """

    def load(**variables):
        for name in (*PRODUCTION, *OPTIONAL):
            monkeypatch.delenv(name, raising=False)
        for name, value in (PRODUCTION | variables).items():
            if value is not None:
                monkeypatch.setenv(name, value)
        # Beside the settings in force, and under another name, so that those stay as they are.
        path = BASE_DIR / "config" / "settings.py"
        spec = importlib.util.spec_from_file_location("config.settings_of_a_test", path)
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return vars(module)

    return load


@pytest.mark.parametrize("name", ["SECRET_KEY", "BASE_URL"])
def test_a_missing_variable_stops_the_start_and_says_what_to_do(settings_of, name):
    with pytest.raises(
        ImproperlyConfigured, match=rf"(?s)^{name} is not set\. Set it to .*\./run"
    ):
        settings_of(**{name: None})


def test_an_empty_key_is_a_missing_key(settings_of):
    with pytest.raises(ImproperlyConfigured, match="SECRET_KEY is not set"):
        settings_of(SECRET_KEY="")


@pytest.mark.parametrize(
    "address", ["waymark.example.com", "ftp://waymark.example.com", "https://"]
)
def test_an_address_people_cannot_type_is_refused(settings_of, address):
    with pytest.raises(ImproperlyConfigured, match="BASE_URL is"):
        settings_of(BASE_URL=address)


def test_a_command_without_a_key_ends_in_one_message_and_no_traceback():
    environment = {k: v for k, v in os.environ.items() if k != "SECRET_KEY"}

    done = subprocess.run(
        [sys.executable, "manage.py", "check"],
        cwd=BASE_DIR,
        env=environment | {"DJANGO_SETTINGS_MODULE": "config.settings"},
        capture_output=True,
        text=True,
    )

    assert done.returncode == 1
    assert "SECRET_KEY is not set" in done.stderr
    assert "Traceback" not in done.stderr


def test_the_deployment_check_finds_nothing_under_production_settings(monkeypatch):
    # A browser test of this worker needs it (tests/conftest.py); the check would complain of it.
    monkeypatch.delenv("DJANGO_ALLOW_ASYNC_UNSAFE", raising=False)
    done = subprocess.run(
        [sys.executable, "manage.py", "check", "--deploy", "--fail-level", "WARNING"],
        cwd=BASE_DIR,
        env=os.environ | PRODUCTION | {"DJANGO_SETTINGS_MODULE": "config.settings"},
        capture_output=True,
        text=True,
    )

    assert done.returncode == 0, done.stderr


def test_a_public_address_has_secure_cookies_and_hsts(settings_of):
    settings = settings_of()

    assert settings["SESSION_COOKIE_SECURE"] and settings["CSRF_COOKIE_SECURE"]
    assert settings["SECURE_SSL_REDIRECT"]
    assert settings["SECURE_HSTS_SECONDS"] == 31_536_000
    assert settings["ALLOWED_HOSTS"] == ["waymark.example.com"]
    assert not settings["DEBUG"]


def test_a_trial_on_this_machine_works_without_tls(settings_of):
    settings = settings_of(BASE_URL="http://localhost:8001/")

    assert "SESSION_COOKIE_SECURE" not in settings
    assert "SECURE_SSL_REDIRECT" not in settings
    assert settings["BASE_URL"] == "http://localhost:8001"
    assert "127.0.0.1" in settings["ALLOWED_HOSTS"]
    assert not settings["DEBUG"]


def test_plain_http_under_a_public_name_is_no_trial(settings_of):
    assert settings_of(BASE_URL="http://waymark.example.com")["SECURE_SSL_REDIRECT"]


@pytest.mark.parametrize(
    "entry", ["10.1.0.0/33", "https://hooks.example.internal", "hooks.example.internal:8443"]
)
def test_a_slip_in_what_webhooks_may_reach_stops_the_start(settings_of, entry):
    with pytest.raises(ImproperlyConfigured, match="WEBHOOKS_MAY_REACH names"):
        settings_of(WEBHOOKS_MAY_REACH=f"10.2.0.0/16, {entry}")


def test_what_webhooks_may_reach_is_a_list_with_commas_or_blanks(settings_of):
    assert settings_of()["WEBHOOKS_MAY_REACH"] == []
    given = settings_of(WEBHOOKS_MAY_REACH="10.1.0.0/16, fd12::/16 hooks.example.internal")

    assert given["WEBHOOKS_MAY_REACH"] == ["10.1.0.0/16", "fd12::/16", "hooks.example.internal"]


def test_letters_stay_in_the_house_until_a_post_office_is_named(settings_of):
    assert settings_of()["EMAIL_BACKEND"] == "accounts.outbox.OutboxBackend"

    posted = settings_of(EMAIL_HOST="smtp.example.com")

    assert posted["EMAIL_BACKEND"] == "django.core.mail.backends.smtp.EmailBackend"
    assert (posted["EMAIL_PORT"], posted["EMAIL_USE_TLS"], posted["EMAIL_USE_SSL"]) == (
        587,
        True,
        False,
    )


def test_a_mail_server_at_465_is_spoken_to_in_tls_from_the_first_byte(settings_of):
    settings = settings_of(EMAIL_HOST="smtp.example.com", EMAIL_PORT="465")

    assert (settings["EMAIL_USE_TLS"], settings["EMAIL_USE_SSL"]) == (False, True)


def test_databases_and_brokers_of_ones_own_are_used(settings_of):
    settings = settings_of(PGBOUNCER="1")

    database = settings["DATABASES"]["default"]
    assert (database["HOST"], database["NAME"]) == ("db.example.com", "waymark")
    assert database["DISABLE_SERVER_SIDE_CURSORS"]
    assert settings["CELERY_BROKER_URL"] == PRODUCTION["CELERY_BROKER_URL"]


def test_no_task_may_run_until_its_delivery_is_given_to_another_worker(settings_of):
    settings = settings_of()

    visible = settings["CELERY_BROKER_TRANSPORT_OPTIONS"]["visibility_timeout"]
    assert settings["CELERY_TASK_TIME_LIMIT"] < visible


def test_rabbitmq_is_not_given_the_options_of_redis(settings_of):
    settings = settings_of(CELERY_BROKER_URL="amqp://broker.example.com")

    assert "CELERY_BROKER_TRANSPORT_OPTIONS" not in settings


def test_every_variable_that_is_read_is_listed_in_the_example():
    listed = (BASE_DIR / ".env.example").read_text()
    sources = [BASE_DIR / "config" / f"{name}.py" for name in ("settings", "embedded", "address")]
    read = set()
    for source in sources:
        for pattern in ('environ.get("', 'flag("', 'required(\n    "', 'required("'):
            read |= {part.split('"')[0] for part in source.read_text().split(pattern)[1:]}
    # Said by one of our processes to another, or by the tests; people have no say in them.
    read -= {"EMBEDDED_SERVICES_HELD", "LOCAL_PG_DURABLE"}

    assert read >= {"SECRET_KEY", "BASE_URL", "DATABASE_URL", "PGBOUNCER", "PORT"}
    assert {name for name in read if f"\n#{name}=" not in listed} == set()


def test_a_day_is_written_as_people_here_write_it():
    page = Template("{{ day }}").render(Context({"day": date(2020, 4, 1)}))

    assert page == "1 Apr 2020"


@pytest.mark.parametrize(
    "typed", ["2020-03-31", "31/03/2020", "31/3/20", "31 Mar 2020", "31 March 2020"]
)
def test_a_day_may_be_typed_in_the_usual_ways(typed):
    assert forms.DateField().clean(typed) == date(2020, 3, 31)
