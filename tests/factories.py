"""Rows for tests, made as the program makes them."""

from decimal import Decimal
from itertools import count
from typing import Any

from django.contrib.auth.hashers import PBKDF2PasswordHasher, make_password
from django.contrib.auth.models import User
from rest_framework.test import APIClient

from batchgen.accounts.api_tokens import token_make
from batchgen.api.scopes import Scope
from batchgen.models import ApiToken
from epics.files.backlog_import import backlog_import
from epics.models import Membership, Project, Story, Subtask
from epics.story_services import subtask_create
from runs.webhooks.events import EVENTS
from runs.webhooks.models import Delivery, Webhook
from runs.webhooks.services import webhook_create

_number = count(1)


class QuickHasher(PBKDF2PasswordHasher):
    """What the program hashes passwords with, without the third of a second that it takes."""

    iterations = 1


def user_make(name: str = "", **fields: Any) -> User:
    """A user with the password `secret`; no superuser unless said so."""
    name = name or f"user-{next(_number)}"
    return User.objects.create(username=name, password=make_password("secret"), **fields)


def member_make(project: Project, role: str) -> User:
    """A user with this role in the project."""
    user = user_make(f"{role}-{next(_number)}")
    Membership.objects.create(project=project, user=user, role=role)
    return user


def subtask_make(story: Story, **fields: Any) -> Subtask:
    """A person's subtask of a story."""
    given = {"title": "Draw the tide", "kind": "design", "effort_hours": Decimal(2)}
    return subtask_create(story_id=story.pk, fields=given | fields)


def webhook_make(
    project: Project, url: str = "https://hooks.example.com/", *events: str
) -> Webhook:
    """A webhook of the project, for all events where none is named."""
    wanted = events or tuple(event.value for event in EVENTS)
    return webhook_create(project_id=project.pk, url=url, events=wanted)


def delivery_make(hook: Webhook, status: str = Delivery.Status.FAILED, **fields: Any) -> Delivery:
    """A message for the webhook, given up where nothing is said."""
    given = {"type": "run.ended", "ordering_key": "a run", "body": "{}"}
    made = Delivery.objects.create(hook=hook, status=status, **given | fields)
    made.refresh_from_db()
    return made


def token_made(
    user: User, *, write: bool = False, contents: bool = False, name: str = "tests"
) -> tuple[ApiToken, str]:
    """An API token of the user, and what it reads."""
    return token_make(user=user, name=name, scope=Scope(write=write, contents=contents))


def bearer_client(secret: str) -> APIClient:
    """An API client that brings this token. Errors come as answers."""
    return APIClient(headers={"Authorization": f"Bearer {secret}"}, raise_request_exception=False)


def client_of(user: User | None) -> APIClient:
    """An API client, signed in unless it is for nobody. Errors come as answers."""
    client = APIClient(raise_request_exception=False)
    if user is not None:
        client.force_authenticate(user)
    return client


def story_document(code: str = "E1-S1", **fields: Any) -> dict[str, Any]:
    """A story as an import takes it."""
    return {
        "code": code,
        "title": f"Story {code}",
        "userStory": "As a skipper, I want to see the tide, so that I leave in time.",
        "persona": "skipper",
        "acceptanceCriteria": ["The tide of today is shown."],
        "technicalNotes": None,
        "priority": "high",
        "effort": "S",
        **fields,
    }


def backlog_document(*, epics: int = 2, cards: int = 3, stories: int = 0) -> dict[str, Any]:
    """A backlog as an import takes it.

    Args:
        cards: of each epic.
        stories: of each epic.
    """
    return {
        "project": {"code": "T", "name": "Tides", "description": "Tide tables"},
        "source": "made for a test",
        "cards": [_card(number) for number in range(1, epics * cards + 1)],
        "epics": [_epic(number, cards, stories) for number in range(1, epics + 1)],
    }


def project_make(user: User | None = None, **counts: int) -> Project:
    """A project with the backlog of `backlog_document(**counts)`."""
    return backlog_import(user=user or user_make(), document=backlog_document(**counts))


def _card(number: int) -> dict[str, Any]:
    return {
        "code": f"C{number}",
        "title": f"Card {number}",
        "persona": "skipper",
        "statement": f"As a skipper, I want thing {number}, so that I arrive.",
        "problem": None,
        "systems": ["tide table"],
    }


def _epic(number: int, cards: int, stories: int) -> dict[str, Any]:
    first = (number - 1) * cards + 1
    written = [story_document(f"E{number}-S{place}") for place in range(1, stories + 1)]
    return {
        "code": f"E{number}",
        "title": f"Epic {number}",
        "theme": "Sailing",
        "description": f"The things of epic {number}",
        "priority": number,
        "cards": [f"C{card}" for card in range(first, first + cards)],
        **({"stories": written} if written else {}),
    }
