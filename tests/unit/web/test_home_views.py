import pytest

pytestmark = pytest.mark.django_db


def test_the_first_page_leads_to_everything_that_runs(browser, settings):
    page = browser.get("/").text

    for url in ("/api/docs", "/mailbox", settings.FLOWER_URL, settings.METRICS_URL, "/admin/", "/readyz"):
        assert f'href="{url}"' in page


def test_other_machines_are_not_led_to_what_only_this_one_reaches(browser, settings):
    page = browser.get("/", REMOTE_ADDR="10.0.0.1").text

    for url in ("/mailbox", settings.FLOWER_URL, settings.METRICS_URL, "/admin/"):
        assert f'href="{url}"' not in page


def test_staff_are_led_to_the_admin_from_anywhere(as_user, a_user):
    page = as_user(a_user(is_staff=True)).get("/", REMOTE_ADDR="10.0.0.1").text

    assert 'href="/admin/"' in page


def test_a_stranger_is_asked_to_sign_up_and_a_user_to_upload(browser, as_user, a_user):
    assert 'href="/signup"' in browser.get("/").text
    assert 'href="/videos/upload"' in as_user(a_user()).get("/").text


def test_who_signs_up_is_told_first_what_is_stored(browser):
    page = browser.get("/signup").text
    told = browser.get("/privacy").text

    assert page.index('href="/privacy"') < page.index(">Sign up</button>")
    for word in ("email address", "password", "videos", "webhooks", "cookie", "log", "deletes"):
        assert word in told
