"""What every template of ours says the same way: days, shares, links that keep the day, icons.

{% load waymark %}
{% url_on "footprints:organisations" %}       a link that keeps the day shown
{% url_on organisation %}                     the same, to an object's own page
{{ version.opened_on|day }}                   1 Apr 2020
{{ version.closed_on|last_day }}              30 Jun 2022: the last day, from the first after it
{{ version|period }}                          1 Apr 2020 – 30 Jun 2022
{{ succession.share|share }}                  59%
{% old_new old_code="99J" old_name="…" new_code="91Q" new_name="…" share=succession.share %}
{% flag "act" "Its counterparty is abolished" %}
{% icon "arrow-right" %}                      an SVG of bootstrap-icons, in the page itself
"""

import re
from functools import lru_cache
from pathlib import Path
from urllib.parse import urlencode

from django import template
from django.contrib.staticfiles import finders
from django.contrib.staticfiles.storage import staticfiles_storage
from django.template.exceptions import TemplateSyntaxError
from django.urls import NoReverseMatch, reverse
from django.utils.html import format_html
from django.utils.safestring import mark_safe

from .. import panels, written
from ..as_at import days_to_offer
from ..dated import ONE_DAY
from ..dated import last_day as last_day_of
from ..hanging import is_field_user

register = template.Library()

OWN_DAYS = 6  # days of the body or event itself that the control offers

SPRITE = "vendor/bootstrap-icons/bootstrap-icons.svg"

# weight → (icon, word). Told by shape, word and colour; never by colour alone.
FLAGS = {
    "act": ("exclamation-diamond-fill", "Act"),
    "check": ("eye-fill", "Check"),
    "know": ("info-circle", "Know"),
}


# --- Days, shares, numbers ---------------------------------------------------------------------


@register.filter
def day(value):
    """Write a date as 1 Apr 2020; an absent one as a dash."""
    return written.day_in_short(value) if value else "—"


@register.filter
def day_in_full(value):
    """Write a date as 1 April 2020, for sentences; an absent one as a dash."""
    return written.day_in_full(value) if value else "—"


@register.filter
def with_full_stop(said):
    """A sentence that somebody wrote, for another to follow it: it may end without a stop."""
    said = said.rstrip()
    return said if not said or said[-1] in ".!?…" else f"{said}."


@register.filter
def last_day(closed_on):
    """Write the last day of a period, from its `closed_on`: 30 Jun 2022; an absent one a dash."""
    return day(last_day_of(closed_on))


@register.filter
def period(row):
    """Write the period of a row that has `opened_on` and `closed_on`."""
    return written.period(row.opened_on, row.closed_on)


@register.filter
def share(part):
    """Write a share of one as 59%, "all", or "share not known"."""
    return written.share(part)


@register.filter
def number(value):
    """Write a number as 1,234,567; an absent one as a dash."""
    return "—" if value in (None, "") else written.number(value)


@register.filter
def initials(person):
    """Return the first letters of the first and last word of a name: "Sam Example" → "SE"."""
    words = str(person).split()
    return "".join(word[0] for word in (words[:1] + words[1:][-1:])).upper()


# --- Links -------------------------------------------------------------------------------------


@register.simple_tag(takes_context=True)
def url_on(context, target, *args, **kwargs):
    """Return an address that keeps the day shown.

    `target` is the name of a URL (with its arguments), an object with a page of its own, or an
    address that begins with a slash.
    """
    if hasattr(target, "get_absolute_url"):
        address = target.get_absolute_url()
    elif target.startswith("/"):
        address = target
    else:
        address = reverse(target, args=args, kwargs=kwargs)
    as_at = getattr(context.get("request"), "as_at", None)
    return as_at.keep(address) if as_at is not None else address


@register.simple_tag(takes_context=True)
def nav_link(context, name, text, count=None):
    """One entry of a menu, as a list item, marked where it leads to the page or section shown.

    `name` is the name of a URL; an entry whose page there is not is not drawn. `count` of things
    that wait there is shown unless it is nothing. No template: a page draws twenty of these.
    """
    try:
        plain = reverse(name)
    except NoReverseMatch:
        return ""
    path = context["request"].path
    here = path == plain or (plain != "/" and path.startswith(plain))
    current = mark_safe(' aria-current="page"') if here else ""
    badge = (
        format_html(
            ' <span class="count">{}<span class="visually-hidden"> open</span></span>', count
        )
        if count
        else ""
    )
    address = url_on(context, plain)
    return format_html('<li><a href="{}"{}>{}{}</a></li>', address, current, text, badge)


@register.simple_tag(takes_context=True)
def querystring_less(context, *names):
    """Return the query string of this page without these parameters, and without "?"."""
    query = context["request"].GET.copy()
    for name in names:
        query.pop(name, None)
    return query.urlencode()


@register.inclusion_tag("components/_as_at.html", takes_context=True)
def as_at_control(context):
    """The control that says which day the page shows, and leads to another one."""
    request = context["request"]
    kept = request.GET.copy()
    for name in ("on", "known", "after", "before"):  # a place in a list belongs to one day
        kept.pop(name, None)
    known = request.as_at.known_text
    rest = kept.urlencode() + ("&" if kept else "")
    rest += urlencode({"known": known}) + "&" if known else ""

    def link(day):
        return {
            "address": f"?{rest}on={day.isoformat()}",
            "text": written.day_in_short(day),
            "shown": day == request.as_at.day,
        }

    # Answers that are no page of ours (an error) have no body to ask about.
    own = list(context.get("own_days") or ())[-OWN_DAYS:]
    return {
        "as_at": request.as_at,
        "own": [(link(day - ONE_DAY), link(day)) for day in reversed(own)],
        "presets": [
            {
                "days": (link(preset.day_before), link(preset.day)),
                "events": preset.events,
                "is_decided": preset.is_decided,
            }
            for preset in days_to_offer(request.as_at.today)
        ],
        "kept": [(name, value) for name, values in kept.lists() for value in values],
        "request": request,
        "today": f"?{kept.urlencode()}",
        "every_day": f"{reverse('footprints:days')}?{urlencode({'to': request.get_full_path()})}",
    }


@register.simple_tag(takes_context=True)
def deeds_of(context, page, subject, hanging=None):
    """Return what the upper floors offer to do with the subject of a page: `footprints.panels`.

    `hanging`: what the page found to hang on it, where it has counted.
    """
    request = context["request"]
    # Field users are told nothing of what hangs where: nothing was counted for them.
    hangs = None
    if hanging is not None and not is_field_user(request.user):
        hangs = {each.says for each in hanging}
    return mark_safe("".join(panels.of(f"{page} deeds", request, subject, hangs)))


# --- Components --------------------------------------------------------------------------------


@register.inclusion_tag("components/_old_new.html", takes_context=True)
def old_new(
    context,
    *,
    old_code,
    old_name,
    new_code=None,
    new_name=None,
    share=None,
    becomes=None,
    old_url=None,
    new_url=None,
    tag="div",
):
    """Old → new, the product's signature: code, name, arrow, code, name, share.

    `new_code` of None says that it closes without a successor; `becomes` names a kind where the
    code is kept and its nature changes. `tag` is "li" inside `<ul class="old-new-list">`, whose
    columns line up. The addresses keep the day shown.
    """
    return {
        "old_code": old_code,
        "old_name": old_name,
        "old_url": url_on(context, old_url) if old_url else None,
        "new_code": new_code,
        "new_name": new_name,
        "new_url": url_on(context, new_url) if new_url else None,
        "share": written.share(share),
        "share_known": share is not None,
        "becomes": becomes,
        "tag": tag,
    }


@register.simple_tag
def flag(weight, text=""):
    """A flag of weight "act", "check" or "know" (or a Weight), and what it says.

    No template: a list draws one in every row.
    """
    name = weight.name.lower() if hasattr(weight, "name") else str(weight).lower()
    if name not in FLAGS:
        raise TemplateSyntaxError(f"A flag weighs {', '.join(FLAGS)}; not {weight!r}.")
    icon_name, word = FLAGS[name]
    said = format_html('<span class="flag-text">{}</span>', text) if text else ""
    return format_html(
        '<span class="flag flag-{}">{}<span class="flag-word">{}</span>{}</span>',
        name,
        icon(icon_name),
        word,
        said,
    )


@register.simple_tag
@lru_cache(maxsize=256)
def icon(name, says=""):
    """An icon of bootstrap-icons, drawn in the page: no request, and it takes the text's colour.

    `says` is what a screen reader says; without it the icon is decoration.
    """
    view_box, drawing = _symbols()[name]
    voice = (
        format_html('role="img" aria-label="{}"', says)
        if says
        else mark_safe('aria-hidden="true"')
    )
    return format_html(
        '<svg class="icon" viewBox="{}" width="16" height="16" fill="currentColor" {}>{}</svg>',
        view_box,
        voice,
        mark_safe(drawing),
    )


@lru_cache(maxsize=1)
def _symbols():
    """Return name → (viewBox, drawing), read once from the library's one file of symbols."""
    found = finders.find(SPRITE)
    if found:
        sprite = Path(found).read_text()
    else:  # a server that holds the collected files alone
        with staticfiles_storage.open(SPRITE) as file:
            sprite = file.read().decode()
    pattern = re.compile(
        r'<symbol[^>]*viewBox="([^"]+)"[^>]*id="([^"]+)"[^>]*>(.*?)</symbol>', re.DOTALL
    )
    symbols = {name: (box, drawing) for box, name, drawing in pattern.findall(sprite)}
    if not symbols:
        raise LookupError(f"{SPRITE} holds no symbols in the shape we read.")
    return symbols
