"""What people do about their watches: begin one, stop some, answer where one is to go."""

from collections.abc import Collection, Iterable
from datetime import date, datetime

from django.db import models, transaction
from django.utils.timezone import now

from ..alerts import inbox
from ..models import Alert, TerritoryPlan, User, Watch, WatchList, WatchMove
from .moving import settle
from .searches import is_possible, words_of

MOST_OF_A_KIND = 1_000
MOST_SEARCHES = 50  # each is made again for every event


class WatchError(Exception):
    """What cannot be watched, in the reader's words."""


def list_of(user: User) -> WatchList:
    """The user's list, made with their first watch; locked for a change."""
    WatchList.objects.get_or_create(person=user)
    return WatchList.objects.select_for_update().get(person=user)


@transaction.atomic
def watch(user: User, *, on: date, moment: datetime | None = None, **thing) -> Watch:
    """Watch one thing from that day on: ``organisation``, ``reorganisation``, ``plan``,
    ``stakeholder`` or ``search``. Return the watch, also where there was one.

    A body that is gone leads to where its area is now, at once. Raises WatchError.
    """
    ((kind, what),) = thing.items()
    if kind == "plan" and not TerritoryPlan.objects.visible_to(user).filter(pk=what.pk).exists():
        raise WatchError("That plan is not one that you may open.")
    if kind == "search":
        what = words_of(what)
        if not what:
            raise WatchError("Say what to search for: every body there is cannot be watched.")
        if len(what) > Watch._meta.get_field("search").max_length:
            raise WatchError("That search is too long to be watched: ask for less at once.")
        if not is_possible(what):
            raise WatchError("The register knows no such kind, or no such code to look within.")
    held, moment = list_of(user), moment or now()
    most = MOST_SEARCHES if kind == "search" else MOST_OF_A_KIND
    others = (
        held.watches.exclude(search="") if kind == "search" else held.watches.filter(search="")
    )
    found = held.watches.filter(**{kind: what}).first()
    if kind == "organisation":
        # What was due of the others is news, even where the clock was not at it yet.
        settle([held.pk], on=on, moment=moment)
    if found is None:
        if others.filter(is_own=True).count() >= most:
            raise WatchError(f"You watch {most:,} already: stop some before you begin another.")
        found = held.watches.create(**{kind: what}, opened_on=on, made_at=moment)
    elif found.is_own:
        return found
    else:
        found.is_own = True
        found.save(update_fields=["is_own"])
    if kind == "organisation":
        settle([held.pk], on=on, moment=moment, is_news=False)
        found.refresh_from_db()
    WatchList.objects.filter(pk=held.pk).revise()
    return found


@transaction.atomic
def stop(user: User, keys: Iterable[int], *, on: date) -> int:
    """Watch these no more, nor anything for whose sake alone they are watched; return how many
    of them there were. Others' are none of theirs."""
    held = list_of(user)
    watches = list(held.watches.filter(pk__in=list(keys)))
    for each in watches:
        _stop(each)
    if watches:
        settle([held.pk], on=on, moment=now())
        WatchList.objects.filter(pk=held.pk).revise()
    return len(watches)


def _stop(one: Watch):
    """Not asked for any more; nor are those that led here and to nowhere else."""
    if one.organisation_id is None:
        one.delete()
        return
    Watch.objects.filter(pk=one.pk).update(is_own=False)
    here = models.Q(watch__list=one.list_id, successor=one.organisation_id)
    leading = WatchMove.objects.filter(here).exclude(choice=WatchMove.Choice.LEFT)
    sources = list(Watch.objects.filter(pk__in=leading.values("watch")))
    leading.update(choice=WatchMove.Choice.LEFT, answered_at=now())
    for source in sources:
        if not source.moves.exclude(choice=WatchMove.Choice.LEFT).exists():
            _stop(source)


@transaction.atomic
def answer(user: User, question: Watch, follow: Collection[int], *, on: date) -> int:
    """Follow these successors (keys of bodies) of a watch whose body an event split, and none of
    the others; return how many are followed. May be answered again. Raises WatchError."""
    held = list_of(user)
    moves = WatchMove.objects.filter(
        watch=question.pk, watch__list=held, reorganisation=question.closed_by_id
    ).exclude(choice=WatchMove.Choice.MOVED)
    offered = set(moves.values_list("successor", flat=True))
    if not offered:
        raise WatchError("Nothing is asked about this watch any more.")
    if not set(follow) <= offered:
        raise WatchError("That is none of its successors.")
    at = now()
    moves.filter(successor__in=follow).update(choice=WatchMove.Choice.KEPT, answered_at=at)
    moves.exclude(successor__in=follow).update(choice=WatchMove.Choice.LEFT, answered_at=at)
    settle([held.pk], on=on, moment=at)
    WatchList.objects.filter(pk=held.pk).revise()
    if not questions(user).filter(closed_by=question.closed_by_id).exists():
        # What the event asked of the reader's watches is answered: their alert of it asks no more.
        asking = Alert.objects.filter(
            person=user,
            because=Alert.Because.WATCH,
            flag__reorganisation=question.closed_by_id,
        )
        inbox.deal_with(asking.values_list("pk", flat=True), by=user, note="Answered.")
    return len(set(follow))


def questions(user: User) -> models.QuerySet:
    """The user's watches of bodies that were split, about which they are still asked."""
    asked = WatchMove.objects.filter(watch=models.OuterRef("pk"), choice=WatchMove.Choice.ASKED)
    found = Watch.objects.visible_to(user).filter(models.Exists(asked))
    return found.select_related("organisation", "closed_by").order_by("closed_on", "pk")


__all__ = ["WatchError", "answer", "list_of", "questions", "stop", "watch"]
