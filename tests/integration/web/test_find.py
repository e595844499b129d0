"""To any place by a few letters: what is found for whom."""

from uuid import uuid4

import pytest

from tests.factories import user_make
from tests.integration.web.looking import HOSTILE, assert_clean, browser
from tests.integration.web.states import run_in, staff

pytestmark = pytest.mark.django_db(transaction=True)


def test_parts_of_the_site_projects_and_runs_by_some_letters() -> None:
    run = run_in("running")
    run.project.name = f"Tides {HOSTILE}"
    run.project.save()
    client = browser(staff())
    project, its_run = f'href="/projects/{run.project_id}/"', f'href="/runs/{run.pk}/"'
    everything = client.get("/find/").text
    assert_clean(everything)
    assert all(f'href="/{each}/"' in everything for each in ("projects", "runs", "money", "ops"))
    assert project in everything
    assert its_run in everything
    named = client.get("/find/", {"q": "tIDe"}, headers={"HX-Request": "true"}).text
    assert_clean(named)
    assert project in named
    assert its_run in named
    assert "<html" not in named
    assert "/money/" not in named
    assert its_run in client.get("/find/", {"q": str(run.pk)}, headers={"HX-Request": "true"}).text
    assert "Nothing is called “zz”." in client.get("/find/", {"q": "zz"}).text


def test_nobody_finds_what_is_not_theirs() -> None:
    run = run_in("running")
    client = browser(user_make())
    for text in ("", run.project.name, str(run.pk), str(uuid4())):
        found = client.get("/find/", {"q": text}, headers={"HX-Request": "true"}).text
        assert str(run.pk) not in found.replace(f"“{run.pk}”", "")
        assert str(run.project_id) not in found
        assert "/ops/" not in found


def test_go_leads_to_the_first() -> None:
    run = run_in("running")
    client = browser(staff())
    assert client.get("/find/", {"q": "que", "go": "1"})["Location"] == "/queue/"
    there = client.get("/find/", {"q": str(run.pk), "go": "1"})
    assert there["Location"] == f"/runs/{run.pk}/"
    assert "Nothing is called" in client.get("/find/", {"q": "zz", "go": "1"}).text
