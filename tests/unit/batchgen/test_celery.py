"""Messages are JSON and nothing else: one that could run code when it is read is not read."""

import pickle

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
