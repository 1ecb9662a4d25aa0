"""What staff sees of accounts."""

import pytest
from django.utils import timezone
from knox.models import AuthToken

from accounts import tokens, webhooks
from accounts.errors import BadToken
from accounts.models import TokenPurpose, User


@pytest.mark.parametrize("page", ["/admin/accounts/webhook/", "/admin/accounts/webhook/{id}/change/"])
def test_staff_sees_a_webhook_without_its_secret_and_its_address(a_user, client, page):
    client.force_login(User.objects.create_superuser("root@example.org", "x"))
    webhook, secret = webhooks.add(a_user(), "https://hooks.example.org/1?key=k", ["video.ready"])

    shown = client.get(page.format(id=webhook.pk))

    assert shown.status_code == 200
    text = shown.content.decode()
    assert str(webhook.pk) in text
    assert "video.ready" in text
    assert not [hidden for hidden in (secret, webhook.sealed_secret, "key=k") if hidden in text]


def test_a_password_that_staff_sets_ends_every_login_and_every_link_of_the_user(a_user, client):
    client.force_login(User.objects.create_superuser("root@example.org", "x"))
    user = a_user()
    AuthToken.objects.create(user=user)
    link = tokens.issue(user, TokenPurpose.RESET, timezone.now())
    new = "set by the support desk"

    form = {"usable_password": "true", "password1": new, "password2": new}
    answer = client.post(f"/admin/accounts/user/{user.pk}/password/", form)

    assert answer.status_code == 302
    user.refresh_from_db()
    assert user.check_password(new)
    assert not AuthToken.objects.exists()
    with pytest.raises(BadToken):
        tokens.find(link, TokenPurpose.RESET, timezone.now())
