"""Letters as they were written: the outbox."""

from csp.constants import NONE, SELF, UNSAFE_INLINE
from csp.decorators import csp_replace
from django.conf import settings
from django.contrib.auth.decorators import login_required
from django.contrib.auth.mixins import LoginRequiredMixin
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.views.decorators.clickjacking import xframe_options_sameorigin
from django.views.decorators.http import require_safe
from django.views.generic import TemplateView

from footprints.lists import Action, ListView

from ..alerts import wanting
from ..certifying import holding
from ..certifying.keeping import may_certify
from ..filters import LetterFilter
from ..models import Digest
from ..tables import LetterTable

FOLLOWING = "allow-top-navigation-by-user-activation"  # of a link, by whoever reads it


class Outbox(ListView):
    title = "Letters"
    model = Digest
    table_class = LetterTable
    filterset_class = LetterFilter
    noun = ("letter", "letters")
    depends_on_day = False
    default_sort = "-sent_at"
    empty_title = "No letters yet"
    empty_text = "One letter a person and effective day is written when an event touches a plan."

    @property
    def lead(self):
        if settings.EMAIL_HOST:
            return "One letter a person and effective day, as it was sent."
        return "No mail server is set: letters are kept here, and go nowhere else."

    def get_table_kwargs(self):
        return {"held": holding.held(self.as_at.today)}

    def get_actions(self):
        if not may_certify(self.request.user):
            return []
        return [Action("Certified letters", reverse("accounts:certificates"), "patch-check")]

    def get_queryset(self):
        found = Digest.objects.visible_to(self.request.user).filter(merged_into=None)
        return found.select_related("person")


class LetterPage(LoginRequiredMixin, TemplateView):
    template_name = "accounts/letter.html"

    def get_context_data(self, pk, **kwargs):
        return super().get_context_data(
            letter=_sent(pk, self.request.user),
            has_mail_server=bool(settings.EMAIL_HOST),
            may_follow=FOLLOWING,
            **kwargs,
        )


@login_required
@require_safe
@xframe_options_sameorigin
@csp_replace(
    {
        # Nothing of it runs or asks for anything; it is styled in its own lines, as letters are.
        "default-src": [NONE],
        "script-src": [NONE],
        "style-src": [UNSAFE_INLINE],
        "form-action": [NONE],
        "frame-ancestors": [SELF],
        "sandbox": [FOLLOWING],
    }
)
def letter_html(request, pk):
    """The HTML part of a letter as it was sent, for a frame of its page."""
    html = _sent(pk, request.user).html
    if not html:
        raise Http404("This letter was text alone.")
    # A link that is followed leaves the frame.
    return HttpResponse(html.replace("<head>", '<head><base target="_top">', 1))


def _sent(pk, user) -> Digest:
    """A letter as it went out, that the user may read."""
    letters = Digest.objects.visible_to(user).select_related("person")
    letter = get_object_or_404(letters.sent(), pk=pk)
    if letter.person != user:
        # A colleague who looks at it is not to turn somebody else's letters off.
        letter.text = wanting.without_off_addresses(letter.text)
        letter.html = wanting.without_off_addresses(letter.html)
    return letter
