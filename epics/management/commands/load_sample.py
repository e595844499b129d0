"""`manage.py load_sample`: import the sample backlog that comes with batchgen."""

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from batchgen.api.strict_json import strict_loads
from epics.files.backlog_import import backlog_import
from epics.management.owner import owner_of
from epics.models import Project

SAMPLE = Path(__file__).resolve().parents[2] / "sample_backlog.json"


class Command(BaseCommand):
    help = "Imports the sample backlog, or finds its project when the owner has it already."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--owner", help="name of the project's owner (default: BATCHGEN_USER)")

    def handle(self, *args: Any, **options: Any) -> None:
        owner = owner_of(options["owner"])
        document = strict_loads(SAMPLE.read_bytes())
        known = Project.objects.filter(
            created_by=owner, code=document["project"]["code"], source=document["source"]
        )
        project = known.order_by("created_at").first()
        if project is None:
            project = backlog_import(user=owner, document=document)
        cards, epics = len(document["cards"]), len(document["epics"])
        self.stdout.write(f"{project.name}: {cards} cards, {epics} epics")
        self.stdout.write(f"project {project.pk}")
