"""Import what the programs import, so that the image has it compiled: its files are read-only, and
each start would compile all of it anew."""

import os
import sys
from importlib import import_module
from pathlib import Path

import django
from django.core.management import get_commands

#: Beside Django's apps, their commands and addresses: the programs, and what they import late.
_MODULES = (
    *("batchgen.asgi", "batchgen.web.__main__", "batchgen.web.connection"),
    *("uvicorn.lifespan.on", "uvicorn.loops.uvloop", "uvicorn.protocols.http.httptools_impl"),
    *("celery.__main__", "celery.bin.celery", "celery.apps.worker", "celery.apps.beat"),
    *("celery.concurrency.thread", "celery.events.state", "celery.worker.consumer"),
    *("batchgen.redis.broker", "django_celery_results.backends.database"),
    *("workers.tasks", "workers.signals", "providers.anthropic.client"),
    *("flower.command", "flower.urls", "batchgen.flower"),
    *("epics.files.readers.__main__", "docx", "openpyxl", "pypdf", "storages.backends.s3"),
)


def main() -> None:
    """Import them."""
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "batchgen.settings")
    django.setup()
    commands = (f"{app}.management.commands.{name}" for name, app in get_commands().items())
    for name in (*_MODULES, *commands):
        import_module(name)


if __name__ == "__main__":
    main()
