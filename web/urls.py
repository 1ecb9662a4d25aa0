"""Paths of the pages."""

from api.routes import route
from web import (
    account_views,
    departure_views,
    home_views,
    mailbox_views,
    security_views,
    two_factor_views,
    video_views,
)

VIDEO = "videos/(?P<id>[0-9a-f-]{36})"
MAIL = r"(?P<id>[\w-]{1,64})"

urlpatterns = [
    route("", home_views.home, name="home"),
    route("privacy", home_views.privacy, name="privacy"),
    route("signup", account_views.sign_up, name="signup"),
    route("mail-sent", account_views.mail_sent, name="signup_sent"),
    route("login", account_views.log_in, name="login"),
    route("logout", account_views.log_out, name="logout"),
    route("verify-email", account_views.verify_email, name="verify_email"),
    route("send-again", account_views.send_again, name="send_again"),
    route("forgot-password", account_views.forgot_password, name="forgot_password"),
    route("reset-password", account_views.reset_password, name="reset_password"),
    route("account", account_views.account, name="account"),
    route("account/password", security_views.change_password, name="change_password"),
    route("account/sessions/end-others", security_views.end_other_logins, name="end_other_logins"),
    route("account/sessions/(?P<id>[0-9a-f-]{36})/end", security_views.end_login, name="end_login"),
    route("account/two-factor", two_factor_views.overview, name="two_factor"),
    route("account/two-factor/begin", two_factor_views.begin, name="two_factor_begin"),
    route("account/two-factor/confirm", two_factor_views.confirm, name="two_factor_confirm"),
    route("account/two-factor/off", two_factor_views.switch_off, name="two_factor_off"),
    route("account/export", departure_views.ask_export, name="ask_export"),
    route("account/delete", departure_views.leave, name="leave"),
    route("account/deletions/(?P<id>[0-9a-f-]{36})", departure_views.leaving, name="leaving"),
    route("videos", video_views.videos, name="videos_page"),
    route("videos/upload", video_views.upload, name="upload"),
    route("videos/uploads/(?P<id>[0-9a-f-]{36})/end", video_views.end_upload, name="end_upload"),
    route(VIDEO, video_views.video, name="video_page"),
    route(f"{VIDEO}/(?P<act>cancel|retry|delete)", video_views.act, name="video_act"),
    route("mailbox", mailbox_views.inbox, name="mailbox"),
    route("mailbox/empty", mailbox_views.empty, name="mailbox_empty"),
    route("mailbox/messages", mailbox_views.messages_json, name="mailbox_messages"),
    route(f"mailbox/messages/{MAIL}", mailbox_views.message_json, name="mailbox_message"),
    route(f"mailbox/messages/{MAIL}/raw", mailbox_views.message_raw, name="mailbox_raw"),
    route(f"mailbox/letters/{MAIL}", mailbox_views.letter, name="letter"),
    route(f"mailbox/letters/{MAIL}/html", mailbox_views.letter_html, name="letter_html"),
]
