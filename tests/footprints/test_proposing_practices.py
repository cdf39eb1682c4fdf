"""What the real practice files tell, had nobody announced anything: every CCG merger of 2020 and
2021, from where the practices sat in December 2019 and in January 2022.
"""

import json
from datetime import date
from decimal import Decimal
from io import StringIO

import pytest
from django.core.management import call_command
from django.db import transaction

from footprints.models import Relationship, Release, Succession, Version
from footprints.proposing import evaluate, suggest
from tests import factories as make
from tests.footprints import practices

SINCE, UNTIL = date(2019, 12, 1), date(2022, 1, 1)
IN_2020, IN_2021 = date(2020, 4, 1), date(2021, 4, 1)


@pytest.fixture(scope="module")
def practice_files(shared, django_db_setup, django_db_blocker):
    """The register with the practices of December 2019 and January 2022, for this module alone."""
    files = shared / "ods"
    with django_db_blocker.unblock(), transaction.atomic():
        practices.load_epraccur(files / "epraccur_2019-12.csv", SINCE)
        practices.load_map(files / "gp-reg-pat-prac-map_2022-01.csv", UNTIL)
        yield
        transaction.set_rollback(True)


@pytest.fixture
def moved(practice_files, db):
    return Release.objects.get(kind=Release.Kind.BUNDLE)


def recorded(day):
    return set(
        Succession.objects.now()
        .filter(
            reorganisation__effective_on=day,
            passes="area",
            becomes=None,
            predecessor__versions__kind="ccg",
        )
        .values_list("predecessor__code", "successor__code")
    )


def test_every_merger_of_2020_and_2021_is_recovered_from_the_practices(moved):
    assert (len(recorded(IN_2020)), len(recorded(IN_2021))) == (74, 38)

    found = evaluate(since=SINCE, until=UNTIL)

    assert found.pairs == recorded(IN_2020) | recorded(IN_2021)
    assert (found.precision, found.recall) == (1, 1)
    assert (found.event_precision, found.event_recall) == (1, 1)
    assert len(found.events_right) == 27  # 18 and 9
    assert found.misdated == []
    assert {suggestion.kind for suggestion in found.suggestions} == {"merger"}


def test_what_is_suggested_is_named_and_dated_as_what_is_recorded(moved):
    found = {suggestion.slug: suggestion for suggestion in evaluate(since=SINCE).suggestions}

    kent = found["91q-2020-04-01"]
    assert kent.title == "Kent and Medway CCG: eight CCGs merge"
    assert kent.day == IN_2020
    assert {passage.day.told_by for passage in kent.passages} == {("closed", "opened")}
    # The last file that had them apart, and the first that had them together.
    assert {(p.day.seen_on, p.day.arrived_on) for p in kent.passages} == {(SINCE, UNTIL)}
    # 195 practices, of which 28 closed before January 2022, or are in no file.
    total, placed = (sum(getattr(p, name) for p in kent.passages) for name in ("total", "placed"))
    assert kent.confidence == round(Decimal(placed) / total, 3)
    assert kent.confidence > Decimal("0.8")


def test_mergers_of_bodies_that_nobody_closed_are_recovered_too(moved):
    """In June 2020 eccg did not say that the CCGs that merged in April had closed."""
    release = make.release()
    closed = Version.objects.now().filter(kind="ccg", closed_on=IN_2020)
    versions = list(closed)
    assert len(versions) == 74
    Version.objects.filter(pk__in=[version.pk for version in versions]).update(
        retracted_by=release
    )
    for version in versions:
        version.pk, version.closed_on, version.asserted_by = None, None, release
    Version.objects.bulk_create(versions)

    found = evaluate(since=SINCE, until=UNTIL)

    assert (found.precision, found.recall) == (1, 1)
    assert (found.events_wrong, found.events_missed) == ([], [])
    kent = next(s for s in found.suggestions if s.slug == "91q-2020-04-01")
    assert {passage.how for passage in kent.passages} == {"emptied"}
    assert {passage.day.told_by for passage in kent.passages} == {("opened",)}  # by Kent's own
    assert kent.confidence < Decimal("0.8")  # one alone tells the day


def test_nothing_is_suggested_of_what_is_recorded(moved):
    assert suggest(since=SINCE, until=UNTIL) == []


def test_one_merger_withdrawn_is_suggested_alone(moved):
    release = make.release()
    Succession.objects.filter(successor__code="91Q").update(retracted_by=release)

    (only,) = suggest(since=SINCE, until=UNTIL)

    assert only.slug == "91q-2020-04-01"


def test_a_window_that_ends_before_anything_was_seen_suggests_nothing(moved):
    """The closing days alone tell nothing of where anybody went."""
    assert evaluate(since=date(2019, 5, 1), until=date(2019, 12, 31)).suggestions == []


def test_the_command_prints_how_well_it_does(moved):
    printed = json.loads(
        command("--withheld", "--since", "2019-12-01", "--until", "2022-01-01", "--json")
    )

    assert printed["pairs"] == {"suggested": 112, "recorded": 112, "precision": 1.0, "recall": 1.0}
    assert printed["events"] == {"suggested": 27, "recorded": 27, "precision": 1.0, "recall": 1.0}
    assert printed["wrong"] == printed["missed"] == printed["misdated"] == []

    said = command("--withheld", "--since", "2019-12-01", "--until", "2022-01-01")
    assert "112 of 112 suggested successions are recorded: precision 100%" in said
    assert "112 of 112 recorded ones are suggested: recall 100%" in said


def test_the_command_names_what_it_missed(moved):
    """Withdraw the practices of one CCG: nobody tells where it went."""
    facts = Relationship.objects.now().filter(parent__code="09C", type="part_of")
    facts.update(retracted_by=make.release())

    said = command("--withheld", "--since", "2019-12-01", "--until", "2022-01-01")

    assert "Missed: 09C → 91Q" in said
    assert "111 of 112 recorded ones are suggested: recall 99%" in said
    assert "Not recorded so: Kent and Medway CCG: seven CCGs merge" in said
    assert "Not found so: Kent and Medway CCG: eight CCGs merge" in said


def command(*args) -> str:
    out = StringIO()
    call_command("propose_reorganisations", *args, stdout=out)
    return out.getvalue()
