"""Provider calls of an attempt, beyond those that its claim and its end write down."""

from collections.abc import Mapping
from uuid import UUID

from psycopg.types.json import Jsonb

from batchgen.db.sql import Statement
from runs.engine.groups import LOCKED_S
from runs.engine.lanes import PATIENCE_S, Fence
from runs.engine.outcomes import Spend
from runs.engine.queries import QUERIES


def call_next(
    *,
    fence: Fence,
    call_id: UUID | None,
    next_call_id: UUID,
    spend: Spend,
    response: Mapping[str, str],
    purpose: str,
    model: str,
    held_micro_usd: int | None = None,
) -> Statement[bool]:
    """End a call and begin the attempt's next one; False where it may not start.

    Args:
        held_micro_usd: the most that the next one can cost; None where its model has no price.
    """
    return Statement(
        queries=QUERIES,
        name="call_next",
        params={
            **fence.params(),
            **spend.params(),
            "call_id": call_id,
            "next_call_id": next_call_id,
            "response": Jsonb(response),
            "purpose": purpose,
            "model": model,
            "held_micro_usd": held_micro_usd,
        },
        read=lambda rows: bool(rows[0]["begun"]),
        patience_s=PATIENCE_S,
        locked_s=LOCKED_S,
    )


def call_hold(*, call_id: UUID, held_micro_usd: int) -> Statement[None]:
    """Hold more for a call that has not begun to be made."""
    return Statement(
        queries=QUERIES,
        name="call_hold",
        params={"call_id": call_id, "held_micro_usd": held_micro_usd},
        read=lambda _: None,
        patience_s=PATIENCE_S,
    )


def call_book(
    *,
    lane_id: int,
    call_id: UUID | None,
    spend: Spend,
    response: Mapping[str, str] | None = None,
) -> Statement[None]:
    """Book what an attempt spent that was overtaken, or given up after an answer.

    Args:
        response: the answer, where a later attempt is to have it.
    """
    params = {
        **spend.params(),
        "lane_id": lane_id,
        "call_id": call_id,
        "response": None if response is None else Jsonb(response),
    }
    return Statement(
        queries=QUERIES,
        name="call_book",
        params=params,
        read=lambda _: None,
        patience_s=PATIENCE_S,
        locked_s=LOCKED_S,
    )
