"""The backlog in the admin: its pages open, cost few queries, and keep the services' rules."""

import re
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse
from pytest_django.fixtures import Settings

from epics.models import Card, Epic, Membership, Project, Story
from tests.factories import project_make, user_make
from tests.integration.epics.test_projects import run_make

pytestmark = pytest.mark.django_db

MODELS = ["project", "card", "epic", "story", "membership"]


@pytest.fixture
def client() -> Client:
    client = Client()
    client.force_login(user_make(is_staff=True, is_superuser=True))
    return client


def page(model: str, name: str, *args: Any) -> str:
    return reverse(f"admin:epics_{model}_{name}", args=args)


@pytest.mark.parametrize("model", MODELS)
def test_lists_open_and_search(client: Client, model: str) -> None:
    project = project_make(stories=1)
    Membership.objects.create(project=project, user=user_make(), role="viewer")
    assert client.get(page(model, "changelist")).status_code == 200
    assert client.get(page(model, "changelist"), {"q": "tide"}).status_code == 200
    assert client.get(page(model, "changelist"), {"q": "1"}).status_code == 200


@pytest.mark.parametrize("model", ["project", "card", "epic", "story"])
def test_a_list_costs_as_many_queries_whatever_its_length(
    client: Client, model: str, django_assert_max_num_queries: Any
) -> None:
    for _ in range(3):
        project_make(epics=10, cards=2, stories=2)
    with django_assert_max_num_queries(10):
        assert client.get(page(model, "changelist")).status_code == 200


@pytest.mark.parametrize("row", [Project, Card, Epic, Story])
def test_a_row_opens(client: Client, row: Any) -> None:
    project_make(stories=1)
    pk = row.objects.all()[0].pk
    assert client.get(page(row._meta.model_name, "change", pk)).status_code == 200


def form_of(client: Client, url: str) -> dict[str, Any]:
    """What the page would send back as it is."""
    answer = client.get(url)
    sent: dict[str, Any] = {}
    forms = [answer.context["adminform"].form]
    for inline in answer.context["inline_admin_formsets"]:
        forms += [inline.formset.management_form, *inline.formset.forms]
    for form in forms:
        for bound in form:
            value = bound.value()
            sent[bound.html_name] = "" if value is None else value
    return sent


def test_a_save_raises_the_version_and_marks_stories(client: Client) -> None:
    project = project_make(stories=1)
    epic = project.epics.get(code="E1")
    url = page("epic", "change", epic.pk)
    sent = form_of(client, url) | {"title": "New", "acceptance_criteria": ""}
    assert client.post(url, sent).status_code == 302
    epic.refresh_from_db()
    assert (epic.title, epic.version, epic.stories_outdated) == ("New", 2, True)


def test_a_project_is_deleted_unless_a_run_is_active(client: Client) -> None:
    project = project_make(stories=2)
    run = run_make(project)
    url = page("project", "delete", project.pk)
    assert str(run.pk) in client.get(url).text
    client.post(url, {"post": "yes"})
    assert Project.objects.exists()
    run.delete()
    assert client.post(url, {"post": "yes"}).status_code == 302
    assert not Story.objects.exists()


def test_a_deleted_epic_leaves_no_dependency(client: Client) -> None:
    project = project_make()
    project.epics.filter(code="E2").update(dependencies=["E1"])
    epic = project.epics.get(code="E1")
    client.post(page("epic", "delete", epic.pk), {"post": "yes"})
    assert project.epics.get().dependencies == []


def test_stories_are_not_made_by_hand(client: Client) -> None:
    assert client.get(page("story", "add")).status_code == 403
    assert User.objects.count() == 1


# How it looks ---------------------------------------------------------------------------------


def test_it_is_branded_and_leads_back_to_the_pages(client: Client, settings: Settings) -> None:
    text = client.get("/admin/").text
    for part in ("batchgen/admin", "batchgen <span>admin</span>", 'href="/"', 'href="/ops/"'):
        assert part in text, part
    assert "Flower" not in text
    settings.FLOWER_URL = "/ops/flower/"
    assert '<a href="/ops/flower/">Flower</a>' in client.get("/admin/").text


def test_times_are_told_as_people_say_them_and_ids_by_their_ends(client: Client) -> None:
    project = project_make()
    listed = client.get(page("project", "changelist")).text
    assert re.search(r'<time datetime="[^"]+" title="[^"]+">\d+ s ago</time>', listed)
    run = run_make(project)
    runs = client.get(reverse("admin:runs_run_changelist")).text
    assert f'<code title="{run.pk}">…{str(run.pk)[-8:]}</code>' in runs


def test_each_field_of_a_time_has_a_label(client: Client) -> None:
    text = client.get(reverse("admin:runs_closure_add")).text
    for part in ("until_0", "until_1"):
        assert f'<label for="id_{part}">' in text
