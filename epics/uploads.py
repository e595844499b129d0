"""Uploads: every write to them."""

from uuid import UUID

from django.contrib.auth.models import User
from django.db import transaction

from batchgen.errors import ValidationFailed
from epics import bounds
from epics.files.upload_text import Handed
from epics.models import Upload
from epics.quotas import uploads_check
from epics.registry import deletion_tell
from epics.writes import project_lock

NAME_CHARS = 255


@transaction.atomic
def upload_create(*, project_id: UUID, user: User, handed: Handed) -> Upload:
    """Keep what somebody handed in.

    Raises:
        ValidationFailed: the project is full.
        QuotaReached: the user's projects have too much text.
        NotFound: the project is gone.
    """
    project_lock(project_id)
    if Upload.objects.filter(project=project_id).count() >= bounds.MAX_UPLOADS:
        raise ValidationFailed(f"The project is full: it has {bounds.MAX_UPLOADS:,} uploads.")
    uploads_check(user, characters=len(handed.text))
    return Upload.objects.create(
        project_id=project_id,
        created_by=user,
        name=handed.name,
        media_type=handed.media_type,
        bytes=handed.bytes,
        text=handed.text,
        characters=len(handed.text),
    )


@transaction.atomic
def upload_delete(*, upload_id: UUID) -> None:
    """Delete an upload; its cards stay.

    Raises:
        ItemAlreadyActive: a run that is not over finds its cards.
    """
    upload = Upload.objects.filter(pk=upload_id).only("project_id").first()
    if upload is None:
        return
    # A start takes it too: whichever is first, the other one finds what it left.
    project_lock(upload.project_id)
    deletion_tell(Upload, [upload_id])
    Upload.objects.filter(pk=upload_id).delete()
