"""A stream ends with the right to read it, whatever takes that away, read or not."""

from collections.abc import Callable
from datetime import timedelta

import httpx2
import pytest
from django.contrib.auth.models import User
from django.contrib.sessions.models import Session
from django.test import Client
from rest_framework_simplejwt.tokens import AccessToken

from batchgen.accounts.tokens import token_revoke, tokens_for
from epics.models import Membership
from runs.live.tickets import ticket_issue
from runs.models import RunLog
from tests.acceptance.attacks.clients import asking, begun, connections, opened
from tests.acceptance.fleet import wait_for
from tests.acceptance.live.watcher import Watcher
from tests.acceptance.live.web import Web
from tests.factories import member_make
from tests.integration.engine.world import World

pytestmark = pytest.mark.slow


@pytest.fixture
def editor(world: World) -> User:
    return member_make(world.run.project, "editor")


def removed(user: User) -> None:
    Membership.objects.filter(user=user).delete()


def deactivated(user: User) -> None:
    User.objects.filter(pk=user.pk).update(is_active=False)


def given_another_password(user: User) -> None:
    user.set_password("another one")
    user.save(update_fields=["password"])


def deleted(user: User) -> None:
    user.delete()


LOSSES: dict[Callable[[User], None], int] = {
    removed: 404,
    deactivated: 401,
    given_another_password: 401,
    deleted: 401,
}


@pytest.mark.parametrize("loses", LOSSES)
def test_a_stream_ends_with_the_right_to_it(
    web: Web, world: World, editor: User, loses: Callable[[User], None]
) -> None:
    watcher = web.watch(world.run, token=web.token(editor))
    by_ticket = Watcher(web.events(world.run), ticket=ticket_of(web, world, editor))
    others = web.watch(world.run)
    for each in (watcher, by_ticket, others):
        each.wait_for("run")
    loses(editor)
    watcher.wait_over()
    by_ticket.wait_over()
    assert (watcher.statuses, by_ticket.statuses) == ([200, LOSSES[loses]], [200, 401])
    RunLog.objects.create(run=world.run, message="still told")
    others.wait(
        lambda: others.of("log")[-1]["message"] == "still told", "the others' streams go on"
    )
    others.close()


def test_a_stream_ends_with_the_role_and_comes_back_with_the_new_one(
    web: Web, world: World, editor: User
) -> None:
    watcher = web.watch(world.run, token=web.token(editor))
    watcher.wait_for("run")
    assert watcher.of("run")[-1]["controls"]
    Membership.objects.filter(user=editor).update(role="viewer")
    watcher.wait(lambda: watcher.statuses == [200, 200], "it came back")
    RunLog.objects.create(run=world.run, message="news")
    watcher.wait(lambda: watcher.of("log"), "it goes on")
    watcher.close()


def test_a_stream_ends_with_its_session(web: Web, world: World, editor: User) -> None:
    browser = Client()
    browser.force_login(editor)
    key = browser.cookies["sessionid"].value
    watcher = Watcher(web.events(world.run), cookie=f"sessionid={key}")
    watcher.wait_for("run")
    Session.objects.filter(session_key=key).delete()
    watcher.wait_over()
    assert watcher.statuses == [200, 401]


def test_a_stream_and_a_tickets_end_with_the_sign_in_by_token(
    web: Web, world: World, editor: User
) -> None:
    tokens = tokens_for(editor)
    ticket, late = (ticket_of(web, world, token=tokens["access"]) for _ in range(2))
    watcher = web.watch(world.run, token=tokens["access"])
    by_ticket = Watcher(web.events(world.run), ticket=ticket)
    watcher.wait_for("run")
    by_ticket.wait_for("run")
    token_revoke(tokens["refresh"])
    watcher.wait_over()
    by_ticket.wait_over()
    assert (watcher.statuses, by_ticket.statuses) == ([200, 401], [200, 401])
    assert opens(web, world, late) == 401


def test_who_does_not_read_loses_the_stream_as_soon(web: Web, world: World, editor: User) -> None:
    head = asking(web, f"/api/v1/runs/{world.run.id}/events", user=editor)
    with opened(web, head) as clients:
        begun(clients)
        for _ in range(20):
            RunLog.objects.bulk_create(
                RunLog(run=world.run, message="x" * 10_000) for _ in range(50)
            )
        removed(editor)
        wait_for(lambda: connections(web) == 0, "the stream is cut", timeout_s=10)


def test_a_ticket_is_good_while_its_password_is(web: Web, world: World, editor: User) -> None:
    ticket = ticket_of(web, world, editor)
    given_another_password(editor)
    assert opens(web, world, ticket) == 401


def test_a_tickets_stream_ends_with_the_token_that_got_it(
    web: Web, world: World, editor: User
) -> None:
    token = AccessToken.for_user(editor)
    token.set_exp(lifetime=timedelta(seconds=-27))  # and 30 s of leeway
    ticket = ticket_of(web, world, token=str(token))
    watcher = Watcher(web.events(world.run), ticket=ticket)
    watcher.wait_for("run")
    watcher.wait_over()
    assert watcher.statuses == [200, 401]


def test_a_ticket_dies_with_the_sign_in_that_got_it(web: Web, world: World, editor: User) -> None:
    ticket, _ = ticket_issue(user=editor, run_id=world.run.id, until=0, family=None)
    assert opens(web, world, ticket) == 401


def ticket_of(web: Web, world: World, user: User | None = None, token: str = "") -> str:
    headers = {"Authorization": f"Bearer {token or web.token(user)}"}
    url = f"{web.url}/api/v1/runs/{world.run.id}/stream-ticket"
    answer = httpx2.post(url, json={}, headers=headers, trust_env=False)
    ticket: str = answer.json()["data"]["ticket"]
    return ticket


def opens(web: Web, world: World, ticket: str) -> int:
    """The status."""
    return httpx2.get(web.events(world.run), params={"ticket": ticket}, trust_env=False).status_code
