"""Signed-in clients, and runs in a chosen state."""

from typing import Any

from django.contrib.auth.models import User
from django.test import Client

from epics.models import Membership, Project
from tests.integration.engine.world import World

ANYBODY = "00000000-0000-7000-8000-000000000000"


def client_of(name: str, *, project: Project | None = None, role: str | None = None) -> Client:
    """A browser in which the user is signed in, as a member of the project if a role is given."""
    user, _ = User.objects.get_or_create(username=name)
    if project is not None and role is not None:
        Membership.objects.update_or_create(project=project, user=user, defaults={"role": role})
    client = Client()
    client.force_login(user)
    return client


def owner(world: World) -> Client:
    """The one who made the world's project."""
    return client_of("ada")


def get(client: Client, path: str, **query: Any) -> Any:
    """The whole envelope of a read that must succeed."""
    response = client.get(f"/api/v1{path}", query)
    assert response.status_code == 200, response.content
    return response.json()


def post(client: Client, path: str, body: object, *, status: int) -> Any:
    """The whole envelope of a POST that must answer this status."""
    response = client.post(f"/api/v1{path}", body, content_type="application/json")
    assert response.status_code == status, response.content
    return response.json()
