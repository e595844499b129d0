"""What webhooks brought, and what they had to bring (I16)."""

import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from random import Random
from uuid import UUID

from standardwebhooks import Webhook as Verifier
from standardwebhooks import WebhookVerificationError

from runs.models import Run
from runs.webhooks.models import Delivery, Webhook
from runs.webhooks.signing import secret_of
from tests.acceptance.faults.journal import Journal
from tests.integration.webhooks.receiver import Came, Receiver

#: A receiver of these days fails so often.
_FAILS = 0.03
#: Signatures are good for five minutes.
_VERIFIABLE_S = 240.0


@dataclass(kw_only=True)
class Hooks:
    """The receiver's side: every message by its id, as it came first, and how often."""

    random: Random
    away: bool = False
    #: Messages that came again; those were to, for the receiver had refused them.
    again: int = 0
    _read: int = 0
    _first: dict[str, Came] = field(default_factory=dict)
    _order: dict[str, int] = field(default_factory=dict)

    def answer(self, _: Receiver) -> int:
        """What the receiver says to a message."""
        return 503 if self.away or self.random.random() < _FAILS else 204

    def read(self, receiver: Receiver) -> None:
        """Look at what came since."""
        came = receiver.came[self._read :]
        self._read += len(came)
        for each in came:
            if each.id in self._first:
                self.again += 1
            else:
                self._order[each.id] = len(self._order)
                self._first[each.id] = each

    def check(self, journal: Journal, hook: Webhook, runs: Iterable[Run]) -> int:
        """Each run's end was written down once, what counts as delivered came, signed, and in the
        order of each run; how many there were."""
        deliveries = list(Delivery.objects.filter(hook=hook).order_by("id"))
        for run in runs:
            ends = [d for d in deliveries if (d.run_id, d.type) == (run.id, "run.ended")]
            if len(ends) != 1:
                journal.violate("I16", f"{len(ends)} messages of the end of run {run.id}")
        places: dict[UUID, list[int]] = {}
        for delivery in deliveries:
            if delivery.status == Delivery.Status.PENDING:
                journal.violate("I16", f"{delivery} is not delivered: {delivery.error}")
            came = self._first.get(str(delivery.message_id))
            if came is None:
                if delivery.status == Delivery.Status.DELIVERED:
                    journal.violate("I16", f"{delivery} was delivered and did not come")
                continue
            _verify(journal, hook, came)
            if delivery.run_id:
                places.setdefault(delivery.run_id, []).append(self._order[came.id])
        for run_id, came_at in places.items():
            if came_at != sorted(came_at):
                journal.violate("I16", f"messages of run {run_id} came out of turn")
        return len(deliveries)


def _verify(journal: Journal, hook: Webhook, came: Came) -> None:
    if time.time() - int(came.headers["webhook-timestamp"]) > _VERIFIABLE_S:
        return
    try:
        Verifier(secret_of(hook)).verify(came.body, came.headers)
    except WebhookVerificationError as why:
        journal.violate("I16", f"message {came.id}: {why}")
