import re
import socket
import uuid

import pytest

from accounts.mail import emails
from celery_ledger.errors import Permanent, Transient
from tests.smtp_server import Fault
from tests.unit.accounts.conftest import text_of

ADDRESS = "ada@example.org"


def send():
    emails.send(ADDRESS, emails.VERIFICATION, token="abc_DEF-123")


def test_a_mail_arrives_with_a_text_and_an_html_part(mail_server):
    server = mail_server()

    send()

    (message,) = server.messages
    assert message["To"] == ADDRESS
    assert message["Subject"] == "Confirm your address"
    assert [part.get_content_type() for part in message.iter_parts()] == ["text/plain", "text/html"]


def test_the_text_has_a_line_that_is_only_the_link(mail_server):
    server = mail_server()

    send()

    lines = text_of(server.messages[0]).splitlines()
    assert "https://offstage.test/verify-email?token=abc_DEF-123" in lines


def test_the_reset_mail_links_to_the_page_of_the_new_password(mail_server):
    server = mail_server()

    emails.send(ADDRESS, emails.RESET, token="abc")

    assert "https://offstage.test/reset-password?token=abc" in text_of(server.messages[0]).splitlines()


def test_the_html_part_bears_its_styles_in_its_elements_and_the_link(mail_server):
    server = mail_server()

    send()

    html = server.messages[0].get_body(("html",)).get_content()
    assert re.search(r'<a[^>]+style="[^"]*background', html)
    assert 'href="https://offstage.test/verify-email?token=abc_DEF-123"' in html
    assert "<style" not in html


def test_the_message_id_follows_from_the_job_and_a_second_attempt_bears_the_same(mail_server, as_job):
    server = mail_server()
    job_id = str(uuid.uuid4())

    for _ in range(2):
        with as_job(job_id):
            send()

    assert [message["Message-ID"] for message in server.messages] == [f"<{job_id}@localhost>"] * 2


def test_a_mail_says_that_a_machine_wrote_it(mail_server):
    server = mail_server()

    send()

    assert server.messages[0]["Auto-Submitted"] == "auto-generated"


@pytest.mark.parametrize("step", ["mail", "rcpt", "data"])
def test_a_5yz_reply_is_permanent_and_the_reason_has_code_and_status_but_no_address(mail_server, step):
    mail_server(**{step: f"550 5.1.1 <{ADDRESS}> user unknown"})

    with pytest.raises(Permanent) as refusal:
        send()

    assert "(550 5.1.1)" in str(refusal.value)
    assert ADDRESS not in str(refusal.value)


@pytest.mark.parametrize("step", ["mail", "rcpt", "data"])
@pytest.mark.parametrize("reply", ["421 4.3.2 going down", "451 4.7.1 greylisted", "452 4.2.2 mailbox full"])
def test_a_4yz_reply_is_transient(mail_server, step, reply):
    mail_server(**{step: reply})

    with pytest.raises(Transient, match=reply[:3]):
        send()


@pytest.mark.parametrize("step", ["greeting", "mail", "rcpt", "data"])
def test_a_server_that_hangs_is_transient_and_waited_for_no_longer_than_the_setting(mail_server, step):
    mail_server(**{step: Fault.HANG})

    with pytest.raises(Transient):
        send()


@pytest.mark.parametrize("step", ["greeting", "mail", "rcpt", "data"])
def test_a_server_that_cuts_the_connection_is_transient(mail_server, step):
    mail_server(**{step: Fault.DROP})

    with pytest.raises(Transient):
        send()


def test_a_mail_taken_without_a_reply_is_sent_again_under_the_same_message_id(mail_server, as_job):
    server = mail_server(data=Fault.DROP)
    job_id = str(uuid.uuid4())

    with as_job(job_id), pytest.raises(Transient):
        send()
    server.replies["data"] = "250 OK"
    with as_job(job_id):
        send()

    assert len({message["Message-ID"] for message in server.messages}) == 1
    assert len(server.messages) == 2


@pytest.mark.parametrize("fault", [Fault.DROP, Fault.HANG, "421 4.3.2 too late", "221 " + "blah " * 3000])
def test_a_server_that_stumbles_after_accepting_the_mail_makes_no_second_one(mail_server, fault):
    server = mail_server(quits=fault)

    send()

    assert len(server.messages) == 1


@pytest.mark.parametrize("greeting", ["554 no service here", "421 busy"])
def test_a_server_that_greets_with_a_refusal_is_transient_for_that_is_not_about_the_mail(
    mail_server, greeting
):
    mail_server(greeting=greeting)

    with pytest.raises(Transient):
        send()


def test_nobody_listening_is_transient(mail_server, settings):
    mail_server()
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        settings.EMAIL_PORT = unused.getsockname()[1]

        with pytest.raises(Transient, match="not reachable"):
            send()


def test_an_unknown_host_name_is_transient(mail_server, settings):
    mail_server()
    settings.EMAIL_HOST = "mail.invalid"

    with pytest.raises(Transient, match="not reachable"):
        send()


def test_a_refused_login_is_transient_for_an_operator_can_mend_it(mail_server, settings):
    mail_server(refuse_logins=True)
    settings.EMAIL_HOST_USER, settings.EMAIL_HOST_PASSWORD = "offstage", "outdated"

    with pytest.raises(Transient, match="does not let us in"):
        send()


def test_a_server_without_tls_is_transient_where_tls_is_asked_for(mail_server, settings):
    server = mail_server()
    settings.EMAIL_USE_TLS = True

    with pytest.raises(Transient, match="does not let us in"):
        send()

    assert server.messages == []
