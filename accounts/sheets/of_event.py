"""The sheets of one event: each plan's that a person may open, and how far each is, in SQL."""

from django.db.models import (
    Case,
    CharField,
    Count,
    Exists,
    F,
    Func,
    IntegerField,
    OuterRef,
    Q,
    QuerySet,
    Subquery,
    Sum,
    Value,
    When,
)

from footprints.models import Reorganisation

from ..models import Flag, Job, Sheet, SheetChange, TerritoryPlan, User
from ..models.decisions import lend_teams

STATES = {
    "deciding": "Being decided",
    "prepared": "Prepared",
    "approved": "Approved",
    "applied": "Applied",
}
WRITTEN = Exists(SheetChange.objects.filter(sheet__flag=OuterRef("pk")))


def sheets_of(event: Reorganisation, user: User) -> QuerySet[Flag]:
    """The flags of the event in plans that the user may open, one a sheet, for a list.

    Each has ``plan_name``, ``team_name``, ``sheet_state`` (of STATES) and ``change_count`` (rows
    that were prepared; null before that). One that lapsed is there while its sheet is applied.
    """
    plan = TerritoryPlan.objects.filter(pk=OuterRef("object_id"))
    state = Case(
        *(
            When(**{f"sheet__{name}_at__isnull": False}, then=Value(name))
            for name in reversed(STATES)
            if name != "deciding"
        ),
        default=Value("deciding"),
        output_field=CharField(),
    )
    count = Func(F("sheet__changes"), function="jsonb_array_length", output_field=IntegerField())
    return (
        Flag.objects.on_plans()
        .visible_to(user)
        .filter(Q(lapsed_at=None) | Q(sheet__applied_at__isnull=False) | WRITTEN)
        .filter(reorganisation=event)
        .select_related("reorganisation", "owner", "sheet__prepared_by")
        .defer("sheet__changes")
        .annotate(
            plan_name=Subquery(plan.values("name")[:1]),
            team_name=Subquery(plan.values("team__name")[:1]),
            sheet_state=state,
            change_count=Case(When(sheet__prepared_at__isnull=False, then=count)),
        )
    )


def ready_for(deed: Job.Deed, flags: QuerySet[Flag], user: User) -> QuerySet[Flag]:
    """Those whose sheets are where the deed takes them from; to approve, not the user's own."""
    if deed == Job.Deed.PREPARE:
        return flags.filter(sheet_state="deciding")
    if deed == Job.Deed.APPROVE:
        return flags.filter(sheet_state="prepared").exclude(
            sheet__is_four_eyed=True, sheet__prepared_by=user
        )
    if deed == Job.Deed.APPLY:
        return flags.filter(sheet_state="approved")
    return flags.filter(Q(sheet_state="applied") | WRITTEN)


def state_counts(flags: QuerySet[Flag]) -> dict[str, int]:
    """How many are in each of STATES; one query."""
    found = flags.order_by().values_list("sheet_state").annotate(Count("pk"))
    return dict.fromkeys(STATES, 0) | dict(found)


def prepared_changes(flags: QuerySet[Flag]) -> int:
    """How many rows their sheets would change, as they were prepared; one query."""
    return flags.order_by().aggregate(rows=Sum("change_count"))["rows"] or 0


def lend_sheets(flags: list[Flag]) -> None:
    """Give each flag a ``decided_on`` sheet, unsaved where nobody touched it, with its team.

    Three queries for all of them.
    """
    for flag in flags:
        flag.decided_on = flag.sheet if hasattr(flag, "sheet") else Sheet(flag=flag)
        flag.decided_on.flag = flag
    lend_teams([flag.decided_on for flag in flags])
