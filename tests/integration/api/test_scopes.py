"""What a token may be used for: every route, every field, and every parameter of the API."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.urls import URLPattern, URLResolver, get_resolver

from batchgen.api.contents import CLOSED, PARAMETERS, ROUTES, SHOWN
from batchgen.api.openapi import OnceGenerator
from batchgen.api.scopes import WithinScope
from content.pages.models import Page
from epics.models import Project, Story
from runs.models import Run, RunItem, RunLog
from tests.factories import bearer_client, member_make, project_make, token_made
from tests.integration.api.test_permissions import API, Route, body_of, ids_of, table
from tests.integration.pages.world import page_make, page_write

#: Keys whose texts a person has found to be contents.
WITHHELD = frozenset(
    {
        *("title", "epicTitle", "description", "context", "theme", "businessValue", "dependencies"),
        *("acceptanceCriteria", "cardCodes", "effort", "impact", "persona", "userStory", "source"),
        *("technicalNotes", "reviewNote", "language", "heading", "html", "markdown", "keywords"),
        *("metaTitle", "metaDescription", "url", "message", "error", "notes", "phaseDetail"),
    }
)
#: Objects with any keys, of numbers alone.
COUNTS = frozenset({"stageMs"})
#: For who signs in, and for programs beside the API.
OPEN = re.compile(r"/api/(schema|docs|v1/auth/.*)")
#: POSTs that change nothing.
READS = {f"{API}/projects/{{project_id}}/quotes", f"{API}/stories/lint"}
SECRET = "ZQXJ"

ROUTED = [route for route in table() if route[1].startswith(API) and "/auth/" not in route[1]]


def views(resolver: URLResolver, above: str = "/") -> Iterator[tuple[str, Any]]:
    for pattern in resolver.url_patterns:
        path = above + str(pattern.pattern)
        if isinstance(pattern, URLPattern):
            yield path, pattern.callback
        else:
            yield from views(pattern, path)


def test_no_route_of_the_api_goes_without_the_look_at_the_scope() -> None:
    looked = 0
    for path, view in views(get_resolver()):
        if path.startswith("/api/") and not OPEN.fullmatch(path):
            assert WithinScope in view.cls.permission_classes, path
            looked += 1
    assert looked > 50


# Reading ----------------------------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
def test_a_token_that_may_read_changes_nothing() -> None:
    for method, path in ROUTED:
        if method == "GET" or "/tokens" in path:
            continue
        answer = asked((method, path), contents=True)
        if path in READS:
            assert answer.status_code in {200, 201}, path
        else:
            assert refused(answer) == "write", path


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    "path",
    [
        "/runs/{run_id}/events",
        "/runs/{run_id}/file",
        "/projects/{project_id}/export",
        "/invitations",
    ],
)
def test_a_token_with_contents_reads_streams_and_files_too(path: str) -> None:
    answer = asked(("GET", API + path), contents=True)
    assert answer.status_code == 200
    answer.close()


def asked(route: Route, *, write: bool = False, contents: bool = False) -> Any:
    """What an owner's token gets, for a request that is right in all else."""
    method, path = route
    project = project_make(stories=1)
    _, secret = token_made(member_make(project, "owner"), write=write, contents=contents)
    address = path.format(**ids_of(route, project))
    send = getattr(bearer_client(secret), method.lower())
    return send(address, body_of(route, project) if method != "GET" else None)


def refused(answer: Any) -> str | None:
    """The scope that it asks for."""
    assert answer.status_code == 403, answer.content
    error: dict[str, Any] = answer.json()["error"]
    assert error["code"] == "FORBIDDEN"
    assert "token" in error["message"]
    scope: str | None = error["details"].get("scope")
    return scope


# Contents ---------------------------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
def test_without_contents_what_is_not_listed_is_refused() -> None:
    for method, path in ROUTED:
        if "/tokens" in path:
            continue
        route = re.sub(r"\{(\w+)\}", r"<id:\1>", path.removeprefix(f"{API}/"))
        answer = asked((method, path), write=True)
        if f"{method} {route}" in ROUTES:
            assert answer.status_code < 300, (method, path, answer.content)
        else:
            assert refused(answer) == "contents", (method, path)
        answer.close()


@pytest.mark.django_db(transaction=True)
def test_no_text_of_people_files_or_models_is_shown() -> None:
    project, user = full_of_secrets()
    _, secret = token_made(user)
    _, seeing = token_made(user, contents=True)
    story, page, run = Story.objects.all()[0], Page.objects.get(), Run.objects.get()
    ids = {
        "project_id": project.pk,
        "epic_id": story.epic_id,
        "story_id": story.pk,
        "page_id": page.pk,
        "run_id": run.pk,
        "item_id": run.items.all()[0].pk,
    }
    found = 0
    for route in sorted(ROUTES):
        method, _, path = route.partition(" ")
        if method != "GET":
            continue
        address = f"{API}/" + re.sub(r"<id:(\w+)>", r"{\1}", path).format(**ids)
        answer = bearer_client(secret).get(address)
        assert answer.status_code == 200, address
        assert SECRET not in answer.content.decode().upper(), address
        assert answer["Batchgen-Contents"] == "withheld"
        found += SECRET in bearer_client(seeing).get(address).content.decode().upper()
    assert found > 12, "the secrets are where they are looked for"


def full_of_secrets() -> tuple[Project, User]:
    """A project with all that can be written in it, and a run over it."""
    project = project_make(stories=1)
    user = member_make(project, "owner")
    _secrets(Project.objects.filter(pk=project.pk), "description", "context")
    page_write(page_make(project, f"/{SECRET}", keywords=[SECRET], facts={SECRET: "1"}))
    _secrets(Page.objects.all(), "title", "meta_title", "meta_description")
    for rows in (project.epics, project.stories):
        _secrets(rows.all(), "title", "review_note")
    _secrets(project.epics.all(), "description", "theme", "business_value")
    _secrets(project.stories.all(), "user_story", "persona", "technical_notes")
    project.stories.update(acceptance_criteria=[SECRET], defects=[{"kind": SECRET, "text": SECRET}])
    run = Run.objects.get(pk=ids_of(("POST", "/runs/{run_id}/retry-failed"), project)["run_id"])
    Run.objects.filter(pk=run.pk).update(options={**run.options, "instructions": SECRET})
    RunItem.objects.filter(run=run).update(
        title=SECRET, notes=[SECRET], error=SECRET, error_code="REFUSED", status="FAILED"
    )
    RunLog.objects.filter(run=run).update(message=SECRET)
    return project, user


def _secrets(rows: Any, *fields: str) -> None:
    rows.update(**dict.fromkeys(fields, SECRET))


@pytest.mark.django_db
@pytest.mark.parametrize("query", ["q=tide", "persona=skipper", "order=createdAt", "epic=E1&q=a"])
def test_what_is_not_shown_is_not_searched(query: str) -> None:
    project = project_make(stories=1)
    _, secret = token_made(member_make(project, "viewer"))
    client = bearer_client(secret)
    assert refused(client.get(f"{API}/projects/{project.pk}/stories?{query}")) == "contents"
    assert client.get(f"{API}/projects/{project.pk}/stories?epic=E1&limit=1").status_code == 200


# The document -----------------------------------------------------------------------------------


def resolved(document: Any, schema: Any) -> Any:
    while "$ref" in schema:
        whole = document
        for part in schema["$ref"].split("/")[1:]:
            whole = whole[part]
        schema = whole
    return schema


def leaves(
    document: Any, schema: Any, key: str, seen: tuple[str, ...] = ()
) -> Iterator[tuple[str, str]]:
    """(key, `text` or `map`), of all that an answer may have below this."""
    if (name := schema.get("$ref", "")) in seen:
        return
    below, schema = ((*seen, name) if name else seen), resolved(document, schema)
    for part in (*schema.get("oneOf", ()), *schema.get("anyOf", ()), *schema.get("allOf", ())):
        yield from leaves(document, part, key, below)
    for child, part in schema.get("properties", {}).items():
        yield from leaves(document, part, child, below)
    if "items" in schema:
        yield from leaves(document, schema["items"], key, below)
    types = schema.get("type", "string" if "enum" in schema else ())
    if "string" in types:
        yield key, "text"
    if "additionalProperties" in schema or not schema:
        yield key, "map"


def test_every_text_of_the_document_is_decided() -> None:
    generator: Any = OnceGenerator
    document = generator().get_schema()
    found: set[tuple[str, str]] = set()
    decided = 0
    for path, operations in document["paths"].items():
        route = re.sub(r"\{(\w+)\}", r"<id:\1>", path.removeprefix(f"{API}/"))
        for method, operation in operations.items():
            if f"{method.upper()} {route}" not in ROUTES:
                continue
            decided += 1
            answers = [each for s, each in operation["responses"].items() if s.startswith("2")]
            for answer in answers:
                media = resolved(document, answer)["content"]
                data = media["application/json"]["schema"]["properties"]["data"]
                found |= set(leaves(document, data, "data"))
                assert set(media) <= {"application/json", "text/csv"}, path
    assert decided == len(ROUTES), "every route that is listed is there"
    texts = {key for key, kind in found if kind == "text"}
    maps = {key for key, kind in found if kind == "map"}
    assert maps - CLOSED - COUNTS == set()
    assert texts - SHOWN - WITHHELD - below_closed(document) == set(), "contents, or none?"
    assert SHOWN - texts == set(), "nothing has these"
    assert not SHOWN & WITHHELD


def below_closed(document: Any) -> set[str]:
    """Keys that only stand below those that are closed."""
    names = ("ProjectOutput", "EffectiveRunOutput", "PageOutput", "StoryOutput")
    found: set[str] = set()
    for name in names:
        for key, part in document["components"]["schemas"][name]["properties"].items():
            if key in CLOSED:
                found |= {each for each, _ in leaves(document, part, key)}
    return found - SHOWN


def test_no_parameter_that_is_let_through_searches_texts() -> None:
    searched = {"q", "persona", "order", "language"}
    assert not PARAMETERS & searched
