"""Half-open days: the day before, the day, the day after; and the last days that people write."""

from datetime import date

import pytest
from django import forms
from django.db import connection
from hypothesis import given
from hypothesis import strategies as st

from accounts.models import Assignment
from footprints.dated import ONE_DAY, ClosingDayField, LastDayField, day_after, last_day
from footprints.models import Version
from tests import factories as make

DAY = date(2020, 4, 1)
EVE = date(2020, 3, 31)
NEXT = date(2020, 4, 2)


def test_a_last_day_and_a_closing_day_are_one_day_apart():
    assert day_after(EVE) == DAY
    assert last_day(DAY) == EVE
    assert day_after(date(2020, 2, 28)) == date(2020, 2, 29)
    assert day_after(None) is None
    assert last_day(None) is None


@given(st.dates(max_value=date(9999, 12, 30)))
def test_a_last_day_survives_the_round_trip(day):
    assert last_day(day_after(day)) == day


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("opened_on", "closed_on", "lives"),
    [
        (DAY, None, {EVE: False, DAY: True, NEXT: True}),
        (None, DAY, {date(1, 1, 1): True, EVE: True, DAY: False}),
        (DAY, NEXT, {EVE: False, DAY: True, NEXT: False}),
        (None, None, {date(1, 1, 1): True, DAY: True, date(9999, 12, 31): True}),
    ],
    ids=["open", "no start known", "one day", "always"],
)
def test_a_row_holds_from_its_first_day_to_its_last(opened_on, closed_on, lives):
    life = make.version(opened_on=opened_on, closed_on=closed_on)
    rows = Version.objects.filter(pk=life.pk)

    assert {day: rows.on(day).exists() for day in lives} == lives
    assert life.last_day == last_day(closed_on)


@pytest.mark.django_db
def test_a_row_reaches_every_day_before_it_closes():
    row = make.assignment(opened_on=DAY, closed_on=NEXT)
    rows = Assignment.objects.filter(pk=row.pk)

    assert rows.reaching(EVE).exists()  # it opens later: still to come
    assert rows.reaching(DAY).exists()
    assert not rows.reaching(NEXT).exists()


@pytest.mark.django_db
def test_the_days_of_a_queryset_are_those_of_the_exclusion_constraint():
    """One definition in Python, one in PostgreSQL: they say the same of every day around."""
    ends = [None, EVE, DAY, NEXT]
    periods = [(a, b) for a in ends for b in ends if not (a and b) or a < b]
    lives = {p: make.version(opened_on=p[0], closed_on=p[1]) for p in periods}
    for day in (EVE - ONE_DAY, EVE, DAY, NEXT, NEXT + ONE_DAY):
        on = set(Version.objects.on(day).values_list("pk", flat=True))
        for (opened_on, closed_on), life in lives.items():
            with connection.cursor() as cursor:
                cursor.execute(
                    "SELECT daterange(%s::date, %s::date) @> %s::date",
                    [opened_on, closed_on, day],
                )
                assert cursor.fetchone() == (life.pk in on,)


# --- What people type ---------------------------------------------------------------------------


class LastDayForm(forms.ModelForm):
    class Meta:
        model = Assignment
        fields = ["closed_on"]


def form(typed=None, **fields):
    data = None if typed is None else {"closed_on": typed}
    return LastDayForm(data, instance=Assignment(**fields))


def test_a_form_asks_for_the_last_day_and_keeps_the_day_after():
    typed = form("2020-03-31", opened_on=date(2019, 4, 1))

    assert typed.fields["closed_on"].label == "Last day"
    assert typed.fields["closed_on"].clean("2020-03-31") == DAY
    assert form("2020-03-31").fields["closed_on"].clean("31/03/2020") == DAY
    assert LastDayField(required=False).clean("") is None


def test_a_form_shows_the_last_day():
    shown = str(form(closed_on=DAY)["closed_on"])

    assert 'value="2020-03-31"' in shown
    assert 'type="date"' in shown
    assert "value=" not in str(form()["closed_on"])


def test_what_was_typed_is_shown_again_as_it_was():
    assert 'value="2020-02-30"' in str(form("2020-02-30", closed_on=DAY)["closed_on"])


@pytest.mark.parametrize(
    ("typed", "closed_on", "changed"),
    [
        ("2020-03-31", DAY, False),
        ("2020-04-01", DAY, True),
        ("", DAY, True),
        ("", None, False),
        ("2020-03-31", None, True),
        ("no day", DAY, True),
    ],
)
def test_a_form_knows_whether_the_last_day_was_changed(typed, closed_on, changed):
    assert form(typed, closed_on=closed_on).has_changed() is changed


@pytest.mark.parametrize("typed", ["2020-02-30", "tomorrow", "9999-12-31"])
def test_what_is_no_last_day_is_refused_in_words(typed):
    with pytest.raises(forms.ValidationError) as refused:
        LastDayField().clean(typed)

    assert refused.value.messages


def test_every_closing_day_in_the_house_asks_for_a_last_day():
    field = Version._meta.get_field("closed_on")

    assert isinstance(field, ClosingDayField)
    assert isinstance(field.formfield(), LastDayField)
