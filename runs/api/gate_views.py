"""Gates over REST: staff closes and opens them."""

from collections.abc import Callable

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from batchgen.api.inputs import StrictSerializer
from batchgen.api.operations import operation, signed_in, valid
from batchgen.api.output import shown
from batchgen.errors import NotFound, Unavailable
from epics.access import staff_require
from runs.api.queue_json import GateCloseInput, GateOpenInput, LimitsOutput
from runs.gates import gate_close, gate_of, gate_open
from runs.reads.gates import limits_read

_MODEL = OpenApiParameter(
    "model", OpenApiTypes.STR, OpenApiParameter.PATH, description="As `GET /queue/status` has it."
)
#: {action: (body, what does it, description)}
_ACTIONS: dict[str, tuple[type[StrictSerializer], Callable[..., None], str]] = {
    "close": (
        GateCloseInput,
        gate_close,
        (
            "For staff. No call of the configured key and this model (or one that shares its "
            "limits) starts until then; calls in flight finish. A closing that lasts is replaced. "
            "Kept with who did it and why. 503 where Redis is away: repeat it."
        ),
    ),
    "open": (
        GateOpenInput,
        gate_open,
        (
            "For staff. Whatever closed the gate, calls may start again as the limits allow, and "
            "epics that wait for it go on. The buckets begin empty. Kept with who did it. 503 "
            "where Redis is away: repeat it."
        ),
    ),
}


def gate_view(action: str) -> type[APIView]:
    """The view of close or open."""
    body, change, description = _ACTIONS[action]

    class GateView(APIView):
        @operation(
            f"gate{action.capitalize()}",
            f"{action.capitalize()} the gate of a model by hand",
            tag="queue",
            query=[_MODEL],
            request=body,
            response=LimitsOutput,
            errors=[NotFound, Unavailable],
            description=description,
        )
        def post(self, request: Request, model: str) -> Response:
            staff_require(user=request.user)
            asked = valid(body, request.data)
            change(model=model, actor=signed_in(request), **asked)
            return Response(shown(LimitsOutput, limits_read({model: gate_of(model)})[0]))

    return GateView
