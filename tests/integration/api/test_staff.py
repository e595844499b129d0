"""What a proxy asks before it lets somebody through to Flower."""

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client

from tests.factories import user_make

pytestmark = pytest.mark.django_db


def asked(user: User | None, **headers: str) -> Any:
    client = Client()
    if user is not None:
        client.force_login(user)
    return client.get("/internal/staff", headers=headers)


@pytest.mark.parametrize(
    ("fields", "status"),
    [({"is_staff": True}, 204), ({}, 403), ({"is_staff": True, "is_active": False}, 401)],
)
def test_staff_alone_is_let_through(fields: dict[str, Any], status: int) -> None:
    assert asked(user_make(**fields)).status_code == status


def test_nobody_and_who_brings_a_token_is_sent_to_sign_in() -> None:
    assert asked(None).status_code == 401
    assert asked(None, authorization="Bearer x").status_code == 401


@pytest.mark.parametrize(
    ("origin", "status"),
    [
        ("http://testserver", 204),
        ("https://testserver", 403),
        ("http://testserver:81", 403),
        ("http://a.testserver", 403),
        ("null", 403),
        ("", 403),
    ],
)
def test_a_page_of_another_origin_is_not(origin: str, status: int) -> None:
    assert asked(user_make(is_staff=True), origin=origin).status_code == status


def test_nobody_keeps_the_answer() -> None:
    assert "no-store" in asked(user_make(is_staff=True))["Cache-Control"]
