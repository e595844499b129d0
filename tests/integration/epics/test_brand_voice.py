"""A project's brand voice: how the texts of its pages sound."""

from typing import Any

import pytest

from epics import bounds
from epics.models import Project
from tests.factories import backlog_document, client_of, project_make, user_make

pytestmark = pytest.mark.django_db

API = "/api/v1"
VOICE = {
    "tone": "Warm and plain;\nnever loud.",
    "do": ["Speak to the reader.", "Name the figure."],
    "dont": ["Promise what no fact carries."],
    "bannedWords": ["günstig", "nº 1"],
    "sample": "Ein Seil hält, was es verspricht.",
}
EMPTY = {"tone": "", "do": [], "dont": [], "bannedWords": [], "sample": ""}


@pytest.mark.parametrize(
    ("given", "stored"),
    [(VOICE, VOICE), ({"tone": "Dry."}, EMPTY | {"tone": "Dry."}), ({}, EMPTY), (None, None)],
)
def test_a_project_has_one_or_none(given: object, stored: object) -> None:
    client = client_of(user_make())
    body = {"name": "Ropes", "brandVoice": given}
    project = client.post(f"{API}/projects", body, format="json").json()["data"]
    assert project["brandVoice"] == stored
    assert client.get(f"{API}/projects/{project['id']}").json()["data"]["brandVoice"] == stored


def test_it_is_changed_as_a_whole() -> None:
    project = project_make()
    client, url = client_of(project.created_by), f"{API}/projects/{project.pk}"
    assert client.get(url).json()["data"]["brandVoice"] is None
    changed = client.patch(url, {"brandVoice": VOICE}, format="json").json()["data"]
    assert (changed["brandVoice"], changed["version"]) == (VOICE, 2)
    changed = client.patch(url, {"brandVoice": {"tone": "Dry."}}, format="json").json()["data"]
    assert changed["brandVoice"] == EMPTY | {"tone": "Dry."}
    changed = client.patch(url, {"brandVoice": None}, format="json").json()["data"]
    assert changed["brandVoice"] is None
    assert Project.objects.get(brand_voice__isnull=True) == project


WRONG = [
    ({"tone": "x" * (bounds.TONE_CHARS + 1)}, "tone"),
    ({"do": ["x"] * (bounds.VOICE_RULES + 1)}, "do"),
    ({"dont": ["x" * (bounds.RULE_CHARS + 1)]}, "dont[0]"),
    ({"bannedWords": ["fine", ""]}, "bannedWords[1]"),
    ({"bannedWords": ["two\nlines"]}, "bannedWords[0]"),
    ({"bannedWords": ["x"] * (bounds.BANNED_WORDS + 1)}, "bannedWords"),
    ({"sample": "a\x07"}, "sample"),
    ({"sample": 1}, "sample"),
    ({"mood": "x"}, "mood"),
]


@pytest.mark.parametrize(("voice", "place"), WRONG, ids=[place for _, place in WRONG])
def test_both_ways_in_have_the_same_bounds(voice: dict[str, Any], place: str) -> None:
    client = client_of(user_make())
    answer = client.post(f"{API}/projects", {"name": "x", "brandVoice": voice}, format="json")
    assert answer.status_code == 400
    assert list(answer.json()["error"]["details"]) == [f"brandVoice.{place}"]
    document = backlog_document()
    document["project"]["brandVoice"] = voice
    answer = client.post(f"{API}/projects/import", document, format="json")
    assert answer.status_code == 400
    assert list(answer.json()["error"]["details"]) == [f"project.brandVoice.{place}"]


def test_it_is_exported_and_imports_again() -> None:
    user = user_make()
    client = client_of(user)
    project = project_make(user)
    assert b"brandVoice" not in _exported(client, project.pk)
    Project.objects.update(brand_voice=VOICE)
    exported = _exported(client, project.pk)
    answer = client.post(f"{API}/projects/import", exported, content_type="application/json")
    again = answer.json()["data"]["projectId"]
    assert Project.objects.get(pk=again).brand_voice == VOICE
    assert _exported(client, again) == exported


def _exported(client: Any, project_id: object) -> bytes:
    return b"".join(client.get(f"{API}/projects/{project_id}/export"))
