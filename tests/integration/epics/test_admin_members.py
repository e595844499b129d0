"""The admin leaves a project an owner who can act, whatever is changed there."""

from functools import partial
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client

from epics.models import Membership, Project
from tests.factories import member_make, project_make, user_make
from tests.threads import race

pytestmark = pytest.mark.django_db

TOLD = "A project keeps an owner."


@pytest.fixture
def client() -> Client:
    return admin_client()


def admin_client() -> Client:
    client = Client()
    client.force_login(user_make(is_staff=True, is_superuser=True))
    return client


@pytest.fixture
def project() -> Project:
    return project_make()


def owner_of(project: Project) -> Membership:
    return Membership.objects.get(project=project, user=project.created_by)


def user_form(user: User, **changes: Any) -> dict[str, Any]:
    fields = {
        "username": user.username,
        "is_active": "on",
        "date_joined_0": "2026-01-01",
        "date_joined_1": "00:00:00",
        **changes,
    }
    return {name: value for name, value in fields.items() if value is not None}


def inline_form(project: Project, *rows: dict[str, Any]) -> dict[str, Any]:
    members = list(project.memberships.order_by("pk"))
    form: dict[str, Any] = {
        "name": project.name,
        "language": project.language,
        "created_by": project.created_by_id,
        "memberships-TOTAL_FORMS": len(members),
        "memberships-INITIAL_FORMS": len(members),
    }
    for place, (member, row) in enumerate(zip(members, rows, strict=True)):
        values = {"id": member.pk, "user": member.user_id, "role": member.role, **row}
        form |= {f"memberships-{place}-{name}": value for name, value in values.items()}
    return form


@pytest.mark.parametrize("changes", [{"role": "editor"}, {"role": "owner", "invited": "on"}])
def test_the_last_owner_stays_one(client: Client, project: Project, changes: Any) -> None:
    member = owner_of(project)
    url = f"/admin/epics/membership/{member.pk}/change/"
    assert TOLD in client.post(url, changes).text
    member_make(project, "owner")
    assert client.post(url, changes).status_code == 302


def test_the_last_owner_is_not_deleted(client: Client, project: Project) -> None:
    member = owner_of(project)
    url = f"/admin/epics/membership/{member.pk}/delete/"
    assert TOLD in client.get(url).text
    client.post(url, {"post": "yes"})
    action = {"action": "delete_selected", "_selected_action": [member.pk], "post": "yes"}
    client.post("/admin/epics/membership/", action)
    assert owner_of(project) == member
    member_make(project, "owner")
    client.post(url, {"post": "yes"})
    assert not Membership.objects.filter(pk=member.pk).exists()


@pytest.mark.parametrize("row", [{"role": "viewer"}, {"DELETE": "on"}, {"invited": "on"}])
def test_the_last_owner_stays_in_the_page_of_the_project(
    client: Client, project: Project, row: dict[str, Any]
) -> None:
    url = f"/admin/epics/project/{project.pk}/change/"
    answer = client.post(url, inline_form(project, row))
    assert TOLD in answer.text
    assert client.post(url, inline_form(project, {})).status_code == 302
    assert owner_of(project).role == "owner"
    # One hands it over to another in the same step.
    member_make(project, "viewer")
    rows = [
        row if member.role == "owner" else {"role": "owner"}
        for member in project.memberships.order_by("pk")
    ]
    assert client.post(url, inline_form(project, *rows)).status_code == 302


def test_a_projects_last_owner_is_not_deactivated(client: Client, project: Project) -> None:
    user = project.created_by
    url = f"/admin/auth/user/{user.pk}/change/"
    answer = client.post(url, user_form(user, is_active=None))
    assert TOLD in answer.text
    assert project.name in answer.text
    assert client.post(url, user_form(user)).status_code == 302
    second = member_make(project, "owner")
    assert client.post(url, user_form(user, is_active=None)).status_code == 302
    # Who was deactivated does not count any more.
    url = f"/admin/auth/user/{second.pk}/change/"
    assert TOLD in client.post(url, user_form(second, is_active=None)).text
    assert User.objects.get(pk=second.pk).is_active


def test_a_projects_last_owner_is_not_deleted_as_a_user(client: Client, project: Project) -> None:
    second = member_make(project, "owner")
    owner_of(project).delete()
    url = f"/admin/auth/user/{second.pk}/delete/"
    assert TOLD in client.get(url).text
    client.post(url, {"post": "yes"})
    assert User.objects.filter(pk=second.pk).exists()
    member_make(project, "owner")
    client.post(url, {"post": "yes"})
    assert not User.objects.filter(pk=second.pk).exists()


@pytest.mark.django_db(transaction=True)
def test_two_owners_who_are_deactivated_at_the_same_moment_leave_one() -> None:
    project = project_make()
    users = [project.created_by, member_make(project, "owner")]

    def deactivate(client: Client, user: User) -> None:
        client.post(f"/admin/auth/user/{user.pk}/change/", user_form(user, is_active=None))

    assert race(*[partial(deactivate, admin_client(), user) for user in users]) == [None, None]
    assert project.memberships.filter(user__is_active=True, role="owner").count() == 1
