"""Files in a form: a body that is `multipart/form-data` and has one file in it."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from rest_framework.exceptions import ParseError
from rest_framework.parsers import BaseParser, DataAndFiles, MultiPartParser

from batchgen.api.operations import check_coding
from batchgen.errors import PayloadTooLarge, ValidationFailed

#: The one field of the form.
FIELD = "file"


@dataclass(frozen=True, kw_only=True, slots=True)
class FormFile:
    """A file as it came; Django has taken off its name what leads elsewhere or does not show."""

    name: str
    content: bytes

    @property
    def fingerprint(self) -> dict[str, str]:
        """Equal for equal files; JSON."""
        return {"name": self.name, "sha256": hashlib.sha256(self.content).hexdigest()}


class FileFormParser(BaseParser):
    """{"file": FormFile}, whatever encoding and boundary the form has."""

    media_type = MultiPartParser.media_type

    def parse(
        self,
        stream: Any,
        media_type: str | None = None,
        parser_context: Mapping[str, Any] | None = None,
    ) -> dict[str, FormFile]:
        """Raises:
        ValidationFailed: it is no form, or has other fields, or not one file.
        PayloadTooLarge: the file is larger than BATCHGEN_UPLOAD_BYTES.
        """
        check_coding(parser_context)
        try:
            form = MultiPartParser().parse(stream, media_type, parser_context)
        except ParseError as error:
            raise _refused("The form is broken: its parts cannot be told apart.") from error
        try:
            return {FIELD: _only_file(form)}
        finally:
            for _, files in form.files.lists():
                for file in files:
                    file.close()


def _only_file(form: "DataAndFiles[Any, Any]") -> FormFile:
    others = sorted({*form.data, *form.files} - {FIELD})
    if others:
        raise _refused(f"The form has a field {others[0][:60]!r}. Send the file alone.")
    files = form.files.getlist(FIELD)
    if len(files) != 1 or FIELD in form.data:
        raise _refused("Send one file, with its name, in the form's field `file`.")
    (file,) = files
    if file.size > settings.UPLOAD_BYTES:
        raise _too_large()
    return FormFile(name=file.name, content=file.read())


def _too_large() -> PayloadTooLarge:
    most = settings.UPLOAD_BYTES
    return PayloadTooLarge(
        f"The file is larger than {most / 1_000_000:g} MB. Split it, or upload its text alone.",
        limitBytes=most,
    )


def _refused(sentence: str) -> ValidationFailed:
    return ValidationFailed(sentence, **{FIELD: [sentence]})
