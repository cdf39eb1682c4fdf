"""What events do to one person's watches, for letters and pages: a line a thing that is touched.

The same that flagging finds in sets (`reaching`), here with names, for one reader.
"""

from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, datetime

from django.contrib.contenttypes.models import ContentType
from django.db.models import F, Q

from footprints.dated import ONE_DAY
from footprints.lives import Lives, titled
from footprints.models import Change, Reorganisation, Succession, Touch
from footprints.names import listed
from footprints.shares import fill_in
from footprints.written import share as in_words
from stakeholders.models import Tenure

from ..models import Flag, TerritoryPlan, User, Watch, WatchMove
from ..models.watches import WATCH_RULE
from .searches import found_by, said


@dataclass(frozen=True)
class Body:
    """A body by its code and what it is called around the day."""

    key: int
    code: str
    name: str
    share: float | None = None
    is_followed: bool = True

    def __str__(self):
        return f"{self.code} {self.name}"


@dataclass(frozen=True)
class Line:
    """One watch that an event touches: which, what becomes of it, and where it goes.

    ``state``: "moved", "asks", "answered" or "ended" of a watch that went along; "coming" of one
    that will, or would; "" of one that stays. ``old`` and ``new`` are of bodies alone, ``thing``
    names what else is watched.
    """

    watch: Watch
    event: Reorganisation
    says: str
    state: str = ""
    old: Body | None = None
    new: tuple[Body, ...] = ()

    thing: str = ""

    @property
    def asks(self) -> bool:
        return self.state == "asks"

    @property
    def in_short(self) -> str:
        """Where there is little room: "09C → 91Q", or what is watched."""
        if self.old is None:
            return self.thing
        to = listed([each.code for each in self.new])
        return f"{self.old.code} → {to}" if to else self.old.code


def lines_of(user: User, events: Collection[Reorganisation]) -> dict[int, list[Line]]:
    """Event → what it does to what the user watches, what asks most first; a fixed number of
    queries, and two a watched search and day."""
    by_key = {event.pk: event for event in events}
    if not by_key:
        return {}
    watches = list(Watch.objects.visible_to(user).select_related("stakeholder", "plan"))
    if not watches:
        return {}
    found: dict[int, list[Line]] = defaultdict(list)
    rows = Touch.objects.of_area().filter(
        reorganisation__in=by_key, change__in=list(WATCH_RULE.outcomes)
    )
    touches = defaultdict(list)
    for touch in rows.values("reorganisation", "organisation", "change", "other"):
        touches[touch["reorganisation"]].append(touch)
    parts = (_bodies, _events, _plans, _people, _searches)
    for part in parts:
        for line in part(user, watches, by_key, touches):
            found[line.event.pk].append(line)
    order = {"asks": 0, "ended": 1, "moved": 2, "answered": 3, "coming": 4, "": 5}
    for lines in found.values():
        lines.sort(key=lambda line: order[line.state])
    return dict(found)


def _bodies(user, watches, events, touches):
    of_body = {watch.organisation_id: watch for watch in watches if watch.organisation_id}
    moves = defaultdict(list)
    for move in WatchMove.objects.filter(watch__in=of_body.values(), reorganisation__in=events):
        moves[move.watch_id, move.reorganisation_id].append(move)
    hit = [
        (event, touch)
        for event, those in touches.items()
        for touch in those
        if touch["organisation"] in of_body
    ]
    keys = {touch[end] for _, touch in hit for end in ("organisation", "other")}
    lives = Lives(keys)
    shares = _shares({event for event, _ in hit}, {touch["organisation"] for _, touch in hit})
    # What comes to a body by a watch of one's own is said of that one.
    told = {
        (move.reorganisation_id, move.successor_id) for some in moves.values() for move in some
    }
    by_watch = defaultdict(list)
    for event, touch in hit:
        watch = of_body[touch["organisation"]]
        if touch["change"] == Change.RECEIVES and (event, watch.organisation_id) in told:
            continue
        by_watch[event, watch.pk].append(touch)
    of_key = {watch.pk: watch for watch in of_body.values()}
    for (key, watch_key), those in by_watch.items():
        event, watch = events[key], of_key[watch_key]
        went = moves[watch_key, key]
        if not went and not _hears(watch, event.effective_on):
            continue
        yield _body_line(watch, event, those, went, lives, shares)


def _hears(watch: Watch, day: date) -> bool:
    return watch.opened_on <= day and (watch.closed_on is None or watch.closed_on >= day)


def _body_line(watch, event, touches, moves, lives, shares):
    day = event.effective_on
    followed = {move.successor_id: move.choice != WatchMove.Choice.LEFT for move in moves}

    def body(key, on):
        version = lives.near(key, on)
        name, code = (titled(version), version.organisation.code) if version else ("", "")
        share = shares.get((event.pk, watch.organisation_id, key))
        return Body(key, code, name, share, followed.get(key, True))

    old = body(watch.organisation_id, day - ONE_DAY)
    closing = [touch for touch in touches if touch["change"] in Change.closing()]
    new = tuple(body(touch["other"], day) for touch in closing if touch["other"] is not None)
    new = tuple(sorted(new, key=lambda each: (-(each.share or 0), each.code)))
    if moves:
        return _moved(watch, event, old, new, moves)
    if closing:
        would = "becomes" if event.is_decided else "would become"
        to = listed([str(each) for each in new])
        says = f"{old} {would} {to}: your watch goes along."
        if len(new) > 1:
            splits = "is split into" if event.is_decided else "would be split into"
            says = f"{old} {splits} {to}: you will be asked which of them you follow."
        elif not new:
            ends = "closes" if event.is_decided else "would close"
            says = f"{old} {ends} without a successor."
        return Line(watch, event, says, "coming", old, new)
    does = {Change(touch["change"]).label for touch in touches}
    return Line(watch, event, f"{old} {listed(sorted(does))}; your watch stays.", "", old)


def _moved(watch, event, old, new, moves):
    choices = {move.choice for move in moves}
    if not new:
        says = (
            f"Your watch on {old} has ended: the body closed without a successor. Watch another "
            "body in its place, or stop watching it."
        )
        return Line(watch, event, says, "ended", old)
    if WatchMove.Choice.ASKED in choices:
        parts = listed([_part(each) for each in new])
        says = (
            f"{old}, which you watch, was split into {parts}. Say which of them you follow; until "
            "you do, you hear of all."
        )
        return Line(watch, event, says, "asks", old, new)
    kept = tuple(each for each in new if each.is_followed)
    if WatchMove.Choice.MOVED in choices and kept:
        to = listed([str(each) for each in kept])
        return Line(watch, event, f"Your watch on {old} moved to {to}.", "moved", old, kept)
    to = listed([str(each) for each in kept]) or "none of its successors"
    return Line(watch, event, f"{old} was split: you follow {to}.", "answered", old, new)


def _part(body: Body) -> str:
    return f"{body} ({in_words(body.share)})" if body.share is not None else str(body)


def _shares(events, bodies) -> dict[tuple[int, int, int], float]:
    """(event, predecessor, successor) → the part of it that passes, stated or derived."""
    rows = list(
        Succession.objects.now()
        .filter(reorganisation__in=events, predecessor__in=bodies, successor__isnull=False)
        .filter(passes=Succession.Passes.AREA)
        .select_related("reorganisation")
    )
    fill_in(rows, None)
    return {
        (row.reorganisation_id, row.predecessor_id, row.successor_id): row.share for row in rows
    }


def _events(user, watches, events, touches):
    for watch in watches:
        event = events.get(watch.reorganisation_id)
        if event and watch.opened_on <= event.effective_on:
            yield Line(watch, event, "You watch this reorganisation.", thing="the event")


def _plans(user, watches, events, touches):
    held = {watch.plan_id: watch for watch in watches if watch.plan_id}
    if not held:
        return
    seen = TerritoryPlan.objects.visible_to(user).filter(pk__in=held)
    flags = Flag.objects.filter(
        content_type=ContentType.objects.get_for_model(TerritoryPlan),
        object_id__in=seen.values("pk"),
        reorganisation__in=events,
        lapsed_at=None,
    )
    for plan, key in flags.values_list("object_id", "reorganisation"):
        watch, event = held[plan], events[key]
        if watch.opened_on <= event.effective_on:
            says = f"It touches {watch.plan}, a plan that you watch."
            yield Line(watch, event, says, thing=str(watch.plan))


def _people(user, watches, events, touches):
    held = {watch.stakeholder_id: watch for watch in watches if watch.stakeholder_id}
    if not held:
        return
    bodies = defaultdict(set)
    for key, those in touches.items():
        for touch in those:
            bodies[touch["organisation"]].add(key)
    tenures = Tenure.objects.filter(person__in=held, post__organisation__in=bodies)
    told = set()
    for tenure in tenures.select_related("post__organisation").order_by("pk"):
        watch = held[tenure.person_id]
        for key in sorted(bodies[tenure.post.organisation_id]):
            event = events[key]
            on = event.effective_on
            starts = tenure.opened_on is None or tenure.opened_on <= on
            holds = starts and (tenure.closed_on is None or tenure.closed_on >= on)
            if holds and watch.opened_on <= on and (watch.pk, key, tenure.post_id) not in told:
                told.add((watch.pk, key, tenure.post_id))
                post = f"{tenure.post.role} at {tenure.post.organisation.code}"
                says = f"It touches {watch.stakeholder}, whom you watch: {post}."
                yield Line(watch, event, says, thing=str(watch.stakeholder))


def _searches(user, watches, events, touches):
    held = {watch.search: watch for watch in watches if watch.search}
    words = said(held) if held else {}
    for search, watch in held.items():
        for key, those in touches.items():
            day = events[key].effective_on
            if watch.opened_on > day:
                continue
            bodies = {touch["organisation"] for touch in those}
            found = found_by(search, (day - ONE_DAY, day), bodies)
            if found:
                lives = Lives(found)
                codes = sorted(lives.near(body, day).organisation.code for body in found)
                more = f" and {len(codes) - 6} more" if len(codes) > 6 else ""
                says = f"It touches {', '.join(codes[:6])}{more}, which your search for "
                says = f"{says}{words[search]} finds."
                yield Line(watch, events[key], says, thing=words[search])


def what_is_coming(user: User, *, today: date) -> dict[int, list[Line]]:
    """Watch → what standing events of the days after today do to it, the next first."""
    events = Reorganisation.objects.standing().filter(effective_on__gt=today)
    found = defaultdict(list)
    for lines in lines_of(user, list(events.order_by("effective_on", "pk"))).values():
        for line in lines:
            found[line.watch.pk].append(line)
    for lines in found.values():
        lines.sort(key=lambda line: (line.event.effective_on, line.event.pk))
    return dict(found)


def notices_of(user: User, *, since: datetime) -> tuple[list[str], list[Line]]:
    """What the user's watches went through: the codes of bodies whose split asks them, and where
    their watches went since that moment, the newest first. One query where there is nothing."""
    asks, is_recent = Q(choice=WatchMove.Choice.ASKED), Q(is_news=True, moved_at__gte=since)
    rows = WatchMove.objects.filter(asks | is_recent, watch__list__person=user).order_by("pk")
    moves = list(rows.select_related("watch__organisation", "reorganisation"))
    asked = {move.watch.organisation.code for move in moves if move.choice == move.Choice.ASKED}
    moved = [move for move in moves if move.choice != move.Choice.ASKED]
    of_moved = {move.watch_id for move in moved}
    found = lines_of(user, {move.reorganisation for move in moved})
    lines = [
        line
        for some in found.values()
        for line in some
        if line.watch.pk in of_moved and line.state in ("moved", "ended")
    ]
    lines.sort(key=lambda line: (line.event.effective_on, line.watch.pk), reverse=True)
    return sorted(asked), lines


def came_from(user: User) -> dict[int, list[str]]:
    """Body → the codes of those whose watches of the user's went to it."""
    moves = WatchMove.objects.filter(watch__list__person=user, successor__isnull=False).exclude(
        choice=WatchMove.Choice.LEFT
    )
    found = defaultdict(list)
    rows = moves.annotate(code=F("watch__organisation__code")).order_by("code")
    for body, code in rows.values_list("successor", "code"):
        found[body].append(code)
    return dict(found)


__all__ = ["Body", "Line", "came_from", "lines_of", "notices_of", "what_is_coming"]
