"""Imports: what is handed in is checked, and shown, before anything of it is stored.

Nothing is kept between the check and the import: the checked text travels in the page.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect

from batchgen.api.json_lines import json_lines
from batchgen.api.strict_json import JSONRefused, json_text, strict_loads
from batchgen.errors import PayloadTooLarge, ValidationFailed
from batchgen.http.throttle import one_at_a_time
from epics.files.backlog_document import Backlog, backlog_parse
from epics.files.backlog_import import backlog_import
from epics.files.document_consistency import code_warnings
from web.forms import REFUSALS, form_refused
from web.page import page, show, user_of

F = TypeVar("F")
#: Entries that the check shows.
SHOWN = 10
#: Characters of a refused file that stand in the form, to be mended there.
_MENDED_CHARS = 200_000


@dataclass(frozen=True, kw_only=True, slots=True)
class Import(Generic[F]):
    """One kind of import.

    Attributes:
        decode: the text of what was handed in.
        read: what a text holds, or a ValidationFailed that says what is wrong, by path or by row.
        checked: what the page shows of that.
        store: all of it, or nothing; answers with where it is to be seen.
    """

    template: str
    decode: Callable[[bytes], str]
    read: Callable[[str], F]
    checked: Callable[[F], dict[str, Any]]
    store: Callable[[F], HttpResponse]


def imported(request: HttpRequest, way: Import[F], context: Mapping[str, Any]) -> HttpResponse:
    """The form; what a text holds; what is wrong with it; or where it is, once it is stored."""
    if request.method != "POST":
        return show(request, way.template, {**context, "values": {}})
    text = ""
    try:
        text = way.decode(_raw(request))
        found = way.read(text)
        if request.POST.get("action") == "import":
            with one_at_a_time(user_of(request).pk, "import"):
                return way.store(found)
    except REFUSALS as error:
        values = {"document": text if len(text) <= _MENDED_CHARS else ""}
        return form_refused(request, error, way.template, {**context, "values": values})
    shown = {"values": {"document": text}, "checked": way.checked(found)}
    return show(request, way.template, {**context, **shown})


def json_of(text: str, check: Callable[[Any], F], *, refusal: str) -> F:
    """What a check makes of a JSON text.

    Raises:
        ValidationFailed: the text is no JSON, or the check says what is wrong; then each problem
            stands under its line and its path.
    """
    try:
        document = strict_loads(text.encode())
    except JSONRefused as error:
        raise ValidationFailed(f"{refusal}: {error}") from error
    try:
        return check(document)
    except ValidationFailed as error:
        lines = json_lines(text, error.details)
        told = sorted(error.details.items(), key=lambda each: lines[each[0]])
        details = {f"line {lines[path]}, {path}": texts for path, texts in told}
        raise ValidationFailed(error.message, **details) from error


def _raw(request: HttpRequest) -> bytes:
    """What was handed in: a file, or a text with lines that end in LF.

    Raises:
        PayloadTooLarge, ValidationFailed: it is too much, or nothing.
    """
    file = request.FILES.get("file")
    if file and (file.size or 0) > settings.MAX_BODY_BYTES:
        raise PayloadTooLarge(limitBytes=settings.MAX_BODY_BYTES)
    typed = request.POST.get("document", "").replace("\r\n", "\n")
    raw = bytes(file.read()) if file else typed.encode()
    if not raw.strip():
        message = "Choose a file, or paste its text."
        raise ValidationFailed(message, file=[message])
    return raw


# A backlog ------------------------------------------------------------------------------------

_REFUSAL = "This is no backlog"


@page("GET", "POST")
def project_import(request: HttpRequest) -> HttpResponse:
    """Choose a file, see what it has or what is wrong with it, then import it."""

    def store(found: _Backlog) -> HttpResponse:
        project = backlog_import(user=user_of(request), document=found.document)
        messages.success(request, f"{project.name} is imported.")
        return redirect("web:project", project_id=project.pk)

    way = Import(
        template="project_import.html",
        decode=_decode,
        read=lambda text: json_of(text, _backlog, refusal=_REFUSAL),
        checked=_backlog_shown,
        store=store,
    )
    return imported(request, way, {})


@dataclass(frozen=True, kw_only=True, slots=True)
class _Backlog:
    """A document, and what it says."""

    document: Any
    backlog: Backlog


def _decode(raw: bytes) -> str:
    try:
        return json_text(raw)
    except JSONRefused as error:
        raise ValidationFailed(f"{_REFUSAL}: {error}") from error


def _backlog(document: Any) -> _Backlog:
    return _Backlog(document=document, backlog=backlog_parse(document))


def _backlog_shown(found: _Backlog) -> dict[str, Any]:
    backlog = found.backlog
    stories = [story for epic in backlog.epics for story in epic.stories]
    return {
        "project": backlog.project,
        "counts": {
            "cards": len(backlog.cards),
            "epics": len(backlog.epics),
            "stories": len(stories),
            "subtasks": sum(len(story.subtasks) for story in stories),
        },
        "epics": backlog.epics[:SHOWN],
        "more": max(0, len(backlog.epics) - SHOWN),
        "warnings": code_warnings(found.document),
    }
