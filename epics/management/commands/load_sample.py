"""`manage.py load_sample`: import the sample backlog that comes with batchgen."""

from pathlib import Path
from typing import Any

from django.contrib.auth.models import User
from django.core.management.base import BaseCommand, CommandParser

from epics.files.upload_text import file_handed
from epics.management.owner import owner_of
from epics.models import Upload
from epics.samples import sample_load
from epics.services import project_create
from epics.uploads import upload_create

NOTES = Path(__file__).resolve().parents[2] / "sample_notes.md"
_WORKSHOP = "Bicycle workshop"


class Command(BaseCommand):
    help = "Imports the sample, or finds its project when the owner has it already."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--owner", help="name of the project's owner (default: BATCHGEN_USER)")
        parser.add_argument(
            "--notes",
            action="store_true",
            help="instead, a project with nothing but notes, to find cards in",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        owner = owner_of(options["owner"])
        if options["notes"]:
            self._notes(owner)
        else:
            self._backlog(owner)

    def _notes(self, owner: User) -> None:
        known = Upload.objects.filter(project__created_by=owner, name=NOTES.name)
        upload = known.order_by("created_at").first()
        if upload is None:
            project = project_create(user=owner, fields={"name": _WORKSHOP})
            handed = file_handed(NOTES.read_bytes(), name=NOTES.name)
            upload = upload_create(project_id=project.pk, user=owner, handed=handed)
        self.stdout.write(f"{_WORKSHOP}: {upload.characters:,} characters of notes")
        self.stdout.write(f"project {upload.project_id}")

    def _backlog(self, owner: User) -> None:
        project = sample_load(user=owner)
        cards, epics = project.cards.count(), project.epics.count()
        self.stdout.write(f"{project.name}: {cards} cards, {epics} epics")
        self.stdout.write(f"project {project.pk}")
