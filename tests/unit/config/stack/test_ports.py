import socket

import pytest

from config.env import read
from config.stack.ports import PortTaken, check
from tests.harness.ports import free_ports


def test_free_ports_pass():
    check(read(free_ports()))


@pytest.mark.parametrize("variable", ["WEB_PORT", "FLOWER_PORT", "EXPORTER_PORT"])
def test_a_taken_port_is_named_with_its_variable(variable):
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]

        with pytest.raises(PortTaken, match=f"^{variable}: 127.0.0.1:{port} .* set {variable} "):
            check(read({**free_ports(), variable: str(port)}))
