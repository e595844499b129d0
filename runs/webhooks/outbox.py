"""The outbox: what happened is written down as deliveries, one for each hook that wants it.

Of a run: by the engine's news (`runs.engine.news`), in the transaction that moves it, with the run
as it is in there. So a message is there exactly where the move is, and says what was so then. A
project without a hook costs one look by an index. A run that cannot be read is no reason to refuse
the move: the body is made later.

Of an item that failed: by a trigger (migration 0001), in the statement that ends the item, for rows
that become FAILED alone. No statement is added on an item's way; an item that does not fail pays
for one comparison.

Of a gate: closings come by workers, people and the clock, and nobody writes that one is over. So
they are found by looking: `ToldGate` has a row for each gate that hooks were told is closed.
Whoever makes the row tells of the closing, whoever deletes it of the opening; of several one does.
One that is over before somebody looked, within a second, is not told.

Nothing here sends. If the process dies after any of these commits, the deliveries are there, and
`runs.webhooks.delivering` finds them.
"""

import logging
from uuid import UUID

from django.db import transaction
from django.db.models import QuerySet, Subquery
from django.db.models.functions import Now

from batchgen.db.clock import database_now
from batchgen.db.compiled_query import CompiledRows
from limiter.status import Closed
from providers.registry import pool_shown
from runs.closures import closed_gates
from runs.engine.news import RunNews
from runs.models import Run
from runs.reads.gates import gates_of
from runs.webhooks.bodies import gate_body, run_body
from runs.webhooks.events import EventType
from runs.webhooks.models import Delivery, ToldGate, Webhook

log = logging.getLogger(__name__)


def run_tell(run_id: UUID, news: RunNews) -> None:
    """Write down what befell the run, in the caller's transaction."""
    hooks = list(CompiledRows(_hooks_of, run_id=run_id, event=news))
    if not hooks:
        return
    at = vars(hooks[0])["now"]
    body = None
    try:
        with transaction.atomic():
            body = run_body(news, run_id=run_id, at=at)
    except Exception:
        log.exception("run %s: no body for %s; it is made later", run_id, news)
    Delivery.objects.bulk_create(
        Delivery(hook=hook, type=news, at=at, ordering_key=str(run_id), run_id=run_id, body=body)
        for hook in hooks
    )


def gates_tell() -> int:
    """Write down which gates were closed or opened since the last look; how many."""
    told = set(ToldGate.objects.values_list("gate", flat=True))
    closed = closed_gates()
    changed: list[tuple[str, Closed | None]]
    changed = [(gate, closing) for gate, closing in closed.items() if gate not in told]
    changed += [(gate, None) for gate in told - closed.keys()]
    return sum(_gate_tell(gate, closing) for gate, closing in changed)


def _gate_tell(gate: str, closing: Closed | None) -> bool:
    """Whether it was this look that told."""
    event = EventType.GATE_CLOSED if closing else EventType.GATE_OPENED
    at = database_now()
    # Redis is asked before the transaction begins.
    body = gate_body(event, model=_model(gate), gate=gate, at=at, closed=closing)
    with transaction.atomic():
        if closing:
            _, mine = ToldGate.objects.get_or_create(gate=gate)
        else:
            mine = bool(ToldGate.objects.filter(gate=gate).delete()[0])
        if mine:
            Delivery.objects.bulk_create(
                Delivery(hook=hook, type=event, at=at, ordering_key=gate, body=body)
                for hook in _wanting(event)
            )
    return mine


def _model(gate: str) -> str:
    """A model whose gate it is, as the queue calls it."""
    known = sorted(model for model, name in gates_of(Run.objects.all()).items() if name == gate)
    return known[0] if known else pool_shown(gate)


def _hooks_of(*, run_id: UUID, event: str) -> "QuerySet[Webhook]":
    """Of the run's project, each with the time as `now`."""
    project = Run.objects.filter(pk=run_id).values("project")
    return _wanting(event).filter(project=Subquery(project)).annotate(now=Now())


def _wanting(event: str) -> "QuerySet[Webhook]":
    return Webhook.objects.order_by("id").filter(active=True, events__contains=[str(event)])
