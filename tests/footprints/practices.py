"""Practices in the register, straight from the published files: for what is told by their place.

Not how reports are applied: just the facts of them, a release a file. And made-up ones.
"""

import csv
from datetime import date, timedelta

from django.db import connection

from footprints.models import Organisation, Relationship
from tests import factories as make

DAY, BEFORE = date(2020, 4, 1), date(2019, 12, 1)
LONG_AGO = date(2013, 4, 1)

GP_PRACTICE = "4"  # prescribing setting
CODE, NAME, OPEN, CLOSE, COMMISSIONER, JOINED, LEFT, SETTING = 0, 1, 10, 11, 14, 15, 16, 25


def day(text: str) -> date | None:
    return date.fromisoformat(text) if text else None


def closing(text: str) -> date | None:
    return day(text) + timedelta(days=1) if text else None


def keys(codes) -> dict[str, int]:
    """Code → key of its organisation; made where the register has none."""
    Organisation.objects.bulk_create(
        [Organisation(code=code) for code in sorted(set(codes))], ignore_conflicts=True
    )
    return dict(Organisation.objects.filter(code__in=codes).values_list("code", "pk"))


def load_epraccur(path, published_on: date, *, within=None):
    """The GP practices of an epraccur file and their commissioner; ``within``: of that one."""
    with path.open(encoding="utf-8", newline="") as file:
        rows = [row for row in csv.reader(file) if row[SETTING] == GP_PRACTICE]
    if within:
        rows = [row for row in rows if row[COMMISSIONER] == within]
    release = make.release(source="epraccur", published_on=published_on)
    make.kind("practice", is_footprint=False, tier=7, is_legal_body=False, family="primary_care")
    known = keys([row[CODE] for row in rows])
    parents = dict(Organisation.objects.values_list("code", "pk"))
    copy(
        "version (organisation_id, kind_id, name, opened_on, closed_on, asserted_by_id, "
        "source, note)",
        (
            (
                known[row[CODE]],
                "practice",
                row[NAME],
                day(row[OPEN]),
                closing(row[CLOSE]),
                release.pk,
                "",
                "",
            )
            for row in rows
        ),
    )
    copy(
        "relationship (child_id, parent_id, type, opened_on, closed_on, asserted_by_id, "
        "source, note)",
        (
            (
                known[row[CODE]],
                parents[row[COMMISSIONER]],
                "part_of",
                day(row[JOINED]),
                closing(row[LEFT]),
                release.pk,
                "",
                "",
            )
            for row in rows
            if row[COMMISSIONER] in parents and row[JOINED]
        ),
    )
    return release


def copy(into: str, rows):
    with connection.cursor() as cursor, cursor.copy(f"COPY footprints_{into} FROM STDIN") as copy:
        for row in rows:
            copy.write_row(row)


def load_map(path, about_on: date):
    """The practices' CCGs as a map shows them on a day: it does not say since when."""
    with path.open(encoding="utf-8", newline="") as file:
        rows = {row["PRACTICE_CODE"]: row for row in csv.DictReader(file)}
    move({code: row["CCG_CODE"] for code, row in rows.items()}, about_on)


def move(to: dict[str, str], on: date, *, published_on: date | None = None):
    """Put each practice (code) in its new parent (code) from that day on, in one release."""
    release = make.release(source="practice map", published_on=published_on or on)
    parents = dict(Organisation.objects.values_list("code", "pk"))
    held = Relationship.objects.now().filter(
        child__code__in=to, type="part_of", closed_on=None, child__versions__kind="practice"
    )
    known = set()
    closed, opened = [], []
    for fact in held.select_related("child", "parent"):
        known.add(fact.child.code)
        new = to[fact.child.code]
        if fact.parent.code == new or new not in parents:
            continue
        closed.append(fact.pk)
        same = {"child_id": fact.child_id, "type": "part_of", "asserted_by": release}
        opened.append(
            Relationship(**same, parent_id=fact.parent_id, opened_on=fact.opened_on, closed_on=on)
        )
        opened.append(Relationship(**same, parent_id=parents[new], opened_on=on))
    Relationship.objects.filter(pk__in=closed).update(retracted_by=release)
    Relationship.objects.bulk_create(opened)
    return release


class Register:
    """CCGs, and practices in them, by code; each report is a release of its own day."""

    def __init__(self):
        make.kind("ccg", name="CCG", plural="CCGs")
        make.kind(
            "practice",
            plural="Practices",
            is_footprint=False,
            is_legal_body=False,
            tier=7,
            family="primary_care",
        )
        make.kind("pcn", tier=6, family="primary_care", name="PCN", plural="PCNs")
        make.kind("icb", tier=2, name="ICB", plural="ICBs")
        make.kind("trust", is_footprint=False, tier=5, family="provider")
        make.kind("sub_icb", name="Sub-ICB location", plural="sub-ICB locations")
        self.first = make.release(published_on=BEFORE)

    def body(self, code, *, kind="ccg", name="", opened_on=LONG_AGO, closed_on=None):
        body = make.organisation(code)
        make.version(
            body,
            kind_code=kind,
            name=name or f"NHS {code} {kind.upper()}",
            opened_on=opened_on,
            closed_on=closed_on,
            asserted_by=self.first,
        )
        return body

    def join(self, body, number, *, kind="practice", type="part_of", opened_on=LONG_AGO):
        """So many new members of a body, as a file of December 2019 has them; their codes."""
        found = []
        for _ in range(number):
            member = make.body(kind_code=kind, asserted_by=self.first)
            make.relationship(
                child=member, parent=body, type=type, opened_on=opened_on, asserted_by=self.first
            )
            found.append(member)
        return found

    def move(self, members, to, on=DAY, *, published_on=None, joined_on=None):
        """A later file has them elsewhere; from a day that it states, or from its own."""
        release = make.release(published_on=published_on or on)
        for fact in Relationship.objects.now().filter(child__in=members, closed_on=None):
            Relationship.objects.filter(pk=fact.pk).update(retracted_by=release)
            given = {"child": fact.child, "type": fact.type, "asserted_by": release}
            make.relationship(
                **given,
                parent=fact.parent,
                opened_on=fact.opened_on,
                closed_on=joined_on or on,
            )
            if to:
                make.relationship(**given, parent=to, opened_on=joined_on or on)
        return release
