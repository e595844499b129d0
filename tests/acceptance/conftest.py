"""Real worker processes on the test's own database, broker and simulator.

Imports of Django's models stand inside: this file is read before Django is set up.
"""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from batchgen.local.terminal import LogFiles
from tests.conftest import Simulator

if TYPE_CHECKING:
    from tests.acceptance.fleet import Fleet


@pytest.fixture
def provider(simulator: Simulator) -> Simulator:
    """The session's simulator, with nothing remembered."""
    simulator.reset()
    return simulator


@pytest.fixture
def fleet(transactional_db: None, provider: Simulator, tmp_path: Path) -> Iterator["Fleet"]:
    """Worker processes, started by the test and gone after it; an empty broker."""
    from batchgen.redis import client as redis
    from tests.acceptance.fleet import Fleet

    redis.client().flushdb()
    logs = LogFiles(tmp_path / "log")
    with ExitStack() as workers:
        yield Fleet(stack=workers, sink=logs.line, provider_url=provider.url)
    logs.close()
