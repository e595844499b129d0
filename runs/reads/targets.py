"""What a row that items are made of shows of the last one; `runs.apps` registers it."""

from django.db.models import Case, F, OuterRef, Subquery, When

from runs.models import RunItem
from runs.states import ItemStatus


def last_failure() -> Subquery:
    """Why the last item that was made of the row FAILED; null where it did not."""
    ended = RunItem.objects.filter(
        target_id=OuterRef("pk"), status__in=[ItemStatus.COMPLETED, ItemStatus.FAILED]
    )
    failure = Case(When(status=ItemStatus.FAILED, then=F("error")))
    return Subquery(ended.order_by("-completed_at").values_list(failure)[:1])
