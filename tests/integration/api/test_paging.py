"""Pages by key: all rows once, there and back, also when rows come and go."""

import base64
import json
from typing import Any

import pytest
from django.contrib.auth.models import User

from tests.factories import client_of, user_make

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.integration.api.failing_urls")]


@pytest.fixture
def names() -> list[str]:
    """In the list's order: many share the first key."""
    users = [User(username=f"u{n}", last_name=f"n{n // 4}") for n in range(11)]
    User.objects.bulk_create(users)
    return [user.username for user in users]


def get(**query: Any) -> tuple[list[str], dict[str, str | None]]:
    body = client_of(None).get("/api/ties", query).json()
    assert body["error"] is None
    return [row["username"] for row in body["data"]], body["page"]


@pytest.mark.parametrize("limit", [1, 2, 3, 4, 5, 10, 11, 12])
@pytest.mark.parametrize("down", [False, True])
def test_there_and_back(names: list[str], limit: int, down: bool) -> None:
    expected = names[::-1] if down else names
    query: dict[str, Any] = {"limit": limit} | ({"down": 1} if down else {})
    pages = []
    rows, page = get(**query)
    pages.append(rows)
    assert page["previous"] is None
    while page["next"]:
        rows, page = get(**query, cursor=page["next"])
        pages.append(rows)
    assert [name for rows in pages for name in rows] == expected
    for before in reversed(pages[:-1]):
        assert page["previous"]
        rows, page = get(**query, cursor=page["previous"])
        assert rows == before
    assert page["previous"] is None


def test_rows_that_come_and_go_are_neither_repeated_nor_skipped(names: list[str]) -> None:
    rows, page = get(limit=4)
    User.objects.filter(username__in=["u1", "u3"]).delete()
    User.objects.create(username="early", last_name="a")
    rows, _ = get(limit=4, cursor=page["next"])
    assert rows == names[4:8]


def test_a_page_costs_one_query(names: list[str], django_assert_num_queries: Any) -> None:
    _, page = get(limit=4)
    with django_assert_num_queries(1):
        get(limit=4, cursor=page["next"])


def test_an_empty_list() -> None:
    assert get() == ([], {"next": None, "previous": None})


@pytest.mark.parametrize("limit", ["0", "201", "-1", "x", "", "1.5", "\uff19", "1" * 30])
def test_a_bad_limit(limit: str) -> None:
    answer = client_of(None).get("/api/ties", {"limit": limit})
    assert answer.status_code == 400
    assert list(answer.json()["error"]["details"]) == ["limit"]


def cursor(value: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode()


@pytest.mark.parametrize(
    "text",
    [
        "x",
        "%",
        "é",
        "bnVsbA==",
        cursor([]),
        cursor([True]),
        cursor([False, "a"]),
        cursor([False, "a", "b"]),
        cursor([False, "a", "1", "2"]),
        cursor([False, "a\0", "1"]),
        cursor([False, "\ud800", "1"]),
        cursor([False, "a", "9" * 5000]),
        cursor([False, None, "1"]),
        cursor([False, {"a": 1}, "1"]),
        cursor([1, "a", "1"]),
        cursor({"a": "b"}),
        base64.urlsafe_b64encode(b"[" * 100_000).decode(),
        base64.urlsafe_b64encode(b"\xff\xfe").decode(),
    ],
)
def test_a_bad_cursor(text: str) -> None:
    answer = client_of(None).get("/api/ties", {"cursor": text})
    assert answer.status_code == 400
    assert list(answer.json()["error"]["details"]) == ["cursor"]


def test_a_cursor_with_a_huge_number_finds_nothing(names: list[str]) -> None:
    rows, _ = get(cursor=cursor([False, "zzz", "9" * 30]))
    assert rows == []


@pytest.mark.parametrize(
    "moment", ["0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:59", "2026-11-26T00:00:00"]
)
def test_a_cursor_with_a_moment_that_nobody_can_store(moment: str) -> None:
    user = user_make()
    bad = cursor([False, moment, "01a2b3c4-0000-7000-8000-000000000000"])
    answer = client_of(user).get("/api/v1/runs", {"cursor": bad})
    assert answer.status_code == 400
    assert list(answer.json()["error"]["details"]) == ["cursor"]
