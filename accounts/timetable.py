"""The tasks of a reorganisation: due days computed from its own day, so that they move with it.

Stored is only what departs: who owns a task, that it is done, a note (`TimelineTask`).
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import groupby

from django.db.models import Exists, OuterRef, Q

from footprints.models import Reorganisation

from .models import Flag, Milestone, TimelineTask, User
from .models.teams import first_of_month, months_after
from .territories.plans import may_plan

# What to do, in our words; the moments are the NHS's (see Milestone).
WHAT = {
    Milestone.FIVE_MONTHS: (
        "See what is coming",
        "The NHS asks for its new codes about now. Check the bodies, the shares and the evidence, "
        "and look at what the event would touch.",
    ),
    Milestone.TWELVE_WEEKS: (
        "Decide",
        "New codes are published from now on. Work the decision sheets, and ask those who know.",
    ),
    Milestone.FOUR_WEEKS: (
        "Approve and tell the field",
        "The NHS is ready by now. Have the sheets approved, and give the crosswalk of old to new "
        "codes to CRM, BI and the data suppliers.",
    ),
    Milestone.LEGAL_DAY: (
        "Check the day",
        "The new bodies exist. Check that the register holds them as announced.",
    ),
    Milestone.FIRST_DATA: (
        "Check the first data",
        "Prescribing data of the first month come out: check that they are on the new codes, and "
        "that nothing still comes on the old ones.",
    ),
}

PAST = timedelta(days=92)  # the last task falls due within that of the event
SOON = timedelta(days=60)


def due_on(effective_on: date, milestone: str) -> date:
    """When a task of an event of that day is due."""
    match milestone:
        case Milestone.FIVE_MONTHS:
            return months_after(effective_on, -5)
        case Milestone.TWELVE_WEEKS:
            return effective_on - timedelta(weeks=12)
        case Milestone.FOUR_WEEKS:
            return effective_on - timedelta(weeks=4)
        case Milestone.LEGAL_DAY:
            return effective_on
    # NHSBSA publishes April's prescribing from May on.
    return months_after(first_of_month(effective_on), 1)


# The same in SQL, over an `event`: (milestone, due_on). A test holds the two together.
DUE_ON_SQL = f"""
VALUES ('{Milestone.FIVE_MONTHS}', (event.effective_on - interval '5 months')::date),
       ('{Milestone.TWELVE_WEEKS}', event.effective_on - 84),
       ('{Milestone.FOUR_WEEKS}', event.effective_on - 28),
       ('{Milestone.LEGAL_DAY}', event.effective_on),
       ('{Milestone.FIRST_DATA}', (date_trunc('month', event.effective_on + interval '1 month'
           - interval '1 day') + interval '1 month')::date)
"""


@dataclass(frozen=True)
class Due:
    """One task of one event; ``task`` is None where nobody said anything about it."""

    event: Reorganisation
    milestone: Milestone
    on: date
    task: TimelineTask | None

    @property
    def title(self) -> str:
        return WHAT[self.milestone][0]

    @property
    def what(self) -> str:
        return WHAT[self.milestone][1]

    @property
    def owner(self) -> User | None:
        return self.task and self.task.owner

    @property
    def note(self) -> str:
        return self.task.note if self.task else ""

    @property
    def is_done(self) -> bool:
        return bool(self.task and self.task.done_at)

    @property
    def thing(self) -> str:
        """What names it where it is reminded of (`reminders.kinds`)."""
        return f"{self.event.slug}/{self.milestone}"

    def is_late(self, today: date) -> bool:
        return not self.is_done and self.on < today


@dataclass(frozen=True)
class Moment:
    """Tasks of one sort that fall due on one day, of several events."""

    on: date
    milestone: Milestone
    dues: list[Due]
    is_late: bool

    @property
    def title(self) -> str:
        return WHAT[self.milestone][0]


def of_events(events: Iterable[Reorganisation]) -> list[Due]:
    """Every task of these events, in order of their days; one query. None of a dropped event."""
    standing = [event for event in events if event.state not in Reorganisation.State.dropped()]
    said = {
        (task.reorganisation_id, task.milestone): task
        for task in TimelineTask.objects.filter(
            reorganisation__in=[event.pk for event in standing]
        ).select_related("owner", "done_by")
    }
    found = [
        Due(
            event,
            milestone,
            due_on(event.effective_on, milestone),
            said.get((event.pk, milestone)),
        )
        for event in standing
        for milestone in Milestone
    ]
    order = list(Milestone)
    return sorted(found, key=lambda due: (due.on, order.index(due.milestone), due.event.title))


def of_event(event: Reorganisation, user: User, *, today: date) -> list[Due]:
    """The tasks of an event that the user may see; none once it is long past and nobody spoke."""
    dues = of_events([event])
    if event.effective_on < today - PAST:
        dues = [due for due in dues if due.task]
    # Field users see the tasks that are theirs; the others, whose work events are, see all.
    return [due for due in dues if user.role != User.Role.FIELD or due.owner == user]


def may_keep(due: Due, user: User) -> bool:
    """Planners and managers keep every task; its owner says when it is done."""
    return may_plan(user) or (due.owner is not None and due.owner == user)


def events_of(user: User, *, today: date) -> list[Reorganisation]:
    """Events to come, or just past, that touch what the user may see, or of which a task is
    theirs; ``is_near`` where it is the former. One query."""
    flags = Flag.objects.on_plans().visible_to(user).filter(lapsed_at=None)
    owned = TimelineTask.objects.filter(reorganisation=OuterRef("pk"), owner=user, done_at=None)
    touched = Exists(flags.filter(reorganisation=OuterRef("pk")))
    return list(
        Reorganisation.objects.filter(effective_on__gte=today - PAST)
        .exclude(state__in=Reorganisation.State.dropped())
        .annotate(is_near=touched)
        .filter(Q(is_near=True) | Exists(owned))
        .order_by("effective_on", "title")
    )


def open_for(user: User, events: Iterable[Reorganisation]) -> list[Due]:
    """What the user has to do of these events (`events_of`): tasks of theirs, and for those who
    plan what nobody owns of the events that touch them. Not what is done. One query."""
    plans = may_plan(user)
    return [
        due
        for due in of_events(events)
        if not due.is_done
        and (due.owner == user or (due.owner is None and plans and due.event.is_near))
    ]


def soon(dues: Iterable[Due], *, today: date) -> list[Moment]:
    """What of these is late or due within two months, by day and sort."""
    near = [due for due in dues if due.on <= today + SOON]
    return [
        Moment(on, milestone, list(group), on < today)
        for (on, milestone), group in groupby(near, lambda due: (due.on, due.milestone))
    ]
