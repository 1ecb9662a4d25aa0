"""The data folder, closed to other users of the machine."""

import os

import pytest

from config.private_folder import make_private


def mode_of(path):
    return path.stat().st_mode & 0o7777


def test_a_new_folder_and_what_is_written_to_it_are_private(tmp_path):
    make_private(tmp_path / "a" / "var")

    (tmp_path / "a" / "var" / "mail").write_text("secret")
    assert mode_of(tmp_path / "a" / "var") == 0o700
    assert mode_of(tmp_path / "a" / "var" / "mail") == 0o600


def test_folders_of_an_earlier_version_are_closed(tmp_path):
    for name in ("media", "mailbox"):
        (tmp_path / "var" / name).mkdir(parents=True, mode=0o755)
    (tmp_path / "var").chmod(0o755)
    (tmp_path / "var" / "mailbox").chmod(0o750)

    make_private(tmp_path / "var")

    assert {mode_of(path) for path in (tmp_path / "var", *(tmp_path / "var").iterdir())} == {0o700}


def test_a_link_is_not_followed_out_of_the_folder(tmp_path):
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere").chmod(0o755)
    (tmp_path / "var").mkdir()
    (tmp_path / "var" / "media").symlink_to(tmp_path / "elsewhere")

    make_private(tmp_path / "var")

    assert mode_of(tmp_path / "elsewhere") == 0o755


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a folder away")
def test_a_folder_of_another_user_is_left_as_it_is(tmp_path):
    (tmp_path / "var").mkdir()
    (tmp_path / "var").chmod(0o755)
    os.chown(tmp_path / "var", 65534, 65534)

    make_private(tmp_path / "var")

    assert mode_of(tmp_path / "var") == 0o755


def test_a_folder_that_all_users_share_is_refused(tmp_path):
    (tmp_path / "tmp").mkdir()
    (tmp_path / "tmp").chmod(0o1777)

    with pytest.raises(PermissionError, match="shared by all users"):
        make_private(tmp_path / "tmp")

    assert mode_of(tmp_path / "tmp") == 0o1777
