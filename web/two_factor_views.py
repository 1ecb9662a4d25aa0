"""The page on which two-factor authentication is switched on and off."""

from typing import cast

import segno
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_POST, require_safe

from accounts.logins import active_logins, two_factor, two_factor_setup
from accounts.models import User
from web.forms import AccessibleForm, CodeForm, ConfirmationForm, SecondFactorForm

QR_SCALE = 5


@login_required
@require_safe
@never_cache
def overview(request: HttpRequest) -> HttpResponse:
    """Show whether logins need a code, and the form for what can be done next."""
    return _page(request)


@sensitive_post_parameters("password")
@login_required
@require_POST
@never_cache
def begin(request: HttpRequest) -> HttpResponse:
    """Make a key for the authenticator app."""
    form = ConfirmationForm(request.POST)
    if form.is_valid():
        with form.refusals():
            two_factor_setup.begin(request, _user(request), form.cleaned_data["password"], timezone.now())
    return redirect("two_factor") if form.is_valid() else _page(request, form)


@sensitive_post_parameters("code")
@login_required
@require_POST
@never_cache
def confirm(request: HttpRequest) -> HttpResponse:
    """Switch it on with a first code, and show the recovery codes, once."""
    form = CodeForm(request.POST)
    codes: list[str] = []
    if form.is_valid():
        with form.refusals():
            kept = active_logins.login_id_of(request)
            codes = two_factor_setup.confirm(_user(request), form.cleaned_data["code"], kept, timezone.now())
    return render(request, "web/recovery_codes.html", {"codes": codes}) if codes else _page(request, form)


@sensitive_post_parameters("password", "code")
@login_required
@require_POST
@never_cache
def switch_off(request: HttpRequest) -> HttpResponse:
    """Let logins do without a code."""
    form = SecondFactorForm(request.POST)
    if form.is_valid():
        with form.refusals():
            sent = form.cleaned_data
            two_factor_setup.switch_off(
                request, _user(request), sent["password"], sent["code"], timezone.now()
            )
    if not form.is_valid():
        return _page(request, form)
    messages.success(request, "Two-factor authentication is off.")
    return redirect("two_factor")


def _page(request: HttpRequest, form: AccessibleForm | None = None) -> HttpResponse:
    """Render the state that there is; `form` is one that was sent and refused."""
    user = _user(request)
    is_on, key = two_factor.is_on(user), two_factor_setup.key_of(user)
    if form is None:
        form = SecondFactorForm() if is_on else CodeForm() if key else ConfirmationForm()
    context = {
        "form": form,
        "is_on": is_on,
        "key": key,
        "image": segno.make(key.uri, error="m").svg_data_uri(scale=QR_SCALE, light="#fff") if key else None,
        "codes_left": two_factor.recovery_codes_left(user),
        "is_required": user.lacks_two_factor,
    }
    return render(request, "web/two_factor.html", context, status=form.status if form.is_bound else 200)


def _user(request: HttpRequest) -> User:
    return cast(User, request.user)  # logged in
