"""TLS in front of a server that speaks none."""

import asyncio
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from batchgen.local.local_dir import free_port
from tests.certificates import Certificates


@contextmanager
def fronted(port: int, made: Certificates, *, asks: bool = False) -> Iterator[int]:
    """The port where TLS is spoken for what listens on another; `asks` for a certificate."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=str(made.ca))
    context.load_cert_chain(made.server)
    context.verify_mode = ssl.CERT_REQUIRED if asks else ssl.CERT_NONE
    loop, own = asyncio.new_event_loop(), free_port()
    opened: set[asyncio.StreamWriter] = set()
    loop.set_exception_handler(lambda *_: None)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_connection("127.0.0.1", port)
        opened.update((writer, back))
        await asyncio.gather(_pass(reader, back), _pass(there, writer))

    async def listen() -> asyncio.Server:
        return await asyncio.start_server(serve, "127.0.0.1", own, ssl=context)

    async def end() -> None:
        listening.close()
        for writer in opened:
            writer.transport.abort()
        await asyncio.gather(*asyncio.all_tasks() - {asyncio.current_task()})

    listening = loop.run_until_complete(listen())
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    try:
        yield own
    finally:
        asyncio.run_coroutine_threadsafe(end(), loop).result(5)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(5)
        loop.close()


async def _pass(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while data := await reader.read(65_536):
            writer.write(data)
            await writer.drain()
    writer.close()
