"""Slogans for notes: one call a note, one row a slogan."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar
from uuid import UUID

from django.db import models

from batchgen.db.ids import new_id
from content.kind import ContentKind, Loaded, Options, Reason, Target
from content.pipeline import Draft, Request, StageBegun, Steps
from epics.models import Project
from providers.values import CompletionRequest, TextBlock

WRITE_SLOGANS = "WRITE_SLOGANS"
_SCHEMA: dict[str, object] = {
    "type": "object",
    "properties": {"slogan": {"type": "string"}},
    "required": ["slogan"],
    "additionalProperties": False,
}


class Note(models.Model):
    """What a slogan is written for."""

    id = models.UUIDField(primary_key=True, default=new_id)
    project = models.ForeignKey(Project, on_delete=models.CASCADE, db_constraint=False)
    text = models.CharField(max_length=100)
    slogan = models.TextField(default="")
    words = models.IntegerField(null=True)
    #: Whoever counts its words has to wait.
    held = models.BooleanField(default=False)

    objects: ClassVar[models.Manager["Note"]] = models.Manager()

    class Meta:
        app_label = "toykind"
        managed = False

    def __str__(self) -> str:
        return self.text


def notes_of(project: Project, ids: Sequence[UUID] | None) -> list[Target]:
    """The project's notes by their text, or those of these ids."""
    notes = Note.objects.filter(project=project).order_by("text")
    chosen = notes if ids is None else notes.filter(id__in=ids)
    return [
        Target(id=note.id, code=f"N{place}", title=note.text, input_tokens=50)
        for place, note in enumerate(chosen, start=1)
    ]


class SlogansOptions(Options):
    loud: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class SloganInput:
    text: str
    loud: bool
    model: str
    max_tokens: int
    marker: str


class SlogansKind(ContentKind[SloganInput, str]):
    name: ClassVar = "slogans"
    run_types: ClassVar = (WRITE_SLOGANS,)
    one_item: ClassVar = ()
    item_kind: ClassVar = "note"
    item_words: ClassVar = ("note", "notes")
    made_words: ClassVar = ("slogan", "slogans")
    phase: ClassVar = "GENERATING"
    model: ClassVar = Note
    options: ClassVar = SlogansOptions
    load_sql: ClassVar = """slogans_loaded AS (
        SELECT claimed.item_id, jsonb_build_object('text', note.text) AS input
        FROM claimed JOIN toykind_note note ON note.id = claimed.target_id
    )"""
    store_sql: ClassVar = """slogans_written AS (
        UPDATE toykind_note SET slogan = done.result ->> 'slogan'
        FROM done WHERE toykind_note.id = done.target_id
        RETURNING done.item_id
    ), slogans_stored AS (
        SELECT item_id, 1 AS created, 0 AS kept FROM slogans_written
    )"""

    def targets(
        self, project: Project, ids: Sequence[UUID] | None, options: Options
    ) -> list[Target]:
        return notes_of(project, ids)

    def reasons(self, targets: Sequence[Target]) -> tuple[Reason, ...]:
        return ()

    def options_text(self, options: Mapping[str, Any]) -> str:
        return "loud" if options["loud"] else "soft"

    def prompt_key(self, options: Mapping[str, Any]) -> str:
        return f"slogans:{self.options_text(options)}"

    def read(self, loaded: Loaded) -> SloganInput:
        return SloganInput(
            text=loaded.input["text"],
            loud=loaded.options["loud"],
            model=loaded.model,
            max_tokens=loaded.max_tokens,
            marker=str(loaded.item_id),
        )

    def steps(self, inp: SloganInput) -> Steps[Draft[str]]:
        yield StageBegun(name="component-generation")
        completion = CompletionRequest(
            model=inp.model,
            max_tokens=inp.max_tokens,
            system=(TextBlock(text="Write a slogan."),),
            user=inp.text,
            schema=_SCHEMA,
            marker=inp.marker,
            purpose="generate",
        )
        answer = yield Request(key="generate", completion=completion, alike="slogans")
        yield StageBegun(name="storage")
        slogan = str(json.loads(answer.text)["slogan"])
        return Draft(content=slogan.upper() if inp.loud else slogan, summary="a slogan")

    def result(self, inp: SloganInput, content: str) -> dict[str, Any]:
        return {"slogan": content}


SLOGANS = SlogansKind()
