"""Keeping what was done to a sheet, and what was said about its rows."""

from collections.abc import Iterable
from datetime import datetime

from django.db import transaction
from django.db.models import Count
from django.utils.timezone import now

from footprints.lives import Lives

from ..models import Decision, Flag, Sheet, SheetComment, SheetDeed, User

Deed = SheetDeed.Deed
SHOWN = 100  # deeds and comments told on the sheet's page, the newest


def record(
    sheets: Sheet | Iterable[Sheet], deed: Deed, *, by: User | None, says: str = ""
) -> None:
    """Keep that this was done to the sheet, or to each of them; in the caller's transaction."""
    each = [sheets] if isinstance(sheets, Sheet) else sheets
    record_each(((sheet, says) for sheet in each), deed, by=by, at=now())


def record_each(
    said: Iterable[tuple[Sheet, str]], deed: Deed, *, by: User | None, at: datetime
) -> None:
    """Keep that this was done to each of the sheets, and what there is to say of each."""
    SheetDeed.objects.bulk_create(
        (
            SheetDeed(
                sheet=sheet, deed=deed, by=by, at=at, says=says, fingerprint=sheet.fingerprint
            )
            for sheet, says in said
        ),
        batch_size=5_000,
    )


@transaction.atomic
def comment(flag: Flag, body: int, role: str, text: str, *, by: User) -> SheetComment:
    """Say something about a row of the flag's sheet, in whatever state it is."""
    Sheet.objects.bulk_create([Sheet(flag=flag)], ignore_conflicts=True)
    return SheetComment.objects.create(
        sheet=Sheet.objects.get(flag=flag),
        body_id=body,
        role=role,
        text=text.strip(),
        by=by,
        at=now(),
    )


def thread(sheet: Sheet, body: int, role: str):
    """What was said about a row, the oldest first."""
    if not sheet.pk:
        return SheetComment.objects.none()
    return sheet.comments.filter(body=body, role=role).select_related("by")


def counts(sheet: Sheet) -> dict[tuple[int, str], int]:
    """How much was said about each row of which anything was; one query."""
    if not sheet.pk:
        return {}
    said = sheet.comments.order_by().values_list("body", "role").annotate(Count("pk"))
    return {(body, role): number for body, role, number in said}


def newest(sheet: Sheet) -> list[SheetDeed]:
    """The newest deeds, the newest first; one query."""
    if not sheet.pk:
        return []
    return list(sheet.deeds.select_related("by").order_by("-at", "-pk")[:SHOWN])


def elsewhere(sheet: Sheet, shown: set[tuple[int, str]]) -> list[SheetComment]:
    """What was said about rows that are not shown (any more), each with its body's ``name``."""
    if not sheet.pk:
        return []
    said = sheet.comments.select_related("by", "body").order_by("-at", "-pk")[:SHOWN]
    found = [one for one in said if (one.body_id, one.role) not in shown]
    lives = Lives({one.body_id for one in found})
    for one in found:
        one.name = lives.near(one.body_id, sheet.flag.reorganisation.effective_on)
    return found


def asked_of(user: User) -> list[Decision]:
    """The rows that colleagues ask the user about, not answered yet; the next day first.

    Whoever was asked and decides has answered. Each has its body's ``name``. Two queries.
    """
    flags = Flag.objects.on_plans().visible_to(user).filter(resolved_at=None, lapsed_at=None)
    asked = (
        Decision.objects.filter(assigned_to=user, sheet__prepared_at=None, sheet__flag__in=flags)
        .exclude(by=user)
        .select_related("sheet__flag__reorganisation", "body", "by")
        .order_by("sheet__flag__reorganisation__effective_on", "at", "pk")
    )
    found = list(asked[:SHOWN])
    lives = Lives({one.body_id for one in found})
    for one in found:
        one.name = lives.near(one.body_id, one.sheet.flag.reorganisation.effective_on)
    return found
