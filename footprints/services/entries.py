"""Facts entered by hand. A saved fact is a release; a correction is a new row, never an edit."""

from django.db import transaction

from ..models import Release, Reorganisation
from .releases import content, open_release

SOURCE = "entry"


class Superseded(Exception):
    """The fact on the page is no longer the one that stands; somebody else changed it."""


@transaction.atomic
def enter_fact(fact, *, by, replaces=None):
    """Assert an unsaved fact in a release of its own, instead of the one it replaces, if any.

    Returns the fact saved. A fact equal to the one it replaces is no release: that one is
    returned. Raises Superseded where the replaced fact was retracted meanwhile.
    """
    if replaces and _contents(fact) == _contents(replaces):
        return replaces
    verb = "Corrected" if replaces else "Entered"
    release = _open(f"{verb}: {fact._meta.verbose_name} {fact}", by)
    if replaces:
        _retract(replaces, release)
    fact.pk = None
    fact.asserted_by = release
    fact.retracted_by = None
    fact.save(force_insert=True)
    _renew_event(fact, replaces)
    return fact


@transaction.atomic
def withdraw_facts(facts, *, by) -> Release:
    """Retract facts in one release. Raises Superseded where one was retracted meanwhile."""
    facts = list(facts)
    subject = str(facts[0]) if len(facts) == 1 else f"{len(facts)} facts"
    release = _open(f"Withdrawn: {facts[0]._meta.verbose_name} {subject}", by)
    for fact in facts:
        _retract(fact, release)
        _renew_event(fact)
    return release


def _open(title: str, by) -> Release:
    return open_release(kind=Release.Kind.ENTRY, source=SOURCE, by=by, title=title[:200])


def _contents(fact) -> dict:
    names = set(content(type(fact)))
    return {
        f.column: f.value_from_object(fact) for f in fact._meta.local_fields if f.column in names
    }


def _retract(fact, release: Release):
    standing = type(fact).objects.now().filter(pk=fact.pk)
    if not standing.update(retracted_by=release):
        raise Superseded(f"“{fact}” was changed meanwhile: open it again.")


def _renew_event(*facts):
    events = {fact.reorganisation_id for fact in facts if hasattr(fact, "reorganisation_id")}
    Reorganisation.objects.filter(pk__in=events).revise()
