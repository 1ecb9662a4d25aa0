"""The admin's login, and staff that must have two-factor authentication."""

import pytest
from django.contrib.auth.models import Permission
from django.test import Client
from knox.models import AuthToken

from tests.unit.accounts.conftest import PASSWORD
from tests.unit.accounts.logins.test_two_factor import switched_on

STAFFS = ["/admin/", "/admin/celery_ledger/job/", "/api/jobs", "/api/reports"]


@pytest.fixture
def statuses():
    def look(user):
        client = Client()
        client.force_login(user)
        return [client.get(path).status_code for path in STAFFS]

    return look


def test_the_login_form_has_a_field_for_the_code(client, db):
    page = client.get("/admin/login/").content.decode()

    assert 'name="code"' in page
    assert 'name="password"' in page


def test_a_login_without_two_factor_authentication_is_as_before(a_user, client):
    a_user(is_staff=True, is_superuser=True)

    client.post("/admin/login/", {"username": "ada@example.org", "password": PASSWORD})

    assert client.get("/admin/").status_code == 200


def test_where_it_is_required_staff_without_it_is_kept_out(a_user, statuses, settings):
    user = a_user(is_staff=True, is_superuser=True)
    assert statuses(user) == [200, 200, 200, 200]
    settings.STAFF_TWO_FACTOR_REQUIRED = True

    assert statuses(user) == [302, 302, 403, 403]
    switched_on(user)
    assert statuses(user) == [200, 200, 200, 200]


def test_that_holds_for_staff_with_single_permissions(a_user, statuses, settings):
    user = a_user(is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename__in=["view_job", "view_report"]))
    settings.STAFF_TWO_FACTOR_REQUIRED = True

    assert statuses(user) == [302, 302, 403, 403]


def test_it_is_required_of_staff_alone(a_user, settings, client):
    settings.STAFF_TWO_FACTOR_REQUIRED = True
    client.force_login(a_user())

    assert client.get("/api/account").status_code == 200


def test_the_admin_leads_to_where_it_is_set_up(a_user, client, settings):
    settings.STAFF_TWO_FACTOR_REQUIRED = True
    client.force_login(a_user(is_staff=True, is_superuser=True))

    page = client.get("/admin/", follow=True).content.decode()

    assert 'href="/account/two-factor"' in page


def test_staff_changes_its_password_where_everybody_does(a_user, client):
    client.force_login(a_user(is_staff=True, is_superuser=True))

    answer = client.post("/admin/password_change/", {"old_password": PASSWORD})

    assert (answer.status_code, answer.headers["Location"]) == (302, "/account/password")


def test_nobody_gives_a_bearer_token_another_user(a_user, client):
    root = a_user(is_staff=True, is_superuser=True)
    client.force_login(root)
    row, _ = AuthToken.objects.create(root)

    assert client.get("/admin/knox/authtoken/").status_code == 200
    assert client.get("/admin/knox/authtoken/add/").status_code == 403
    assert client.post(f"/admin/knox/authtoken/{row.pk}/change/", {"user": ""}).status_code == 403
