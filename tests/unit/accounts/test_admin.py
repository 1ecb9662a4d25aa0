"""What staff sees of accounts."""

import pytest
from django.test import Client
from django.utils import timezone
from knox.models import AuthToken

from accounts.account_deletion import deletion
from accounts.errors import BadToken
from accounts.logins.models import ActiveLogin, RecoveryCode, TwoFactor
from accounts.mail import mailed_tokens
from accounts.mail.models import TokenPurpose
from accounts.models import User
from accounts.webhooks import webhook_events
from tests.unit.accounts.conftest import PASSWORD
from tests.unit.accounts.logins.test_two_factor import switched_on


@pytest.mark.parametrize("page", ["/admin/accounts/webhook/", "/admin/accounts/webhook/{id}/change/"])
def test_staff_sees_a_webhook_without_its_secret_and_its_address(a_user, client, page):
    client.force_login(User.objects.create_superuser("root@example.org", "x"))
    webhook, secret = webhook_events.add(a_user(), "https://hooks.example.org/1?key=k", ["video.ready"])

    shown = client.get(page.format(id=webhook.pk))

    assert shown.status_code == 200
    text = shown.content.decode()
    assert str(webhook.pk) in text
    assert "video.ready" in text
    assert not [hidden for hidden in (secret, webhook.sealed_secret, "key=k") if hidden in text]


@pytest.fixture
def root(client):
    client.force_login(User.objects.create_superuser("root@example.org", "x"))
    return client


def test_a_password_that_staff_sets_ends_every_login_and_every_link_and_its_owner_is_told(
    a_user, root, logged_in, asked_for
):
    user = a_user()
    token, browser = logged_in(user), Client()
    browser.force_login(user)
    link = mailed_tokens.issue(user, TokenPurpose.RESET, timezone.now())
    new = "another horse, another battery"

    response = root.post(
        f"/admin/accounts/user/{user.pk}/password/",
        {"password1": new, "password2": new, "usable_password": "true"},
    )

    assert response.status_code == 302
    assert User.objects.get(pk=user.pk).check_password(new)
    assert [each.get("/api/account").status_code for each in (token, browser)] == [401, 401]
    with pytest.raises(BadToken):
        mailed_tokens.find(link, TokenPurpose.RESET, timezone.now())
    assert asked_for("accounts.send_notice") == [[str(user.pk), "password_changed"]]


def test_staff_lets_somebody_in_who_lost_phone_and_recovery_codes(a_user, root, api):
    user = a_user()
    switched_on(user)

    root.post(f"/admin/accounts/twofactor/{user.pk}/delete/", {"post": "yes"})

    assert api.post("/api/login", {"email": user.email, "password": PASSWORD}).status_code == 200
    assert not RecoveryCode.objects.exists()


@pytest.mark.parametrize("model", ["activelogin", "twofactor", "deletion"])
def test_staff_sees_neither_keys_nor_digests_of_tokens(a_user, root, logged_in, model):
    user = a_user()
    logged_in(user)
    switched_on(user)
    logged_in_at, key = ActiveLogin.objects.filter(user=user).first(), TwoFactor.objects.get()
    begun = deletion.request_deletion(None, a_user("b@example.org"), PASSWORD)
    begun.refresh_from_db()
    row = {"activelogin": logged_in_at, "twofactor": key, "deletion": begun}[model]
    ident = row.pk if row else ActiveLogin.objects.get(user__email="root@example.org").pk

    page = root.get(f"/admin/accounts/{model}/{ident}/change/")

    assert page.status_code == 200
    hidden = (key.sealed_key, begun.sealed_address, *AuthToken.objects.values_list("digest", flat=True))
    assert not [secret for secret in hidden if secret in page.content.decode()]
