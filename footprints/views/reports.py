"""Reports: what was dropped in, found or fetched, what each would change, and applying it."""

from dataclasses import dataclass
from datetime import date, timedelta
from itertools import groupby

from django.contrib import messages
from django.contrib.auth.mixins import LoginRequiredMixin
from django.db.models import Exists, OuterRef
from django.http import FileResponse, Http404
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.utils.html import format_html
from django.utils.timezone import now
from django.views.generic import FormView, TemplateView

from .. import tasks
from ..filters import ReportFilter
from ..forms import DayToldForm, ReportForm
from ..lists import Action, ListView
from ..models import Organisation, Release, Report
from ..services import taking_in
from ..services.receiving import CannotApply, Received, discard_report, receive_report
from ..tables import ReportTable, report_chip
from .stewards import PERMISSION, StewardsOnly, deed

State = Report.State

A_WORKER_COMES = timedelta(minutes=2)  # then somebody should see whether there is one


class ReportList(ListView):
    """Every report as received, the newest first."""

    template_name = "footprints/report_list.html"
    title = "Reports"
    lead = "Files of the NHS as they were received, what each says, and what became of it."
    model = Report
    table_class = ReportTable
    filterset_class = ReportFilter
    default_sort = "-received"
    noun = ("report", "reports")
    count_limit = 10_000
    depends_on_day = False
    empty_title = "No report has come yet"
    empty_text = (
        "A file of the NHS as published (epraccur, etr, ePCN, an ONS lookup, the ODS XML), or the "
        "bricks of a data supplier, is read here, shown with what it would change, and applied."
    )

    def get_queryset(self):
        standing = Release.objects.standing().filter(report=OuterRef("pk"))
        return Report.objects.select_related("by").annotate(has_release=Exists(standing))

    def get_actions(self):
        if not self.request.user.has_perm(PERMISSION):
            return []
        new = Action("Drop in a report", reverse("footprints:new_report"), "box-arrow-in-down")
        return [new]

    @property
    def empty_action(self):
        return next(iter(self.get_actions()), None)


class NewReport(StewardsOnly, FormView):
    """Drop files in; each is received and a worker reads it."""

    template_name = "footprints/report_form.html"
    form_class = ReportForm

    def get_form_kwargs(self):
        return {**super().get_form_kwargs(), "request": self.request}

    def form_valid(self, form):
        received, known = [], []
        for file in form.cleaned_data["files"]:
            try:
                report = receive_report(
                    file,
                    name=file.name,
                    via=Report.Via.FORM,
                    about_on=form.cleaned_data["about_on"],
                    by=self.request.user,
                )
            except Received as before:
                known.append(before.report)
                messages.warning(
                    self.request,
                    format_html(
                        '{} is here already: <a href="{}">{}</a>, {}.',
                        file.name,
                        before.report.get_absolute_url(),
                        before.report,
                        before.report.get_state_display().lower(),
                    ),
                )
            else:
                received.append(report)
                tasks.take_in.soon(report.pk)
        if len(received) > 1:
            messages.success(self.request, f"{len(received)} files are received.")
        if len(received) == 1 or (len(known) == 1 and not received):
            return redirect((received or known)[0])
        return redirect("footprints:reports")


# --- One report ---------------------------------------------------------------------------------


FIRST = 20  # rows of a sort that are shown unfolded


@dataclass(frozen=True)
class Examples:
    """The first rows of one sort (changes of a kind of fact, findings of a topic), of so many."""

    name: str
    count: int
    rows: list[dict]
    model: str = ""

    @property
    def first(self) -> list[dict]:
        return self.rows[:FIRST]

    @property
    def rest(self) -> list[dict]:
        return self.rows[FIRST:]

    @property
    def besides(self) -> int:
        return self.count - len(self.rows)


WHAT = ("gone", "changed", "new")  # what asks most for a look comes first

# What each sort of claim is called to a person, by its name in ``Preview.read``.
SAID = {
    "life": "Bodies",
    "bond": "Places",
    "label": "Other codes",
    "passing": "Successions",
    "record": "Only compared",
    "doubt": "Doubts",
    "badline": "Lines not read",
}


class Preview:
    """What a report says and would change, as ``receiving.preview_report`` kept it."""

    def __init__(self, preview: dict):
        self.read = preview["read"]
        self.reasons = preview["reasons"]
        self.later = [
            {**each, "day": date.fromisoformat(each["about_on"])} for each in preview["later"]
        ]
        facts = preview["facts"]
        self.counts = {what: sum(fact[what] for fact in facts) for what in WHAT}
        self.changes = [
            (what, [_examples(fact, what) for fact in facts if fact[what]])
            for what in WHAT
            if self.counts[what]
        ]
        self.unplaced, self.anomalies = preview["unplaced"]["count"], preview["anomalies"]["count"]
        self.unplaced_topics = _topics(preview["unplaced"])
        self.anomaly_topics = _topics(preview["anomalies"])

    @property
    def totals(self) -> list[tuple[str, int]]:
        """How many facts are new, changed and gone."""
        return [(what, self.counts[what]) for what in reversed(WHAT)]

    @property
    def said(self) -> list[tuple[str, int]]:
        """How many claims of each sort were read, in words."""
        return [(words, self.read[sort]) for sort, words in SAID.items() if self.read.get(sort)]

    @property
    def is_news(self) -> bool:
        return any(self.counts.values())

    @property
    def codes(self) -> set[str]:
        """Every code that is shown."""
        examples = [row for _, kinds in self.changes for kind in kinds for row in kind.rows]
        found = [row for topic in self.unplaced_topics + self.anomaly_topics for row in topic.rows]
        return {row["code"] for row in examples + found}


def _examples(fact, what):
    rows = [row for row in fact["examples"] if row["what"] == what]
    return Examples(fact["name"], fact[what], rows, fact["model"])


def _topics(findings):
    """The topics, the most frequent first, each with its examples in the order of the file."""
    rows = sorted(findings["examples"], key=lambda row: row["topic"])
    by_topic = {name: list(found) for name, found in groupby(rows, lambda row: row["topic"])}
    counts = sorted(findings["topics"].items(), key=lambda each: (-each[1], each[0]))
    return [Examples(name, count, by_topic.get(name, [])) for name, count in counts]


class ReportDetail(LoginRequiredMixin, TemplateView):
    """One report: how far it is, what it would change, what became of it."""

    template_name = "footprints/report.html"

    def get_context_data(self, *, pk, **kwargs):
        report = get_object_or_404(Report.objects.select_related("by", "applied_by"), pk=pk)
        release = report.release
        preview = Preview(report.preview) if report.preview else None
        known = Organisation.objects.filter(code__in=preview.codes if preview else [])
        is_heard = report.state in (State.APPLIED, State.NOTHING_NEW)
        waits = report.state == State.RECEIVED and not report.doing
        return super().get_context_data(
            report=report,
            chip=report_chip(report, has_release=release is not None),
            release=release,
            undone=_undone(report) if is_heard and release is None else None,
            preview=preview,
            known_codes=set(known.values_list("code", flat=True)),
            may_change=self.request.user.has_perm(PERMISSION),
            is_waiting_long=waits and report.received_at < now() - A_WORKER_COMES,
            goes_by_itself=taking_in.goes_by_itself(report),
            **kwargs,
        )


def _undone(report):
    """The undo of the release that applied it; None where it never was."""
    undos = Release.objects.filter(undoes__report=report)
    return undos.order_by("-pk").first()


@deed
def apply_report(request, pk):
    """Have it applied by a worker."""
    report = get_object_or_404(Report, pk=pk)
    try:
        taking_in.ask_to_apply(report, by=request.user)
    except taking_in.TooLate as late:
        messages.error(request, str(late))
    else:
        tasks.take_in.soon(report.pk)
    return redirect(report)


@deed
def stop_report(request, pk):
    """Stop what is being done to it: of what was being applied nothing is written."""
    report = get_object_or_404(Report, pk=pk)
    try:
        if report.state == State.APPLYING:
            taking_in.stop_applying(report, by=request.user)
        else:
            discard_report(report, by=request.user)
    except (taking_in.TooLate, CannotApply) as late:
        messages.error(request, str(late))
    else:
        messages.success(request, "Stopped. Nothing of it was written.")
    return redirect(report)


@deed
def discard(request, pk):
    """Set it aside."""
    report = get_object_or_404(Report, pk=pk)
    try:
        discard_report(report, by=request.user)
    except CannotApply as refusal:
        messages.error(request, str(refusal))
    else:
        messages.success(request, f"“{report}” is set aside.")
    return redirect(report)


@deed
def read_again(request, pk):
    """Have it read anew by a worker, as of the day that somebody may say."""
    report = get_object_or_404(Report, pk=pk)
    form = DayToldForm(request.POST)
    if not form.is_valid():
        messages.error(request, "That is no day. Nothing was done.")
        return redirect(report)
    try:
        taking_in.read_again(report, by=request.user, **form.cleaned_data)
    except taking_in.TooLate as late:
        messages.error(request, str(late))
    else:
        tasks.take_in.soon(report.pk)
    return redirect(report)


class ReportFile(StewardsOnly, TemplateView):
    """The file as it was received."""

    def get(self, request, pk):
        report = get_object_or_404(Report, pk=pk)
        try:
            file = report.file.open()
        except FileNotFoundError:
            raise Http404("The file as received is not in the store any more.") from None
        return FileResponse(
            file,
            as_attachment=True,
            filename=report.name,
            content_type="application/octet-stream",
        )
