"""Doctor check of webhooks: whether what is to be delivered arrives."""

from collections.abc import Iterator

from django.db import Error as DjangoDatabaseError

from batchgen.doctor.registry import Finding, NotChecked, check, ok, warning
from runs.webhooks.models import Webhook
from runs.webhooks.selectors import hooks_in_trouble

#: Hooks that are named.
_MOST = 10


@check("celery")
def webhooks() -> Iterator[Finding]:
    """No webhook is switched off by batchgen, or fails."""
    try:
        troubled = hooks_in_trouble(most=_MOST)
        there = Webhook.objects.filter(active=True).count()
    except DjangoDatabaseError as failure:
        raise NotChecked("what is to be delivered cannot be read.") from failure
    for hook in troubled:
        what = f"The webhook {hook.pk} of project {hook.project.code}"
        if hook.off_reason:
            yield warning(
                "WEBHOOK_OFF",
                f"{what} was switched off: {hook.off_reason}",
                "Mend its receiver, then switch it on and send again what it missed.",
            )
        else:
            since = vars(hook)["failing_since"]
            yield warning(
                "WEBHOOK_FAILING",
                f"{what} has not answered with 2xx since {since:%Y-%m-%d %H:%M:%S} UTC.",
                "Look at its deliveries: each says what was answered.",
            )
    if not troubled:
        yield ok("WEBHOOKS", f"{there} webhooks are on, and none of them fails.")
