"""/readyz: can this installation take work, and is a worker alive to do it?"""

from django.http import HttpRequest, JsonResponse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_safe

from batchgen.api.error_envelope import failure_of
from batchgen.errors import Unavailable
from batchgen.http.health import (
    asked,
    check_database,
    check_migrations,
    check_prefix,
    check_redis,
    missing,
)
from runs.reads.clocks import clocks_wrong
from runs.reads.surroundings import workers_alive


def check_worker() -> None:
    """Look for a live worker; an exception means that none holds a lease."""
    if not workers_alive().exists():
        raise RuntimeError("no worker is alive")


@csrf_exempt  # whatever writes is refused by its method, with 405
@require_safe
def readyz(request: HttpRequest) -> JsonResponse:
    """200 where all is there, else 503 with the list of what is missing. A wrong clock is a
    warning: runs go on rightly, and web that is taken out of service for it would be the outage."""
    absent = missing(
        {
            "database": check_database,
            "redis": check_redis,
            "prefix": check_prefix,
            "migrations": check_migrations,
            "worker": check_worker,
        }
    )
    if absent:
        return failure_of(Unavailable(f"Missing: {', '.join(absent)}.", missing=absent)).response()
    data: dict[str, object] = {"status": "ready"}
    if warnings := asked(_warnings):
        data["warnings"] = warnings
    return JsonResponse({"data": data, "error": None})


def _warnings() -> list[dict[str, object]]:
    return [
        {
            "code": "CLOCK_WRONG",
            "host": wrong.host,
            "aheadMs": round(wrong.ahead_s * 1000),
            "message": wrong.message,
        }
        for wrong in clocks_wrong()
    ]
