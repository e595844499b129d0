"""A real browser on a real web process. Whatever it complains of fails the test.

The browser is the system's Chromium; where there is none, these tests are skipped.
"""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from batchgen.local.local_dir import free_port
from batchgen.local.terminal import LogFiles

playwright = pytest.importorskip("playwright.sync_api")

if TYPE_CHECKING:
    from django.contrib.auth.models import User
    from playwright.sync_api import Browser, BrowserContext

    from tests.browser.look import Tab

#: For what is to show; a busy machine takes its time.
playwright.expect.set_options(timeout=20_000)


@pytest.fixture(scope="session")
def browser() -> "Iterator[Browser]":
    from benchmarks import chromium

    if chromium.PATH is None:
        pytest.skip("there is no chromium here (Debian and Ubuntu: apt install chromium)")
    with chromium.chromium() as opened:
        yield opened


@pytest.fixture(scope="session")
def site(django_db_setup: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Where a web process on the test's database listens, for the whole session."""
    from tests.browser.serving import serving

    logs = LogFiles(Path(tmp_path_factory.mktemp("web")))
    port = free_port()
    with serving(port, logs.line):
        yield f"http://127.0.0.1:{port}"
    logs.close()


@pytest.fixture
def tab(transactional_db: None, browser: "Browser", site: str) -> "Iterator[Callable[..., Tab]]":
    """Opens a tab, signed in; at the end no tab may have complained."""
    from batchgen.redis import client as redis
    from tests.browser.look import Tab, cookie_of

    redis.client().flushdb()
    tabs: list[Tab] = []
    with ExitStack() as opened:

        def open_tab(user: "User | None" = None, **options: Any) -> Tab:
            context: BrowserContext = browser.new_context(base_url=site, **options)
            opened.callback(context.close)
            if user is not None:
                context.add_cookies([cookie_of(user, site)])
            tabs.append(Tab(context.new_page()))
            return tabs[-1]

        yield open_tab
        for each in tabs:
            assert each.complaints == [], each.complaints
