"""Pages for taking one's data along, and for leaving."""

from typing import cast

from django.contrib import messages
from django.contrib.auth import logout as end_session
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts import queries
from accounts.account_deletion import deletion
from accounts.exports import export
from accounts.models import User
from web.forms import DeletionForm


@login_required
@require_POST
def ask_export(request: HttpRequest) -> HttpResponse:
    """Have everything stored about the user written into a ZIP."""
    export.request_export(cast(User, request.user))
    messages.success(request, "Your archive is being written. This page shows it when it is ready.")
    return redirect("account")


@sensitive_post_parameters("password")
@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def leave(request: HttpRequest) -> HttpResponse:
    """Delete the account once the password confirms it."""
    form = DeletionForm(request.POST or None)
    started = None
    if form.is_valid():
        with form.refusals():
            user = cast(User, request.user)
            started = deletion.request_deletion(request, user, form.cleaned_data["password"])
    if started is None:
        return render(request, "web/leave.html", {"form": form}, status=form.status if form.is_bound else 200)
    end_session(request)
    return redirect("leaving", id=started.pk)


@require_safe
def leaving(request: HttpRequest, id: str) -> HttpResponse:  # noqa: A002 (the path's word)
    """Show how far a deletion is; its id is the secret, for nobody can log in to ask any more."""
    found = queries.deletion(id).first()
    if found is None:
        raise Http404
    return render(request, "web/leaving.html", {"deletion": found, "steps": found.steps.order_by("pk")})
