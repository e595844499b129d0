"""The sample that comes with batchgen, as a project of somebody's own."""

from pathlib import Path

from django.contrib.auth.models import User

from batchgen.api.strict_json import strict_loads
from epics.files.backlog_import import backlog_import
from epics.models import Project

SAMPLE = Path(__file__).with_name("sample_backlog.json")


def sample_load(*, user: User) -> Project:
    """The user's project with the sample backlog: the one that is there, or a new one.

    Raises:
        QuotaReached: as `backlog_import`.
    """
    document = strict_loads(SAMPLE.read_bytes())
    known = Project.objects.filter(
        created_by=user, code=document["project"]["code"], source=document["source"]
    )
    return known.order_by("created_at").first() or backlog_import(user=user, document=document)
