"""`manage.py analyze FILE …`: hand in files, and have their cards found."""

from pathlib import Path
from typing import Any

from django.contrib.auth.models import User
from django.core.management.base import CommandError, CommandParser
from rich.text import Text

from batchgen.errors import BatchgenError
from content.run_types import RunType
from epics.files.upload_text import file_handed
from epics.management.owner import owner_of
from epics.models import Project, Upload
from epics.services import project_create
from epics.uploads import upload_create
from runs.engine.start import RunOptions, run_start
from runs.management.report import plain
from runs.management.starting import project_named
from runs.management.terminal import RunsCommand, in_words
from runs.models import Run
from runs.states import RunStatus


class Command(RunsCommand):
    help = (
        "Uploads files (text, Markdown, CSV, .xlsx, .docx, PDF) to a project and starts a run that "
        "finds the cards in them. With --watch the exit code is 0 when all went well, 2 when some "
        "files failed, else 1."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("files", nargs="+", type=Path, metavar="FILE")
        where = parser.add_mutually_exclusive_group(required=True)
        where.add_argument("--project", help="its id, its code or its whole name")
        where.add_argument("--new-project", metavar="NAME", help="make one with this name")
        parser.add_argument("--owner", help="who uploads them (default: BATCHGEN_USER)")
        parser.add_argument("--watch", action="store_true", help="show its progress to the end")

    def handle(self, *args: Any, **options: Any) -> None:
        console, user = self.console(), owner_of(options["owner"])
        with in_words():
            project = _project(options, user)
            uploads = [_uploaded(path, project, user) for path in options["files"]]
            run = _started(project, user, uploads)
        characters = sum(upload.characters for upload in uploads)
        console.print(
            Text(
                f"{plain(project.name)}: run {run.pk} over {len(uploads)} uploads with "
                f"{characters:,} characters, {run.model} answered by {run.provider}."
            )
        )
        console.print(Text(f"project {project.pk}"))
        again = f"manage.py generate {project.pk} --attach"
        if options["watch"]:
            self.watch(console, run, again=again, wanted=RunStatus.SUCCEEDED)
        else:
            console.print(Text(f"Watch it: {again}"))


def _project(options: dict[str, Any], user: User) -> Project:
    if options["new_project"]:
        return project_create(user=user, fields={"name": options["new_project"]})
    return project_named(options["project"])


def _uploaded(path: Path, project: Project, user: User) -> Upload:
    """The file, read and kept.

    Raises:
        CommandError: it cannot be read, or is not taken; those before it are kept.
    """
    try:
        handed = file_handed(path.read_bytes(), name=path.name)
        return upload_create(project_id=project.pk, user=user, handed=handed)
    except OSError as error:
        raise CommandError(f"{path} cannot be read: {error.strerror}.") from error
    except BatchgenError as error:
        raise CommandError(f"{path}: {error.message}") from error


def _started(project: Project, user: User, uploads: list[Upload]) -> Run:
    ids = [upload.pk for upload in uploads]
    options = RunOptions(type=RunType.ANALYZE_CARDS, target_ids=ids)
    return run_start(project=project, user=user, options=options)
