"""What a person chooses for an export."""

from typing import Annotated

from pydantic import Field, ValidationInfo, field_validator

from content.kind import Options
from epics.files.backlog_export import FORMATS


class ExportOptions(Options):
    """As the query of `GET /projects/{id}/export`.

    Attributes:
        format: one of `FORMATS`.
        bom: with a byte order mark or without; null: as the format has it.
    """

    format: Annotated[str, Field(json_schema_extra={"enum": list(FORMATS)})] = "json"
    bom: bool | None = None

    @field_validator("format")
    @classmethod
    def _known(cls, name: str) -> str:
        if name not in FORMATS:
            raise ValueError(f"The format must be one of {', '.join(FORMATS)}.")
        return name

    @field_validator("bom")
    @classmethod
    def _of_the_format(cls, bom: bool | None, info: ValidationInfo) -> bool | None:
        name = info.data.get("format")
        if bom and name and FORMATS[name].mark is None:
            raise ValueError(f"{name} has no byte order mark. Leave it out.")
        return bom

    @field_validator("language", "instructions")
    @classmethod
    def _nothing_is_written(cls, text: str) -> str:
        if text:
            raise ValueError("An export writes nothing anew. Leave it out.")
        return text
