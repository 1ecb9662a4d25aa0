"""Pages for one's password and logins."""

import pytest

from accounts.logins.models import ActiveLogin
from tests.unit.web.conftest import PASSWORD

NEW = "another horse, another battery"


def is_in(browser):
    return browser.get("/account").status_code == 200


def change(browser, **fields):
    return browser.send("/account/password", {"password": PASSWORD, "new_password": NEW, **fields})


def test_another_password_ends_every_other_login_and_keeps_this_page(a_user, as_user, asked_for):
    user = a_user()
    mine, other = as_user(user), as_user(user)

    answer = change(mine)

    assert (answer.status_code, answer.headers["Location"]) == (302, "/account")
    assert (is_in(mine), is_in(other)) == (True, False)
    assert asked_for() == ["accounts.send_notice"]


@pytest.mark.parametrize("fields", [{"password": "wrong"}, {"new_password": "short"}, {"new_password": ""}])
def test_what_is_refused_stands_beside_its_field(a_user, as_user, fields):
    browser = as_user(a_user())

    answer = change(browser, **fields)

    (field,) = fields
    assert answer.status_code == 400
    assert f'id="id_{field}_error"' in answer.text


def test_the_account_page_lists_logins_and_marks_this_one(a_user, as_user):
    user = a_user()
    as_user(user)

    page = as_user(user).get("/account").text

    assert page.count("Browser session") == 2
    assert page.count("This session.") == 1
    assert "End all others" in page


def test_one_login_is_ended_and_then_all_others(a_user, as_user):
    user = a_user()
    first, second, mine = as_user(user), as_user(user), as_user(user)
    oldest = ActiveLogin.objects.order_by("created_at")[0]

    mine.send("/account", action=f"/account/sessions/{oldest.pk}/end")
    assert [is_in(each) for each in (first, second, mine)] == [False, True, True]
    mine.send("/account", action="/account/sessions/end-others")

    assert [is_in(each) for each in (second, mine)] == [False, True]


def test_the_login_of_somebody_else_is_not_ended(a_user, as_user):
    theirs = as_user(a_user("b@example.org"))
    login = ActiveLogin.objects.get()

    answer = as_user(a_user()).send("/account", action=f"/account/sessions/{login.pk}/end")

    assert answer.status_code == 404
    assert is_in(theirs)


@pytest.mark.parametrize("path", ["/account/password", "/account/two-factor"])
def test_strangers_are_sent_to_the_login(browser, db, path):
    assert browser.get(path).headers["Location"] == f"/login?next={path}"
