"""Only requests for names of ours are answered; others are told so, with what to set."""

import json
from typing import Any

import pytest
from django.test import Client
from pytest_django.fixtures import Settings

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def ours(settings: Settings) -> None:
    settings.ALLOWED_HOSTS = ["app.example.com"]


def ask(host: str, path: str = "/api/v1/projects") -> Any:
    return Client(raise_request_exception=False).get(path, headers={"host": host})


@pytest.mark.parametrize("host", ["app.example.com", "APP.example.com", "app.example.com.:8443"])
def test_a_name_of_ours_has_any_case_and_port(host: str) -> None:
    assert ask(host).status_code == 401


@pytest.mark.parametrize("host", ["evil.example", "a b", "127.0.0.1:8000", "x" * 300])
def test_another_is_told_that_the_host_is_not_allowed(host: str) -> None:
    answer = ask(host)
    error = answer.json()["error"]
    assert (answer.status_code, error["code"]) == (400, "HOST_NOT_ALLOWED")
    assert error["message"].startswith("Host not allowed: ")
    assert "BATCHGEN_ALLOWED_HOSTS" in error["message"]
    assert "app.example.com" not in json.dumps(error)
    assert len(error["message"]) < 300


def test_on_a_page_it_is_told_as_plain_text() -> None:
    answer = ask('<script>"', "/admin/")
    assert (answer.status_code, answer["Content-Type"]) == (400, "text/plain; charset=utf-8")
    assert answer.text.startswith("Host not allowed: ")
    assert "<" not in answer.text
