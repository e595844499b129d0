"""What a body costs is bounded: it is counted before it is built, and an answer tells a little."""

from typing import Any

import pytest

from batchgen.api.operations import MAX_JSON_BYTES, MAX_JSON_VALUES
from batchgen.api.strict_json import MAX_VALUES, JSONRefused, strict_loads
from batchgen.http.throttle import one_at_a_time
from tests.factories import backlog_document, client_of, project_make, user_make

pytestmark = pytest.mark.django_db

LINT = "/api/v1/stories/lint"
IMPORT = "/api/v1/projects/import"
PROJECTS = "/api/v1/projects"


def refused(path: str, body: Any, status: int = 400) -> dict[str, Any]:
    answer = client_of(user_make()).post(path, body, format="json")
    assert answer.status_code == status, answer.content[:500]
    assert len(answer.content) < 40_000
    error: dict[str, Any] = answer.json()["error"]
    return error


@pytest.mark.parametrize(
    "raw",
    [
        b"[" + b"1," * MAX_VALUES + b"1]",
        b"[" + b"{}," * MAX_VALUES + b"{}]",
        b"[" * (2 * MAX_VALUES),
        b'{"a":' * (2 * MAX_VALUES),
        b"[" + b'"",' * MAX_VALUES + b'""]',
    ],
    ids=["numbers", "objects", "depth", "keys", "texts"],
)
def test_entries_are_counted_before_they_are_built(raw: bytes) -> None:
    with pytest.raises(JSONRefused, match="more than 600,000 entries"):
        strict_loads(raw)


@pytest.mark.parametrize("text", [",[{" * MAX_VALUES, '\\",[{' * MAX_VALUES])
def test_signs_inside_of_a_text_are_no_entries(text: str) -> None:
    raw = f'["{text}"]'.encode()
    assert len(strict_loads(raw)) == 1


def test_a_body_that_is_no_backlog_has_fewer() -> None:
    error = refused(LINT, {"stories": [1] * (MAX_JSON_VALUES + 1)})
    assert "more than 50,000 entries" in error["message"]
    error = refused(LINT, {"language": "x" * MAX_JSON_BYTES}, status=413)
    assert error["details"] == {"limitBytes": MAX_JSON_BYTES}


def test_the_length_of_a_list_is_checked_before_its_entries() -> None:
    error = refused(LINT, {"stories": [1] * 1_001})
    assert error["details"] == {"stories": ["This has 1,001 entries; at most 1,000 are allowed."]}
    error = refused(IMPORT, backlog_document() | {"cards": [1] * 20_001, "epics": []})
    assert list(error["details"]) == ["cards"]


def test_at_most_fifty_problems_are_told() -> None:
    error = refused(LINT, {"stories": [1] * 1_000})
    assert len(error["details"]) <= 51
    many = {"userStory": "", "acceptanceCriteria": [""] * 200}
    error = refused(LINT, {"stories": [many] * 100})
    assert len(error["details"]) == 51
    assert "there are more" in error["details"]["andMore"][0]
    error = refused(IMPORT, backlog_document() | {"cards": [1] * 20_000})
    assert len(error["details"]) == 50
    assert "1,000 problems or more" in error["message"]


def test_keys_that_are_not_known_are_counted_and_cut() -> None:
    error = refused(PROJECTS, {"name": "x", **{f"k{n:06}": 1 for n in range(40_000)}})
    assert len(error["details"]) == 11
    assert error["details"]["andMore"] == ["So are 39,990 other keys."]
    error = refused(PROJECTS, {"name": "x", "k" * 1_000_000: 1})
    assert list(error["details"]) == ["k" * 100]
    document = backlog_document()
    document["cards"][0] |= {f"k{n:06}": 1 for n in range(40_000)}
    error = refused(IMPORT, document)
    assert "This has 40,00" in error["details"]["cards[0]"][0]


def test_what_was_sent_is_not_sent_back() -> None:
    user = user_make()
    path = f"{PROJECTS}/{project_make(user).pk}/runs"
    answer = client_of(user).post(path, {"type": "x" * 1_000_000}, format="json")
    assert (answer.status_code, len(answer.content) < 1_000) == (400, True)
    ids = [f"00000000-0000-0000-0000-{number:012}" for number in range(20_000)]
    answer = client_of(user).post(path, {"epicIds": ids}, format="json")
    assert len(answer.json()["error"]["details"]["epicIds"]) == 50


def test_one_import_at_a_time_of_a_user() -> None:
    user = user_make()
    with one_at_a_time(user.pk, "import"):
        answer = client_of(user).post(IMPORT, backlog_document())
        assert (answer.status_code, answer["Retry-After"]) == (429, "1")
    assert client_of(user).post(IMPORT, backlog_document()).status_code == 201
