"""A run's page: who works on what, many items at a time, what was asked, and what changed."""

import re
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.db.models import F
from django.test.utils import CaptureQueriesContext

from epics.models import Epic
from runs.engine.controls import run_control
from runs.models import ProviderCall, Run, RunItem, Worker
from runs.reads.parallel import MINUTES, parallel_read
from runs.states import ItemStatus
from tests.factories import member_make
from tests.integration.engine.world import World, worker_make
from tests.integration.runs_api.test_changes import again, written
from tests.integration.web.looking import HOSTILE, assert_clean, browser, hidden
from tests.integration.web.states import owner, run_in

pytestmark = pytest.mark.django_db(transaction=True)


def page_of(run: Run, path: str = "", user: User | None = None) -> str:
    answer = browser(user or owner()).get(f"/runs/{run.pk}/{path}")
    assert answer.status_code == 200
    assert_clean(answer.text)
    return answer.text


def part_of(page: str, name: str) -> str:
    """One of the boxes of what goes on at the same time."""
    return page.partition(f'aria-labelledby="{name}"')[2].partition("</section>")[0]


def work(world: World, count: int) -> list[str]:
    """The codes of so many that are done now."""
    codes = []
    for _ in range(count):
        step = world.claim()
        assert step is not None
        world.finish(step)
        codes.append(step.code)
    return codes


# At the same time --------------------------------------------------------------------------------
def test_who_works_on_what_how_far_it_is_and_what_ended() -> None:
    world = World.make(epics=12, lanes=3)
    idle = worker_make("w2@test")
    done = work(world, 2)
    first, second = world.claim(), world.claim()
    assert first is not None
    assert second is not None
    RunItem.objects.filter(status=ItemStatus.GENERATING).update(
        stage="component-generation", stage_percent=40, remaining_ms=12_000
    )
    for address in ("", "parallel/"):
        page = page_of(world.run, address)
        workers, active = part_of(page, "workers"), part_of(page, "active")
        assert re.search(
            rf"w1@test.*Busy.*2 of 10: .*{first.code}</a>.*{second.code}</a>", workers, re.DOTALL
        )
        assert re.search(rf"{idle.name}</span> .*Idle here", workers, re.DOTALL)
        assert f"/runs/{world.run.pk}/?item={first.fence.item_id}#panel" in workers
        assert active.count("component-generation") == active.count("40 %") == 2
        assert active.count("Calculating…") == 2
        assert part_of(page, "recent").count("Completed") == 2
        assert re.search(r'aria-label="[^"]* 15 minutes: (0, ){14}2"', part_of(page, "pace"))
    world.finish(first, status=ItemStatus.FAILED)
    page = page_of(world.run)
    assert "12 s left" in part_of(page, "active")
    recent = part_of(page, "recent")
    assert re.findall(r">(E\d+)</a>", recent) == [first.code, *reversed(done)]
    assert "Failed" in recent
    Worker.objects.update(lease_until=F("started_at"))
    assert "No worker is alive." in part_of(page_of(world.run), "workers")


def test_the_pace_is_told_minute_by_minute_and_of_a_run_that_ended_as_of_its_end() -> None:
    world = World.make(epics=12, lanes=2)
    seconds_ago = (0, 59, 61, 14 * 60 + 30, 15 * 60 + 1)
    for code, seconds in zip(work(world, 5), seconds_ago, strict=True):
        with connection.cursor() as cursor:
            cursor.execute(
                "UPDATE runs_runitem SET completed_at = clock_timestamp()"
                " - make_interval(secs => %s) WHERE run_id = %s AND code = %s",
                [seconds, world.run.pk, code],
            )
    read = parallel_read(run=world.run)
    assert list(read.per_minute) == [1, *[0] * (MINUTES - 3), 1, 2]
    assert read.throughput == 2
    ended = run_in("errors")
    page = page_of(ended)
    assert part_of(page, "pace")
    assert not part_of(page, "workers")
    assert not part_of(page, "active")
    assert part_of(page, "recent").count("Completed") == 4


def test_its_part_of_the_page_costs_the_same_however_much_goes_on() -> None:
    counts = []
    for epics, lanes in ((3, 1), (60, 40)):
        world = World.make(epics=epics, lanes=lanes, name=f"Of {epics}")
        for fence in world.fences():
            world.claim(fence)
        client = browser(owner())
        client.get(f"/runs/{world.run.pk}/parallel/")
        with CaptureQueriesContext(connection) as queries:
            page = client.get(f"/runs/{world.run.pk}/parallel/").text
        counts.append(len(queries))
    assert counts[0] == counts[1]
    assert part_of(page, "active").count("<li ") == 12
    assert "40 of 10: " in part_of(page, "workers")


# Many at a time ----------------------------------------------------------------------------------
def choose(run: Run, user: User | None = None, **form: Any) -> Any:
    return browser(user or owner()).post(f"/runs/{run.pk}/items/", form)


def messages_of(answer: Any, run: Run) -> str:
    client = browser(owner())
    client.cookies = answer.client.cookies
    return str(client.get(f"/runs/{run.pk}/").text.partition('id="toasts"')[2])


def test_all_that_wait_are_cancelled_beyond_the_page_as_many_as_it_says() -> None:
    world = World.make(epics=60, lanes=2)
    work(world, 1)
    world.claim()
    page = page_of(world.run)
    assert page.count('name="item"') == 50
    assert re.search(r'All <span[^>]*data-live="items.pending"[^>]*>58</span> that wait', page)
    page = page_of(world.run, "?q=Lending+1")
    assert re.search(r"All <span>10</span> that wait, of those that the filters find", page)
    asked = choose(world.run, action="cancel", everything="1", query=hidden(page, "query")).text
    assert "Cancel 10 epics?" in asked
    assert not RunItem.objects.filter(status=ItemStatus.CANCELLED).exists()
    form: dict[str, Any] = {
        name: hidden(asked, name) for name in ("action", "query", "everything", "sure")
    }
    done = choose(world.run, **form)
    assert done.headers["Location"] == f"/runs/{world.run.pk}/?q=Lending+1"
    assert "10 epics cancelled." in messages_of(done, world.run)
    assert RunItem.objects.filter(status=ItemStatus.CANCELLED).count() == 10
    choose(world.run, action="cancel", everything="1", sure="1")
    assert not RunItem.objects.filter(run=world.run, status=ItemStatus.PENDING).exists()
    assert RunItem.objects.filter(run=world.run, status=ItemStatus.GENERATING).count() == 1


def test_of_the_ticked_ones_only_those_that_still_wait_are_cancelled() -> None:
    run = run_in("running")
    items = list(RunItem.objects.filter(run=run).order_by("order"))
    stranger = World.make(epics=1, lanes=1, name="Other").run.items.get()
    ticked = [*(str(item.pk) for item in items), str(stranger.pk), "nonsense"]
    asked = choose(run, action="cancel", item=ticked).text
    assert "Cancel 2 epics?" in asked
    assert asked.count('name="item"') == len(ticked)
    done = choose(run, action="cancel", item=ticked, sure="1")
    assert "2 epics cancelled." in messages_of(done, run)
    stranger.refresh_from_db()
    assert stranger.status == ItemStatus.PENDING
    again = choose(run, action="cancel", item=ticked, sure="1")
    assert "none waits" in messages_of(again, run)
    assert choose(run, action="explode").status_code == 400


def test_what_failed_is_retried_and_what_is_gone_is_not_counted() -> None:
    run = run_in("failed")
    RunItem.objects.filter(run=run, code="E1").update(target_id=None)
    page = page_of(run)
    assert "Retry 5 failed" in page
    assert re.search(r"All <span>5</span> that failed", page)
    assert "Retry 5 epics?" in choose(run, action="retry", everything="1").text
    chosen = [str(item.pk) for item in RunItem.objects.filter(run=run, code__in=["E1", "E2"])]
    assert "Retry 1 epic?" in choose(run, action="retry", item=chosen).text
    done = choose(run, action="retry", item=chosen, sure="1")
    again = Run.objects.get(retried_from=run)
    assert done.headers["Location"] == f"/runs/{again.pk}/"
    assert list(again.items.values_list("code", flat=True)) == ["E2"]
    panel = page_of(again, f"?item={again.items.get().pk}").partition('id="panel"')[2]
    assert re.search(rf"/runs/{run.pk}/\?item={chosen[1]}.*Failed.*REFUSED", panel, re.DOTALL)
    one = RunItem.objects.get(run=run, code="E3")
    assert "Retry this epic" not in page_of(run, f"?item={one.pk}")
    run_control(run=again, action="cancel", user=owner())
    assert "Retry this epic" in page_of(run, f"?item={one.pk}")


def test_who_may_read_ticks_nothing() -> None:
    run = run_in("running")
    viewer = member_make(run.project, "viewer")
    page = page_of(run, user=viewer)
    assert 'name="item"' not in page
    assert "that wait" not in page
    assert 'name="item"' not in page_of(run_in("succeeded"))


# One item ----------------------------------------------------------------------------------------
def test_what_was_answered_and_what_would_be_asked_is_shown_without_secrets() -> None:
    run = run_in("errors")
    item = RunItem.objects.filter(run=run, status=ItemStatus.FAILED)[0]
    key = "sk-ant-api03-abcdefghijklmnop"
    kept = {"text": f"{HOSTILE} {key} postgres://ada:hush@db/x", "stopReason": "max_tokens"}
    ProviderCall.objects.filter(item=item).update(response=kept)
    assert item.target_id
    Epic.objects.filter(pk=item.target_id).update(description=f"Lend. Bearer {key}")
    panel = page_of(run, f"?item={item.pk}").partition('id="panel"')[2]
    assert f"/runs/{run.pk}/items/{item.pk}/calls/" in panel
    assert f"?tab=stories&amp;epic={item.code}" in panel
    page = page_of(run, f"items/{item.pk}/calls/")
    assert "It ended with max_tokens." in page
    assert "[left out] postgres://[left out]@db/x" in page
    assert "Lend. Bearer [left out]" in page
    assert "sk-ant" not in page
    assert "data-copies=" in page


def test_what_a_run_changed_is_shown_against_what_was_there() -> None:
    world = World.make(epics=2, lanes=1)
    first = written(world, stories=2, title="Old")
    assert "E1-S1, E1-S2" in page_of(first, "changes/")
    second = written(again(world), stories=1, title="New")
    page = page_of(second, "changes/")
    assert "<del>Old 1</del><ins>New 1</ins>" in page
    assert re.search(r"1 removed:</strong> E1-S2", page)


def test_single_keys_are_switched_off_for_this_browser() -> None:
    client = browser(owner())
    assert 'data-keys="off"' not in client.get("/projects/").text
    client.post("/keys/", {"keys": "off"})
    assert 'data-keys="off"' in client.get("/projects/").text
    client.post("/keys/", {"keys": '"><script>'})
    assert 'data-keys="off"' in client.get("/projects/").text
