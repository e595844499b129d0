"""The pages of webhooks: owners add, test and mend them; staff see what fails."""

import re
from typing import Any

import pytest
from django.contrib.auth.models import User

from epics.models import Project
from runs.webhooks.deliveries import hook_switch_off
from runs.webhooks.models import Delivery, Webhook
from runs.webhooks.signing import secret_of
from tests.factories import delivery_make, member_make, project_make, webhook_make
from tests.integration.web.looking import HOSTILE, assert_clean, browser
from tests.integration.web.states import staff

pytestmark = pytest.mark.django_db(transaction=True)

URL = "https://hooks.example.com/a?b=c"


@pytest.fixture
def project() -> Project:
    return project_make()


def page_of(address: str, user: User | None, *, status: int = 200) -> str:
    answer = browser(user).get(address)
    assert answer.status_code == status
    assert_clean(answer.text)
    return answer.text


def act(address: str, project: Project, *, status: int = 302, **form: Any) -> str:
    answer = browser(project.created_by).post(address, form)
    assert answer.status_code == status, answer.text
    assert_clean(answer.text)
    return answer.text


def tab(project: Project, user: User | None = None) -> str:
    return page_of(f"/projects/{project.pk}/?tab=webhooks", user or project.created_by)


def test_an_owner_adds_one_and_sees_its_secret_once(project: Project) -> None:
    assert "No webhooks yet." in tab(project)
    new = f"/projects/{project.pk}/webhooks/new/"
    assert 'value="gate.opened" checked' in page_of(new, project.created_by)
    wrong = act(new, project, url="https://127.0.0.1/", status=400)
    assert "is not an address of the public internet" in wrong
    assert "https://127.0.0.1/" in wrong
    made = act(new, project, url=URL, events=["item.failed", "run.ended"], status=200)
    hook = Webhook.objects.get()
    assert secret_of(hook).replace("+", "&#x2B;") in made or secret_of(hook) in made
    assert hook.events == ["run.ended", "item.failed"]
    for page in (tab(project), page_of(f"/webhooks/{hook.pk}/", project.created_by)):
        assert secret_of(hook) not in page
        assert "https://hooks.example.com/a?b=c" in page
    assert "run.ended, item.failed" in tab(project)


def test_to_others_addresses_are_not_shown(project: Project) -> None:
    hook = webhook_make(project, URL)
    for role in ("viewer", "editor"):
        user = member_make(project, role)
        assert "hooks.example.com" not in tab(project, user)
        assert f"This needs the role owner in the project; yours is {role}." in tab(project, user)
        assert "Add a webhook" not in tab(project, user)
        page_of(f"/webhooks/{hook.pk}/", user, status=403)


def test_what_an_owner_does_to_one(project: Project) -> None:
    hook = webhook_make(project, URL)
    address = f"/webhooks/{hook.pk}/"
    act(address, project, action="off")
    assert "Off" in tab(project)
    act(address, project, action="test")
    assert "A test of this webhook is under way" in act(address, project, action="test", status=409)
    act(address, project, action="on")
    act(address, project, action="save", url=f"{URL}2", events=["run.paused"])
    hook.refresh_from_db()
    assert (hook.active, hook.url, hook.events) == (True, f"{URL}2", ["run.paused"])
    refused = act(address, project, action="save", url=HOSTILE, events=["run.paused"], status=400)
    assert "plain characters" in refused
    old = secret_of(hook)
    shown = act(address, project, action="secret", status=200)
    hook.refresh_from_db()
    assert old != secret_of(hook)
    assert "For 24 hours the one before signs, too." in shown
    act(address, project, action="unknown", status=400)
    act(address, project, action="delete")
    assert not Webhook.objects.exists()


def test_deliveries_are_looked_at_and_sent_again_by_owners_and_staff(project: Project) -> None:
    hook = webhook_make(project, URL)
    failed = delivery_make(hook, error="The receiver answered 500.")
    delivery_make(hook, Delivery.Status.DELIVERED, response_status=204, type="item.failed")
    page = page_of(f"/webhooks/{hook.pk}/", project.created_by)
    assert page.index("item.failed") < page.index("The receiver answered 500.")
    only = page_of(f"/webhooks/{hook.pk}/?status=FAILED", project.created_by)
    assert "The receiver answered 500." in only
    assert "204" not in re.sub(r"<form.*?</form>", "", only, flags=re.DOTALL)
    hook_switch_off(hook.pk, reason="A delivery failed for 24 hours.")
    operations = page_of("/ops/", staff())
    assert "A delivery failed for 24 hours." in operations
    assert "The receiver answered 500." in operations
    again = f"/webhooks/{hook.pk}/deliveries/{failed.message_id}/"
    assert f'action="{again}"' in operations
    answer = browser(staff()).post(again, {"next": "/ops/"}, follow=True)
    assert "The webhook is off. Switch it on, then send this again." in answer.text
    act(f"/webhooks/{hook.pk}/", project, action="on")
    browser(staff()).post(again, {"next": "/ops/"})
    failed.refresh_from_db()
    assert failed.status == Delivery.Status.PENDING
    assert "Deliveries that failed" in page_of("/ops/", staff())
