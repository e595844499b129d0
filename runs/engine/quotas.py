"""What one user's runs that are not over may have at most."""

from django.contrib.auth.models import User
from django.db.models import Sum
from django.db.models.functions import Coalesce

from epics.quotas import Quota, storage_check, user_hold
from runs.models import Lane, Run

RUNS = Quota(what="runs that are not over", setting="USER_RUNS")
LANES = Quota(what="lanes in runs that are not over", setting="USER_LANES")
ITEMS = Quota(what="items in runs that are not over", setting="USER_ITEMS")


def run_check(user: User, *, items: int, lanes: int) -> None:
    """Refuse a run with so many items and lanes beyond the user's limits, and any where what is
    stored is beyond them already. Its project must be locked."""
    user_hold(user)
    mine = Run.objects.filter(created_by=user, completed_at__isnull=True)
    RUNS.check(used=mine.count(), more=1)
    ITEMS.check(used=mine.aggregate(n=Coalesce(Sum("total_items"), 0))["n"], more=items)
    LANES.check(used=Lane.objects.filter(run__in=mine).count(), more=lanes)
    storage_check(user, rows=0)


def items_check(run: Run, *, more: int) -> None:
    """Refuse so many more items for a run beyond the limits of the user who started it, and any
    where what is stored is beyond them already. The users must be held."""
    if run.created_by is None:
        return
    mine = Run.objects.filter(created_by=run.created_by, completed_at__isnull=True)
    ITEMS.check(used=mine.aggregate(n=Coalesce(Sum("total_items"), 0))["n"], more=more)
    storage_check(run.created_by, rows=0)


def lanes_check(run: Run, *, more: int) -> None:
    """Refuse so many more lanes for a run beyond the limits of the user who started it. The users
    must be held."""
    if run.created_by is None or more <= 0:
        return
    mine = Run.objects.filter(created_by=run.created_by, completed_at__isnull=True)
    LANES.check(used=Lane.objects.filter(run__in=mine).count(), more=more)


def users_hold(run: Run, actor: object) -> None:
    """Hold who started the run and who acts, before the run itself: whoever starts a run has its
    user, and waits for the project's run of that type. The trail will hold the actor."""
    # In the order of their ids, or two users who give lanes to each other's runs wait for each
    # other.
    both = {user.pk: user for user in (run.created_by, actor) if isinstance(user, User)}
    for pk in sorted(both):
        user_hold(both[pk])
