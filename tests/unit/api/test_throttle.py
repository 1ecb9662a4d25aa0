import logging
import secrets

import pytest
from rest_framework.permissions import AllowAny
from rest_framework.response import Response
from rest_framework.test import APIRequestFactory
from rest_framework.views import APIView

from api.errors import TooMany
from api.throttle import AddressThrottle, client_address, guard, seconds_to_wait

NO_CACHE = "redis://127.0.0.1:1/0"


class SomeThrottle(AddressThrottle):
    scope = "test"


class Limited(APIView):
    permission_classes = (AllowAny,)
    throttle_classes = (SomeThrottle,)

    def post(self, request):
        return Response()


def ask(address: str):
    return Limited.as_view()(APIRequestFactory().post("/", REMOTE_ADDR=address))


def an_address() -> str:
    return ".".join(["10", *(str(secrets.randbelow(256)) for _ in range(3))])


@pytest.fixture(autouse=True)
def two_a_minute(settings):
    settings.THROTTLES = {"test": "2/minute"}


def test_what_is_over_the_limit_gets_429_and_when_to_ask_again():
    address = an_address()

    answers = [ask(address) for _ in range(3)]

    assert [answer.status_code for answer in answers] == [200, 200, 429]
    assert 1 <= int(answers[2].headers["Retry-After"]) <= 60


def test_addresses_are_counted_apart():
    busy, other = an_address(), an_address()
    for _ in range(3):
        ask(busy)

    assert ask(other).status_code == 200


def test_a_page_and_the_api_share_one_count():
    address = an_address()
    request = APIRequestFactory().post("/", REMOTE_ADDR=address)
    ask(address)
    guard("test", request)

    with pytest.raises(TooMany) as caught:
        guard("test", request)

    assert caught.value.retry_after is not None


def test_none_lifts_the_limit(settings):
    settings.THROTTLES = {"test": "none"}
    address = an_address()

    assert {ask(address).status_code for _ in range(5)} == {200}


def test_a_cache_that_is_down_lets_everything_pass_and_says_so(settings, caplog):
    settings.CACHE_URL = NO_CACHE

    with caplog.at_level(logging.WARNING):
        waits = [seconds_to_wait("test", "10.0.0.1") for _ in range(5)]

    assert waits == [None] * 5
    assert any("throttle_skipped" in str(record.msg) for record in caplog.records)


def test_a_forwarded_address_is_not_believed_where_no_proxy_is_ours():
    request = APIRequestFactory().get("/", REMOTE_ADDR="10.1.2.3", headers={"X-Forwarded-For": "1.1.1.1"})

    assert client_address(request) == "10.1.2.3"


def test_behind_one_proxy_its_word_counts_and_not_the_clients(settings):
    settings.REST_FRAMEWORK = {**settings.REST_FRAMEWORK, "NUM_PROXIES": 1}
    request = APIRequestFactory().get(
        "/", REMOTE_ADDR="10.1.2.3", headers={"X-Forwarded-For": "9.9.9.9, 203.0.113.7"}
    )

    assert client_address(request) == "203.0.113.7"


def test_one_subscriber_of_ipv6_is_one_address():
    first, second = (
        client_address(APIRequestFactory().get("/", REMOTE_ADDR=address))
        for address in ("2001:db8:1:2::1", "2001:db8:1:2:ffff::2")
    )

    assert first == second == "2001:db8:1:2::/64"


@pytest.mark.parametrize(
    ("written", "address"),
    [
        ("203.0.113.7:51234", "203.0.113.7"),
        ("[2001:db8:1:2::1]:51234", "2001:db8:1:2::/64"),
        ("[2001:db8:1:2::1]", "2001:db8:1:2::/64"),
        ("::ffff:203.0.113.7", "203.0.113.7"),
    ],
)
def test_a_client_is_one_address_whatever_port_and_form_the_proxy_writes(settings, written, address):
    settings.REST_FRAMEWORK = {**settings.REST_FRAMEWORK, "NUM_PROXIES": 1}
    request = APIRequestFactory().get("/", REMOTE_ADDR="10.1.2.3", headers={"X-Forwarded-For": written})

    assert client_address(request) == address
