"""Members of a project as a page: owners add, change and remove; everybody may leave."""

import pytest
from django.test import Client
from pytest_django.fixtures import Settings

from epics.models import Membership, Project
from tests.factories import member_make, project_make, user_make
from tests.integration.web.looking import HOSTILE, assert_clean, browser

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def project() -> Project:
    return project_make()


@pytest.fixture
def client(project: Project) -> Client:
    return browser(project.created_by)


def shown(client: Client, project: Project) -> str:
    return client.get(f"/projects/{project.pk}/?tab=members").text


def test_a_member_is_added_changed_and_removed(project: Project, client: Client) -> None:
    user_make("grace")
    add = f"/projects/{project.pk}/members/"
    assert client.post(add, {"username": "grace", "role": "viewer"}).status_code == 302
    member = Membership.objects.get(project=project, user__username="grace")
    assert "grace is a member, with the role viewer." in shown(client, project)
    client.post(f"/members/{member.pk}/", {"role": "editor"})
    assert "grace has the role editor now." in shown(client, project)
    client.post(f"/members/{member.pk}/", {"action": "remove"})
    assert "grace is no member any more." in shown(client, project)
    assert not Membership.objects.filter(pk=member.pk).exists()


def test_what_cannot_be_is_told(project: Project, client: Client) -> None:
    add = f"/projects/{project.pk}/members/"
    for form in (
        {"username": "nobody", "role": "viewer"},
        {"username": "", "role": "viewer"},
        {"username": HOSTILE, "role": "viewer"},
        {"username": project.created_by.get_username(), "role": "colour"},
    ):
        answer = client.post(add, form)
        assert answer.status_code == 400, form
        assert_clean(answer.text)
    owner = Membership.objects.get(project=project)
    for form in ({"role": "viewer"}, {"action": "remove"}):
        client.post(f"/members/{owner.pk}/", form)
        assert "A project keeps an owner." in shown(client, project)
    assert Membership.objects.get(project=project).role == "owner"


def test_adding_is_held_to_the_limit_that_the_api_has(
    project: Project, client: Client, settings: Settings
) -> None:
    settings.MEMBERS_PER_MINUTE = 1
    add = f"/projects/{project.pk}/members/"
    found = [client.post(add, {"username": "x", "role": "viewer"}).status_code for _ in range(2)]
    assert found == [400, 429]


def test_who_is_no_owner_sees_who_there_is_and_may_leave(project: Project) -> None:
    user = member_make(project, "editor")
    mine = Membership.objects.get(project=project, user=user)
    editor = browser(user)
    page = shown(editor, project)
    assert "Leave the project" in page
    assert "Add a member" not in page
    assert f'Remove<span class="unseen"> {project.created_by}' not in page
    answer = editor.post(f"/members/{mine.pk}/", {"action": "remove"})
    assert answer.headers["Location"] == "/projects/"
    assert editor.get(f"/projects/{project.pk}/").status_code == 404


@pytest.mark.parametrize(("action", "stays"), [("accept", True), ("decline", False)])
def test_an_invitation_is_answered(
    project: Project, client: Client, settings: Settings, action: str, stays: bool
) -> None:
    settings.MEMBERS_NEED_ACCEPTANCE = True
    user = user_make("grace")
    add = {"username": "grace", "role": "viewer"}
    client.post(f"/projects/{project.pk}/members/", add)
    member = Membership.objects.get(user=user)
    guest = browser(user)
    assert "You are invited" in guest.get("/projects/").text
    guest.post(f"/invitations/{member.pk}/", {"action": action})
    assert (guest.get(f"/projects/{project.pk}/").status_code == 200) == stays
