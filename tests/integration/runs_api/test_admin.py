"""Runs in the admin: lists that stay cheap, nothing to break, and runs to start."""

import pytest
from django.contrib.auth.models import User
from django.contrib.messages import get_messages
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from batchgen.micro_usd import usd_text
from epics.models import Story
from runs.engine.start import RunOptions
from runs.engine.transitions import run_finalize
from runs.models import Lane, ProviderBatch, ProviderCall, Run, RunAction, RunItem, RunLog
from runs.quotes.quoting import quote_make
from tests.integration.engine.world import World, project_make

pytestmark = pytest.mark.django_db(transaction=True)

_TABLES = [
    "run",
    "runitem",
    "lane",
    "runlog",
    "runaction",
    "providercall",
    "worker",
    "ledgerline",
    "budget",
    "providerbatch",
    "quote",
]


@pytest.fixture
def root() -> Client:
    """A superuser's browser."""
    client = Client()
    client.force_login(User.objects.create_superuser("root"))
    return client


def ended(world: World) -> World:
    while world.fences():
        step = world.claim()
        assert step
        world.finish(step)
    run_finalize(run_id=world.run.pk)
    return world


def page(client: Client, name: str, *args: object) -> tuple[str, int]:
    """A page's text and the number of its queries."""
    with CaptureQueriesContext(connection) as queries:
        response = client.get(reverse(f"admin:{name}", args=args))
    assert response.status_code == 200
    return response.content.decode(), len(queries)


@pytest.mark.parametrize("table", _TABLES)
def test_a_list_costs_the_same_however_long_it_is(root: Client, table: str) -> None:
    ended(World.make(epics=2))
    page(root, f"runs_{table}_changelist")
    _, few = page(root, f"runs_{table}_changelist")
    for _ in range(3):
        ended(World.make(epics=4, lanes=4))
    _, many = page(root, f"runs_{table}_changelist")
    assert many == few <= 10


def test_the_list_of_runs_shows_state_counts_cost_and_duration(root: Client) -> None:
    ended(World.make(epics=3))
    text, _ = page(root, "runs_run_changelist")
    for shown in ("Succeeded", "3 of 3", "2,100 in, 2,700 out", "0.0312"):
        assert shown in text


def test_a_large_runs_page_is_bounded_and_cannot_be_changed(root: Client) -> None:
    small, large = World.make(epics=2, lanes=2), World.make(epics=80, lanes=60)
    _, few = page(root, "runs_run_change", small.run.pk)
    _, few = page(root, "runs_run_change", small.run.pk)
    text, many = page(root, "runs_run_change", large.run.pk)
    assert many == few
    assert "E50" in text
    assert "E51" not in text
    assert 'name="_save"' not in text
    response = root.post(reverse("admin:runs_run_change", args=[large.run.pk]), {"status": "x"})
    assert response.status_code == 403


@pytest.mark.parametrize("table", _TABLES)
def test_nothing_is_added_by_hand(root: Client, table: str) -> None:
    assert root.get(reverse(f"admin:runs_{table}_add")).status_code == 403


@pytest.mark.parametrize("model", [RunItem, Lane, RunLog, RunAction, ProviderCall])
def test_the_parts_of_a_run_open_and_stay_as_they_are(
    root: Client, model: type[RunItem | Lane | RunLog | RunAction | ProviderCall]
) -> None:
    ended(World.make(epics=1))
    row = model.objects.all()[0]
    name = model._meta.model_name
    text, _ = page(root, f"runs_{name}_change", row.pk)
    assert 'name="_save"' not in text
    assert root.post(reverse(f"admin:runs_{name}_delete", args=[row.pk])).status_code == 403


def test_a_search_finds_all_that_a_run_has(root: Client) -> None:
    run = ended(World.make(epics=2)).run
    for table in ("runitem", "lane", "runlog", "providercall"):
        response = root.get(reverse(f"admin:runs_{table}_changelist"), {"q": str(run.pk)})
        assert response.context["cl"].result_count >= 2


def test_only_a_run_that_has_ended_is_deleted_and_its_stories_stay(root: Client) -> None:
    going, over = World.make(), ended(World.make(epics=2))
    stories = Story.objects.count()
    address = reverse("admin:runs_run_delete", args=[going.run.pk])
    assert root.post(address, {"post": "yes"}).status_code == 403
    address = reverse("admin:runs_run_delete", args=[over.run.pk])
    assert "what it made stays" in root.get(address).content.decode()
    assert root.post(address, {"post": "yes"}).status_code == 302
    assert list(Run.objects.all()) == [going.run]
    assert not RunItem.objects.exclude(run=going.run).exists()
    assert not RunLog.objects.exclude(run=going.run).exists()
    assert Story.objects.count() == stories > 0


def test_generate_all_stories_tells_what_became_of_each_project(root: Client) -> None:
    fresh, empty = project_make(name="Fresh"), project_make(epics=0, name="Empty")
    busy = World.make().run
    chosen = [fresh.pk, empty.pk, busy.project_id]
    response = root.post(
        reverse("admin:epics_project_changelist"),
        {"action": "generate_all_stories", "_selected_action": [str(pk) for pk in chosen]},
    )
    run = Run.objects.get(project=fresh)
    assert [str(message) for message in get_messages(response.wsgi_request)] == [
        "Empty: There are no epics to process.",
        f"Fresh: started run {run.pk} over 3 epics.",
        f"Library: run {busy.pk} is already active.",
    ]
    assert run.created_by is not None
    assert run.created_by.username == "root"


def test_the_action_is_for_those_who_may_add_runs() -> None:
    User.objects.create_user("helper", is_staff=True)
    client = Client()
    client.force_login(User.objects.get(username="helper"))
    response = client.post(
        reverse("admin:epics_project_changelist"),
        {"action": "generate_all_stories", "_selected_action": [str(project_make().pk)]},
    )
    assert response.status_code == 403
    assert not Run.objects.exists()


def test_quotes_and_batches_are_listed_with_what_counts(root: Client) -> None:
    project = project_make(epics=3)
    quote = quote_make(project=project, user=None, options=RunOptions())
    expected = {lane["lane"]: lane["costMicroUsd"]["expected"] for lane in quote.answer["lanes"]}
    text, few = page(root, "runs_quote_changelist")
    for shown in (
        "GENERATE_ALL_STORIES",
        usd_text(expected["realtime"]),
        usd_text(expected["batch"]),
    ):
        assert shown in text
    quote_make(project=project_make(name="Other"), user=None, options=RunOptions())
    assert page(root, "runs_quote_changelist")[1] == few
    run = World.make(epics=2).run
    name = "msgbatch_1"
    batch = ProviderBatch.objects.create(
        run=run, provider=run.provider, state="open", provider_batch_id=name, expected=2
    )
    text, _ = page(root, "runs_providerbatch_changelist")
    assert name in text
    assert (
        root.post(
            reverse("admin:runs_providerbatch_change", args=[batch.pk]), {"state": "lost"}
        ).status_code
        == 403
    )
