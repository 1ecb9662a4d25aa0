import threading

from config import keys


def test_a_key_is_made_once_and_kept(tmp_path):
    first = keys.secret_key(tmp_path)

    assert keys.secret_key(tmp_path) == first
    assert len(first) > 64


def test_a_key_is_readable_by_its_owner_only(tmp_path):
    keys.secret_key(tmp_path)

    assert (tmp_path / "secret_key").stat().st_mode & 0o777 == 0o600


def test_all_who_start_at_once_get_the_same_key(tmp_path):
    folder = tmp_path / "new"
    start = threading.Barrier(8)
    found = []

    def ask():
        start.wait()
        found.append(keys.secret_key(folder))

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(set(found)) == 1
    assert [path.name for path in folder.iterdir()] == ["secret_key"]


def test_the_push_key_is_another_one(tmp_path):
    pem = keys.vapid_key(tmp_path)

    assert pem.startswith("-----BEGIN PRIVATE KEY-----")
    assert keys.vapid_key(tmp_path) == pem
