"""Sign-in, by the API and the admin: counted tries, equal work, tokens that are good once."""

import logging
import threading
from collections import Counter
from datetime import timedelta
from typing import Any

import pytest
from django.conf import settings as configured
from django.contrib.auth.models import User
from django.test import Client, RequestFactory
from django.utils.timezone import now
from pytest_django.fixtures import Settings
from rest_framework_simplejwt.settings import api_settings
from rest_framework_simplejwt.token_blacklist.models import BlacklistedToken, OutstandingToken

from batchgen.accounts import tokens
from batchgen.accounts.tokens import RefreshToken
from batchgen.http.proxies import client_address
from batchgen.models import EndedFamily, SignInTries
from tests.factories import QuickHasher, client_of, user_make
from tests.threads import elsewhere, race

pytestmark = pytest.mark.django_db

URL = "/api/v1/auth/token"


def sign_in(name: str, password: str, address: str = "192.0.2.1") -> Any:
    body = {"username": name, "password": password}
    return client_of(None).post(URL, body, REMOTE_ADDR=address)


def refresh(token: str) -> Any:
    return client_of(None).post(f"{URL}/refresh", {"refresh": token})


def assert_throttled(answer: Any) -> None:
    assert (answer.status_code, answer.json()["error"]["code"]) == (429, "THROTTLED")
    assert 0 < int(answer["Retry-After"]) <= configured.SIGN_IN_WINDOW_S


@pytest.fixture(autouse=True)
def _three_quick_tries(settings: Settings) -> None:
    settings.SIGN_IN_TRIES = 3
    settings.PASSWORD_HASHERS = [f"{__name__}.CountingHasher"]


# Tries ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["ada", "nobody-here"])
def test_wrong_tries_run_out_whether_or_not_the_name_exists(name: str) -> None:
    user_make("ada")
    assert [sign_in(name, "wrong").status_code for _ in range(3)] == [401] * 3
    assert_throttled(sign_in(name, "wrong"))
    assert_throttled(sign_in(name, "secret"))


def test_a_right_password_costs_no_try() -> None:
    user_make("ada")
    assert [sign_in("ada", "secret").status_code for _ in range(5)] == [200] * 5


def test_others_are_not_shut_out() -> None:
    user_make("ada")
    for _ in range(4):
        sign_in("ada", "wrong")
    assert sign_in("ada", "secret", address="192.0.2.2").status_code == 200
    assert sign_in("grace", "wrong").status_code == 401


@pytest.mark.parametrize("what", ["name", "address"])
def test_a_name_from_everywhere_and_an_address_for_all_names_run_out_later(what: str) -> None:
    for number in range(31):
        address = "192.0.2.1" if what == "address" else f"198.51.100.{number}"
        name = "ada" if what == "name" else f"name-{number}"
        last = sign_in(name, "wrong", address)
        assert last.status_code == (401 if number < 30 else 429)
    assert_throttled(last)


def test_a_right_password_is_not_refused_for_its_address() -> None:
    user_make("ada")
    for number in range(40):
        sign_in(f"name-{number}", "wrong")
    assert_throttled(sign_in("grace", "wrong"))
    assert sign_in("ada", "secret").status_code == 200
    # Its name still is locked by wrong tries from there.
    assert [sign_in("ada", "wrong").status_code for _ in range(3)] == [429] * 3
    assert_throttled(sign_in("ada", "secret"))


@pytest.mark.django_db(transaction=True)
def test_passwords_of_an_address_with_too_many_are_looked_at_one_at_a_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ("ada", "grace"):
        user_make(name)
    for number in range(30):
        sign_in(f"name-{number}", "wrong")
    looking, look_on = threading.Event(), threading.Event()

    def wait(self: Any, password: str, encoded: str) -> bool:
        looking.set()
        return look_on.wait(10) and QuickHasher().verify(password, encoded)

    monkeypatch.setattr(CountingHasher, "verify", wait)
    answers: list[Any] = []
    first = elsewhere(lambda: answers.append(sign_in("ada", "secret").status_code))
    assert looking.wait(10)
    for _ in range(4):
        second = sign_in("grace", "secret")
        assert (second.status_code, second["Retry-After"]) == (429, "1")
    look_on.set()
    first.join(10)
    assert answers == [200]
    # What nobody looked at was no try.
    assert sign_in("grace", "secret").status_code == 200


def test_the_window_ends() -> None:
    user_make("ada")
    for _ in range(4):
        sign_in("ada", "wrong")
    SignInTries.objects.update(expires_at=now() - timedelta(seconds=1))
    assert sign_in("ada", "secret").status_code == 200


def test_no_name_is_stored() -> None:
    sign_in("my-password-by-mistake", "wrong")
    assert all(len(row.key) == 64 and "my" not in row.key for row in SignInTries.objects.all())


def test_the_admin_counts_too() -> None:
    user_make("ada", is_staff=True)
    client = Client()

    def enter(password: str) -> Any:
        body = {"username": "ada", "password": password}
        return client.post("/admin/login/?next=/admin/", body)

    for _ in range(3):
        enter("wrong")
    refused = enter("secret")
    assert refused.status_code == 200
    assert "Too many wrong tries" in refused.text
    SignInTries.objects.all().delete()
    assert enter("secret").status_code == 302


@pytest.mark.parametrize(
    ("given", "known"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("2001:db8::1", "2001:db8::/64"),
        ("2001:db8::ffff:1", "2001:db8::/64"),
        ("", ""),
        ("unix:", ""),
    ],
)
def test_an_address(given: str, known: str) -> None:
    assert client_address(RequestFactory().get("/", REMOTE_ADDR=given)) == known


@pytest.mark.django_db(transaction=True)
def test_many_tries_at_the_same_time_count_as_many() -> None:
    statuses = race(*[lambda: sign_in("ada", "wrong").status_code] * 8)
    assert Counter(statuses) == {401: 3, 429: 5}


# The time it takes, as the number of times a password is hashed ---------------------------------

hashed: list[str] = []


class CountingHasher(QuickHasher):
    """Tells how often it was asked."""

    def encode(self, password: str, salt: str, iterations: int | None = None) -> str:
        hashed.append(salt)
        return super().encode(password, salt, iterations)


@pytest.mark.parametrize("name", ["ada", "gone", "keyless", "nobody-here"])
def test_a_wrong_password_and_an_unknown_name_cost_the_same(name: str) -> None:
    for known, active in (("ada", True), ("gone", False), ("keyless", True)):
        user = User(username=known, is_active=active)
        user.set_password(None if known == "keyless" else "secret")
        user.save()
    hashed.clear()
    answer = sign_in(name, "wrong")
    assert len(hashed) == 1
    assert answer.status_code == 401
    assert answer.content == sign_in("somebody-else", "wrong").content


# Tokens ---------------------------------------------------------------------------------------


def test_a_refresh_token_is_good_once() -> None:
    user_make("ada")
    first = sign_in("ada", "secret").json()["data"]
    assert set(first) == {"access", "refresh"}
    second = refresh(first["refresh"])
    assert second.status_code == 200
    again = refresh(first["refresh"])
    assert (again.status_code, again.json()["error"]["code"]) == (401, "UNAUTHORIZED")
    assert refresh(second.json()["data"]["refresh"]).status_code == 200


@pytest.mark.django_db(transaction=True)
def test_of_many_who_spend_one_token_one_gets_new_ones() -> None:
    token = str(RefreshToken.for_user(user_make()))
    answers = race(*[lambda: refresh(token)] * 6)
    assert Counter(answer.status_code for answer in answers) == {200: 1, 401: 5}
    [won] = [answer for answer in answers if answer.status_code == 200]
    # Two tabs are no theft: who won goes on.
    assert refresh(won.json()["data"]["refresh"]).status_code == 200


def _spent_long_ago() -> None:
    before = now() - timedelta(seconds=tokens.GRACE_S + 1)
    BlacklistedToken.objects.update(blacklisted_at=before)


def test_a_refresh_token_that_comes_again_ends_its_family() -> None:
    user_make("ada")
    first = sign_in("ada", "secret").json()["data"]
    other = sign_in("ada", "secret").json()["data"]
    second = refresh(first["refresh"]).json()["data"]
    third = refresh(second["refresh"]).json()["data"]
    _spent_long_ago()
    assert read_with(third["access"]) == 200
    assert refresh(first["refresh"]).status_code == 401
    assert refresh(third["refresh"]).status_code == 401
    assert [read_with(pair["access"]) for pair in (first, second, third)] == [401] * 3
    # Another sign-in of the same user is another family.
    assert read_with(other["access"]) == 200
    assert refresh(other["refresh"]).status_code == 200


@pytest.mark.django_db(transaction=True)
def test_a_family_ends_though_the_refresh_fails() -> None:
    """Also for who comes with the newest token at the same moment, or later."""
    token = str(RefreshToken.for_user(user_make()))
    newest = refresh(token).json()["data"]["refresh"]
    _spent_long_ago()
    race(lambda: refresh(token), lambda: refresh(token))
    assert refresh(newest).status_code == 401
    assert EndedFamily.objects.count() == 1


def test_ended_families_are_forgotten_when_their_tokens_are_over() -> None:
    for _ in range(2):
        token = str(RefreshToken.for_user(user_make()))
        client_of(None).post(f"{URL}/revoke", {"refresh": token})
        assert EndedFamily.objects.count() == 1
        left = EndedFamily.objects.get().expires_at - now()
        assert left > api_settings.REFRESH_TOKEN_LIFETIME
        EndedFamily.objects.update(expires_at=now() - timedelta(seconds=1))


def test_a_token_from_before_there_were_families_is_one_by_itself() -> None:
    token = RefreshToken.for_user(user_make())
    del token["family"]
    pair = refresh(str(token)).json()["data"]
    assert read_with(pair["access"]) == 200
    assert refresh(pair["refresh"]).status_code == 200


def read_with(access: str) -> int:
    headers = {"authorization": f"Bearer {access}"}
    return int(client_of(None).get("/api/v1/projects", headers=headers).status_code)


def test_signing_out_spends_the_token() -> None:
    token = str(RefreshToken.for_user(user_make()))
    assert client_of(None).post(f"{URL}/revoke", {"refresh": token}).status_code == 204
    assert refresh(token).status_code == 401
    assert client_of(None).post(f"{URL}/revoke", {"refresh": token}).status_code == 401


def test_signing_out_ends_the_access_token_too() -> None:
    user_make("ada")
    pair = sign_in("ada", "secret").json()["data"]
    client_of(None).post(f"{URL}/revoke", {"refresh": pair["refresh"]})
    assert read_with(pair["access"]) == 401


def test_a_changed_password_spends_all_tokens() -> None:
    user = user_make("ada")
    pair = sign_in("ada", "secret").json()["data"]
    user.set_password("another")
    user.save()
    headers = {"authorization": f"Bearer {pair['access']}"}
    assert client_of(None).get("/api/v1/projects", headers=headers).status_code == 401
    assert refresh(pair["refresh"]).status_code == 401


def test_only_spent_tokens_are_stored_and_old_ones_go() -> None:
    user_make("ada")
    first = sign_in("ada", "secret").json()["data"]["refresh"]
    assert not OutstandingToken.objects.exists()
    second = refresh(first).json()["data"]["refresh"]
    assert [row.token for row in OutstandingToken.objects.all()] == [first]
    OutstandingToken.objects.update(expires_at=now() - timedelta(seconds=1))
    refresh(second)
    assert [row.token for row in OutstandingToken.objects.all()] == [second]


def test_the_admin_shows_no_sign_in_tokens() -> None:
    client = Client()
    client.force_login(user_make(is_staff=True, is_superuser=True))
    shown = client.get("/admin/").text.lower()
    assert "api tokens" in shown  # of programs, by their names alone
    assert "outstanding" not in shown
    assert "blacklisted" not in shown


def test_no_password_and_no_token_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    user_make("ada")
    with caplog.at_level(logging.DEBUG):
        pair = sign_in("ada", "secret").json()["data"]
        sign_in("ada", "a-wrong-secret")
        headers = {"authorization": f"Bearer {pair['access']}"}
        client_of(None).get("/api/v1/projects", headers=headers)
        client_of(None).get("/api/v1/nothing", headers=headers)
        renewed = refresh(pair["refresh"]).json()["data"]
        refresh(pair["refresh"])
    assert caplog.records
    told = "\n".join(f"{record.getMessage()} {vars(record)}" for record in caplog.records)
    for secret in (pair["access"], pair["refresh"], renewed["refresh"], "a-wrong-secret"):
        assert secret not in told
