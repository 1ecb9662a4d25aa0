from config.services.service import log_tail


def test_the_tail_is_the_last_lines_in_one(tmp_path):
    log = tmp_path / "log"
    log.write_text("one\ntwo\nthree\nfour\n")

    assert log_tail(log) == "two / three / four"


def test_a_log_that_is_not_there_says_so(tmp_path):
    assert log_tail(tmp_path / "none") == "its log is empty"
