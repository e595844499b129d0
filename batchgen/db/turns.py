"""Turns of processes: what one at a time does, for all of them."""

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connection, transaction

#: PostgreSQL gives a turn to others when its holder was silent for so long: a host that is gone, or
#: stands still, says nothing, and its transaction would be open until TCP gives it up.
VANISHED_S = 15.0


@contextmanager
def turn(lock: int, *, vanished_s: float = VANISHED_S) -> Iterator[bool]:
    """Whether this process has the turn that an advisory lock stands for.

    A transaction holds it until the end of the block, behind a transaction pooler too.

    Raises:
        django.db.Error: PostgreSQL is away; or, at the end of a block that sent this transaction
            nothing for `vanished_s`, others may have had the turn.
    """
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_try_advisory_xact_lock(%s), "
            "set_config('idle_in_transaction_session_timeout', %s, true)",
            [lock, f"{vanished_s * 1000:.0f}"],
        )
        (mine, _) = cursor.fetchone() or (False, "")
        yield mine
