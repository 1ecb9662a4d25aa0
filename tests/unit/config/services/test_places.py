from pathlib import Path

from psycopg.conninfo import conninfo_to_dict

from config.services.places import SOCKET_PATH_BYTES, Places


def test_sockets_lie_in_the_data_folder_where_their_path_fits(tmp_path):
    places = Places(tmp_path)

    assert places.sockets == tmp_path / "run"


def test_sockets_of_a_long_path_fit_and_are_found_again():
    long = Path("/srv") / ("x" * 120)

    assert Places(long).sockets == Places(long).sockets
    assert Places(long).sockets != Places(long / "other").sockets
    assert len(str(Places(long).postgres_socket_folder / ".s.PGSQL.5432")) <= SOCKET_PATH_BYTES


def test_the_length_counts_bytes_not_letters():
    # 60 letters, 120 bytes.
    assert Places(Path("/srv") / ("ä" * 60)).sockets != Path("/srv") / ("ä" * 60) / "run"


def test_a_path_with_strange_letters_survives_the_urls(tmp_path):
    places = Places(tmp_path / "a b%&?")

    assert conninfo_to_dict(places.database_url)["host"] == str(places.postgres_socket_folder)
    assert " " not in places.broker_url + places.cache_url
    assert "?b" not in places.broker_url


def test_the_folders_of_locks_and_sockets_are_closed_to_others(tmp_path):
    places = Places(tmp_path / "data")

    places.make()

    assert places.run.stat().st_mode & 0o777 == 0o700
