"""A backlog comes in whole, or not at all with every problem named."""

import json
import time
from collections.abc import Callable
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.contrib.auth.models import User

import epics
from batchgen.errors import NotFound, ValidationFailed
from epics.files.backlog_import import backlog_import
from epics.models import Card, Epic, EpicCard, Project, Story
from tests.factories import backlog_document, client_of, story_document, user_make

pytestmark = pytest.mark.django_db

IMPORT = "/api/v1/projects/import"
Document = dict[str, Any]


def nothing_stored() -> bool:
    models = (Project, Card, Epic, EpicCard, Story)
    return not any(model._default_manager.exists() for model in models)


def refusal(document: object) -> dict[str, list[str]]:
    """The details of a refused import, over REST."""
    answer = client_of(user_make()).post(IMPORT, document, format="json")
    body = answer.json()
    assert answer.status_code == 400, body
    assert body["error"]["code"] == "VALIDATION_ERROR"
    assert nothing_stored()
    details: dict[str, list[str]] = body["error"]["details"]
    return details


def changed(change: Callable[[Document], object]) -> Document:
    document = deepcopy(backlog_document(epics=3))
    change(document)
    return document


def test_import_stores_all_in_order() -> None:
    user = user_make()
    answer = client_of(user).post(IMPORT, backlog_document(stories=2), format="json")
    assert answer.status_code == 201
    project = Project.objects.get()
    assert answer.json() == {
        "data": {"projectId": str(project.pk), "cardCount": 6, "epicCount": 2},
        "error": None,
    }
    assert (project.name, project.code, project.created_by) == ("Tides", "T", user)
    second = project.epics.get(code="E2")
    places = second.epic_cards.order_by("order").values_list("card__code", flat=True)
    assert list(places) == ["C4", "C5", "C6"]
    stories = second.stories.order_by("order")
    assert [story.code for story in stories] == ["E2-S1", "E2-S2"]
    assert {story.project_id for story in stories} == {project.pk}


def test_the_sample_is_a_good_backlog() -> None:
    raw = (Path(epics.__file__).parent / "sample_backlog.json").read_bytes()
    project = backlog_import(user=user_make(), document=json.loads(raw))
    assert project.epics.count() == 6
    assert project.cards.count() > 25
    assert not project.cards.filter(epics=None).exists()


def test_ten_thousand_cards_come_in_within_three_seconds() -> None:
    """Of this process's own time: who else is on the machine does not count."""
    document = backlog_document(epics=1000, cards=10)
    begun = time.process_time()
    backlog_import(user=user_make(), document=document)
    took_s = time.process_time() - begun
    assert Card.objects.count() == EpicCard.objects.count() == 10_000
    assert took_s < 3, took_s


def test_an_import_takes_as_many_queries_whatever_its_size(
    django_assert_max_num_queries: Any,
) -> None:
    user = user_make()
    with django_assert_max_num_queries(16):
        backlog_import(user=user, document=backlog_document(epics=90, cards=10, stories=1))


@pytest.mark.parametrize(
    ("change", "path", "part"),
    [
        (lambda d: d["cards"][1].update(title=""), "cards[1].title", "blank"),
        (lambda d: d["epics"][1].update(title="  \t "), "epics[1].title", "U+0009"),
        (lambda d: d["epics"][1].update(title="   "), "epics[1].title", "blank"),
        (lambda d: d["epics"][1].pop("title"), "epics[1].title", "missing"),
        (lambda d: d["project"].pop("name"), "project.name", "missing"),
        (lambda d: d.pop("cards"), "cards", "missing"),
        (lambda d: d["cards"][2].update(code="C1"), "cards[2].code", "cards[0]"),
        (lambda d: d["epics"][2].update(code="E1"), "epics[2].code", "epics[0]"),
        (lambda d: d["epics"][2]["cards"].append("C99"), "epics[2].cards[3]", "C99"),
        (lambda d: d["epics"][2]["cards"].append("C7"), "epics[2].cards[3]", "twice"),
        (lambda d: d["epics"][0].update(dependencies=["E9"]), "epics[0].dependencies[0]", "E9"),
        (lambda d: d["epics"][0].update(dependencies=["E1"]), "epics", "E1 → E1"),
        (lambda d: d["cards"][0].update(statement="x" * 100_000), "cards[0].statement", "20000"),
        (lambda d: d["epics"][0].update(title="x" * 501), "epics[0].title", "500"),
        (lambda d: d["cards"][0].update(title="bell \x07"), "cards[0].title", "U+0007"),
        (lambda d: d["cards"][0].update(statement="esc \x1b[2J"), "cards[0].statement", "U+001B"),
        (lambda d: d["cards"][0].update(title=7), "cards[0].title", "text"),
        (lambda d: d["cards"][0].update(systems="a"), "cards[0].systems", "list"),
        (lambda d: d["cards"].append("C1"), "cards[9]", "object"),
        (lambda d: d["epics"][0].update(priority="1"), "epics[0].priority", "whole number"),
        (lambda d: d["epics"][0].update(priority=2**40), "epics[0].priority", "1000000"),
        (lambda d: d["epics"][0].update(titel="x"), "epics[0].titel", "no such field"),
        (lambda d: d.update(epic=[]), "epic", "no such field"),
        (
            lambda d: d["epics"][0].update(stories=[story_document("S"), story_document("S")]),
            "epics[0].stories[1].code",
            "epics[0].stories[0]",
        ),
    ],
)
def test_a_problem_is_named_with_its_path(
    change: Callable[[Document], object], path: str, part: str
) -> None:
    details = refusal(changed(change))
    assert path in details, details
    assert part in " ".join(details[path]), details


def test_a_cycle_is_named() -> None:
    def cycle(document: Document) -> None:
        for epic, first in zip(document["epics"], ["E2", "E3", "E1"], strict=True):
            epic["dependencies"] = [first]

    [message] = refusal(changed(cycle))["epics"]
    cycle_text = message.removeprefix("The dependencies form a cycle: ").removesuffix(".")
    assert cycle_text in ("E1 → E2 → E3 → E1", "E2 → E3 → E1 → E2", "E3 → E1 → E2 → E3")


def test_problems_of_both_kinds_come_together_and_are_bounded() -> None:
    document = backlog_document(epics=40, cards=2)
    for epic in document["epics"]:
        epic["title"] = ""
        epic["cards"].append("NONE")
    details = refusal(document)
    assert len(details) == 50
    assert "epics[0].title" in details
    assert "epics[0].cards[2]" in details


@pytest.mark.parametrize("document", [[], "text", 7, None, {}, {"project": []}, [{}]])
def test_documents_that_are_no_backlog(document: object) -> None:
    assert refusal(document)


@pytest.mark.parametrize(
    ("body", "part"),
    [
        (b'{"project": {"name": "x"}, "cards": [', "ends in the middle (line 1, column"),
        (b'{"project": {"name": "x', "ends in the middle"),
        (b"{'project': 1}", "line 1, column 2"),
        (b"\n\n{,}", "line 3, column 2"),
        (b'{"a": 1} {"b": 2}', "Extra data"),
        (b'{"a": NaN}', "NaN"),
        (b'{"a": -Infinity}', "Infinity"),
        (b'{"a": 1e999}', "too large"),
        (b'{"a": ' + b"9" * 5000 + b"}", "too many digits"),
        (b'{"a": 1, "a": 2}', 'The key "a" stands twice'),
        (b'{"a": "\\u0000"}', "a contains a NUL"),
        (b'{"cards": [{"title": "\\u0000"}]}', "cards[0].title contains a NUL"),
        (b'{"a\\u0000": 1}', "NUL"),
        (b'{"a": "\x00"}', "control character"),
        (b'{"a": "\\ud800"}', "surrogate"),
        ('{"a": "é"}'.encode("utf-16"), "UTF-16"),
        ('{"a": "é"}'.encode("latin-1"), "byte 8 is 0xe9"),
        (b"[" * 100, "ends in the middle"),
        (b"[" * 40 + b"]" * 40, "nested deeper"),
        (b"[" * 200_000 + b"]" * 200_000, "nested deeper"),
        (b"   ", "empty"),
        (b"\x1f\x8b\x08\x00", "compressed"),
    ],
)
def test_bodies_that_are_not_strict_json(body: bytes, part: str) -> None:
    answer = client_of(user_make()).post(IMPORT, body, content_type="application/json")
    assert answer.status_code == 400
    error = answer.json()["error"]
    assert error["code"] == "VALIDATION_ERROR"
    assert part in error["message"]
    assert nothing_stored()


def test_fifty_megabytes_are_refused() -> None:
    body = b'{"a": "' + b"x" * 50_000_000 + b'"}'
    answer = client_of(user_make()).post(IMPORT, body, content_type="application/json")
    assert answer.status_code == 413
    assert answer.json()["error"]["details"] == {"limitBytes": settings.MAX_BODY_BYTES}
    assert nothing_stored()


@pytest.mark.django_db(transaction=True)
def test_an_import_that_breaks_at_its_end_leaves_nothing() -> None:
    """The owner is deleted meanwhile."""
    user = user_make()
    User.objects.filter(pk=user.pk).delete()
    with pytest.raises(NotFound):
        backlog_import(user=user, document=backlog_document(stories=1))
    assert nothing_stored()


def test_too_many_places_are_refused() -> None:
    document = backlog_document(epics=1, cards=400)
    epic = document["epics"][0]
    document["epics"] = [{**epic, "code": f"E{number}"} for number in range(300)]
    with pytest.raises(ValidationFailed) as refused:
        backlog_import(user=user_make(), document=document)
    assert refused.value.details == {
        "epics": ["They name 120000 cards; at most 100000 are allowed."]
    }


@pytest.mark.parametrize(
    "defect",
    [
        {"message": "x" * 20_001},
        {"m" * 51: "x"},
        {f"key{number}": 1 for number in range(21)},
        {"start": 10**12},
        {"message": "bell \x07"},
        {"spans": [1]},
    ],
)
def test_defects_have_limits_too(defect: dict[str, Any]) -> None:
    def change(document: Document) -> None:
        story = story_document("E1-S1") | {"quality": {"score": 1, "defects": [defect]}}
        document["epics"][0]["stories"] = [story]

    (path,) = {key.split(".defects[0]")[0] for key in refusal(changed(change))}
    assert path == "epics[0].stories[0].quality"


@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        ({"effortHours": 0.25}, "effortHours"),
        ({"effortHours": 0}, "effortHours"),
        ({"effortHours": True}, "effortHours"),
        ({"kind": "magic"}, "kind"),
        ({"criteria": [0]}, "criteria"),
        ({"reviewStatus": "good"}, "reviewStatus"),
        ({"code": "E1-S1-T0"}, "code"),
        ({"runId": None}, "runId"),
    ],
)
def test_subtasks_are_checked_like_the_rest(fields: dict[str, Any], problem: str) -> None:
    good = {"code": "E1-S1-T0", "title": "Draw", "kind": "design", "effortHours": 1}
    document = backlog_document(epics=1, stories=1)
    wrong = {**good, "code": "E1-S1-T1", **fields}
    document["epics"][0]["stories"][0]["subtasks"] = [good, wrong]
    assert any(problem in path for path in refusal(document))
