"""Messages are JSON and nothing else: one that could run code when it is read is not read.

And what a program of Celery's imports at its start, while nobody waits longer than he must.
"""

import pickle
import subprocess
import sys

import pytest
from kombu.exceptions import ContentDisallowed
from kombu.serialization import loads

from batchgen.celery import app


def test_celery_writes_and_reads_json_alone() -> None:
    conf = app.conf
    assert {conf.task_serializer, conf.result_serializer, conf.event_serializer} == {"json"}
    assert conf.accept_content == ["json"]
    assert conf.result_accept_content in (None, ["json"])


def test_a_pickled_message_is_refused() -> None:
    body = pickle.dumps([[], {}, {}])
    with pytest.raises(ContentDisallowed):
        loads(body, "application/x-python-serialize", "binary", accept=app.conf.accept_content)


_START = """
import gc, sys
from batchgen.celery import app
from celery.signals import import_modules

collecting = []
import_modules.connect(lambda **_: collecting.append(gc.isenabled()), weak=False)
app.loader.init_worker()
print(collecting, "workers.tasks" in sys.modules, gc.get_freeze_count() > 100_000)
print([name for name in ("batchgen.urls", "runs.admin", "anthropic") if name in sys.modules])
"""


def test_a_start_imports_tasks_and_no_pages_and_collects_again_afterwards() -> None:
    done = subprocess.run(
        [sys.executable, "-c", _START], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.stderr == ""
    assert done.stdout.splitlines() == ["[True] True True", "[]"]
