"""What staff sees of accounts."""

import pytest

from accounts import webhooks
from accounts.models import User


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
