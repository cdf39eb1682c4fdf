"""The census: so many bodies of a kind on a day, as known now or at an earlier moment."""

import json
from datetime import UTC, date, datetime
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.utils.timezone import localdate

from footprints import bundle
from footprints.models import Kind, OfKind, Organisation, Release, Tally, Version
from footprints.models.derived import rebuild
from footprints.services.loading import load_bundle
from footprints.services.releases import undo_release
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


# --- Kept by the database, right after every release --------------------------------------------


def recounted(day, known=None):
    """The census by asking each row."""
    live = Version.objects.known(known).on(day).decided().values_list("kind", flat=True)
    return {code: list(live).count(code) for code in Kind.objects.values_list("code", flat=True)}


DAYS = [date(1990, 1, 1), date(2013, 4, 1), date(2020, 4, 1), date(2024, 5, 6), date(2030, 1, 1)]


def assert_counted(*known):
    for day in DAYS:
        for release in (None, *known):
            assert Version.objects.census(day, release) == recounted(day, release)


def test_the_census_is_right_after_each_release_and_each_undo(register):
    first = make.release(source="steward")
    made = make.version(asserted_by=first, opened_on=None)
    make.version(asserted_by=first, opened_on=date(2019, 1, 1), closed_on=date(2021, 1, 1))
    assert_counted(register.pk, first.pk)
    second = make.release(source="steward")
    Version.objects.filter(pk=made.pk).update(retracted_by=second)
    make.version(made.organisation, kind_code="icb", asserted_by=second)
    assert_counted(first.pk, second.pk)

    third = undo_release(second)
    assert_counted(first.pk, second.pk, third.pk)
    fourth = undo_release(first)

    assert_counted(register.pk, first.pk, second.pk, third.pk, fourth.pk)


def test_the_census_is_right_after_the_bundle_is_undone_and_loaded_again(register):
    undo = undo_release(register)
    assert not any(Version.objects.census(DAYS[2]).values())
    load_bundle(bundle.read())

    assert_counted(register.pk, undo.pk)


def test_a_provisional_body_counts_once_it_is_decided(register):
    body = Organisation.objects.filter(is_provisional=True).first()
    day = date(2027, 4, 1)
    before = Version.objects.census(day)["icb"]

    Organisation.objects.filter(pk=body.pk).update(is_provisional=False)

    assert Version.objects.census(day)["icb"] == before + 1


def test_what_the_database_kept_is_what_the_facts_alone_say(register):
    make.version(asserted_by=make.release())

    def kept():
        return (
            set(Tally.objects.exclude(change=0).values_list("release", "kind", "on", "change")),
            set(OfKind.objects.values_list("kind", "code", "organisation")),
        )

    before = kept()
    rebuild()

    assert kept() == before


def test_a_code_that_changes_is_found_under_the_new_one(register):
    body = make.body("ZZ77", kind_code="icb")

    Organisation.objects.filter(pk=body.pk).update(code="ZZ78")

    assert list(OfKind.objects.filter(organisation=body).values_list("code", flat=True)) == [
        "ZZ78"
    ]


def test_an_emptied_register_counts_nothing(empty_register):
    assert not Tally.objects.exists()
    assert not OfKind.objects.exists()


def test_a_census_is_one_count_of_tallies_however_many_bodies_live(
    register, django_assert_num_queries
):
    with django_assert_num_queries(1):
        assert Version.objects.live_by_kind(date(2020, 4, 1))["ccg"] == 135
