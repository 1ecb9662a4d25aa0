import pytest

from config import services
from config.env import MailServer, read
from config.services.front import needed


def test_every_service_is_embedded_where_nothing_is_given(tmp_path):
    env = read({"OFFSTAGE_DATA": str(tmp_path), "MAIL_PORT": "2525"})

    urls = services.urls(env)

    assert needed(env) == ["postgres", "valkey", "mailbox"]
    assert urls.database.startswith("postgresql://offstage@/offstage?host=")
    assert (urls.broker, urls.cache) == (
        f"redis+socket://{tmp_path}/run/valkey.sock?virtual_host=0",
        f"unix://{tmp_path}/run/valkey.sock?db=1",
    )
    assert urls.email == MailServer("127.0.0.1", 2525, "", "", starttls=False, tls=False)


def test_asking_where_they_are_starts_and_writes_nothing(tmp_path):
    services.urls(read({"OFFSTAGE_DATA": str(tmp_path / "data")}))

    assert not (tmp_path / "data").exists()


@pytest.mark.parametrize(
    ("given", "left"),
    [
        ({"DATABASE_URL": "postgresql://a/b"}, ["valkey", "mailbox"]),
        ({"BROKER_URL": "amqp://a"}, ["postgres", "valkey", "mailbox"]),
        ({"BROKER_URL": "amqp://a", "CACHE_URL": "redis://a"}, ["postgres", "mailbox"]),
        ({"EMAIL_URL": "smtp://a"}, ["postgres", "valkey"]),
    ],
)
def test_what_is_given_is_not_embedded(tmp_path, given, left):
    assert needed(read({"OFFSTAGE_DATA": str(tmp_path), **given})) == left


def test_leaving_a_folder_that_nobody_used_is_no_error(tmp_path):
    env = read({"OFFSTAGE_DATA": str(tmp_path / "data")})

    services.leave(env)
    services.stop(env)

    assert not (tmp_path / "data").exists()
