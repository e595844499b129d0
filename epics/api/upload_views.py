"""Uploads over REST: files and texts that cards are found in."""
# ruff: noqa: N815 - a field's name is its key in the JSON

from functools import partial
from uuid import UUID

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from batchgen.api.forms import FIELD, FileFormParser, FormFile
from batchgen.api.inputs import PlainText, StrictSerializer
from batchgen.api.operations import (
    StrictJSONParser,
    operation,
    page_response,
    query_of,
    signed_in,
    valid,
)
from batchgen.api.output import shown
from batchgen.db.pools import connection_give_back
from batchgen.errors import ItemAlreadyActive, QuotaReached
from batchgen.http.throttle import one_at_a_time
from epics import selectors, uploads
from epics.access import Role, project_for, role_held, role_now
from epics.api.fields import TextField
from epics.files.readers.limits import MAX_CHARACTERS
from epics.files.upload_text import Handed, file_handed, text_handed
from epics.models import Upload

_NEWEST = ("-created_at", "-id")


class UploadOutput(serializers.ModelSerializer[Upload]):
    projectId = serializers.UUIDField(source="project_id", read_only=True)
    mediaType = serializers.CharField(source="media_type", read_only=True)
    cardCount = serializers.IntegerField(source="card_count", read_only=True)
    status = serializers.ChoiceField(
        Upload.Status.choices,
        source="status_now",
        read_only=True,
        help_text="`ANALYZED` once a run has stored its cards; `FAILED` where the last one could "
        "not.",
    )
    error = serializers.CharField(
        read_only=True, allow_null=True, help_text="Why the last run could not."
    )
    createdAt = serializers.DateTimeField(source="created_at", read_only=True)

    class Meta:
        model = Upload
        fields = (
            "id",
            "projectId",
            "name",
            "mediaType",
            "bytes",
            "characters",
            "cardCount",
            "status",
            "error",
            "createdAt",
        )
        read_only_fields = fields


class UploadText(StrictSerializer):
    name = TextField(max_length=uploads.NAME_CHARS)
    text = PlainText(max_length=MAX_CHARACTERS, trim_whitespace=False)

    answered = UploadOutput.Meta.fields


@extend_schema_field({"type": "string", "format": "binary"})
class _File(serializers.Field[bytes, bytes, bytes, bytes]):
    """One file of a form."""


class UploadFile(serializers.Serializer[Upload]):
    """Describes the form; `FileFormParser` reads it."""

    file = _File()


class UploadsView(APIView):
    parser_classes = (StrictJSONParser, FileFormParser)
    takes_uploads = True

    @operation(
        "uploadList",
        "List a project's uploads, the newest first",
        tag="uploads",
        response=UploadOutput,
        page=True,
    )
    def get(self, request: Request, project_id: UUID) -> Response:
        project = project_for(user=request.user, project_id=project_id)
        query_of(request)
        found = selectors.uploads_list(project=project)
        return page_response(request, found, keys=_NEWEST, serializer=UploadOutput)

    @operation(
        "uploadCreate",
        "Upload a file or a text",
        tag="uploads",
        request={"multipart/form-data": UploadFile, "application/json": UploadText},
        response=UploadOutput,
        status=201,
        creates=partial(role_now, role=Role.EDITOR),
        errors=[QuotaReached],
        description=(
            "Text, Markdown, CSV, .xlsx, .docx, or PDF with a text layer, by its content; its text "
            "is kept, and nothing else. A file that is not taken says why in `details.reason`. One "
            "at a time of a user: 429 while another is read."
        ),
    )
    def post(self, request: Request, project_id: UUID) -> Response:
        project_for(user=request.user, project_id=project_id, role=Role.EDITOR)
        user = signed_in(request)
        with one_at_a_time(user.pk, "upload"):
            handed = _handed(request)
            with role_held(user=user, project_id=project_id, role=Role.EDITOR):
                made = uploads.upload_create(project_id=project_id, user=user, handed=handed)
        return _upload(made.pk, status=201)


class UploadView(APIView):
    @operation("uploadRead", "Read an upload", tag="uploads", response=UploadOutput)
    def get(self, request: Request, upload_id: UUID) -> Response:
        selectors.part_for(Upload, part_id=upload_id, user=request.user)
        return _upload(upload_id)

    @operation(
        "uploadDelete",
        "Delete an upload; its cards stay, with their quotes",
        tag="uploads",
        status=204,
        errors=[ItemAlreadyActive],
        description="409 where a run that is not over includes it: cancel the run first.",
    )
    def delete(self, request: Request, upload_id: UUID) -> Response:
        upload = selectors.part_for(Upload, part_id=upload_id, user=request.user, role=Role.EDITOR)
        with role_held(user=request.user, project_id=upload.project_id, role=Role.EDITOR):
            uploads.upload_delete(upload_id=upload_id)
        return Response(status=204)


def _handed(request: Request) -> Handed:
    data = request.data
    file = data.get(FIELD) if isinstance(data, dict) else None
    if isinstance(file, FormFile):
        # Reading it may take seconds.
        connection_give_back()
        return file_handed(file.content, name=file.name)
    fields = valid(UploadText, request.data)
    return text_handed(fields["text"], name=fields["name"])


def _upload(upload_id: UUID, status: int = 200) -> Response:
    return Response(shown(UploadOutput, selectors.upload_read(upload_id=upload_id)), status=status)
