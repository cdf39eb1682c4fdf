"""The steward's workbench for the register: a module for each part of it."""

from . import bodies, events, facts, releases, reports

__all__ = ["bodies", "events", "facts", "releases", "reports"]
