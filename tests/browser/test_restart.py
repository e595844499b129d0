"""A web process that is killed while somebody watches a run, and started again."""

import os
import signal
from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import expect

from batchgen.local.local_dir import free_port
from batchgen.local.terminal import LogFiles
from runs.models import RunLog
from tests.browser.look import Tab
from tests.browser.serving import serving
from tests.integration.engine.world import World
from tests.integration.web.states import finish_one, owner

Opens = Callable[..., Tab]


def test_a_server_that_is_killed_and_started_again_loses_no_event(
    tab: Opens, tmp_path: Path
) -> None:
    world = World.make(epics=6, lanes=2)
    opened, logs, port = tab(owner()), LogFiles(tmp_path), free_port()
    page = opened.page
    with serving(port, logs.line) as web:
        page.goto(f"http://127.0.0.1:{port}/runs/{world.run.pk}/")
        expect(page.locator("[data-connection]")).to_have_text("Live")
        finish_one(world)
        expect(page.locator("#bar")).to_have_attribute("value", "16.7")
        os.kill(web.process.pid, signal.SIGKILL)
        expect(page.locator("[data-connection]")).to_have_text("Connection lost, trying again")
    finish_one(world)
    finish_one(world)
    with serving(port, logs.line):
        finish_one(world)
        expect(page.locator("#bar")).to_have_attribute("value", "66.7")
        expect(page.locator("[data-connection]")).to_have_text("Live")
        shown = page.locator("#log li")
        expect(shown).to_have_count(RunLog.objects.filter(run=world.run).count())
        lines = shown.evaluate_all("lines => lines.map(line => Number(line.dataset.seq))")
        assert lines == list(range(1, len(lines) + 1))
        documents = [each for each in opened.sent if each.is_navigation_request()]
        assert len(documents) == 1
    logs.close()
    opened.expect_complaints("ERR_CONNECTION", "ERR_EMPTY", "ERR_INCOMPLETE", "Failed to fetch")
