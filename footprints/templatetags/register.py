"""What the pages of the register say the same way: the state of an event, and its marks.

{% load register %}
{% state reorganisation %}      a chip: an icon and "Rumoured – not decided"
{{ text|sources }}              sources as a reader would name them, addresses as links
{{ text|remark }}               a fact's note as a sentence
{% walk_to column.way code %}   the walk to there, on the day shown
{{ version|brief }}             "Kent and Medway" of "NHS Kent and Medway CCG"
{{ version|titled }}            the name beside which the code stands
{{ version|abridged }}          "NHS Frimley ICB" of "NHS Frimley Integrated Care Board"
"""

import re
from urllib.parse import urlencode

from django import template
from django.urls import reverse
from django.utils.html import format_html, format_html_join, urlize
from django.utils.safestring import mark_safe

from .. import lives, names
from ..citations import cited, remarked
from ..models import Reorganisation
from ..proposing.evidence import in_percent
from ..shares import DERIVED
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
    """Write a fact's sources as a reader would name them, addresses as links, in a row."""
    return format_html_join(mark_safe("; "), "{}", ((linked(piece),) for piece in cited(text)))


@register.filter
def remark(text):
    """Write a fact's note as a sentence, with its addresses as links."""
    return linked(remarked(text))


def linked(text):
    """Return text as HTML with its addresses as links, shown without https:// and cut to fit."""
    html = urlize(text, nofollow=True, autoescape=True)
    shorter = re.sub(
        r">https?://(?:www\.)?([^<]+)<",
        lambda found: f">{found[1][:60] + '…' if len(found[1]) > 60 else found[1]}<",
        str(html),
    )
    return mark_safe(shorter)


@register.simple_tag(takes_context=True)
def walk_to(context, way, code=""):
    """The address of the walk along a way ("E92000001/Y59") and on to a code, that day."""
    path = "/".join(filter(None, (way, code)))
    return context["request"].as_at.keep(
        f"{reverse('footprints:walk')}?{urlencode({'path': path}, safe='/')}"
    )


@register.filter
def brief(version):
    """Write a version's name without its legal frame; an absent version as a dash."""
    return lives.brief(version) if version else "—"


@register.filter
def titled(version):
    """Write a version's name without the code that stands beside it."""
    return lives.titled(version)


@register.filter
def abridged(version):
    """Write a version's name with the kinds that everybody knows by their letters so."""
    return names.abridged(version.name) if version else "—"


@register.filter
def derived(rows):
    """Say of old → new rows which bodies' shares no source states; empty where all are stated."""
    codes = {item["old"].organisation.code for item in rows if is_derived(item["row"])}
    if not codes:
        return ""
    whose, were = names.listed(sorted(codes)), "was" if len(codes) == 1 else "were"
    return f"No source states how {whose} {were} shared out: the shares are {DERIVED}."


def is_derived(row):
    """Whether the share of a succession was filled in (footprints.shares)."""
    return getattr(row, "is_derived", False)


@register.filter
def percent(part):
    """Write a confidence as 93%, rounded down; an absent one as a dash."""
    return "—" if part is None else in_percent(part)


@register.filter
def inline(kind):
    """Write a kind's name, or its plural, within a sentence: "sub-ICB locations"."""
    return names.inline(str(kind))


@register.filter
def at(rows, index):
    """The row of a list at that index."""
    return rows[index]
