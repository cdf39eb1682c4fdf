"""A territory on one page, to print."""

from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.shortcuts import get_object_or_404
from django.utils.text import slugify

from ..models import Territory
from ..taking_along.territory_brief import territory_brief
from ..taking_along.territory_pdf import as_pdf
from ..territories.reading import PlanOnDay


@login_required
def brief_file(request, plan_pk, pk):
    """The brief as PDF, for whoever may see the territory, on the day shown."""
    visible = Territory.objects.visible_to(request.user).select_related("plan__team")
    territory = get_object_or_404(visible, plan=plan_pk, pk=pk)
    on_day = PlanOnDay(territory.plan, request.user, request.as_at.day)
    content = as_pdf(
        territory_brief(territory, on_day),
        asked_by=str(request.user),
        on=request.as_at.today,
        address=request.build_absolute_uri(territory.get_absolute_url()),
    )
    response = HttpResponse(content, content_type="application/pdf")
    name = f"{slugify(territory.code)}-on-{on_day.day}.pdf"
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    return response
