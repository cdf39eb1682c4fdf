"""Keeps a measure that was read: first what it would do, then the deed.

A code is that of any body there ever was, or its ONS code: whether it lives on some day is a
matter of the plan on which the figures are summed. What no body was found for is told and kept
aside, in number and amount. The same name again replaces the figures, and says what differs.
"""

import logging
from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal

from django.db import connection, transaction
from django.utils.timezone import now

from footprints.models import Version

from ..models import Figure, Measure, Team, User
from ..territories.plans import may_plan, teams_open_to
from .reading import Line, Reading

log = logging.getLogger(__name__)

KEPT_UNPLACED = 1000  # of the lines without a body, with the measure; the two totals hold all
FIRST = 100  # rows of a difference that are shown


class MeasureError(Exception):
    """A deed that cannot be done with a measure, in the reader's words."""


class NotYours(MeasureError):
    """The measure of that name is somebody else's."""


class NothingToKeep(MeasureError):
    """No line has a code that is known."""


class MovedMeanwhile(MeasureError):
    """The measure was replaced or deleted since the preview."""


@dataclass(frozen=True)
class Difference:
    """A body whose amount would change: None before where it is new, after where it goes."""

    organisation: int
    before: Decimal | None
    after: Decimal | None


@dataclass
class Upload:
    """What keeping would do. ``figures`` is body → amount; ``unknown`` the lines without a body.

    ``replaces`` is the measure of that name; ``changes`` what differs from its figures.
    ``together`` counts the lines whose code and ONS code are one body: they are added up.
    """

    figures: dict[int, Decimal] = field(default_factory=dict)
    unknown: list[Line] = field(default_factory=list)
    together: int = 0
    replaces: Measure | None = None
    changes: list[Difference] = field(default_factory=list)
    unchanged: int = 0

    @property
    def amount(self) -> Decimal:
        return sum(self.figures.values(), Decimal(0))

    @property
    def unknown_amount(self) -> Decimal:
        return sum((line.amount for line in self.unknown), Decimal(0))

    @property
    def may_be_practices(self) -> bool:
        """Whether the codes may be those of practices: the register has none yet. They come with
        a report of the NHS, and not with Waymark."""
        return not Version.objects.now().filter(kind="practice").exists()

    @property
    def seen(self) -> str:
        """What the preview was made against: the measure as it stood, or that there was none."""
        return f"{self.replaces.pk} {self.replaces.at.isoformat()}" if self.replaces else ""

    @property
    def new(self) -> int:
        return sum(change.before is None for change in self.changes)

    @property
    def gone(self) -> int:
        return sum(change.after is None for change in self.changes)

    @property
    def changed(self) -> int:
        return len(self.changes) - self.new - self.gone


def may_keep(user: User) -> bool:
    """Whether the user brings measures and sees them: those who plan."""
    return may_plan(user)


def measures_of(user: User):
    """The measures that the user may choose for a plan."""
    return Measure.objects.visible_to(user) if may_keep(user) else Measure.objects.none()


def may_change(measure: Measure, user: User) -> bool:
    """Whether the user may replace or delete it: who brought it, or a manager."""
    return may_keep(user) and (measure.by_id == user.pk or user.role == User.Role.MANAGER)


BODIES = """
SELECT code, id FROM footprints_organisation
WHERE code = ANY (%(codes)s) AND NOT is_provisional
"""
BY_ONS_CODE = """
SELECT DISTINCT ON (value) value, organisation_id FROM footprints_identifier
WHERE scheme = 'gss' AND retracted_by_id IS NULL AND value = ANY (%(codes)s)
ORDER BY value, opened_on DESC NULLS LAST
"""


def bodies_called(codes: Collection[str]) -> dict[str, int]:
    """Code or ONS code, in capitals → key of the body; two queries, however many are asked.

    An ONS code that two bodies had in turn leads to the later one.
    """
    with connection.cursor() as cursor:
        cursor.execute(BODIES, {"codes": list(codes)})
        found = dict(cursor.fetchall())
        rest = [code for code in codes if code not in found and len(code) == 9]
        if rest:
            cursor.execute(BY_ONS_CODE, {"codes": rest})
            found |= dict(cursor.fetchall())
    return found


def recognises(texts: Collection[str]) -> set[str]:
    """Those of the texts that are a body's code."""
    known = bodies_called({text.upper() for text in texts})
    return {text for text in texts if text.upper() in known}


def named(name: str, team: Team | None) -> Measure | None:
    """The team's measure of that name, however it is capitalised; of nobody's team for None."""
    return Measure.objects.filter(name__iexact=name, team=team).select_related("by").first()


def preview(reading: Reading, *, name: str, team: Team | None) -> Upload:
    """What keeping these lines under that name would do; writes nothing."""
    upload = Upload()
    keys = bodies_called({line.code for line in reading.lines})
    for line in reading.lines:
        key = keys.get(line.code)
        if key is None:
            upload.unknown.append(line)
            continue
        upload.together += key in upload.figures
        upload.figures[key] = upload.figures.get(key, Decimal(0)) + line.amount
    upload.replaces = named(name, team)
    if upload.replaces:
        held = dict(upload.replaces.figures.values_list("organisation", "amount"))
        for key in sorted(held.keys() | upload.figures.keys()):
            before, after = held.get(key), upload.figures.get(key)
            if before == after:
                upload.unchanged += 1
            else:
                upload.changes.append(Difference(key, before, after))
    return upload


@transaction.atomic
def keep(
    upload: Upload,
    *,
    name: str,
    team: Team | None,
    source: str,
    counted_on: date,
    by: User,
    unit: str = "",
    days_each: Decimal | None = None,
    seen: str | None = None,
) -> Measure:
    """Keep the figures under that name; those that stood under it are replaced.

    ``seen`` is the upload's of the preview that was agreed to. Raises NothingToKeep, NotYours,
    MovedMeanwhile; then nothing has changed.
    """
    if not upload.figures:
        raise NothingToKeep("None of the lines has a code that is known: nothing to keep.")
    if team is not None and not teams_open_to(by).filter(pk=team.pk).exists():
        raise NotYours(f"The {team.called} is not yours.")
    if seen is not None and seen != upload.seen:
        raise MovedMeanwhile(
            f"{name} was replaced by somebody since you looked: look at the difference again."
        )
    fields = {
        "name": name,
        "unit": unit,
        "source": source,
        "counted_on": counted_on,
        "days_each": days_each,
        "by": by,
        "at": now(),
        "unplaced": [[line.code, str(line.amount)] for line in upload.unknown[:KEPT_UNPLACED]],
        "unplaced_count": len(upload.unknown),
        "unplaced_amount": upload.unknown_amount,
    }
    if upload.replaces:
        _still(upload.replaces, by)
        measure = upload.replaces
        Measure.objects.filter(pk=measure.pk).update(**fields)
        measure.figures.all()._raw_delete(measure.figures.db)
    else:
        measure = Measure.objects.create(team=team, **fields)
    _copy(measure, upload.figures)
    measure.refresh_from_db()
    log.info("Measure %s (%s) kept by %s: %d", measure.pk, name, by, len(upload.figures))
    return measure


def _still(measure: Measure, by: User):
    """Lock the measure that is replaced; it is as it was, and the user's to change."""
    if not may_change(measure, by):
        raise NotYours(
            f"{measure.name} was brought by {measure.by}, who may replace it, or a manager. "
            "Choose another name."
        )
    stands: datetime | None = (
        Measure.objects.select_for_update()
        .filter(pk=measure.pk)
        .values_list("at", flat=True)
        .first()
    )
    if stands != measure.at:
        raise MovedMeanwhile(f"{measure.name} changed meanwhile: look at it again.")


def _copy(measure: Measure, figures: dict[int, Decimal]):
    table = Figure._meta.db_table
    with (
        connection.cursor() as cursor,
        cursor.copy(f"COPY {table} (measure_id, organisation_id, amount) FROM STDIN") as copy,
    ):
        for key, amount in figures.items():
            copy.write_row((measure.pk, key, amount))


@transaction.atomic
def delete(measure: Measure, *, by: User) -> int:
    """Delete the measure and its figures; return how many. Raises NotYours."""
    if not may_change(measure, by):
        raise NotYours(f"{measure.name} was brought by {measure.by}: theirs or a manager's.")
    figures = measure.figures.all()._raw_delete(measure.figures.db)
    Measure.objects.filter(pk=measure.pk).delete()
    log.info("Measure %s (%s) deleted by %s: %d", measure.pk, measure.name, by, figures)
    return figures
