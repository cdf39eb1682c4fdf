"""What becomes of our side as an event is recorded, dropped, revived, redated and undone."""

from datetime import UTC, date, datetime

import pytest

from accounts.models import Flag
from accounts.services.flags import raise_flags
from accounts.sheets import applying, deciding
from accounts.sheets.deciding import Choice, Moved
from accounts.sheets.planning import planned
from footprints.drafts import Draft, Evidence, NewBody
from footprints.models import Outcome, Relationship, Reorganisation, Version
from footprints.services.recording import record_event
from footprints.services.releases import undo_release
from tests import factories
from tests.accounts.ticks import tick
from tests.footprints.pages import text

Kind = Reorganisation.Kind
AT = datetime(2026, 11, 20, 9, tzinfo=UTC)
DAY, LATER = date(2027, 4, 1), date(2027, 10, 1)


@pytest.fixture
def steward(empty_register):
    for code in ("icb", "sub_icb", "pcn", "practice"):
        factories.kind(code, name=code.upper(), plural=f"{code.upper()}s")
    return factories.user(role="steward")


@pytest.fixture
def bodies(steward):
    """Two locations; OLD has four practices, two of them in a PCN."""
    made = {code: factories.body(code, kind_code="sub_icb", name=code) for code in ("OLD", "ONE")}
    made |= {f"P{n}": factories.body(f"P{n}", kind_code="practice") for n in range(4)}
    made["PCN"] = factories.body("PCN", kind_code="pcn")
    for child, parent, type in (
        *((f"P{n}", "OLD", "part_of") for n in range(4)),
        ("P0", "PCN", "member_of"),
        ("P1", "PCN", "member_of"),
        ("PCN", "OLD", "member_of"),
    ):
        factories.relationship(child=made[child], parent=made[parent], type=type)
    return made


@pytest.fixture
def plan(bodies):
    """OLD is in one territory and ONE in another."""
    plan = factories.plan(opened_on=date(2026, 4, 1))
    for code in ("OLD", "ONE"):
        factories.assignment(
            territory=factories.territory(plan=plan),
            organisation=bodies[code],
            opened_on=plan.opened_on,
        )
    return plan


def record(steward, kind=Kind.MERGER, before="OLD ONE", day=DAY, **fields):
    return record_event(
        Draft(
            kind=kind,
            effective_on=day,
            before=tuple(before.split()),
            evidence=Evidence(said_by="The board"),
            **{"new_bodies": (NewBody("new1", "NHS New", "sub_icb"),), **fields},
        ),
        by=steward,
        at=AT,
    )


def flags():
    return Flag.objects.on_plans().open()


def decide_and_approve(plan, flag, *, whole):
    """Its successor goes whole to that territory; prepared by one, approved by another."""
    sheet = deciding.sheet_of(flag)
    row = planned(sheet).rows[0]
    deciding.decide(flag, [Choice(*row.key, Outcome.CARRY, territory=whole)], by=plan.owner)
    seen = planned(deciding.sheet_of(flag)).fingerprint
    deciding.prepare(flag, by=plan.owner, seen=seen)
    deciding.approve(flag, by=factories.user(role="manager"))


# --- Named practices -----------------------------------------------------------------------------


def test_a_split_by_named_practices_keeps_them_apart_on_the_sheet(bodies, plan, steward):
    event = record(
        steward,
        Kind.SPLIT,
        "OLD",
        after=("ONE",),
        named=(("PCN", "ONE"), ("P1", "new1"), ("P2", "new1"), ("P3", "new1")),
    )
    raise_flags()

    rows = {row.body.code: row for row in planned(deciding.sheet_of(flags().get())).rows}

    # ONE meets what comes of OLD: everybody keeps their practices, those that are named to go
    # there. What is said of P1 itself goes before what is said of its PCN.
    kept, home = rows["ONE"], plan.assignments.get(organisation=bodies["OLD"]).territory
    assert (kept.outcome, kept.level) == (Outcome.KEEP_THE_LINE, "practices")
    assert list(kept.lines.values()) == [[bodies["P0"].pk]]
    assert (rows["P-OLD"].outcome, rows["P-OLD"].territory) == (Outcome.CARRY, home)
    undo_release(event.steps.get().release)


def test_a_split_of_which_not_every_practice_is_named_asks_a_person(bodies, plan, steward):
    record(steward, Kind.SPLIT, "OLD", after=("ONE",), named=(("P0", "ONE"), ("P2", "new1")))
    raise_flags()

    rows = {row.body.code: row for row in planned(deciding.sheet_of(flags().get())).rows}

    assert rows["ONE"].is_undecided
    assert "not known" in rows["ONE"].why


# --- Dropped and revived -------------------------------------------------------------------------


@pytest.mark.parametrize("dropped", ["rejected", "paused"])
def test_an_event_that_is_dropped_leaves_no_flag_says_so_and_brings_it_back(
    client, bodies, plan, steward, dropped
):
    event = record(steward)
    assert raise_flags() == 1
    flag = flags().get()
    decide_and_approve(plan, flag, whole=plan.territories.first())
    client.force_login(steward)
    address = event.get_absolute_url()

    def move(to, reason):
        event.refresh_from_db()
        said = {"to": to, "reason": reason, "seen": event.revision}
        assert client.post(f"{address}move/", said).status_code == 302
        raise_flags()

    move(dropped, "The Minister said no.")

    assert not flags().exists()
    page = text(client.get(address))
    assert f"It leaves no flag while it is {dropped}: those that it raised lapse." in page
    flag.refresh_from_db()
    assert flag.lapsed_because == f"{dropped.capitalize()}: The Minister said no."
    assert tick(date(2028, 1, 1))["applied"] == 0
    client.force_login(plan.owner)
    assert str(event) not in text(client.get("/alerts/"))

    client.force_login(steward)
    move("proposed", "She changed her mind.")

    assert flags().get() == flag
    assert "What it touches is flagged again." in text(client.get(address))
    sheet = deciding.sheet_of(flag)
    assert (sheet.state, sheet.decisions.count()) == ("approved", 1), "the work on it is kept"
    event.refresh_from_db()
    move("in_law", "The order was made.")
    assert tick(DAY)["applied"] == 1


# --- Another day ---------------------------------------------------------------------------------


def test_moving_the_day_moves_everything_that_hangs_on_it(client, bodies, plan, steward):
    event = record(steward, state="in_law")
    new = event.successions.now().first().successor
    factories.relationship(child=new, parent=factories.body("TOP", kind_code="icb"), opened_on=DAY)
    short = factories.plan(opened_on=date(2026, 4, 1), closed_on=date(2027, 7, 1))
    factories.assignment(territory=factories.territory(plan=short), organisation=bodies["OLD"])
    raise_flags()
    flag = flags().get(object_id=plan.pk)
    assert flags().count() == 2
    decide_and_approve(plan, flag, whole=plan.territories.first())
    client.force_login(steward)
    said = {"to": LATER.isoformat(), "reason": "No time.", "seen": event.revision}
    client.post(f"{event.get_absolute_url()}day/", said)
    raise_flags()

    # The register: the body that would open, what it would belong to, and the event itself.
    event.refresh_from_db()
    assert event.effective_on == LATER
    assert Version.objects.now().get(organisation=new).opened_on == LATER
    assert Relationship.objects.now().get(child=new).opened_on == LATER
    # Ours: a plan that ends before the new day is not touched any more, the sheet's day follows,
    # and what was approved is asked for again.
    assert flags().get() == flag
    sheet = deciding.sheet_of(flag)
    assert sheet.day == LATER
    assert {opening.opened_on for opening in planned(sheet).openings} == {LATER}
    assert {closing.on for closing in planned(sheet).closings} == {LATER}
    with pytest.raises(Moved):
        applying.apply_sheet(flag)
    assert tick(DAY)["applied"] == 0
    assert plan.assignments.filter(closed_on=None).count() == 2

    undo_release(event.steps.last().release)
    raise_flags()

    assert deciding.sheet_of(flag).day == DAY
    assert flags().count() == 2
    applying.apply_sheet(flag)
    assert plan.assignments.get(closed_on=None).organisation == new
    assert plan.assignments.get(organisation=bodies["ONE"]).closed_on == DAY


def test_a_day_that_moves_past_a_held_row_leaves_the_sheet_whole(bodies, plan, steward, client):
    event = record(steward)
    raise_flags()
    flag = flags().get()
    row = planned(deciding.sheet_of(flag)).rows[0]
    until = date(2027, 7, 1)
    deciding.decide(flag, [Choice(*row.key, Outcome.HOLD, until_on=until)], by=plan.owner)
    client.force_login(steward)
    said = {"to": LATER.isoformat(), "reason": "No time.", "seen": event.revision}
    client.post(f"{event.get_absolute_url()}day/", said)
    raise_flags()

    # It is still held, and the page still opens; releasing what is due asks to decide again.
    assert planned(deciding.sheet_of(flag)).held
    client.force_login(factories.user(role="planner", team=plan.team))
    assert client.get(f"/alerts/{flag.pk}/sheet/").status_code == 200
