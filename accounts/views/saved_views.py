"""The doors of saved views, and the line of them over every list."""

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404
from django.shortcuts import get_object_or_404, redirect
from django.template.loader import render_to_string
from django.views.decorators.http import require_POST

from .. import saved_views
from ..models import SavedView


def list_panel(request, page) -> str:
    """The views of the list, and what keeps one of it as it is narrowed now."""
    shown = saved_views.words_of(request.GET)
    views = saved_views.of_list(request.user, request.path)
    if not views and not shown:
        return ""
    context = {
        "views": views,
        "shown": shown,
        # What was not understood shows nothing, and is worth no name.
        "is_misread": page.is_misread,
        "current": next((view for view in views if view.query == shown), None),
        "path": request.path,
        "all_address": request.as_at.keep(request.path),
    }
    return render_to_string("accounts/saved_views/_line.html", context, request=request)


@login_required
@require_POST
def save_view(request):
    """Keep the list at `path`, narrowed by `query`, as `name`; `show` it to the team."""
    path = request.POST.get("path", "")
    if not saved_views.is_list(path):
        raise Http404("There is no such list.")
    query = saved_views.words_of(request.POST.get("query", ""))
    try:
        view = saved_views.save(
            request.user,
            path,
            query,
            name=request.POST.get("name", ""),
            is_shown="show" in request.POST,
        )
    except saved_views.SavedViewError as error:
        messages.error(request, str(error))
    else:
        seen = f" {view.team} sees it too." if view.team else ""
        messages.success(request, f"The view «{view}» is saved.{seen}")
    return redirect(request.as_at.keep(f"{path}?{query}" if query else path))


@login_required
@require_POST
def remove_view(request, pk):
    """Take one of the reader's own views away; the list stays as it is narrowed."""
    view = get_object_or_404(SavedView, pk=pk, person=request.user)
    view.delete()
    messages.success(request, f"The view «{view}» is gone.")
    return redirect(request.as_at.keep(view.get_absolute_url()))
