"""Checks of settings that are valid alone and contradict each other.

What would break promises stops the start of every program, whichever reads the settings. What is
only unwise is told: by Django's checks, and in the log of web, worker and beat.
"""

import logging
from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from typing import Any, NamedTuple

from django.conf import settings
from django.core import checks

log = logging.getLogger(__name__)

#: As Django's own check has it (security.W009), which only warns.
_LEAST_KEY, _LEAST_CHARACTERS = 50, 10
#: A year: less than that no browser takes into its list.
_PRELOAD_S = 31_536_000


class _AtLeast(NamedTuple):
    """One setting may not be less than so many times another."""

    more: str
    times: int
    less: str
    why: str

    def said(self, given: Mapping[str, Any]) -> str | None:
        """What is wrong, if it is."""
        more, less = given[self.more], given[self.less]
        if more >= self.times * less:
            return None
        times = f"{self.times} times " if self.times > 1 else ""
        return (
            f"BATCHGEN_{self.more} is {more:g} and BATCHGEN_{self.less} is {less:g}; it must be at "
            f"least {times}that: {self.why}."
        )


_REFUSED = (
    _AtLeast(
        "WORKER_LEASE_S", 3, "HEARTBEAT_S", "a worker that lives would be taken for dead, and its "
        "epics given to others while it pays for them",
    ),
    _AtLeast(
        "WORKER_LEASE_S", 1, "RECONCILE_S", "a dead worker's epics would wait for longer than its "
        "lease",
    ),
    _AtLeast(
        "BATCH_LOST_S", 1, "PROVIDER_TIMEOUT_S", "a batch that is being created would count as "
        "lost, and be created twice",
    ),
    _AtLeast(
        "BATCH_POLL_MOST_S", 1, "BATCH_POLL_S", "the provider is asked less often as batches age",
    ),
    _AtLeast(
        "MESSAGE_LOST_S", 2, "SLOT_WAIT_S", "a message that a worker has in hand would count as "
        "lost, and be sent again",
    ),
)  # fmt: skip
_UNWISE = (
    _AtLeast(
        "STOP_GRACE_S", 1, "PROVIDER_TIMEOUT_S", "a stop would break off calls that have begun, "
        "and they are paid for twice",
    ),
    _AtLeast(
        "LIVE_STREAMS", 1, "LIVE_STREAMS_PER_USER", "one user could take every stream of a process"
    ),
    _AtLeast("CONNECTIONS", 1, "LIVE_STREAMS", "streams could take every connection of a process"),
    _AtLeast(
        "CONNECTIONS", 1, "CONNECTIONS_PER_ADDRESS", "one address could take every connection of a "
        "process",
    ),
)  # fmt: skip


def refusals(given: Mapping[str, Any]) -> list[str]:
    """Why these settings, by their names in batchgen/settings.py, cannot be started with."""
    found = [said for rule in _REFUSED if (said := rule.said(given))]
    if given["SECURE_HSTS_PRELOAD"] and not (
        given["SECURE_HSTS_INCLUDE_SUBDOMAINS"] and given["SECURE_HSTS_SECONDS"] >= _PRELOAD_S
    ):
        found.append(
            "BATCHGEN_HSTS_PRELOAD is on; browsers' lists take a name only with "
            f"BATCHGEN_HSTS_SUBDOMAINS on and BATCHGEN_HSTS_S of {_PRELOAD_S} or more."
        )
    key = given["SECRET_KEY"]
    if given["PRODUCTION"] and (len(key) < _LEAST_KEY or len(set(key)) < _LEAST_CHARACTERS):
        found.append(
            f"BATCHGEN_SECRET_KEY has {len(key)} characters, {len(set(key))} different ones; in "
            f"production it must have {_LEAST_KEY} random ones: whoever guesses it signs tokens "
            "for everybody. One is made by "
            "`python -c 'import secrets; print(secrets.token_urlsafe(50))'`."
        )
    return found


def warnings() -> Iterator[str]:
    """What is unwise about the settings of this process."""
    given = {name: getattr(settings, name) for rule in _UNWISE for name in (rule.more, rule.less)}
    yield from (said for rule in _UNWISE if (said := rule.said(given)))
    if settings.SECURE_SSL_REDIRECT and settings.TRUSTED_PROXIES == []:
        yield (
            "BATCHGEN_SSL_REDIRECT is on and BATCHGEN_TRUSTED_PROXIES is empty: behind a proxy "
            "that ends TLS every request is redirected for ever, and all clients share its address."
        )
    if settings.PROVIDER_NAME == "simulator" and not settings.ANTHROPIC_BASE_URL:
        yield (
            "BATCHGEN_PROVIDER_NAME is simulator and ANTHROPIC_BASE_URL is empty: calls go to "
            "Anthropic, cost money, and are said to be simulated."
        )
    yield from map(_unknown, settings.UNKNOWN_VARIABLES)


def log_warnings() -> None:
    """For programs that run no checks of Django's at their start."""
    for text in warnings():
        log.warning("%s", text)


@checks.register("batchgen")
def check_settings(**_: object) -> list[checks.CheckMessage]:
    """The same for `manage.py check`, and so for `manage.py doctor`."""
    return [checks.Warning(text, id="batchgen.W001") for text in warnings()]


def _unknown(name: str) -> str:
    near = get_close_matches(name.upper(), settings.KNOWN_VARIABLES, n=1)
    meant = f" Did you mean {near[0]}?" if near else ""
    return f"Nothing reads {name}.{meant}"
