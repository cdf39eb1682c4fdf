"""The census: so many bodies of a kind on a day, as known now or at an earlier moment."""

import json
from datetime import UTC, date, datetime
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.utils.timezone import localdate

from footprints.models import Kind, Organisation, Release, Version
from tests import factories as make

# The table of the published facts: what is live on a day. Checked against ODS and ONS.
LIVE = [
    ("2013-03-31", {"ccg": 0}),
    ("2013-04-01", {"ccg": 211}),
    ("2015-03-31", {"ccg": 211}),
    ("2015-04-01", {"ccg": 209}),
    ("2017-03-31", {"ccg": 209, "stp": 0}),
    ("2017-04-01", {"ccg": 207, "stp": 44, "region": 4}),
    ("2018-03-31", {"ccg": 207, "region": 4}),
    ("2018-04-01", {"ccg": 195, "region": 5}),
    ("2019-03-31", {"ccg": 195, "region": 5}),
    ("2019-04-01", {"ccg": 191, "stp": 42, "region": 7}),
    ("2020-03-31", {"ccg": 191}),
    ("2020-04-01", {"ccg": 135, "region": 7}),
    ("2021-03-31", {"ccg": 135}),
    ("2021-04-01", {"ccg": 106, "region": 7}),
    ("2022-06-30", {"ccg": 106, "stp": 42, "icb": 0, "sub_icb": 0}),
    ("2022-07-01", {"ccg": 0, "stp": 0, "icb": 42, "sub_icb": 106}),
    ("2026-03-31", {"icb": 42, "sub_icb": 106}),
    ("2026-04-01", {"icb": 36, "sub_icb": 106, "region": 7}),
]


def census(*args) -> dict:
    """What ``census --json`` prints."""
    out = StringIO()
    call_command("census", *args, "--json", stdout=out)
    return json.loads(out.getvalue())


@pytest.mark.parametrize(("day", "live"), LIVE, ids=[day for day, _ in LIVE])
def test_the_census_of_a_day_is_exact(register, day, live):
    counts = Version.objects.census(date.fromisoformat(day))

    assert {kind: counts[kind] for kind in live} == live


def test_a_day_at_random_agrees_with_a_count_of_the_rows(register):
    """The same question asked of each row in Python."""
    for day in (date(2016, 2, 29), date(2018, 6, 7), date(2023, 12, 31), date(2026, 11, 21)):
        counts = dict.fromkeys(Kind.objects.values_list("code", flat=True), 0)
        for life in Version.objects.exclude(organisation__is_provisional=True):
            opened = life.opened_on is None or life.opened_on <= day
            if opened and (life.closed_on is None or life.closed_on > day):
                counts[life.kind_id] += 1

        assert Version.objects.census(day) == counts


def test_the_command_prints_the_day_and_the_count_of_every_kind(register):
    said = census("--on", "2020-04-01")

    assert list(said) == ["on", "counts"]
    assert said["on"] == "2020-04-01"
    assert set(said["counts"]) == set(Kind.objects.values_list("code", flat=True))
    assert said["counts"]["ccg"] == 135
    assert said["counts"]["icb"] == 0  # a kind of which none lives is not left out


def test_the_census_is_of_today_where_no_day_is_given(register):
    assert census()["on"] == localdate().isoformat()


def test_the_command_in_words_has_a_plural_and_leaves_out_what_there_is_none_of(register, capsys):
    call_command("census", "--on", "2020-04-01")

    out = capsys.readouterr().out
    assert out.startswith("Live on 1 April 2020:\n")
    assert "     135  CCGs\n" in out
    assert "ICBs" not in out


def test_an_undecided_body_is_not_counted(register):
    """Nine clusters have provisional successors from 1 April 2027: reported, not decided."""
    day = date(2027, 4, 1)
    assert Organisation.objects.filter(is_provisional=True).count() == 9
    assert Version.objects.on(day).filter(organisation__is_provisional=True).count() == 9

    assert Version.objects.census(day)["icb"] == 36


@pytest.mark.parametrize(
    ("known", "ccgs"),
    [
        ("2020-01-14", 0),
        ("2020-01-15", 1),  # a day means its end
        ("2020-01-15T09:29", 0),
        ("2020-01-15T09:30", 1),
        ("2020-06-30", 2),
        ("2020-07-01", 1),
    ],
)
def test_the_census_as_known_at_an_earlier_moment(empty_register, known, ccgs):
    make.kind("ccg")
    first = make.release(applied_at=datetime(2020, 1, 15, 9, 30, tzinfo=UTC))
    second = make.release(applied_at=datetime(2020, 5, 1, 9, 30, tzinfo=UTC))
    # British Summer Time: 30 June ends at 23:00 UTC.
    third = make.release(applied_at=datetime(2020, 6, 30, 23, 30, tzinfo=UTC))
    make.version(asserted_by=first)
    wrong = make.version(asserted_by=second)
    Version.objects.filter(pk=wrong.pk).update(retracted_by=third)

    assert census("--on", "2020-04-01", "--known", known)["counts"] == {"ccg": ccgs}


def test_before_the_first_release_nothing_was_known(register):
    assert Release.objects.known_at(datetime(2000, 1, 1, tzinfo=UTC)) == 0
    assert not any(census("--on", "2020-04-01", "--known", "2000-01-01")["counts"].values())


@pytest.mark.parametrize("option", ["--on", "--known"])
@pytest.mark.parametrize("value", ["yesterday", "2020-02-30", "01/04/2020", ""])
def test_a_day_that_is_none_is_refused_in_words(register, option, value):
    with pytest.raises(CommandError, match=r"is no (date|moment)"):
        call_command("census", f"{option}={value}")
