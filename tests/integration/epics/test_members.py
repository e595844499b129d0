"""Members and their roles."""

from functools import partial
from typing import Any

import pytest
from django.contrib.auth.models import User
from pytest_django.fixtures import Settings

from epics.models import Membership, Project
from tests.factories import client_of, member_make, project_make, user_make
from tests.threads import race

API = "/api/v1"


def url_of(project: Project) -> str:
    return f"{API}/projects/{project.pk}/members"


def owner_of(project: Project) -> Membership:
    return Membership.objects.get(project=project, user=project.created_by)


def assert_refused(answer: Any, field: str) -> None:
    assert answer.status_code == 400
    assert list(answer.json()["error"]["details"]) == [field]


@pytest.mark.django_db
class TestMembers:
    def test_a_project_begins_with_its_creator_as_owner(self) -> None:
        user = user_make("ada")
        client = client_of(user)
        project_id = client.post(f"{API}/projects", {"name": "A"}).json()["data"]["id"]
        rows = client.get(f"{API}/projects/{project_id}/members").json()["data"]
        assert [(row["username"], row["role"]) for row in rows] == [("ada", "owner")]

    def test_add_change_and_remove(self) -> None:
        project, friend = project_make(), user_make("grace")
        client = client_of(project.created_by)
        body = {"username": "grace", "role": "viewer"}
        answer = client.post(url_of(project), body)
        assert answer.status_code == 201
        member = answer.json()["data"]
        assert member == body | {
            "id": member["id"],
            "projectId": str(project.pk),
            "invited": False,
        }
        url = f"{API}/members/{member['id']}"
        assert client.get(url).json()["data"] == member
        assert client_of(friend).get(f"{API}/projects/{project.pk}").status_code == 200
        assert client.patch(url, {"role": "editor"}).json()["data"]["role"] == "editor"
        assert client_of(friend).patch(f"{API}/projects/{project.pk}", {}).status_code == 200
        assert client.delete(url).status_code == 204
        assert client_of(friend).get(f"{API}/projects/{project.pk}").status_code == 404
        assert client.get(url).status_code == 404

    @pytest.mark.parametrize(
        ("body", "field"),
        [
            ({"username": "nobody-here", "role": "viewer"}, "username"),
            ({"username": "gone", "role": "viewer"}, "username"),
            ({"username": "GRACE", "role": "viewer"}, "username"),
            ({"username": "grace", "role": "admin"}, "role"),
            ({"username": "grace"}, "role"),
            ({"role": "viewer"}, "username"),
            ({"username": "grace", "role": "viewer", "id": "x"}, "id"),
        ],
    )
    def test_who_cannot_be_added(self, body: Any, field: str) -> None:
        project = project_make()
        user_make("grace")
        user_make("gone", is_active=False)
        answer = client_of(project.created_by).post(url_of(project), body)
        assert_refused(answer, field)
        assert Membership.objects.count() == 1

    def test_an_inactive_user_and_none_are_told_alike(self) -> None:
        project = project_make()
        user_make("gone", is_active=False)
        client = client_of(project.created_by)
        told = {
            client.post(url_of(project), {"username": name, "role": "viewer"}).content
            for name in ("gone", "never-was")
        }
        assert len(told) == 1

    def test_nobody_is_a_member_twice(self) -> None:
        project = project_make()
        body = {"username": project.created_by.username, "role": "viewer"}
        assert_refused(client_of(project.created_by).post(url_of(project), body), "username")
        assert owner_of(project).role == "owner"

    def test_the_last_owner_stays(self) -> None:
        project = project_make()
        client, url = client_of(project.created_by), f"{API}/members/{owner_of(project).pk}"
        assert_refused(client.patch(url, {"role": "editor"}), "role")
        assert_refused(client.delete(url), "nonFieldErrors")
        assert client.patch(url, {"role": "owner"}).status_code == 200
        member_make(project, "owner")
        assert client.delete(url).status_code == 204

    def test_a_list_is_a_page_and_one_query_a_page(self, django_assert_num_queries: Any) -> None:
        project = project_make()
        for _ in range(4):
            member_make(project, "viewer")
        client = client_of(project.created_by)
        with django_assert_num_queries(3):
            answer = client.get(url_of(project), {"limit": 3}).json()
        assert len(answer["data"]) == 3
        rest = client.get(url_of(project), {"cursor": answer["page"]["next"]}).json()["data"]
        assert len({row["id"] for row in answer["data"] + rest}) == 5


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("method", ["delete", "patch"])
def test_two_owners_who_remove_each_other_leave_one(method: str) -> None:
    project = project_make()
    users = [project.created_by, member_make(project, "owner")]
    ids = [Membership.objects.get(project=project, user=user).pk for user in users]

    def remove(client: Any, other: Any) -> None:
        getattr(client, method)(f"{API}/members/{other}", {"role": "viewer"})

    pairs = zip(map(client_of, users), reversed(ids), strict=True)
    assert race(*[partial(remove, *pair) for pair in pairs]) == [None, None]
    assert Membership.objects.filter(project=project, role="owner").count() == 1


@pytest.mark.django_db
class TestLeaving:
    @pytest.mark.parametrize("role", ["viewer", "editor", "owner"])
    def test_every_member_can_leave(self, role: str) -> None:
        project = project_make()
        user = member_make(project, role)
        mine = Membership.objects.get(project=project, user=user)
        client = client_of(user)
        assert client.delete(f"{API}/members/{mine.pk}").status_code == 204
        assert client.get(f"{API}/projects/{project.pk}").status_code == 404

    @pytest.mark.parametrize("role", ["viewer", "editor"])
    def test_nobody_but_owners_removes_others(self, role: str) -> None:
        project = project_make()
        user = member_make(project, role)
        others = Membership.objects.filter(project=project).exclude(user=user)
        for other in others:
            answer = client_of(user).delete(f"{API}/members/{other.pk}")
            assert answer.status_code == 403

    @pytest.mark.parametrize("other", [{"is_active": False}, {"invited": True}])
    def test_an_owner_who_cannot_act_is_not_counted(self, other: Any) -> None:
        project = project_make()
        second = member_make(project, "owner")
        if "invited" in other:
            Membership.objects.filter(user=second).update(**other)
        else:
            User.objects.filter(pk=second.pk).update(**other)
        client, url = client_of(project.created_by), f"{API}/members/{owner_of(project).pk}"
        assert_refused(client.delete(url), "nonFieldErrors")
        assert_refused(client.patch(url, {"role": "viewer"}), "role")
        # The one who does not count may go.
        url = f"{API}/members/{Membership.objects.get(user=second).pk}"
        assert client.delete(url).status_code == 204


@pytest.fixture
def need_acceptance(settings: Settings) -> None:
    settings.MEMBERS_NEED_ACCEPTANCE = True


@pytest.mark.django_db
@pytest.mark.usefixtures("need_acceptance")
class TestInvitations:
    def test_whoever_is_invited_has_no_right_before_they_accept(self) -> None:
        project, grace = project_make(), user_make("grace")
        owner, client = client_of(project.created_by), client_of(grace)
        member = owner.post(url_of(project), {"username": "grace", "role": "editor"}).json()["data"]
        assert member["invited"] is True
        assert owner.get(url_of(project)).json()["data"][1] == member
        for path in (f"/projects/{project.pk}", f"/members/{member['id']}"):
            assert client.get(f"{API}{path}").status_code == 404
        assert client.patch(f"{API}/projects/{project.pk}", {"name": "A"}).status_code == 404
        assert client.delete(f"{API}/members/{member['id']}").status_code == 404
        for path in ("/projects", "/runs"):
            assert client.get(f"{API}{path}").json()["data"] == []
        [offered] = client.get(f"{API}/invitations").json()["data"]
        assert offered == {
            "id": member["id"],
            "projectId": str(project.pk),
            "projectName": project.name,
            "role": "editor",
        }
        accepted = client.post(f"{API}/invitations/{member['id']}/accept")
        assert accepted.json()["data"] == member | {"invited": False}
        assert client.patch(f"{API}/projects/{project.pk}", {"name": "A"}).status_code == 200
        assert client.get(f"{API}/invitations").json()["data"] == []

    def test_declined_it_is_gone(self) -> None:
        project, grace = project_make(), user_make("grace")
        owner, client = client_of(project.created_by), client_of(grace)
        member = owner.post(url_of(project), {"username": "grace", "role": "owner"}).json()["data"]
        url = f"{API}/invitations/{member['id']}"
        assert client.post(f"{url}/decline").status_code == 204
        assert client.post(f"{url}/accept").status_code == 404
        assert [row["username"] for row in owner.get(url_of(project)).json()["data"]] == [
            project.created_by.username
        ]

    @pytest.mark.parametrize("word", ["accept", "decline"])
    def test_only_who_is_invited_answers(self, word: str) -> None:
        project, grace = project_make(), user_make("grace")
        owner = client_of(project.created_by)
        member = owner.post(url_of(project), {"username": "grace", "role": "owner"}).json()["data"]
        for client in (owner, client_of(user_make()), client_of(user_make(is_staff=True))):
            answer = client.post(f"{API}/invitations/{member['id']}/{word}")
            assert answer.status_code == 404
        assert Membership.objects.get(user=grace).invited

    def test_an_owner_takes_it_back(self) -> None:
        project, grace = project_make(), user_make("grace")
        owner = client_of(project.created_by)
        member = owner.post(url_of(project), {"username": "grace", "role": "owner"}).json()["data"]
        assert owner.delete(f"{API}/members/{member['id']}").status_code == 204
        assert client_of(grace).get(f"{API}/invitations").json()["data"] == []

    def test_who_was_invited_is_not_invited_again(self) -> None:
        project = project_make()
        user_make("grace")
        body = {"username": "grace", "role": "viewer"}
        client = client_of(project.created_by)
        assert client.post(url_of(project), body).status_code == 201
        answer = client.post(url_of(project), body)
        assert "was invited already" in answer.json()["error"]["details"]["username"][0]
