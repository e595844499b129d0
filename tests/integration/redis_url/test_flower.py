"""Flower's page of the broker: its queues come over our own connection, whatever REDIS_URL says."""

import asyncio
from types import SimpleNamespace
from typing import Any

from django.conf import settings

from batchgen.celery import app
from batchgen.redis import client as redis
from batchgen.redis.task_message import queue_key


def test_flower_shows_the_queues_of_this_installation() -> None:
    from flower.views import BaseHandler

    redis.client().flushdb()
    app.loader.import_default_modules()
    for step in settings.CELERY_BROKER_TRANSPORT_OPTIONS["priority_steps"]:
        app.send_task("workers.none", priority=step)
    for step in [0, 3]:
        redis.client().lpush(queue_key(settings.ITEM_QUEUE, step), "{}")
    application = SimpleNamespace(
        transport="redis", broker_uri_with_password=app.connection().as_uri(include_password=True)
    )
    handler: Any = SimpleNamespace(application=application, capp=app)
    broker = BaseHandler.get_broker(handler)
    assert asyncio.run(broker.queues(["tasks", "none"])) == [
        {"name": "epics", "messages": 2},
        {"name": "none", "messages": 0},
        {"name": "tasks", "messages": 4},
    ]
    redis.client().flushdb()


def test_celery_shows_where_the_broker_is_and_knows_no_password() -> None:
    shown = app.connection().as_uri(include_password=True)
    assert shown == str(redis.address())
    password = redis.address().password
    assert password
    assert password not in f"{shown} {app.conf.humanize(with_defaults=True, censored=False)}"
