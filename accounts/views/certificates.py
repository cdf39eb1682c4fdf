"""The doors of certified letters, for whoever looks after Waymark."""

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.http import Http404
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.timezone import now
from django.views.decorators.http import require_POST

from footprints.lists import ListView
from footprints.written import day_in_full

from .. import tasks
from ..certifying import holding, keeping
from ..certifying.forms import CertificateForm, PolicyForm
from ..certifying.lists import CertificateFilter, CertificateTable
from ..models import Certificate, Digest, LetterPolicy

HOME = "accounts:certificates"


def for_certifiers(user):
    """Raise PermissionDenied for whoever does not look after letters."""
    if not keeping.may_certify(user):
        raise PermissionDenied("Certificates are recorded by administrators.")


class Certificates(ListView):
    template_name = "accounts/certificates/certificates.html"
    title = "Certified letters"
    lead = (
        "Where the company asks for it, a letter to a field user carries its job-bag number, who "
        "approved it and until when; without that it waits."
    )
    model = Certificate
    table_class = CertificateTable
    filterset_class = CertificateFilter
    noun = ("certificate", "certificates")
    depends_on_day = False
    default_sort = "-approved_on"
    empty_title = "No certificate yet"
    empty_text = "What was approved is kept here, with who approved it and until when."

    def dispatch(self, request, *args, **kwargs):
        if request.user.is_authenticated:
            for_certifiers(request.user)
        return super().dispatch(request, *args, **kwargs)

    def get_queryset(self):
        return Certificate.objects.select_related("by", "withdrawn_by")

    def get_context_data(self, **kwargs):
        today, start = self.as_at.today, holding.certified_from()
        return super().get_context_data(
            standings=holding.standings(now(), today),
            certified_from=start,
            is_asked_for=start is not None and start <= today,
            **kwargs,
        )


@login_required
def certify(request, letter):
    """Record an approval of a letter in its wording as it is now."""
    for_certifiers(request.user)
    if letter not in Digest.About.values:
        raise Http404("There is no such letter.")
    letter = Digest.About(letter)
    first = {"wording": holding.wording_of(letter), "approved_on": request.as_at.today}
    form = CertificateForm(request.POST or None, initial=first)
    if request.method == "POST" and form.is_valid():
        try:
            keeping.certify(letter, **form.cleaned_data, by=request.user)
        except keeping.CertificateError as error:
            form.add_error(None, str(error))
        else:
            tasks.send_digests.soon()
            messages.success(request, "Kept. What was held goes now, where this covers it.")
            return redirect(reverse(HOME))
    context = {
        "form": form,
        "letter": letter,
        "sample": holding.sample_of(letter),
        "wording": first["wording"][:12],
    }
    status = 422 if form.errors else 200
    return render(request, "accounts/certificates/certify.html", context, status=status)


@login_required
@require_POST
def withdraw(request, pk):
    """Have a certificate hold no more, and say why."""
    for_certifiers(request.user)
    certificate = get_object_or_404(Certificate, pk=pk)
    try:
        done = keeping.withdraw(
            certificate, reason=request.POST.get("reason", ""), by=request.user
        )
    except keeping.CertificateError as error:
        messages.error(request, str(error))
    else:
        said = f"{certificate.job_bag} is withdrawn." if done else "It was withdrawn already."
        messages.success(request, said)
    return redirect(reverse(HOME))


@login_required
def policy(request):
    """From when the company asks for certificates."""
    for_certifiers(request.user)
    kept = LetterPolicy.objects.first() or LetterPolicy(pk=LetterPolicy.ONLY)
    form = PolicyForm(request.POST or None, instance=kept)
    if request.method == "POST" and form.is_valid():
        day = form.cleaned_data["certified_from_on"]
        keeping.ask_from(day, by=request.user)
        tasks.send_digests.soon()
        said = f"Asked for from {day_in_full(day)} on." if day else "Not asked for any more."
        messages.success(request, said)
        return redirect(reverse(HOME))
    status = 422 if form.errors else 200
    waiting = [one for one in holding.standings(now(), request.as_at.today) if one.why_not]
    context = {"form": form, "lacking": waiting}
    return render(request, "accounts/certificates/policy.html", context, status=status)
