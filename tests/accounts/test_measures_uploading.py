"""A measure is previewed before it is kept; the same name again replaces it, as a difference."""

from datetime import date
from decimal import Decimal
from time import perf_counter

import pytest

from accounts.measures import uploading
from accounts.measures.reading import read
from accounts.models import Figure, Measure
from tests import factories as make

pytestmark = pytest.mark.usefixtures("register")

DAY = date(2026, 3, 31)


@pytest.fixture
def planner():
    return make.user(role="planner")


def preview(text, name="Sales", team=None, **how):
    return uploading.preview(read(text, **how), name=name, team=team)


def keep(text, by, name="Sales", team=None, **fields):
    fields = {"source": "IQVIA, March", "counted_on": DAY, **fields}
    return uploading.keep(preview(text, name, team), name=name, team=team, by=by, **fields)


def figures(measure):
    return dict(measure.figures.values_list("organisation__code", "amount"))


def test_a_preview_writes_nothing_and_says_what_is_known():
    found = preview("91Q\t12\nqks\t3\nZZ9\t7\nE38000237\t4\n")

    assert not Measure.objects.exists()
    assert len(found.figures) == 2  # E38000237 is what 91Q was
    assert (found.amount, found.unknown_amount) == (19, 7)
    assert [line.code for line in found.unknown] == ["ZZ9"]
    assert found.replaces is None


def test_what_is_kept_says_its_source_its_day_and_what_had_no_body(planner):
    made = keep("91Q\t12\nZZ9\t7\nZZ8\t1\n", planner, unit="£", days_each=Decimal("0.5"))

    assert figures(made) == {"91Q": 12}
    assert (made.source, made.counted_on, made.by) == ("IQVIA, March", DAY, planner)
    assert (made.unit, made.days_each) == ("£", Decimal("0.5"))
    assert made.unplaced == [["ZZ9", "7.0000"], ["ZZ8", "1.0000"]]
    assert (made.unplaced_count, made.unplaced_amount) == (2, 8)


def test_a_code_and_the_same_body_s_ons_code_are_added_up(planner):
    body = make.body()
    make.identifier(organisation=body, value="E38999999")

    found = preview(f"{body.code}\t12\nE38999999\t3\n")

    assert found.figures == {body.pk: 15}
    assert found.together == 1


def test_a_name_again_replaces_and_the_difference_is_told_first(planner):
    first = keep("91Q\t12\nQKS\t3\nQNQ\t1\n", planner)

    found = preview("91Q\t12\nQKS\t5\nQHL\t9\n", name="SALES")

    assert found.replaces == first
    assert (found.new, found.changed, found.gone, found.unchanged) == (1, 1, 1, 1)
    again = keep("91Q\t12\nQKS\t5\nQHL\t9\n", planner, name="Sales")
    assert again.pk == first.pk
    assert figures(again) == {"91Q": 12, "QKS": 5, "QHL": 9}


def test_somebody_else_s_is_replaced_by_a_manager_alone(planner):
    keep("91Q\t12\n", planner)

    with pytest.raises(uploading.NotYours, match="Choose another name"):
        keep("91Q\t13\n", make.user(role="planner"))
    assert figures(Measure.objects.get()) == {"91Q": 12}

    keep("91Q\t13\n", make.user(role="manager"))
    assert figures(Measure.objects.get()) == {"91Q": 13}


def test_a_preview_that_is_out_of_date_is_not_kept(planner):
    keep("91Q\t12\n", planner)
    seen = preview("91Q\t13\n").seen
    keep("91Q\t99\n", planner)

    with pytest.raises(uploading.MovedMeanwhile):
        keep("91Q\t13\n", planner, seen=seen)
    assert figures(Measure.objects.get()) == {"91Q": 99}


def test_a_measure_that_is_replaced_between_reading_and_writing_is_not_overwritten(planner):
    keep("91Q\t12\n", planner)
    found = preview("91Q\t13\n")
    keep("91Q\t99\n", planner)

    with pytest.raises(uploading.MovedMeanwhile):
        uploading.keep(found, name="Sales", team=None, source="x", counted_on=DAY, by=planner)
    assert figures(Measure.objects.get()) == {"91Q": 99}


def test_teams_have_measures_of_one_name_each(planner):
    ours, theirs = make.team(), make.team(is_walled=True)
    keep("91Q\t12\n", planner, team=ours)

    assert preview("91Q\t12\n", team=None).replaces is None
    with pytest.raises(uploading.NotYours):
        keep("91Q\t12\n", planner, team=theirs)


def test_deleting_is_for_who_brought_it_and_for_managers(planner):
    made = keep("91Q\t12\nQKS\t2\n", planner)

    with pytest.raises(uploading.NotYours):
        uploading.delete(made, by=make.user(role="planner"))
    assert uploading.delete(made, by=planner) == 2
    assert not Measure.objects.exists()
    assert not Figure.objects.exists()


def test_a_hundred_thousand_codes_that_never_existed_are_answered_at_once(
    planner, django_assert_num_queries
):
    reading = read("code,amount\n" + "\n".join(f"ZQ{i:06},{i}" for i in range(100_000)))

    start = perf_counter()
    with django_assert_num_queries(2):
        found = uploading.preview(reading, name="Sales", team=None)
    took = perf_counter() - start

    assert len(found.unknown) == 100_000
    assert found.unknown_amount == reading.total
    assert [line.code for line in found.unknown[:2]] == ["ZQ000000", "ZQ000001"]
    assert took < 5
    with pytest.raises(uploading.NothingToKeep):
        uploading.keep(found, name="Sales", team=None, source="x", counted_on=DAY, by=planner)


def test_of_many_unknown_codes_the_first_are_kept_and_all_are_counted(planner):
    lines = "\n".join(f"ZQ{i:06}\t2" for i in range(5000))

    made = keep(f"91Q\t12\n{lines}", planner)

    assert len(made.unplaced) == uploading.KEPT_UNPLACED
    assert (made.unplaced_count, made.unplaced_amount) == (5000, 10_000)
