"""Panels that the upper floors put on the register's pages; they register in ``ready()``.

``register("reorganisation", panel)`` or ``register("organisation", panel)``: the page calls
``panel(request, event or organisation)``, which returns rendered HTML, or "" for nothing.
"""

from collections import defaultdict

_panels = defaultdict(list)


def register(page: str, panel):
    if panel not in _panels[page]:
        _panels[page].append(panel)


def of(page: str, request, subject) -> list[str]:
    """The panels of a page about the subject, in the order they were registered."""
    return [html for panel in _panels[page] if (html := panel(request, subject))]
