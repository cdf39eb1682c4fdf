"""The crosswalk: every practice of an event, old body to new, and whose it is before and after."""

import csv
from datetime import date

import pytest

from accounts.models import RosterEntry, User
from accounts.taking_along import crosswalk as rooms
from accounts.taking_along.crosswalk import HEADS, crosswalk
from accounts.taking_along.ours import NOT_KNOWN, columns, plans_touched
from footprints.models import Outcome, Reorganisation
from tests import factories
from tests.accounts.test_sheets import APRIL_2020, Case, retract, split
from tests.footprints.practices import load_epraccur


@pytest.fixture
def case(db):
    return Case()


def told(event):
    """The lines as dicts by head."""
    return [dict(zip(HEADS, line, strict=True)) for line in crosswalk(event).lines()]


def ways(event):
    """{(practice, old, new): (share, is known, evidence)}"""
    return {
        (line["practice_code"], line["old_code"], line["new_code"]): (
            line["share"],
            line["is_known"],
            line["evidence"],
        )
        for line in told(event)
    }


def ours(event, plans, user):
    """{practice: [before, after, from, …]} of the columns that the reader gets."""
    found = crosswalk(event)
    bodies = {body for row in found.rows for body in (*row.before, *row.after)}
    beside = columns(event, plans, bodies, user)
    return {
        found.before(row.unit).organisation.code: [
            cell for column in beside for cell in column.cells(row)
        ]
        for row in found.rows
    }


def test_every_practice_goes_from_its_old_body_to_the_new_one(case):
    factories.identifier(organisation=case.olds[0], value="E38000001")
    factories.identifier(organisation=case.new, value="E38000237", opened_on=APRIL_2020)

    lines = told(case.event)

    expected = {
        (practice.code, old.code, case.new.code)
        for old, below in zip(case.olds, case.practices, strict=True)
        for practice in below
    }
    assert {(li["practice_code"], li["old_code"], li["new_code"]) for li in lines} == expected
    assert len(lines) == len(expected) == 4
    first = next(line for line in lines if line["old_code"] == case.olds[0].code)
    assert (first["last_day"], first["first_day"]) == ("2020-03-31", "2020-04-01")
    assert (first["old_ons_code"], first["new_ons_code"]) == ("E38000001", "E38000237")
    assert (first["share"], first["is_known"], first["evidence"]) == ("1", "yes", rooms.WHOLE)
    assert (first["level"], first["state"]) == ("practice", "Effective")


def test_a_practice_that_left_before_the_day_is_not_in_it(case):
    gone = factories.body(kind_code="practice")
    factories.relationship(child=gone, parent=case.olds[0], closed_on=date(2019, 7, 1))

    assert gone.code not in {line["practice_code"] for line in told(case.event)}


def test_practices_below_pcns_and_locations_are_found_and_counted_once(db):
    event = factories.reorganisation()
    old, new = factories.body(kind_code="icb"), factories.body(kind_code="icb")
    factories.succession(reorganisation=event, predecessor=old, successor=new, share=1)
    location = factories.body(kind_code="sub_icb")
    pcn = factories.body(kind_code="pcn")
    practice = factories.body(kind_code="practice")
    factories.relationship(child=location, parent=old)
    factories.relationship(child=pcn, parent=location)
    factories.relationship(child=practice, parent=pcn, type="member_of")
    factories.relationship(child=practice, parent=location)

    assert list(ways(event)) == [(practice.code, old.code, new.code)]


def test_a_pcn_across_a_border_leaves_its_practices_in_their_own_body(case):
    pcn = factories.body(kind_code="pcn")
    factories.relationship(child=pcn, parent=case.olds[1])
    factories.relationship(child=case.practices[0][0], parent=pcn, type="member_of")

    olds = {line["practice_code"]: line["old_code"] for line in told(case.event)}

    assert len(told(case.event)) == 4
    assert olds[case.practices[0][0].code] == case.olds[0].code


def test_in_a_split_the_practices_own_place_on_the_day_decides(db):
    case, other, first = split()
    goes, stays = case.practices[0]
    retract(goes.parent_relationships.filter(parent=case.new))
    factories.relationship(child=goes, parent=other, opened_on=APRIL_2020)

    found = ways(case.event)

    assert found[goes.code, first.code, other.code] == ("1", "yes", rooms.PLACE)
    assert found[stays.code, first.code, case.new.code] == ("1", "yes", rooms.PLACE)
    assert len(found) == 4


def test_what_the_event_itself_names_decides_where_it_is_only_proposed(db):
    case, other, first = split()
    for practice, parent in zip(case.practices[0], [other, case.new], strict=True):
        retract(practice.parent_relationships.all())
        factories.relationship(child=practice, parent=first)
        factories.move(
            reorganisation=case.event, child=practice, from_parent=first, to_parent=parent
        )

    found = ways(case.event)

    assert found[case.practices[0][0].code, first.code, other.code][2] == rooms.NAMED


def test_where_nobody_knows_there_is_a_line_for_each_successor_with_its_share(db):
    case, other, first = split()
    practice = case.practices[0][0]
    retract(practice.parent_relationships.filter(parent=case.new))

    found = ways(case.event)

    assert found[practice.code, first.code, other.code] == ("0.5", "no", rooms.STATED)
    assert (practice.code, first.code, case.new.code) in found
    summary = crosswalk(case.event)
    assert (summary.practices, summary.known) == (4, 3)


def test_a_body_of_which_no_practice_is_known_is_a_line_of_its_own(db):
    case = Case(practices=0)

    lines = told(case.event)

    assert {(li["practice_code"], li["level"]) for li in lines} == {
        (old.code, "body") for old in case.olds
    }
    assert crosswalk(case.event).bodies_without_practices == 2


def test_what_closes_without_a_successor_has_no_new_body(db):
    event = factories.reorganisation()
    old = factories.body(closed_on=APRIL_2020)
    factories.succession(reorganisation=event, predecessor=old, successor=None)

    (line,) = told(event)

    assert (line["new_code"], line["first_day"], line["evidence"]) == ("", "", rooms.CLOSES)


def test_a_location_that_moves_takes_its_practices_to_the_other_parent(db):
    event = factories.reorganisation(kind="transfer_of_members")
    old, new = factories.body(kind_code="icb"), factories.body(kind_code="icb")
    location = factories.body(kind_code="sub_icb")
    practice, stays = (factories.body(kind_code="practice") for _ in range(2))
    factories.relationship(child=location, parent=old)
    factories.relationship(child=practice, parent=location)
    factories.relationship(child=stays, parent=old)
    factories.move(reorganisation=event, child=location, from_parent=old, to_parent=new)

    assert ways(event) == {(practice.code, old.code, new.code): ("1", "yes", rooms.NAMED)}


def test_ours_stands_before_and_after_as_the_sheet_plans_it(case):
    first, second = (home.code for home in case.homes)
    default = ours(case.event, [case.plan], case.planner)
    assert default[case.practices[0][0].code] == [first, first, ""]

    case.choose(Outcome.CARRY, territory=case.homes[1])
    planned = ours(case.event, [case.plan], case.planner)
    assert planned[case.practices[0][0].code] == [first, second, "2020-04-01"]
    assert planned[case.practices[1][0].code] == [second, second, ""]

    case.apply()
    assert ours(case.event, [case.plan], case.planner) == planned


def test_what_is_held_stays_with_whom_it_is(case):
    case.choose(Outcome.HOLD, until_on=date(2020, 10, 1))

    for before, after, _ in ours(case.event, [case.plan], case.planner).values():
        assert before == after != ""


def test_the_named_practice_beats_its_ccg(case):
    practice = case.practices[0][0]
    factories.assignment(
        territory=case.homes[1], organisation=practice, opened_on=case.plan.opened_on
    )

    found = ours(case.event, [case.plan], case.planner)

    assert found[practice.code] == [case.homes[1].code, case.homes[1].code, ""]


def test_a_practice_whose_way_nobody_knows_has_no_territory_made_up_for_it(db):
    case, _, first = split()
    for practice in case.practices[0]:
        retract(practice.parent_relationships.filter(parent=case.new))
    case.plan.assignments.filter(organisation=first).update(closed_on=APRIL_2020)

    found = ours(case.event, [case.plan], case.planner)

    home = case.homes[0].code
    assert found[case.practices[0][0].code] == [home, NOT_KNOWN, "2020-04-01"]


def test_a_field_user_reads_only_their_own_territories(case):
    rep = factories.user(role=User.Role.FIELD, team=case.plan.team)
    RosterEntry.objects.create(territory=case.homes[0], user=rep, opened_on=case.plan.opened_on)

    assert plans_touched(case.event, rep) == [case.plan]
    found = ours(case.event, [case.plan], rep)

    assert found[case.practices[0][0].code][0] == case.homes[0].code
    assert found[case.practices[1][0].code][0] == ""


def test_the_file_of_2019_goes_over_to_kent_and_medway_whole(register, shared):
    """Recounted from the published file alone: open practices of the eight CCGs."""
    path = shared / "ods" / "epraccur_2019-12.csv"
    load_epraccur(path, date(2019, 12, 1))
    event = Reorganisation.objects.get(slug="91q-2020-04-01")
    olds = set(event.successions.now().values_list("predecessor__code", flat=True))
    with path.open(encoding="utf-8", newline="") as file:
        expected = {
            (row[0], row[14])
            for row in csv.reader(file)
            if row[25] == "4" and row[14] in olds and row[15] and not row[11] and not row[16]
        }

    lines = told(event)

    found = {(line["practice_code"], line["old_code"]) for line in lines}
    assert len(olds) == 8
    assert len(expected) > 150
    assert expected <= found
    assert {line["new_code"] for line in lines} == {"91Q"}
    assert all(line["is_known"] == "yes" for line in lines)


@pytest.mark.parametrize("practices", [1, 30])
def test_it_costs_the_same_however_many_practices_there_are(
    db, django_assert_max_num_queries, practices
):
    case = Case(practices=practices)

    with django_assert_max_num_queries(14):
        lines = told(case.event)

    assert len(lines) == 2 * practices
