"""Paths of the accounts API, below `api/`."""

from accounts import session_views, views, webhook_views
from api.routes import route

app_name = "accounts"

UUID_PATTERN = "(?P<id>[0-9a-f-]{36})"

urlpatterns = [
    route("signup", views.Signup.as_view(), name="signup"),
    route("verify-email", views.VerifyEmail.as_view(), name="verify-email"),
    route("verify-email/resend", views.ResendVerification.as_view(), name="verify-email-resend"),
    route("login", views.Login.as_view(), name="login"),
    route("logout", views.Logout.as_view(), name="logout"),
    route("password-reset", views.PasswordReset.as_view(), name="password-reset"),
    route("password-reset/confirm", views.PasswordResetConfirm.as_view(), name="password-reset-confirm"),
    route("account", views.Account.as_view(), name="account"),
    route("account/password", session_views.Password.as_view(), name="password"),
    route("account/sessions", session_views.Sessions.as_view(), name="sessions"),
    route(f"account/sessions/{UUID_PATTERN}", session_views.OwnSession.as_view(), name="session"),
    route("account/export", views.Exports.as_view(), name="exports"),
    route(f"account/exports/{UUID_PATTERN}", views.OwnExport.as_view(), name="export"),
    route(f"account/exports/{UUID_PATTERN}/archive", views.ExportArchive.as_view(), name="export-archive"),
    route(f"account/deletions/{UUID_PATTERN}", views.DeletionStatus.as_view(), name="deletion"),
    route("push-subscriptions", views.PushSubscriptions.as_view(), name="push-subscriptions"),
    route("push-key", views.PushKey.as_view(), name="push-key"),
    route("webhooks", webhook_views.Webhooks.as_view(), name="webhooks"),
    route(f"webhooks/{UUID_PATTERN}", webhook_views.OwnWebhook.as_view(), name="webhook"),
    route("projects", views.Projects.as_view(), name="projects"),
    route(f"projects/{UUID_PATTERN}", views.OwnProject.as_view(), name="project"),
]
