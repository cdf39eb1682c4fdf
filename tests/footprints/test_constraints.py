"""What the database itself keeps of the register: each rule broken once."""

from datetime import date, timedelta

import pytest
from django.db import IntegrityError, connection, transaction
from django.db.models import ProtectedError

from footprints.models import (
    Boundary,
    Identifier,
    Kind,
    LeadProvider,
    Move,
    Organisation,
    Population,
    Relationship,
    Release,
    Reorganisation,
    Succession,
    Version,
)
from tests import factories as make

pytestmark = pytest.mark.django_db

DAY = date(2020, 4, 1)
EVE = date(2020, 3, 31)

FACTS = {
    Version: make.version,
    Identifier: make.identifier,
    Population: make.population,
    Boundary: make.boundary,
    Relationship: make.relationship,
    LeadProvider: make.lead_provider,
    Succession: make.succession,
    Move: make.move,
}
DATED = [Version, Identifier, Relationship, LeadProvider]


def refused(name):
    return pytest.raises(IntegrityError, match=name)


def by_name(model):
    return model._meta.model_name


@pytest.mark.parametrize("model", DATED, ids=by_name)
@pytest.mark.parametrize("closed_on", [EVE, DAY], ids=["before", "the same day"])
def test_no_fact_closes_before_it_opens(model, closed_on):
    with refused(f"footprints_{by_name(model)}_opens_before_it_closes"):
        FACTS[model](opened_on=DAY, closed_on=closed_on)


@pytest.mark.parametrize("model", DATED, ids=by_name)
def test_a_fact_may_hold_for_a_single_day_or_for_ever(model):
    FACTS[model](opened_on=DAY, closed_on=DAY + timedelta(days=1))
    FACTS[model](opened_on=None, closed_on=None)


@pytest.mark.parametrize("model", FACTS, ids=by_name)
def test_no_fact_is_retracted_before_it_is_asserted(model):
    earlier, later = make.release(), make.release()
    fact = FACTS[model](asserted_by=later)

    with refused(f"footprints_{by_name(model)}_asserted_before_retracted"):
        model.objects.filter(pk=fact.pk).update(retracted_by=earlier)


def other_value(field):
    """A value of the field's type that no factory gives."""
    if field.is_relation:
        if field.related_model is Release:
            return make.release().pk
        if field.related_model is Kind:
            return make.kind("stp").pk
        if field.related_model is Reorganisation:
            return make.reorganisation().pk
        return make.organisation().pk
    return {
        "DateField": date(1999, 1, 1),
        "ClosingDayField": date(2999, 1, 1),
        "DecimalField": 0.25,
        "BigAutoField": 10**9,
        "BinaryField": b"other",
        "PositiveIntegerField": 7,
        "PositiveSmallIntegerField": 1999,
    }.get(type(field).__name__, "other")


@pytest.mark.parametrize(
    ("model", "field"),
    [
        (model, field)
        for model in FACTS
        for field in model._meta.local_fields
        if field.name != "retracted_by"
    ],
    ids=lambda value: getattr(value, "name", None) or by_name(value),
)
def test_no_column_of_a_fact_is_ever_changed(model, field):
    fact = FACTS[model]()

    with refused("A fact of the register is never changed or deleted"):
        model.objects.filter(pk=fact.pk).update(**{field.attname: other_value(field)})


@pytest.mark.parametrize("model", FACTS, ids=by_name)
def test_a_fact_is_retracted_once_and_never_restored(model):
    fact = FACTS[model]()
    rows = model.objects.filter(pk=fact.pk)
    assert rows.update(retracted_by=make.release()) == 1

    for value in (make.release(), None):
        with refused("never changed or deleted"), transaction.atomic():
            rows.update(retracted_by=value)


@pytest.mark.parametrize("model", FACTS, ids=by_name)
def test_no_fact_is_deleted(model):
    fact = FACTS[model]()

    with refused("never changed or deleted"):
        model.objects.filter(pk=fact.pk).delete()


@pytest.mark.parametrize("model", FACTS, ids=by_name)
def test_no_release_that_a_fact_rests_on_is_deleted(model):
    fact = FACTS[model]()

    with pytest.raises(ProtectedError):
        fact.asserted_by.delete()


# --- Once at a time -----------------------------------------------------------------------------


def test_a_code_lives_once_at_a_time():
    body = make.organisation()
    make.version(body, opened_on=date(2013, 4, 1), closed_on=DAY)

    make.version(body, kind_code="sub_icb", opened_on=DAY)  # a witness: it starts the day after

    with refused("version_once_at_a_time"):
        make.version(body, opened_on=EVE, closed_on=DAY)


@pytest.mark.parametrize("opened_on", [None, date(1, 1, 1), date(2030, 1, 1)])
def test_a_life_without_ends_overlaps_every_other(opened_on):
    body = make.organisation()
    make.version(body, opened_on=None, closed_on=None)

    with refused("version_once_at_a_time"):
        make.version(body, opened_on=opened_on)


def test_a_retracted_life_leaves_room_for_its_correction():
    life = make.version(name="Kent and Medawy")
    correction = make.release()
    Version.objects.filter(pk=life.pk).update(retracted_by=correction)

    corrected = make.version(life.organisation, name="Kent and Medway", asserted_by=correction)

    assert list(life.organisation.versions.now()) == [corrected]


def test_an_organisation_has_one_code_of_a_scheme_at_a_time():
    body = make.organisation()
    make.identifier(organisation=body, opened_on=None, closed_on=DAY)
    make.identifier(organisation=body, opened_on=DAY)
    make.identifier(organisation=body, scheme="other", opened_on=EVE)  # a witness: another scheme

    with refused("identifier_once_at_a_time"):
        make.identifier(organisation=body, value="E38000002", opened_on=EVE, closed_on=DAY)


def test_a_child_is_in_a_parent_once_at_a_time_in_one_sense():
    fact = make.relationship(opened_on=DAY)
    ends = {"child": fact.child, "parent": fact.parent}
    make.relationship(**ends, opened_on=EVE, closed_on=DAY)
    make.relationship(**ends, opened_on=DAY, type="member_of")  # a witness: another sense
    make.relationship(child=fact.child, opened_on=DAY)  # a witness: two parents are an anomaly

    with refused("relationship_once_at_a_time"):
        make.relationship(**ends, opened_on=date(2021, 1, 1), closed_on=date(2021, 1, 2))


def test_nobody_is_their_own_parent():
    body = make.organisation()

    with refused("relationship_between_two_bodies"):
        make.relationship(child=body, parent=body)


def test_a_collaborative_has_one_lead_provider_at_a_time_for_a_service_line():
    first = make.lead_provider(opened_on=None, closed_on=DAY)
    collaborative = {"collaborative": first.collaborative}
    make.lead_provider(**collaborative, opened_on=DAY)  # a witness: the next one, the day after
    make.lead_provider(**collaborative, service_line="perinatal")  # a witness: another line

    with refused("one_lead_provider_at_a_time"):
        make.lead_provider(**collaborative, opened_on=EVE, closed_on=DAY)


def test_a_year_has_one_figure_on_one_boundary():
    figure = make.population()
    body = {"organisation": figure.organisation}
    make.population(**body, year=2018)
    make.population(**body, boundary_on=date(2022, 7, 1))

    with refused("population_one_figure_a_year"):
        make.population(**body, people=99)


def test_a_body_has_one_boundary_from_one_day():
    shape = make.boundary()
    body = {"organisation": shape.organisation}
    make.boundary(**body, boundary_on=date(2022, 7, 1))

    with refused("boundary_one_a_day"):
        make.boundary(**body, side=4_000)


# --- Successions and moves ----------------------------------------------------------------------


def test_a_code_succeeds_itself_only_as_a_change_of_nature():
    body = make.organisation()
    make.succession(predecessor=body, successor=body, becomes=make.kind("sub_icb"))

    with refused("succession_to_itself_says_what_it_becomes"):
        make.succession(predecessor=body, successor=body)


def test_only_a_succession_to_itself_says_what_it_becomes():
    with refused("succession_to_itself_says_what_it_becomes"):
        make.succession(becomes=make.kind("icb"))


def test_a_closure_becomes_nothing():
    make.succession(successor=None)

    with refused("succession_to_itself_says_what_it_becomes"):
        make.succession(successor=None, becomes=make.kind("icb"))


@pytest.mark.parametrize("name", ["", "NHS Essex ICB"])
def test_a_new_name_is_one_and_for_a_body_that_keeps_its_code(name):
    body = make.organisation()
    kept = {"predecessor": body, "successor": body, "becomes": make.kind("icb")}
    make.succession(becomes_name="NHS Essex ICB", **kept)

    with refused("succession_names_what_keeps_its_code"):
        make.succession(becomes_name=name, **({} if name else kept))


@pytest.mark.parametrize("share", ["0", "-0.1", "1.000001", "2"])
def test_a_share_is_a_part(share):
    with refused("succession_share_is_a_part"):
        make.succession(share=share)


@pytest.mark.parametrize("share", [None, "0.000001", "1"])
def test_a_share_may_be_unknown_tiny_or_the_whole(share):
    make.succession(share=share)


@pytest.mark.parametrize("closes", [False, True], ids=["successor", "closure"])
def test_an_event_holds_a_succession_once(closes):
    first = make.succession(**{"successor": None} if closes else {})
    same = {
        "reorganisation": first.reorganisation,
        "predecessor": first.predecessor,
        "successor": first.successor,
    }
    make.succession(**same, passes="functions")  # a witness: something else passes

    with refused("succession_once_an_event"):
        make.succession(**same)


def test_an_event_holds_a_move_once():
    first = make.move()
    names = ("reorganisation", "child", "from_parent", "to_parent")

    with refused("move_once_an_event"):
        make.move(**{name: getattr(first, name) for name in names})


def test_a_move_is_between_two_parents():
    parent = make.organisation()

    with refused("move_between_two_parents"):
        make.move(from_parent=parent, to_parent=parent)


def test_an_event_is_flagged_no_further_than_it_is():
    with refused("reorganisation_flagged_no_further_than_it_is"):
        make.reorganisation(revision=1, flagged_revision=2)


def test_an_event_has_an_address_of_its_own():
    event = make.reorganisation()

    with refused("slug"):
        make.reorganisation(slug=event.slug)


# --- Releases and organisations -----------------------------------------------------------------


@pytest.mark.parametrize("kind", ["undo", "bundle"])
def test_an_undo_alone_names_what_it_undoes_and_always_does(kind):
    fields = {"undoes": make.release()} if kind == "bundle" else {}

    with refused("release_undo_names_what_it_undoes"):
        make.release(kind=kind, **fields)


def test_a_release_is_undone_once():
    release = make.release()
    make.release(kind="undo", undoes=release)

    with refused("undoes"):
        make.release(kind="undo", undoes=release)


def test_a_code_is_one_organisation():
    body = make.organisation()

    with refused("code"):
        make.organisation(code=body.code)


@pytest.mark.parametrize(
    "place",
    [
        {"longitude": -0.1},
        {"latitude": 51.5},
        {"longitude": 181, "latitude": 51.5},
        {"longitude": -0.1, "latitude": 90.5},
        {"longitude": float("nan"), "latitude": 51.5},
    ],
    ids=str,
)
def test_a_place_is_whole_and_on_the_earth(place):
    with refused("organisation_place_is_whole"):
        make.organisation(**place)


def test_an_organisation_with_history_is_never_deleted():
    body = make.body()

    with pytest.raises(ProtectedError):
        body.delete()
    with refused("foreign key"), transaction.atomic():
        Organisation.objects.filter(pk=body.pk)._raw_delete(using="default")
        with connection.cursor() as cursor:
            cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")


def test_every_constraint_of_the_register_is_broken_above():
    """A new constraint fails this test until a test breaks it."""
    names = {
        constraint.name
        for model in [*FACTS, Organisation, Release, Reorganisation]
        for constraint in model._meta.constraints
    }

    assert names == {
        *(f"footprints_{by_name(model)}_opens_before_it_closes" for model in DATED),
        *(f"footprints_{by_name(model)}_asserted_before_retracted" for model in FACTS),
        "boundary_one_a_day",
        "identifier_once_at_a_time",
        "move_between_two_parents",
        "move_once_an_event",
        "one_lead_provider_at_a_time",
        "organisation_place_is_whole",
        "population_one_figure_a_year",
        "relationship_between_two_bodies",
        "relationship_once_at_a_time",
        "release_undo_names_what_it_undoes",
        "reorganisation_flagged_no_further_than_it_is",
        "succession_names_what_keeps_its_code",
        "succession_once_an_event",
        "succession_share_is_a_part",
        "succession_to_itself_says_what_it_becomes",
        "version_once_at_a_time",
    }
