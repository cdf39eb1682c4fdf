"""Valid rows with the fewest fields; a test says only what it is about.

A fact without ``asserted_by`` comes in a release of its own, as an entry by hand does.
"""

import itertools
from datetime import date

from django.contrib.contenttypes.models import ContentType
from django.utils.timezone import now
from shapely import box, to_wkb

from accounts.certifying.holding import wording_of
from accounts.models import (
    Alert,
    Assignment,
    Certificate,
    Challenge,
    DataSupplier,
    Delivery,
    Digest,
    Figure,
    Flag,
    Freeze,
    Job,
    JobSheet,
    Measure,
    PlanChange,
    Reminder,
    RosterEntry,
    Scenario,
    SharedUnit,
    Subscription,
    Suggestion,
    Team,
    Territory,
    TerritoryPlan,
    TimelineTask,
    User,
    Watch,
    WatchList,
    WatchMove,
    Webhook,
)
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
from stakeholders.models import Person, Post, Tenure

DAY = date(2020, 4, 1)

_numbers = itertools.count(1)


def _new(prefix: str) -> str:
    """A value that no other row has; its letters are no ODS code's."""
    return f"{prefix}{next(_numbers):04}"


# --- The register -------------------------------------------------------------------------------


def release(*, kind=Release.Kind.FILE, source="test", **fields) -> Release:
    return Release.objects.create(kind=kind, source=source, **{"applied_at": now(), **fields})


def kind(code="ccg", **fields) -> Kind:
    """The kind of that code; made where the register holds none."""
    found, _ = Kind.objects.get_or_create(
        code=code,
        defaults={
            "name": code,
            "plural": f"{code}s",
            "family": Kind.Family.COMMISSIONING,
            "tier": 4,
            "is_legal_body": True,
            "is_footprint": True,
            "is_unit": True,
            **fields,
        },
    )
    return found


def organisation(code=None, **fields) -> Organisation:
    return Organisation.objects.create(code=code or _new("ZZ"), **fields)


def fact(model, **fields):
    """A fact of that model, known now; in a release of its own unless it says by which."""
    if "asserted_by" not in fields:
        fields["asserted_by"] = release()
    return model.objects.create(**fields)


def version(body=None, *, kind_code="ccg", name="NHS Somewhere CCG", **fields) -> Version:
    """What a body is from 1 April 2013 on; the body is made where none is given."""
    return fact(
        Version,
        organisation=body or organisation(),
        kind=kind(kind_code),
        name=name,
        **{"opened_on": date(2013, 4, 1), **fields},
    )


def body(code=None, **fields) -> Organisation:
    """An organisation that lives: with a version."""
    made = organisation(code)
    version(made, **fields)
    return made


def identifier(**fields) -> Identifier:
    fields["organisation"] = fields.get("organisation") or organisation()
    return fact(Identifier, **{"scheme": "gss", "value": "E38000001", **fields})


def population(**fields) -> Population:
    fields["organisation"] = fields.get("organisation") or organisation()
    return fact(Population, **{"year": 2019, "boundary_on": DAY, "people": 100_000, **fields})


def boundary(*, around=(530_000, 180_000), side=10_000, **fields) -> Boundary:
    """A square: its middle in metres of the National Grid, its side in metres."""
    fields["organisation"] = fields.get("organisation") or organisation()
    east, north = around
    square = box(east - side // 2, north - side // 2, east + side // 2, north + side // 2)
    return fact(Boundary, **{"boundary_on": DAY, "shape": to_wkb(square), **fields})


def relationship(**fields) -> Relationship:
    for end in ("child", "parent"):
        fields[end] = fields.get(end) or organisation()
    return fact(Relationship, **{"type": Relationship.Type.PART_OF, **fields})


def lead_provider(**fields) -> LeadProvider:
    for end in ("collaborative", "provider"):
        fields[end] = fields.get(end) or organisation()
    return fact(LeadProvider, **{"service_line": "adult secure", **fields})


def reorganisation(**fields) -> Reorganisation:
    return Reorganisation.objects.create(
        **{
            "slug": _new("event-"),
            "kind": Reorganisation.Kind.MERGER,
            "title": "A merger",
            "effective_on": DAY,
            "state": Reorganisation.State.EFFECTIVE,
            **fields,
        }
    )


def succession(**fields) -> Succession:
    """The whole of one body passes to another; name ``successor=None`` for a closure."""
    fields["reorganisation"] = fields.get("reorganisation") or reorganisation()
    fields["predecessor"] = fields.get("predecessor") or organisation()
    if "successor" not in fields:
        fields["successor"] = organisation()
    return fact(Succession, **fields)


def move(**fields) -> Move:
    fields["reorganisation"] = fields.get("reorganisation") or reorganisation()
    for end in ("child", "from_parent", "to_parent"):
        fields[end] = fields.get(end) or organisation()
    return fact(Move, **{"type": Relationship.Type.PART_OF, **fields})


# --- The people ---------------------------------------------------------------------------------


def person(**fields) -> Person:
    return Person.objects.create(**{"given_name": "Ada", "family_name": _new("Test"), **fields})


def post(**fields) -> Post:
    fields["organisation"] = fields.get("organisation") or organisation()
    return Post.objects.create(**{"role": "Head of Medicines Optimisation", **fields})


def tenure(**fields) -> Tenure:
    fields["post"] = fields.get("post") or post()
    fields["person"] = fields.get("person") or person()
    return Tenure.objects.create(**{"is_shared": fields["post"].is_shared, **fields})


# --- Our side -----------------------------------------------------------------------------------


def team(**fields) -> Team:
    return Team.objects.create(**{"name": _new("Team "), **fields})


def data_supplier(**fields) -> DataSupplier:
    return DataSupplier.objects.create(**{"name": _new("Supplier "), **fields})


def freeze(**fields) -> Freeze:
    fields["team"] = fields.get("team") or team()
    return Freeze.objects.create(
        **{"opened_on": DAY, "closed_on": date(2020, 4, 20), "reason": "year end", **fields}
    )


def user(**fields) -> User:
    return User.objects.create(**{"username": _new("user"), **fields})


def plan(**fields) -> TerritoryPlan:
    fields["team"] = fields.get("team") or team()
    fields["owner"] = fields.get("owner") or user(team=fields["team"])
    return TerritoryPlan.objects.create(**{"name": _new("Plan "), "opened_on": DAY, **fields})


def territory(**fields) -> Territory:
    fields["plan"] = fields.get("plan") or plan()
    code = _new("T")
    return Territory.objects.create(**{"code": code, "name": code, **fields})


def assignment(**fields) -> Assignment:
    fields["territory"] = fields.get("territory") or territory()
    fields["organisation"] = fields.get("organisation") or organisation()
    return Assignment.objects.create(
        **{"plan": fields["territory"].plan, "opened_on": DAY, **fields}
    )


def roster_entry(**fields) -> RosterEntry:
    fields["territory"] = fields.get("territory") or territory()
    if "user" not in fields and "name" not in fields:
        fields["user"] = user()
    return RosterEntry.objects.create(**{"opened_on": DAY, **fields})


def flag(root=None, **fields) -> Flag:
    root = root or plan()
    fields["reorganisation"] = fields.get("reorganisation") or reorganisation()
    return Flag.objects.create(
        content_type=ContentType.objects.get_for_model(root),
        object_id=root.pk,
        **{"weight": 1, "raised_at": now(), **fields},
    )


def timeline_task(**fields) -> TimelineTask:
    fields["reorganisation"] = fields.get("reorganisation") or reorganisation()
    return TimelineTask.objects.create(**{"milestone": "legal-day", **fields})


def job(*flags, **fields) -> Job:
    """A job on the sheets of these flags of one event; of one, where none is given."""
    flags = flags or (flag(),)
    fields = {"deed": "apply", "by": fields.get("by") or user(role="planner"), **fields}
    fields = {"asked_at": now(), "event": flags[0].reorganisation, **fields}
    made = Job.objects.create(**{"total": len(flags), **fields})
    JobSheet.objects.bulk_create(JobSheet(job=made, flag=one) for one in flags)
    return made


def digest(**fields) -> Digest:
    fields["person"] = fields.get("person") or user()
    fields = {"effective_on": DAY, "raised_at": now(), "due_at": now(), **fields}
    return Digest.objects.create(**fields)


def alert(**fields) -> Alert:
    """An alert of a flag that its person has not been told of."""
    fields["flag"] = fields.get("flag") or flag()
    fields["person"] = fields.get("person") or user()
    fields = {"holder": fields["person"], "because": Alert.Because.OWNER, **fields}
    event = fields["flag"].reorganisation
    fields = {"effective_on": event.effective_on, "weight": fields["flag"].weight, **fields}
    fields = {"news": f"{event.effective_on} decided", "raised_at": now(), **fields}
    return Alert.objects.create(**fields)


def reminder(**fields) -> Reminder:
    fields["person"] = fields.get("person") or user()
    fields = {"kind": "report", "thing": _new(""), "due_on": DAY, "remind_on": DAY, **fields}
    return Reminder.objects.create(**{"says": "A report", "raised_at": now(), **fields})


def watch(*, person=None, **fields) -> Watch:
    """A watch of a body, unless it says of what else."""
    if not {"reorganisation", "plan", "stakeholder", "search"} & set(fields):
        fields["organisation"] = fields.get("organisation") or organisation()
    if "list" not in fields:
        fields["list"], _ = WatchList.objects.get_or_create(person=person or user())
    return Watch.objects.create(**{"opened_on": DAY, "made_at": now(), **fields})


def watch_move(**fields) -> WatchMove:
    """Where an event had a watch go by itself."""
    fields["watch"] = fields.get("watch") or watch()
    fields["reorganisation"] = fields.get("reorganisation") or reorganisation()
    if "successor" not in fields:
        fields["successor"] = organisation()
    return WatchMove.objects.create(**{"choice": "moved", "moved_at": now(), **fields})


def certificate(**fields) -> Certificate:
    """An approval of the letter about changes, in its wording as it is, for a century."""
    fields = {"letter": "changes", "by": fields.get("by") or user(), **fields}
    fields = {"job_bag": _new("JB-"), "approved_by_name": "Dr Ida Quill", "at": now(), **fields}
    fields = {"approved_on": date(2020, 1, 1), "expires_on": date(2120, 1, 1), **fields}
    return Certificate.objects.create(
        **{"wording": wording_of(Digest.About(fields["letter"])), **fields}
    )


def challenge(**fields) -> Challenge:
    fields["territory"] = fields.get("territory") or territory()
    values = {"plan": fields["territory"].plan, "reason": "Not like this", "at": now(), **fields}
    values["organisation"] = values.get("organisation") or organisation()
    values["by"] = values.get("by") or user()
    return Challenge.objects.create(**values)


def plan_change(**fields) -> PlanChange:
    fields["plan"] = fields.get("plan") or plan()
    values = {"at": now(), "from_on": DAY, "says": "Moved", "rows": [], "revision": 1}
    return PlanChange.objects.create(**{**values, **fields})


def measure(**fields) -> Measure:
    fields["by"] = fields.get("by") or user()
    values = {"name": _new("Sales "), "source": "test", "counted_on": DAY, "at": now()}
    return Measure.objects.create(**{**values, **fields})


def figure(**fields) -> Figure:
    fields["measure"] = fields.get("measure") or measure()
    fields["organisation"] = fields.get("organisation") or organisation()
    return Figure.objects.create(**{"amount": 1, **fields})


def shared_unit(**fields) -> SharedUnit:
    fields["territory"] = fields.get("territory") or territory()
    fields["organisation"] = fields.get("organisation") or organisation()
    return SharedUnit.objects.create(**{"share": 1, **fields})


def suggestion(**fields) -> Suggestion:
    fields["plan"] = fields.get("plan") or plan()
    fields["by"] = fields.get("by") or fields["plan"].owner
    values = {"from_on": fields["plan"].opened_on, "asked_at": now(), **fields}
    return Suggestion.objects.create(**values)


def scenario(**fields) -> Scenario:
    """A scenario whose draft is empty: what it would hold is a matter of `accounts.scenarios`."""
    fields["event"] = fields.get("event") or reorganisation()
    fields["plan"] = fields.get("plan") or plan()
    fields["draft"] = fields.get("draft") or plan(team=fields["plan"].team)
    return Scenario.objects.create(
        **{
            "revision": 1,
            "plan_revision": 1,
            "made_by": fields["plan"].owner,
            "made_at": now(),
            **fields,
        }
    )


# --- Webhooks -----------------------------------------------------------------------------------


def webhook(*topics, **fields) -> Webhook:
    """A webhook of the whole company that hears of these topics from the first row on."""
    fields["by"] = fields.get("by") or user(role="manager")
    values = {
        "name": _new("Webhook "),
        "address": "https://hooks.example.com/in",
        "secret": "whsec_" + "c2VjcmV0" * 5,
        "secret_changed_at": now(),
        "made_at": now(),
        **fields,
    }
    made = Webhook.objects.create(**values)
    for topic in topics:
        Subscription.objects.create(webhook=made, topic=topic, read_to=0)
    return made


def delivery(**fields) -> Delivery:
    fields["webhook"] = fields.get("webhook") or webhook()
    values = {
        "topic": "plan.active",
        "thing": next(_numbers),
        "says": "Plan active: North",
        "body": '{"says": "Plan active: North"}',
        "made_at": now(),
        "next_try_at": now(),
        **fields,
    }
    return Delivery.objects.create(**values)
