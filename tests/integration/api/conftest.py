"""The application as the web process serves it, in a thread of the tests' own process."""

import asyncio
import socket
import threading
from collections.abc import Iterator

import pytest


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    """Where the application listens."""
    import uvicorn

    from batchgen.asgi import application
    from batchgen.web.connection import Connection

    config = uvicorn.Config(
        application, http=Connection, ws="none", lifespan="off", log_level="error", access_log=False
    )
    server = uvicorn.Server(config)
    listening = socket.create_server(("127.0.0.1", 0))
    thread = threading.Thread(target=lambda: asyncio.run(server.serve([listening])))
    thread.start()
    yield listening.getsockname()[1]
    server.should_exit = True
    thread.join(10)
    listening.close()
