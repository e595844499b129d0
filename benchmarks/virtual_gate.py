"""The gate's real script, asked at the times of a virtual clock: for simulations, and tests."""

import redis

from limiter.gate import SCRIPT, grants_read, report_text
from limiter.keys import gate_keys
from limiter.values import Ceilings, Grants, Report


class VirtualGate:
    """A gate in Redis under a clock that its user moves."""

    def __init__(self, client: redis.Redis, name: str, ceilings: Ceilings) -> None:
        self.name = name
        self.keys = gate_keys(name)
        self._ceilings = ceilings
        self._script = client.register_script(SCRIPT)

    def ask(self, report: Report, *, now: float) -> Grants:
        """As `limiter.gate.Gate`, at this time."""
        said = report_text(report, self._ceilings, now=now)
        return grants_read(self._script(keys=self.keys, args=[said]))
