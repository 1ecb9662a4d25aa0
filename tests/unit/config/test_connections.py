from config import connections
from config.env import read


def database(**environ):
    return connections.database(read(environ))


def test_libpq_itself_reads_the_url():
    settings = database(DATABASE_URL="postgresql://me:p%2Fw@db.example:5433/offstage?sslmode=require")

    assert (settings["NAME"], settings["USER"], settings["PASSWORD"]) == ("offstage", "me", "p/w")
    assert (settings["HOST"], settings["PORT"]) == ("db.example", "5433")
    assert settings["OPTIONS"]["sslmode"] == "require"


def test_a_socket_folder_is_a_host():
    settings = database(DATABASE_URL="postgresql://me@/offstage?host=/run/pg")

    assert settings["HOST"] == "/run/pg"


def test_without_a_pool_a_process_keeps_its_connection():
    settings = database()

    assert settings["CONN_MAX_AGE"] > 0
    assert "pool" not in settings["OPTIONS"]


def test_a_pool_keeps_the_connections_instead():
    settings = database(DATABASE_POOL_SIZE="7")

    assert settings["CONN_MAX_AGE"] == 0
    assert settings["OPTIONS"]["pool"]["max_size"] == 7


def test_films_are_kept_in_the_data_folder(tmp_path):
    storage = connections.storage(read({"OFFSTAGE_DATA": str(tmp_path)}))

    assert storage["OPTIONS"]["location"] == tmp_path / "media"


def test_films_are_kept_in_a_bucket_where_one_is_named():
    storage = connections.storage(read({"STORAGE_URL": "s3://films?endpoint_url=http://127.0.0.1:9000"}))

    assert storage["OPTIONS"]["bucket_name"] == "films"
    assert storage["OPTIONS"]["endpoint_url"] == "http://127.0.0.1:9000"


def test_a_bucket_that_hangs_costs_seconds_and_not_minutes():
    client = connections.storage(read({"STORAGE_URL": "s3://films"}))["OPTIONS"]["client_config"]

    assert client.retries["total_max_attempts"] * (client.connect_timeout + client.read_timeout) < 60
