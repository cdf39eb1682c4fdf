"""What the pages of the register say the same way: the state of an event, and its marks.

{% load register %}
{% state reorganisation %}      a chip: an icon and "Rumoured – not decided"
{{ text|sources }}              a source as text, its addresses as links
{{ name|short }}                "Kent and Medway" of "NHS Kent and Medway CCG"
"""

import re

from django import template
from django.utils.html import conditional_escape, format_html, urlize
from django.utils.safestring import mark_safe

from .. import names
from ..models import Reorganisation
from .waymark import icon

register = template.Library()

State = Reorganisation.State

# state → (words, icon, manner). Told by the words and the icon's shape; never by colour alone.
STATES = {
    State.RUMOURED: ("Rumoured – not decided", "patch-question", "undecided"),
    State.PROPOSED: ("Proposed – not decided", "question-circle", "undecided"),
    State.APPROVED: ("Approved – not in law yet", "hourglass-split", "undecided"),
    State.IN_LAW: ("In law", "check-circle", "decided"),
    State.EFFECTIVE: ("Effective", "check-circle-fill", "decided"),
    State.REJECTED: ("Rejected", "slash-circle", "dropped"),
    State.PAUSED: ("Paused", "pause-circle", "dropped"),
    State.SUPERSEDED: ("Superseded", "slash-circle", "dropped"),
}


def state_chip(event):
    """Return the chip of an event, or of a step of it: anything with a ``state``."""
    words, picture, manner = STATES[event.state]
    return format_html('<span class="state state-{}">{} {}</span>', manner, icon(picture), words)


@register.simple_tag(name="state")
def state_tag(event):
    """The chip of an event or of a step."""
    return state_chip(event)


@register.filter
def sources(text):
    """Write a source with its addresses as links, shown without https:// and cut to fit."""
    linked = urlize(text, nofollow=True, autoescape=True)
    shorter = re.sub(
        r">https?://(?:www\.)?([^<]+)<",
        lambda found: f">{found[1][:60] + '…' if len(found[1]) > 60 else found[1]}<",
        str(linked),
    )
    return mark_safe(shorter)


@register.filter
def short(name):
    """Write a name without its legal frame."""
    return conditional_escape(names.short(name) or name)


@register.filter
def at(rows, index):
    """The row of a list at that index."""
    return rows[index]
