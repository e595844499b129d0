"""No time that processes compare is a host's: the code does not ask for it, but where said here."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from batchgen.local.local_dir import ROOT

ROOMS = ("batchgen", "epics", "runs", "workers")
#: What tells the host's time, by its full name. (`time.monotonic` and its like measure only.)
CLOCKS = {
    *("time.time", "time.time_ns", "time.localtime", "time.gmtime", "time.ctime", "time.asctime"),
    *("time.strftime", "time.clock_gettime", "time.clock_gettime_ns"),
    *("datetime.datetime.now", "datetime.datetime.utcnow", "datetime.datetime.today"),
    "datetime.date.today",
    *("django.utils.timezone.now", "django.utils.timezone.localtime"),
    *("django.utils.timezone.localdate", "email.utils.formatdate", "email.utils.localtime"),
}
#: Arguments by which Django or Celery ask the host's clock for us.
ARGUMENTS = {"auto_now", "auto_now_add", "eta", "countdown", "expires"}
#: {(file, what): why it may}.
ALLOWED = {
    ("batchgen/db/clock.py", "time.time"): "measures how wrong it is",
    (
        "batchgen/db/clock.py",
        "datetime.datetime.now",
    ): "for people, until PostgreSQL has answered once",
    ("batchgen/settings.py", "expires"): "a clean-up of beat's that is dropped is one of many",
    ("batchgen/redis/task_message.py", "eta"): "none, in every message",
    ("batchgen/redis/task_message.py", "expires"): "none, in every message",
    ("workers/intake.py", "eta"): "none, in every event",
    ("workers/intake.py", "expires"): "none, in every event",
    ("workers/celery_face.py", "time.time"): "Celery shows it, and compares it with nothing",
    ("workers/intake.py", "time.time"): "the same",
    ("runs/live/tickets.py", "time.time"): "a ticket ends with the token that it was got with",
    (
        "runs/live/views.py",
        "time.time",
    ): "a token is judged by the host's clock when it is used, too",
}


def found_in(source: str) -> Iterator[str]:
    """The clocks and arguments that a module names, however it imports them."""
    tree = ast.parse(source)
    names: dict[str, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                bound = alias.asname or alias.name.partition(".")[0]
                names[bound] = alias.name if alias.asname else bound
        elif isinstance(node, ast.ImportFrom):
            for alias in node.names:
                names[alias.asname or alias.name] = f"{node.module}.{alias.name}"
    yield from (name for name in names.values() if name in CLOCKS)
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and (name := _full_name(node, names)) in CLOCKS:
            yield name
        elif isinstance(node, ast.keyword) and node.arg in ARGUMENTS:
            yield node.arg
        elif isinstance(node, ast.Dict):
            keys = [key.value for key in node.keys if isinstance(key, ast.Constant)]
            yield from (str(key) for key in keys if key in ARGUMENTS)


def _full_name(node: ast.expr, names: dict[str, str]) -> str:
    match node:
        case ast.Name(id=name):
            return names.get(name, "")
        case ast.Attribute(value=owner, attr=name):
            return f"{_full_name(owner, names)}.{name}"
    return ""


def test_no_module_asks_the_hosts_clock() -> None:
    files = [
        path
        for room in ROOMS
        for path in (ROOT / room).rglob("*.py")
        if "migrations" not in path.parts
    ]
    assert len(files) > 100
    found = {
        (str(path.relative_to(ROOT)), name) for path in files for name in found_in(path.read_text())
    }
    assert found == set(ALLOWED)


def test_no_page_asks_the_hosts_clock() -> None:
    pages = [page for room in ROOMS for page in Path(ROOT, room).rglob("*.html")]
    assert pages
    assert [str(page) for page in pages if "{% now " in page.read_text()] == []


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("import time\ntime.time()", "time.time"),
        ("import time as t\nt.time_ns()", "time.time_ns"),
        ("from time import time as clock", "time.time"),
        ("import datetime\ndatetime.datetime.now()", "datetime.datetime.now"),
        ("from datetime import datetime as dt\ndt.utcnow()", "datetime.datetime.utcnow"),
        ("from datetime import date\ndate.today()", "datetime.date.today"),
        ("from django.utils import timezone\ntimezone.now()", "django.utils.timezone.now"),
        ("import django.utils.timezone\ndjango.utils.timezone.now", "django.utils.timezone.now"),
        ("from django.utils.timezone import now", "django.utils.timezone.now"),
        ("DateTimeField(auto_now_add=True)", "auto_now_add"),
        ("task.apply_async(countdown=3)", "countdown"),
        ("OPTIONS = {'expires': 5}", "expires"),
    ],
)
def test_it_is_found_however_it_is_asked(source: str, expected: str) -> None:
    assert set(found_in(source)) == {expected}


def test_measuring_is_free() -> None:
    imports = "import time\nfrom datetime import UTC, datetime\n"
    assert set(found_in(f"{imports}time.monotonic()\ndatetime.fromtimestamp(0, UTC)")) == set()
