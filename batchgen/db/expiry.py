"""Delete expired rows in batches: one whenever new rows come, and all of them by beat."""

from django.db import transaction
from django.db.models import Model
from django.db.models.functions import Now

#: More than come with one request, so that a backlog melts.
_AT_ONCE = 100


@transaction.atomic
def rows_expire(model: type[Model], *, at: str = "expires_at") -> int:
    """Delete a batch of the rows that are over; how many. Waits for nobody: rows that another
    transaction holds are left to the next call. Call it outside of other transactions.

    Args:
        at: the field that says when.
    """
    rows = model._default_manager.select_for_update(skip_locked=True).order_by(at)
    over = list(rows.filter(**{f"{at}__lt": Now()}).values_list("pk", flat=True)[:_AT_ONCE])
    if over:
        model._default_manager.filter(pk__in=over).delete()
    return len(over)


def rows_expire_all(model: type[Model], *, at: str = "expires_at") -> int:
    """Delete all rows that are over, batch by batch; how many."""
    return sum(iter(lambda: rows_expire(model, at=at), 0))
