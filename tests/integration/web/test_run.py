"""A run as a page: what its header offers in each state, its items, what failed, its log."""

import gzip
import re
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.db.models import F
from django.test.utils import CaptureQueriesContext

from runs.models import Run, RunAction, RunItem, Worker
from runs.states import ItemStatus
from tests.factories import member_make, user_make
from tests.integration.engine.world import World
from tests.integration.web.looking import HOSTILE, assert_clean, browser
from tests.integration.web.states import run_in

pytestmark = pytest.mark.django_db(transaction=True)


def ada() -> User:
    return User.objects.get(username="ada")


def page_of(run: Run, query: str = "", user: User | None = None) -> str:
    answer = browser(user or ada()).get(f"/runs/{run.pk}/{query}")
    assert answer.status_code == 200
    assert_clean(answer.text)
    return answer.text


def act(run: Run, path: str, user: User | None = None, **form: Any) -> Any:
    return browser(user or ada()).post(f"/runs/{run.pk}/{path}", form)


# What may be done ---------------------------------------------------------------------------------

#: {state: (the steering button, whether it can be pressed, whether cancel can)}.
BUTTONS = {
    "queued": ("Pause", False, True),
    "running": ("Pause", True, True),
    "pausing": ("Resume", True, True),
    "paused": ("Resume", True, True),
    "succeeded": ("Pause", False, False),
    "errors": ("Pause", False, False),
    "failed": ("Pause", False, False),
    "cancelled": ("Pause", False, False),
    "draining": ("Pause", False, False),
}


def button(page: str, name: str) -> str:
    """One of the header's buttons, with its attributes."""
    start = page.index(f'<button id="{name}"')
    return page[start : page.index("</button>", start)]


@pytest.mark.parametrize("state", BUTTONS)
def test_each_state_has_its_buttons(state: str) -> None:
    word, steers, cancels = BUTTONS[state]
    page = page_of(run_in(state))
    steer, cancel = button(page, "steer"), button(page, "cancel")
    assert steer.endswith(f" {word}")
    assert (" disabled" in steer, " disabled" in cancel) == (not steers, not cancels)
    assert ("cancel-dialog" in page.replace('data-opens="cancel-dialog"', "")) == cancels
    assert ("Batch " in page.partition("</section>")[0]) == (not steers and not cancels)


def test_a_viewer_sees_all_and_can_press_nothing() -> None:
    run = run_in("running")
    viewer = member_make(run.project, "viewer")
    page = page_of(run, user=viewer)
    for name in ("steer", "cancel"):
        assert ' disabled title="This needs the role editor' in button(page, name)
    assert "Steering it needs the role editor" in page
    assert act(run, "control/", viewer, action="pause").status_code == 403
    assert act(run, "control/", user_make(), action="pause").status_code == 404


def test_a_control_acts_and_tells_what_goes_on() -> None:
    run = run_in("running")
    answer = act(run, "control/", action="pause")
    assert answer.headers["Location"] == f"/runs/{run.pk}/"
    client = browser(ada())
    client.cookies = answer.client.cookies
    page = client.get(f"/runs/{run.pk}/").text
    assert "1 epic that had begun will be finished and kept" in page
    assert "Pausing… (1 finishing)" in page
    assert RunAction.objects.filter(run=run, kind="pause").count() == 1


def test_a_control_that_comes_too_late_is_told_who_was_first() -> None:
    run = run_in("running")
    act(run, "control/", action="pause")
    client = browser(ada())
    client.post(f"/runs/{run.pk}/control/", {"action": "pause"})
    assert (
        "A paused run cannot be paused. The last action was pause by ada"
        in client.get(f"/runs/{run.pk}/").text
    )
    assert act(run, "control/", action="explode").status_code == 400


def test_without_scripts_a_cancel_is_asked_for_on_a_page() -> None:
    run = run_in("running")
    page = browser(ada()).get(f"/runs/{run.pk}/cancel/").text
    for part in (
        "Cancel Batch Generation?",
        "This will stop all pending items.",
        "In-progress items will complete. Completed items will be preserved.",
        "Keep Running",
        "Cancel Batch",
    ):
        assert part in page
    act(run, "control/", action="cancel")
    run.refresh_from_db()
    assert run.status == "CANCELLED"


def test_a_run_says_why_it_does_not_go_on_and_what_to_do() -> None:
    run = run_in("running")
    page = page_of(run)
    health = page[page.index('id="health"') :]
    assert "Epics are under way, up to 2 at the same time." in health
    Worker.objects.update(lease_until=F("started_at"))
    health = page_of(run).partition('id="health"')[2]
    assert health.index("Stuck") < health.index("No worker is alive.")
    assert "Start a worker.</strong>" in health
    assert "Retry the failed epics.</strong>" in page_of(run_in("errors"))


# What failed --------------------------------------------------------------------------------------


def fail_alike(run: Run) -> None:
    """Six items that failed with two codes; four of one, with two messages."""
    told = [
        ("PROVIDER_TIMEOUT", "No answer within 300 s."),
        ("PROVIDER_TIMEOUT", "No answer within 290 s."),
        ("PROVIDER_TIMEOUT", f"Odd: {HOSTILE}"),
        ("REFUSED", "No."),
    ]
    items = RunItem.objects.filter(run=run, status=ItemStatus.FAILED).order_by("order")
    for item, (code, error) in zip(items, told, strict=False):
        RunItem.objects.filter(pk=item.pk).update(error_code=code, error=error)
    RunItem.objects.filter(pk__in=[item.pk for item in items[4:]]).update(
        error_code="PROVIDER_TIMEOUT", error="No answer within 280 s."
    )


def test_failures_stand_together_and_are_retried_by_what_failed_them() -> None:
    run = run_in("failed")
    fail_alike(run)
    page = page_of(run)
    timeouts, refused = page.index("PROVIDER_TIMEOUT"), page.index("<code>REFUSED")
    assert timeouts < refused
    assert "Show these 5" in page
    assert "Retry these 5" in page
    assert re.search(r"<strong>4.</strong> No answer within . s\.", page)
    assert "Retry 6 failed" in page
    answer = act(run, "retry/", error="REFUSED")
    again = Run.objects.get(retried_from=run)
    assert answer.headers["Location"] == f"/runs/{again.pk}/"
    assert again.total_items == 1
    assert act(run, "retry/", error="REFUSED").headers["Location"] == f"/runs/{run.pk}/"
    assert Run.objects.filter(retried_from=run).count() == 1


def test_while_a_run_goes_on_nothing_is_retried() -> None:
    page = page_of(run_in("running"))
    assert "They can be retried once the run is over." in page
    assert "Retry" not in page.replace("They can be retried", "")


# Items --------------------------------------------------------------------------------------------


def rows(page: str) -> int:
    return page.count('<tr id="item-')


def test_filters_stand_in_the_address() -> None:
    run = run_in("errors")
    RunItem.objects.filter(run=run, code="E1").update(title="100% of <it>")
    for query, count in (
        ("", 6),
        ("?state=FAILED", 2),
        ("?state=FAILED&error=REFUSED", 2),
        ("?error=OTHER", 0),
        ("?q=e2", 1),
        ("?q=100%25", 1),
        ("?sort=completedAt", 6),
        ("?state=NOTHING&sort=colour", 6),
    ):
        assert rows(page_of(run, query)) == count, query
    assert "None matches." in page_of(run, "?error=OTHER")


def test_an_item_opens_beside_the_table_with_its_calls() -> None:
    run = run_in("errors")
    item = RunItem.objects.filter(run=run, status=ItemStatus.FAILED)[0]
    page = page_of(run, f"?state=FAILED&item={item.pk}")
    panel = page[page.index('id="panel"') :]
    assert "REFUSED" in panel
    assert "req_1" in panel
    assert 'href="?state=FAILED"' in panel
    assert "Cancel this epic" not in panel
    other = RunItem.objects.exclude(run=run).first() or run
    for strange in ("nonsense", str(other.pk)):
        assert 'id="panel" aria-label="Item" hidden' in page_of(run, f"?item={strange}")


def test_an_item_that_waits_goes_first_or_not_at_all() -> None:
    run = run_in("running")
    waiting = RunItem.objects.filter(run=run, status=ItemStatus.PENDING).order_by("-order")
    first = waiting[0]
    act(run, f"items/{first.pk}/", priority="9")
    first.refresh_from_db()
    assert first.priority == 9
    assert act(run, f"items/{first.pk}/", priority="11").status_code == 400
    act(run, f"items/{first.pk}/", action="cancel")
    first.refresh_from_db()
    assert first.status == "CANCELLED"
    client = browser(ada())
    client.post(f"/runs/{run.pk}/items/{first.pk}/", {"action": "cancel"})
    assert "This epic is cancelled already." in client.get(f"/runs/{run.pk}/").text


def test_hostile_texts_of_a_run_stay_texts() -> None:
    run = run_in("errors")
    RunItem.objects.filter(run=run).update(title=HOSTILE, error=HOSTILE, notes=[HOSTILE])
    Run.objects.filter(pk=run.pk).update(error_code="FATAL", error=HOSTILE)
    run.log.update(message=HOSTILE)
    page_of(run, f"?item={run.items.all()[0].pk}&q={'%22%3E'}")
    assert_clean(browser(ada()).get("/runs/").text)


def test_all_runs_are_listed_by_status_and_type() -> None:
    run = run_in("errors")
    client = browser(ada())
    for query, there in (
        ("", True),
        ("?status=COMPLETED_WITH_ERRORS", True),
        ("?status=PAUSED", False),
        ("?type=EXPORT", False),
    ):
        assert (f'href="/runs/{run.pk}/"' in client.get(f"/runs/{query}").text) == there
    assert client.get("/runs/?status=COLOUR").status_code == 400
    assert "No runs yet" in browser(user_make()).get("/runs/").text


def test_a_page_of_fifty_items_is_small_and_asks_the_database_no_more_than_one_of_six() -> None:
    counts = []
    for epics in (6, 60):
        World.make(epics=epics, lanes=2, name=f"Of {epics}")
        run = Run.objects.latest("created_at")
        client = browser(ada())
        client.get(f"/runs/{run.pk}/")
        with CaptureQueriesContext(connection) as queries:
            page = client.get(f"/runs/{run.pk}/")
        counts.append(len(queries))
        assert rows(page.text) == min(50, epics)
    assert counts[0] == counts[1]
    assert len(gzip.compress(page.content)) <= 12_000
