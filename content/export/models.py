"""Files that runs made."""

from django.db import models
from django.db.models.functions import Now

from batchgen.db.ids import new_id
from epics.models import Project


class ExportFile(models.Model):
    """A file that an item of a run made, for as long as it is kept.

    The row is what makes it one: the transaction that completes the item writes it, once the whole
    file is stored. What no row names is nobody's, and is swept.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    #: Runs are above this room, so just ids.
    run_id = models.UUIDField()
    item_id = models.UUIDField(unique=True)
    #: No foreign key in the database: its check would lock the project's row behind the run's.
    project = models.ForeignKey(
        Project, on_delete=models.CASCADE, related_name="+", db_constraint=False
    )
    #: What whoever fetches it is told to call it.
    name = models.CharField(max_length=200)
    media_type = models.CharField(max_length=100)
    bytes = models.PositiveBigIntegerField()
    sha256 = models.CharField(max_length=64)
    #: Its name in the storage.
    stored_as = models.CharField(max_length=200, unique=True)
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    #: From then on it is not given out any more, and deleted.
    expires_at = models.DateTimeField()

    class Meta:
        indexes = [
            models.Index(fields=["run_id"], name="export_file_of_run"),
            models.Index(fields=["expires_at"], name="export_file_expires"),
        ]

    def __str__(self) -> str:
        return self.name
