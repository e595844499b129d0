"""The system's Chromium, led by Playwright; also for the tests of the pages."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager

from playwright.sync_api import Browser, sync_playwright

PATH = shutil.which("chromium") or shutil.which("chromium-browser")
_FLAGS = (
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync",
    "--disable-background-networking", "--disable-component-update",
)  # fmt: skip


@contextmanager
def chromium() -> Iterator[Browser]:
    """A browser without a window, until the end of the block.

    Raises:
        RuntimeError: there is none on this machine.
    """
    if PATH is None:
        raise RuntimeError("There is no chromium here (Debian and Ubuntu: apt install chromium).")
    # Playwright's loop runs in this thread, beside which Django would refuse to ask the database.
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "1"
    with sync_playwright() as running:
        opened = running.chromium.launch(executable_path=PATH, args=list(_FLAGS))
        yield opened
        opened.close()
