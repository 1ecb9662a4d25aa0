import pytest

pytestmark = pytest.mark.django_db


def policy(answer) -> dict[str, str]:
    parts = (part.strip().partition(" ") for part in answer.headers["Content-Security-Policy"].split(";"))
    return {name: value for name, _, value in parts}


@pytest.mark.parametrize("path", ["/", "/signup", "/login", "/nothing", "/mailbox", "/admin/login/"])
def test_no_page_may_run_a_script_that_is_not_a_file_of_ours(browser, path):
    found = policy(browser.get(path))

    assert found["default-src"] == "'self'"
    assert "script-src" not in found
    assert found["frame-ancestors"] == "'none'"
    assert found["form-action"] == "'self'"


def test_the_api_docs_may_style_but_not_script_inline(browser):
    found = policy(browser.get("/api/docs/"))

    assert found["style-src"] == "'self' 'unsafe-inline'"
    assert "script-src" not in found


def test_the_api_docs_need_no_other_host_and_no_inline_script(browser):
    page = browser.get("/api/docs").text

    assert "https://" not in page
    assert "<script>" not in page


def test_pages_stay_out_of_shared_caches(browser):
    assert browser.get("/").headers["Cache-Control"] == "private, no-cache"


@pytest.mark.parametrize("path", ["/healthz", "/api/account", "/api/videos", "/api/nothing"])
def test_json_is_not_stored(browser, path):
    assert browser.get(path).headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize("path", ["/", "/api/account", "/nothing", "/admin/login/"])
def test_no_response_may_be_embedded_elsewhere_or_use_the_device(browser, path):
    headers = browser.get(path).headers

    assert headers["Cross-Origin-Resource-Policy"] == "same-origin"
    assert headers["Cross-Origin-Opener-Policy"] == "same-origin"
    assert "camera=()" in headers["Permissions-Policy"]
    assert headers["X-Content-Type-Options"] == "nosniff"


def test_the_api_docs_do_not_keep_a_token_in_the_browser(browser):
    script = browser.get("/api/docs/?script").text

    assert '"persistAuthorization": false' in script


@pytest.mark.parametrize("path", [f"/static/{'a' * 300}", f"/{'a' * 300}", f"/mailbox/letters/{'a' * 300}"])
def test_a_name_longer_than_any_file_s_is_not_found(browser, path):
    assert browser.get(path).status_code == 404


def test_logging_out_clears_what_the_browser_kept(as_user, a_user):
    browser = as_user(a_user())
    before = browser.get("/account")

    after = browser.send("/account", action="/logout")

    assert "Clear-Site-Data" not in before.headers
    assert before.headers["Cache-Control"] == "no-store"
    assert after.headers["Clear-Site-Data"] == '"storage"'


def test_an_ended_session_clears_what_the_browser_kept(as_user, a_user):
    browser = as_user(a_user())
    browser.session.flush()

    assert browser.get("/account").headers["Clear-Site-Data"] == '"storage"'


@pytest.mark.parametrize(
    ("destination", "disposition"),
    [
        ("document", 'attachment; filename="api.json"'),
        ("", 'attachment; filename="api.json"'),
        ("empty", None),
    ],
)
def test_data_is_stored_by_a_browser_that_is_led_to_it_and_read_by_scripts(browser, destination, disposition):
    answer = browser.get("/api/push-key", headers={"Sec-Fetch-Dest": destination} if destination else {})

    assert answer.headers.get("Content-Disposition") == disposition
