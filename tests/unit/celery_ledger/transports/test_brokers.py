import pytest

from celery_ledger.transports import brokers
from config.env import read

SIX_HOURS = 6 * 3600


@pytest.mark.parametrize("url", ["redis://a", "rediss://a", "redis+socket:///a?virtual_host=0"])
def test_a_frozen_redis_never_blocks_without_end(url):
    options = brokers.transport_options(url)

    assert 0 < options["socket_timeout"] <= 5
    assert 0 < options["socket_connect_timeout"] <= 5


@pytest.mark.parametrize("url", ["redis://a", "sqs://"])
def test_no_step_is_delivered_again_while_it_runs(url):
    assert brokers.transport_options(url)["visibility_timeout"] >= SIX_HOURS


@pytest.mark.parametrize("url", ["amqp://a", "amqps://a"])
def test_rabbitmq_says_that_it_has_a_message(url):
    assert brokers.transport_options(url)["confirm_publish"] is True


@pytest.mark.parametrize(
    ("url", "is_secure"),
    [
        ("sqs://x:y@127.0.0.1:5000//", False),
        ("sqs://x:y@", True),
        ("sqs://x:y@sqs.eu-west-1.amazonaws.com", True),
    ],
)
def test_only_aws_itself_is_spoken_to_over_tls(url, is_secure):
    assert brokers.transport_options(url)["is_secure"] is is_secure


def test_prefetch_is_off_where_the_broker_can_do_without():
    assert brokers.worker_options("redis://a") == {"worker_disable_prefetch": True}
    assert brokers.worker_options("sqs://") == {}


def test_a_silent_connection_to_rabbitmq_is_noticed_within_half_a_minute():
    assert 2 * brokers.worker_options("amqp://a")["broker_heartbeat"] < 30


@pytest.mark.parametrize("scheme", ["redis", "rediss", "redis+socket", "amqp", "amqps", "sqs"])
def test_every_broker_that_the_environment_may_name_has_options(scheme):
    url = read({"BROKER_URL": f"{scheme}://a"}).services.broker_url

    assert url is not None
    assert brokers.transport_options(url)
