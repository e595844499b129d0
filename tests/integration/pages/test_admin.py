"""Pages in the admin: to find and to look at."""

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from content.pages.models import Page
from content.run_types import RunType
from runs.engine.start import RunOptions, run_start
from runs.models import OpenTarget
from tests.factories import project_make, user_make
from tests.integration.pages.world import page_make, page_write

pytestmark = pytest.mark.django_db


@pytest.fixture
def client() -> Client:
    client = Client()
    client.force_login(user_make(is_staff=True, is_superuser=True))
    return client


def address(name: str, *args: Any) -> str:
    return reverse(f"admin:pages_page_{name}", args=args)


def test_a_list_costs_as_many_queries_whatever_its_length(
    client: Client, django_assert_max_num_queries: Any
) -> None:
    page_write(page_make(project_make(), title="Ropes"))
    for number in range(20):
        page_make(project_make(), f"/{number}")
    with django_assert_max_num_queries(9):
        answer = client.get(address("changelist"), {"q": "rope"})
    assert b"Ropes" in answer.content


def test_a_page_is_shown_and_not_changed(client: Client) -> None:
    page = page_write(page_make(project_make()))
    url = address("change", page.pk)
    assert page.meta_title.encode() in client.get(url).content
    assert client.post(url, {"title": "New"}).status_code == 403
    assert client.get(address("add")).status_code == 403


def test_who_deletes_one_tells_its_run(client: Client) -> None:
    page = page_make(project_make())
    options = RunOptions(type=RunType.GENERATE_PAGES)
    run = run_start(project=page.project, user=None, options=options)
    answer = client.post(address("delete", page.pk), {"post": "yes"})
    assert answer.status_code == 302
    assert not Page.objects.exists()
    assert not OpenTarget.objects.exists()
    assert run.items.get().target_id is None
    body = {"action": "delete_selected", "_selected_action": [page.pk]}
    assert client.post(address("changelist"), body).status_code != 500
