"""Load files: a plan on a day, as Salesforce Sales Territories and Veeva Align take it."""

import logging

from django.contrib.auth.mixins import LoginRequiredMixin
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404
from django.utils.text import slugify
from django.views.generic import TemplateView

from ..models import TerritoryPlan
from ..taking_elsewhere import salesforce, veeva
from ..taking_elsewhere.contents import as_load_file, as_zip, contents
from ..taking_elsewhere.forms import SalesforceForm, VeevaForm
from ..territories.plans import may_plan

log = logging.getLogger(__name__)

FORMS = {"salesforce": SalesforceForm, "veeva": VeevaForm}
FILES = {
    "salesforce": [
        ("Territory2.csv", "the territories"),
        ("ObjectTerritory2Association.csv", "their units, as accounts"),
        ("UserTerritory2Association.csv", "who works them"),
    ],
    "veeva": [
        ("territory__aln.csv", "the territories"),
        ("geography_territory__aln.csv", "their units that are geographies"),
        ("account_territory__aln.csv", "their units that are accounts"),
        ("roster_member_territory__aln.csv", "who works them"),
    ],
}


class LoadFiles(LoginRequiredMixin, TemplateView):
    """What the files need is asked here; posted with `system`, and `file` for one of them, it
    answers with the file, or with all of them in a ZIP."""

    template_name = "accounts/files/files.html"

    def dispatch(self, request, *args, **kwargs):
        if request.user.is_authenticated and not may_plan(request.user):
            raise PermissionDenied
        return super().dispatch(request, *args, **kwargs)

    def get(self, request, pk):
        found = self.contents(pk)
        return self.render_to_response(self.context(found))

    def post(self, request, pk):
        system, name = request.POST.get("system"), request.POST.get("file") or "all"
        if system not in FORMS:
            raise Http404
        found = self.contents(pk)
        form = FORMS[system](request.POST, contents=found, prefix=system)
        if not form.is_valid():
            return self.render_to_response(self.context(found, form), status=422)
        files = self.files(system, form, found)
        if name != "all" and name not in files:
            if name not in dict(FILES[system]):
                raise Http404
            form.add_error(None, f"{name} would be empty: the plan has nothing for it.")
            return self.render_to_response(self.context(found, form), status=422)
        log.info("Load files of plan %s on %s for %s: %s", pk, found.day, request.user, name)
        start = f"{slugify(found.plan.name)}-on-{found.day}"
        if name == "all":
            return _file(as_zip(files), f"{start}-{system}.zip", "application/zip")
        return _file(as_load_file(files[name]), name, "text/csv; charset=utf-8")

    def contents(self, pk):
        visible = TerritoryPlan.objects.visible_to(self.request.user).select_related("team")
        plan = get_object_or_404(visible, pk=pk)
        return contents(plan, self.request.user, self.request.as_at.day)

    def files(self, system, form, found):
        data = form.cleaned_data
        if system == "salesforce":
            return salesforce.files(found, data["ids"], model=data["model"], kind=data["kind"])
        return veeva.files(found, **data)

    def context(self, found, bound=None):
        forms = {
            name: bound if isinstance(bound, of) else of(contents=found, prefix=name)
            for name, of in FORMS.items()
        }
        return self.get_context_data(
            plan=found.plan,
            contents=found,
            on_day=found,
            other_day=found.day != self.request.as_at.day,
            salesforce=forms["salesforce"],
            veeva=forms["veeva"],
            files=FILES,
        )


def _file(content: bytes, name: str, kind: str) -> HttpResponse:
    response = HttpResponse(content, content_type=kind)
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    return response
