"""API tokens: made, shown once, used, listed and revoked."""

import hashlib
import io
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from django.test import Client
from django.utils.timezone import now

from batchgen.accounts.api_tokens import MOST
from batchgen.accounts.tokens import tokens_for
from batchgen.models import ApiToken, EndedFamily
from runs.live.rights import Right, ended
from tests.factories import bearer_client, client_of, project_make, token_made, user_make
from tests.integration.engine.world import World

pytestmark = pytest.mark.django_db(transaction=True)

TOKENS = "/api/v1/tokens"


def status_of(secret: str, path: str = "/api/v1/projects") -> int:
    return int(bearer_client(secret).get(path).status_code)


def made(user: User, **body: Any) -> dict[str, Any]:
    signed_in = bearer_client(tokens_for(user)["access"])
    answer = signed_in.post(TOKENS, {"name": "a dashboard", **body})
    assert answer.status_code == 201, answer.content
    data: dict[str, Any] = answer.json()["data"]
    return data


def test_a_token_is_shown_once_used_and_revoked() -> None:
    user = user_make()
    shown = made(user, scopes=["read", "contents"], days=3)
    secret, row = shown.pop("token"), ApiToken.objects.get()
    assert secret not in str(vars(row))
    assert row.secret_hash == hashlib.sha256(secret.encode()).hexdigest()
    assert shown["scopes"] == ["read", "contents"]
    assert shown["lastUsedAt"] is None
    assert status_of(secret) == 200
    (listed,) = client_of(user).get(TOKENS).json()["data"]
    assert listed == {**shown, "lastUsedAt": listed["lastUsedAt"]}
    assert listed["lastUsedAt"]
    assert client_of(user_make()).delete(f"{TOKENS}/{row.pk}").status_code == 404
    assert client_of(user).delete(f"{TOKENS}/{row.pk}").status_code == 204
    answer = bearer_client(secret).get("/api/v1/projects")
    assert (answer.status_code, answer["WWW-Authenticate"]) == (401, 'Bearer realm="api"')
    assert answer.json()["error"]["code"] == "UNAUTHORIZED"


def test_what_is_no_good_token_is_refused() -> None:
    user = user_make()
    row, secret = token_made(user)
    for wrong in (secret[:-1], f"{secret}x", secret.upper(), "bgt_", "bgt_é" + secret[5:]):
        assert status_of(wrong) == 401, wrong
    assert status_of(secret) == 200
    for change in ({"is_active": False}, {"password": "another"}):
        before = {name: getattr(user, name) for name in change}
        User.objects.filter(pk=user.pk).update(**change)
        assert status_of(secret) == 401, change
        User.objects.filter(pk=user.pk).update(**before)
    assert status_of(secret) == 200
    ApiToken.objects.filter(pk=row.pk).update(expires_at=now() - timedelta(seconds=1))
    assert status_of(secret) == 401


def test_a_token_manages_no_tokens() -> None:
    _, secret = token_made(user := user_make(), write=True, contents=True)
    client, other = bearer_client(secret), token_made(user)[0]
    for answer in (
        client.get(TOKENS),
        client.post(TOKENS, {"name": "more"}),
        client.delete(f"{TOKENS}/{other.pk}"),
    ):
        assert (answer.status_code, answer.json()["error"]["code"]) == (403, "FORBIDDEN")
    assert ApiToken.objects.count() == 2


def test_a_repetition_makes_no_second_one_and_shows_no_secret() -> None:
    client = client_of(user := user_make())
    first, again = (
        client.post(TOKENS, {"name": "once"}, headers={"Idempotency-Key": "k"}).json()["data"]
        for _ in range(2)
    )
    assert again == {**first, "token": None}
    assert client_of(user).delete(f"{TOKENS}/{first['id']}").status_code == 204
    gone = client.post(TOKENS, {"name": "once"}, headers={"Idempotency-Key": "k"})
    assert gone.status_code == 404


@pytest.mark.parametrize("name", ["", " x", "a\nb", "\x1b[2J", "a\u202eb", "x" * 101, 5])
def test_a_name_moves_no_cursor_where_it_is_listed(name: object) -> None:
    answer = client_of(user_make()).post(TOKENS, {"name": name})
    assert answer.status_code == 400
    assert set(answer.json()["error"]["details"]) == {"name"}


def test_nobody_has_more_than_so_many() -> None:
    user = user_make()
    for _ in range(MOST):
        token_made(user)
    answer = client_of(user).post(TOKENS, {"name": "one more"})
    assert (answer.status_code, answer.json()["error"]["code"]) == (409, "QUOTA_REACHED")


def test_a_stream_ends_with_the_token_that_opened_it() -> None:
    run = World.make(epics=1).run
    user = run.project.created_by
    assert user
    row, _ = token_made(user, contents=True)
    right = Right(
        user_id=user.pk,
        password=user.password,
        family=row.pk,
        session_key=None,
        run_id=run.pk,
        may_control=True,
    )
    assert ended([right]) == set()
    assert client_of(user).delete(f"{TOKENS}/{row.pk}").status_code == 204
    assert ended([right]) == {right}


def test_the_command_makes_lists_and_revokes() -> None:
    def token(*words: str) -> str:
        out = io.StringIO()
        call_command("token", *words, "--user", "ada", stdout=out, stderr=io.StringIO())
        return out.getvalue().strip()

    with pytest.raises(CommandError, match="no active user ada"):
        token("list")
    project = project_make(user_make("ada"))
    secret = token("create", "a shell", "--write")
    assert status_of(secret, f"/api/v1/projects/{project.pk}") == 200
    row = ApiToken.objects.get()
    assert (row.write, row.contents) == (True, False)
    assert token("list").startswith(f"{row.pk} read write, last used 2")
    token("revoke", str(row.pk))
    assert status_of(secret) == 401
    with pytest.raises(CommandError, match="nothing here"):
        token("revoke", str(row.pk))


def test_staff_revoke_in_the_admin_and_see_no_secret() -> None:
    row, secret = token_made(user_make())
    browser = Client()
    browser.force_login(user_make(is_staff=True, is_superuser=True))
    for path in ("", f"{row.pk}/change/"):
        page = browser.get(f"/admin/batchgen/apitoken/{path}").content.decode()
        assert row.name in page
        assert row.secret_hash not in page
    assert browser.get("/admin/batchgen/apitoken/add/").status_code == 403
    assert status_of(secret) == 200
    chosen = {"action": "delete_selected", "_selected_action": str(row.pk), "post": "yes"}
    browser.post("/admin/batchgen/apitoken/", chosen)
    assert status_of(secret) == 401
    assert EndedFamily.objects.filter(pk=row.pk).exists()
