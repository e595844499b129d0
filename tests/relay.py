"""A port in front of a server, for TLS that it does not speak, or to be cut."""

import asyncio
import ssl
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from tests.loops import Loop, running_loop


class Relay:
    """What comes to its port goes on to a server, and back; nothing does while it is cut."""

    def __init__(self, to: str, port: int) -> None:
        """`to` is a host, or the folder of PostgreSQL's Unix sockets."""
        self._to = (to, port)
        self._opened: set[asyncio.StreamWriter] = set()
        self._is_cut = False
        self.port = 0

    async def listen(self, tls: ssl.SSLContext | None) -> None:
        """From now on."""
        asyncio.get_running_loop().set_exception_handler(lambda *_: None)
        self._listening = await asyncio.start_server(self._serve, "127.0.0.1", 0, ssl=tls)
        self.port = self._listening.sockets[0].getsockname()[1]

    async def end(self) -> None:
        """End everything that came."""
        self._listening.close()
        await self.cut()
        others = asyncio.all_tasks() - {asyncio.current_task()}
        await asyncio.gather(*others, return_exceptions=True)

    async def cut(self) -> None:
        """End all connections, and each new one at once."""
        self._is_cut = True
        for writer in self._opened:
            writer.transport.abort()
        self._opened.clear()

    async def heal(self) -> None:
        """Take connections again."""
        self._is_cut = False

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._is_cut:
            writer.transport.abort()
            return
        there, back = await self._connect()
        self._opened |= {writer, back}
        await asyncio.gather(_pass(reader, back), _pass(there, writer))

    async def _connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        host, port = self._to
        if host.startswith("/"):
            return await asyncio.open_unix_connection(f"{host}/.s.PGSQL.{port}")
        return await asyncio.open_connection(host, port)


class Relayed:
    """A relay, for code that is in no loop."""

    def __init__(self, relay: Relay, loop: Loop) -> None:
        self._relay, self._loop = relay, loop
        self.port = relay.port

    def cut(self) -> None:
        """Nothing gets through from now on."""
        self._loop.run(self._relay.cut())

    def heal(self) -> None:
        """It does again."""
        self._loop.run(self._relay.heal())


@contextmanager
def relayed(to: str, port: int, *, tls: ssl.SSLContext | None = None) -> Iterator[Relayed]:
    """A relay until the context ends; with `tls` it is spoken in front, and not behind."""
    with running_loop() as loop:
        relay = Relay(to, port)
        loop.run(relay.listen(tls))
        try:
            yield Relayed(relay, loop)
        finally:
            loop.run(relay.end())


async def _pass(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while data := await reader.read(65_536):
            writer.write(data)
            await writer.drain()
    writer.close()
