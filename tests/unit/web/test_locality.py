import pytest
from django.test import RequestFactory

from web.locality import has_mailbox, is_local


@pytest.mark.parametrize("address", ["127.0.0.1", "127.1.2.3", "::1"])
def test_who_comes_over_loopback_sits_here(address):
    assert is_local(RequestFactory().get("/", REMOTE_ADDR=address))


@pytest.mark.parametrize("address", ["10.0.0.1", "203.0.113.9", "2001:db8::1", ""])
def test_anybody_else_does_not(address):
    assert not is_local(RequestFactory().get("/", REMOTE_ADDR=address))


@pytest.mark.parametrize("header", ["X-Forwarded-For", "Forwarded", "X-Real-IP", "Via"])
def test_what_a_proxy_of_this_machine_passes_on_does_not_come_from_here(header):
    assert not is_local(RequestFactory().get("/", REMOTE_ADDR="127.0.0.1", headers={header: "203.0.113.9"}))


def test_debug_opens_it(settings):
    settings.DEBUG = True

    assert is_local(RequestFactory().get("/", REMOTE_ADDR="10.0.0.1"))


def test_there_is_no_mailbox_where_mail_leaves(settings):
    settings.MAILBOX_EMBEDDED = False

    assert not has_mailbox(RequestFactory().get("/", REMOTE_ADDR="127.0.0.1"))
