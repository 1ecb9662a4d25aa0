"""The admin's site and its login."""

from typing import Any

from django import forms
from django.contrib.admin.forms import AdminAuthenticationForm
from django.contrib.admin.sites import AdminSite
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponseRedirect
from django.shortcuts import redirect
from django.utils import timezone

from accounts.errors import CodeRequired, WrongCode
from accounts.logins import two_factor


class StaffLoginForm(AdminAuthenticationForm):
    """Address and password, and a code where the user has two-factor authentication."""

    code = forms.CharField(
        label="Code",
        max_length=64,
        required=False,
        widget=forms.TextInput(attrs={"autocomplete": "one-time-code"}),
    )

    def confirm_login_allowed(self, user: Any) -> None:
        """Use up the code. Raises ValidationError for one that is missing or wrong, TooManyFailures."""
        super().confirm_login_allowed(user)
        try:
            two_factor.prove(user, self.cleaned_data.get("code", ""), timezone.now())
        except (CodeRequired, WrongCode) as error:
            raise ValidationError(error.detail) from None


class StaffAdminSite(AdminSite):
    """The admin for staff that has set up two-factor authentication where STAFF_TWO_FACTOR_REQUIRED says so."""

    login_form = StaffLoginForm
    login_template = "accounts/admin_login.html"

    def has_permission(self, request: HttpRequest) -> bool:
        """Say whether the user may see any page of the admin."""
        return super().has_permission(request) and not getattr(request.user, "lacks_two_factor", False)

    def password_change(  # type: ignore[override]  # any response will do
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponseRedirect:
        """Lead to the site's own page.

        Django's would end no token and no mailed link, mail no notice, and let a stolen session guess the present
        password without a limit.
        """
        return redirect("change_password")
