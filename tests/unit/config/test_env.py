import dataclasses
import re

import pytest

from config.env import BadVariable, read, variables


def test_nothing_set_means_embedded_services_on_the_documented_ports():
    env = read({})

    assert (env.ports.web, env.ports.flower, env.ports.exporter, env.ports.mail) == (8000, 5555, 9808, 1025)
    assert env.services.database_url is env.services.cache_url is env.services.broker_url is None
    assert env.services.mail_server is env.services.bucket is None


def test_the_documented_defaults():
    env = read({})

    assert (env.jobs.retry_base_seconds, env.jobs.max_attempts, env.jobs.lease_seconds) == (60, 5, 60)
    assert env.mail.rate == "50/second"
    assert (env.video.max_bytes, env.video.max_seconds, env.video.max_pixels) == (
        4 * 2**30,
        14_400,
        7680 * 4320,
    )
    assert env.web.throttles["signup"] == "20/minute"


def test_it_cannot_be_changed_afterwards():
    env = read({})

    with pytest.raises(dataclasses.FrozenInstanceError):
        env.ports.web = 1


def test_a_variable_that_is_set_but_empty_counts_as_unset():
    assert read({"WEB_PORT": " ", "DATABASE_URL": ""}) == read({})


def test_mail_links_lead_to_the_port_that_is_served():
    assert read({"WEB_PORT": "9001"}).web.public_url == "http://127.0.0.1:9001"


@pytest.mark.parametrize(
    ("name", "text", "where", "value"),
    [
        ("DEBUG", "1", "web.debug", True),
        ("DEBUG", "No", "web.debug", False),
        ("ALLOWED_HOSTS", "a.example, b.example", "web.allowed_hosts", ("a.example", "b.example")),
        ("PUBLIC_URL", "https://a.example/", "web.public_url", "https://a.example"),
        ("EMAIL_RATE", "10/min", "mail.rate", "10/minute"),
        ("EMAIL_RATE", "NONE", "mail.rate", "none"),
        ("EMAIL_RATE", "1000 / hour", "mail.rate", "1000/hour"),
        ("VIDEO_MAX_BYTES", "500MB", "video.max_bytes", 500_000_000),
        ("VIDEO_MAX_BYTES", "2 GiB", "video.max_bytes", 2**31),
        ("VIDEO_MAX_BYTES", "1048576", "video.max_bytes", 2**20),
        ("VIDEO_MAX_SECONDS", "90min", "video.max_seconds", 5400),
        ("VIDEO_MAX_SECONDS", "30", "video.max_seconds", 30),
        ("VIDEO_MAX_PIXELS", "1920x1080", "video.max_pixels", 1920 * 1080),
        ("VIDEO_MAX_PIXELS", "1920\u00d71080", "video.max_pixels", 1920 * 1080),
        ("VIDEO_MAX_PIXELS", "2073600", "video.max_pixels", 1920 * 1080),
        ("JOB_RETRY_BASE_SECONDS", "0.5", "jobs.retry_base_seconds", 0.5),
        (
            "BROKER_URL",
            "redis+socket:///a?virtual_host=0",
            "services.broker_url",
            "redis+socket:///a?virtual_host=0",
        ),
        ("BROKER_URL", "sqs://x:y@127.0.0.1:5000//", "services.broker_url", "sqs://x:y@127.0.0.1:5000//"),
        ("CSRF_TRUSTED_ORIGINS", "https://a.example", "web.trusted_origins", ("https://a.example",)),
        (
            "CORS_ALLOWED_ORIGINS",
            "https://App.example:443/, http://localhost:3000",
            "web.cors_allowed_origins",
            ("https://app.example", "http://localhost:3000"),
        ),
        ("WEBHOOKS_PER_USER", "0", "webhooks.per_user", 0),
        ("WEBHOOK_ANSWER_SECONDS", ".5", "webhooks.answer_seconds", 0.5),
        (
            "WEBHOOK_PRIVATE_ORIGINS",
            "http://hooks.internal:8080/",
            "webhooks.private_origins",
            ("http://hooks.internal:8080",),
        ),
        ("VAPID_PRIVATE_KEY", r"-----BEGIN KEY-----\nx", "push.private_key", "-----BEGIN KEY-----\nx"),
    ],
)
def test_what_is_valid(name, text, where, value):
    group, field = where.split(".")

    assert getattr(getattr(read({name: text}), group), field) == value


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("OFFSTAGE_DATA", __file__),
        ("WEB_PORT", "abc"),
        ("WEB_PORT", "0"),
        ("WEB_PORT", "65536"),
        ("WEB_PORT", "-1"),
        ("WEB_PORT", "\u0661"),
        ("BIND_ADDRESS", "a b"),
        ("DATABASE_URL", "mysql://a"),
        ("DATABASE_URL", "postgresql:a"),
        ("CACHE_URL", "amqp://a"),
        ("BROKER_URL", "kafka://a"),
        ("BROKER_URL", "redis://[::1"),
        ("EMAIL_URL", "smtp://"),
        ("EMAIL_URL", "smtp://a:99999"),
        ("STORAGE_URL", "s3://"),
        ("STORAGE_CACHE_HOURS", "12"),
        ("STORAGE_URL", "s3://bucket?endpoint=http://a"),
        ("DEBUG", "maybe"),
        ("PUBLIC_URL", "example.com"),
        ("CORS_ALLOWED_ORIGINS", "*"),
        ("CORS_ALLOWED_ORIGINS", "https://app.example/player"),
        ("WORKER_CONCURRENCY", "0"),
        ("WORKER_CONCURRENCY", "two"),
        ("JOB_RETRY_BASE_SECONDS", "-1"),
        ("JOB_RETRY_BASE_SECONDS", "nan"),
        ("JOB_RETRY_BASE_SECONDS", "inf"),
        ("JOB_MAX_ATTEMPTS", "0"),
        ("JOB_LEASE_SECONDS", "0"),
        ("EMAIL_RATE", "50"),
        ("EMAIL_RATE", "0/s"),
        ("EMAIL_RATE", "5/fortnight"),
        ("SIGNUP_THROTTLE", "off"),
        ("DEFAULT_FROM_EMAIL", "Offstage"),
        ("VIDEO_MAX_BYTES", "4 apples"),
        ("VIDEO_MAX_BYTES", "0"),
        ("VIDEO_MAX_SECONDS", "4 days"),
        ("VIDEO_MAX_PIXELS", "wide"),
        ("VIDEO_MAX_PIXELS", "0x100"),
        ("LOG_LEVEL", "loud"),
        ("VAPID_PRIVATE_KEY", "abc"),
        ("WEBHOOKS_PER_USER", "-1"),
        ("WEBHOOK_ANSWER_SECONDS", "0"),
        ("WEBHOOK_ANSWER_SECONDS", "16"),
        ("WEBHOOK_PRIVATE_ORIGINS", "hooks.internal"),
    ],
)
def test_what_does_not_parse_is_named_in_one_line(name, text):
    with pytest.raises(BadVariable, match=rf"^{name} must be [^\n]+$"):
        read({name: text})


@pytest.mark.parametrize(
    "name", ["DATABASE_URL", "CACHE_URL", "BROKER_URL", "EMAIL_URL", "STORAGE_URL", "VAPID_PRIVATE_KEY"]
)
def test_the_value_of_a_secret_is_never_shown(name):
    with pytest.raises(BadVariable) as refused:
        read({name: "gopher://user:hunter2@example.com"})

    assert "hunter2" not in str(refused.value)


def test_what_holds_a_password_is_not_part_of_the_printed_environment():
    env = read(
        {
            "DATABASE_URL": "postgresql://a:hunter2@b/c",
            "BROKER_URL": "amqp://a:hunter2@b",
            "CACHE_URL": "redis://:hunter2@b",
            "EMAIL_URL": "smtp://a:hunter2@b",
            "STORAGE_URL": "s3://hunter2:hunter2@b",
            "SECRET_KEY": "hunter2",
        }
    )

    assert "hunter2" not in repr(env)


@pytest.mark.parametrize(
    ("url", "port", "starttls", "tls"),
    [
        ("smtp://mail.example", 25, False, False),
        ("smtp+tls://mail.example", 587, True, False),
        ("smtps://mail.example", 465, False, True),
        ("smtp://mail.example:2525", 2525, False, False),
    ],
)
def test_mail_servers(url, port, starttls, tls):
    server = read({"EMAIL_URL": url}).services.mail_server

    assert server is not None
    assert (server.host, server.port, server.starttls, server.tls) == ("mail.example", port, starttls, tls)


def test_a_password_in_a_url_may_hold_any_character():
    server = read({"EMAIL_URL": "smtp://me%40a:p%3Aw%2F@mail.example"}).services.mail_server

    assert server is not None
    assert (server.user, server.password) == ("me@a", "p:w/")


def test_a_bucket():
    bucket = read(
        {"STORAGE_URL": "s3://films?endpoint_url=http://127.0.0.1:9000&region=eu-west-1"}
    ).services.bucket

    assert bucket is not None
    assert (bucket.name, bucket.endpoint_url, bucket.region) == (
        "films",
        "http://127.0.0.1:9000",
        "eu-west-1",
    )


def test_every_variable_is_asked_for_once():
    names = [variable.name for variable in variables()]

    assert len(names) == len(set(names))
    assert all(re.fullmatch(r"[A-Z][A-Z_]+", name) for name in names)
