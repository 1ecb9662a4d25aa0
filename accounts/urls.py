"""Paths of the accounts API, below `api/`."""

from accounts import views
from accounts.account_deletion.views import DeletionStatus
from accounts.exports.views import ExportArchive, Exports, OwnExport
from accounts.logins.views import Login, Logout, OwnSession, Sessions
from accounts.passwords.views import Password, PasswordReset, PasswordResetConfirm
from accounts.push.views import PushKey, PushSubscriptions
from accounts.signup.views import ResendVerification, Signup, VerifyEmail
from accounts.webhooks.views import OwnWebhook, Webhooks
from api.routes import route

app_name = "accounts"

UUID_PATTERN = "(?P<id>[0-9a-f-]{36})"

urlpatterns = [
    route("signup", Signup.as_view(), name="signup"),
    route("verify-email", VerifyEmail.as_view(), name="verify-email"),
    route("verify-email/resend", ResendVerification.as_view(), name="verify-email-resend"),
    route("login", Login.as_view(), name="login"),
    route("logout", Logout.as_view(), name="logout"),
    route("password-reset", PasswordReset.as_view(), name="password-reset"),
    route("password-reset/confirm", PasswordResetConfirm.as_view(), name="password-reset-confirm"),
    route("account", views.Account.as_view(), name="account"),
    route("account/password", Password.as_view(), name="password"),
    route("account/sessions", Sessions.as_view(), name="sessions"),
    route(f"account/sessions/{UUID_PATTERN}", OwnSession.as_view(), name="session"),
    route("account/export", Exports.as_view(), name="exports"),
    route(f"account/exports/{UUID_PATTERN}", OwnExport.as_view(), name="export"),
    route(f"account/exports/{UUID_PATTERN}/archive", ExportArchive.as_view(), name="export-archive"),
    route(f"account/deletions/{UUID_PATTERN}", DeletionStatus.as_view(), name="deletion"),
    route("push-subscriptions", PushSubscriptions.as_view(), name="push-subscriptions"),
    route("push-key", PushKey.as_view(), name="push-key"),
    route("webhooks", Webhooks.as_view(), name="webhooks"),
    route(f"webhooks/{UUID_PATTERN}", OwnWebhook.as_view(), name="webhook"),
    route("projects", views.Projects.as_view(), name="projects"),
    route(f"projects/{UUID_PATTERN}", views.OwnProject.as_view(), name="project"),
]
