"""A stretch of network that a fault may cut: a TCP proxy in a thread of its own.

Modes: `through`; `slow(seconds)` before each piece; `cut` holds everything back and lets it go on afterwards, as TCP
does after a short partition; `deaf` sends all to the server and nothing back (a commit arrives, its answer does not);
`reset()` breaks every connection now; `refuse` breaks every new one too.
"""

import asyncio
import socket
import struct
import threading
from contextlib import suppress
from pathlib import Path

from tests.harness.ports import free_port

PIECE = 65_536
Address = Path | tuple[str, int]


class Network:
    """The event loop of all proxies."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self.loop.run_forever, name="network", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """End every proxy."""
        asyncio.run_coroutine_threadsafe(self._cancel_all(), self.loop).result(5)
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join(5)
        self.loop.close()

    async def _cancel_all(self) -> None:
        tasks = asyncio.all_tasks() - {asyncio.current_task()}
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


class Proxy:
    """One way through the network: `port` leads to `upstream`."""

    def __init__(self, network: Network, upstream: Address) -> None:
        self.port = free_port()
        self._loop = network.loop
        self._upstream = upstream
        self._mode = "through"
        self._delay_seconds = 0.0
        self._moves = asyncio.Event()
        self._moves.set()
        self._writers: set[asyncio.StreamWriter] = set()
        start = asyncio.start_server(self._serve, "127.0.0.1", self.port)
        self._server = asyncio.run_coroutine_threadsafe(start, self._loop).result(5)

    def heal(self) -> None:
        """Let everything through; what was held back goes on. A connection that lost answers breaks."""
        lost_answers = self._mode == "deaf"
        self._set("through")
        if lost_answers:
            self.reset()

    def slow(self, seconds: float) -> None:
        """Make each piece wait."""
        self._set("through", seconds)

    def cut(self) -> None:
        """Hold back everything."""
        self._set("cut")

    def deafen(self) -> None:
        """Let everything reach the server, and none of its answers come back."""
        self._set("deaf")

    def refuse(self) -> None:
        """Break every connection, and each new one."""
        self._set("refuse")
        self.reset()

    def reset(self) -> None:
        """Break every connection there is."""
        self._loop.call_soon_threadsafe(self._break_all)

    def close(self) -> None:
        """Take the way away."""
        self._loop.call_soon_threadsafe(self._server.close)
        self.reset()

    def _set(self, mode: str, delay_seconds: float = 0.0) -> None:
        async def change() -> None:
            self._mode, self._delay_seconds = mode, delay_seconds
            (self._moves.clear if mode == "cut" else self._moves.set)()

        asyncio.run_coroutine_threadsafe(change(), self._loop).result(5)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._mode == "refuse":
            _abort(writer)
            return
        await self._moves.wait()
        try:
            if isinstance(self._upstream, Path):
                up_reader, up_writer = await asyncio.open_unix_connection(str(self._upstream))
            else:
                up_reader, up_writer = await asyncio.open_connection(*self._upstream)
        except OSError:
            _abort(writer)
            return
        both = {writer, up_writer}
        self._writers |= both
        try:
            with suppress(asyncio.CancelledError):  # the end of the run; streams would log it
                await asyncio.gather(
                    self._pump(reader, up_writer, answers=False), self._pump(up_reader, writer, answers=True)
                )
        finally:
            self._writers -= both
            for end in both:
                end.close()

    async def _pump(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, answers: bool
    ) -> None:
        with suppress(OSError):
            while piece := await reader.read(PIECE):
                if self._delay_seconds:
                    await asyncio.sleep(self._delay_seconds)
                await self._moves.wait()
                if answers and self._mode == "deaf":
                    continue
                writer.write(piece)
                await writer.drain()
        writer.close()

    def _break_all(self) -> None:
        for writer in list(self._writers):
            _abort(writer)


def _abort(writer: asyncio.StreamWriter) -> None:
    # Linger of zero: the other side gets a reset and no orderly end.
    with suppress(OSError):
        sock = writer.get_extra_info("socket")
        if sock is not None and sock.family == socket.AF_INET:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()
