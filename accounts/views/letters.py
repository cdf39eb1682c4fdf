"""Letters as they were written: the outbox."""

from django.conf import settings
from django.contrib.auth.mixins import LoginRequiredMixin
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.views.generic import TemplateView

from footprints.lists import Action, ListView

from ..alerts import wanting
from ..certifying import holding
from ..certifying.keeping import may_certify
from ..filters import LetterFilter
from ..models import Digest
from ..tables import LetterTable


class Outbox(ListView):
    title = "Letters"
    model = Digest
    table_class = LetterTable
    filterset_class = LetterFilter
    noun = ("letter", "letters")
    depends_on_day = False
    default_sort = "-effective_on"
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
        letters = Digest.objects.visible_to(self.request.user).select_related("person")
        letter = get_object_or_404(letters.sent(), pk=pk)
        if letter.person != self.request.user:
            # A colleague who looks at it is not to turn somebody else's letters off.
            letter.text = wanting.without_off_addresses(letter.text)
        return super().get_context_data(
            letter=letter,
            has_mail_server=bool(settings.EMAIL_HOST),
            **kwargs,
        )
