"""/metrics of the web process: its own counts, and gauges read from PostgreSQL and the broker."""

from collections.abc import Iterable, Iterator

import psycopg
from django.conf import settings
from django.db import Error as DjangoDatabaseError
from django.http import Http404, HttpRequest, HttpResponse
from django.utils.crypto import constant_time_compare
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_safe
from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, generate_latest
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector
from redis import RedisError

from batchgen.http.hosts import is_internal_host
from batchgen.http.proxies import address_of, is_proxied
from runs.reads.gauges import READERS, UP, Reader


@csrf_exempt  # whatever writes is refused by its method, with 405
@require_safe
def metrics(request: HttpRequest) -> HttpResponse:
    """For who brings BATCHGEN_METRICS_TOKEN; without that setting, for who asks the process itself
    from a private address by a name of inside. For everybody else there is no such page.

    Raises:
        Http404: it is somebody else.
    """
    if not _may_read(request):
        raise Http404
    return HttpResponse(generate_latest(), content_type=CONTENT_TYPE_LATEST)


def _may_read(request: HttpRequest) -> bool:
    if settings.METRICS_TOKEN:
        given = request.headers.get("Authorization", "").split(maxsplit=1)
        return len(given) == 2 and constant_time_compare(given[1], settings.METRICS_TOKEN)
    address = address_of(request.META.get("REMOTE_ADDR", ""))
    inside = address is not None and not address.is_global and not is_proxied(request)
    return inside and is_internal_host(request.META.get("HTTP_HOST", ""))


class RunsCollector(Collector):
    """Gauges of this moment. A server that is away is `batchgen_up` 0, and no error."""

    def describe(self) -> list[Metric]:
        """Nothing: so that registering asks nobody."""
        return []

    def collect(self) -> Iterator[Metric]:
        up: dict[tuple[str, ...], float] = {}
        for service, readers in READERS.items():
            found = _or_nothing(readers)
            up[service,] = found is not None
            yield from found or ()
        yield UP.of(up)


def _or_nothing(readers: Iterable[Reader]) -> list[Metric] | None:
    try:
        return [metric for read in readers for metric in read()]
    except (DjangoDatabaseError, psycopg.Error, RedisError):
        return None


REGISTRY.register(RunsCollector())
