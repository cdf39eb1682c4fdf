"""Panels that the upper floors put on the register's pages; they register in ``ready()``.

``register("reorganisation", panel)`` or ``register("organisation", panel)``: the page calls
``panel(request, event or organisation)``, which returns rendered HTML, or "" for nothing. A panel
about the rows of one ``OrganisationKey`` names it, so that a page that has counted what hangs on
the body need not ask it for nothing.
"""

from collections import defaultdict

_panels = defaultdict(list)


def register(page: str, panel, *, key=None):
    if (panel, key) not in _panels[page]:
        _panels[page].append((panel, key))


def of(page: str, request, subject, hanging: set[str] | None = None) -> list[str]:
    """The panels of a page about the subject, in the order they were registered.

    ``hanging`` is what hangs on it, as the rules of the keys say it, where the page knows.
    """
    return [
        html
        for panel, key in _panels[page]
        if (key is None or hanging is None or key.rule.says in hanging)
        and (html := panel(request, subject))
    ]
