"""Make sure that somebody can sign in."""

from typing import Any

from django.contrib.auth.models import User
from django.core.management.base import BaseCommand, CommandError
from django.db import transaction

from batchgen import env


class Command(BaseCommand):
    help = (
        "Creates the superuser BATCHGEN_USER (default: demo) or gives it the password "
        "BATCHGEN_PASSWORD. Without a password an existing user keeps its own."
    )

    @transaction.atomic
    def handle(self, *args: Any, **options: Any) -> None:
        name = env.text("BATCHGEN_USER") or "demo"
        password = env.secret("BATCHGEN_PASSWORD")
        user = User.objects.select_for_update().filter(username=name).first()
        if user is None and not password:
            raise CommandError(f"There is no user {name} yet: set BATCHGEN_PASSWORD to create it.")
        if user is None:
            User.objects.create_superuser(username=name, password=password)
            self.stdout.write(f"superuser {name} created")
            return
        user.is_staff = user.is_superuser = user.is_active = True
        # Hashing anew would end the sessions that are signed in.
        if password and not user.check_password(password):
            user.set_password(password)
        user.save()
        self.stdout.write(f"superuser {name} is there")
