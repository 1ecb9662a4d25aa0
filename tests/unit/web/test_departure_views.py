import pytest

from accounts.account_deletion.models import Deletion
from accounts.exports.models import Export

from .conftest import PASSWORD

pytestmark = pytest.mark.django_db


def test_an_archive_is_asked_for_by_button(as_user, a_user, asked_for):
    browser = as_user(a_user())

    browser.send("/account", action="/account/export")

    assert Export.objects.count() == 1
    assert asked_for() == ["accounts.write_export"]
    assert "Being written" in browser.get("/account").text


def test_leaving_needs_the_password(as_user, a_user):
    answer = as_user(a_user()).send("/account/delete", {"password": "wrong"})

    assert answer.status_code == 400
    assert "Wrong password." in answer.text
    assert not Deletion.objects.exists()


def test_leaving_ends_the_session_and_shows_how_far_it_is_without_one(as_user, a_user):
    browser = as_user(a_user())

    answer = browser.send("/account/delete", {"password": PASSWORD})

    deletion = Deletion.objects.get()
    assert answer.headers["Location"] == f"/account/deletions/{deletion.pk}"
    assert browser.get("/account").status_code == 302
    page = browser.get(answer.headers["Location"])
    assert page.status_code == 200
    assert page.text.count('class="state') == 4


def test_an_unknown_deletion_is_not_found(browser):
    assert browser.get("/account/deletions/11111111-1111-4111-8111-111111111111").status_code == 404
