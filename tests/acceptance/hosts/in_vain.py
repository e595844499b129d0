"""Which requests from outside may fail, and how: those that a fault explains."""

import time
from collections import Counter
from dataclasses import dataclass

from tests.acceptance.faults.journal import Journal
from tests.acceptance.hosts.kinds import KINDS
from tests.acceptance.hosts.visits import CLIENTS, Visit, Visits

#: batchgen's own: it says when to ask again.
_UNAVAILABLE = 503
#: The proxy's, of a web host that it cannot reach or hear; 0: the client had waited long enough.
_OF_THE_WAY = frozenset({0, 502, 504, _UNAVAILABLE})


@dataclass(frozen=True, kw_only=True, slots=True)
class Excuse:
    """What may fail while a fault lasts.

    Attributes:
        most: requests; None: any number.
        statuses: 0 for no answer.
    """

    most: int | None
    statuses: frozenset[int]


_AWAY = Excuse(most=None, statuses=frozenset({_UNAVAILABLE}))
#: What was under way at a web host that is cut off: one request of each client.
_UNDER_WAY = Excuse(most=CLIENTS, statuses=_OF_THE_WAY)
#: Of all other kinds none.
IN_VAIN = {
    **{kind: _AWAY for kind in KINDS if kind.startswith(("H3", "H4"))},
    "H2 web cut off": _UNDER_WAY,
    "H2 web cut from PostgreSQL for long": _AWAY,
    "H2 host with a transaction cut off": _UNDER_WAY,
    "H2 host with a direct transaction cut off": _UNDER_WAY,
    "H8 every tenth packet lost": Excuse(most=None, statuses=_OF_THE_WAY),
}


def check_visits(visits: Visits, journal: Journal) -> None:
    """Whoever comes from outside gets what was asked for, but for what a fault explains."""
    used: Counter[tuple[float, str]] = Counter()
    for visit in visits.failed(journal.begun, time.monotonic()):
        if not _is_explained(visit, journal, used):
            kinds = " & ".join(_kinds(visit, journal)) or "nothing"
            at = visit.asked - journal.begun
            journal.violate("web", f"{visit.method} at {at:.1f} s: {visit.told} (beside {kinds})")


def _is_explained(visit: Visit, journal: Journal, used: Counter[tuple[float, str]]) -> bool:
    if visit.status == _UNAVAILABLE and not visit.is_clear:
        return False
    for step in journal.steps:
        if not step.holds(visit.asked, visit.answered):
            continue
        for kind in step.kinds:
            excuse = IN_VAIN.get(kind)
            if excuse is None or visit.status not in excuse.statuses:
                continue
            if excuse.most is None or used[step.begun, kind] < excuse.most:
                used[step.begun, kind] += 1
                return True
    return False


def _kinds(visit: Visit, journal: Journal) -> list[str]:
    return [
        kind
        for step in journal.steps
        if step.holds(visit.asked, visit.answered)
        for kind in step.kinds
    ]
