"""Who works a territory: roles, part of a time, agencies, vacancy, cover, handing over."""

from datetime import date, timedelta
from decimal import Decimal

import pytest
from django.urls import reverse

from accounts.models import RosterEntry
from accounts.territories import plans, roster
from tests import factories
from tests.footprints.pages import text

pytestmark = pytest.mark.django_db

FIRST, DAY, LATER = date(2026, 4, 1), date(2026, 7, 1), date(2026, 10, 1)
ONE = timedelta(days=1)


@pytest.fixture
def by(client):
    user = factories.user(role="planner")
    client.force_login(user)
    return user


@pytest.fixture
def patch(by):
    return factories.territory(plan=factories.plan(opened_on=FIRST), code="T01", name="Kent")


def put(patch, name, by, **fields):
    return roster.put_on_roster(patch, **{"name": name, "opened_on": FIRST, "by": by, **fields})


def on(patch, day):
    found = RosterEntry.objects.on(day).filter(territory=patch)
    return {(entry.name, entry.role) for entry in found}


def test_whoever_hands_over_stays_beside_the_new_owner_until_their_last_day(patch, by):
    put(patch, "Sam", by, fte=Decimal("0.6"), is_agency=True)

    put(patch, "Kim", by, opened_on=DAY, hands_over_until=DAY + timedelta(days=14))

    assert on(patch, DAY - ONE) == {("Sam", "owner")}
    assert on(patch, DAY) == {("Kim", "owner"), ("Sam", "handover")}
    assert on(patch, DAY + timedelta(days=13)) == {("Kim", "owner"), ("Sam", "handover")}
    assert on(patch, DAY + timedelta(days=14)) == {("Kim", "owner")}
    handing = RosterEntry.objects.get(role="handover")
    assert (handing.fte, handing.is_agency) == (Decimal("0.60"), True)


def test_nobody_hands_over_what_nobody_had(patch, by):
    with pytest.raises(plans.PlanError, match="Nobody hands"):
        put(patch, "Kim", by, hands_over_until=DAY)

    assert not patch.roster.exists()


def test_two_owners_on_one_day_are_refused_in_words_without_a_trace(patch, by):
    put(patch, "Later", by, opened_on=LATER)

    with pytest.raises(roster.TwoOwners, match="Later is owner of T01 Kent since 1 Oct 2026"):
        put(patch, "Kim", by, opened_on=DAY, closed_on=LATER + ONE)
    assert patch.roster.count() == 1

    put(patch, "Kim", by, opened_on=DAY, closed_on=LATER)
    assert on(patch, LATER - ONE) == {("Kim", "owner")}
    assert on(patch, LATER) == {("Later", "owner")}


def test_a_later_last_day_that_reaches_into_the_next_owner_s_days_is_refused(patch, by):
    first = put(patch, "Sam", by)
    put(patch, "Kim", by, opened_on=DAY)
    first.refresh_from_db()

    with pytest.raises(roster.TwoOwners, match="Kim owns"):
        roster.take_off_roster(first, closed_on=DAY + ONE, by=by)

    first.refresh_from_db()
    assert first.closed_on == DAY


def test_a_last_day_before_the_first_means_that_they_never_worked_it(patch, by):
    entry = put(patch, "Sam", by, opened_on=DAY)

    roster.take_off_roster(entry, closed_on=FIRST, by=by)

    assert not patch.roster.exists()


@pytest.mark.parametrize("role", ["cover", "mirror", "overlay", "co_promotion", "handover"])
def test_others_stand_beside_the_owner_and_one_another(patch, by, role):
    put(patch, "Sam", by)
    put(patch, "Kim", by, role=role)
    put(patch, "Lee", by, role=role)

    assert on(patch, DAY) == {("Sam", "owner"), ("Kim", role), ("Lee", role)}


def test_nobody_is_put_on_a_plan_that_stands_as_it_is(patch, by):
    patch.plan.state = "approved"
    patch.plan.save()

    with pytest.raises(plans.Standing):
        put(patch, "Sam", by)


# --- What surprises


def test_a_territory_is_vacant_after_a_second_owner_s_last_day(patch, by):
    put(patch, "Sam", by)
    cover = put(patch, "Lee", by, role="cover", closed_on=DAY)
    kim = put(patch, "Kim", by, opened_on=DAY, closed_on=LATER)

    assert roster.vacant_from(kim) == LATER
    assert roster.vacant_from(cover) is None
    put(patch, "Ben", by, opened_on=LATER)
    assert roster.vacant_from(kim) is None


def test_nothing_is_vacant_once_the_plan_has_ended(patch, by):
    plans.edit_plan(patch.plan, closed_on=LATER, kinds=[], by=by)
    patch.plan.refresh_from_db()

    assert roster.vacant_from(put(patch, "Sam", by, closed_on=LATER)) is None
    assert roster.vacant_from(put(patch, "Sam", by, closed_on=LATER - ONE)) == LATER - ONE


def test_one_person_s_time_is_summed_over_the_days_that_they_own_together(patch, by):
    second, third = (factories.territory(plan=patch.plan) for _ in range(2))
    elsewhere = factories.territory(plan=factories.plan(opened_on=FIRST))
    put(elsewhere, "Sam", by)
    put(patch, "Sam", by, closed_on=DAY)
    put(third, "Sam", by, role="cover")
    put(third, "Kim", by)

    before = put(second, "Sam", by, opened_on=DAY, fte=Decimal("0.6"))
    assert roster.most_owned(before) == Decimal("0.6")
    whole = put(second, "Sam", by, opened_on=FIRST, fte=Decimal("0.6"))
    assert roster.most_owned(whole) == Decimal("1.6")
    assert roster.most_owned(put(third, "Sam", by, role="mirror")) == 0


# --- The page


def address(name, patch, *keys):
    return reverse(f"accounts:{name}", args=[patch.plan_id, patch.pk, *keys])


def page(client, patch, day=DAY):
    return client.get(patch.get_absolute_url(), {"on": day.isoformat()}).content.decode()


def test_the_page_says_that_a_territory_is_vacant_and_who_covers(client, patch, by):
    put(patch, "Sam", by, closed_on=DAY)
    vacant = page(client, patch)
    put(patch, "Kim", by, role="cover", opened_on=DAY, closed_on=LATER)
    covered = page(client, patch)

    assert "nobody covers" in vacant
    assert "Kim acts as cover until 30 Sep 2026" in covered
    assert "nobody covers" not in covered
    whole = client.get(patch.plan.get_absolute_url(), {"on": DAY.isoformat()}).content.decode()
    assert "acts as cover" in whole
    assert "vacant" in whole


def test_somebody_is_put_on_it_with_all_there_is_to_say(client, patch, by):
    rep = factories.user(role="field")
    put(patch, "Sam", by)

    answer = client.post(
        address("put_on_roster", patch),
        {
            "user": rep.pk,
            "role": "owner",
            "opened_on": "2026-07-01",
            "closed_on": "2026-09-30",
            "fte": "0.8",
            "is_agency": "on",
            "hands_over_until": "2026-07-14",
        },
    )

    assert answer.status_code == 302
    entry = RosterEntry.objects.get(user=rep)
    assert (entry.fte, entry.is_agency, entry.closed_on) == (Decimal("0.80"), True, LATER)
    assert RosterEntry.objects.get(role="handover").closed_on == date(2026, 7, 15)
    text = page(client, patch)
    assert "0.80 FTE" in text
    assert "agency" in text


def test_the_page_says_what_surprises_of_whoever_was_put_on_it(client, patch, by):
    put(patch, "Kim", by)
    put(factories.territory(plan=patch.plan), "Sam", by)
    fields = {"name": "Sam", "role": "owner", "opened_on": "2026-07-01", "fte": "1"}

    answer = client.post(
        address("put_on_roster", patch), fields | {"closed_on": "2026-09-30"}, follow=True
    )

    said = text(answer)
    assert "Sam is owner of T01 Kent: 1 Jul 2026 – 30 Sep 2026. Vacant from 1 October" in said
    assert "Sam now has 2.0 FTE in this plan." in said
    entry = patch.roster.get(name="Sam")
    left = client.post(
        address("leave_territory", patch, entry.pk), {"closed_on": "2026-08-31"}, follow=True
    )
    assert "Vacant from 1 September 2026" in text(left)


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"name": "  "}, "Choose a colleague, or write a name"),
        ({"fte": "0"}, "More than none"),
        ({"fte": "1.5"}, "at most all"),
        ({"fte": "a lot"}, "Enter a number"),
        ({"opened_on": "2026-03-31"}, "does not hold on that day"),
        ({"closed_on": "2026-06-01"}, "last day lies before the first"),
        ({"role": "boss"}, "Select a valid choice"),
        ({"role": "mirror", "hands_over_until": "2026-08-01"}, "A new owner is handed over to"),
        ({"closed_on": "2026-10-01"}, "choose an earlier last day"),
        ({"hands_over_until": "2026-08-01"}, "Nobody hands"),
    ],
)
def test_what_is_wrong_is_said_beside_what_was_typed(client, patch, by, wrong, says):
    put(patch, "Later", by, opened_on=LATER)
    fields = {"name": "Kim", "role": "owner", "opened_on": "2026-07-01", "fte": "1", **wrong}

    answer = client.post(address("put_on_roster", patch), fields)

    assert answer.status_code == 422
    assert says in answer.content.decode()
    assert patch.roster.count() == 1


def test_another_last_day_is_set_on_a_page_of_its_own(client, patch, by):
    entry = put(patch, "Sam", by)

    client.post(address("leave_territory", patch, entry.pk), {"closed_on": "2026-06-30"})

    entry.refresh_from_db()
    assert entry.closed_on == DAY
    bad = client.post(address("leave_territory", patch, entry.pk), {"closed_on": "never"})
    assert bad.status_code == 422


def test_an_entry_is_found_under_its_own_territory_only(client, patch, by):
    other = factories.roster_entry()

    answer = client.get(address("leave_territory", patch, other.pk))

    assert answer.status_code == 404
