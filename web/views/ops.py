"""For operators: what is stuck, and who did what."""

from django.http import HttpRequest, HttpResponse

from epics.access import staff_require
from runs.models import Run
from runs.reads.progress import RunProgress
from runs.reads.selectors import runs_with_figures
from runs.reads.trail import items_slow, trail_read
from runs.states import HealthVerdict
from runs.webhooks.selectors import deliveries_failed, hooks_in_trouble
from web.page import page, show

_MOST_RUNS, _MOST_ITEMS, _MOST_DONE, _MOST_HOOKS = 200, 50, 100, 20


@page("GET")
def ops(request: HttpRequest) -> HttpResponse:
    """Stuck runs, slow items, and the trail, of people alone where the address says so."""
    staff_require(user=request.user)
    people = request.GET.get("by") == "people"
    context = {
        "stuck": _stuck(),
        "slow": items_slow(most=_MOST_ITEMS),
        "done": trail_read(most=_MOST_DONE, engine=not people),
        "people": people,
        "hooks": hooks_in_trouble(most=_MOST_HOOKS),
        "undelivered": deliveries_failed(most=_MOST_HOOKS),
    }
    return show(request, "ops.html", context)


def _stuck() -> list[RunProgress]:
    open_runs = Run.objects.filter(completed_at__isnull=True).select_related("project")
    found = runs_with_figures(open_runs).order_by("created_at", "id")[:_MOST_RUNS]
    runs = map(RunProgress.of, found)
    return [each for each in runs if each.health.verdict == HealthVerdict.STUCK]
