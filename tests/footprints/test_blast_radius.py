"""What hangs on the bodies of an event: by every key there is, and each row once."""

from datetime import date

import pytest

from accounts.models import Assignment
from footprints import blast_radius
from footprints.models import (
    WEIGHT_OF,
    Change,
    Outcome,
    Relationship,
    Reorganisation,
    Touch,
    Version,
)
from stakeholders.models import Post
from tests import factories as make

pytestmark = pytest.mark.django_db

DAY = date(2020, 4, 1)
EVE = date(2020, 3, 31)
NEXT = date(2020, 4, 2)


def radius(event):
    """The rows of each kind of thing, with what the event does to each."""
    return {
        circle.key.model: {row.pk: row.change for row in circle.rows}
        for circle in blast_radius.of(event)
    }


def touches(event):
    return sorted(
        (touch.organisation.code, touch.change, touch.other and touch.other.code)
        for touch in event.touches.all()
    )


def test_the_circles_are_the_keys_of_everything_that_hangs_on_an_organisation():
    models = {key.model for key in blast_radius.organisation_keys()}

    assert {Assignment, Post} <= models
    assert not models & {Version, Relationship, Touch}


def test_a_circle_says_what_its_rows_are_and_who_decides():
    circles = {c.key.model: c for c in blast_radius.of(make.reorganisation())}

    assert circles[Assignment].says == "a unit of a territory"
    assert (circles[Assignment].decides, circles[Post].decides) == ("owner", "steward")


@pytest.mark.parametrize(
    ("opened_on", "closed_on", "touched"),
    [
        (None, None, True),
        (None, DAY, False),  # its last day is the day before
        (None, NEXT, True),  # its last day is the effective day
        (DAY, None, True),
        (date(2030, 1, 1), None, True),  # opens long after: still on the old body
        (EVE, DAY, False),
    ],
)
def test_a_row_is_touched_if_it_holds_on_the_day_or_later(opened_on, closed_on, touched):
    event = make.reorganisation(effective_on=DAY)
    old = make.succession(reorganisation=event).predecessor
    assignment = make.assignment(organisation=old, opened_on=opened_on, closed_on=closed_on)
    post = make.post(organisation=old, opened_on=opened_on, closed_on=closed_on)

    found = radius(event)

    assert found[Assignment] == ({assignment.pk: "ends"} if touched else {})
    assert found[Post] == ({post.pk: "ends"} if touched else {})


def test_a_row_on_another_body_is_not_touched():
    event = make.reorganisation()
    make.succession(reorganisation=event)
    make.assignment()
    elsewhere = make.succession()
    make.post(organisation=elsewhere.predecessor)

    assert not any(radius(event).values())


def test_the_changes_of_an_event_are_named():
    event = make.reorganisation()
    bodies = {name: make.organisation(f"ZZ-{name}") for name in "ABCDEFGHPQ"}

    def passes(old, new, **fields):
        make.succession(
            reorganisation=event, predecessor=bodies[old], successor=bodies.get(new), **fields
        )

    passes("A", "B", share=1)
    passes("C", "D", share="0.5")
    passes("C", "E", share="0.5")
    passes("F", None)
    passes("G", "G", becomes=make.kind("icb"))
    passes("G", "H", passes="functions")
    make.move(
        reorganisation=event,
        child=bodies["H"],
        from_parent=bodies["P"],
        to_parent=bodies["Q"],
    )

    assert touches(event) == [
        ("ZZ-A", "ends", "ZZ-B"),
        ("ZZ-B", "receives", "ZZ-A"),
        ("ZZ-C", "splits", "ZZ-D"),
        ("ZZ-C", "splits", "ZZ-E"),
        ("ZZ-D", "receives", "ZZ-C"),
        ("ZZ-E", "receives", "ZZ-C"),
        ("ZZ-F", "closes", None),
        ("ZZ-G", "changes_nature", "ZZ-G"),
        ("ZZ-G", "hands_over", "ZZ-H"),
        ("ZZ-H", "changes_parent", "ZZ-Q"),
        ("ZZ-H", "receives", "ZZ-G"),
    ]
    assert {touch.change for touch in event.touches.all()} == set(Change) - {Change.RENAMED}


def test_a_body_of_which_only_the_name_changes_is_renamed():
    body = make.body("ZZ-A", kind_code="icb")
    told = {"predecessor": body, "successor": body, "becomes": make.kind("icb")}
    renamed = make.reorganisation(kind=Reorganisation.Kind.RENAME)
    make.succession(reorganisation=renamed, becomes_name="NHS Essex ICB", **told)
    changed = make.reorganisation(kind=Reorganisation.Kind.CHANGE_OF_NATURE)
    make.succession(reorganisation=changed, becomes_name="NHS Essex ICB", **told)
    make.assignment(organisation=body)

    assert touches(renamed) == [("ZZ-A", "renamed", "ZZ-A")]
    assert touches(changed) == [("ZZ-A", "changes_nature", "ZZ-A")]
    assert not any(radius(renamed).values())
    assert any(radius(changed).values())


def test_a_row_is_there_once_with_the_gravest_change_where_several_touch_it():
    event = make.reorganisation()
    body = make.organisation()
    make.succession(reorganisation=event, successor=body)  # receives
    make.succession(reorganisation=event, predecessor=body, share="0.5")  # splits
    make.succession(reorganisation=event, predecessor=body, share="0.5")
    make.move(reorganisation=event, child=body)  # changes parent
    assignment = make.assignment(organisation=body)

    (circle,) = (c for c in blast_radius.of(event) if c.key.model is Assignment)

    assert [(row.pk, row.change) for row in circle.rows] == [(assignment.pk, "splits")]


def test_a_change_without_an_outcome_leaves_the_row_untouched():
    """A territory plan does not care who has the functions."""
    event = make.reorganisation()
    old = make.succession(reorganisation=event, passes="functions").predecessor
    make.assignment(organisation=old)

    assert radius(event)[Assignment] == {}


def test_a_retracted_succession_touches_nothing():
    succession = make.succession()
    make.assignment(organisation=succession.predecessor)
    type(succession).objects.filter(pk=succession.pk).update(retracted_by=make.release())

    assert not any(radius(succession.reorganisation).values())


def test_the_gravest_is_what_asks_most_of_a_person():
    assert WEIGHT_OF[Outcome.SPLIT] > WEIGHT_OF[Outcome.REVERIFY] > WEIGHT_OF[Outcome.CARRY]


def test_the_radius_of_1_july_2022_is_every_unit_that_was_a_ccg(register):
    event = Reorganisation.objects.get(slug="qks-2022-07-01")
    bodies = {touch.organisation for touch in event.touches.all()}
    rows = {body.code: make.assignment(organisation=body, opened_on=DAY) for body in bodies}

    assert set(rows) == {"QKS", "91Q"}
    assert set(radius(event)[Assignment].values()) == {"changes_nature"}


def test_a_radius_asks_the_database_the_same_however_much_hangs_on_it(
    django_assert_num_queries,
):
    event = make.reorganisation()
    old = make.succession(reorganisation=event).predecessor
    for rows in (1, 30):
        for _ in range(rows):
            make.assignment(organisation=old)
            make.post(organisation=old)
        with django_assert_num_queries(len(list(blast_radius.organisation_keys()))):
            radius(event)
