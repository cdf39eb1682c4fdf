"""How a run is shown."""

from django import template

from ..lists import chip
from ..wording import lasted

register = template.Library()


@register.filter
def run_chip(fate):
    """The state of a run, as a chip."""
    return chip(fate)


@register.filter
def run_took(run):
    """How long a run was; empty where it is not over."""
    return lasted(run.began_at, run.ended_at)
