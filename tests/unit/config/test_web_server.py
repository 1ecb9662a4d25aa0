from config.env import read
from config.web_server import options


def test_no_client_chooses_its_address_and_no_line_holds_a_query():
    chosen = options(read({}))

    assert (chosen["proxy_headers"], chosen["access_log"], chosen["server_header"]) == (False, False, False)


def test_connections_are_bounded_as_the_environment_says():
    assert options(read({"MAX_CONNECTIONS": "7"}))["limit_concurrency"] == 7
    assert options(read({"REQUEST_MAX_HEADERS": "12"}))["http"].limits.max_headers == 12
