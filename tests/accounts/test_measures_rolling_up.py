"""Figures come to the units of a plan through the register, on its day, and none counts twice."""

from datetime import date
from decimal import Decimal
from time import perf_counter

import pytest
from django.db import connection

from accounts.measures.rolling_up import Why, roll_up, roll_up_all, sum_of_units
from footprints.models import Organisation
from tests import factories as make
from tests.footprints.practices import copy

pytestmark = pytest.mark.usefixtures("register")

COUNTED = date(2025, 3, 31)
CHANGE = date(2025, 10, 1)
DAY = date(2026, 4, 1)


def within(child, parent, type="part_of", **fields):
    make.relationship(child=child, parent=parent, type=type, **fields)
    return child


def measure(figures, counted_on=COUNTED):
    made = make.measure(counted_on=counted_on)
    for body, amount in figures.items():
        make.figure(measure=made, organisation=body, amount=amount)
    return made


def summed(figures, units, day=DAY, counted_on=COUNTED):
    return roll_up(measure(figures, counted_on), {unit.pk for unit in units}, day)


class Land:
    """An ICB with two locations; in each two practices, of which the first two share a PCN."""

    def __init__(self):
        self.icb = make.body(kind_code="icb")
        self.one, self.two = (within(make.body(kind_code="sub_icb"), self.icb) for _ in "12")
        self.pcn = within(make.body(kind_code="pcn"), self.one)
        self.a, self.b = (within(make.body(kind_code="practice"), self.one) for _ in "ab")
        self.c, self.d = (within(make.body(kind_code="practice"), self.two) for _ in "cd")
        for practice in (self.a, self.b):
            within(practice, self.pcn, "member_of")


@pytest.fixture
def land():
    return Land()


def test_figures_of_practices_come_to_the_locations_that_they_lie_in(land):
    found = summed({land.a: 1, land.b: 2, land.c: 4}, [land.one, land.two])

    assert found.amounts == {land.one.pk: 3, land.two.pk: 4}
    assert not found.unplaced


def test_the_finer_unit_has_the_practice_where_a_plan_mixes_levels(land):
    found = summed({land.a: 1, land.c: 4}, [land.one, land.two, land.pcn])

    assert found.amounts == {land.pcn.pk: 1, land.two.pk: 4}


def test_a_unit_s_own_figure_beats_those_of_its_parts(land):
    found = summed({land.one: 10, land.a: 1, land.b: 2, land.c: 4}, [land.one, land.two])

    assert found.amounts == {land.one.pk: 10, land.two.pk: 4}
    assert found.within == 2


def test_a_figure_between_beats_the_finer_ones_below_it(land):
    found = summed({land.pcn: 10, land.a: 1, land.b: 2}, [land.one])

    assert found.amounts == {land.one.pk: 10}


def test_a_finer_unit_s_figure_is_taken_off_that_of_the_unit_around_it(land):
    found = summed({land.one: 10, land.pcn: 3, land.a: 1}, [land.one, land.pcn])

    assert found.amounts == {land.one.pk: 7, land.pcn.pk: 3}
    assert found.within == 1  # practice a is in the PCN's


def test_what_is_taken_off_leaves_nothing_below_nothing(land):
    found = summed({land.one: 2, land.pcn: 3}, [land.one, land.pcn])

    assert found.amounts == {land.one.pk: 0, land.pcn.pk: 3}


def test_a_figure_wider_than_the_units_is_told_and_not_shared_out(land):
    found = summed({land.icb: 100, land.a: 1}, [land.one, land.two])

    assert found.amounts == {land.one.pk: 1}
    assert found.by_reason() == [(Why.WIDER, 1, 100)]


def test_a_figure_elsewhere_is_told(land):
    stranger = make.body(kind_code="practice")

    found = summed({land.c: 4, stranger: 9}, [land.one])

    assert found.amounts == {}
    assert found.by_reason() == [(Why.OUTSIDE, 2, 13)]


def test_a_practice_counts_where_it_lies_on_the_plan_s_day(land):
    mover = make.body(kind_code="practice")
    within(mover, land.one, closed_on=CHANGE)
    within(mover, land.two, opened_on=CHANGE)

    made = measure({mover: 5})
    units = {land.one.pk, land.two.pk}

    assert roll_up(made, units, date(2025, 9, 30)).amounts == {land.one.pk: 5}
    assert roll_up(made, units, CHANGE).amounts == {land.two.pk: 5}


def test_what_moved_since_the_count_is_taken_off_where_it_was_counted(land):
    mover = make.body(kind_code="practice")
    within(mover, land.one, closed_on=CHANGE)
    within(mover, land.two, opened_on=CHANGE)

    found = summed({land.one: 10, land.two: 20, mover: 4}, [land.one, land.two])

    assert found.amounts == {land.one.pk: 6, land.two.pk: 24}


def closed(kind="practice", **fields):
    return make.body(kind_code=kind, closed_on=CHANGE, **fields)


def passes(old, new, share=1):
    event = make.reorganisation(effective_on=CHANGE)
    make.succession(predecessor=old, successor=new, share=share, reorganisation=event)


def test_a_closed_practice_follows_its_successor(land):
    old = closed()
    passes(old, land.c)

    found = summed({old: 5, land.c: 1}, [land.one, land.two])

    assert found.amounts == {land.two.pk: 6}


def test_a_split_body_follows_its_successors_by_share(land):
    old = closed("ccg")
    event = make.reorganisation(effective_on=CHANGE, kind="split")
    for new, share in ((land.one, "0.75"), (land.two, "0.25")):
        make.succession(predecessor=old, successor=new, share=Decimal(share), reorganisation=event)

    found = summed({old: 100}, [land.one, land.two])

    assert found.amounts == {land.one.pk: 75, land.two.pk: 25}


def test_what_ended_or_split_unknown_or_is_yet_to_come_is_told(land):
    ended, torn = closed(), closed("ccg")
    coming = make.body(kind_code="practice", opened_on=date(2027, 4, 1))
    event = make.reorganisation(effective_on=CHANGE, kind="split")
    for new in (land.one, land.two):
        make.succession(predecessor=torn, successor=new, share=None, reorganisation=event)

    found = summed({ended: 1, torn: 2, coming: 3}, [land.one, land.two])

    assert found.amounts == {}
    assert {(why, amount) for why, _, amount in found.by_reason()} == {
        (Why.ENDED, 1),
        (Why.NO_SHARE, 2),
        (Why.NOT_YET, 3),
    }


def test_parts_of_closed_bodies_do_not_lose_those_of_others(land):
    """Two old CCGs became one location: one counted whole, one by its practice."""
    first, second = closed("ccg"), closed("ccg")
    for old in (first, second):
        passes(old, land.one)
    inner, other = (make.body(kind_code="practice") for _ in "12")
    for practice, old in ((inner, first), (other, second)):
        within(practice, old, closed_on=CHANGE)
        within(practice, land.one, opened_on=CHANGE)

    found = summed({first: 10, inner: 3, other: 4}, [land.one])

    assert found.amounts == {land.one.pk: 14}
    assert found.within == 1


def test_a_unit_that_has_closed_keeps_its_own_figure(land):
    """Hold keeps today's patch, on closed codes."""
    old = closed("ccg")
    passes(old, land.one)

    found = summed({old: 10}, [old])

    assert found.amounts == {old.pk: 10}


def test_nothing_is_lost_whatever_happens_to_it(land):
    old = closed()
    event = make.reorganisation(effective_on=CHANGE, kind="split")
    for new, share in ((land.a, "0.5"), (land.icb, "0.2")):
        make.succession(predecessor=old, successor=new, share=Decimal(share), reorganisation=event)
    figures = {old: 10, land.a: 1, land.c: 7, land.icb: 100, make.body(): 9}

    found = summed(figures, [land.one])

    assert found.total + found.unplaced_amount == sum(figures.values())


def test_people_of_a_unit_are_told_without_those_of_a_finer_unit_in_it(land):
    units = {land.one.pk, land.pcn.pk, land.two.pk}

    found = sum_of_units({land.one.pk: 100, land.pcn.pk: 30, land.two.pk: 50}, units, DAY)

    assert found == {land.one.pk: 70, land.pcn.pk: 30, land.two.pk: 50}


def test_the_queries_do_not_grow_with_the_figures(land, django_assert_max_num_queries):
    old = closed()
    passes(old, land.c)
    ones = [measure({land.a: 1, land.pcn: 2, old: 3}) for _ in range(3)]

    with django_assert_max_num_queries(13):
        found = roll_up_all(ones, {land.one.pk, land.two.pk}, DAY)

    assert all(one.amounts == {land.one.pk: 2, land.two.pk: 3} for one in found.values())


# --- At the size of the country ------------------------------------------------------------------

PRACTICES, PCNS, LOCATIONS = 7_000, 1_300, 106


def country():
    """So many practices in PCNs in locations, laid out by COPY; keys by kind."""
    release = make.release()
    for code in ("sub_icb", "pcn", "practice"):
        make.kind(code)
    sizes = {"sub_icb": LOCATIONS, "pcn": PCNS, "practice": PRACTICES}
    keys = {}
    for kind, size in sizes.items():
        made = Organisation.objects.bulk_create(
            Organisation(code=f"Z{kind[:2].upper()}{number:05}") for number in range(size)
        )
        keys[kind] = [body.pk for body in made]
    copy(
        "version (organisation_id, kind_id, name, opened_on, asserted_by_id, source, note)",
        (
            (key, kind, kind, date(2020, 4, 1), release.pk, "", "")
            for kind, found in keys.items()
            for key in found
        ),
    )
    edges = [("part_of", keys["pcn"][i], keys["sub_icb"][i % LOCATIONS]) for i in range(PCNS)]
    for i, practice in enumerate(keys["practice"]):
        edges.append(("part_of", practice, keys["sub_icb"][i % PCNS % LOCATIONS]))
        edges.append(("member_of", practice, keys["pcn"][i % PCNS]))
    copy(
        "relationship (type, child_id, parent_id, opened_on, asserted_by_id, source, note)",
        ((*edge, date(2020, 4, 1), release.pk, "", "") for edge in edges),
    )
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE footprints_version; ANALYZE footprints_relationship")
    return keys


def test_7000_practices_come_to_1300_pcns_and_106_locations_in_under_300_ms(record_property):
    keys = country()
    made = make.measure(counted_on=COUNTED)
    with connection.cursor() as cursor:
        table = "COPY accounts_figure (measure_id, organisation_id, amount) FROM STDIN"
        with cursor.copy(table) as rows:
            for number, key in enumerate(keys["practice"]):
                rows.write_row((made.pk, key, number))

    for kind in ("pcn", "sub_icb"):
        took = []
        for _ in range(7):
            start = perf_counter()
            found = roll_up(made, keys[kind], DAY)
            took.append(perf_counter() - start)
        record_property(f"onto {kind}, ms", round(min(took) * 1000))
        print(f"onto {len(keys[kind])} {kind}: {min(took) * 1000:.0f} ms")
        assert len(found.amounts) == len(keys[kind])
        assert found.total == PRACTICES * (PRACTICES - 1) / 2
        assert not found.unplaced
        assert min(took) < 0.3
