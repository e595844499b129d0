"""Event stream endpoints: authentication, the starting position, and stream tickets."""

import time
from datetime import timedelta
from uuid import UUID

from django.conf import settings
from django.http import HttpResponse, HttpResponseBase
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView
from rest_framework_simplejwt.settings import api_settings
from rest_framework_simplejwt.tokens import Token

from batchgen.accounts.api_tokens import ApiBearer
from batchgen.accounts.tokens import family_of
from batchgen.api.inputs import NothingInput
from batchgen.api.negotiation import Negotiation
from batchgen.api.operations import operation, signed_in, valid
from batchgen.api.output import shown
from batchgen.errors import ValidationFailed
from runs.live import stream
from runs.live.asgi import Stream, hand_over
from runs.live.events import Position
from runs.live.rights import Right
from runs.live.serializers import RUN_EVENT, TicketOutput
from runs.live.tickets import PARAMETER, Ticket, TicketAuthentication, ticket_issue
from runs.models import Run
from runs.reads.selectors import run_plain

_EVENT_STREAM = "text/event-stream"
_EXAMPLE = """\
id: 1764495000123-0
event: log
data: {"seq":7,"at":"2026-11-30T09:30:00Z","level":"info","epicCode":"E3","message":"[E3] …"}

id: 1764495000123-1
event: epic
data: {"runEpicId":"…","epicCode":"E3","status":"COMPLETED", …}

id: 1764495000123-2
event: run
data: {"runId":"…","status":"RUNNING","completedEpics":3, …}

event: heartbeat
data: {"at":"2026-11-30T09:30:15Z"}

"""
_DESCRIPTION = f"""\
A stream of Server-Sent Events. Each `data` is a whole object as the other endpoints show it,
never a difference, so a later one replaces an earlier one:

- `run`, `epic`, `log`: what changed. A pause shows in `run` alone, not in every waiting epic.
- `heartbeat` every 15 s. None for 35 s: the connection is dead, open a new one.
- `reset`: what came after your id is gone, or you read too slowly. Read the run again; what
  follows here goes on from this moment.
- `end`: the run is over; nothing follows, and the stream closes.

Without an id the stream opens with what there is: the last 200 lines, the first 1,000 epics in
their order, and the run, which carries the id of that moment. With an id (`Last-Event-ID`, which a
browser sends by itself when it reconnects, or `lastEventId`) it goes on after that event, without
a gap and without a repeat. Changes that follow each other within some milliseconds may be told as
one. Who has had the `end` gets 204, on which a browser stops.

A stream ends some seconds after its user was deactivated, has another password or another role in
the project, or signed out; and with the token that opened it, or that its ticket was got with:
reconnect with a new one. A browser on another origin, whose EventSource can send no header, uses
a ticket (`POST /runs/{{id}}/stream-ticket`) as `?{PARAMETER}=`.
"""


class EventStreamNegotiation(Negotiation):
    """Who accepts an event stream accepts the errors' JSON in its place."""

    def accepted(self, request: Request) -> str:
        return super().accepted(request).lower().replace(_EVENT_STREAM, "application/json")


class RunEventsView(APIView):
    authentication_classes = [TicketAuthentication, *APIView.authentication_classes]
    content_negotiation_class = EventStreamNegotiation

    @extend_schema(
        operation_id="runEvents",
        summary="Follow a run live",
        description=_DESCRIPTION,
        tags=["runs"],
        parameters=[
            OpenApiParameter("Last-Event-ID", location=OpenApiParameter.HEADER),
            OpenApiParameter("lastEventId", description="The same; the header goes first."),
            OpenApiParameter(PARAMETER, description="A stream ticket, instead of another sign-in."),
        ],
        responses={
            (200, _EVENT_STREAM): OpenApiResponse(
                RUN_EVENT,
                description="Each message of the stream, as parsed.",
                examples=[OpenApiExample("stream", _EXAMPLE)],
            ),
            204: OpenApiResponse(description="The run is over, and you have had its `end`."),
        },
    )
    def get(self, request: Request, run_id: UUID) -> HttpResponseBase:
        run = run_plain(user=request.user, run_id=run_id)
        after = _after(request)
        last = stream.tail(run_id)
        if run.completed_at and after and last and last.ends and after >= last.at:
            return HttpResponse(status=204)
        head = HttpResponse(
            content_type=f"{_EVENT_STREAM}; charset=utf-8",
            headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"},
        )
        scope = getattr(request._request, "scope", None)
        if scope is not None and request.method == "GET":
            hand_over(scope, _stream(request, run, after))
        return head


class StreamTicketView(APIView):
    @operation(
        "streamTicketCreate",
        "Get a ticket that opens a run's event stream once",
        tag="runs",
        request=NothingInput,
        response=TicketOutput,
        status=201,
        description="For an EventSource on another origin. When its stream breaks, get a new one.",
    )
    def post(self, request: Request, run_id: UUID) -> Response:
        run_plain(user=request.user, run_id=run_id)
        valid(NothingInput, request.data)
        ticket, until = ticket_issue(
            user=signed_in(request), run_id=run_id, until=_until(request), family=_family(request)
        )
        return Response(shown(TicketOutput, {"ticket": ticket, "until": until}), status=201)


def _after(request: Request) -> Position | None:
    """The last event that the client has; the header goes first, for a browser that reconnects
    repeats the address as it was."""
    text = request.headers.get("Last-Event-ID") or request.query_params.get("lastEventId")
    if not text:
        return None
    after = Position.parse(text)
    if after is None:
        raise ValidationFailed("This is no event's id.", lastEventId=["Give an id as you got it."])
    return after


def _stream(request: Request, run: Run, after: Position | None) -> Stream:
    user = signed_in(request)
    by_session = request.auth is None
    right = Right(
        user_id=user.pk,
        password=user.password,
        family=_family(request),
        session_key=request.session.session_key if by_session else None,
        run_id=run.pk,
        may_control=vars(run)["may_control"],
    )
    until = None if by_session else _until(request)
    life_s = None if until is None else max(0.0, until - time.time())
    return Stream(right=right, after=after, life_s=life_s)


def _until(request: Request) -> float:
    """When the sign-in ends, by `time.time()`. A token is taken a little longer than it says; what
    a session or an API token got ends when a token would that it had got now."""
    if isinstance(request.auth, Token):
        return float(request.auth["exp"] + settings.SIMPLE_JWT["LEEWAY"])
    if isinstance(request.auth, Ticket):
        return request.auth.until
    lifetime: timedelta = api_settings.ACCESS_TOKEN_LIFETIME
    until = time.time() + lifetime.total_seconds()
    if isinstance(request.auth, ApiBearer) and request.auth.expires_at:
        return min(until, request.auth.expires_at.timestamp())
    return until


def _family(request: Request) -> UUID | None:
    if isinstance(request.auth, Token | ApiBearer):
        return family_of(request.auth)
    return request.auth.family if isinstance(request.auth, Ticket) else None
