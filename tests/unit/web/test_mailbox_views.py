import pytest

pytestmark = pytest.mark.django_db


def paths(name: str) -> list[str]:
    return [
        "/mailbox",
        "/mailbox/messages",
        f"/mailbox/messages/{name}",
        f"/mailbox/messages/{name}/raw",
        f"/mailbox/letters/{name}",
        f"/mailbox/letters/{name}/html",
    ]


def test_every_page_answers_here(browser, a_mail):
    assert [browser.get(path).status_code for path in paths(a_mail())] == [200] * 6


def test_to_other_machines_nothing_of_it_exists(browser, a_mail):
    found = [browser.get(path, REMOTE_ADDR="10.0.0.1").status_code for path in paths(a_mail())]

    assert found == [404] * 6


def test_where_mail_leaves_nothing_of_it_exists(browser, a_mail, settings):
    settings.MAILBOX_EMBEDDED = False

    assert [browser.get(path).status_code for path in paths(a_mail())] == [404] * 6


def test_messages_are_listed_with_what_a_script_needs(browser, a_mail):
    a_mail(to="bob@example.org")
    name = a_mail(to="ada@example.org", subject="Hello")

    (message,) = browser.get("/mailbox/messages?to=ada@example.org&limit=5").json()

    assert message == {
        "id": name,
        "to": "ada@example.org",
        "from": "Offstage <off@stage.test>",
        "subject": "Hello",
        "date": "2026-01-01T12:00:00.000002+00:00",
        "message_id": "<2@stage.test>",
    }


def test_a_message_has_text_html_and_headers(browser, a_mail):
    message = browser.get(f"/mailbox/messages/{a_mail(text='T', html='<p>H</p>')}/").json()

    assert message["text"] == "T\n"
    assert message["html"] == "<p>H</p>\n"
    assert message["headers"]["Message-ID"] == "<1@stage.test>"


@pytest.mark.parametrize("limit", ["0", "-1", "many", "1001", "²"])
def test_a_limit_that_is_none_is_refused(browser, limit):
    answer = browser.get("/mailbox/messages", {"limit": limit})

    assert (answer.status_code, list(answer.json())) == (400, ["limit"])


def test_raw_is_plain_text_whatever_is_in_it(browser, a_mail):
    answer = browser.get(f"/mailbox/messages/{a_mail(html='<script>alert(1)</script>')}/raw")

    assert answer.headers["Content-Type"] == "text/plain; charset=utf-8"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


def test_the_html_of_a_mail_can_do_nothing(browser, a_mail):
    name = a_mail(html="<script>alert(1)</script>")

    page, frame = (
        browser.get(f"/mailbox/letters/{name}?part=html"),
        browser.get(f"/mailbox/letters/{name}/html"),
    )

    assert "<script>alert(1)" not in page.text
    assert 'sandbox="allow-popups allow-popups-to-escape-sandbox"' in page.text
    policy = frame.headers["Content-Security-Policy"]
    assert "allow-scripts" not in policy
    assert "allow-same-origin" not in policy
    assert "default-src 'none'" in policy
    assert frame.headers["X-Frame-Options"] == "SAMEORIGIN"


def test_what_a_mail_says_is_text_on_our_pages(browser, a_mail):
    name = a_mail(subject="<b>bold</b>", text="<i>it</i> http://stage.test/x?a=1")

    page = browser.get(f"/mailbox/letters/{name}").text

    assert "<b>bold</b>" not in page
    assert "<i>it</i>" not in page
    assert 'href="http://stage.test/x?a=1"' in page


def test_the_list_can_be_searched(browser, a_mail):
    a_mail(subject="Needle")
    a_mail(subject="Hay")

    page = browser.get("/mailbox?q=needle").text

    assert "Needle" in page
    assert "Hay" not in page


def test_all_is_deleted_by_a_form_of_ours_only(browser, a_mail):
    a_mail()
    forged = browser.post("/mailbox/empty")
    left = browser.get("/mailbox/messages").json()

    answer = browser.send("/mailbox", action="/mailbox/empty")

    assert (forged.status_code, len(left)) == (403, 1)
    assert answer.headers["Location"] == "/mailbox"
    assert browser.get("/mailbox/messages").json() == []


def test_an_unknown_part_is_not_found(browser, a_mail):
    assert browser.get(f"/mailbox/letters/{a_mail()}?part=x").status_code == 404
