"""Stream tickets: single-use tokens for browsers, whose EventSource can send no header.

Good once, for a short time, for one user and one run, and while the password is the one that it was
got with. Redis knows a ticket's hash only.
"""

import hashlib
import json
import re
import secrets
import time
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.contrib.auth.models import User
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.openapi import AutoSchema
from rest_framework.authentication import BaseAuthentication
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request
from rest_framework_simplejwt.utils import get_md5_hash_password

from batchgen.accounts.tokens import has_ended
from batchgen.db.clock import database_now
from batchgen.redis import client as redis

TICKET_S = 60
#: The query parameter.
PARAMETER = "ticket"
_TICKET = re.compile(r"[\w-]{43}", re.ASCII)


@dataclass(frozen=True, kw_only=True, slots=True)
class Ticket:
    """A ticket that was brought: what `request.auth` then is."""

    #: When the sign-in ends that it was got with, by `time.time()`.
    until: float
    #: Of the token that it was got with.
    family: UUID | None


def ticket_issue(
    *, user: User, run_id: UUID, until: float, family: UUID | None
) -> tuple[str, datetime]:
    """A new ticket, and until when it is good; its stream ends at `until`, by `time.time()`.

    Args:
        family: of the token that it is got with; None: it is got with none.

    Raises:
        redis.RedisError: Redis is away.
    """
    ticket = secrets.token_urlsafe(32)
    value = {
        "user": user.pk,
        "run": str(run_id),
        "until": until,
        "password": _mark(user),
        "family": str(family) if family else None,
    }
    redis.client().set(_key(ticket), json.dumps(value), ex=TICKET_S)
    return ticket, database_now() + timedelta(seconds=TICKET_S)


def _redeem(text: str, run_id: UUID) -> tuple[User, Ticket] | None:
    """Whose it is; whatever the answer, the ticket is used up."""
    raw: Any = redis.client().getdel(_key(text)) if _TICKET.fullmatch(text) else None
    value = json.loads(raw) if raw else {}
    if value.get("run") != str(run_id) or value["until"] <= time.time():
        return None
    family = UUID(value["family"]) if value["family"] else None
    user = User.objects.filter(pk=value["user"], is_active=True).first()
    if user is None or value["password"] != _mark(user) or has_ended(family):
        return None
    return user, Ticket(until=value["until"], family=family)


def _mark(user: User) -> str:
    """Of the password, as tokens have it."""
    return str(get_md5_hash_password(user.password))


def _key(ticket: str) -> str:
    return redis.key(f"ticket:{hashlib.sha256(ticket.encode()).hexdigest()}")


class TicketAuthentication(BaseAuthentication):
    """Signs in who brings a ticket for the run in the address."""

    def authenticate(self, request: Request) -> tuple[User, Ticket] | None:
        """The user and the ticket that the query string names; None without one.

        Raises:
            AuthenticationFailed: the ticket is unknown, used, expired or for another run.
        """
        ticket = request.query_params.get(PARAMETER)
        if not ticket:
            return None
        redeemed = _redeem(ticket, request.parser_context["kwargs"]["run_id"])
        if redeemed is None:
            raise AuthenticationFailed("Invalid or expired stream ticket. Ask for a new one.")
        return redeemed

    def authenticate_header(self, request: Request) -> str:
        """As for the other ways to sign in: what a 401 names."""
        return 'Bearer realm="api"'


class TicketScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]  # the library's
    """How the OpenAPI document shows it; drf-spectacular finds it by itself."""

    target_class = TicketAuthentication
    name = "streamTicket"

    def get_security_definition(self, auto_schema: AutoSchema) -> dict[str, str]:
        return {"type": "apiKey", "in": "query", "name": PARAMETER}
