"""What a person chooses for an export."""

from typing import Self

from pydantic import model_validator

from content.kind import Options
from epics.files.backlog_export import FORMATS


class ExportOptions(Options):
    """As the query of `GET /projects/{id}/export`.

    Attributes:
        format: one of `FORMATS`.
        bom: with a byte order mark or without; null: as the format has it.
    """

    format: str = "json"
    bom: bool | None = None

    @model_validator(mode="after")
    def _as_the_format_has_it(self) -> Self:
        if self.format not in FORMATS:
            raise ValueError(f"The format must be one of {', '.join(FORMATS)}.")
        if self.bom and FORMATS[self.format].mark is None:
            raise ValueError(f"{self.format} has no byte order mark.")
        if self.language or self.instructions:
            raise ValueError("Nothing is written anew, so no language and no instructions.")
        return self
