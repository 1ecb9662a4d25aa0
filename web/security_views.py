"""Pages for one's password and logins."""

from typing import cast

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST

from accounts import queries
from accounts.logins import active_logins
from accounts.models import User
from accounts.passwords import password_change
from web.forms import PasswordChangeForm


@sensitive_post_parameters("password", "new_password")
@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def change_password(request: HttpRequest) -> HttpResponse:
    """Set another password; every other session and token ends."""
    form = PasswordChangeForm(request.POST or None)
    if form.is_valid():
        with form.refusals():
            _change(request, form.cleaned_data["password"], form.cleaned_data["new_password"])
    if not form.is_bound or not form.is_valid():
        status = form.status if form.is_bound else 200
        return render(request, "web/change_password.html", {"form": form}, status=status)
    messages.success(request, "Your password is changed. Every other session and token has ended.")
    return redirect("account")


@login_required
@require_POST
def end_login(request: HttpRequest, id: str) -> HttpResponse:  # noqa: A002 (the path's word)
    """End one session or token of the user."""
    found = queries.login_of(_user(request).pk, id)
    if found is None:
        raise Http404
    active_logins.end_one(found)
    return redirect("account")


@login_required
@require_POST
def end_other_logins(request: HttpRequest) -> HttpResponse:
    """End every session and token of the user but the session of this page."""
    active_logins.end_all(_user(request).pk, but=active_logins.login_id_of(request))
    messages.success(request, "Every other session and token has ended.")
    return redirect("account")


def _change(request: HttpRequest, password: str, new_password: str) -> None:
    user, kept = _user(request), active_logins.login_id_of(request)
    password_change.change(request, user, (password, new_password), kept, timezone.now())
    active_logins.keep_session(request, user, kept)


def _user(request: HttpRequest) -> User:
    return cast(User, request.user)  # logged in
