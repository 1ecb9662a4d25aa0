"""Who may use the staff API."""

from typing import Any

from rest_framework.permissions import IsAdminUser
from rest_framework.request import Request


class StaffWithPermission(IsAdminUser):
    """Lets staff pass that has the view's `permission_needed`; a superuser has every permission."""

    def has_permission(self, request: Request, view: Any) -> bool:
        """Say whether the request may be answered."""
        return super().has_permission(request, view) and request.user.has_perm(view.permission_needed)
