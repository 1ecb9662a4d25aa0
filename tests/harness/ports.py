"""Ports that nobody listens on."""

import socket


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


PORT_VARIABLES = ("WEB_PORT", "FLOWER_PORT", "EXPORTER_PORT", "MAIL_PORT")


def free_ports() -> dict[str, str]:
    """Return a port for each variable that names one."""
    return {variable: str(free_port()) for variable in PORT_VARIABLES}
