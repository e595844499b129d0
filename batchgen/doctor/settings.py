"""Django's system checks, as doctor findings."""

from collections.abc import Iterator

from django.conf import settings
from django.core import checks

from batchgen.doctor.registry import Finding, check, error, ok, warning


@check("settings")
def django_checks() -> Iterator[Finding]:
    """Django's system checks; in production with those of a deployment."""
    ran = checks.run_checks(include_deployment_checks=settings.PRODUCTION)
    found = [message for message in ran if not message.is_silenced()]
    for message in found:
        serious = message.level >= checks.ERROR
        todo = message.hint or "Change the setting that it names."
        code = (message.id or "django").replace(".", "_").upper()
        yield (error if serious else warning)(code, str(message.msg), todo)
    if not found:
        yield ok("SETTINGS", f"The settings of {settings.ENVIRONMENT} pass Django's checks.")
