"""Panels that the upper floors put on the register's pages; they register in ``ready()``.

``register("reorganisation", panel)`` or ``register("organisation", panel)``: the page calls
``panel(request, event or organisation)``, which returns rendered HTML, or "" for nothing. A panel
about the rows of one ``OrganisationKey`` names it, so that a page that has counted what hangs on
the body need not ask it for nothing: ``otherwise`` says what to show then.

``register("organisation deeds", panel)``: what may be done with the subject, beside its title; so
for a reorganisation, a person, and a search, whose subject is the query of the register's list.

``register("list", panel)``: over the rows of every list, whose subject is the list's page.

``register("board", panel)``: asked once for all the cards of the board, ``panel(request, events)``
returns rendered HTML by the event's key, for those of which it has something to say.
"""

from collections import defaultdict

_panels = defaultdict(list)


def register(page: str, panel, *, key=None, otherwise=None):
    if (panel, key, otherwise) not in _panels[page]:
        _panels[page].append((panel, key, otherwise))


def of(page: str, request, subject, hanging: set[str] | None = None) -> list[str]:
    """The panels of a page about the subject, in the order they were registered.

    ``hanging`` is what hangs on it, as the rules of the keys say it, where the page knows.
    """
    found = []
    for panel, key, otherwise in _panels[page]:
        if key is not None and hanging is not None and key.rule.says not in hanging:
            panel = otherwise
        if panel and (html := panel(request, subject)):
            found.append(html)
    return found


def of_cards(page: str, request, subjects) -> dict[int, list[str]]:
    """What the panels of a page of cards say of each subject, by its key, as registered."""
    found = defaultdict(list)
    for panel, *_ in _panels[page]:
        for key, html in panel(request, subjects).items():
            found[key].append(html)
    return found
