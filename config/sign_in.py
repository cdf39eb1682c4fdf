"""Who may sign in: people whom an administrator has added. Nobody signs up.

And what becomes of a deed whose doer was signed out meanwhile, or of an address of a deed that is
opened as if it were a page.
"""

from urllib.parse import urlsplit

from allauth.account.adapter import DefaultAccountAdapter
from django.contrib import messages
from django.contrib.auth.views import redirect_to_login
from django.shortcuts import render
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme

ASKING = ("GET", "HEAD", "OPTIONS")


class ClosedSignUp(DefaultAccountAdapter):
    """Sign-in by username or e-mail address; the sign-up page says that it is closed."""

    def is_open_for_signup(self, request):
        """Say no: accounts are made in the admin."""
        return False


class DeedsMiddleware:
    """Has who was signed out when they did something come back to the page where they did it, and
    not to the address of the deed, which is no page; that one says so, with a way back."""

    def __init__(self, get_response):
        self.get_response = get_response

    def __call__(self, request):
        response = self.get_response(request)
        if response.status_code == 405 and not response.content:
            page = render(request, "405.html", status=405)
            page["Allow"] = response["Allow"]
            return page
        sign_in = reverse("account_login")
        if request.method not in ASKING and _leads_to(sign_in, response):
            messages.warning(request, "You were signed out: nothing was done.")
            return redirect_to_login(_page_of(request, sign_in), sign_in)
        return response


def _leads_to(sign_in, response) -> bool:
    """Whether the answer sends somebody to sign in, and on to where they wanted to go."""
    there = urlsplit(response.get("Location", ""))
    return response.status_code == 302 and there.path == sign_in and "next=" in there.query


def _page_of(request, sign_in) -> str:
    """The page of ours where the deed was done, else home."""
    referrer = request.headers.get("Referer", "")
    there = urlsplit(referrer)
    is_ours = url_has_allowed_host_and_scheme(
        referrer, {request.get_host()}, require_https=request.is_secure()
    )
    if not (is_ours and there.netloc) or there.path == sign_in:
        return reverse("accounts:home")
    return f"{there.path}?{there.query}" if there.query else there.path
