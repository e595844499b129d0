"""The Celery application. Its settings stand in batchgen/settings.py as CELERY_…."""

import os

from celery import Celery

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "batchgen.settings")

app = Celery("batchgen")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
