"""What reorganisations did to plans: also to those that stand as they are, submitted or approved.

Nobody draws such a plan any more, but a body that ends is not kept alive by that: the sheet is
approved by people of its own, and what it did is told to whoever approves, or approved, the plan.
"""

from django.contrib.contenttypes.models import ContentType
from django.db.models import F, OuterRef, QuerySet, Subquery

from ..models import PlanStep, SheetDeed, TerritoryPlan, User

State = TerritoryPlan.State
# The step since which a plan of that state stands as it is.
STANDS_SINCE = {
    State.SUBMITTED: PlanStep.Deed.SUBMITTED,
    State.APPROVED: PlanStep.Deed.APPROVED,
}
SHOWN = 20


def deeds_on(plan: TerritoryPlan) -> QuerySet[SheetDeed]:
    """The applying and undoing of sheets in the plan, the newest first."""
    return (
        _applied_or_undone()
        .filter(sheet__flag__object_id=plan.pk)
        .select_related("by", "sheet__flag__reorganisation")
        .defer("sheet__changes")
        .order_by("-at", "-pk")
    )


def since_it_stands(plan: TerritoryPlan) -> list[SheetDeed]:
    """What was applied to a submitted or approved plan, or undone, since it is that; the newest
    first. Nothing for a plan of another state. Two queries."""
    if plan.state not in STANDS_SINCE:
        return []
    step = plan.steps.filter(deed=STANDS_SINCE[plan.state]).last()
    return list(deeds_on(plan).filter(at__gt=step.at)[:SHOWN]) if step else []


def since_approved_by(user: User) -> list[SheetDeed]:
    """What came to approved plans since this user approved them, the newest first, each with its
    ``plan``. Two queries."""
    last = PlanStep.objects.filter(plan=OuterRef("pk"), deed=PlanStep.Deed.APPROVED)
    last = last.order_by("-pk")
    plans = (
        TerritoryPlan.objects.visible_to(user)
        .filter(state=State.APPROVED)
        .annotate(approver=Subquery(last.values("by")[:1]))
        .filter(approver=user)
    )
    of_plan = PlanStep.objects.filter(
        plan=OuterRef("sheet__flag__object_id"), deed=PlanStep.Deed.APPROVED
    ).order_by("-pk")
    found = list(
        _applied_or_undone()
        .filter(sheet__flag__object_id__in=plans.values("pk"))
        .annotate(approved_at=Subquery(of_plan.values("at")[:1]))
        .filter(at__gt=F("approved_at"))
        .select_related("by", "sheet__flag__reorganisation")
        .defer("sheet__changes")
        .order_by("-at", "-pk")[:SHOWN]
    )
    named = plans.in_bulk({deed.sheet.flag.object_id for deed in found}) if found else {}
    for deed in found:
        deed.plan = named[deed.sheet.flag.object_id]
    return found


def _applied_or_undone():
    return SheetDeed.objects.filter(
        deed__in=(SheetDeed.Deed.APPLIED, SheetDeed.Deed.UNDONE),
        sheet__flag__content_type=ContentType.objects.get_for_model(TerritoryPlan),
    )
