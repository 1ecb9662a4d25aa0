"""Are the stack's ports free?"""

import socket

from config.env import Env


class PortTaken(Exception):
    """Another program listens there; its text is the line the user sees."""


def check(env: Env) -> None:
    """Raise PortTaken, naming the variable, where a part could not listen on its port."""
    ports = {"WEB_PORT": env.ports.web, "FLOWER_PORT": env.ports.flower, "EXPORTER_PORT": env.ports.exporter}
    for variable, port in ports.items():
        if reason := _refusal(env.bind_address, port):
            raise PortTaken(
                f"{variable}: {env.bind_address}:{port} cannot be used ({reason}); set {variable} to a free port"
            )


def _refusal(host: str, port: int) -> str:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        # As the servers do: connections of a former one that still linger are no hindrance.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            return error.strerror or str(error)
    return ""
