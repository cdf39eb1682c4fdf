"""The day a page shows: read from the address, said in words, kept in links."""

from datetime import date, datetime

import pytest
from django.contrib.auth.models import AnonymousUser
from django.http import HttpResponse
from django.test import RequestFactory

from footprints.as_at import (
    LONDON,
    AsAt,
    AsAtMiddleware,
    BadAddress,
    all_days,
    days_to_offer,
    presets,
)
from footprints.models import Reorganisation

TODAY = date(2026, 11, 21)


def read(**params):
    return AsAt.read(params, today=TODAY)


def test_a_page_shows_today_when_the_address_says_nothing():
    for as_at in (read(), read(on="", known=""), read(on="2026-11-21")):
        assert as_at.day == TODAY
        assert as_at.is_now
        assert as_at.query == ""
        assert as_at.keep("/register/") == "/register/"


def test_a_day_is_read_said_and_kept_in_links():
    as_at = read(on="2020-03-31")

    assert as_at.day == date(2020, 3, 31)
    assert not as_at.is_today
    assert as_at.direction == "past"
    assert as_at.words == "Showing the NHS of 31 March 2020"
    assert as_at.keep("/register/") == "/register/?on=2020-03-31"
    assert as_at.keep("/register/?q=kent#top") == "/register/?q=kent&on=2020-03-31#top"
    assert read(on="2027-04-01").direction == "future"


def test_a_known_day_means_the_end_of_that_day_in_london():
    as_at = read(known="2020-07-15")

    # British Summer Time: the day ends at 23:00 UTC.
    assert as_at.known.utcoffset().total_seconds() == 3600
    assert as_at.known.date() == date(2020, 7, 15)
    assert as_at.known > datetime(2020, 7, 15, 23, 59, 59, tzinfo=LONDON)
    assert as_at.is_today and not as_at.is_now
    assert as_at.query == "known=2020-07-15"
    assert as_at.known_words == "as recorded by the end of 15 July 2020"


def test_a_known_moment_is_that_minute():
    as_at = read(on="2020-03-31", known="2020-01-15T09:30")

    assert as_at.known == datetime(2020, 1, 15, 9, 30, tzinfo=LONDON)
    assert as_at.params == {"on": "2020-03-31", "known": "2020-01-15T09:30"}
    assert as_at.known_words == "as recorded by 09:30 on 15 January 2020"


def test_today_may_be_asked_as_known():
    assert read(known="2026-11-21").known.date() == TODAY


@pytest.mark.parametrize(
    "params, says",
    [
        ({"on": "yesterday"}, "?on=yesterday"),
        ({"on": "2020-02-30"}, "no day"),
        ({"on": "20200331"}, "no day"),  # date.fromisoformat would take it; people mistype it
        ({"on": "2020-W14-2"}, "no day"),
        ({"on": "31/03/2020"}, "no day"),
        ({"on": "2020-03-31T09:30"}, "no day"),
        ({"on": "0001-01-01"}, "does not reach that far"),
        ({"on": "9999-12-31"}, "does not reach that far"),
        ({"on": "٢٠٢٠-٠٣-٣١"}, "no day"),
        ({"known": "soon"}, "?known=soon"),
        ({"known": "2020-01-15T25:00"}, "no time of day"),
        ({"known": "2020-01-15T09:30:15"}, "no day"),
        ({"known": "2026-11-22"}, "still to come"),
    ],
)
def test_an_address_that_names_no_day_is_refused_in_words(params, says):
    with pytest.raises(BadAddress) as refused:
        read(**params)

    assert says in refused.value.problem
    assert refused.value.remedy.endswith(".")


def answer(query, view=lambda request: HttpResponse("the answer")):
    request = RequestFactory().get(f"/anything/{query}")
    request.user = AnonymousUser()
    middleware = AsAtMiddleware(view)
    return request, middleware(request)


def test_the_middleware_puts_the_day_on_the_request():
    request, response = answer("?on=2020-03-31")

    assert request.as_at.day == date(2020, 3, 31)
    assert response.content == b"the answer"


def test_a_value_that_is_no_day_is_never_quietly_today():
    _request, response = answer("?on=%3Cscript%3E")

    assert response.status_code == 400
    text = response.content.decode()
    assert "that is no day" in text
    assert "for example 2020-03-31" in text
    assert "<script>" not in text.replace('<script src="', "")
    assert "the answer" not in text


def test_the_four_hundred_page_needs_no_request():
    from django.views.defaults import bad_request

    response = bad_request(RequestFactory().get("/"), None)

    assert b"This address cannot be read" in response.content


def test_the_presets_are_the_days_on_which_much_changed(empty_register):
    def record(day, how_many, state=Reorganisation.State.EFFECTIVE):
        for i in range(how_many):
            Reorganisation.objects.create(
                slug=f"{day}-{state}-{i}",
                kind=Reorganisation.Kind.MERGER,
                title="A merger",
                effective_on=day,
                state=state,
            )

    record("2020-04-01", 5)
    record("2021-01-01", 4)  # a witness: too few
    record("2027-04-01", 6, Reorganisation.State.REJECTED)  # a witness: will not be

    (preset,) = presets()

    assert (preset.day_before, preset.day) == (date(2020, 3, 31), date(2020, 4, 1))
    assert preset.events == 5


def test_a_merger_of_commissioners_is_a_preset_however_few_they_are(register):
    days = {preset.day for preset in presets()}

    # Gateshead, Newcastle North and East, and Newcastle West: one event, three CCGs.
    assert date(2015, 4, 1) in days
    assert {date(2020, 4, 1), date(2022, 7, 1), date(2026, 4, 1)} <= days
    assert len(days) < 15  # a list to choose from, not a history


def test_a_page_offers_the_next_days_first_decided_or_not(empty_register):
    for day, how_many, state in [
        (date(2015, 4, 1), 6, Reorganisation.State.EFFECTIVE),
        (date(2020, 4, 1), 5, Reorganisation.State.EFFECTIVE),
        (date(2020, 5, 1), 1, Reorganisation.State.EFFECTIVE),  # a witness: small, and past
        (date(2027, 4, 1), 1, Reorganisation.State.RUMOURED),
        (date(2026, 12, 1), 1, Reorganisation.State.IN_LAW),
        (date(2028, 4, 1), 9, Reorganisation.State.PAUSED),  # a witness: will not be
    ]:
        for i in range(how_many):
            Reorganisation.objects.create(
                slug=f"{day}-{i}", kind="merger", title="M", effective_on=day, state=state
            )

    offered = days_to_offer(TODAY)

    assert [(preset.day, preset.is_decided) for preset in offered] == [
        (date(2026, 12, 1), True),
        (date(2027, 4, 1), False),
        (date(2020, 4, 1), True),
        (date(2015, 4, 1), True),
    ]
    assert [preset.day for preset in all_days()] == [
        date(2027, 4, 1),
        date(2026, 12, 1),
        date(2020, 5, 1),
        date(2020, 4, 1),
        date(2015, 4, 1),
    ]


def test_the_days_are_asked_for_once(register, django_assert_num_queries):
    with django_assert_num_queries(1):
        days_to_offer(TODAY)
        presets()
        all_days()


def test_in_a_register_of_everything_the_biggest_days_are_offered(empty_register):
    """Thirty days with five events each, and more on some: the twenty biggest, not all."""
    Reorganisation.objects.bulk_create(
        Reorganisation(
            slug=f"{day}-{number}",
            kind="merger",
            title="M",
            effective_on=date(2020, 1, 1 + day),
            state="effective",
        )
        for day in range(30)
        for number in range(5 + day)
    )

    assert [preset.day.day for preset in presets()] == list(range(30, 10, -1))
