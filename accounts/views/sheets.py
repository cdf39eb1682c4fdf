"""The decision sheet of a flag: look, decide, prepare, approve, apply, undo."""

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.contrib.auth.mixins import LoginRequiredMixin
from django.http import Http404
from django.shortcuts import get_object_or_404, redirect, render
from django.template.loader import render_to_string
from django.urls import reverse
from django.views.decorators.http import require_POST
from django.views.generic import TemplateView

from footprints.dated import ONE_DAY
from footprints.lives import Lives
from footprints.models import Organisation, Outcome
from footprints.names import count

from ..models import Flag, Sheet, TerritoryPlan, User
from ..services.flags import raise_flags
from ..sheets import applying, deciding, history, leads, paging, reached, showing, undoing
from ..sheets.deciding import Choice, SheetError
from ..sheets.forms import BulkForm, CommentForm, DaysForm, DecisionForm, DespiteForm
from ..sheets.planning import Planned, Row, planned
from ..territories.plans import may_plan


def flag_with_sheet(request, pk) -> Flag:
    """The flag, where its plan may be seen and the user decides on plans; else not found."""
    if request.user.role not in User.Role.planning():
        raise Http404("Sheets are worked by planners and managers.")
    flags = Flag.objects.on_plans().visible_to(request.user)
    return get_object_or_404(flags.select_related("reorganisation"), pk=pk)


def may_approve(user: User, sheet) -> bool:
    """Anybody who plans but the one who prepared it."""
    return not (sheet.is_four_eyed and sheet.prepared_by_id == user.pk)


class SheetPage(LoginRequiredMixin, TemplateView):
    template_name = "accounts/sheet/sheet.html"

    def get_context_data(self, pk, **kwargs):
        request = self.request
        flag = flag_with_sheet(request, pk)
        days_form = kwargs.pop("days_form", None)
        sheet = deciding.sheet_of(flag)
        show = request.GET.get("show", "")
        turned = paging.turn(
            sheet,
            request.user,
            show=show,
            number=request.GET.get("page"),
            whole="whole" in request.GET,
        )
        page, whole = turned.page, turned.whole
        said = history.counts(sheet)
        proposed = leads.proposals(turned.found, page)
        for row in page:
            row.proposal = proposed.get(row.key)
            row.comments = said.get(row.key, 0)
        gone, new = [], []
        is_bound = sheet.state in ("prepared", "approved")
        if whole and is_bound and sheet.fingerprint != whole.fingerprint:
            gone, new = deciding.differences(sheet.changes, whole.listing)
        written = sheet.written.count() if sheet.pk else 0
        some = sheet.written.select_related("territory")[: showing.SHOWN] if written else []
        return super().get_context_data(
            flag=flag,
            event=flag.reorganisation,
            plan=(plan := TerritoryPlan.objects.get(pk=flag.object_id)),
            stands=plan.state in reached.STANDS_SINCE,
            sheet=sheet,
            days=sheet.days,
            whole=whole,
            undecided=turned.undecided,
            page=page,
            deeds=history.newest(sheet),
            leads=sheet.leads.select_related("territory", "organisation") if sheet.pk else [],
            said_elsewhere=history.elsewhere(
                sheet, set() if sheet.state == "applied" else turned.shown
            )
            if said
            else [],
            show=show,
            filters=turned.filters,
            has_moved=bool(gone or new),
            gone=showing.told(gone),
            new=showing.told(new),
            written=written,
            done=showing.done(some),
            planned_changes=showing.told(whole.listing) if whole and not written else [],
            may_approve=may_approve(request.user, sheet),
            days_form=days_form or DaysForm(instance=sheet),
            frozen_until=sheet.frozen_until(request.as_at.today),
            bulk_form=BulkForm(plan=flag.object_id),
            # A row's own pages, two in each of fifty rows, lie below the sheet's.
            address=reverse("accounts:sheet", args=[flag.pk]),
            kept=request.as_at.keep(""),
            is_open=sheet.state == "deciding",
            is_due=sheet.day <= request.as_at.today,
            day_before=sheet.day - ONE_DAY,
            **kwargs,
        )


def _around(sheet: Sheet, code: str) -> Planned:
    """The rows of that body alone, with the finer units that would keep its line."""
    bodies = Organisation.objects.filter(code=code).values_list("pk", flat=True)
    return planned(sheet, bodies=set(bodies), with_lines=True)


def _row(found: Planned, code: str, role: str) -> Row:
    for row in found.rows:
        if row.role == role:
            return row
    raise Http404(f"The event no longer touches {code}.")


@login_required
def decide(request, pk, code, role):
    """One row: the form, which the sheet takes in beside the row, and its answer."""
    flag = flag_with_sheet(request, pk)
    sheet = deciding.sheet_of(flag)
    found = _around(sheet, code)
    row = _row(found, code, role)
    proposal = leads.proposals(found, [row]).get(row.key)
    form = DecisionForm(request.POST or None, row=row, plan=flag.object_id, proposal=proposal)
    if request.method == "POST" and form.is_valid():
        try:
            deciding.decide(
                flag, [form.choice], by=request.user, seen_at=form.cleaned_data["seen_at"]
            )
        except SheetError as error:
            form.add_error(None, str(error))
        else:
            messages.success(request, f"Decided: {row.body.name} ({row.body.code}).")
            return redirect(_sheet(request, flag) + f"#row-{code}-{role}")
    context = {
        "flag": flag,
        "sheet": sheet,
        "row": row,
        "form": form,
        "event": flag.reorganisation,
    }
    return render(
        request, "accounts/sheet/decide.html", context, status=422 if form.errors else 200
    )


@login_required
def talk(request, pk, code, role):
    """What was said about one row, in whatever state the sheet is; and to say more."""
    flag = flag_with_sheet(request, pk)
    sheet = deciding.sheet_of(flag)
    body = get_object_or_404(Organisation, code=code)
    comments = history.thread(sheet, body.pk, role)
    if not comments.exists():
        _row(_around(sheet, code), code, role)  # of rows that the event touches alone
    form = CommentForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        history.comment(flag, body.pk, role, form.cleaned_data["text"], by=request.user)
        messages.success(request, "Said.")
        return redirect(_sheet(request, flag) + f"#row-{code}-{role}")
    context = {
        "flag": flag,
        "sheet": sheet,
        "event": flag.reorganisation,
        "body": Lives([body.pk]).near(body.pk, flag.reorganisation.effective_on),
        "role": role,
        "comments": comments,
        "form": form,
    }
    return render(request, "accounts/sheet/talk.html", context, status=422 if form.errors else 200)


@login_required
@require_POST
def decide_many(request, pk):
    """The same for every ticked row."""
    flag = flag_with_sheet(request, pk)
    form = BulkForm(request.POST, plan=flag.object_id)
    ticked = set(request.POST.getlist("row"))
    if not form.is_valid():
        for errors in form.errors.values():
            messages.error(request, " ".join(errors))
        return redirect(_sheet(request, flag))
    found = planned(deciding.sheet_of(flag))
    rows = [row for row in found.rows if f"{row.body.code}/{row.role}" in ticked]
    deed, data = form.cleaned_data["deed"], form.cleaned_data
    most = showing.by_people(found) if deed == "people" else {}
    proposed = leads.proposals(found, rows) if deed == "lead" else {}
    choices = []
    for row in rows:
        was = row.decision
        reason, asked = (was.reason, was.assigned_to) if was else ("", None)
        if deed == "default":
            choices.append(Choice(*row.key))
        elif deed == "people" and row.key in most:
            why = reason or "Most people live there."
            choices.append(Choice(*row.key, Outcome.CARRY, most[row.key], None, why, asked))
        elif deed == "lead" and row.key in proposed:
            outcome = was.outcome if was else ""
            lead = proposed[row.key].territory
            choices.append(Choice(*row.key, outcome, None, None, reason, asked, lead))
        elif deed == "hold":
            choices.append(Choice(*row.key, Outcome.HOLD, None, data["until_on"], reason, asked))
        elif deed == "ask":
            outcome = was.outcome if was else ""
            territory, until = (was.territory, was.until_on) if was else (None, None)
            to = data["assigned_to"]
            lead = was.lead if was else None
            choices.append(Choice(*row.key, outcome, territory, until, reason, to, lead))
    return _deed(
        request,
        flag,
        lambda: deciding.decide(flag, choices, by=request.user),
        lambda done: f"{count(done, 'row', 'rows').capitalize()} decided.",
    )


@login_required
@require_POST
def set_days(request, pk):
    flag = flag_with_sheet(request, pk)
    sheet = deciding.sheet_of(flag)
    form = DaysForm(request.POST, instance=sheet)
    if form.is_valid():
        return _deed(
            request,
            flag,
            lambda: deciding.set_days(flag, **form.cleaned_data, by=request.user),
            lambda _: "The days are set.",
        )
    page = SheetPage()
    page.setup(request, pk=pk)
    return page.render_to_response(page.get_context_data(pk=pk, days_form=form), status=422)


@login_required
@require_POST
def prepare(request, pk):
    flag = flag_with_sheet(request, pk)
    return _deed(
        request,
        flag,
        lambda: deciding.prepare(flag, by=request.user, seen=request.POST.get("seen", "")),
        lambda sheet: (
            "Prepared. A colleague approves it" + ("." if sheet.is_four_eyed else ", or you do.")
        ),
    )


@login_required
@require_POST
def approve(request, pk):
    flag = flag_with_sheet(request, pk)
    return _deed(
        request,
        flag,
        lambda: deciding.approve(flag, by=request.user, seen=request.POST.get("seen", "")),
        lambda sheet: "Approved.",
    )


@login_required
@require_POST
def take_back(request, pk):
    flag = flag_with_sheet(request, pk)
    return _deed(
        request,
        flag,
        lambda: deciding.take_back(flag, by=request.user),
        lambda _: "Taken back: decide, then prepare it again.",
    )


@login_required
@require_POST
def apply_now(request, pk):
    flag = flag_with_sheet(request, pk)

    def deed():
        done = applying.apply_sheet(flag, by=request.user, on=request.as_at.today)
        raise_flags()
        return done

    def says(done):
        if done is None:
            return "Somebody has applied it already."
        ends = count(len(done.closings), "assignment ends", "assignments end")
        begin = count(len(done.openings), "begins", "begin")
        return f"Applied: {ends}, {begin}."

    return _deed(request, flag, deed, says)


@login_required
def undo(request, pk):
    """What undoing would do; and the undo."""
    flag = flag_with_sheet(request, pk)
    sheet = deciding.sheet_of(flag)
    everything = "everything" in (request.POST if request.method == "POST" else request.GET)
    today = request.as_at.today
    frozen_until = sheet.frozen_until(today)
    form = None
    if frozen_until and undoing.may_within_a_freeze(request.user):
        form = DespiteForm(request.POST if request.method == "POST" else None)
    if request.method == "POST" and (form is None or form.is_valid()):
        despite = form.cleaned_data["despite"] if form else ""

        def deed():
            done = undoing.undo_sheet(
                flag, by=request.user, everything=everything, on=today, despite=despite
            )
            raise_flags()
            return done

        return _deed(request, flag, deed, _undone)
    try:
        preview = undoing.preview_undo(flag, by=request.user, everything=everything)
    except SheetError as error:
        messages.error(request, str(error))
        return redirect(_sheet(request, flag))
    context = {
        "flag": flag,
        "sheet": sheet,
        "event": flag.reorganisation,
        "preview": preview,
        "everything": everything,
        "frozen_until": frozen_until,
        "form": form,
        "deleted": showing.done(preview.deleted, undoing=True),
        "restored": showing.done(preview.restored, undoing=True),
        "kept": showing.done(preview.kept),
    }
    status = 422 if form and form.errors else 200
    return render(request, "accounts/sheet/undo.html", context, status=status)


def _undone(done) -> str:
    if not done.kept:
        return "Undone: the plan is as it was before."
    return f"Undone, but {count(len(done.kept), 'row', 'rows')} that somebody changed since."


def _deed(request, flag, deed, says):
    """Do it, say what was done or why not, and go back to the sheet."""
    try:
        done = deed()
    except SheetError as error:
        messages.error(request, str(error))
    else:
        messages.success(request, says(done))
    return redirect(_sheet(request, flag))


def _sheet(request, flag) -> str:
    return request.as_at.keep(reverse("accounts:sheet", args=[flag.pk]))


def leads_panel(request, organisation) -> str:
    """Who leads on a body in the reader's plans, for the body's page two floors below."""
    found = leads.on_body(organisation.pk, request.user, request.as_at.day)
    if not found:
        return ""
    context = {"leads": found, "may_plan": may_plan(request.user)}
    return render_to_string("accounts/_leads_panel.html", context, request=request)
