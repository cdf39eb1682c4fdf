"""Statements of our own whose parameters have names, within Django's queries."""

import re

from django.db.models.expressions import RawSQL

NAME = re.compile(r"%\((\w+)\)s")


class Keys(RawSQL):
    """A subquery of keys, for ``filter(pk__in=…)``: ``%(name)s`` stands for ``params[name]``."""

    def __init__(self, sql: str, params: dict):
        super().__init__(NAME.sub("%s", sql), [params[name] for name in NAME.findall(sql)])
