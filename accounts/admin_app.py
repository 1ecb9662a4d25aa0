"""Django's admin with our site in it; INSTALLED_APPS names this class."""

from django.contrib.admin.apps import AdminConfig


class StaffAdminConfig(AdminConfig):
    """The admin, whose login asks for a code where the user has two-factor authentication."""

    default_site = "accounts.admin_site.StaffAdminSite"
