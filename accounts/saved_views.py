"""Saved views of lists: kept, shown to colleagues, and taken away again."""

from django.db import transaction
from django.http import QueryDict
from django.urls import Resolver404, resolve

from footprints.lists import ListView

from .models import SavedView, User

MOST = 30  # of one person and one list: more are a list of their own
LONGEST = SavedView._meta.get_field("query").max_length

# The place in the list, the form of the answer and the day shown are no part of a view.
NOT_KEPT = ("after", "before", "format", "on", "known")


class SavedViewError(Exception):
    """Why a view cannot be kept, in the reader's words."""


def words_of(query: str | QueryDict) -> str:
    """What of a list's address makes it a view, in one order; "" for the list as it comes."""
    given = QueryDict(query) if isinstance(query, str) else query
    kept = QueryDict(mutable=True)
    for name in sorted(set(given) - set(NOT_KEPT)):
        values = [value.replace("\x00", " ").strip() for value in given.getlist(name)]
        if any(values):
            kept.setlist(name, [value for value in values if value])
    return kept.urlencode()


def is_list(path: str) -> bool:
    """Whether the address is that of a list."""
    try:
        view = resolve(path).func
    except Resolver404:
        return False
    return issubclass(getattr(view, "view_class", object), ListView)


def of_list(user: User, path: str) -> list[SavedView]:
    """The views of that list that the user sees, their own first."""
    found = SavedView.objects.visible_to(user).filter(path=path).select_related("person")
    return sorted(found, key=lambda view: (view.person_id != user.pk, view.name.lower(), view.pk))


@transaction.atomic
def save(user: User, path: str, query: str, *, name: str, is_shown: bool = False) -> SavedView:
    """Keep a list as it is narrowed under a name; under one that the user has, in its place.

    ``is_shown``: colleagues of the user's team see it too. Raises SavedViewError.
    """
    name, query = " ".join(name.replace("\x00", " ").split()), words_of(query)
    if not name:
        raise SavedViewError("Give the view a name.")
    if len(name) > SavedView._meta.get_field("name").max_length:
        raise SavedViewError("That name is too long: sixty letters are enough.")
    if not query:
        raise SavedViewError("Narrow or sort the list first: as it comes it needs no name.")
    if len(query) > LONGEST:
        raise SavedViewError("The list is narrowed by too much to be kept.")
    # The person's row is the lock: of two at once the second sees the first.
    User.objects.select_for_update().get(pk=user.pk)
    own = SavedView.objects.filter(person=user, path=path)
    if own.exclude(name=name).count() >= MOST:
        raise SavedViewError(f"You keep {MOST} views of this list. Take one away first.")
    team = user.team if is_shown else None
    return own.update_or_create(
        person=user, path=path, name=name, defaults={"query": query, "team": team}
    )[0]


__all__ = ["SavedViewError", "is_list", "of_list", "save", "words_of"]
