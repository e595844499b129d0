"""`manage.py import_backlog`: import projects from JSON files."""

import sys
from pathlib import Path
from typing import Any, BinaryIO

from django.conf import settings
from django.contrib.auth.models import User
from django.core.management.base import BaseCommand, CommandError, CommandParser

from batchgen.api.strict_json import JSONRefused, strict_loads
from batchgen.errors import QuotaReached, ValidationFailed
from epics.files.backlog_import import backlog_import
from epics.files.document_consistency import code_warnings
from epics.management.owner import owner_of


class _Refused(Exception):
    """A file that was not imported; the text says why."""


class Command(BaseCommand):
    help = "Imports each backlog as a new project: all of a file or nothing of it."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("files", nargs="+", metavar="FILE", help="JSON; - is standard input")
        parser.add_argument("--owner", help="name of the projects' owner (default: BATCHGEN_USER)")

    def handle(self, *args: Any, **options: Any) -> None:
        owner = owner_of(options["owner"])
        files: list[str] = options["files"]
        refused = [file for file in files if not self._import(file, owner)]
        if refused:
            raise CommandError(f"{len(refused)} of {len(files)} files not imported.")

    def _import(self, file: str, owner: User) -> bool:
        name = "standard input" if file == "-" else file
        try:
            document = strict_loads(_read(file))
            project = backlog_import(user=owner, document=document)
        except (JSONRefused, _Refused) as error:
            self.stderr.write(f"{name}: {error}")
            return False
        except QuotaReached as error:
            self.stderr.write(f"{name}: {error.message}")
            return False
        except ValidationFailed as error:
            self._tell(name, error)
            return False
        cards, epics = len(document["cards"]), len(document["epics"])
        self.stdout.write(f"project {project.pk} {project.name}: {cards} cards, {epics} epics")
        for warning in code_warnings(document):
            self.stderr.write(f"{name}: {warning}")
        return True

    def _tell(self, name: str, error: ValidationFailed) -> None:
        self.stderr.write(f"{name}: {error.message}")
        for path, messages in error.details.items():
            text = " ".join(messages) if isinstance(messages, list) else str(messages)
            self.stderr.write(f"  {path}: {text}")


def _read(file: str) -> bytes:
    try:
        if file == "-":
            return _bounded(sys.stdin.buffer)
        with Path(file).open("rb") as opened:
            return _bounded(opened)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise _Refused(f"It cannot be read: {reason}.") from error


def _bounded(opened: BinaryIO) -> bytes:
    most = settings.MAX_BODY_BYTES
    raw = opened.read(most + 1)
    if len(raw) > most:
        raise _Refused(
            f"It is larger than {most / 1e6:.1f} MB. Split it, or raise BATCHGEN_MAX_BODY_BYTES."
        )
    return raw
