"""What a director reads of an event: what is touched, what must be decided, by whom, by when.

Counted and worked out when asked for, from the same effects and sheets as the pages.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date

from footprints.dated import ONE_DAY
from footprints.hanging import Hanging, on_events
from footprints.lives import Lives
from footprints.models import Reorganisation, Step, Succession, Version
from footprints.names import count, listed
from footprints.written import day_in_full

from ..models import Flag, TerritoryPlan, User
from ..sheets.deciding import sheet_of
from ..sheets.planning import in_words, planned
from .ours import MOST_PLANS, plans_touched

NAMED = 4  # rows to be decided that are named by code; more are counted


@dataclass(frozen=True)
class Task:
    """One thing to do: in which plan, by whom, by which day (the last on which it is in time).

    Done: nothing is left to do there, and ``by`` is None.
    """

    where: str
    what: str
    who: str
    by: date | None
    is_done: bool = False


@dataclass(frozen=True)
class Pair:
    """Old → new as the brief lists it; no successor: it closes."""

    old: Version
    new: Version | None
    share: object


@dataclass
class Brief:
    event: Reorganisation
    step: Step | None
    pairs: list[Pair] = field(default_factory=list)
    touched: list[Hanging] = field(default_factory=list)
    tasks: list[Task] = field(default_factory=list)
    more_plans: int = 0

    @property
    def to_decide(self) -> int:
        return sum(not task.is_done for task in self.tasks)


def brief(event: Reorganisation, user: User) -> Brief:
    """The brief of an event, of what the reader may see; a handful of queries a plan."""
    found = Brief(event, event.steps.last())
    rows = list(
        event.successions.now()
        .filter(passes=Succession.Passes.AREA)
        .order_by("predecessor", "pk")
        .values_list("predecessor", "successor", "share")
    )
    lives = Lives({key for row in rows for key in row[:2]})
    for old, new, share in rows:
        before = lives.before(old, event.effective_on)
        after = lives.near(new, event.effective_on) if new else None
        if before:
            found.pairs.append(Pair(before, after, share))
    found.pairs.sort(key=lambda pair: (pair.old.kind.tier, pair.old.name))
    found.touched = on_events([event], user)[event.pk]
    plans = plans_touched(event, user)
    found.more_plans = max(0, len(plans) - MOST_PLANS)
    keys = [plan.pk for plan in plans]
    flags = Flag.objects.on_plans().filter(reorganisation=event, object_id__in=keys)
    flag_of = {flag.object_id: flag for flag in flags.select_related("reorganisation")}
    for plan in plans[:MOST_PLANS]:
        found.tasks += tasks_of(plan, flag_of[plan.pk])
    posts = Flag.objects.of_posts().open().filter(reorganisation=event).count()
    if posts:
        found.tasks.append(
            Task(
                "People",
                f"Say where they went: {count(posts, 'post', 'posts')} at bodies that change. "
                "Nobody is moved by the machine.",
                "the data steward",
                event.effective_on - ONE_DAY,
            )
        )
    return found


def tasks_of(plan: TerritoryPlan, flag: Flag) -> Iterable[Task]:
    """What is next for one plan: decide, prepare, approve, apply, or nothing."""
    sheet = sheet_of(flag)
    found = planned(sheet)
    last = sheet.day - ONE_DAY
    if sheet.state == "applied" or flag.resolved_at:
        at = sheet.applied_at or flag.resolved_at
        yield Task(plan.name, f"Dealt with on {day_in_full(at)}.", "", None, is_done=True)
    elif flag.lapsed_at:
        yield Task(plan.name, "Touches nothing any more.", "", None, is_done=True)
    elif sheet.state == "approved":
        yield Task(
            plan.name, f"Approved: {in_words(found)}. Applied by itself.", "the clock", sheet.day
        )
    elif sheet.state == "prepared":
        if sheet.is_four_eyed:
            who = f"a colleague of {sheet.prepared_by}"
        else:
            who = str(sheet.prepared_by)
        yield Task(plan.name, f"Approve: {in_words(found)}.", who, last)
    elif found.undecided:
        yield from _to_decide(plan, found.undecided, last)
    elif found.closings or found.openings:
        words = f"By default {in_words(found)}: prepare it, and have it approved."
        yield Task(plan.name, words, str(plan.owner), last)
    else:
        yield Task(plan.name, "Nothing to change: units keep their codes.", "", None, is_done=True)


def _to_decide(plan: TerritoryPlan, rows, last: date) -> Iterable[Task]:
    """The rows that need somebody's word, by whom they are asked of; else the plan's owner."""
    asked: dict[str, list[str]] = {}
    for row in rows:
        to = row.decision.assigned_to if row.decision else None
        asked.setdefault(str(to or plan.owner), []).append(row.body.code)
    for who, codes in asked.items():
        named = listed(codes) if len(codes) <= NAMED else count(len(codes), "row", "rows")
        yield Task(plan.name, f"Decide who takes {named}, or hold it until a day.", who, last)
