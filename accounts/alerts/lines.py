"""What a line of the inbox says: what becomes of what, where it hits the reader, what is next.

Alerts of one event on one page are told together: a line is an event, and the plans, accounts and
people of the reader's that it hits. A few queries, however many lines.
"""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property
from typing import NamedTuple

from django.contrib.contenttypes.models import ContentType
from django.db import connection
from django.urls import reverse

from footprints.lives import Lives, brief
from footprints.models import Change, Reorganisation, Weight
from stakeholders.models import Post

from ..models import AccountLead, Alert, Assignment, Flag, Territory, TerritoryPlan, User
from ..territories.plans import may_plan
from ..watches import saying

WATCHES_SHOWN = 4  # things watched that one event touches
CLOSING = [str(change) for change in Change.closing()]

# What the events on the page change. Materialised: it is a view over two tables, and was asked
# anew for each row of a plan where the planner knew too little of them.
TOUCHES = """
WITH touch AS MATERIALIZED (
    SELECT reorganisation_id, organisation_id, change, other_id
    FROM footprints_touch WHERE reorganisation_id = ANY(%(events)s) AND passes = 'area'
)
"""

# What a flag's event does to what its plan holds: by successor or new parent, the bodies where
# they close or come in (few), their number in any case, and the territories that hold them.
# Of what somebody watches, all that the event does.
HITS = f"""
{TOUCHES}
SELECT flag.id, touch.change, touch.other_id,
       CASE WHEN touch.change = ANY(%(named)s) THEN array_agg(DISTINCT touch.organisation_id) END,
       count(DISTINCT touch.organisation_id), array_agg(DISTINCT territory.code)
FROM {Flag._meta.db_table} AS flag
JOIN {Reorganisation._meta.db_table} AS event ON event.id = flag.reorganisation_id
JOIN touch ON touch.reorganisation_id = event.id
JOIN {Assignment._meta.db_table} AS held ON held.organisation_id = touch.organisation_id
     AND held.plan_id = flag.object_id
     AND (held.closed_on IS NULL OR held.closed_on > event.effective_on)
JOIN {Territory._meta.db_table} AS territory ON territory.id = held.territory_id
WHERE flag.id = ANY(%(flags)s) AND flag.content_type_id = %(plan)s
  AND (%(own)s::bigint[] IS NULL OR territory.id = ANY(%(own)s))
GROUP BY 1, 2, 3
UNION ALL
SELECT flag.id, touch.change, touch.other_id, ARRAY[lead.organisation_id], 1, '{{}}'
FROM {Flag._meta.db_table} AS flag
JOIN {AccountLead._meta.db_table} AS lead ON lead.id = flag.object_id
JOIN touch ON touch.reorganisation_id = flag.reorganisation_id
     AND touch.organisation_id = lead.organisation_id
WHERE flag.id = ANY(%(flags)s) AND flag.content_type_id = %(lead)s
UNION ALL
SELECT flag.id, touch.change, touch.other_id,
       CASE WHEN touch.change = ANY(%(named)s) THEN array_agg(DISTINCT touch.organisation_id) END,
       count(DISTINCT touch.organisation_id), '{{}}'
FROM {Flag._meta.db_table} AS flag
JOIN touch ON touch.reorganisation_id = flag.reorganisation_id
WHERE flag.id = ANY(%(flags)s) AND NOT flag.content_type_id = ANY(%(kinds)s)
GROUP BY 1, 2, 3
"""

# The plan of each flag, and of a flag on an account lead who leads on what.
PLANS = f"""
SELECT flag.id, plan.name, territory.code, body.code
FROM {Flag._meta.db_table} AS flag
LEFT JOIN {AccountLead._meta.db_table} AS lead
     ON flag.content_type_id = %(lead)s AND lead.id = flag.object_id
LEFT JOIN {Territory._meta.db_table} AS territory ON territory.id = lead.territory_id
LEFT JOIN footprints_organisation AS body ON body.id = lead.organisation_id
JOIN {TerritoryPlan._meta.db_table} AS plan
     ON plan.id = coalesce(lead.plan_id, flag.object_id)
WHERE flag.id = ANY(%(flags)s) AND flag.content_type_id = ANY(%(kinds)s)
"""

# Posts at the bodies of each event that are there on its day or later.
PEOPLE = f"""
{TOUCHES}
SELECT event.id, count(DISTINCT post.id)
FROM touch
JOIN {Reorganisation._meta.db_table} AS event ON event.id = touch.reorganisation_id
JOIN {Post._meta.db_table} AS post ON post.organisation_id = touch.organisation_id
     AND (post.closed_on IS NULL OR post.closed_on > event.effective_on)
WHERE touch.change = ANY(%(changes)s)
GROUP BY 1
"""


# Whether the reader plans, and what it asks → what to do.
ASKS = {
    (True, Weight.ACT): "Decide on the sheet",
    (True, Weight.CHECK): "Say who takes it",
    (True, Weight.KNOW): "Nothing is asked",
    (False, Weight.ACT): "See who else is in it",
    (False, Weight.CHECK): "See what comes in",
    (False, Weight.KNOW): "Nothing is asked",
}


class Hit(NamedTuple):
    """What an event does to some of what a plan holds."""

    flag: int
    change: str
    other: int | None
    bodies: list[int] | None
    number: int
    territories: list[str]


class Place(NamedTuple):
    """Where an alert hits: its plan (or what is watched), the territories by code, or the account
    lead there."""

    alert: Alert
    plan: str
    territories: list[str]
    leads: tuple[str, str] | None  # territory, body
    address: str


class Old(NamedTuple):
    """A body that was: its code, and its name where there is room for it."""

    code: str
    name: str


class Becomes(NamedTuple):
    """Bodies that were, and the one they come into; None where they close."""

    old: list[Old]
    new: Old | None


@dataclass
class Line:
    """One event as it hits the reader: their alerts of it that stand on the page."""

    alerts: list[Alert]
    places: list[Place] = field(default_factory=list)
    becomes: list[Becomes] = field(default_factory=list)
    moved: list[tuple[int, Old]] = field(default_factory=list)  # so many get this parent
    changed: int = 0  # so many keep the code and become another kind of body
    people: int = 0
    is_asked: bool = False  # which successors of what is watched the reader follows

    @property
    def first(self) -> Alert:
        """The alert that asks most."""
        return self.alerts[0]

    @property
    def event(self) -> Reorganisation:
        return self.first.flag.reorganisation

    @property
    def address(self) -> str:
        """Where it is told in full: the flag of the reader's plan, else the event."""
        return self.places[0].address

    @cached_property
    def key(self) -> str:
        """The alerts of the line, as they are ticked."""
        return ",".join(str(alert.pk) for alert in self.alerts)

    def next_step(self, user: User) -> tuple[str, str]:
        """What the reader is to do, and the address where."""
        alert = self.first
        if self.places[0].leads:
            return "Name a lead again", self.address
        if alert.because == Alert.Because.VACANT:
            return "Find somebody for it", self.address
        if alert.because == Alert.Because.WATCH:
            if self.is_asked:
                return "Say which you follow", reverse("accounts:watch_questions")
            return "See what becomes of it", self.address
        asks = ASKS[may_plan(user), alert.weight]
        if may_plan(user) and alert.weight == Weight.ACT:
            return asks, reverse("accounts:sheet", args=[alert.flag_id])
        return asks, self.address


def lines_of(alerts: Iterable[Alert], user: User) -> list[Line]:
    """The lines of these alerts (with ``flag__reorganisation``), each where its first stands."""
    gathered: dict[int, Line] = {}
    for alert in alerts:
        gathered.setdefault(alert.flag.reorganisation_id, Line([])).alerts.append(alert)
    lines = list(gathered.values())
    if lines:
        _fill(lines, user)
    return lines


def _fill(lines: list[Line], user: User):
    kinds = ContentType.objects.get_for_models(TerritoryPlan, AccountLead)
    flags = [alert.flag_id for line in lines for alert in line.alerts]
    own = None
    if user.role == User.Role.FIELD:
        own = list(Territory.objects.visible_to(user).values_list("pk", flat=True))
    given = {
        "flags": flags,
        "plan": kinds[TerritoryPlan].pk,
        "lead": kinds[AccountLead].pk,
        "kinds": [kind.pk for kind in kinds.values()],
        "own": own,
        "named": [*CLOSING, str(Change.RECEIVES)],
        "events": [line.event.pk for line in lines],
        "changes": [str(c) for c in Post._meta.get_field("organisation").rule.outcomes],
    }
    hits: dict[int, list[Hit]] = defaultdict(list)
    with connection.cursor() as cursor:
        cursor.execute(HITS, given)
        for row in map(Hit._make, cursor.fetchall()):
            hits[row.flag].append(row)
        cursor.execute(PLANS, given)
        plans = {flag: rest for flag, *rest in cursor.fetchall()}
        cursor.execute(PEOPLE, given)
        people = dict(cursor.fetchall())
    events = {line.event for line in lines if any(a.flag_id not in plans for a in line.alerts)}
    watched = saying.lines_of(user, events) if events else {}
    told = [hit for rows in hits.values() for hit in rows]
    lives = Lives({hit.other for hit in told}.union(*(hit.bodies or () for hit in told)))
    for line in lines:
        line.people = people.get(line.event.pk, 0)
        for alert in line.alerts:
            is_watched = alert.flag_id not in plans
            plan, territory, body = plans.get(alert.flag_id, ("", None, None))
            codes = sorted({code for hit in hits[alert.flag_id] for code in hit.territories})
            leads = (territory, body) if territory else None
            if is_watched:
                touched = watched.get(line.event.pk, [])
                line.is_asked = any(each.asks for each in touched)
                plan = "; ".join(dict.fromkeys(each.in_short for each in touched[:WATCHES_SHOWN]))
                if len(touched) > WATCHES_SHOWN:
                    plan += f"; {len(touched) - WATCHES_SHOWN} more that you watch"
            line.places.append(Place(alert, plan, codes, leads, alert.get_absolute_url()))
        _say([hit for alert in line.alerts for hit in hits[alert.flag_id]], line, lives)


def _say(hits: list[Hit], line: Line, lives: Lives):
    """Old → new: what closes or comes in; where nothing does, what only changes its parent."""
    on = line.event.effective_on
    into: dict[int | None, dict[int, None]] = defaultdict(dict)
    parents: dict[int, int] = defaultdict(int)
    for hit in hits:
        if hit.change in CLOSING:
            into[hit.other].update(dict.fromkeys(hit.bodies))
        elif hit.change == Change.RECEIVES:
            for body in hit.bodies:
                into[body][hit.other] = None
        elif hit.change == Change.CHANGES_PARENT and hit.other:
            parents[hit.other] = max(parents[hit.other], hit.number)
        elif hit.change == Change.CHANGES_NATURE:
            line.changed = max(line.changed, hit.number)
    for new, bodies in into.items():
        old = sorted((_called(lives.before(body, on)) for body in bodies), key=lambda b: b.name)
        line.becomes.append(Becomes(old, _called(lives.near(new, on)) if new else None))
    line.becomes.sort(key=lambda each: (-len(each.old), each.new.name if each.new else ""))
    if not line.becomes:
        moved = [(number, _called(lives.near(key, on))) for key, number in parents.items()]
        line.moved = sorted(moved, key=lambda each: (-each[0], each[1].name))


def _called(version) -> Old:
    return Old(version.organisation.code, brief(version)) if version else Old("", "not known")
