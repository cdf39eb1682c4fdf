"""Letters as they were written: the outbox."""

from django.conf import settings
from django.contrib.auth.mixins import LoginRequiredMixin
from django.shortcuts import get_object_or_404
from django.views.generic import TemplateView

from footprints.lists import ListView

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

    def get_queryset(self):
        return Digest.objects.visible_to(self.request.user).select_related("person")


class LetterPage(LoginRequiredMixin, TemplateView):
    template_name = "accounts/letter.html"

    def get_context_data(self, pk, **kwargs):
        letters = Digest.objects.visible_to(self.request.user).select_related("person")
        return super().get_context_data(
            letter=get_object_or_404(letters.exclude(sent_at=None), pk=pk),
            has_mail_server=bool(settings.EMAIL_HOST),
            **kwargs,
        )
