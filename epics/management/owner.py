"""The owner of projects that a command creates."""

from django.contrib.auth.models import User
from django.core.management.base import CommandError

from batchgen import env


def owner_of(name: str | None) -> User:
    """The named user; by default BATCHGEN_USER, else `demo`.

    Raises:
        CommandError: there is no such user; says how to get one.
    """
    wanted = name or env.text("BATCHGEN_USER") or "demo"
    user = User.objects.filter(username=wanted).first()
    if user is None:
        raise CommandError(
            f"There is no user {wanted}. Name one with --owner, or create it with ensure_superuser."
        )
    return user
