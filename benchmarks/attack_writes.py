"""The worst that changes, controls of a run and sign-ins can be sent."""

from collections.abc import Iterator
from typing import Any

from django.contrib.auth.models import User

from batchgen.api.operations import MAX_JSON_BYTES, MAX_JSON_VALUES
from benchmarks.attack_bodies import API, REPEATED, Attack, get, sent
from epics import bounds
from epics.models import Project
from runs.engine.start import RunOptions, run_start
from runs.engine.transitions import run_begin
from runs.models import Run
from runs.pacing import MOST_LANES

_USERNAME_CHARS = 150
_PASSWORD_CHARS = 1024
_TOKEN_CHARS = 4096
#: What each may be sent where it takes little or nothing: much of what it does not know.
_UNKNOWN = {
    "unknown keys": {f"k{n}": 1 for n in range(MAX_JSON_VALUES // 2)},
    "a long key": {"k" * (MAX_JSON_BYTES - 100): 1},
}
_LONG = "x" * (MAX_JSON_BYTES - 100)
_CONTROLS = ("pause", "resume", "cancel", "retry-failed", "stream-ticket")


def writes(*, project: Project, user: User) -> Iterator[Attack]:
    """All of them; a run over the project is started for those that control one."""
    for repeated in REPEATED:
        yield from _full_length(project, repeated)
        yield from _sign_ins(repeated)
    yield from _cards_of(project)
    yield from _members(project)
    run = run_start(project=project, user=user, options=RunOptions())
    run_begin(run_id=run.pk)
    run.refresh_from_db()
    yield from _runs(project, run)


def _full_length(project: Project, repeated: str) -> Iterator[Attack]:
    """Every field as long as it may be."""

    def text(chars: int = bounds.TEXT_CHARS) -> str:
        return f"x{repeated * chars}"[: chars - 1] + "x"

    criteria = [text(bounds.CRITERION_CHARS)] * bounds.LIST_ENTRIES
    in_a_line = repeated if repeated.isprintable() else "x "
    title, name = (
        f"x{in_a_line * chars}"[: chars - 1] + "x"
        for chars in (bounds.TITLE_CHARS, bounds.NAME_CHARS)
    )
    bodies: dict[str, dict[str, Any]] = {
        f"projects/{project.pk}": {
            "name": name,
            "description": text(),
            "context": text(bounds.CONTEXT_CHARS),
            "source": text(),
        },
        f"cards/{_first(project.cards)}": {
            "title": title,
            "persona": name,
            "statement": text(),
            "problem": text(),
            "systems": [name] * bounds.LIST_ENTRIES,
        },
        f"epics/{_first(project.epics)}": {
            "title": title,
            "theme": name,
            "description": text(),
            "businessValue": text(),
            "acceptanceCriteria": criteria,
        },
        f"stories/{_first(project.stories)}": {
            "title": title,
            "userStory": f"As a {text()[5:]}",
            "persona": name,
            "acceptanceCriteria": criteria,
            "technicalNotes": text(),
        },
    }
    for path, body in bodies.items():
        what = path.partition("/")[0]
        yield sent("PATCH", f"PATCH {what}: full of {repeated!r}", f"{API}/{path}", body)


def _sign_ins(repeated: str) -> Iterator[Attack]:
    name = (repeated * _USERNAME_CHARS)[:_USERNAME_CHARS]
    password = (repeated * _PASSWORD_CHARS)[:_PASSWORD_CHARS]
    body = {"username": f"x{name}"[:_USERNAME_CHARS], "password": password}
    yield sent("POST", f"sign-in: full of {repeated!r}", f"{API}/auth/token", body)
    token = {"refresh": f"x{repeated * _TOKEN_CHARS}"[:_TOKEN_CHARS]}
    for part in ("refresh", "revoke"):
        path = f"{API}/auth/token/{part}"
        yield sent("POST", f"{part}: full of {repeated!r}", path, token)


def _cards_of(project: Project) -> Iterator[Attack]:
    """Lists of codes: every one there is, turned around, and as many that are unknown."""
    path = f"{API}/epics/{_first(project.epics)}"
    known = list(project.cards.order_by("-code").values_list("code", flat=True))
    yield sent("PATCH", "PATCH epics: all cards", path, {"cardCodes": known})
    unknown = [f"none {n}" for n in range(bounds.MAX_CARDS)]
    yield sent("PATCH", "PATCH epics: unknown cards", path, {"cardCodes": unknown})
    epics = list(project.epics.values_list("code", flat=True)[: bounds.LIST_ENTRIES])
    yield sent("PATCH", "PATCH epics: dependencies", path, {"dependencies": epics})


def _members(project: Project) -> Iterator[Attack]:
    member = f"{API}/members/{_first(project.memberships)}"
    members = f"{API}/projects/{project.pk}/members"
    yield sent("POST", "members: a long role", members, {"username": "x", "role": _LONG})
    yield sent("POST", "members: a long name", members, {"username": _LONG, "role": "viewer"})
    yield sent("PATCH", "PATCH members: a long role", member, {"role": _LONG})
    for path in (members, member):
        yield from _unknown("POST" if path is members else "PATCH", path)


def _runs(project: Project, run: Run) -> Iterator[Attack]:
    path = f"{API}/runs/{run.pk}"
    for part in ("", "/progress", "/epics?limit=200", "/logs?limit=200", "/actions?limit=200"):
        yield get(f"GET run{part}", f"{path}{part}")
    yield sent("PATCH", "PATCH run: a long priority", path, {"priority": _LONG, "version": 1})
    yield sent("POST", "run: a long type", f"{API}/projects/{project.pk}/runs", {"type": _LONG})
    lanes = {"maxConcurrency": MOST_LANES, "version": run.version}
    yield sent("PATCH", "PATCH run: all lanes", path, lanes)
    yield from _unknown("PATCH", path)
    epic = f"{path}/epics/{_first(run.items)}/cancel"
    for control in (*(f"{path}/{name}" for name in _CONTROLS), epic):
        yield from _unknown("POST", control)
    for name in ("stream-ticket", "pause", "resume", "cancel"):
        yield sent("POST", f"POST runs {name}", f"{path}/{name}", {})
    yield sent("POST", "POST runs retry-failed", f"{path}/retry-failed", {"includePending": True})


def _unknown(method: str, path: str) -> Iterator[Attack]:
    what = " ".join(part for part in path.split("/")[3:] if "-" not in part or part in _CONTROLS)
    for name, body in _UNKNOWN.items():
        yield sent(method, f"{method} {what}: {name}", path, body)


def _first(rows: Any) -> Any:
    """The id of one of them."""
    return rows.order_by("pk").values_list("pk", flat=True)[0]
