"""Facts by hand: each a release, a correction a new row, and nothing lost between two people."""

from concurrent.futures import ThreadPoolExecutor
from datetime import date
from decimal import Decimal
from threading import Barrier

import pytest
from django.db import IntegrityError, connection

from footprints.models import Release, Reorganisation, Succession, Version
from footprints.services.entries import Superseded, enter_fact, withdraw_facts
from footprints.services.releases import undo_release
from tests import factories as make

DAY = date(2020, 4, 1)


@pytest.fixture
def steward(db):
    return make.user(role="steward")


@pytest.fixture
def life(empty_register):
    return make.version(name="NHS Kent and Medawy CCG")


def correction(life, **fields):
    other = Version.objects.get(pk=life.pk)
    for name, value in fields.items():
        setattr(other, name, value)
    return other


def test_an_entry_is_a_release_of_its_own(life, steward):
    body = make.organisation()
    before = Release.objects.count()

    fact = enter_fact(
        Version(organisation=body, kind=life.kind, name="Medway", opened_on=DAY), by=steward
    )

    release = fact.asserted_by
    assert Release.objects.count() == before + 1
    assert (release.kind, release.source, release.by) == ("entry", "entry", steward)
    assert release.title == "Entered: version Medway"
    assert Version.objects.now().get(organisation=body) == fact


def test_a_correction_is_a_new_row_and_the_old_one_is_retracted(life, steward):
    old = life.pk

    new = enter_fact(correction(life, name="Kent"), by=steward, replaces=life)

    life.refresh_from_db()
    assert new.pk != old
    assert (life.name, life.retracted_by) == ("NHS Kent and Medawy CCG", new.asserted_by)
    assert (new.name, new.retracted_by) == ("Kent", None)
    assert new.asserted_by.title == "Corrected: version Kent"
    assert list(Version.objects.known(new.asserted_by_id - 1)) == [life]
    assert list(Version.objects.now()) == [new]


def test_a_correction_may_reach_over_days_of_the_row_it_replaces(life, steward):
    """Else the two would live at once: the old one goes before the new one comes."""
    new = enter_fact(correction(life, opened_on=DAY), by=steward, replaces=life)

    assert Version.objects.now().get() == new


def test_a_correction_that_changes_nothing_is_no_release(life, steward):
    before = Release.objects.count()

    same = enter_fact(correction(life), by=steward, replaces=life)

    assert same == life
    assert Release.objects.count() == before


def test_a_fact_that_was_changed_meanwhile_is_not_changed_again(life, steward, whole_database):
    enter_fact(correction(life, name="Kent"), by=steward, replaces=life)
    before = whole_database()

    with pytest.raises(Superseded, match="was changed meanwhile: open it again"):
        enter_fact(correction(life, name="Medway"), by=steward, replaces=life)

    assert whole_database() == before


def test_an_entry_that_a_constraint_refuses_leaves_no_trace(life, steward, whole_database):
    before = whole_database()
    second = Version(organisation=life.organisation, kind=life.kind, name="Twice", opened_on=DAY)

    with pytest.raises(IntegrityError, match="version_once_at_a_time"):
        enter_fact(second, by=steward)

    assert whole_database() == before


def test_facts_are_withdrawn_in_one_release(life, steward):
    other = make.version(name="Another")

    release = withdraw_facts([life, other], by=steward)

    assert release.title == "Withdrawn: version 2 facts"
    assert not Version.objects.now().exists()
    assert Version.objects.known(release.pk - 1).count() == 2


def test_a_single_withdrawn_fact_is_named(life, steward):
    release = withdraw_facts([life], by=steward)

    assert release.title == "Withdrawn: version NHS Kent and Medawy CCG"


def test_of_several_facts_one_of_which_was_changed_meanwhile_none_is_withdrawn(
    life, steward, whole_database
):
    gone = make.version(name="Gone")
    withdraw_facts([gone], by=steward)
    before = whole_database()

    with pytest.raises(Superseded, match="“Gone” was changed"):
        withdraw_facts([life, gone], by=steward)

    assert whole_database() == before


def test_an_undone_entry_is_as_if_it_had_not_been(life, steward, register_says):
    before = register_says()
    entry = enter_fact(correction(life, name="Kent"), by=steward, replaces=life).asserted_by

    undo_release(entry, by=steward)

    assert register_says() == before


def test_a_very_long_name_does_not_stop_an_entry(life, steward):
    body = make.organisation()
    fact = Version(organisation=body, kind=life.kind, name="K" * 200, opened_on=DAY)

    assert len(enter_fact(fact, by=steward).asserted_by.title) == 200


def test_an_event_whose_succession_is_corrected_is_to_be_flagged_anew(empty_register, steward):
    succession = make.succession(share="0.4")
    other = make.succession()
    Reorganisation.objects.update(revision=3, flagged_revision=3)
    corrected = Succession.objects.get(pk=succession.pk)
    corrected.share = Decimal("0.5")

    enter_fact(corrected, by=steward, replaces=succession)

    assert list(Reorganisation.objects.unflagged()) == [succession.reorganisation]
    withdraw_facts([other], by=steward)
    assert Reorganisation.objects.unflagged().count() == 2


def test_an_entry_does_not_touch_the_flags_of_events_it_has_no_part_in(life, steward):
    make.reorganisation(revision=3, flagged_revision=3)

    enter_fact(correction(life, name="Kent"), by=steward, replaces=life)

    assert not Reorganisation.objects.unflagged().exists()


@pytest.mark.django_db(transaction=True)
def test_of_two_people_who_correct_a_fact_at_once_one_is_told():
    life = make.version(name="NHS Kent and Medawy CCG")
    steward = make.user()
    together = Barrier(2)

    def correct(name):
        try:
            mine = correction(life, name=name)
            together.wait(10)
            return enter_fact(mine, by=steward, replaces=life)
        except Superseded:
            return None
        finally:
            connection.close()

    with ThreadPoolExecutor(2) as threads:
        outcomes = list(threads.map(correct, ["Kent", "Medway"]))

    (entered,) = filter(None, outcomes)
    assert list(life.organisation.versions.now()) == [entered]
    life.refresh_from_db()
    assert life.retracted_by_id == entered.asserted_by_id
    assert Release.objects.filter(kind="entry").count() == 1


@pytest.mark.django_db(transaction=True)
def test_the_order_of_keys_is_the_order_of_commits():
    """Whoever sees a release sees every one before it: a known moment is never added to."""
    steward = make.user()
    bodies = [make.organisation() for _ in range(8)]
    icb = make.kind("icb")

    def enter(body):
        try:
            fact = Version(organisation=body, kind=icb, name=body.code)
            release = enter_fact(fact, by=steward).asserted_by
            seen = set(Release.objects.filter(pk__lte=release.pk).values_list("pk", flat=True))
            return release.pk, seen
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as threads:
        entered = dict(threads.map(enter, bodies))

    for key, seen in entered.items():
        assert seen == set(Release.objects.filter(pk__lte=key).values_list("pk", flat=True))
    moments = list(Release.objects.order_by("pk").values_list("applied_at", flat=True))
    assert moments == sorted(moments)
