"""The doors of challenges: "not like this", said of a unit and answered."""

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.db.models import OuterRef, Subquery
from django.db.models.functions import Coalesce
from django.http import Http404
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_POST

from footprints.lists import ListView
from footprints.models import Version

from ..challenges import deeds
from ..challenges.forms import AnswerForm, ChallengeForm
from ..challenges.lists import ChallengeFilter, ChallengeTable
from ..models import Challenge, Territory
from ..services.flags import raise_flags
from ..territories.plans import may_plan
from ..territories.reading import PlanOnDay


def named(challenges, day):
    """The challenges with `unit_name`: as the unit is called on the day, or last was."""
    versions = Version.objects.now().filter(organisation=OuterRef("organisation"))
    live = versions.on(day).values("name")[:1]
    last = versions.order_by("-opened_on").values("name")[:1]
    return challenges.annotate(
        unit_name=Coalesce(Subquery(live), Subquery(last), "organisation__code")
    )


class ChallengeList(ListView):
    title = "Challenges"
    model = Challenge
    table_class = ChallengeTable
    filterset_class = ChallengeFilter
    noun = ("challenge", "challenges")
    depends_on_day = False
    empty_title = "Nobody has challenged anything"

    @property
    def lead(self):
        if deeds.may_answer(self.request.user):
            return "What the field says of a plan. A plan is submitted once each has an answer."
        return "What was said of a plan, and what came of it."

    @property
    def empty_text(self):
        if may_plan(self.request.user):
            return "A field user says “not like this” of a unit on the page of their territory."
        return "Say “not like this” of a unit on the page of your territory."

    def get_queryset(self):
        found = Challenge.objects.visible_to(self.request.user)
        return named(found, self.as_at.today).select_related(
            "plan", "territory", "wanted", "organisation", "by"
        )


@login_required
def raise_challenge(request, plan, pk):
    """Say of a unit of one's own territory, or of one that should be in it, "not like this"."""
    mine = Territory.objects.visible_to(request.user).select_related("plan__team")
    territory = get_object_or_404(mine, plan=plan, pk=pk)
    if not deeds.is_open_to_it(territory.plan):
        raise Http404("Nothing of this plan is challenged.")
    on_day = PlanOnDay(territory.plan, request.user, request.as_at.day)
    held = [key for key, home in on_day.held.items() if home == territory]
    units = Version.objects.now().on(on_day.day).filter(organisation__in=held)
    form = ChallengeForm(
        request.POST or None,
        territory=territory,
        units=units.order_by("name").values_list("organisation__code", "name"),
        others=mine.filter(plan=plan).exclude(pk=pk).order_by("position", "code"),
        initial={"unit": request.GET.get("unit", "")},
    )
    if request.method == "POST" and form.is_valid():
        try:
            deeds.challenge(
                territory,
                form.unit,
                wanted=form.cleaned_data.get("wanted"),
                reason=form.cleaned_data["reason"],
                by=request.user,
                on=on_day.day,
            )
        except deeds.ChallengeError as error:
            form.add_error(None, str(error))
        else:
            messages.success(request, "It is sent: a manager answers, and you read it here.")
            return redirect("accounts:challenges")
    context = {"form": form, "territory": territory, "title": "Not like this"}
    status = 422 if form.errors else 200
    return render(request, "accounts/challenges/form.html", context, status=status)


def _challenge(request, pk):
    found = named(Challenge.objects.visible_to(request.user), request.as_at.today)
    found = found.select_related(
        "plan__team", "territory", "wanted", "granted", "organisation", "by", "decided_by"
    )
    return get_object_or_404(found, pk=pk)


def _page(request, challenge, form=None, status=200):
    plan, user = challenge.plan, request.user
    day = plan.day_for(request.as_at.day)
    is_open = challenge.state == Challenge.State.OPEN
    initial = {"to": challenge.wanted, "from_on": day}
    # A field user is told nothing of whose patch another one is.
    mine = set(Territory.objects.visible_to(user).filter(plan=plan).values_list("pk", flat=True))
    return render(
        request,
        "accounts/challenges/challenge.html",
        {
            "challenge": challenge,
            "there": deeds.held_by(plan, challenge.organisation, challenge.role, day),
            "mine": mine,
            "may_answer": is_open and deeds.may_answer(user),
            "may_withdraw": is_open and challenge.by == user,
            "form": form or AnswerForm(challenge=challenge, initial=initial),
        },
        status=status,
    )


@login_required
def challenge(request, pk):
    return _page(request, _challenge(request, pk))


@login_required
@require_POST
def answer(request, pk):
    """Accept it as it was wanted, or otherwise; or refuse it."""
    found = _challenge(request, pk)
    if not deeds.may_answer(request.user):
        raise Http404("Managers answer challenges.")
    deed = request.POST.get("deed")
    if deed == "accept":
        day = request.as_at.day
        return _done(request, found, lambda: deeds.accept(found, by=request.user, on=day))
    form = AnswerForm(request.POST, challenge=found)
    if not form.is_valid():
        return _page(request, found, form, status=422)
    said = form.cleaned_data
    if deed == "change":
        return _done(
            request,
            found,
            lambda: deeds.accept(
                found,
                by=request.user,
                on=said["from_on"],
                to=said["to"],
                answer=said["answer"],
            ),
            form,
        )
    if deed == "refuse":
        return _done(
            request,
            found,
            lambda: deeds.refuse(found, by=request.user, answer=said["answer"]),
            form,
        )
    raise Http404("No such answer.")


def _done(request, found, deed, form=None):
    try:
        done = deed()
    except deeds.Answered as error:
        messages.error(request, str(error))
        return redirect(found)
    except deeds.ChallengeError as error:
        if form is None:
            messages.error(request, str(error))
            return redirect(found)
        form.add_error(None, str(error))
        return _page(request, found, form, status=422)
    raise_flags()
    messages.success(request, f"{done.get_state_display()}.")
    following = Challenge.objects.visible_to(request.user).open().exclude(pk=found.pk).first()
    return redirect(following or "accounts:challenges")


@login_required
@require_POST
def withdraw(request, pk):
    found = _challenge(request, pk)
    if found.by != request.user:
        raise Http404("Whoever raised it withdraws it.")
    try:
        deeds.withdraw(found, by=request.user)
    except deeds.Answered as error:
        messages.error(request, str(error))
        return redirect(found)
    messages.success(request, "It is withdrawn.")
    return redirect("accounts:challenges")
