"""The pages as a browser has them: a tab that notes what it saw, on a slow line or not."""

import gzip
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.contrib.auth.models import User
from playwright.sync_api import Browser, CDPSession, Page

_NOTES = Path(__file__).with_name("ui.js")
_USER, _PASSWORD = "bench-ui", "bench-only"
#: 150 ms there and back, 1.6 Mb/s, and a processor of a quarter of this one's speed.
_RTT_MS, _BYTES_PER_S, _CPU_RATE = 150, 200_000, 4
_LOADED = re.compile(r'<(?:script|link)[^>]* (?:src|href)="(?P<address>[^"]+\.(?P<kind>js|css))"')
#: Once all is loaded, so long for what comes late: the first events, a shift.
_SETTLE_MS = 1000


@dataclass(frozen=True, kw_only=True)
class Seen:
    """What a tab noted when its page was loaded."""

    lcp_ms: float
    shift: float


class Tab:
    """A page of a browser of its own, with nothing in its cache."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self._debugger: CDPSession = page.context.new_cdp_session(page)
        # By the thread's own clock: what others do on the machine is not in it.
        self._debugger.send("Performance.enable", {"timeDomain": "threadTicks"})

    def slow_down(self) -> None:
        """As on a telephone on a slow line."""
        line = {"offline": False, "latency": _RTT_MS}
        speed = {"downloadThroughput": _BYTES_PER_S, "uploadThroughput": _BYTES_PER_S}
        self._debugger.send("Network.enable")
        self._debugger.send("Network.emulateNetworkConditions", {**line, **speed})
        self._debugger.send("Emulation.setCPUThrottlingRate", {"rate": _CPU_RATE})

    def busy_s(self) -> float:
        """What the main thread has worked since the page began."""
        metrics = self._debugger.send("Performance.getMetrics")["metrics"]
        return next(float(each["value"]) for each in metrics if each["name"] == "TaskDuration")

    def noted(self, what: str) -> Any:
        """One of the things that `ui.js` notes."""
        return self.page.evaluate("what => noted[what]", what)

    def loaded(self, address: str) -> Seen:
        """Go there, and what that was like."""
        self.page.goto(address, wait_until="load")
        self.page.wait_for_timeout(_SETTLE_MS)
        return Seen(lcp_ms=self.noted("lcp"), shift=self.noted("shift"))


@dataclass(frozen=True, kw_only=True)
class Site:
    """Where the pages are, with somebody signed in who may see them all."""

    browser: Browser
    url: str
    #: The cookies.
    state: Any

    @classmethod
    def of(cls, browser: Browser, url: str) -> "Site":
        """Sign in, as people do."""
        User.objects.create_superuser(username=_USER, password=_PASSWORD)
        context = browser.new_context(base_url=url)
        page = context.new_page()
        page.goto("/sign-in/")
        page.get_by_label("Name").fill(_USER)
        page.get_by_label("Password").fill(_PASSWORD)
        page.get_by_role("button", name="Sign in").click()
        page.wait_for_url("**/projects/")
        site = cls(browser=browser, url=url, state=context.storage_state())
        context.close()
        return site

    @contextmanager
    def tab(self) -> Iterator[Tab]:
        """A new one, until the end of the block."""
        context = self.browser.new_context(base_url=self.url, storage_state=self.state)
        context.add_init_script(path=_NOTES)
        yield Tab(context.new_page())
        context.close()

    def sizes(self, address: str) -> Mapping[str, int]:
        """{html, js, css: compressed bytes} of a page and of all that it loads."""
        context = self.browser.new_context(base_url=self.url, storage_state=self.state)
        body = context.request.get(address).body()
        sizes = {"html": len(gzip.compress(body)), "js": 0, "css": 0}
        for found in _LOADED.finditer(body.decode()):
            loaded = context.request.get(found["address"]).body()
            sizes[found["kind"]] += len(gzip.compress(loaded))
        context.close()
        return sizes
