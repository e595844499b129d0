"""The worst that each endpoint can be sent, as large as it is taken."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from batchgen.api.operations import MAX_JSON_BYTES, MAX_JSON_VALUES
from epics import bounds
from epics.files.story_lint import LINTED_CHARS, MAX_LINTED
from epics.models import Project

API = "/api/v1"
_IMPORT = f"{API}/projects/import"
_CARDS = 10_000
_EPICS = 1_000
_STORIES_OF_EPIC = 20
_ROLE = "As a Reader, I want to "
#: A want of 25 words, so that stories differ in one and share all others.
_WORDS = " ".join(f"word{letter}" for letter in "abcdefghijklmnopqrstuvwx")
REPEATED = ("\n", " ", "\t", "(", '"', "and ", ", ", "1", "-", "a\u0301", "be able ", "\U0001f600")


@dataclass(frozen=True, kw_only=True, slots=True)
class Attack:
    """One request; `body` is sent as JSON, whatever it is."""

    name: str
    method: str
    path: str
    body: bytes = b""


def largest_backlog(*, share: int = 1) -> dict[str, Any]:
    """A backlog of about 10 MB, with 20,000 stories that differ in a word; or a part of it."""
    cards = [
        {"code": f"C{n}", "title": f"Card {n}", "statement": f"{_ROLE}read map {n}."}
        for n in range(_CARDS // share)
    ]
    epics = [
        {
            "code": f"E{n}",
            "title": f"Epic {n}",
            "cards": [card["code"] for card in cards[n * 10 : n * 10 + 10]],
            "stories": [
                {
                    "code": f"E{n}-S{m}",
                    "title": f"Story {n} {m}",
                    "userStory": f"{_ROLE}read {_WORDS} w{n}x{m}.",
                    "acceptanceCriteria": ["The map is shown.", "The map is not shown."],
                }
                for m in range(_STORIES_OF_EPIC)
            ],
        }
        for n in range(_EPICS // share)
    ]
    return {"project": {"name": "Large"}, "cards": cards, "epics": epics}


def attacks(*, project: Project, backlog: dict[str, Any]) -> Iterator[Attack]:
    """All of them, on the project of the backlog."""
    yield from _reads(f"{API}/projects/{project.pk}")
    yield from _bodies(f"{API}/projects/{project.pk}")
    yield from _lints()
    yield _post("import: 10 MB", _IMPORT, backlog)
    card = {"code": "C1", "title": "x", "statement": ""}
    for repeated in REPEATED:
        text = (repeated * bounds.TEXT_CHARS)[: bounds.TEXT_CHARS]
        cards = [{**card, "code": f"C{n}", "statement": text} for n in range(100)]
        document = {"project": {"name": "x"}, "cards": cards, "epics": []}
        yield _post(f"import: 100 texts of {repeated!r}", _IMPORT, document)
    yield _post("import: wrong cards", _IMPORT, {**backlog, "cards": [1] * bounds.MAX_CARDS})
    wrong = {"title": 1, "x": 1, "y": 1}
    wrongs = {"project": {}, "cards": [wrong] * bounds.MAX_CARDS, "epics": []}
    yield _post("import: cards with wrong keys", _IMPORT, wrongs)
    for name, body in _raw_bodies():
        yield Attack(name=f"import: {name}", method="POST", path=_IMPORT, body=body)
        yield Attack(name=f"lint: {name}", method="POST", path=f"{API}/stories/lint", body=body)


def _reads(project: str) -> Iterator[Attack]:
    for name in ("json", "csv", "markdown", "jira"):
        yield get(f"export: {name}", f"{project}/export?format={name}")
    yield get("duplicates", f"{project}/duplicates?epics=any")
    for part in ("cards", "epics", "stories"):
        yield get(f"{part}: a page", f"{project}/{part}?limit=200")
        yield get(f"{part}: search", f"{project}/{part}?limit=200&q=" + "%25_" * 40)
    yield get("projects: a page", f"{API}/projects?limit=200")
    yield get("runs: a page", f"{API}/runs?limit=200")
    yield get("queue", f"{API}/queue/status")
    yield get("a cursor", f"{API}/projects?cursor=" + "W" * 4_000)


def _bodies(project: str) -> Iterator[Attack]:
    ids = ["0" * 8 + "-0000-0000-0000-" + f"{n:012}" for n in range(bounds.MAX_EPICS)]
    yield _post("run: 20,000 unknown epics", f"{project}/runs", {"epicIds": ids})
    yield _post("run: wrong ids", f"{project}/runs", {"epicIds": [1] * bounds.MAX_EPICS})
    codes = [f"C{n}" for n in range(bounds.MAX_CARDS // 2)]
    yield _post("epic: all cards", f"{project}/epics", {"title": "x", "cardCodes": codes})
    unknown = [f"none {n}" for n in range(bounds.MAX_CARDS)]
    yield _post("epic: unknown cards", f"{project}/epics", {"title": "x", "cardCodes": unknown})
    criteria = ["\n" * bounds.CRITERION_CHARS + "x"] * bounds.LIST_ENTRIES
    yield _post(
        "epic: criteria", f"{project}/epics", {"title": "x", "acceptanceCriteria": criteria}
    )
    keys = {f"k{n}": 1 for n in range(MAX_JSON_VALUES // 2)}
    yield _post("project: unknown keys", f"{API}/projects", {"name": "x", **keys})
    yield _post("project: a long key", f"{API}/projects", {"k" * (MAX_JSON_BYTES - 100): 1})


def _lints() -> Iterator[Attack]:
    path = f"{API}/stories/lint"
    chars = LINTED_CHARS // MAX_LINTED - len(_ROLE)
    for repeated in REPEATED:
        text = _ROLE + (repeated * chars)[:chars] + "x"
        yield _post(f"lint: 1,000 of {repeated!r}", path, _stories([text] * MAX_LINTED))
        long = _ROLE + (repeated * 19_000)[:19_000] + "x"
        yield _post(f"lint: 10 long of {repeated!r}", path, _stories([long] * 10))
    alike = [f"{_ROLE}read {_WORDS} other{n}." for n in range(MAX_LINTED)]
    yield _post("lint: 1,000 alike", path, _stories(alike))
    words = [" ".join(f"w{n}x{m}" for m in range(1_900)) for n in range(100)]
    yield _post("lint: 100 of 1,900 words", path, _stories(words))
    yield _post("lint: wrong stories", path, {"stories": [{"userStory": 1}] * MAX_LINTED})
    many = {"userStory": "x", "acceptanceCriteria": ["x"] * 40}
    yield _post("lint: 40,000 criteria", path, {"stories": [many] * MAX_LINTED})


def _raw_bodies() -> Iterator[tuple[str, bytes]]:
    yield "depth", b"[" * MAX_JSON_BYTES
    yield "objects in objects", b'{"a":' * (MAX_JSON_BYTES // 5)
    yield "empty objects", b"[" + b"{}," * (MAX_JSON_VALUES // 2 - 2) + b"{}]"
    yield "texts", b'{"stories":[' + b'"",' * (MAX_JSON_VALUES - 4) + b'""]}'
    yield "one text", b'["' + b"," * (MAX_JSON_BYTES - 4) + b'"]'
    yield "digits", b"[" + b"1" * (MAX_JSON_BYTES - 2) + b"]"
    yield "half pairs", b'["' + b"\\ud800" * (MAX_JSON_BYTES // 6 - 2) + b'"]'


def _stories(texts: list[str]) -> dict[str, Any]:
    return {"stories": [{"userStory": text} for text in texts], "wholeProduct": True}


def get(name: str, path: str) -> Attack:
    """A read."""
    return Attack(name=name, method="GET", path=path)


def sent(method: str, name: str, path: str, body: object) -> Attack:
    """A body, as JSON."""
    raw = json.dumps(body, ensure_ascii=False).encode()
    return Attack(name=name, method=method, path=path, body=raw)


def _post(name: str, path: str, body: object) -> Attack:
    return sent("POST", name, path, body)
