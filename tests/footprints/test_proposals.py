"""Proposals are kept once, decided by a steward, and undone like any release."""

from datetime import UTC, date, datetime
from decimal import Decimal

import pytest

from footprints.drafts import Draft, Evidence
from footprints.models import (
    Move,
    Proposal,
    Relationship,
    Release,
    Reorganisation,
    Succession,
    Version,
)
from footprints.services.proposals import (
    AlreadyDecided,
    AlreadyRecorded,
    accept,
    dismiss,
    propose,
    propose_from_passings,
    release_of,
)
from footprints.services.recording import record_event
from footprints.services.releases import undo_release
from footprints.tracing import trace
from tests import factories as make
from tests.footprints.practices import DAY, Register

AT = datetime(2022, 2, 1, 9, tzinfo=UTC)
LATER = datetime(2022, 3, 1, 9, tzinfo=UTC)


@pytest.fixture
def nhs(empty_register):
    return Register()


@pytest.fixture
def split(nhs):
    """OLD closed, and its ten practices sit seven in EST and three in WST."""
    nhs.old = nhs.body("OLD", closed_on=DAY)
    nhs.east, nhs.west = nhs.body("EST", opened_on=DAY), nhs.body("WST", opened_on=DAY)
    nhs.members = nhs.join(nhs.old, 10)
    nhs.told = nhs.move(nhs.members[:7], nhs.east)
    nhs.move(nhs.members[7:], nhs.west)
    return nhs


def test_a_proposal_is_kept_once_with_its_evidence(split):
    (proposal,) = propose(at=AT)
    (again,) = propose(at=LATER)

    assert again == proposal
    assert Proposal.objects.get().proposed_at == AT
    assert (proposal.kind, proposal.slug) == ("split", f"old-{DAY}")
    assert (proposal.effective_on, proposal.confidence) == (DAY, 1)
    (entry,) = proposal.evidence
    assert (entry["code"], entry["name"], entry["how"]) == ("OLD", "NHS OLD CCG", "closed")
    assert (entry["total"], entry["noun"], entry["lost"]) == (10, ["practice", "practices"], [])
    assert [(w["code"], w["count"], w["share"], w["people"]) for w in entry["went"]] == [
        ("EST", 7, 0.7, None),
        ("WST", 3, 0.3, None),
    ]
    assert [member["code"] for member in entry["went"][1]["members"]] == sorted(
        member.code for member in split.members[7:]
    )


def test_an_open_proposal_is_brought_up_to_date(split):
    (proposal,) = propose(at=AT)
    split.move([split.members[0]], split.west, date(2021, 1, 1))
    fact = Relationship.objects.now().get(child=split.members[9], parent=split.west)
    Relationship.objects.filter(pk=fact.pk).update(retracted_by=make.release())

    (updated,) = propose(at=LATER)

    assert updated.pk == proposal.pk
    updated.refresh_from_db()
    assert updated.confidence == Decimal("0.9")
    assert len(updated.evidence[0]["lost"]) == 1


def test_a_proposal_is_of_the_release_that_showed_it(split):
    (proposal,) = propose(split.told, at=AT)

    assert proposal.release == split.told
    assert propose(make.release(), at=LATER) == []  # it touched nothing


def test_one_that_the_facts_no_longer_suggest_is_dismissed_by_nobody_until_they_do(split):
    propose(at=AT)
    reversed_by = make.release()
    facts = Relationship.objects.filter(parent__in=[split.east, split.west])
    facts.update(retracted_by=reversed_by)

    assert propose(at=LATER) == []

    proposal = Proposal.objects.get()
    assert (proposal.state, proposal.decided_at, proposal.decided_by) == ("dismissed", LATER, None)
    assert proposal.reason == "The facts no longer suggest it."
    for number, member in enumerate(split.members):
        new = split.east if number < 7 else split.west
        make.relationship(child=member, parent=new, opened_on=DAY)
    (back,) = propose(at=LATER)
    assert (back.pk, back.state, back.reason) == (proposal.pk, "open", "")


def test_one_that_is_recorded_meanwhile_is_dismissed_by_nobody(split):
    propose(at=AT)
    event = make.reorganisation(effective_on=DAY)
    make.succession(reorganisation=event, predecessor=split.old, successor=split.east, share="0.6")

    assert propose(since=date(2021, 1, 1), at=LATER) == []

    proposal = Proposal.objects.get()
    assert (proposal.state, proposal.reason) == ("dismissed", "An event records it by now.")


# --- Decided ------------------------------------------------------------------------------------


def test_what_a_person_dismissed_stays_so_unless_its_evidence_changes_materially(split):
    (proposal,) = propose(at=AT)
    steward = make.user()
    dismiss(proposal, by=steward, reason="A clean-up of records.", at=AT)

    assert propose(at=LATER) == []
    proposal.refresh_from_db()
    assert (proposal.state, proposal.decided_by) == ("dismissed", steward)
    assert (proposal.decided_at, proposal.reason) == (AT, "A clean-up of records.")

    # Two more of the ten are found to have gone west: half and half.
    release = make.release()
    for member in split.members[5:7]:
        fact = Relationship.objects.now().get(child=member, parent=split.east)
        Relationship.objects.filter(pk=fact.pk).update(retracted_by=release)
        make.relationship(child=member, parent=split.west, opened_on=DAY, asserted_by=release)

    (opened,) = propose(at=LATER)
    assert (opened.pk, opened.state, opened.decided_by) == (proposal.pk, "open", None)
    assert opened.reason == "A clean-up of records."  # to be read beside the new evidence


def test_an_accepted_split_is_an_event_with_members_that_moved(split):
    (proposal,) = propose(split.told, at=AT)
    steward = make.user()

    event = accept(proposal, by=steward, reason="The order was found.")

    assert (event.slug, event.kind, event.title) == (proposal.slug, "split", proposal.title)
    assert (event.effective_on, event.state) == (DAY, "effective")
    step = event.steps.get()
    assert (step.by, step.state) == (steward, "effective")
    assert step.reason == (
        "NHS OLD CCG (OLD): of 10 practices, 7 to EST; 3 to WST. The order was found."
    )
    rows = event.successions.values_list("predecessor__code", "successor__code", "share")
    assert set(rows) == {("OLD", "EST", None), ("OLD", "WST", None)}  # a count is no population
    assert event.moves.filter(from_parent=split.old, to_parent=split.east).count() == 7
    assert event.moves.filter(from_parent=split.old, to_parent=split.west).count() == 3
    proposal.refresh_from_db()
    assert (proposal.state, proposal.reorganisation) == ("accepted", event)
    assert proposal.decided_by == steward
    release = Release.objects.latest("pk")
    assert (release.kind, release.by, release.title) == ("event", steward, proposal.title)
    assert Reorganisation.objects.unflagged().filter(pk=event.pk).exists()
    assert propose(at=LATER) == []


def test_an_accepted_merger_passes_all_of_each(nhs):
    one, two = nhs.body("ONE", closed_on=DAY), nhs.body("TWO", closed_on=DAY)
    new = nhs.body("NEW", opened_on=DAY)
    nhs.move([*nhs.join(one, 3), *nhs.join(two, 4)], new)
    (proposal,) = propose(at=AT)

    event = accept(proposal, by=make.user(), state="approved")

    assert event.state == "approved"
    assert set(event.successions.values_list("predecessor__code", "share")) == {
        ("ONE", Decimal(1)),
        ("TWO", Decimal(1)),
    }


def test_an_accepted_split_of_counted_members_has_shares_that_sum_to_one(nhs):
    old = nhs.body("OLD", kind="icb", closed_on=DAY)
    new = [nhs.body(code, kind="icb", opened_on=DAY) for code in ("EST", "WST", "STH")]
    members = nhs.join(old, 3, kind="sub_icb")
    for member, to in zip(members, new, strict=True):
        make.population(organisation=member, people=100, boundary_on=date(2019, 4, 1))
        nhs.move([member], to)
    (proposal,) = propose(at=AT)

    event = accept(proposal, by=make.user())

    shares = list(event.successions.values_list("share", flat=True))
    assert sum(shares) == 1
    assert {round(share, 3) for share in shares} == {Decimal("0.333")}
    assert sum(place.share for place in trace("OLD", DAY)) == 1


def test_an_accepted_transfer_moves_members_and_ends_nobody(nhs):
    old, other = nhs.body("OLD"), nhs.body("OTH")
    nhs.move(nhs.join(old, 20)[:5], other)
    (proposal,) = propose(at=AT)

    event = accept(proposal, by=make.user())

    assert event.kind == "transfer_of_members"
    assert event.successions.count() == 0
    assert event.moves.count() == 5
    assert [place.code for place in trace("OLD", DAY)] == ["OLD"]
    assert propose(at=LATER) == []


def test_an_acceptance_does_to_what_rests_on_its_bodies_what_a_recorded_event_does(nhs):
    """Neither closes a body in the register, which its own report does: it ends by the event."""
    old, new = nhs.body("OLD"), nhs.body("NEW")
    members = nhs.join(old, 4)
    told = nhs.move(members, new)
    (proposal,) = propose(at=AT)
    assert proposal.evidence[0]["how"] == "emptied"
    steward = make.user(role="steward")
    kinds = Reorganisation.Kind
    assert proposal.kind == kinds.ABSORPTION

    accepted = accept(proposal, by=steward)
    by_proposal = does(accepted)
    undo_release(release_of(proposal), by=steward)
    recorded = record_event(
        Draft(
            kind=kinds.ABSORPTION,
            effective_on=DAY,
            before=("OLD",),
            after=("NEW",),
            evidence=Evidence(said_by="The board"),
        ),
        by=steward,
        at=LATER,
    )

    assert ("OLD", "ends", "NEW") in by_proposal
    assert does(recorded) == by_proposal
    assert Version.objects.now().get(organisation=old).closed_on is None
    # So that what told of it stays a report that can be undone by itself.
    assert undo_release(told, by=steward)


def test_an_acceptance_that_is_undone_leaves_no_event_standing_however_often(split):
    for _ in range(2):
        (proposal,) = propose(split.told, at=AT)
        event = accept(proposal, by=make.user())
        assert (event.state, event.steps.last().release) == ("effective", release_of(proposal))

        undo_release(release_of(proposal))

        event.refresh_from_db()
        assert (event.state, event.effective_on) == ("superseded", DAY)
        assert event.steps.last().reason == "Its recording was undone."
        assert not Reorganisation.objects.standing().filter(pk=event.pk).exists()


def does(event):
    """What the event does to each body."""
    return set(event.touches.values_list("organisation__code", "change", "other__code"))


def test_an_acceptance_is_undone_like_any_release_and_may_be_proposed_again(split):
    (proposal,) = propose(at=AT)
    event = accept(proposal, by=make.user())
    release = Release.objects.latest("pk")

    undo_release(release, by=make.user())

    assert not Succession.objects.now().exists()
    assert not Move.objects.now().exists()
    (again,) = propose(at=LATER)
    assert (again.pk, again.state, again.reorganisation) == (proposal.pk, "open", None)

    renewed = accept(again, by=make.user())

    assert renewed == event  # the same event, with a step each
    assert event.steps.count() == 3  # accepted, undone, accepted
    assert Succession.objects.now().count() == 2


def test_two_acceptances_are_undone_one_by_one_in_any_order(nhs):
    for letter in "AB":
        old, new = nhs.body(f"OLD{letter}", closed_on=DAY), nhs.body(f"NEW{letter}", opened_on=DAY)
        nhs.move(nhs.join(old, 3), new)
    for proposal in propose(at=AT):
        accept(proposal, by=make.user())
    first, second = Release.objects.filter(kind="event").order_by("pk")

    undo_release(first)
    undo_release(second)

    assert not Succession.objects.now().exists()


def test_what_is_decided_is_not_decided_again(split):
    (proposal,) = propose(at=AT)
    stale = Proposal.objects.get()
    accept(proposal, by=make.user())
    releases = Release.objects.count()

    with pytest.raises(AlreadyDecided, match="was accepted meanwhile"):
        accept(stale, by=make.user())
    with pytest.raises(AlreadyDecided, match="was accepted meanwhile"):
        dismiss(stale, by=make.user(), reason="No.", at=AT)

    assert Release.objects.count() == releases
    assert Proposal.objects.get().state == "accepted"


def test_what_an_event_of_the_same_name_records_is_not_accepted(split):
    (proposal,) = propose(at=AT)
    event = make.reorganisation(slug=proposal.slug)
    make.succession(reorganisation=event, predecessor=split.old, successor=split.east)

    with pytest.raises(AlreadyRecorded, match="recorded already"):
        accept(proposal, by=make.user())

    assert Succession.objects.count() == 1


# --- What reports state -------------------------------------------------------------------------


def test_what_reports_state_is_proposed_and_accepted(nhs):
    one, two = nhs.body("ONE", closed_on=DAY), nhs.body("TWO", closed_on=DAY)
    nhs.body("NEW", opened_on=DAY)
    stated = [("ONE", "NEW", DAY), ("TWO", "NEW", DAY)]

    (proposal,) = propose_from_passings(stated, at=AT)
    (again,) = propose_from_passings(stated, at=LATER)

    assert (again, proposal.kind, proposal.confidence) == (proposal, "merger", Decimal("0.9"))
    assert {entry["how"] for entry in proposal.evidence} == {"stated"}
    propose(at=LATER)  # the members tell nothing: it stays open all the same
    event = accept(Proposal.objects.get(state="open"), by=make.user())
    assert set(event.successions.values_list("predecessor", "share")) == {
        (one.pk, Decimal(1)),
        (two.pk, Decimal(1)),
    }
    assert propose_from_passings(stated, at=LATER) == []


@pytest.mark.parametrize("order", ["members first", "report first"])
def test_what_is_both_stated_and_seen_is_one_proposal(split, order):
    stated = [("OLD", "EST", DAY), ("OLD", "WST", DAY)]
    if order == "members first":
        propose(at=AT)
        propose_from_passings(stated, at=AT)
    else:
        propose_from_passings(stated, at=AT)
        propose(at=AT)

    assert Proposal.objects.count() == 1
    (entry,) = Proposal.objects.get().evidence
    assert (entry["how"], entry["total"]) == ("closed", 10)
    assert [(w["code"], w["count"], w["stated"]) for w in entry["went"]] == [
        ("EST", 7, True),
        ("WST", 3, True),
    ]
