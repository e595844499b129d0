"""Stream tickets, for a browser on another origin: its EventSource can send no header.

Good once, for a short time, for one user and one run. Redis knows a ticket's hash only.
"""

import hashlib
import json
import secrets
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.contrib.auth.models import User
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.openapi import AutoSchema
from rest_framework.authentication import BaseAuthentication
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request

from batchgen import redis
from batchgen.clock import database_now

TICKET_S = 60
#: The query parameter.
PARAMETER = "ticket"


def ticket_issue(*, user: User, run_id: UUID) -> tuple[str, datetime]:
    """A new ticket, and until when it is good.

    Raises:
        redis.RedisError: Redis is away.
    """
    ticket = secrets.token_urlsafe(32)
    value = json.dumps({"user": user.pk, "run": str(run_id)})
    redis.client().set(_key(ticket), value, ex=TICKET_S)
    return ticket, database_now() + timedelta(seconds=TICKET_S)


def _redeem(ticket: str, run_id: UUID) -> User | None:
    """Whose it is; whatever the answer, the ticket is used up."""
    raw: Any = redis.client().getdel(_key(ticket))
    value = json.loads(raw) if raw else {}
    if value.get("run") != str(run_id):
        return None
    return User.objects.filter(pk=value["user"], is_active=True).first()


def _key(ticket: str) -> str:
    return redis.key(f"ticket:{hashlib.sha256(ticket.encode()).hexdigest()}")


class TicketAuthentication(BaseAuthentication):
    """Signs in who brings a ticket for the run in the address."""

    def authenticate(self, request: Request) -> tuple[User, None] | None:
        """Raises:
        AuthenticationFailed: the ticket is unknown, used, too old or for another run.
        """
        ticket = request.query_params.get(PARAMETER)
        if not ticket:
            return None
        user = _redeem(ticket, request.parser_context["kwargs"]["run_id"])
        if user is None:
            raise AuthenticationFailed("This ticket is not good (any more). Ask for a new one.")
        return user, None

    def authenticate_header(self, request: Request) -> str:
        """As for the other ways to sign in: what a 401 names."""
        return 'Bearer realm="api"'


class TicketScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]  # the library's
    """How the OpenAPI document shows it; drf-spectacular finds it by itself."""

    target_class = TicketAuthentication
    name = "streamTicket"

    def get_security_definition(self, auto_schema: AutoSchema) -> dict[str, str]:
        return {"type": "apiKey", "in": "query", "name": PARAMETER}
