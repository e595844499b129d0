"""`manage.py token …`: API tokens, made, listed and revoked in the name of a user."""

from typing import Any
from uuid import UUID

from django.contrib.auth.models import User
from django.core.management.base import BaseCommand, CommandError, CommandParser

from batchgen.accounts.api_tokens import LONGEST, NAME, token_make, token_revoke, tokens_of
from batchgen.api.scopes import Scope
from batchgen.errors import BatchgenError
from batchgen.models import ApiToken


class Command(BaseCommand):
    help = (
        "Makes, lists and revokes API tokens, for the REST API and for `manage.py mcp`. A token "
        "may only read, and sees no contents, unless it is given more. It is shown once."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
        create = actions.add_parser("create", help="a new token, on a line of its own")
        create.add_argument("name", help="for people: what uses it")
        create.add_argument("--write", action="store_true", help="it may change things")
        create.add_argument(
            "--contents", action="store_true", help="it sees what people, files and models wrote"
        )
        create.add_argument(
            "--days",
            type=int,
            choices=range(1, LONGEST + 1),
            metavar="N",
            help="that it is good for (default: until it is revoked)",
        )
        listing = actions.add_parser("list", help="whose scope is what, and when it was used")
        revoke = actions.add_parser("revoke", help="no request with it is answered any more")
        revoke.add_argument("token", type=UUID, help="its id, as `list` shows it")
        for action in (create, listing, revoke):
            action.add_argument("--user", required=True, help="whose tokens, by user name")

    def handle(self, *args: Any, **options: Any) -> None:
        user = User.objects.filter(username=options["user"], is_active=True).first()
        if user is None:
            raise CommandError(f"There is no active user {options['user']}.")
        try:
            getattr(self, f"_{options['action']}")(user, options)
        except BatchgenError as error:
            raise CommandError(error.message) from error

    def _create(self, user: User, options: dict[str, Any]) -> None:
        name = options["name"].strip()
        if not NAME.fullmatch(name) or not name.isprintable():
            raise CommandError("Give a name of 1 to 100 characters, without controls.")
        scope = Scope(write=options["write"], contents=options["contents"])
        token, secret = token_make(user=user, name=name, scope=scope, days=options["days"])
        self.stderr.write(f"{_line(token)}\nThis is shown once:")
        self.stdout.write(secret)

    def _list(self, user: User, options: dict[str, Any]) -> None:
        for token in tokens_of(user=user).order_by("-created_at"):
            self.stdout.write(_line(token))

    def _revoke(self, user: User, options: dict[str, Any]) -> None:
        token_revoke(user=user, token_id=options["token"])
        self.stdout.write(f"revoked {options['token']}")


def _line(token: ApiToken) -> str:
    scopes = [
        "read",
        *(["write"] if token.write else []),
        *(["contents"] if token.contents else []),
    ]
    used = f"{token.last_used_at:%Y-%m-%d %H:%M}" if token.last_used_at else "never"
    until = f", until {token.expires_at:%Y-%m-%d}" if token.expires_at else ""
    return f"{token.pk} {' '.join(scopes)}, last used {used}{until}: {token.name}"
