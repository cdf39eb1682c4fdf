"""Reorganisations that nobody announced: what the members tell, and a steward's decision."""

from dataclasses import dataclass

from django.contrib import messages
from django.contrib.auth.mixins import LoginRequiredMixin
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.timezone import now
from django.views.generic import TemplateView

from ..filters import ProposalFilter
from ..forms import DismissForm
from ..lists import ListView
from ..models import Organisation, Proposal, Reorganisation
from ..proposing import evidence
from ..services.proposals import (
    AlreadyDecided,
    AlreadyRecorded,
    accept,
    dismiss,
    release_of,
)
from ..tables import ProposalTable, proposal_chip
from .stewards import PERMISSION, deed

State = Proposal.State


class ProposalList(ListView):
    """Every proposal, those of the latest days first."""

    template_name = "footprints/proposal_list.html"
    title = "Proposals"
    lead = (
        "Reorganisations that nobody announced, as the members of the bodies tell. "
        "A data steward makes each an event, or dismisses it."
    )
    model = Proposal
    table_class = ProposalTable
    filterset_class = ProposalFilter
    default_sort = "-effective"
    noun = ("proposal", "proposals")
    count_limit = 10_000
    depends_on_day = False
    empty_title = "Nothing is proposed"
    empty_text = (
        "When a report shows that the members of a body sit elsewhere, and no event says why, "
        "it is proposed here."
    )


@dataclass(frozen=True)
class Way:
    """What went from one old body to one new one: a row of the evidence."""

    old: dict
    new: dict

    @property
    def anchor(self) -> str:
        return f"{self.old['code']}-{self.new['code']}"

    @property
    def amount(self) -> str:
        return evidence.amount(self.new)

    @property
    def share(self) -> float | None:
        """What would pass: all to an only successor, else by people, never by a count."""
        if self.old["how"] != "parted" and len(self.old["went"]) == 1:
            return 1
        return self.new["people_share"]


@dataclass(frozen=True)
class Sure:
    """What the confidence rests on: how many members there were, were followed, went so."""

    total: int
    lost: int
    strays: int
    days: list[str]
    stated: bool


class ProposalDetail(LoginRequiredMixin, TemplateView):
    """One proposal: old → new with members and shares, what tells the day, who decided."""

    template_name = "footprints/proposal.html"

    def get_context_data(self, *, pk, **kwargs):
        proposal = get_object_or_404(
            Proposal.objects.select_related("decided_by", "reorganisation", "release"), pk=pk
        )
        return super().get_context_data(**_shown(self.request, proposal), **kwargs)


def _shown(request, proposal: Proposal, form=None) -> dict:
    entries = proposal.evidence
    codes = {code for entry in entries for code in _codes(entry)}
    return {
        "proposal": proposal,
        "kind": Reorganisation.Kind(proposal.kind).label,
        "chip": proposal_chip(proposal),
        "entries": entries,
        "ways": [Way(entry, went) for entry in entries for went in entry["went"]],
        "known": set(Organisation.objects.with_codes(codes).values_list("code", flat=True)),
        "has_members": any(entry["total"] for entry in entries),
        "has_people": any(went["people"] for entry in entries for went in entry["went"]),
        "sure": _sure(entries),
        "event_release": release_of(proposal),
        "may_decide": proposal.state == State.OPEN and request.user.has_perm(PERMISSION),
        "form": form or DismissForm(),
    }


def _codes(entry: dict):
    for members in (entry["strays"], entry["lost"], *(w["members"] for w in entry["went"])):
        yield from (member["code"] for member in members)
    yield from (entry["code"], *(went["code"] for went in entry["went"]))


def _sure(entries: list[dict]) -> Sure:
    return Sure(
        total=sum(entry["total"] for entry in entries),
        lost=sum(len(entry["lost"]) for entry in entries),
        strays=sum(len(entry["strays"]) for entry in entries),
        days=list(dict.fromkeys(evidence.the_day(entry) for entry in entries)),
        stated=evidence.is_stated(entries),
    )


@deed
def accept_proposal(request, pk):
    """Make it an event, which took effect, or will: it is undone as a release."""
    proposal = get_object_or_404(Proposal, pk=pk)
    is_past = proposal.effective_on <= request.as_at.today
    state = Reorganisation.State.EFFECTIVE if is_past else Reorganisation.State.APPROVED
    try:
        event = accept(proposal, by=request.user, state=state)
    except (AlreadyDecided, AlreadyRecorded) as refusal:
        messages.error(request, str(refusal))
        return redirect(proposal)
    messages.success(request, f"“{event}” is recorded. It can be undone as a release.")
    return redirect(event)


@deed
def dismiss_proposal(request, pk):
    """Say why it is no reorganisation; without a reason the page asks for one."""
    proposal = get_object_or_404(
        Proposal.objects.select_related("decided_by", "reorganisation", "release"), pk=pk
    )
    form = DismissForm(request.POST)
    if not form.is_valid():
        return render(
            request, ProposalDetail.template_name, _shown(request, proposal, form), status=422
        )
    try:
        dismiss(proposal, by=request.user, reason=form.cleaned_data["reason"], at=now())
    except AlreadyDecided as refusal:
        messages.error(request, str(refusal))
        return redirect(proposal)
    messages.success(request, f"“{proposal}” is dismissed.")
    return redirect("footprints:proposals")
