"""The kind "export": a project's backlog as a file, without any call."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, ClassVar
from uuid import UUID

from django.conf import settings
from django.template.defaultfilters import filesizeformat

from batchgen.db.ids import new_id_text
from content.export.files import file_of_run, room_check
from content.export.options import ExportOptions
from content.export.writing import backlog_write
from content.kind import ContentKind, Loaded, MadeFile, Options, Reason, Target, project_code
from content.pipeline import Draft, Job, StageBegun, Steps
from content.run_types import RunType
from epics.models import Project

_FOLDER = Path(__file__).parent

Written = dict[str, Any]


@dataclass(frozen=True, kw_only=True, slots=True)
class ExportInput:
    """What is written, and how."""

    project_id: UUID
    format: str
    bom: bool | None
    keep_s: int


class ExportKind(ContentKind[ExportInput, Written]):
    """See the contract."""

    name: ClassVar = "export"
    run_types: ClassVar = (RunType.EXPORT,)
    one_item: ClassVar = ()
    item_kind: ClassVar = "project"
    item_words: ClassVar = ("project", "projects")
    made_words: ClassVar = ("file", "files")
    phase: ClassVar = "SAVING_RESULTS"
    uses_provider: ClassVar = False
    holds_targets: ClassVar = False
    jobs: ClassVar = MappingProxyType({"write": backlog_write})
    model: ClassVar = Project
    options: ClassVar = ExportOptions
    load_sql: ClassVar = (_FOLDER / "load.sql").read_text()
    store_sql: ClassVar = (_FOLDER / "store.sql").read_text()

    def targets(
        self, project: Project, ids: Sequence[UUID] | None, options: Options
    ) -> list[Target]:
        """The project itself.

        Raises:
            QuotaReached: its creator has too many files.
        """
        if ids is not None and project.pk not in ids:
            return []
        room_check(project)
        return [
            Target(id=project.pk, code=project_code(project), title=project.name, input_tokens=0)
        ]

    def reasons(self, targets: Sequence[Target]) -> tuple[Reason, ...]:
        return ()

    def options_text(self, options: Mapping[str, Any]) -> str:
        return f"as {options['format']}"

    def prompt_key(self, options: Mapping[str, Any]) -> str:
        return f"{self.name}:{options['format']}"

    def read(self, loaded: Loaded) -> ExportInput:
        return ExportInput(
            project_id=loaded.target_id,
            format=loaded.options["format"],
            bom=loaded.options["bom"],
            keep_s=settings.EXPORT_KEEP_S,
        )

    def steps(self, inp: ExportInput) -> Steps[Draft[Written]]:
        yield StageBegun(name="template-assembly")
        args = {"project_id": str(inp.project_id), "format": inp.format, "bom": inp.bom}
        written = yield Job(key="write", name="write", args=args)
        yield StageBegun(name="storage")
        size = filesizeformat(written["bytes"]).replace("\xa0", " ")
        return Draft(content=written, summary=f"{written['file_name']}, {size}")

    def result(self, inp: ExportInput, content: Written) -> dict[str, Any]:
        return {**content, "id": new_id_text(), "keep_s": inp.keep_s}

    def file_of(self, run_id: UUID) -> MadeFile | None:
        """As `MakesFiles`."""
        return file_of_run(run_id)


EXPORT = ExportKind()
