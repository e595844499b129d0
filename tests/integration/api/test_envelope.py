"""Every answer under /api/ is an envelope, whatever went wrong."""

import logging
from typing import Any

import pytest
from django.conf import settings
from django.contrib.auth.models import User
from rest_framework.test import APIClient

from tests.factories import client_of, user_make

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.urls("tests.integration.api.failing_urls"),
]


def error_of(answer: Any, status: int) -> dict[str, Any]:
    assert answer.status_code == status
    assert answer["Content-Type"] == "application/json"
    body = answer.json()
    assert set(body) == {"data", "error"}
    assert body["data"] is None
    assert set(body["error"]) == {"code", "message", "details"}
    message = body["error"]["message"]
    assert message == " ".join(message.split()) != ""
    error: dict[str, Any] = body["error"]
    return error


@pytest.mark.parametrize("place", ["fail", "plain"])
@pytest.mark.parametrize(
    ("name", "status", "code"),
    [
        ("database", 503, "UNAVAILABLE"),
        ("interface", 503, "UNAVAILABLE"),
        ("redis", 503, "UNAVAILABLE"),
        ("bug", 500, "INTERNAL_ERROR"),
        ("bare", 500, "INTERNAL_ERROR"),
        ("conflict", 409, "VERSION_CONFLICT"),
        ("throttled", 429, "THROTTLED"),
        ("missing", 404, "NOT_FOUND"),
        ("denied", 403, "FORBIDDEN"),
    ],
)
def test_errors(place: str, name: str, status: int, code: str) -> None:
    answer = client_of(None).get(f"/api/{place}/{name}")
    error = error_of(answer, status)
    assert error["code"] == code
    assert "10.0.0.1" not in answer.text
    assert "secret" not in answer.text
    if status in {503, 429}:
        assert int(answer["Retry-After"]) >= 1


def test_an_internal_error_has_an_id_that_stands_in_the_log(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with caplog.at_level(logging.ERROR):
        error = error_of(client_of(None).get("/api/fail/bug"), 500)
    assert error["details"]["id"] in error["message"]
    [record] = [r for r in caplog.records if error["details"]["id"] in r.getMessage()]
    assert record.exc_info
    assert record.exc_info[0] is KeyError


def test_outside_of_the_api_errors_are_pages() -> None:
    client = client_of(None)
    for path, status in (("/page/missing", 404), ("/page/denied", 403), ("/page/bug", 500)):
        answer = client.get(path)
        assert answer.status_code == status
        assert answer["Content-Type"].startswith("text/html")


def test_addresses_that_do_not_exist() -> None:
    client = client_of(None)
    assert error_of(client.get("/api/v1/nothing"), 404)["code"] == "NOT_FOUND"
    assert error_of(client.post("/api/v1/projects/x"), 404)["code"] == "NOT_FOUND"
    assert error_of(client.get("/api/v1/projects/"), 404)["code"] == "NOT_FOUND"


def test_bad_http_is_400() -> None:
    error = error_of(client_of(None).get("/api/plain/suspicious"), 400)
    assert error["code"] == "VALIDATION_ERROR"


def test_methods_and_media_types() -> None:
    client = client_of(user_make())
    assert error_of(client.put("/api/echo", {}), 405)["code"] == "METHOD_NOT_ALLOWED"
    answer = client.get("/api/echo", headers={"accept": "text/html"})
    assert error_of(answer, 406)["code"] == "NOT_ACCEPTABLE"
    for content_type in ("text/plain", "application/json; charset=latin-1", "multipart/form-data"):
        answer = client.post("/api/echo", b"{}", content_type=content_type)
        assert error_of(answer, 415)["code"] == "UNSUPPORTED_MEDIA_TYPE"


def test_a_body_without_text_is_an_empty_object() -> None:
    answer = client_of(user_make()).post("/api/echo", b"", content_type="application/json")
    assert answer.json() == {"data": {}, "error": None}


def test_a_body_that_is_too_large() -> None:
    body = b"[" + b" " * settings.MAX_BODY_BYTES + b"]"
    answer = client_of(None).post("/api/echo", body, content_type="application/json")
    error = error_of(answer, 413)
    assert error["code"] == "PAYLOAD_TOO_LARGE"
    assert error["details"] == {"limitBytes": settings.MAX_BODY_BYTES}


# Sign-in --------------------------------------------------------------------------------------


def tokens(client: APIClient, user: User) -> dict[str, str]:
    answer = client.post("/api/v1/auth/token", {"username": user.username, "password": "secret"})
    assert answer.status_code == 200
    assert answer.json()["error"] is None
    data: dict[str, str] = answer.json()["data"]
    assert set(data) == {"access", "refresh"}
    return data


def bearer(client: APIClient, token: str) -> Any:
    return client.get("/api/echo", headers={"authorization": f"Bearer {token}"})


def test_sign_in_and_refresh() -> None:
    client, user = client_of(None), user_make()
    pair = tokens(client, user)
    assert bearer(client, pair["access"]).json()["data"] == {"name": user.username}
    answer = client.post("/api/v1/auth/token/refresh", {"refresh": pair["refresh"]})
    assert bearer(client, answer.json()["data"]["access"]).status_code == 200


@pytest.mark.parametrize(
    "header", ["", "Bearer", "Bearer x", "Bearer a b", "Bearer a.b.c", "Basic eA=="]
)
def test_a_missing_or_malformed_token_is_401(header: str) -> None:
    answer = client_of(None).get("/api/echo", headers={"authorization": header})
    assert error_of(answer, 401)["code"] == "UNAUTHORIZED"
    assert answer["WWW-Authenticate"].startswith("Bearer")


def test_wrong_tokens_and_users_are_401() -> None:
    client, user = client_of(None), user_make()
    pair = tokens(client, user)
    assert error_of(bearer(client, pair["refresh"]), 401)["code"] == "UNAUTHORIZED"
    wrong = {"username": user.username, "password": "wrong"}
    assert error_of(client.post("/api/v1/auth/token", wrong), 401)["code"] == "UNAUTHORIZED"
    User.objects.update(is_active=False)
    error_of(bearer(client, pair["access"]), 401)
    User.objects.all().delete()
    error_of(bearer(client, pair["access"]), 401)
    refresh = {"refresh": pair["refresh"]}
    error_of(client.post("/api/v1/auth/token/refresh", refresh), 401)


@pytest.mark.parametrize("body", [{}, {"username": "a"}, {"username": "a\0", "password": "b"}, []])
def test_a_bad_sign_in_is_400(body: Any) -> None:
    answer = client_of(None).post("/api/v1/auth/token", body, format="json")
    assert error_of(answer, 400)["code"] == "VALIDATION_ERROR"


def test_a_session_works_too_and_needs_its_csrf_token() -> None:
    client = APIClient(enforce_csrf_checks=True, raise_request_exception=False)
    client.force_login(user_make())
    assert client.get("/api/echo").status_code == 200
    answer = client.post("/api/echo", {})
    assert error_of(answer, 403)["code"] == "FORBIDDEN"
    assert "CSRF" in answer.json()["error"]["message"]
