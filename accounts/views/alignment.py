"""The way in: an own alignment is pasted or chosen, looked at, and becomes a plan."""

from django.contrib import messages
from django.contrib.auth.mixins import LoginRequiredMixin
from django.http import Http404
from django.shortcuts import redirect
from django.views.generic import TemplateView

from footprints.as_at import presets
from footprints.names import count

from ..forms import AlignmentForm
from ..models import Flag
from ..services.flags import raise_flags
from ..territories import alignment, bringing_in, plans
from ..territories.resolving import better_day, recognises, resolve

SHOWN = 1000  # lines of each sort on the preview; more are counted


class BringIn(LoginRequiredMixin, TemplateView):
    """Paste or choose, preview, make: one address, and the text never leaves the form."""

    template_name = "accounts/plans/bring_in.html"

    def dispatch(self, request, *args, **kwargs):
        if request.user.is_authenticated and not plans.may_plan(request.user):
            raise Http404("Only planners and managers bring an alignment in.")
        return super().dispatch(request, *args, **kwargs)

    def get(self, request):
        form = AlignmentForm(by=request.user, initial={"opened_on": request.as_at.day})
        return self.render_to_response({"form": form})

    def post(self, request):
        given = request.POST
        if "as_of" in given:  # the day that suits the codes better, taken as the first day
            given = given.copy()
            given["opened_on"] = given["as_of"]
        form = AlignmentForm(given, request.FILES, by=request.user)
        if "back" in request.POST:  # to the form, with all that was typed
            form = AlignmentForm(initial=request.POST.dict(), by=request.user)
            return self.render_to_response({"form": form})
        if not form.is_valid():
            return self.answer(form)
        data = form.cleaned_data
        try:
            read = alignment.read(data["text"], recognises=recognises, columns=form.columns)
        except alignment.Unreadable as error:
            form.add_error("text" if not data.get("file") else "file", str(error))
            return self.answer(form)
        resolution = resolve(read.lines, data["opened_on"], choices=form.choices)
        left_out = len(read.bad) + len(resolution.unresolved)
        left_out += sum(len(conflict.lines) for conflict in resolution.conflicts)
        if "make" in request.POST and resolution.resolved:
            if not left_out or data["leave_out"]:
                return self.make(form, resolution, left_out)
            form.add_error("leave_out", "Tick this, or put the lines right and check again.")
        return self.answer(form, read=read, resolution=resolution, left_out=left_out)

    def make(self, form, resolution, left_out):
        data = form.cleaned_data
        plan = bringing_in.make_plan_of(
            resolution.resolved,
            name=data["name"],
            team=data["team"],
            opened_on=data["opened_on"],
            by=self.request.user,
        )
        raise_flags()
        flags = Flag.objects.on_plans().open().filter(object_id=plan.pk).count()
        units = count(resolution.units, "unit", "units")
        territories = count(resolution.territories, "territory", "territories")
        said = [f"{plan} is made: {units} in {territories}."]
        if left_out:
            said.append(f"{count(left_out, 'line', 'lines').capitalize()} left out.")
        if flags:
            said.append(f"{count(flags, 'flag', 'flags').capitalize()} raised: see below.")
        messages.success(self.request, " ".join(said))
        return redirect(plan)

    def answer(self, form, *, read=None, resolution=None, left_out=0):
        """The form with its errors, or the preview with the form folded up."""
        if form.is_bound and form.cleaned_data.get("text") and form.files:
            # What stood in a file stands in the form now: the file itself cannot be sent again.
            form.data = form.data.copy()
            form.data["text"] = form.cleaned_data["text"]
        context = {"form": form, "shown": SHOWN}
        if read is not None:
            context |= {
                "read": read,
                "resolution": resolution,
                "better_day": better_day(read.lines, resolution.day, presets()),
                "left_out": left_out,
                "roles": [
                    (role, says, read.columns.get(role))
                    for role, says in (
                        ("unit", "Unit"),
                        ("name", "Name beside it"),
                        ("territory", "Territory"),
                        ("territory_name", "Territory's name"),
                        ("owner", "Owner"),
                    )
                ],
                "heads": list(enumerate(read.heads)),
                "choices": form.choices,
                "line_count": len(read.lines) + len(read.bad),
                "whole": 1,  # the share of an old body that went to its one successor
                "unresolved_rows": resolution.unresolved[:SHOWN],
                "conflict_rows": resolution.conflicts[:SHOWN],
                "bad_rows": read.bad[:SHOWN],
                "changed_rows": resolution.changed[:SHOWN],
                "plain_rows": resolution.plain[:SHOWN],
            }
        return self.render_to_response(context, status=422 if form.errors else 200)
