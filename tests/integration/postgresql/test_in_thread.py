"""Blocking work of an event loop's coroutines."""

import threading

import pytest
from django.db import connection

from batchgen.db.in_thread import in_thread
from tests.loops import in_loop

pytestmark = pytest.mark.django_db(transaction=True)


def _asked(word: str, *, then: Exception | None = None) -> tuple[str, threading.Thread]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT %s", [word])
        (found,) = cursor.fetchone()
    if then:
        raise then
    return found, threading.current_thread()


def _holds_connection() -> bool:
    return connection.connection is not None


@in_loop
async def test_the_orm_may_be_used_and_no_connection_is_kept() -> None:
    found, thread = await in_thread(_asked, "yes")
    assert found == "yes"
    assert thread is not threading.current_thread()
    with pytest.raises(ValueError, match="no"):
        await in_thread(_asked, "yes", then=ValueError("no"))
    assert not await in_thread(_holds_connection)
