"""Pages for signing up, logging in, and one's own account: the same workflows as behind /api."""

import math
from typing import cast

from django.conf import settings
from django.contrib import messages
from django.contrib.auth import login as start_session
from django.contrib.auth import logout as end_session
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts import profile, queries
from accounts.logins import active_logins, login, two_factor
from accounts.models import User
from accounts.passwords import password_reset
from accounts.signup import registration
from api.throttle import client_address, guard
from web import link_tokens
from web.forms import AccessibleForm, AddressForm, LoginForm, NameForm, NewPasswordForm, SignupForm, TokenForm

SHOWN_EXPORTS = 3
SHOWN_LOGINS = 20

read_or_send = require_http_methods(["GET", "HEAD", "POST"])


@sensitive_post_parameters("password")
@read_or_send
def sign_up(request: HttpRequest) -> HttpResponse:
    """Create an account; the answer is the same where the address is taken."""
    form = SignupForm(request.POST or None)
    if form.is_valid():
        with form.refusals():
            guard("signup", request)
            sent = form.cleaned_data
            registration.sign_up(sent["email"], sent["password"], sent["name"])
    return _page(request, "signup", form) if _is_open(form) else redirect("signup_sent")


@require_safe
def mail_sent(request: HttpRequest) -> HttpResponse:
    """Say that a mail is on its way, whether or not there was an account to send it to."""
    return render(request, "web/mail_sent.html")


@sensitive_post_parameters("password", "code")
@read_or_send
def log_in(request: HttpRequest) -> HttpResponse:
    """Begin a session."""
    form = LoginForm(request.POST or None)
    if form.is_valid():
        sent = form.cleaned_data
        with (
            form.refusals(),
            login.proven(request, sent["email"], sent["password"], sent["code"]) as user,
        ):
            start_session(request, user)
    return _page(request, "login", form, next=_next(request)) if _is_open(form) else redirect(_next(request))


@require_POST
def log_out(request: HttpRequest) -> HttpResponse:
    """End the session."""
    end_session(request)
    return redirect("home")


@sensitive_post_parameters("token")
@read_or_send
def verify_email(request: HttpRequest) -> HttpResponse:
    """Prove an address. Only the button uses the token: mail scanners open every link they find."""
    if moved := link_tokens.exchange(request):
        return moved
    form = TokenForm(request.POST or None, initial={"token": link_tokens.token_of(request)})
    if form.is_valid():
        with form.refusals():
            registration.verify(form.cleaned_data["token"], timezone.now())
    if _is_open(form):
        return _page(request, "verify_email", form)
    messages.success(request, "Your address is verified. Welcome!")
    return link_tokens.forget(request, redirect("login"))


@read_or_send
def send_again(request: HttpRequest) -> HttpResponse:
    """Mail another verification link; the answer is the same for an unknown address."""
    form = AddressForm(request.POST or None)
    if form.is_valid():
        with form.refusals():
            guard("password_reset", request)
            registration.ask_verification(form.cleaned_data["email"])
    return _page(request, "send_again", form) if _is_open(form) else redirect("signup_sent")


@read_or_send
def forgot_password(request: HttpRequest) -> HttpResponse:
    """Mail a reset link; the answer is the same for an unknown address."""
    form = AddressForm(request.POST or None)
    if form.is_valid():
        with form.refusals():
            guard("password_reset", request)
            password_reset.ask_reset(form.cleaned_data["email"])
    return _page(request, "forgot_password", form) if _is_open(form) else redirect("signup_sent")


@sensitive_post_parameters("token", "password")
@read_or_send
def reset_password(request: HttpRequest) -> HttpResponse:
    """Set a new password with the link of a mail."""
    if moved := link_tokens.exchange(request):
        return moved
    form = NewPasswordForm(request.POST or None, initial={"token": link_tokens.token_of(request)})
    if form.is_valid():
        with form.refusals():
            sent = form.cleaned_data
            password_reset.reset(sent["token"], sent["password"], timezone.now(), client_address(request))
    if _is_open(form):
        return _page(request, "reset_password", form)
    messages.success(request, "Your password is changed.")
    return link_tokens.forget(request, redirect("login"))


@login_required
@read_or_send
def account(request: HttpRequest) -> HttpResponse:
    """Show and change what is one's own."""
    user = cast(User, request.user)  # logged in
    form = NameForm(request.POST or None, initial={"name": user.name})
    if form.is_valid():
        profile.rename(user, form.cleaned_data["name"])
        messages.success(request, "Saved.")
        return redirect("account")
    exports = queries.exports_of(user.pk).order_by("-created_at")[:SHOWN_EXPORTS]
    logins = queries.living_logins_of(user.pk, timezone.now())[:SHOWN_LOGINS]
    shown: dict[str, object] = {
        "exports": exports,
        "logins": logins,
        "current_login": active_logins.login_id_of(request),
        "has_two_factor": two_factor.is_on(user),
    }
    return _page(request, "account", form, **shown)


def _is_open(form: AccessibleForm) -> bool:
    """Say whether the form is still to be filled in: not sent yet, or sent and refused."""
    return not form.is_bound or not form.is_valid()


def _page(request: HttpRequest, name: str, form: AccessibleForm, **context: object) -> HttpResponse:
    status = form.status if form.is_bound else 200
    page = render(request, f"web/{name}.html", {"form": form, **context}, status=status)
    if form.retry_after is not None:
        page.headers["Retry-After"] = str(math.ceil(form.retry_after))
    return page


def _next(request: HttpRequest) -> str:
    """Return where to go after logging in: only ever a path of this site."""
    wanted = request.POST.get("next") or request.GET.get("next", "")
    allowed = url_has_allowed_host_and_scheme(wanted, {request.get_host()}, require_https=request.is_secure())
    return wanted if allowed else str(settings.LOGIN_REDIRECT_URL)
