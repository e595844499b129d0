"""The Celery application. Its settings stand in batchgen/settings.py as CELERY_…."""

import logging.config
import os

from celery import Celery
from celery.signals import setup_logging
from django.conf import settings

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "batchgen.settings")

app = Celery("batchgen")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()


@setup_logging.connect
def configure_logs(**_: object) -> None:
    """Celery's programs write their lines as the others do; it sets nothing up beside them."""
    logging.config.dictConfig(settings.LOGGING)
