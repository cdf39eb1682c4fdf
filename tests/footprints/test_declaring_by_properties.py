"""Random events over a small register: recorded as rehearsed, once, and undone without a trace."""

from datetime import UTC, date, datetime
from decimal import Decimal

from hypothesis import event as hypothesis_event
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from hypothesis.extra.django import TestCase

from footprints.drafts import SHAPES, Draft, Evidence, NewBody
from footprints.models import Organisation, Release, Reorganisation, Touch
from footprints.services.dating import move_date
from footprints.services.declaring import CannotMove
from footprints.services.recording import CannotRecord, record_event, rehearse
from footprints.services.releases import RECORDED, content, undo_release
from tests import factories

Kind, State = Reorganisation.Kind, Reorganisation.State
AT = datetime(2026, 11, 22, 9, tzinfo=UTC)
CODES = ["AAA", "BBB", "CCC", "DDD", "OLD", "NEW", "NONE"]  # one closed, one not yet, one unknown
MEMBERS = ["P1", "P2", "P3"]
DAYS = [date(2027, 4, 1), date(2028, 4, 1)]
PARTS = [Decimal(part) / 100 for part in (50, 25, 75, 120)]

LIVING = CODES[:4]


@st.composite
def sides(draw, limits):
    """Codes as many as the kind takes; most of them live."""
    fewest, most = limits
    code = st.one_of(
        st.sampled_from(LIVING), st.sampled_from(LIVING), st.sampled_from(LIVING * 2 + CODES)
    )
    return tuple(draw(st.lists(code, min_size=fewest, max_size=most or 3, unique=True)))


@st.composite
def drafts(draw, days=DAYS):
    """Events of every kind, of which some cannot be."""
    kind = draw(st.sampled_from(Kind))
    shape = SHAPES[kind]
    before = draw(sides(shape.before)) if shape.has_before else ()
    many_new = draw(st.integers(0, min(2, shape.after[1] or 2))) if shape.opens else 0
    fewest = max(0, shape.after[0] - many_new)
    after = ()
    is_odd = draw(st.integers(0, 3)) == 0  # one in four may be odd in any way
    if shape.has_after and kind != Kind.CREATION and many_new != shape.after[1]:
        after = draw(sides((fewest, shape.after[1] or max(fewest, 2))))
        if not is_odd:
            after = tuple(code for code in after if code not in before)
    new = tuple(NewBody(f"new{n}", f"North {n}", "ccg") for n in range(1, many_new + 1))
    pairs = [(old, to) for old in before for to in (*after, *(body.key for body in new))]
    some_pairs = st.lists(st.sampled_from(pairs), unique=True) if pairs else st.just([])
    shares = {}
    if is_odd:
        shares = {pair: draw(st.sampled_from(PARTS)) for pair in draw(some_pairs)}
    elif len(after) + len(new) == 2 and draw(st.booleans()):
        shares = dict.fromkeys(pairs, PARTS[0])
    return Draft(
        kind=kind,
        effective_on=draw(st.sampled_from(days)),
        state=draw(st.sampled_from([State.RUMOURED, State.IN_LAW])),
        before=before,
        after=after,
        new_bodies=new,
        passes=frozenset(draw(some_pairs) if is_odd else pairs),
        shares=shares,
        members=draw(st.lists(st.sampled_from(MEMBERS), min_size=1, max_size=2).map(tuple)),
        named=tuple(
            (draw(st.sampled_from(MEMBERS)), draw(st.sampled_from(pairs))[1])
            for _ in range(draw(st.integers(0, 2)) if is_odd else draw(st.integers(0, 1)))
            if pairs
        ),
        services="Dentistry",
        name=draw(st.sampled_from(["", "NHS Other"])) if len(before) > 1 else "NHS Other",
        becomes="sub_icb",
        evidence=Evidence(said_by="The board"),
    )


def known():
    """What the register says now, by table."""
    return {
        model.__name__: sorted(model.objects.now().values_list(*columns(model)), key=str)
        for model in RECORDED
    }


def columns(model):
    wanted = set(content(model))
    return [field.attname for field in model._meta.local_fields if field.column in wanted]


def counts():
    return [model.objects.count() for model in (Release, Reorganisation, Organisation, *RECORDED)]


def touched(event):
    """What it does to which body; a new body by its name, since each recording makes its own."""
    rows = Touch.objects.filter(reorganisation=event)
    names = rows.values_list("organisation__code", "change", "other__code", "share", "passes")
    return sorted(names, key=str)


class TestDeclaring(TestCase):
    def setup_example(self):
        super().setup_example()  # each example in a transaction of its own
        self.steward = factories.user(role="steward")
        for code in ("AAA", "BBB", "CCC", "DDD"):
            factories.body(code)
        factories.body("OLD", closed_on=date(2020, 4, 1))
        factories.body("NEW", opened_on=DAYS[0])
        for number, code in enumerate(MEMBERS):
            factories.relationship(
                child=factories.body(code, kind_code="practice"),
                parent=Organisation.objects.get(code="AAA" if number else "BBB"),
            )

    @hypothesis_settings(max_examples=60)
    @given(drafts())
    def test_what_is_rehearsed_is_recorded_once_and_undone_without_a_trace(self, draft):
        before, many = known(), counts()
        try:
            seen = rehearse(draft, touched, by=self.steward, at=AT)
        except CannotRecord as refusal:
            assert all(problem.text for problem in refusal.problems)
            with self.assertRaises(CannotRecord) as again:
                record_event(draft, by=self.steward, at=AT)
            assert str(again.exception) == str(refusal)
            assert counts() == many
            return
        assert counts() == many

        hypothesis_event(f"recorded: {draft.kind}")
        event = record_event(draft, by=self.steward, at=AT)

        assert touched(event) == seen
        for row in event.successions.now():
            assert row.predecessor_id != row.successor_id or row.becomes_id
        if draft.closes:  # a body closes once: the same event again is refused
            with self.assertRaises(CannotRecord):
                record_event(draft, by=self.steward, at=AT)
        undo_release(event.steps.get().release, by=self.steward)
        assert known() == before
        assert not Touch.objects.filter(reorganisation=event).exists()
        event.refresh_from_db()
        assert event.state in State.dropped()

    @hypothesis_settings(max_examples=30)
    @given(drafts(DAYS[:1]), drafts(DAYS[1:]), st.sampled_from(DAYS))
    def test_no_two_events_that_stand_close_one_body(self, one, other, day):
        recorded = []
        for draft in (one, other):
            try:
                recorded.append(record_event(draft, by=self.steward, at=AT))
            except CannotRecord:
                continue
        for event in recorded:
            try:
                move_date(event, day, reason="No time.", by=self.steward, at=AT)
            except CannotMove:
                continue
        events = Reorganisation.objects.filter(pk__in=[event.pk for event in recorded])
        closing = Touch.objects.filter(
            reorganisation__in=events.standing(),
            change__in=["ends", "splits", "closes"],
            passes="area",
        )
        closed = set(closing.values_list("reorganisation", "organisation"))
        assert len({body for _, body in closed}) == len(closed)
        # What opens with an event opens on its day, wherever that was moved.
        for event in events:
            for row in event.successions.now().filter(successor__is_provisional=True):
                days = row.successor.versions.now().values_list("opened_on", flat=True)
                assert set(days) == {event.effective_on}
