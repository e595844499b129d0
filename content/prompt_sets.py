"""Versions of prompts that staff edit: made, looked up, and handed to the steps of runs."""

from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from uuid import UUID

from django.contrib.auth.models import User
from django.db import IntegrityError, transaction

from batchgen.db.sql import Queries
from batchgen.errors import ValidationFailed, VersionConflict
from content.models import PromptSet
from content.prompts import PromptFolder
from epics.bounds import TEMPLATE_CHARS, seen_lines

_QUERIES = Queries(Path(__file__).parent / "prompt_sets.sql")
_OVERTAKEN = (
    "Somebody saved a newer version of these prompts meanwhile. Look at it, then make your change "
    "again."
)


def prompt_set_current(kind: str) -> PromptSet | None:
    """The last version; None where nobody ever edited the kind's prompts."""
    return PromptSet.objects.filter(kind=kind).order_by("-version").first()


def prompt_set_of_start(kind: str, prompts: PromptFolder | None) -> PromptSet | None:
    """What a run that starts now goes by; None: the files.

    Raises:
        ValidationFailed: the edited texts do not fit the files that there are by now.
    """
    current = prompt_set_current(kind) if prompts else None
    if prompts is None or current is None or not current.texts:
        return None
    misfits = prompt_misfits(prompts, current.texts)
    if misfits:
        raise ValidationFailed(
            f"The prompts of {current} do not fit this release of batchgen. Let a member of staff "
            "edit them in the admin, or go back to the files.",
            **{name: [said] for name, said in misfits.items()},
        )
    return current


@lru_cache(maxsize=256)
def prompt_texts(prompt_set_id: UUID | None) -> Mapping[str, str]:
    """{template's name: text} of a version, which is read once: it never changes.

    Raises:
        psycopg.OperationalError: PostgreSQL is away.
    """
    if prompt_set_id is None:
        return {}
    (row,) = _QUERIES.fetch("prompt_texts", {"id": prompt_set_id})
    texts: Mapping[str, str] = row["texts"]
    return texts


def prompt_misfits(prompts: PromptFolder, texts: Mapping[str, str]) -> dict[str, str]:
    """{template's name: what is wrong with the text that is to take its place}."""
    said = {name: _misfit(prompts, name, text) for name, text in texts.items()}
    return {name: wrong for name, wrong in said.items() if wrong}


def prompt_set_create(
    *, kind: str, prompts: PromptFolder, texts: Mapping[str, str], note: str, user: User, after: int
) -> PromptSet:
    """A new version of a kind's prompts, which runs go by that start from now on.

    Args:
        texts: {template's name: text}; one that is as in its file is not kept.
        after: the version that was edited; 0, the files.

    Raises:
        ValidationFailed: a text does not fit its template, or none is changed.
        VersionConflict: somebody saved a version meanwhile.
    """
    cleaned = {name: seen_lines(text) for name, text in texts.items()}
    misfits = prompt_misfits(prompts, cleaned)
    if misfits:
        raise ValidationFailed(
            "Some texts do not fit.", **{name: [said] for name, said in misfits.items()}
        )
    edited = {
        name: text
        for name, text in cleaned.items()
        if text != seen_lines(prompts.template(name).text)
    }
    current = prompt_set_current(kind)
    if (current.version if current else 0) != after:
        raise VersionConflict(_OVERTAKEN)
    if edited == (current.texts if current else {}):
        raise ValidationFailed("Nothing is changed, so there is no new version.")
    try:
        with transaction.atomic():
            return PromptSet.objects.create(
                kind=kind, version=after + 1, texts=edited, note=note, created_by=user
            )
    except IntegrityError as error:
        if "prompt_version_once" not in str(error):
            raise
        raise VersionConflict(_OVERTAKEN) from error


def _misfit(prompts: PromptFolder, name: str, text: str) -> str:
    if not text:
        return "It is empty."
    if len(text) > TEMPLATE_CHARS:
        return f"It has {len(text):,} characters; at most {TEMPLATE_CHARS:,} are allowed."
    return prompts.misfit(name, text)
