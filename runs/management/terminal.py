"""What the commands about runs share: a console, watching to the end, and words for errors."""

import getpass
import os
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, cast
from uuid import UUID

from django.contrib.auth.models import User
from django.core.management.base import BaseCommand, CommandError
from django.db import OperationalError
from rich.console import Console
from rich.text import Text

from batchgen.db.postgresql.compatibility import refusal
from batchgen.errors import BatchgenError
from runs.engine.trail import Operator
from runs.management.report import report
from runs.management.watch import watch
from runs.models import Run
from runs.states import RunStatus

_EXIT_CODES: dict[str, int] = {RunStatus.SUCCEEDED: 0, RunStatus.COMPLETED_WITH_ERRORS: 2}
_INTERRUPTED = 130
_ID = re.compile(r"[0-9a-f]{1,32}", re.ASCII)
_IDS_SHOWN = 10
#: Columns where the output is a file or a pipe, which has no width of its own.
_PLAIN_WIDTH = 140


class RunsCommand(BaseCommand):
    """A command that prints to the terminal, and may watch a run there."""

    def console(self) -> Console:
        """The command's output, with colours where it is a terminal."""
        self.stdout.ending = ""
        terminal = self.stdout.isatty()
        return Console(
            file=cast("IO[str]", self.stdout),  # it is a text stream in all but name
            force_terminal=terminal,
            width=None if terminal else _PLAIN_WIDTH,
            highlight=False,
        )

    def watch(self, console: Console, run: Run, *, again: str, wanted: RunStatus) -> None:
        """Watch the run until it is over, or as wanted, then report; exits unless all is well.

        Args:
            again: the command that looks at it again.
            wanted: all is well in this status too.
        """
        try:
            with in_words():
                paused = wanted == RunStatus.PAUSED
                progress = watch(console, run_id=run.pk, until_paused=paused)
        except KeyboardInterrupt:
            console.print(Text(f"\nThe run goes on without you. Look at it again: {again}"))
            sys.exit(_INTERRUPTED)
        report(console, progress)
        status = progress.run.status
        if code := 0 if status == wanted else _EXIT_CODES.get(status, 1):
            sys.exit(code)


@contextmanager
def in_words() -> Iterator[None]:
    """Refusals, and servers that are away, as the command's error."""
    try:
        yield
    except BatchgenError as error:
        raise CommandError(error.message) from error
    except OperationalError as error:
        raise CommandError(f"The database is away: {refusal() or error}".strip()) from error


def user_named(name: str) -> User:
    """The user.

    Raises:
        CommandError: there is none.
    """
    user = User.objects.filter(username=name).first()
    if user is None:
        raise CommandError(f"There is no user {name}.")
    return user


def actor_named(name: str) -> Operator:
    """Who has the shell, in the name of a user, whose own rights do not matter here; raises as
    `user_named`."""
    user = user_named(name)
    return Operator(name=user.get_username(), pk=user.pk)


def shell_actor(name: str | None) -> Operator:
    """Who has the shell, in the name of a user where one is named; raises as `user_named`."""
    return actor_named(name) if name else Operator(name=shell_name())


def shell_name() -> str:
    """Who has the shell, for a trail: whoever came by sudo, else the login."""
    try:
        return f"{(os.environ.get('SUDO_USER') or getpass.getuser())[:100]} (shell)"
    except (KeyError, OSError):  # an account that the system has no name for
        return "shell"


def run_named(name: str) -> Run:
    """The run with this id, or the one whose id begins so.

    Raises:
        CommandError: there is none, or there are several; says which.
    """
    digits = name.replace("-", "").lower()
    if not _ID.fullmatch(digits):
        raise CommandError(f"{name} is no run's id, nor the beginning of one.")
    first, last = (UUID(digits.ljust(32, end)) for end in "0f")
    found = list(
        Run.objects.filter(pk__gte=first, pk__lte=last).order_by("-created_at")[: _IDS_SHOWN + 1]
    )
    if not found:
        raise CommandError(f"There is no run {name}. Look with: manage.py run list")
    if len(found) > 1:
        rows = [f"\n  {run.pk}  {run.status}" for run in found[:_IDS_SHOWN]]
        more = "\n  …" if len(found) > len(rows) else ""
        raise CommandError(f"The ids of several runs begin so:{''.join(rows)}{more}")
    return found[0]
