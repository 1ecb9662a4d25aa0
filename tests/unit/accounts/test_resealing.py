"""Everything that is sealed, sealed anew under another key."""

import pytest
from django.apps import apps
from django.core.management import CommandError, call_command
from django.utils import timezone

from accounts import queries, resealing
from accounts.account_deletion import deletion
from accounts.account_deletion.models import Deletion
from accounts.logins import two_factor_setup
from accounts.logins.models import TwoFactor
from accounts.webhooks import webhook_events
from accounts.webhooks.models import Webhook
from api import sealing
from api.models import IdempotencyKey
from tests.unit.accounts.conftest import PASSWORD


@pytest.fixture
def sealed_rows(a_user, as_user):
    """One row of each kind, sealed under the key of before."""
    user = a_user()
    webhook_events.add(user, "https://hooks.example/1", ["video.ready"])
    two_factor_setup.begin(None, user, PASSWORD, timezone.now())
    as_user(user).post("/api/projects", {"name": "a"}, headers={"Idempotency-Key": "1"})
    deletion.request_deletion(None, a_user("b@example.org"), PASSWORD)


def seals():
    return [
        *Webhook.objects.values_list("sealed_secret", flat=True),
        *TwoFactor.objects.values_list("sealed_key", flat=True),
        *Deletion.objects.values_list("sealed_address", flat=True),
        *IdempotencyKey.objects.values_list("body", flat=True),
    ]


def test_after_resealing_the_old_key_is_not_needed(sealed_rows, settings, capsys):
    texts = [sealing.unseal(each) for each in seals()]
    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = "another one", [settings.SECRET_KEY]

    call_command("reseal")
    settings.SECRET_KEY_FALLBACKS = []

    assert "4 sealed" in capsys.readouterr().out
    assert [sealing.unseal(each) for each in seals()] == texts


def test_resealing_twice_does_nothing_more(sealed_rows, settings):
    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = "another one", [settings.SECRET_KEY]

    assert resealing.reseal_all() == (4, 0)
    before = seals()
    assert resealing.reseal_all() == (0, 0)
    assert seals() == before


def test_what_none_of_the_keys_reads_is_told_and_left(sealed_rows, settings):
    before = seals()
    settings.SECRET_KEY = "another one"

    with pytest.raises(CommandError, match="4 can be read with none"):
        call_command("reseal")

    assert seals() == before


def test_every_sealed_column_is_among_them():
    listed = {(rows.model, column) for rows, column in queries.sealed_columns()}
    named = {
        (model, field.name)
        for model in apps.get_models()
        for field in model._meta.get_fields()
        if field.name.startswith("sealed_")
    }

    assert named <= listed
    assert (IdempotencyKey, "body") in listed
