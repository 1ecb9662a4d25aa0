import pytest
from django.contrib.auth import get_user_model

pytestmark = pytest.mark.django_db

#: Every kind of character that a password may have, blanks at its ends and more than one blank in a row included.
PASSWORD = "  ünï cödé  日本語 👩‍👩‍👧 'quote\" \\back\\ %s {{x}} <b> " + "z" * 20


def sign_up(api, **changes):
    return api.post("/api/signup", {"email": "ada@example.org", "password": PASSWORD} | changes)


def test_a_password_is_taken_as_typed_up_to_its_last_character(api):
    assert sign_up(api).status_code == 201

    user = get_user_model().objects.get()
    assert user.check_password(PASSWORD)
    assert not user.check_password(PASSWORD[:-1])
    assert not user.check_password(PASSWORD.strip())
    assert not user.check_password(" ".join(PASSWORD.split()))


@pytest.mark.parametrize(
    "address",
    [
        "ada@example.org\nBcc: eve@evil.example",
        "ada@example.org\r\n\r\nAnother body",
        "ada@example.org, eve@evil.example",
        "ada@example.org;eve@evil.example",
        "Ada <ada@example.org>",
        "ada@example.org\x00",
        '"a\r\nRCPT TO:<eve@evil.example>"@example.org',
        "ada@[127.0.0.1]>\r\nDATA",
        "ada%eve@evil.example@example.org",
    ],
)
def test_an_address_cannot_add_a_header_or_a_recipient(api, address, asked_for):
    answer = sign_up(api, email=address)

    assert answer.status_code == 400
    assert "email" in answer.json()
    assert asked_for("accounts.send_verification") == []


@pytest.mark.parametrize("field", ["is_staff", "is_superuser", "is_active", "verified_at", "id", "owner"])
def test_a_sign_up_sets_nothing_but_its_own_fields(api, field):
    sign_up(api, **{field: True})

    user = get_user_model().objects.get()
    assert not any((user.is_staff, user.is_superuser, user.is_verified))
